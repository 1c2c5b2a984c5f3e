//! When a request may be sent: the service counts the requests of each address in windows of a minute, reads and writes
//! separately, and reports in its responses how many are left. The client waits for the next window instead of being refused.
//!
//! Contract: section 5 of the app-connections API.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::kms::deadline::{Deadline, GiveUpReason};
use crate::kms::header::header;

/// The length of a window.
const MINUTE: Duration = Duration::from_secs(60);

/// Longer than any wait, and short enough to be added to any time.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Clocks of two machines do not tick together.
const MARGIN: Duration = Duration::from_millis(100);

/// Requests that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestClass {
    /// What only reads.
    Read,
    /// What changes something, and logins.
    Write,
}

/// The rate limiter of one client.
pub(super) struct RateLimiter {
    /// The limit that the user has set.
    per_minute: Option<u32>,
    reads: Queue,
    writes: Queue,
}

/// The requests of a class.
#[derive(Default)]
struct Queue {
    window: Mutex<Window>,
    /// Notified when more is known of the window: requests that wait may be sent earlier, or later.
    changed: Notify,
}

/// Permission to send a request. The request is in flight until this is dropped.
pub(super) struct Permit<'a> {
    queue: &'a Queue,
}

/// The rate limit that a response reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    limit: u32,
    left: u32,
    resets_in: Duration,
}

#[derive(Default)]
struct Window {
    /// When the requests of the last minute were sent; only kept for the limit that the user has set.
    sent: VecDeque<Instant>,
    in_flight: u32,
    service: Option<Known>,
}

/// The service's window, as far as its responses show it.
struct Known {
    limit: u32,
    left: u32,
    ends: Instant,
}

impl RateLimiter {
    pub(super) fn new(per_minute: Option<u32>) -> Self {
        Self { per_minute, reads: Queue::default(), writes: Queue::default() }
    }

    /// Waits until a request may be sent.
    pub(super) async fn permit(&self, class: RequestClass, deadline: &Deadline) -> Result<Permit<'_>, GiveUpReason> {
        let queue = match class {
            RequestClass::Read => &self.reads,
            RequestClass::Write => &self.writes,
        };
        loop {
            let changed = queue.changed.notified();
            let Some((wait, why)) = queue.lock().next(self.per_minute, Instant::now()) else {
                return Ok(Permit { queue });
            };
            tokio::select! {
                waited = deadline.wait(wait, why) => waited?,
                () = changed => {}
            }
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Records the limit that a response reports.
    pub(super) fn learn(&self, allowance: Allowance) {
        self.queue.lock().learn(allowance, Instant::now());
        self.queue.changed.notify_waiters();
    }

    /// Records a refusal: no request is sent before that time.
    pub(super) fn refused(&self, retry_after: Duration) {
        self.queue.lock().refused(retry_after, Instant::now());
        self.queue.changed.notify_waiters();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut window = self.queue.lock();
        window.in_flight = window.in_flight.saturating_sub(1);
    }
}

impl Allowance {
    /// Parses the headers of a response; none where the service has no limits.
    pub(super) fn parse(headers: &HeaderMap) -> Option<Self> {
        let number = |name| header(headers, name)?.trim().parse::<u32>().ok();
        let resets_in = Duration::from_secs(number("x-ratelimit-reset")?.into());
        let (limit, left) = (number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?);
        // Other services put a date there. A window that long is none of ours.
        (resets_in <= 10 * MINUTE).then_some(Self { limit, left, resets_in })
    }
}

impl Window {
    /// Returns how long to wait and why; or none, and the request is counted as sent.
    fn next(&mut self, per_minute: Option<u32>, now: Instant) -> Option<(Duration, &'static str)> {
        while self.sent.front().is_some_and(|sent| now.duration_since(*sent) >= MINUTE) {
            self.sent.pop_front();
        }
        if let Some(first) = self.sent.front()
            && per_minute.is_some_and(|most| self.sent.len() >= most as usize)
        {
            return Some((MINUTE.saturating_sub(now.duration_since(*first)), "`max_requests_per_minute` is reached"));
        }
        if let Some(known) = &mut self.service {
            if now >= known.ends {
                (known.left, known.ends) = (known.limit.max(1), now + MINUTE);
            }
            if known.left == 0 {
                let wait = known.ends.duration_since(now) + MARGIN;
                return Some((wait, "the KMS allows no more requests in this minute"));
            }
            known.left -= 1;
        }
        if per_minute.is_some() {
            self.sent.push_back(now);
        }
        self.in_flight += 1;
        None
    }

    fn learn(&mut self, allowance: Allowance, now: Instant) {
        let Allowance { limit, left, resets_in } = allowance;
        let ends = now + resets_in;
        // Requests in flight are counted here and not there, except for the request of this response.
        let left = left.saturating_sub(self.in_flight.saturating_sub(1));
        // Responses may arrive out of order: within a window the number only falls.
        let is_same = self.service.as_ref().is_some_and(|known| now < known.ends && ends < known.ends + MINUTE / 2);
        let before = self.service.as_ref().filter(|_| is_same).map_or(u32::MAX, |known| known.left);
        self.service = Some(Known { limit, left: left.min(before), ends });
    }

    fn refused(&mut self, retry_after: Duration, now: Instant) {
        let limit = self.service.as_ref().map_or(u32::MAX, |known| known.limit);
        let ends = now + retry_after.min(DAY);
        self.service = Some(Known { limit, left: 0, ends });
    }
}

#[cfg(test)]
mod tests;

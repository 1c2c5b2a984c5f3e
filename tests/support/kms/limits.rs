//! Rate limits: a number of requests per minute for each class of routes. Does not depend on the routes themselves.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::refusal::Refusal;
use super::routes::Class;

/// Headers of a limited route's response.
pub(super) type Headers = Vec<(&'static str, String)>;

pub(super) struct Limits {
    window: Duration,
    reads: Option<u32>,
    writes: Option<u32>,
    /// When the window of a class began, and the number of requests in it.
    windows: HashMap<Class, (Instant, u32)>,
}

impl Limits {
    /// Creates the limits. `None` means no limit and no headers.
    pub(super) fn new(reads: Option<u32>, writes: Option<u32>, window: Duration) -> Self {
        Self { window, reads, writes, windows: HashMap::new() }
    }

    /// Counts a request. Returns the headers of its response, and an error above the limit.
    pub(super) fn count(&mut self, class: Class) -> (Headers, Result<(), Refusal>) {
        let limit = match class {
            Class::Read => self.reads,
            Class::Write => self.writes,
        };
        let Some(limit) = limit else { return (Vec::new(), Ok(())) };
        let now = Instant::now();
        let (start, seen) = self.windows.entry(class).or_insert((now, 0));
        if now - *start >= self.window {
            (*start, *seen) = (now, 0);
        }
        *seen += 1;
        let left = (self.window - (now - *start)).as_millis().div_ceil(1000);
        let mut headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", limit.saturating_sub(*seen).to_string()),
            ("x-ratelimit-reset", left.to_string()),
        ];
        if *seen <= limit {
            return (headers, Ok(()));
        }
        headers.push(("retry-after", left.to_string()));
        let message = format!("Rate limit exceeded. Please try again in {left} seconds");
        (headers, Err(Refusal::new(429, "RateLimitExceeded", message)))
    }
}

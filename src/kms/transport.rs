//! Sends a request to the service: waits for the rate limit, and repeats what may be repeated. Does not depend on
//! authentication and connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::Instant;

use super::{Deadline, Error, ErrorKind, GiveUpReason, Settings, retry};
use crate::kms::http::{Http, Request};
use crate::kms::rate_limit::RateLimiter;
use crate::kms::response::ApiResponse;
use crate::secret::Secret;

/// The maximum wait between two attempts, before jitter is added.
const MAX_BACKOFF: Duration = Duration::from_secs(8);

/// How long requests are not repeated after all repetitions of one failed: otherwise each of hundreds of connections would
/// wait as long as the first.
const OUTAGE: Duration = Duration::from_secs(30);

/// The transport of one caller.
#[derive(Clone)]
pub(super) struct Transport {
    shared: Arc<SharedState>,
    deadline: Deadline,
    /// Whether a write of this caller is in flight, or ended and may have been run.
    has_written: Arc<AtomicBool>,
}

/// The state that all callers share.
struct SharedState {
    http: Http,
    rate_limiter: RateLimiter,
    pauses: ExponentialBuilder,
    /// Whether the service has responded before.
    has_responded: AtomicBool,
    /// When the last repetition failed, if no response came since.
    outage_since: Mutex<Option<Instant>>,
}

impl Transport {
    pub(super) fn new(settings: Settings) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(settings.first_pause)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(settings.max_retries as usize)
            .with_jitter();
        let shared = SharedState {
            rate_limiter: RateLimiter::new(settings.max_requests_per_minute),
            http: Http::new(settings),
            pauses,
            has_responded: AtomicBool::new(false),
            outage_since: Mutex::default(),
        };
        Self { shared: Arc::new(shared), deadline: Deadline::default(), has_written: Arc::default() }
    }

    pub(super) fn within(&self, deadline: Deadline) -> Self {
        Self { shared: Arc::clone(&self.shared), deadline, has_written: Arc::default() }
    }

    pub(super) fn host(&self) -> &str {
        self.shared.http.host()
    }

    pub(super) fn may_have_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }

    /// Returns the last response, or why there is none.
    pub(super) async fn send(&self, request: &Request, token: Option<&Secret>) -> Result<ApiResponse, Error> {
        let shared = &*self.shared;
        let mut pauses = shared.pauses.build();
        let mut attempt = 0;
        let mut last = None;
        loop {
            attempt += 1;
            let permit = match shared.rate_limiter.permit(request.class(), &self.deadline).await {
                Ok(permit) => permit,
                Err(reason) => return Err(gave_up(last, reason)),
            };
            self.has_written.fetch_or(!request.is_repeatable(), Ordering::Relaxed);
            let outcome = shared.http.exchange(request, token, attempt).await;
            if let Some(allowance) = outcome.as_ref().ok().and_then(ApiResponse::allowance) {
                permit.learn(allowance);
            }
            let Some(retry_reason) =
                retry::retry_reason(request, &outcome, shared.has_responded.load(Ordering::Relaxed))
            else {
                if let Ok(response) = &outcome
                    && response.status() < 500
                {
                    if response.is_of_the_service() {
                        shared.mark_reachable();
                    }
                    let has_run = (200..300).contains(&response.status());
                    self.has_written.fetch_and(has_run, Ordering::Relaxed);
                }
                return outcome;
            };
            // A write is repeated only when it was not run.
            self.has_written.fetch_and(request.is_repeatable(), Ordering::Relaxed);
            if let Some(wait) = retry_reason.not_before.filter(|_| !retry_reason.is_outage) {
                permit.refused(wait);
            }
            drop(permit);
            let may_wait = attempt <= retry_reason.at_most && !(retry_reason.is_outage && shared.in_outage());
            let Some(pause) = pauses.next().filter(|_| may_wait) else {
                if retry_reason.is_outage {
                    shared.begin_outage();
                }
                return outcome;
            };
            // After a 429 all callers wait for the time that the service has named.
            let pause = pause.max(retry_reason.not_before.filter(|_| retry_reason.is_outage).unwrap_or_default());
            if let Err(reason) = self.deadline.wait(pause, retry_reason.why).await {
                return Err(gave_up(Some(outcome), reason));
            }
            last = Some(outcome);
        }
    }
}

/// Returns the error of a caller whose deadline is before the next attempt.
fn gave_up(last: Option<Result<ApiResponse, Error>>, reason: GiveUpReason) -> Error {
    let kind = match last {
        None => ErrorKind::NotSent(reason),
        Some(outcome) => {
            let last = Box::new(outcome.map_or_else(|error| error, |response| response.error()));
            ErrorKind::GaveUp { last, reason }
        }
    };
    kind.into()
}

impl SharedState {
    fn mark_reachable(&self) {
        self.has_responded.store(true, Ordering::Relaxed);
        *self.outage_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn begin_outage(&self) {
        *self.outage_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn in_outage(&self) -> bool {
        self.outage_since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|when| when.elapsed() < OUTAGE)
    }
}

//! Gets a request to the service and an answer back: waits for its turn, and repeats what may be repeated. Knows nothing of
//! logins and connections.

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

/// The longest wait between two tries, before chance is added.
const MAX_BACKOFF: Duration = Duration::from_secs(8);

/// How long a service that stayed away through all repetitions is not waited for again: with hundreds of connections each
/// would wait as long as the first.
const OUTAGE: Duration = Duration::from_secs(30);

/// The way to the service for one caller.
#[derive(Clone)]
pub(super) struct Transport {
    line: Arc<SharedState>,
    patience: Deadline,
    /// Whether a write of this caller is on its way, or ended without a proof that it was not run.
    has_written: Arc<AtomicBool>,
}

/// What all callers share.
struct SharedState {
    http: Http,
    pace: RateLimiter,
    pauses: ExponentialBuilder,
    /// Whether the service has answered before.
    is_known: AtomicBool,
    /// When repeating was given up last, and nothing was heard since.
    gave_up: Mutex<Option<Instant>>,
}

impl Transport {
    pub(super) fn new(settings: Settings) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(settings.first_pause)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(settings.max_retries as usize)
            .with_jitter();
        let line = SharedState {
            pace: RateLimiter::new(settings.max_requests_per_minute),
            http: Http::new(settings),
            pauses,
            is_known: AtomicBool::new(false),
            gave_up: Mutex::default(),
        };
        Self { line: Arc::new(line), patience: Deadline::default(), has_written: Arc::default() }
    }

    pub(super) fn within(&self, patience: Deadline) -> Self {
        Self { line: Arc::clone(&self.line), patience, has_written: Arc::default() }
    }

    pub(super) fn host(&self) -> &str {
        self.line.http.host()
    }

    pub(super) fn may_have_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }

    /// The last answer, or why there is none.
    pub(super) async fn send(&self, request: &Request, token: Option<&Secret>) -> Result<ApiResponse, Error> {
        let line = &*self.line;
        let mut pauses = line.pauses.build();
        let mut attempt = 0;
        let mut last = None;
        loop {
            attempt += 1;
            let turn = match line.pace.turn(request.class(), &self.patience).await {
                Ok(turn) => turn,
                Err(reason) => return Err(gave_up(last, reason)),
            };
            self.has_written.fetch_or(!request.is_repeatable(), Ordering::Relaxed);
            let outcome = line.http.exchange(request, token, attempt).await;
            if let Some(allowance) = outcome.as_ref().ok().and_then(ApiResponse::allowance) {
                turn.learn(allowance);
            }
            let Some(retry_reason) = retry::retry_reason(request, &outcome, line.is_known.load(Ordering::Relaxed))
            else {
                if let Ok(answer) = &outcome
                    && answer.status() < 500
                {
                    if answer.is_of_the_service() {
                        line.is_there();
                    }
                    let has_run = (200..300).contains(&answer.status());
                    self.has_written.fetch_and(has_run, Ordering::Relaxed);
                }
                return outcome;
            };
            // A write is repeated only when it was not run.
            self.has_written.fetch_and(request.is_repeatable(), Ordering::Relaxed);
            if let Some(wait) = retry_reason.not_before.filter(|_| !retry_reason.is_outage) {
                turn.refused(wait);
            }
            drop(turn);
            let may_wait = attempt <= retry_reason.at_most && !(retry_reason.is_outage && line.is_down());
            let Some(pause) = pauses.next().filter(|_| may_wait) else {
                if retry_reason.is_outage {
                    line.give_up();
                }
                return outcome;
            };
            // After a 429 everybody waits for the turn that the service has named.
            let pause = pause.max(retry_reason.not_before.filter(|_| retry_reason.is_outage).unwrap_or_default());
            if let Err(reason) = self.patience.wait(pause, retry_reason.why).await {
                return Err(gave_up(Some(outcome), reason));
            }
            last = Some(outcome);
        }
    }
}

/// The error of a caller that does not wait for another try.
fn gave_up(last: Option<Result<ApiResponse, Error>>, reason: GiveUpReason) -> Error {
    let kind = match last {
        None => ErrorKind::NotSent(reason),
        Some(outcome) => {
            let last = Box::new(outcome.map_or_else(|error| error, |answer| answer.error()));
            ErrorKind::GaveUp { last, reason }
        }
    };
    kind.into()
}

impl SharedState {
    fn is_there(&self) {
        self.is_known.store(true, Ordering::Relaxed);
        *self.gave_up.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn give_up(&self) {
        *self.gave_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_down(&self) -> bool {
        self.gave_up.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|when| when.elapsed() < OUTAGE)
    }
}

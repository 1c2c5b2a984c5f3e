//! How long a caller waits: for the rate limit, and between repetitions. Does not depend on requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Longer waits are logged.
const LOG_WAIT_AFTER: Duration = Duration::from_secs(10);

/// How long a caller waits between requests. Does not end a request in flight: its caller can drop that.
///
/// The default is no limit.
#[derive(Clone, Default)]
pub struct Deadline {
    end: Option<Instant>,
    stop: CancellationToken,
    /// Whether a long wait has been logged.
    logged: Arc<AtomicBool>,
}

/// Why a caller does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GiveUpReason {
    /// The run was interrupted.
    #[error("the run was interrupted")]
    Stopped,
    /// The wait would be longer than what is left.
    #[error("a wait of {} would exceed the limit of the operation", in_words(*.0))]
    TooLong(Duration),
}

/// Returns a length of time for a message.
fn in_words(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..=120 => format!("{} seconds", seconds.max(1)),
        seconds @ 121..86_400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => "longer than 24 hours".to_owned(),
    }
}

impl Deadline {
    /// Returns a deadline that is reached at `end`, or when `stop` is cancelled.
    pub fn new(end: Instant, stop: CancellationToken) -> Self {
        Self { end: Some(end), stop, logged: Arc::default() }
    }

    /// Waits that long; not at all if the wait would exceed the deadline, and only until the run is interrupted.
    pub(super) async fn wait(&self, length: Duration, why: &str) -> Result<(), GiveUpReason> {
        if self.stop.is_cancelled() {
            return Err(GiveUpReason::Stopped);
        }
        let until = Instant::now().checked_add(length).ok_or(GiveUpReason::TooLong(length))?;
        if self.end.is_some_and(|end| until > end) {
            return Err(GiveUpReason::TooLong(length));
        }
        if length > LOG_WAIT_AFTER && !self.logged.swap(true, Ordering::Relaxed) {
            tracing::info!(seconds = length.as_secs(), why, "waiting for the KMS");
        }
        tokio::select! {
            () = self.stop.cancelled() => Err(GiveUpReason::Stopped),
            () = sleep_until(until) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_waits_in_seconds_or_minutes() {
        for (seconds, expected) in [
            (0, "1 seconds"),
            (57, "57 seconds"),
            (121, "3 minutes"),
            (3600, "60 minutes"),
            (86_400, "longer than 24 hours"),
            (u64::MAX, "longer than 24 hours"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_a_wait_beyond_the_deadline() {
        let stop = CancellationToken::new();
        let begin = Instant::now();
        let deadline = Deadline::new(begin + Duration::from_secs(30), stop.clone());
        assert_eq!(deadline.wait(Duration::from_secs(20), "a test").await, Ok(()));
        assert_eq!(begin.elapsed().as_secs(), 20);
        let rest = Duration::from_secs(11);
        assert_eq!(deadline.wait(rest, "a test").await, Err(GiveUpReason::TooLong(rest)));
        assert_eq!(begin.elapsed().as_secs(), 20, "fails at once");
        assert_eq!(Deadline::default().wait(Duration::MAX, "a test").await, Err(GiveUpReason::TooLong(Duration::MAX)));

        let waiting = tokio::spawn(async move { deadline.wait(Duration::from_secs(9), "a test").await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
        assert_eq!(waiting.await.unwrap(), Err(GiveUpReason::Stopped));
        assert_eq!(begin.elapsed().as_secs(), 21);
    }
}

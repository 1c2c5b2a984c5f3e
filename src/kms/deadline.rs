//! How long a caller waits: for its turn, and between repetitions. Knows nothing of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Waits that are long enough for a person to wonder.
const LOG_WAIT_AFTER: Duration = Duration::from_secs(10);

/// How long a caller waits between requests. It does not end a request that is on its way: whoever started that can drop it.
///
/// The default waits for ever.
#[derive(Clone, Default)]
pub struct Deadline {
    end: Option<Instant>,
    stop: CancellationToken,
    /// Whether a long wait has been said already.
    told: Arc<AtomicBool>,
}

/// Why a wait was not waited for.
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

/// How long, as a person says it.
fn in_words(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..=120 => format!("{} seconds", seconds.max(1)),
        seconds @ 121..86_400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => "longer than 24 hours".to_owned(),
    }
}

impl Deadline {
    /// Until `end`, and until `stop` is cancelled.
    pub fn new(end: Instant, stop: CancellationToken) -> Self {
        Self { end: Some(end), stop, told: Arc::default() }
    }

    /// Waits that long; not at all when it would be too long, and no longer than until the run is interrupted.
    pub(super) async fn wait(&self, length: Duration, why: &str) -> Result<(), GiveUpReason> {
        if self.stop.is_cancelled() {
            return Err(GiveUpReason::Stopped);
        }
        let until = Instant::now().checked_add(length).ok_or(GiveUpReason::TooLong(length))?;
        if self.end.is_some_and(|end| until > end) {
            return Err(GiveUpReason::TooLong(length));
        }
        if length > LOG_WAIT_AFTER && !self.told.swap(true, Ordering::Relaxed) {
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
    fn a_wait_is_said_as_people_say_it() {
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
    async fn a_wait_ends_with_the_patience() {
        let stop = CancellationToken::new();
        let begin = Instant::now();
        let patience = Deadline::new(begin + Duration::from_secs(30), stop.clone());
        assert_eq!(patience.wait(Duration::from_secs(20), "a test").await, Ok(()));
        assert_eq!(begin.elapsed().as_secs(), 20);
        let rest = Duration::from_secs(11);
        assert_eq!(patience.wait(rest, "a test").await, Err(GiveUpReason::TooLong(rest)));
        assert_eq!(begin.elapsed().as_secs(), 20, "it knows at once");
        assert_eq!(Deadline::default().wait(Duration::MAX, "a test").await, Err(GiveUpReason::TooLong(Duration::MAX)));

        let waiting = tokio::spawn(async move { patience.wait(Duration::from_secs(9), "a test").await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
        assert_eq!(waiting.await.unwrap(), Err(GiveUpReason::Stopped));
        assert_eq!(begin.elapsed().as_secs(), 21);
    }
}

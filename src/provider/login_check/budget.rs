//! The time that a run has waited for servers that do not respond. Does not depend on a clock.

use std::time::Duration;

use tokio::time::Instant;

/// The maximum of that time.
pub(super) const MAX: Duration = Duration::from_secs(60);

/// The waits of a run. Waits at the same time count once: that is the time that a user waits.
#[derive(Default)]
pub(super) struct Budget {
    /// The begin of each login that waits for a first response.
    waiting: Vec<Instant>,
    /// The begin and end of waits without a response.
    without_response: Vec<(Instant, Instant)>,
}

impl Budget {
    /// Returns the rest of the budget for a login that begins now. It shrinks while other logins wait.
    pub(super) fn left(&self, now: Instant) -> Duration {
        MAX.saturating_sub(self.spent(now))
    }

    /// Records the begin of a wait.
    pub(super) fn begin(&mut self, now: Instant) {
        self.waiting.push(now);
    }

    /// Records the end of the wait that began then.
    pub(super) fn end(&mut self, began: Instant, now: Instant, responded: bool) {
        if let Some(place) = self.waiting.iter().position(|waiting| *waiting == began) {
            self.waiting.swap_remove(place);
        }
        if !responded {
            self.without_response.push((began, now));
        }
    }

    fn spent(&self, now: Instant) -> Duration {
        let mut waits = self.without_response.clone();
        waits.extend(self.waiting.iter().map(|began| (*began, now)));
        waits.sort_unstable();
        let (mut spent, mut until) = (Duration::ZERO, None);
        for (began, ended) in waits {
            let counted = until.map_or(began, |until| began.max(until));
            spent += ended.saturating_duration_since(counted);
            until = until.max(Some(ended));
        }
        spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_concurrent_waits_once() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for (name, without_response, waiting, expected) in [
            ("nothing", &[][..], &[][..], 0),
            ("one after another", &[(0, 10), (20, 25)], &[], 15),
            ("side by side", &[(0, 10), (0, 10), (1, 9)], &[], 10),
            ("overlapping", &[(5, 15), (0, 10)], &[], 15),
            ("one within another that ended later", &[(5, 6), (0, 10)], &[], 10),
            ("in progress", &[(0, 10)], &[5, 20], 100),
            ("a gap before a wait in progress", &[(0, 10)], &[40], 70),
        ] {
            let mut budget = Budget::default();
            for (began, ended) in without_response {
                budget.begin(at(*began));
                budget.end(at(*began), at(*ended), false);
            }
            for began in waiting {
                budget.begin(at(*began));
            }
            assert_eq!(budget.spent(at(100)).as_secs(), expected, "{name}");
            assert_eq!(budget.left(at(100)).as_secs(), 60_u64.saturating_sub(expected), "{name}");
        }
    }

    #[test]
    fn counts_no_wait_with_a_response() {
        let start = Instant::now();
        let mut budget = Budget::default();
        budget.begin(start);
        let later = start + Duration::from_secs(30);
        assert_eq!(budget.left(later).as_secs(), 30);
        budget.end(start, later, true);
        assert_eq!(budget.left(later), MAX);
    }
}

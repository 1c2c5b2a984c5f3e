//! How long a run has waited for servers that never answer. Pure: no clock.

use std::time::Duration;

use tokio::time::Instant;

/// How long that may be.
pub(super) const MAX: Duration = Duration::from_secs(60);

/// The waits of a run. What goes on at the same time counts once: that is what a person waits.
#[derive(Default)]
pub(super) struct Budget {
    /// When each login began that waits for a first answer.
    waiting: Vec<Instant>,
    /// From when to when others waited in vain.
    in_vain: Vec<(Instant, Instant)>,
}

impl Budget {
    /// What is left of it, for a login that begins now. It goes on while others wait.
    pub(super) fn left(&self, now: Instant) -> Duration {
        MAX.saturating_sub(self.spent(now))
    }

    /// A login begins to wait.
    pub(super) fn begin(&mut self, now: Instant) {
        self.waiting.push(now);
    }

    /// One that began then waits no more; without an answer it waited in vain.
    pub(super) fn end(&mut self, began: Instant, now: Instant, answered: bool) {
        if let Some(place) = self.waiting.iter().position(|waiting| *waiting == began) {
            self.waiting.swap_remove(place);
        }
        if !answered {
            self.in_vain.push((began, now));
        }
    }

    fn spent(&self, now: Instant) -> Duration {
        let mut waits = self.in_vain.clone();
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
    fn what_goes_on_at_once_counts_once() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for (name, in_vain, waiting, expected) in [
            ("nothing", &[][..], &[][..], 0),
            ("one after another", &[(0, 10), (20, 25)], &[], 15),
            ("side by side", &[(0, 10), (0, 10), (1, 9)], &[], 10),
            ("overlapping", &[(5, 15), (0, 10)], &[], 15),
            ("one within another that ended later", &[(5, 6), (0, 10)], &[], 10),
            ("under way", &[(0, 10)], &[5, 20], 100),
            ("a gap before what is under way", &[(0, 10)], &[40], 70),
        ] {
            let mut budget = Budget::default();
            for (began, ended) in in_vain {
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
    fn who_is_answered_has_not_waited_in_vain() {
        let start = Instant::now();
        let mut budget = Budget::default();
        budget.begin(start);
        let later = start + Duration::from_secs(30);
        assert_eq!(budget.left(later).as_secs(), 30);
        budget.end(start, later, true);
        assert_eq!(budget.left(later), MAX);
    }
}

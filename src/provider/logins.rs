//! The verdicts of database logins, shared by all that ask for the same login in one walk.
//!
//! A refused password counts against the role in many directories, so each distinct login is made once: those that come
//! while it is under way wait for it, and those that come soon after take its verdict.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore};

use crate::postgres::{self, Target};

/// How long a verdict answers for new plans. The world changes during an apply.
const FRESH: Duration = Duration::from_secs(10);

/// Logins under way at a time.
const AT_ONCE: usize = 4;

/// What a database said to one login.
pub(crate) type Verdict = Result<postgres::Accepted, postgres::Refusal>;

/// The logins of one walk.
pub(crate) struct Logins {
    known: Mutex<HashMap<Endpoint, Vec<Login>>>,
    slots: Semaphore,
    /// How old a verdict may be that a plan takes.
    fresh: Duration,
}

/// The parts of a login that are no secret, as a key.
type Endpoint = (String, u16, String, String);

struct Login {
    target: Target,
    made: Arc<Made>,
}

#[derive(Default)]
struct Made {
    verdict: OnceCell<(Instant, Verdict)>,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A plan: takes a fresh verdict only.
    Plan,
    /// An apply: takes the verdict of the plan of its own walk, however old.
    Apply,
}

/// A verdict.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// Whether another call made the login.
    pub(crate) shared: bool,
}

impl Default for Logins {
    fn default() -> Self {
        Self { known: Mutex::default(), slots: Semaphore::new(AT_ONCE), fresh: FRESH }
    }
}

impl Logins {
    /// The verdict on a login, by making it unless it is known.
    ///
    /// Dropping the future ends a login that is under way and leaves no verdict; who waits for it makes it again.
    pub(crate) async fn judge(&self, target: &Target, timeout: Duration, asker: Asker) -> Judged {
        let made = self.find(target, asker);
        let mut shared = true;
        let (_, verdict) = made
            .verdict
            .get_or_init(|| {
                shared = false;
                async {
                    // The semaphore is never closed.
                    let _slot = self.slots.acquire().await;
                    let verdict = postgres::login(target, timeout).await;
                    (Instant::now(), verdict)
                }
            })
            .await;
        Judged { verdict: verdict.clone(), shared }
    }

    fn find(&self, target: &Target, asker: Asker) -> Arc<Made> {
        let key = (target.host.clone(), target.port, target.database.clone(), target.username.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let logins = known.entry(key).or_default();
        let old = |made: &Made| made.verdict.get().is_some_and(|(when, _)| when.elapsed() > self.fresh);
        let stale = |made: &Made| asker == Asker::Plan && old(made);
        logins.retain(|login| login.target != *target || !stale(&login.made));
        if let Some(login) = logins.iter().find(|login| login.target == *target) {
            return login.made.clone();
        }
        let made = Arc::new(Made::default());
        logins.push(Login { target: target.clone(), made: made.clone() });
        made
    }
}

#[cfg(test)]
mod tests;

//! The verdicts of database logins, shared by all that ask for the same login in one walk.
//!
//! A refused password counts against the role in many directories, so each distinct login is made once: those that come
//! while it is under way wait for it, and those that come soon after take its verdict. What one login learned about its
//! [`endpoint`] answers others there too.

pub(crate) mod allowed_hosts;
pub(crate) mod kms_location;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::postgres;
use crate::postgres::Target;

use self::budget::Budget;
use self::endpoint::{Admission, EndpointState, Ticket};
use self::kms_location::{NotAllowed, VantagePoint};

mod budget;
mod endpoint;
mod internal_network;

/// How long a verdict answers for new plans. The world changes during an apply.
const FRESH: Duration = Duration::from_secs(10);

/// How long a login waits for its turn, in multiples of the time that it may take.
const QUEUE: u32 = 3;

/// What is known of one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// The role came in.
    Accepted(postgres::Accepted),
    /// It did not, or nobody was there.
    Refused(postgres::Refusal),
    /// Nobody asked.
    NotChecked(NotChecked),
}

/// Why a login was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotChecked {
    /// It makes no sense from here, or is not allowed.
    NotAllowed(NotAllowed),
    /// The role has been refused as often as is safe.
    Attempts,
    /// The process has waited long enough for endpoints that never answer.
    Budget,
    /// Others were in front of it for too long.
    Queue,
}

/// The logins of one walk.
pub(crate) struct Logins {
    vantage_point: VantagePoint,
    known: Mutex<HashMap<LoginKey, Vec<LoginRecord>>>,
    endpoints: Mutex<HashMap<(String, u16), SharedEndpoint>>,
    budget: Mutex<Budget>,
    /// How old a verdict may be that a plan takes.
    fresh: Duration,
}

/// An endpoint whose changes wake those that wait.
type SharedEndpoint = Arc<watch::Sender<EndpointState>>;

/// The parts of a login that are no secret.
type LoginKey = (String, u16, String, String);

struct LoginRecord {
    target: Target,
    made: Arc<Made>,
    /// The connections whose plans took the outcome.
    planned: Vec<String>,
}

#[derive(Default)]
struct Made {
    decided: OnceCell<(Instant, Decided)>,
}

/// What a login came to, or what it took from another.
struct Decided {
    judgement: Arc<SharedOutcome>,
    shared: bool,
}

/// A verdict together with what became of it.
struct SharedOutcome {
    verdict: LoginOutcome,
    /// Where the name led, also those addresses that nobody dialled.
    addresses: Vec<IpAddr>,
    took: Duration,
    /// The connection whose message tells it in full.
    told: OnceLock<String>,
}

/// The step that needs a login, with the name of its connection. It decides which earlier outcomes answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester<'a> {
    /// A plan: an outcome of the last seconds.
    Plan(&'a str),
    /// An apply: that, or the outcome of its own plan in the same walk, however old.
    Apply(&'a str),
    /// A look at the role after a request that may have changed its password: no earlier outcome.
    AfterRequest,
}

/// A verdict for one who asked.
pub(crate) struct CheckedLogin {
    pub(crate) verdict: LoginOutcome,
    /// Whether another call made the login.
    pub(crate) shared: bool,
    /// How long the login took.
    pub(crate) took: Duration,
    judgement: Arc<SharedOutcome>,
}

impl CheckedLogin {
    /// The connection whose message tells the verdict in full; this one, if nobody has told it.
    pub(crate) fn first_reporter(&self, connection: &str) -> &str {
        self.judgement.told.get_or_init(|| connection.to_owned())
    }

    /// All addresses of the name that was dialled, tried or not.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.judgement.addresses
    }

    /// Whether somebody has told it.
    pub(crate) fn is_reported(&self) -> bool {
        self.judgement.told.get().is_some()
    }
}

impl SharedOutcome {
    fn new(verdict: LoginOutcome, addresses: Vec<IpAddr>, took: Duration) -> Arc<Self> {
        Arc::new(Self { verdict, addresses, took, told: OnceLock::new() })
    }

    fn is_crowding(&self) -> bool {
        matches!(&self.verdict, LoginOutcome::Refused(refusal) if refusal.is_crowding())
    }

    /// The verdict in the terms of a login that may not be the one that was made.
    fn verdict_for(&self, target: &Target) -> LoginOutcome {
        match &self.verdict {
            LoginOutcome::Refused(refusal) => LoginOutcome::Refused(refusal.as_for(target)),
            verdict => verdict.clone(),
        }
    }
}

impl Decided {
    fn not_checked(why: NotChecked) -> Self {
        Self { judgement: SharedOutcome::new(LoginOutcome::NotChecked(why), Vec::new(), Duration::ZERO), shared: false }
    }
}

impl Logins {
    pub(crate) fn new(vantage_point: VantagePoint) -> Self {
        Self {
            vantage_point,
            known: Mutex::default(),
            endpoints: Mutex::default(),
            budget: Mutex::default(),
            fresh: FRESH,
        }
    }

    /// The verdict on a login, by making it unless it is known.
    ///
    /// Dropping the future ends a login that is under way and leaves no verdict; who waits for it makes it again.
    pub(crate) async fn judge(&self, target: &Target, timeout: Duration, asker: Requester<'_>) -> CheckedLogin {
        let made = self.find(target, asker);
        let mut shared = true;
        let deciding = || {
            shared = false;
            async {
                let decided = self.decide(target, timeout, asker).await;
                (Instant::now(), decided)
            }
        };
        let (_, decided) = made.decided.get_or_init(deciding).await;
        let judgement = decided.judgement.clone();
        let shared = shared || decided.shared;
        CheckedLogin { verdict: judgement.verdict_for(target), shared, took: judgement.took, judgement }
    }

    fn find(&self, target: &Target, asker: Requester<'_>) -> Arc<Made> {
        let key = (target.host.clone(), target.port, target.database.clone(), target.username.clone());
        let mut known = lock(&self.known);
        let logins = known.entry(key).or_default();
        let old = |login: &LoginRecord| login.made.decided.get().is_some_and(|(when, _)| when.elapsed() > self.fresh);
        logins.retain(|login| !old(login) || !login.planned.is_empty());
        let answers = |login: &&mut LoginRecord| match asker {
            _ if login.target != *target => false,
            Requester::Plan(_) => !old(login),
            Requester::Apply(connection) => !old(login) || login.planned.iter().any(|name| name == connection),
            Requester::AfterRequest => false,
        };
        let found = logins.iter_mut().rev().find(answers);
        if let Some(login) = found {
            match asker {
                Requester::Plan(connection) => login.planned.push(connection.to_owned()),
                Requester::Apply(connection) => login.planned.retain(|name| name != connection),
                Requester::AfterRequest => {}
            }
            return login.made.clone();
        }
        let made = Arc::new(Made::default());
        let planned = if let Requester::Plan(connection) = asker { vec![connection.to_owned()] } else { Vec::new() };
        logins.push(LoginRecord { target: target.clone(), made: made.clone(), planned });
        made
    }

    /// Makes the login, or takes what another was told.
    async fn decide(&self, target: &Target, timeout: Duration, asker: Requester<'_>) -> Decided {
        if let Err(barred) = self.vantage_point.before_look_up(target) {
            return Decided::not_checked(NotChecked::NotAllowed(barred));
        }
        let endpoint = self.endpoint(target);
        let first = self.attempt(&endpoint, target, timeout, asker).await;
        if first.shared || !first.judgement.is_crowding() {
            return first;
        }
        sleep(pause()).await;
        let second = self.attempt(&endpoint, target, timeout, asker).await;
        // What was heard is better than nothing.
        if matches!(second.judgement.verdict, LoginOutcome::NotChecked(_)) { first } else { second }
    }

    async fn attempt(
        &self,
        endpoint: &watch::Sender<EndpointState>,
        target: &Target,
        timeout: Duration,
        asker: Requester<'_>,
    ) -> Decided {
        let place = match self.enter(endpoint, target, timeout, asker).await {
            Ok(place) => place,
            Err(answer) => return answer,
        };
        let began = Instant::now();
        let left = place.allowance().unwrap_or(timeout);
        let (mut verdict, addresses) = self.log_in(target, timeout.min(left)).await;
        let silent = matches!(&verdict, LoginOutcome::Refused(refusal) if refusal.is_silence());
        if left < timeout && silent && began.elapsed() >= left {
            verdict = LoginOutcome::NotChecked(NotChecked::Budget);
        }
        let judgement = SharedOutcome::new(verdict, addresses, began.elapsed());
        place.leave(&judgement);
        Decided { judgement, shared: false }
    }

    /// Waits for a turn at the endpoint, or for an answer that makes it needless.
    async fn enter<'a>(
        &'a self,
        endpoint: &'a watch::Sender<EndpointState>,
        target: &'a Target,
        timeout: Duration,
        asker: Requester<'_>,
    ) -> Result<Place<'a>, Decided> {
        let end = Instant::now() + timeout.saturating_mul(QUEUE);
        let mut changes = endpoint.subscribe();
        loop {
            let is_exhausted = lock(&self.budget).left(Instant::now()).is_zero();
            let mut next = Admission::Wait;
            let mut ticket = None;
            // A login that begins is no news to those that wait.
            endpoint.send_if_modified(|endpoint| {
                let now = Instant::now();
                next = endpoint.next(target, now, is_exhausted, asker);
                ticket = matches!(next, Admission::Go).then(|| endpoint.begin(target, now, asker));
                false
            });
            match (next, ticket) {
                (_, Some(ticket)) => return Ok(Place::new(endpoint, target, ticket, &self.budget)),
                (Admission::Take(judgement), _) => return Err(Decided { judgement, shared: true }),
                (Admission::GiveUp(why), _) => return Err(Decided::not_checked(why)),
                (Admission::Wait | Admission::Go, None) => {}
            }
            if timeout_at(end, changes.changed()).await.is_err() {
                return Err(Decided::not_checked(NotChecked::Queue));
            }
        }
    }

    /// The verdict, and where the name led.
    #[expect(clippy::disallowed_methods, reason = "what `judge` does in the end")]
    async fn log_in(&self, target: &Target, timeout: Duration) -> (LoginOutcome, Vec<IpAddr>) {
        let resolved = match postgres::resolve(target, timeout).await {
            Ok(resolved) => resolved,
            Err(refusal) => return (LoginOutcome::Refused(refusal), Vec::new()),
        };
        let found = resolved.addresses().iter().map(SocketAddr::ip).collect();
        let verdict = match self.vantage_point.before_dialling(target, resolved.addresses()) {
            Ok(addresses) => match resolved.only(addresses).login().await {
                Ok(accepted) => LoginOutcome::Accepted(accepted),
                Err(refusal) => LoginOutcome::Refused(refusal),
            },
            Err(barred) => LoginOutcome::NotChecked(NotChecked::NotAllowed(barred)),
        };
        (verdict, found)
    }

    fn endpoint(&self, target: &Target) -> SharedEndpoint {
        let dialled = target.dialled();
        let name = dialled.host.trim().trim_end_matches('.').to_ascii_lowercase();
        lock(&self.endpoints).entry((name, dialled.port)).or_insert_with(|| Arc::new(watch::Sender::default())).clone()
    }
}

/// A turn at an endpoint. Dropping it gives the turn back.
struct Place<'a> {
    endpoint: &'a watch::Sender<EndpointState>,
    target: &'a Target,
    ticket: Option<Ticket>,
    budget: &'a Mutex<Budget>,
    /// Since when it waits for the endpoint's first answer, and how long it may.
    first: Option<(Instant, Duration)>,
}

impl<'a> Place<'a> {
    fn new(
        endpoint: &'a watch::Sender<EndpointState>,
        target: &'a Target,
        ticket: Ticket,
        budget: &'a Mutex<Budget>,
    ) -> Self {
        let first = (!endpoint.borrow().has_answered()).then(|| {
            let (mut budget, now) = (lock(budget), Instant::now());
            let left = budget.left(now);
            budget.begin(now);
            (now, left)
        });
        Self { endpoint, target, ticket: Some(ticket), budget, first }
    }

    /// How long the run may still wait for an endpoint that has never answered; `None` for one that has.
    fn allowance(&self) -> Option<Duration> {
        self.first.map(|(_, left)| left)
    }

    fn leave(mut self, judgement: &Arc<SharedOutcome>) {
        self.give_back(Some(judgement));
    }

    fn give_back(&mut self, judgement: Option<&Arc<SharedOutcome>>) {
        let Some(ticket) = self.ticket.take() else { return };
        let now = Instant::now();
        let mut answered = false;
        self.endpoint.send_modify(|endpoint| {
            endpoint.end(ticket, self.target, now, judgement);
            answered = endpoint.has_answered();
        });
        if let Some((began, _)) = self.first {
            // Nobody has waited for what was given up.
            lock(self.budget).end(began, now, answered || judgement.is_none());
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

/// One to two seconds: processes that were turned away together do not come back together.
fn pause() -> Duration {
    Duration::from_millis(1000 + RandomState::new().hash_one(()) % 1000)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

//! The outcomes of database logins, shared by all calls that need the same login in one walk.
//!
//! A refused password counts against the role in many directories, so each distinct login is made once: calls that need a login
//! in progress wait for it, and calls that need it soon after reuse its outcome. The state of an [`endpoint`] after one login
//! decides about other logins there, too.

pub(crate) mod allowed_hosts;
pub(crate) mod kms_location;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::postgres;
use crate::postgres::{EndpointReport, Target};

use self::budget::Budget;
use self::endpoint::{Admission, EndpointState, Ticket};
use self::kms_location::{NotAllowed, VantagePoint};

mod budget;
mod endpoint;
mod internal_network;

/// The maximum age of an outcome that a plan reuses. Databases change during an apply.
const FRESH: Duration = Duration::from_secs(10);

/// The limit of the wait for a slot at an endpoint, in multiples of the timeout of the login.
const QUEUE: u32 = 3;

/// The outcome of one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// The server accepted the login.
    Accepted(postgres::Accepted),
    /// The server refused the login, or could not be reached.
    Refused(postgres::Refusal),
    /// No login was made.
    NotChecked(NotChecked),
}

/// Why a login was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotChecked {
    /// The policy does not allow it.
    NotAllowed(NotAllowed),
    /// The limit of refused logins for the role is reached.
    Attempts,
    /// The budget for endpoints that do not respond is exhausted.
    Budget,
    /// The wait for a slot at the endpoint timed out.
    Queue,
}

/// The logins of one walk.
pub(crate) struct Logins {
    vantage_point: VantagePoint,
    known: Mutex<HashMap<LoginKey, Vec<LoginRecord>>>,
    endpoints: Mutex<HashMap<(String, u16), SharedEndpoint>>,
    budget: Mutex<Budget>,
    /// The connections whose messages show an outcome in full.
    reporters: Mutex<Vec<(Arc<SharedOutcome>, String)>>,
    /// The maximum age of an outcome that a plan reuses.
    fresh: Duration,
}

/// The state of an endpoint. Each change wakes the logins that wait for a slot.
type SharedEndpoint = Arc<watch::Sender<EndpointState>>;

/// The parts of a login that are not secret.
type LoginKey = (String, u16, String, String);

struct LoginRecord {
    target: Target,
    login: Arc<LoginOnce>,
    /// The connections whose plans used the outcome.
    planned: Vec<String>,
}

/// A login that is made at most once.
#[derive(Default)]
struct LoginOnce {
    decided: OnceCell<(Instant, Decided)>,
}

/// The outcome of a login, its own or that of another login.
struct Decided {
    shared_outcome: Arc<SharedOutcome>,
    shared: bool,
}

/// An outcome with the facts that messages need.
struct SharedOutcome {
    outcome: LoginOutcome,
    /// All addresses of the host, tried or not.
    addresses: Vec<IpAddr>,
    took: Duration,
}

/// The step that needs a login, with the name of its connection. It decides which earlier outcomes can be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester<'a> {
    /// A plan: reuses an outcome of the last seconds.
    Plan(&'a str),
    /// An apply: reuses that, or the outcome of its own plan in the same walk at any age.
    Apply(&'a str),
    /// A login after a request that may have changed the password of the role: reuses no outcome.
    AfterRequest,
}

/// The outcome of a login for one call.
pub(crate) struct CheckedLogin {
    pub(crate) outcome: LoginOutcome,
    /// Whether another call made the login.
    pub(crate) shared: bool,
    /// How long the login took.
    pub(crate) took: Duration,
    shared_outcome: Arc<SharedOutcome>,
}

impl CheckedLogin {
    /// Returns all addresses of the host, tried or not.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.shared_outcome.addresses
    }
}

impl SharedOutcome {
    fn new(outcome: LoginOutcome, addresses: Vec<IpAddr>, took: Duration) -> Arc<Self> {
        Arc::new(Self { outcome, addresses, took })
    }

    fn is_at_capacity(&self) -> bool {
        matches!(&self.outcome, LoginOutcome::Refused(refusal) if refusal.is_at_capacity())
    }

    /// Returns the outcome with the database and role of a login that may not be the one that was made.
    fn outcome_for(&self, target: &Target) -> LoginOutcome {
        match &self.outcome {
            LoginOutcome::Refused(refusal) => LoginOutcome::Refused(refusal.as_for(target)),
            outcome => outcome.clone(),
        }
    }
}

impl Decided {
    fn not_checked(why: NotChecked) -> Self {
        Self {
            shared_outcome: SharedOutcome::new(LoginOutcome::NotChecked(why), Vec::new(), Duration::ZERO),
            shared: false,
        }
    }
}

impl Logins {
    pub(crate) fn new(vantage_point: VantagePoint) -> Self {
        Self {
            vantage_point,
            known: Mutex::default(),
            endpoints: Mutex::default(),
            budget: Mutex::default(),
            reporters: Mutex::default(),
            fresh: FRESH,
        }
    }

    /// Returns the outcome of a login, and makes the login unless an outcome can be reused.
    ///
    /// Dropping the future ends a login in progress without an outcome; a call that waits for it makes the login again.
    pub(crate) async fn check(&self, target: &Target, timeout: Duration, requester: Requester<'_>) -> CheckedLogin {
        let once = self.find(target, requester);
        let mut shared = true;
        let deciding = || {
            shared = false;
            async {
                let decided = self.decide(target, timeout, requester).await;
                (Instant::now(), decided)
            }
        };
        let (_, decided) = once.decided.get_or_init(deciding).await;
        let shared_outcome = decided.shared_outcome.clone();
        let (outcome, took) = (shared_outcome.outcome_for(target), shared_outcome.took);
        CheckedLogin { outcome, shared: shared || decided.shared, took, shared_outcome }
    }

    /// Records that the message of a connection shows an outcome, and returns the first connection whose message does.
    pub(crate) fn record_reporter(&self, login: &CheckedLogin, connection: &str) -> String {
        if let Some(first) = self.reporter(login) {
            return first;
        }
        lock(&self.reporters).push((login.shared_outcome.clone(), connection.to_owned()));
        connection.to_owned()
    }

    /// Returns the first connection whose message shows an outcome.
    pub(crate) fn reporter(&self, login: &CheckedLogin) -> Option<String> {
        let reporters = lock(&self.reporters);
        reporters
            .iter()
            .find(|(outcome, _)| Arc::ptr_eq(outcome, &login.shared_outcome))
            .map(|(_, first)| first.clone())
    }

    /// Probes an endpoint without credentials. `host` must be on the allow list; the host of the target may be another name,
    /// which the certificate must have.
    ///
    /// # Errors
    /// When the endpoint is not on the allow list. A loopback address may be probed: no credentials go there.
    #[expect(clippy::disallowed_methods, reason = "a probe is no login")]
    pub(crate) async fn probe(
        &self,
        host: &str,
        target: &Target,
        timeout: Duration,
    ) -> Result<EndpointReport, NotAllowed> {
        self.vantage_point.allows_host(host)?;
        let resolved = match postgres::resolve(target, timeout).await {
            Ok(resolved) => resolved,
            Err(refusal) => return Ok(EndpointReport::unreachable(refusal)),
        };
        let addresses = self.vantage_point.allowed_of(resolved.addresses())?;
        Ok(resolved.only(addresses).probe().await)
    }

    fn find(&self, target: &Target, requester: Requester<'_>) -> Arc<LoginOnce> {
        let key = (target.host.clone(), target.port, target.database.clone(), target.username.clone());
        let mut known = lock(&self.known);
        let logins = known.entry(key).or_default();
        let old = |login: &LoginRecord| login.login.decided.get().is_some_and(|(when, _)| when.elapsed() > self.fresh);
        logins.retain(|login| !old(login) || !login.planned.is_empty());
        let applies = |login: &&mut LoginRecord| match requester {
            _ if login.target != *target => false,
            Requester::Plan(_) => !old(login),
            Requester::Apply(connection) => !old(login) || login.planned.iter().any(|name| name == connection),
            Requester::AfterRequest => false,
        };
        let found = logins.iter_mut().rev().find(applies);
        if let Some(login) = found {
            match requester {
                Requester::Plan(connection) => login.planned.push(connection.to_owned()),
                Requester::Apply(connection) => login.planned.retain(|name| name != connection),
                Requester::AfterRequest => {}
            }
            return login.login.clone();
        }
        let once = Arc::new(LoginOnce::default());
        let planned =
            if let Requester::Plan(connection) = requester { vec![connection.to_owned()] } else { Vec::new() };
        logins.push(LoginRecord { target: target.clone(), login: once.clone(), planned });
        once
    }

    /// Makes the login, or reuses the outcome of another login.
    async fn decide(&self, target: &Target, timeout: Duration, requester: Requester<'_>) -> Decided {
        if let Err(not_allowed) = self.vantage_point.check_host(target) {
            return Decided::not_checked(NotChecked::NotAllowed(not_allowed));
        }
        let endpoint = self.endpoint(target);
        let first = self.attempt(&endpoint, target, timeout, requester).await;
        if first.shared || !first.shared_outcome.is_at_capacity() {
            return first;
        }
        sleep(pause()).await;
        let second = self.attempt(&endpoint, target, timeout, requester).await;
        // The first outcome is better than none.
        if matches!(second.shared_outcome.outcome, LoginOutcome::NotChecked(_)) { first } else { second }
    }

    async fn attempt(
        &self,
        endpoint: &watch::Sender<EndpointState>,
        target: &Target,
        timeout: Duration,
        requester: Requester<'_>,
    ) -> Decided {
        let slot = match self.enter(endpoint, target, timeout, requester).await {
            Ok(slot) => slot,
            Err(decided) => return decided,
        };
        let began = Instant::now();
        let left = slot.allowance().unwrap_or(timeout);
        let (mut outcome, addresses) = self.log_in(target, timeout.min(left)).await;
        let silent = matches!(&outcome, LoginOutcome::Refused(refusal) if refusal.is_unreachable());
        if left < timeout && silent && began.elapsed() >= left {
            outcome = LoginOutcome::NotChecked(NotChecked::Budget);
        }
        let shared_outcome = SharedOutcome::new(outcome, addresses, began.elapsed());
        slot.end(&shared_outcome);
        Decided { shared_outcome, shared: false }
    }

    /// Waits for a slot at the endpoint, or for an outcome that can be reused.
    async fn enter<'a>(
        &'a self,
        endpoint: &'a watch::Sender<EndpointState>,
        target: &'a Target,
        timeout: Duration,
        requester: Requester<'_>,
    ) -> Result<Slot<'a>, Decided> {
        let end = Instant::now() + timeout.saturating_mul(QUEUE);
        let mut changes = endpoint.subscribe();
        loop {
            let is_exhausted = lock(&self.budget).left(Instant::now()).is_zero();
            let mut next = Admission::Wait;
            let mut ticket = None;
            // The begin of a login wakes no login that waits.
            endpoint.send_if_modified(|endpoint| {
                let now = Instant::now();
                next = endpoint.next(target, now, is_exhausted, requester);
                ticket = matches!(next, Admission::Go).then(|| endpoint.begin(target, now, requester));
                false
            });
            match (next, ticket) {
                (_, Some(ticket)) => return Ok(Slot::new(endpoint, target, ticket, &self.budget)),
                (Admission::Reuse(outcome), _) => return Err(Decided { shared_outcome: outcome, shared: true }),
                (Admission::GiveUp(why), _) => return Err(Decided::not_checked(why)),
                (Admission::Wait | Admission::Go, None) => {}
            }
            if timeout_at(end, changes.changed()).await.is_err() {
                return Err(Decided::not_checked(NotChecked::Queue));
            }
        }
    }

    /// Returns the outcome and the addresses of the host.
    #[expect(clippy::disallowed_methods, reason = "`Logins::check` calls only this function")]
    async fn log_in(&self, target: &Target, timeout: Duration) -> (LoginOutcome, Vec<IpAddr>) {
        let resolved = match postgres::resolve(target, timeout).await {
            Ok(resolved) => resolved,
            Err(refusal) => return (LoginOutcome::Refused(refusal), Vec::new()),
        };
        let found = resolved.addresses().iter().map(SocketAddr::ip).collect();
        let outcome = match self.vantage_point.check_addresses(target, resolved.addresses()) {
            Ok(addresses) => match resolved.only(addresses).login().await {
                Ok(accepted) => LoginOutcome::Accepted(accepted),
                Err(refusal) => LoginOutcome::Refused(refusal),
            },
            Err(not_allowed) => LoginOutcome::NotChecked(NotChecked::NotAllowed(not_allowed)),
        };
        (outcome, found)
    }

    fn endpoint(&self, target: &Target) -> SharedEndpoint {
        let dialled = target.dialled();
        let name = dialled.host.trim().trim_end_matches('.').to_ascii_lowercase();
        lock(&self.endpoints).entry((name, dialled.port)).or_insert_with(|| Arc::new(watch::Sender::default())).clone()
    }
}

/// A slot at an endpoint. Dropping it releases the slot.
struct Slot<'a> {
    endpoint: &'a watch::Sender<EndpointState>,
    target: &'a Target,
    ticket: Option<Ticket>,
    budget: &'a Mutex<Budget>,
    /// The begin and the limit of the wait for the endpoint's first response.
    first: Option<(Instant, Duration)>,
}

impl<'a> Slot<'a> {
    fn new(
        endpoint: &'a watch::Sender<EndpointState>,
        target: &'a Target,
        ticket: Ticket,
        budget: &'a Mutex<Budget>,
    ) -> Self {
        let first = (!endpoint.borrow().has_responded()).then(|| {
            let (mut budget, now) = (lock(budget), Instant::now());
            let left = budget.left(now);
            budget.begin(now);
            (now, left)
        });
        Self { endpoint, target, ticket: Some(ticket), budget, first }
    }

    /// Returns the rest of the budget for an endpoint that has not responded yet, or `None` if it has.
    fn allowance(&self) -> Option<Duration> {
        self.first.map(|(_, left)| left)
    }

    fn end(mut self, outcome: &Arc<SharedOutcome>) {
        self.release(Some(outcome));
    }

    fn release(&mut self, outcome: Option<&Arc<SharedOutcome>>) {
        let Some(ticket) = self.ticket.take() else { return };
        let now = Instant::now();
        let mut responded = false;
        self.endpoint.send_modify(|endpoint| {
            endpoint.end(ticket, self.target, now, outcome);
            responded = endpoint.has_responded();
        });
        if let Some((began, _)) = self.first {
            // A login without an outcome does not use the budget.
            lock(self.budget).end(began, now, responded || outcome.is_none());
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.release(None);
    }
}

/// Returns one to two seconds, so that processes that were refused together do not retry together.
fn pause() -> Duration {
    Duration::from_millis(1000 + RandomState::new().hash_one(()) % 1000)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

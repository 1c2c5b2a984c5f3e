//! Whether a login may be made after other logins at the endpoint. No test waits.

use std::net::SocketAddr;

use super::*;
use crate::postgres;
use crate::postgres::{Reason, Refusal, Scope, Stage, Tls};

fn target(role: &str, password: &str) -> Target {
    Target {
        host: "db.test".to_owned(),
        port: 5432,
        database: "orders".to_owned(),
        username: role.to_owned(),
        password: Secret::new(password),
        tls: Tls::Off,
        address: None,
        questions: postgres::Questions::default(),
    }
}

fn endpoint() -> postgres::Endpoint {
    postgres::Endpoint { host: "db.test".to_owned(), port: 5432, address: None, local: None, overridden: None }
}

fn accepted() -> LoginOutcome {
    LoginOutcome::Accepted(postgres::Accepted {
        endpoint: endpoint(),
        unreachable_addresses: Vec::<(SocketAddr, String)>::new(),
        server_version: None,
        password_requested: true,
        facts: None,
        milliseconds: 1,
    })
}

fn refused(reason: Reason, responded: bool) -> LoginOutcome {
    LoginOutcome::Refused(Refusal {
        reason,
        server_error: None,
        endpoint: endpoint(),
        unreachable_addresses: Vec::new(),
        responded,
        password_pending: false,
        database: "orders".to_owned(),
        username: "kms_role".to_owned(),
        stage: Stage::Login,
        at: time::OffsetDateTime::UNIX_EPOCH,
    })
}

fn wrong_password() -> LoginOutcome {
    refused(Reason::PasswordRefused, true)
}

/// A server that delays the response to a wrong password.
fn no_response_to_the_password() -> LoginOutcome {
    let LoginOutcome::Refused(refusal) = refused(Reason::TimedOut { stage: Stage::Login }, true) else {
        unreachable!()
    };
    LoginOutcome::Refused(Refusal { password_pending: true, ..refusal })
}

fn no_such_database() -> LoginOutcome {
    refused(Reason::NoSuchDatabase, true)
}

fn crowded() -> LoginOutcome {
    refused(Reason::TooManyConnections(Scope::Server), true)
}

fn connection_refused() -> LoginOutcome {
    refused(Reason::ConnectionRefused, false)
}

/// Logins at an endpoint, as `role/password`: those that began, ended, and the next one.
struct Hihistory {
    endpoint: EndpointState,
    now: Instant,
    running: Vec<(Ticket, Target)>,
}

impl Hihistory {
    fn new() -> Self {
        Self { endpoint: EndpointState::default(), now: Instant::now(), running: Vec::new() }
    }

    fn begin(mut self, login: &str) -> Self {
        assert_eq!(self.admission(login), "go", "{login}");
        let target = of(login);
        let ticket = self.endpoint.begin(&target, self.now, Requester::Plan("orders"));
        self.running.push((ticket, target));
        self
    }

    /// The login that began first ends.
    fn end(mut self, outcome: Option<LoginOutcome>) -> Self {
        let (ticket, target) = self.running.remove(0);
        let outcome = outcome.map(|outcome| SharedOutcome::new(outcome, Vec::new(), Duration::ZERO));
        self.endpoint.end(ticket, &target, self.now, outcome.as_ref());
        self
    }

    fn done(self, login: &str, outcome: LoginOutcome) -> Self {
        self.begin(login).end(Some(outcome))
    }

    fn later(mut self, seconds: u64) -> Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn admission(&self, login: &str) -> &'static str {
        self.admission_when(login, false, Requester::Plan("orders"))
    }

    fn admission_when(&self, login: &str, is_exhausted: bool, requester: Requester<'_>) -> &'static str {
        match self.endpoint.next(&of(login), self.now, is_exhausted, requester) {
            Admission::Go => "go",
            Admission::Wait => "wait",
            Admission::Reuse(_) => "reuse",
            Admission::GiveUp(NotChecked::Attempts) => "refused too often",
            Admission::GiveUp(NotChecked::Budget) => "budget exhausted",
            Admission::GiveUp(_) => "another reason",
        }
    }
}

fn of(login: &str) -> Target {
    let (role, password) = login.split_once('/').unwrap();
    target(role, password)
}

#[test]
fn admits_next_login_by_earlier_outcomes() {
    let new = Hihistory::new;
    for (name, history, login, expected) in [
        ("the first", new(), "a/1", "go"),
        ("no response yet", new().begin("a/1"), "b/1", "wait"),
        ("cancelled", new().begin("a/1").end(None), "b/1", "go"),
        ("responded", new().done("a/1", accepted()).begin("b/1"), "c/1", "go"),
        ("four", new().done("a/1", accepted()).begin("b/1").begin("c/1").begin("d/1"), "e/1", "go"),
        ("five", new().done("a/1", accepted()).begin("b/1").begin("c/1").begin("d/1").begin("e/1"), "f/1", "wait"),
        ("an unconfirmed password of the same role", new().done("b/1", accepted()).begin("a/1"), "a/1", "wait"),
        ("a confirmed password", new().done("a/1", accepted()).begin("a/1"), "a/1", "go"),
        (
            "a confirmed password beside two more",
            new().done("a/1", accepted()).begin("a/1").begin("a/1"),
            "a/1",
            "wait",
        ),
        (
            "a confirmed password after a refusal",
            new().done("a/1", accepted()).done("a/2", wrong_password()).begin("a/1"),
            "a/1",
            "wait",
        ),
        ("a password that was right long ago", new().done("a/1", accepted()).later(10).begin("a/1"), "a/1", "wait"),
        ("a confirmed one beside an unconfirmed one", new().done("a/1", accepted()).begin("a/2"), "a/1", "go"),
        ("a refusal is a response", new().done("a/1", no_such_database()).begin("b/1"), "c/1", "go"),
        (
            "a connection closed at once is no response",
            new().done("a/1", refused(Reason::Closed { stage: Stage::Login, reset: false }, false)).begin("b/1"),
            "c/1",
            "wait",
        ),
        ("crowded", new().done("a/1", accepted()).done("b/1", crowded()).begin("b/1"), "c/1", "wait"),
        (
            "crowded for the rest of the run",
            new().done("a/1", crowded()).done("a/1", accepted()).later(999).begin("b/1"),
            "c/1",
            "wait",
        ),
        ("the same wrong password", new().done("a/1", wrong_password()), "a/1", "reuse"),
        ("the same wrong password, later", new().done("a/1", wrong_password()).later(10), "a/1", "go"),
        ("another password", new().done("a/1", wrong_password()), "a/2", "go"),
        ("another role", new().done("a/1", wrong_password()), "b/1", "go"),
        (
            "a third password",
            new().done("a/1", wrong_password()).done("a/2", wrong_password()),
            "a/3",
            "refused too often",
        ),
        (
            "one of two wrong ones",
            new().done("a/1", wrong_password()).done("a/2", wrong_password()).later(999),
            "a/1",
            "reuse",
        ),
        (
            "the right one after two wrong ones",
            new().done("a/0", accepted()).done("a/1", wrong_password()).done("a/2", wrong_password()),
            "a/0",
            "go",
        ),
        (
            "the right one of long ago after two wrong ones",
            new().done("a/0", accepted()).done("a/1", wrong_password()).done("a/2", wrong_password()).later(10),
            "a/0",
            "refused too often",
        ),
        (
            "twice the same",
            new().done("a/1", wrong_password()).later(10).done("a/1", wrong_password()),
            "a/2",
            "refused too often",
        ),
        ("a password that was right once", new().done("a/1", accepted()).done("a/1", wrong_password()), "a/1", "reuse"),
        ("no response to the password", new().done("a/1", no_response_to_the_password()), "a/1", "reuse"),
        (
            "no response to two passwords",
            new().done("a/1", no_response_to_the_password()).done("a/2", wrong_password()),
            "a/3",
            "refused too often",
        ),
        (
            "no response to a password that was right",
            new().done("a/1", accepted()).done("a/1", no_response_to_the_password()),
            "a/1",
            "go",
        ),
        (
            "no response before the password",
            new().done("a/1", refused(Reason::TimedOut { stage: Stage::Login }, true)),
            "a/1",
            "go",
        ),
        ("a database is missing", new().done("a/1", no_such_database()), "a/1", "go"),
        ("connection refused", new().done("a/1", connection_refused()), "b/2", "reuse"),
        ("connection refused, almost later", new().done("a/1", connection_refused()).later(29), "b/2", "reuse"),
        ("connection refused, later", new().done("a/1", connection_refused()).later(30), "b/2", "go"),
        ("reachable again", new().done("a/1", connection_refused()).later(30).done("a/1", accepted()), "b/2", "go"),
    ] {
        assert_eq!(history.admission(login), expected, "{name}");
    }
}

#[test]
fn admits_only_endpoints_that_responded_without_budget() {
    let admission = |history: Hihistory, login| history.admission_when(login, true, Requester::Plan("orders"));
    assert_eq!(admission(Hihistory::new(), "a/1"), "budget exhausted");
    assert_eq!(admission(Hihistory::new().done("a/1", accepted()), "b/1"), "go");
    assert_eq!(admission(Hihistory::new().done("a/1", connection_refused()), "a/1"), "reuse");
}

/// An outcome from before a request does not hold for the password after it. The limit of refusals holds.
#[test]
fn repeats_login_after_request_within_the_limit() {
    let new = Hihistory::new;
    for (name, history, expected) in [
        ("accepted before", new().done("a/1", accepted()), "go"),
        ("one such login at a time", new().done("a/1", accepted()).begin("a/2"), "wait"),
        ("refused before", new().done("a/1", wrong_password()), "go"),
        (
            "refused twice before",
            new().done("a/1", wrong_password()).done("a/2", wrong_password()),
            "refused too often",
        ),
        ("connection refused", new().done("a/1", connection_refused()), "reuse"),
    ] {
        assert_eq!(history.admission_when("a/1", false, Requester::AfterRequest), expected, "{name}");
    }
}

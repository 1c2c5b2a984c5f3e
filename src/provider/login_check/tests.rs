//! Which calls make a login and which reuse its outcome. The server is a socket that counts connections.

#![allow(clippy::disallowed_methods, reason = "the subject of these tests")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::kms_location::KmsLocation;
use super::*;
use crate::postgres::{Questions, Reason, Tls};
use crate::secret::Secret;

/// Longer than any login here takes: no test waits for it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A server that counts connections, and closes them at once or leaves them open without a response.
#[derive(Default)]
struct Server {
    port: u16,
    connections: AtomicUsize,
    accepted: Notify,
    silent: AtomicBool,
}

impl Server {
    async fn start(silent: bool) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Arc::new(Self { port, silent: AtomicBool::new(silent), ..Self::default() });
        let accepting = server.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                if accepting.silent.load(Ordering::SeqCst) {
                    held.push(socket);
                }
                accepting.accepted.notify_one();
            }
        });
        server
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn target(&self, password: &str) -> Target {
        Target {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            database: "orders".to_owned(),
            username: "kms_role".to_owned(),
            password: Secret::new(password),
            tls: Tls::Off,
            address: None,
            questions: Questions::default(),
        }
    }
}

fn logins() -> Logins {
    Logins::new(VantagePoint { place: KmsLocation::Local, allowed: None })
}

fn is_refused(checked: &CheckedLogin) -> bool {
    matches!(checked.outcome, LoginOutcome::Refused(_))
}

/// Returns logins that reuse no outcome because of its age.
fn without_reuse() -> Logins {
    Logins { fresh: Duration::ZERO, ..logins() }
}

#[tokio::test]
async fn concurrent_calls_make_one_login() {
    let server = Server::start(false).await;
    let logins = logins();
    let target = server.target("one");
    let checked = join_all((0..20).map(|_| logins.check(&target, TIMEOUT, Requester::Plan("orders")))).await;
    assert_eq!(server.connections(), 1);
    assert_eq!(checked.iter().filter(|checked| !checked.shared).count(), 1);
    let first = checked.first().unwrap().outcome.clone();
    assert!(matches!(first, LoginOutcome::Refused(_)) && checked.iter().all(|checked| checked.outcome == first));
}

#[tokio::test]
async fn each_difference_makes_another_login() {
    let server = Server::start(false).await;
    let logins = logins();
    let one = server.target("one");
    let others = [
        server.target("two"),
        Target { database: "other".to_owned(), ..one.clone() },
        Target { username: "other".to_owned(), ..one.clone() },
        Target { tls: Tls::Unverified, ..one.clone() },
        Target { address: Some(postgres::Address { host: "127.0.0.1".to_owned(), port: server.port }), ..one.clone() },
        Target { host: "localhost".to_owned(), ..one.clone() },
        Target { questions: Questions { own_password: true, ..Questions::default() }, ..one.clone() },
    ];
    for (made, target) in std::iter::once(&one).chain(&others).enumerate() {
        assert!(!logins.check(target, TIMEOUT, Requester::Plan("orders")).await.shared, "number {made}");
        assert_eq!(server.connections(), made + 1);
    }
    // None of them replaced another.
    for target in std::iter::once(&one).chain(&others) {
        assert!(logins.check(target, TIMEOUT, Requester::Plan("orders")).await.shared);
    }
    assert_eq!(server.connections(), 1 + others.len());
}

#[tokio::test]
async fn apply_reuses_old_outcomes_of_its_own_plan_only() {
    for (logins, requester, shared) in [
        (logins(), Requester::Plan("orders"), true),
        (logins(), Requester::Apply("orders"), true),
        (without_reuse(), Requester::Plan("orders"), false),
        (without_reuse(), Requester::Apply("orders"), true),
        // The outcome for the plan of another connection may be outdated.
        (without_reuse(), Requester::Apply("later"), false),
        (logins(), Requester::Apply("later"), true),
        (logins(), Requester::AfterRequest, false),
        (without_reuse(), Requester::AfterRequest, false),
    ] {
        let server = Server::start(false).await;
        let target = server.target("one");
        logins.check(&target, TIMEOUT, Requester::Plan("orders")).await;
        let again = logins.check(&target, TIMEOUT, requester).await;
        assert_eq!(again.shared, shared);
        assert_eq!(server.connections(), if shared { 1 } else { 2 });
    }
}

#[tokio::test]
async fn cancelled_login_leaves_no_outcome_and_releases_its_slot() {
    let server = Server::start(true).await;
    let logins = logins();
    for cancelled in 1..=5 {
        let target = server.target("one");
        tokio::select! {
            _ = logins.check(&target, TIMEOUT, Requester::Plan("orders")) => panic!("the server does not respond"),
            () = server.accepted.notified() => {}
            () = sleep(TIMEOUT) => panic!("login {cancelled} was not made: the slot of another is not released"),
        }
        assert_eq!(server.connections(), cancelled);
    }
    server.silent.store(false, Ordering::SeqCst);
    let checked = logins.check(&server.target("one"), TIMEOUT, Requester::Apply("orders")).await;
    assert!(!checked.shared && is_refused(&checked));
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn waiter_makes_the_login_that_was_cancelled() {
    let server = Server::start(true).await;
    let logins = logins();
    let target = server.target("one");
    let mut first = Box::pin(logins.check(&target, TIMEOUT, Requester::Plan("orders")));
    let mut second = Box::pin(logins.check(&target, TIMEOUT, Requester::Plan("orders")));
    tokio::select! {
        biased;
        _ = &mut first => panic!("the server does not respond"),
        _ = &mut second => panic!("the first is not done"),
        () = server.accepted.notified() => {}
    }
    assert_eq!(server.connections(), 1);
    server.silent.store(false, Ordering::SeqCst);
    drop(first);
    let checked = second.await;
    assert!(!checked.shared && is_refused(&checked));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn returns_all_addresses_of_a_host() {
    let server = Server::start(false).await;
    let logins = logins();
    let found = tokio::net::lookup_host(("localhost", server.port)).await.unwrap();
    let found: Vec<_> = found.map(|address| address.ip()).collect();
    let target = Target { host: "localhost".to_owned(), ..server.target("one") };
    let checked = logins.check(&target, TIMEOUT, Requester::Plan("orders")).await;
    assert_eq!(checked.addresses(), found);
    let nowhere = Target { host: "db.invalid".to_owned(), ..server.target("one") };
    assert_eq!(logins.check(&nowhere, TIMEOUT, Requester::Plan("orders")).await.addresses(), &[] as &[IpAddr]);
    // Also if no login is allowed.
    let unknown = Logins::new(VantagePoint { place: KmsLocation::Unknown, allowed: None });
    let not_allowed = unknown.check(&target, TIMEOUT, Requester::Plan("orders")).await;
    assert!(matches!(not_allowed.outcome, LoginOutcome::NotChecked(NotChecked::NotAllowed(NotAllowed::Loopback))));
    assert_eq!(not_allowed.addresses(), found);
}

#[tokio::test(start_paused = true)]
async fn logins_to_a_silent_server_cost_one_timeout() {
    let server = Server::start(true).await;
    let logins = logins();
    let timeout = Duration::from_secs(10);
    let targets: Vec<_> =
        (0..300).map(|number| Target { database: format!("db{number}"), ..server.target("one") }).collect();
    let began = Instant::now();
    let checked = join_all(targets.iter().map(|target| logins.check(target, timeout, Requester::Plan("orders")))).await;
    assert!(began.elapsed() <= timeout + Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(server.connections() <= 1);
    for (target, checked) in targets.iter().zip(&checked) {
        let LoginOutcome::Refused(refusal) = &checked.outcome else { panic!("not refused") };
        assert!(matches!(refusal.reason, Reason::TimedOut { .. }), "{:?}", refusal.reason);
        assert_eq!(refusal.database, target.database);
    }
    assert_eq!(checked.iter().filter(|checked| !checked.shared).count(), 1);
    // The first connection that is recorded is the reporter for all.
    assert!(checked.iter().all(|checked| logins.reporter(checked).is_none()));
    assert_eq!(logins.record_reporter(checked.first().unwrap(), "first"), "first");
    assert_eq!(logins.record_reporter(checked.last().unwrap(), "last"), "first");
}

#[tokio::test(start_paused = true)]
async fn budget_limits_waits_for_silent_servers() {
    let logins = logins();
    let timeout = Duration::from_secs(10);
    let began = Instant::now();
    let mut not_checked = 0;
    for _ in 0..20 {
        let server = Server::start(true).await;
        let checked = logins.check(&server.target("one"), timeout, Requester::Plan("orders")).await;
        not_checked += usize::from(checked.outcome == LoginOutcome::NotChecked(NotChecked::Budget));
    }
    assert_eq!(not_checked, 14);
    assert!(began.elapsed() < budget::MAX + timeout);
}

#[tokio::test(start_paused = true)]
async fn budget_limits_concurrent_waits() {
    let logins = logins();
    let (one, other, late) = (Server::start(true).await, Server::start(true).await, Server::start(true).await);
    let began = Instant::now();
    let check = |server: &Server, seconds| {
        let (logins, target) = (&logins, server.target("one"));
        async move { logins.check(&target, Duration::from_secs(seconds), Requester::Plan("orders")).await.outcome }
    };
    let beside = async {
        sleep(Duration::from_secs(30)).await;
        check(&other, 600).await
    };
    let (one, other) = tokio::join!(check(&one, 40), beside);
    let LoginOutcome::Refused(refusal) = one else { panic!("{one:?}") };
    assert!(matches!(refusal.reason, Reason::TimedOut { .. }), "{:?}", refusal.reason);
    // Without the budget the login would have waited for ten minutes more.
    assert_eq!(other, LoginOutcome::NotChecked(NotChecked::Budget));
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(check(&late, 10).await, LoginOutcome::NotChecked(NotChecked::Budget));
    assert_eq!((began.elapsed().as_secs(), late.connections()), (60, 0));
}

#[tokio::test(start_paused = true)]
async fn cancelled_login_does_not_use_the_budget() {
    let server = Server::start(true).await;
    let logins = logins();
    for _ in 0..10 {
        let target = server.target("one");
        tokio::select! {
            _ = logins.check(&target, TIMEOUT, Requester::Plan("orders")) => panic!("the server does not respond"),
            () = sleep(Duration::from_secs(15)) => {}
        }
    }
    assert_eq!(lock(&logins.budget).left(Instant::now()), budget::MAX);
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_slot_ends_after_three_timeouts() {
    let server = Server::start(true).await;
    let logins = logins();
    let slow = server.target("one");
    let mut first = Box::pin(logins.check(&slow, Duration::from_secs(600), Requester::Plan("orders")));
    tokio::select! {
        biased;
        _ = &mut first => panic!("the server does not respond"),
        () = tokio::task::yield_now() => {}
    }
    let began = Instant::now();
    let target = Target { database: "other".to_owned(), ..server.target("one") };
    tokio::select! {
        _ = first => panic!("the server does not respond"),
        checked = logins.check(&target, Duration::from_secs(10), Requester::Plan("orders")) => {
            assert_eq!(checked.outcome, LoginOutcome::NotChecked(NotChecked::Queue));
        }
    }
    assert_eq!(began.elapsed().as_secs(), 30);
}

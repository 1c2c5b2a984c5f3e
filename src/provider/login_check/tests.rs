//! Who makes a login and who takes its verdict. The server is a real socket that counts.

#![allow(clippy::disallowed_methods, reason = "the subject of these tests")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::kms_location::KmsLocation;
use super::*;
use crate::postgres::{Questions, Reason, Tls};
use crate::secret::Secret;

/// Far more than anything here takes: no test waits for it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Accepts, counts, and closes at once, or holds the line in silence.
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
    Logins::new(VantagePoint { place: KmsLocation::Here, allowed: None })
}

fn is_refused(judged: &CheckedLogin) -> bool {
    matches!(judged.verdict, LoginOutcome::Refused(_))
}

/// Never finds a verdict fresh.
fn forgetful() -> Logins {
    Logins { fresh: Duration::ZERO, ..logins() }
}

#[tokio::test]
async fn many_at_once_make_one_login() {
    let server = Server::start(false).await;
    let logins = logins();
    let target = server.target("one");
    let judged = join_all((0..20).map(|_| logins.judge(&target, TIMEOUT, Requester::Plan("orders")))).await;
    assert_eq!(server.connections(), 1);
    assert_eq!(judged.iter().filter(|judged| !judged.shared).count(), 1);
    let first = judged.first().unwrap().verdict.clone();
    assert!(matches!(first, LoginOutcome::Refused(_)) && judged.iter().all(|judged| judged.verdict == first));
}

#[tokio::test]
async fn whatever_differs_makes_another_login() {
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
        assert!(!logins.judge(target, TIMEOUT, Requester::Plan("orders")).await.shared, "number {made}");
        assert_eq!(server.connections(), made + 1);
    }
    // And none of them drove another out.
    for target in std::iter::once(&one).chain(&others) {
        assert!(logins.judge(target, TIMEOUT, Requester::Plan("orders")).await.shared);
    }
    assert_eq!(server.connections(), 1 + others.len());
}

#[tokio::test]
async fn an_apply_takes_old_outcomes_of_its_own_plan_only() {
    for (logins, asker, shared) in [
        (logins(), Requester::Plan("orders"), true),
        (logins(), Requester::Apply("orders"), true),
        (forgetful(), Requester::Plan("orders"), false),
        (forgetful(), Requester::Apply("orders"), true),
        // What the plan of another connection found out may have changed since.
        (forgetful(), Requester::Apply("later"), false),
        (logins(), Requester::Apply("later"), true),
        (logins(), Requester::AfterRequest, false),
        (forgetful(), Requester::AfterRequest, false),
    ] {
        let server = Server::start(false).await;
        let target = server.target("one");
        logins.judge(&target, TIMEOUT, Requester::Plan("orders")).await;
        let again = logins.judge(&target, TIMEOUT, asker).await;
        assert_eq!(again.shared, shared);
        assert_eq!(server.connections(), if shared { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_login_that_was_given_up_leaves_no_verdict_and_takes_no_place() {
    let server = Server::start(true).await;
    let logins = logins();
    for given_up in 1..=5 {
        let target = server.target("one");
        tokio::select! {
            _ = logins.judge(&target, TIMEOUT, Requester::Plan("orders")) => panic!("the server said nothing"),
            () = server.accepted.notified() => {}
            () = sleep(TIMEOUT) => panic!("number {given_up} never came: the place of another is lost"),
        }
        assert_eq!(server.connections(), given_up);
    }
    server.silent.store(false, Ordering::SeqCst);
    let judged = logins.judge(&server.target("one"), TIMEOUT, Requester::Apply("orders")).await;
    assert!(!judged.shared && is_refused(&judged));
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn who_waits_for_a_login_that_is_given_up_makes_it() {
    let server = Server::start(true).await;
    let logins = logins();
    let target = server.target("one");
    let mut first = Box::pin(logins.judge(&target, TIMEOUT, Requester::Plan("orders")));
    let mut second = Box::pin(logins.judge(&target, TIMEOUT, Requester::Plan("orders")));
    tokio::select! {
        biased;
        _ = &mut first => panic!("the server said nothing"),
        _ = &mut second => panic!("the first is not done"),
        () = server.accepted.notified() => {}
    }
    assert_eq!(server.connections(), 1);
    server.silent.store(false, Ordering::SeqCst);
    drop(first);
    let judged = second.await;
    assert!(!judged.shared && is_refused(&judged));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn all_addresses_of_a_name_are_known_whichever_answered() {
    let server = Server::start(false).await;
    let logins = logins();
    let found = tokio::net::lookup_host(("localhost", server.port)).await.unwrap();
    let found: Vec<_> = found.map(|address| address.ip()).collect();
    let target = Target { host: "localhost".to_owned(), ..server.target("one") };
    let judged = logins.judge(&target, TIMEOUT, Requester::Plan("orders")).await;
    assert_eq!(judged.addresses(), found);
    let nowhere = Target { host: "db.invalid".to_owned(), ..server.target("one") };
    assert_eq!(logins.judge(&nowhere, TIMEOUT, Requester::Plan("orders")).await.addresses(), &[] as &[IpAddr]);
    // Also where nothing may be dialled.
    let elsewhere = Logins::new(VantagePoint { place: KmsLocation::Elsewhere, allowed: None });
    let barred = elsewhere.judge(&target, TIMEOUT, Requester::Plan("orders")).await;
    assert!(matches!(barred.verdict, LoginOutcome::NotChecked(NotChecked::NotAllowed(NotAllowed::Loopback))));
    assert_eq!(barred.addresses(), found);
}

#[tokio::test(start_paused = true)]
async fn three_hundred_logins_to_a_black_hole_cost_one_timeout() {
    let server = Server::start(true).await;
    let logins = logins();
    let timeout = Duration::from_secs(10);
    let targets: Vec<_> =
        (0..300).map(|number| Target { database: format!("db{number}"), ..server.target("one") }).collect();
    let began = Instant::now();
    let judged = join_all(targets.iter().map(|target| logins.judge(target, timeout, Requester::Plan("orders")))).await;
    assert!(began.elapsed() <= timeout + Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(server.connections() <= 1);
    for (target, judged) in targets.iter().zip(&judged) {
        let LoginOutcome::Refused(refusal) = &judged.verdict else { panic!("not refused") };
        assert!(matches!(refusal.reason, Reason::TimedOut { .. }), "{:?}", refusal.reason);
        assert_eq!(refusal.database, target.database);
    }
    assert_eq!(judged.iter().filter(|judged| !judged.shared).count(), 1);
    // The first to tell it tells it for all.
    assert!(judged.iter().all(|judged| !judged.is_reported()));
    assert_eq!(judged.first().unwrap().first_reporter("first"), "first");
    assert_eq!(judged.last().unwrap().first_reporter("last"), "first");
}

#[tokio::test(start_paused = true)]
async fn a_minute_is_all_that_silent_servers_get() {
    let logins = logins();
    let timeout = Duration::from_secs(10);
    let began = Instant::now();
    let mut not_checked = 0;
    for _ in 0..20 {
        let server = Server::start(true).await;
        let judged = logins.judge(&server.target("one"), timeout, Requester::Plan("orders")).await;
        not_checked += usize::from(judged.verdict == LoginOutcome::NotChecked(NotChecked::Budget));
    }
    assert_eq!(not_checked, 14);
    assert!(began.elapsed() < budget::MAX + timeout);
}

#[tokio::test(start_paused = true)]
async fn a_minute_is_all_that_silent_servers_get_also_side_by_side() {
    let logins = logins();
    let (one, other, late) = (Server::start(true).await, Server::start(true).await, Server::start(true).await);
    let began = Instant::now();
    let judge = |server: &Server, seconds| {
        let (logins, target) = (&logins, server.target("one"));
        async move { logins.judge(&target, Duration::from_secs(seconds), Requester::Plan("orders")).await.verdict }
    };
    let beside = async {
        sleep(Duration::from_secs(30)).await;
        judge(&other, 600).await
    };
    let (one, other) = tokio::join!(judge(&one, 40), beside);
    let LoginOutcome::Refused(refusal) = one else { panic!("{one:?}") };
    assert!(matches!(refusal.reason, Reason::TimedOut { .. }), "{:?}", refusal.reason);
    // It would have waited for ten minutes more.
    assert_eq!(other, LoginOutcome::NotChecked(NotChecked::Budget));
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(judge(&late, 10).await, LoginOutcome::NotChecked(NotChecked::Budget));
    assert_eq!((began.elapsed().as_secs(), late.connections()), (60, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_costs_no_patience() {
    let server = Server::start(true).await;
    let logins = logins();
    for _ in 0..10 {
        let target = server.target("one");
        tokio::select! {
            _ = logins.judge(&target, TIMEOUT, Requester::Plan("orders")) => panic!("the server said nothing"),
            () = sleep(Duration::from_secs(15)) => {}
        }
    }
    assert_eq!(lock(&logins.budget).left(Instant::now()), budget::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_queue_ends_after_three_timeouts() {
    let server = Server::start(true).await;
    let logins = logins();
    let slow = server.target("one");
    let mut first = Box::pin(logins.judge(&slow, Duration::from_secs(600), Requester::Plan("orders")));
    tokio::select! {
        biased;
        _ = &mut first => panic!("the server said nothing"),
        () = tokio::task::yield_now() => {}
    }
    let began = Instant::now();
    let target = Target { database: "other".to_owned(), ..server.target("one") };
    tokio::select! {
        _ = first => panic!("the server said nothing"),
        judged = logins.judge(&target, Duration::from_secs(10), Requester::Plan("orders")) => {
            assert_eq!(judged.verdict, LoginOutcome::NotChecked(NotChecked::Queue));
        }
    }
    assert_eq!(began.elapsed().as_secs(), 30);
}

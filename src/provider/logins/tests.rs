//! Who makes a login and who takes its verdict. The server is a real socket that counts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::postgres::Tls;
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
        }
    }
}

/// Never finds a verdict fresh.
fn forgetful() -> Logins {
    Logins { fresh: Duration::ZERO, ..Logins::default() }
}

#[tokio::test]
async fn many_at_once_make_one_login() {
    let server = Server::start(false).await;
    let logins = Logins::default();
    let target = server.target("one");
    let judged = join_all((0..20).map(|_| logins.judge(&target, TIMEOUT, Asker::Plan))).await;
    assert_eq!(server.connections(), 1);
    assert_eq!(judged.iter().filter(|judged| !judged.shared).count(), 1);
    let first = judged.first().unwrap().verdict.clone();
    assert!(first.is_err() && judged.iter().all(|judged| judged.verdict == first));
}

#[tokio::test]
async fn whatever_differs_makes_another_login() {
    let server = Server::start(false).await;
    let logins = Logins::default();
    let one = server.target("one");
    let others = [
        server.target("two"),
        Target { database: "other".to_owned(), ..one.clone() },
        Target { username: "other".to_owned(), ..one.clone() },
        Target { tls: Tls::Unverified, ..one.clone() },
        Target { address: Some(postgres::Address { host: "127.0.0.1".to_owned(), port: server.port }), ..one.clone() },
        Target { host: "localhost".to_owned(), ..one.clone() },
    ];
    for (made, target) in std::iter::once(&one).chain(&others).enumerate() {
        assert!(!logins.judge(target, TIMEOUT, Asker::Plan).await.shared, "number {made}");
        assert_eq!(server.connections(), made + 1);
    }
    // And none of them drove another out.
    for target in std::iter::once(&one).chain(&others) {
        assert!(logins.judge(target, TIMEOUT, Asker::Plan).await.shared);
    }
    assert_eq!(server.connections(), 1 + others.len());
}

#[tokio::test]
async fn a_plan_takes_a_fresh_verdict_only_and_an_apply_any() {
    for (logins, asker, shared) in [
        (Logins::default(), Asker::Plan, true),
        (Logins::default(), Asker::Apply, true),
        (forgetful(), Asker::Plan, false),
        (forgetful(), Asker::Apply, true),
    ] {
        let server = Server::start(false).await;
        let target = server.target("one");
        logins.judge(&target, TIMEOUT, Asker::Plan).await;
        let again = logins.judge(&target, TIMEOUT, asker).await;
        assert_eq!(again.shared, shared);
        assert_eq!(server.connections(), if shared { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_login_that_was_given_up_leaves_no_verdict_and_takes_no_place() {
    let server = Server::start(true).await;
    let logins = Logins::default();
    for given_up in 1..=AT_ONCE + 1 {
        let target = server.target("one");
        tokio::select! {
            _ = logins.judge(&target, TIMEOUT, Asker::Plan) => panic!("the server said nothing"),
            () = server.accepted.notified() => {}
            () = tokio::time::sleep(TIMEOUT) => panic!("number {given_up} never came: the place of another is lost"),
        }
        assert_eq!(server.connections(), given_up);
    }
    server.silent.store(false, Ordering::SeqCst);
    let judged = logins.judge(&server.target("one"), TIMEOUT, Asker::Apply).await;
    assert!(!judged.shared && judged.verdict.is_err());
    assert_eq!(server.connections(), AT_ONCE + 2);
}

#[tokio::test]
async fn who_waits_for_a_login_that_is_given_up_makes_it() {
    let server = Server::start(true).await;
    let logins = Logins::default();
    let target = server.target("one");
    let mut first = Box::pin(logins.judge(&target, TIMEOUT, Asker::Plan));
    let mut second = Box::pin(logins.judge(&target, TIMEOUT, Asker::Plan));
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
    assert!(!judged.shared && judged.verdict.is_err());
    assert_eq!(server.connections(), 2);
}

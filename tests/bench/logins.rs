//! Logins of a plan: many beside a bare loop over the same ones, and what a single one adds.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use terraform_provider_kms::postgres::{Address, Certificates, Questions, Target, Tls, login};
use terraform_provider_kms::secret::Secret;

use crate::kms::Kms;
use crate::measure::{median, milliseconds, row, timed, watched};
use crate::postgres::{self, Postgres};
use crate::stage::{REQUIRED, connections};
use crate::terraform::Workspace;

/// How many roles log in.
const ROLES: usize = 1000;

/// How often a plan with a login is compared with one without.
const PAIRS: usize = 31;

pub(crate) fn measure() {
    let postgres = Postgres::start(postgres::Options::default());
    let create = |index: usize| format!("CREATE ROLE r{index} LOGIN PASSWORD 'p{index}'; ");
    postgres.sql(&(0..ROLES).map(create).collect::<String>());
    thousand(&postgres);
    one(&postgres);
}

/// A plan that logs in with a thousand roles to one server.
fn thousand(postgres: &Postgres) {
    let bare = bare_loop(postgres);
    row("bare loop, 1000 logins, 4 at a time", &format!("{:.0} per s", ROLES as f64 / bare.as_secs_f64()));
    let plan = |count: usize, mode: &str| {
        let (_kms, mut workspace) = roles(postgres, count);
        workspace.set("KMS_VALIDATION", mode);
        watched(|| workspace.plan().expect(2))
    };
    let ((with, memory), (without, idle)) = (plan(ROLES, "plan"), plan(ROLES, "apply"));
    let logins = with.saturating_sub(without);
    row("plan, 1000 roles", &format!("{:.2} s", with.as_secs_f64()));
    row("the same without logins", &format!("{:.2} s", without.as_secs_f64()));
    row("logins of the plan", &format!("{:.0} per s", ROLES as f64 / logins.as_secs_f64()));
    row("of the bare loop", &format!("{:.2}", bare.as_secs_f64() / logins.as_secs_f64()));
    let (_, fewer) = plan(ROLES / 10, "plan");
    row("peak of the provider, 1000 logins", &format!("{:.1} MB", memory as f64 / 1e3));
    row("100 logins", &format!("{:.1} MB", fewer as f64 / 1e3));
    row("1000 connections without logins", &format!("{:.1} MB", idle as f64 / 1e3));
}

/// Measures what one login adds to a plan: by turns with the same plan without a host that may be contacted, and with one
/// that requests no list from the KMS either.
fn one(postgres: &Postgres) {
    let (_kms, mut workspace) = roles(postgres, 1);
    let mut plan = |mode: &str, hosts: &str| {
        workspace.set("KMS_VALIDATION", mode);
        workspace.set("KMS_VALIDATION_HOSTS", hosts);
        milliseconds(timed(|| workspace.plan().expect(2)))
    };
    let (mut login, mut both) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (with, not_allowed, without) = (plan("plan", ""), plan("plan", "nowhere.invalid"), plan("apply", ""));
        login.push(with - not_allowed);
        both.push(with - without);
    }
    row("what one login adds to a plan", &spread(login));
    row("a login and a look at the list", &spread(both));

    let target = |port: Option<u16>| Target {
        address: port.map(|port| Address { host: "127.0.0.1".to_owned(), port }),
        ..target(postgres, 0)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bare = (0..PAIRS).map(|_| timed(|| runtime.block_on(login_once(&target(None)))));
    row("the login itself", &format!("{:.1} ms", milliseconds(median(bare.collect()))));
    let relay = Relay::start(postgres.port());
    runtime.block_on(login_once(&target(Some(relay.port))));
    row("its round trips, the connect included", &(relay.round_trips() + 1).to_string());
}

/// Returns the median, and where the middle half lies.
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
    format!("{:.1} ms ({:.1} to {:.1})", at(2), at(1), at(3))
}

/// Returns a directory with a connection for each of so many roles.
fn roles(postgres: &Postgres, count: usize) -> (Kms, Workspace) {
    let (kms, workspace) = connections(1);
    workspace.write("ca.pem", postgres.ca_pem());
    let resource = format!(
        "resource \"kms_postgres_connection\" \"c\" {{\n  count = {count}\n  name = \"c-${{count.index}}\"\n  host = \
         \"localhost\"\n  port = {}\n  database = \"postgres\"\n  username = \"r${{count.index}}\"\n  password = \
         \"p${{count.index}}\"\n  ssl_certificate = file(\"ca.pem\")\n}}\n",
        postgres.port()
    );
    workspace.write("main.tf", &format!("{REQUIRED}{resource}"));
    (kms, workspace)
}

fn target(postgres: &Postgres, index: usize) -> Target {
    Target {
        host: "localhost".to_owned(),
        port: postgres.port(),
        database: "postgres".to_owned(),
        username: format!("r{index}"),
        password: Secret::new(format!("p{index}")),
        tls: Tls::Verified { ca: Some(Certificates::parse(postgres.ca_pem()).expect("a certificate")) },
        address: None,
        questions: Questions::default(),
    }
}

async fn login_once(target: &Target) {
    login(target, Duration::from_secs(30)).await.expect("a login");
}

fn bare_loop(postgres: &Postgres) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    timed(|| {
        runtime.block_on(async {
            let logins = (0..ROLES).map(|index| async move { login_once(&target(postgres, index)).await });
            stream::iter(logins).buffer_unordered(4).collect::<Vec<()>>().await;
        });
    })
}

/// A relay between a client and a server that records the sender of each piece.
struct Relay {
    port: u16,
    senders: Arc<Mutex<Vec<Sender>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

impl Relay {
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let senders = Arc::new(Mutex::new(Vec::new()));
        let record = senders.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("the server");
                let (to_server, to_client) = (server.try_clone(), client.try_clone());
                pass(client, to_server.expect("a socket"), Sender::Client, record.clone());
                pass(server, to_client.expect("a socket"), Sender::Server, record.clone());
            }
        });
        Self { port, senders }
    }

    /// Returns how often bytes, or the end, of the server followed those of the client.
    fn round_trips(&self) -> usize {
        let senders = self.senders.lock().expect("a list");
        senders.windows(2).filter(|turn| turn == &[Sender::Client, Sender::Server]).count()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, sender: Sender, record: Arc<Mutex<Vec<Sender>>>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        loop {
            let count = from.read(&mut bytes).unwrap_or(0);
            record.lock().expect("a list").push(sender);
            if count == 0 || to.write_all(&bytes[..count]).is_err() {
                let _closed = to.shutdown(Shutdown::Write);
                return;
            }
        }
    });
}

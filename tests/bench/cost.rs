//! `cargo bench`: what the provider costs its user, in the release build. Start, memory, size, and wall time beside the
//! same command without it. Read ratios, not milliseconds: the machine is whoever runs this.

#![expect(clippy::print_stdout, clippy::expect_used, clippy::indexing_slicing, reason = "a program for people")]

#[path = "../support/kms/mod.rs"]
mod kms;
#[path = "../support/postgres/mod.rs"]
mod postgres;
#[path = "../support/terraform.rs"]
mod terraform;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use kms::Kms;
use postgres::Postgres;
use terraform::Workspace;

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-kms");
const REQUIRED: &str =
    "terraform {\n  required_providers {\n    kms = {\n      source = \"hanzoai/kms\"\n    }\n  }\n}\n";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

fn main() {
    println!("floors are those of a minimal server of this kind: 2 to 4 ms, 5 MB, 4.7 MB\n");
    size();
    start();
    let one = plans(1);
    let none = without_provider();
    row("plan, one unchanged connection", &format!("{:.0} ms", milliseconds(one)));
    row("plan, no provider at all", &format!("{:.0} ms", milliseconds(none)));
    row("ratio", &format!("{:.2}", one.as_secs_f64() / none.as_secs_f64()));
    thousand();
    logins();
}

fn size() {
    let bytes = fs::metadata(PROVIDER).expect("the provider").len();
    row("binary", &format!("{:.2} MB", bytes as f64 / 1e6));
}

/// From the start of the process to the handshake line, with the host's certificate; resident memory right then.
fn start() {
    let certificate = host_certificate();
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..60 {
        let begin = Instant::now();
        let mut child = Command::new(PROVIDER)
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the provider starts");
        let mut line = String::new();
        let _read = BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line);
        times.push(begin.elapsed());
        assert!(line.starts_with("1|5|"), "{line}");
        memory = status(child.id(), "VmRSS").unwrap_or(memory);
        stop(&mut child);
    }
    let mut floor = Vec::new();
    for _ in 0..60 {
        let begin = Instant::now();
        let _done = Command::new("true").status();
        floor.push(begin.elapsed());
    }
    let (median, floor) = (median(times), median(floor));
    row("start to handshake line, TLS", &format!("{:.2} ms", milliseconds(median)));
    row("start and end of `true`", &format!("{:.2} ms", milliseconds(floor)));
    row("resident at the handshake", &format!("{:.1} MB", memory as f64 / 1e3));
}

/// The median of some plans of that many unchanged connections.
fn plans(count: usize) -> Duration {
    let (_kms, workspace) = connections(count);
    workspace.apply().expect(0);
    median((0..11).map(|_| timed(|| workspace.plan().expect(0))).collect())
}

fn without_provider() -> Duration {
    let workspace = Workspace::new(Path::new(PROVIDER));
    workspace.write("main.tf", "resource \"terraform_data\" \"one\" {\n  input = \"x\"\n}\n");
    workspace.run(&["init", "-no-color"]).expect(0);
    workspace.apply().expect(0);
    median((0..11).map(|_| timed(|| workspace.plan().expect(0))).collect())
}

/// Peak memory of the provider while 1000 connections are planned: to be created, and unchanged.
fn thousand() {
    let (_kms, workspace) = connections(1000);
    let (create, memory) = watched(|| workspace.plan().expect(2));
    row("plan, 1000 connections to create", &format!("{:.2} s", create.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
    workspace.apply().expect(0);
    let (unchanged, memory) = watched(|| workspace.plan().expect(0));
    row("plan, 1000 unchanged connections", &format!("{:.2} s", unchanged.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
    // The same with write-only passwords that are compared by a slow hash each.
    let (_kms, workspace) = connections(1000);
    let configuration = fs::read_to_string(workspace.path().join("main.tf")).expect("a configuration");
    workspace.write("main.tf", &configuration.replace("password =", "password_wo ="));
    workspace.apply().expect(0);
    let (compared, memory) = watched(|| workspace.plan().expect(0));
    row("the same, passwords by fingerprint", &format!("{:.2} s", compared.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
}

/// How many roles log in.
const ROLES: usize = 1000;

/// A plan that logs in with a thousand roles to one server, beside a bare loop over the same logins; and what one login
/// adds to a plan.
fn logins() {
    let postgres = Postgres::start(postgres::Options::default());
    let create = |index: usize| format!("CREATE ROLE r{index} LOGIN PASSWORD 'p{index}'; ");
    postgres.sql(&(0..ROLES).map(create).collect::<String>());
    let bare = bare_loop(&postgres);
    row("bare loop, 1000 logins, 4 at a time", &format!("{:.0} per s", ROLES as f64 / bare.as_secs_f64()));
    let plan = |count: usize, mode: &str| {
        let (_kms, mut workspace) = connections(1);
        workspace.set("KMS_VALIDATION", mode);
        workspace.write("ca.pem", postgres.ca_pem());
        let resource = format!(
            "resource \"kms_postgres_connection\" \"c\" {{\n  count = {count}\n  name = \"c-${{count.index}}\"\n  host = \
             \"localhost\"\n  port = {}\n  database = \"postgres\"\n  username = \"r${{count.index}}\"\n  password = \
             \"p${{count.index}}\"\n  ssl_certificate = file(\"ca.pem\")\n}}\n",
            postgres.port()
        );
        workspace.write("main.tf", &format!("{REQUIRED}{resource}"));
        watched(|| workspace.plan().expect(2))
    };
    let ((with, memory), (without, _)) = (plan(ROLES, "plan"), plan(ROLES, "apply"));
    let logins = with.saturating_sub(without);
    row("plan, 1000 roles", &format!("{:.2} s", with.as_secs_f64()));
    row("the same without logins", &format!("{:.2} s", without.as_secs_f64()));
    row("logins of the plan", &format!("{:.0} per s", ROLES as f64 / logins.as_secs_f64()));
    row("of the bare loop", &format!("{:.2}", bare.as_secs_f64() / logins.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
    let one = median((0..11).map(|_| plan(1, "plan").0).collect());
    let none = median((0..11).map(|_| plan(1, "apply").0).collect());
    row("what one login adds to a plan", &format!("{:.0} ms", milliseconds(one.saturating_sub(none))));
}

fn bare_loop(postgres: &Postgres) -> Duration {
    use terraform_provider_kms::postgres::{Certificates, Questions, Target, Tls, login};
    use terraform_provider_kms::secret::Secret;
    let target = |index: usize| Target {
        host: "localhost".to_owned(),
        port: postgres.port(),
        database: "postgres".to_owned(),
        username: format!("r{index}"),
        password: Secret::new(format!("p{index}")),
        tls: Tls::Verified { ca: Some(Certificates::parse(postgres.ca_pem()).expect("a certificate")) },
        address: None,
        questions: Questions::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    timed(|| {
        runtime.block_on(async {
            let logins = (0..ROLES).map(|index| async move {
                login(&target(index), Duration::from_secs(30)).await.expect("a login");
            });
            stream::iter(logins).buffer_unordered(4).collect::<Vec<()>>().await;
        });
    })
}

fn connections(count: usize) -> (Kms, Workspace) {
    let kms = Kms::start(kms::Options { log_in: false, ..kms::Options::default() });
    let mut workspace = Workspace::new(Path::new(PROVIDER));
    workspace.set("KMS_HOST", &kms.url());
    workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_ID", kms.client_id());
    workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", kms.client_secret());
    workspace.set("KMS_VALIDATION", "off");
    let resource = format!(
        "resource \"kms_postgres_connection\" \"c\" {{\n  count = {count}\n  name = \"c-${{count.index}}\"\n  host = \"db.test\"\n  \
         database = \"d\"\n  username = \"u\"\n  password = \"p\"\n}}\n"
    );
    workspace.write("main.tf", &format!("{REQUIRED}{resource}"));
    (kms, workspace)
}

/// The time of the work, and the highest memory (kB) of any process of the provider meanwhile.
fn watched<T>(work: impl FnOnce() -> T) -> (Duration, u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(providers().filter_map(|pid| status(pid, "VmHWM")).max().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let time = timed(work);
        done.store(true, Ordering::Relaxed);
        (time, watcher.join().expect("a watcher"))
    })
}

fn providers() -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    processes.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let program = fs::read_link(entry.path().join("exe")).ok()?;
        (program == Path::new(PROVIDER)).then_some(pid)
    })
}

/// A line of `/proc/PID/status`, in kB.
fn status(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find(|line| line.starts_with(name))?.split_whitespace().nth(1)?.parse().ok()
}

/// A certificate like Terraform's: self-signed, P-521.
fn host_certificate() -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.self_signed(&key).expect("a certificate").pem()
}

/// Asks it to go: a kill would leave the folder of its socket behind.
fn stop(child: &mut Child) {
    let _asked = Command::new("kill").arg(child.id().to_string()).status();
    let _reaped = child.wait();
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begin = Instant::now();
    let _result = work();
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn row(what: &str, value: &str) {
    println!("{what:<36}{value:>12}");
}

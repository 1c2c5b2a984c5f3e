//! A real PostgreSQL server for tests and the demo: started in seconds, never left behind. Does not depend on Terraform
//! or of the KMS.
//!
//! ```ignore
//! let postgres = Postgres::start(Options::default());
//! postgres.create_role("app", "secret");
//! login(postgres.host(), postgres.port(), postgres.ca_pem(), …);
//! assert!(postgres.log().contains("user=app"));
//! ```
//!
//! The API is synchronous and works inside and outside of an async runtime.
#![allow(dead_code, unused_imports, reason = "each program that includes this folder uses a part of it")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fixture"
)]

mod binaries;
mod certificates;
mod client;
mod supervisor;
mod user;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::time::{Duration, Instant};

pub(crate) use self::binaries::{download, find, majors};
pub(crate) use self::certificates::{Authority, Issued, Validity};
pub(crate) use self::client::Row;
use self::supervisor::Supervisor;
pub(crate) use self::user::{ServerUser, runs};

/// How a server is to be started.
#[derive(Clone)]
pub(crate) struct Options {
    /// Whether it offers TLS, with a certificate for `localhost`, `127.0.0.1` and `::1`.
    pub(crate) tls: bool,
    /// Settings of `postgresql.conf`, by name; they win over those that the fixture makes.
    pub(crate) settings: Vec<(String, String)>,
    /// Whether it is a standby for ever: it replays what no primary sends. Only the role `postgres` is there.
    pub(crate) standby: bool,
    /// The folder of `initdb` and `postgres`; [`find`] looks for one when absent.
    pub(crate) bin_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { tls: true, settings: Vec::new(), standby: false, bin_dir: None }
    }
}

impl Options {
    /// Returns a server without TLS.
    pub(crate) fn without_tls() -> Self {
        Self { tls: false, ..Self::default() }
    }

    /// Returns a standby that accepts queries.
    pub(crate) fn standby() -> Self {
        Self { standby: true, ..Self::default() }
    }

    /// Adds one setting of `postgresql.conf`.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running server. It stops, and its folder vanishes, when this value is dropped or when the process ends in
/// whatever way.
pub(crate) struct Postgres {
    /// Of the role `postgres`.
    pub(crate) superuser_password: String,
    port: u16,
    directory: PathBuf,
    bin_dir: PathBuf,
    user: ServerUser,
    authority: Authority,
    /// Whether it takes logins once it is up.
    hot: bool,
    /// Created when first needed.
    database: OnceLock<&'static str>,
    /// One reload at a time, so that each can wait for its own line in the log.
    reload: Mutex<()>,
    supervisor: Supervisor,
}

/// Lets this process and the server agree: the superuser comes in over the socket whatever a test writes below it.
const HBA_FIRST_LINE: &str = "local all postgres scram-sha-256\n";

impl Postgres {
    /// Starts a server.
    ///
    /// # Panics
    /// When no server is installed or it does not start, with the reason and what to install.
    pub(crate) fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Starts a server. The error is one sentence.
    pub(crate) fn try_start(options: Options) -> Result<Self, String> {
        let bin_dir = options.bin_dir.clone().map_or_else(find, Ok)?;
        // Between the choice of a free port and its use another process may take it.
        let mut attempt = 1;
        loop {
            match Self::start_once(&options, &bin_dir) {
                Err(problem) if problem.contains("Address already in use") && attempt < 5 => attempt += 1,
                result => return result,
            }
        }
    }

    /// Returns one server for the whole test binary. Make roles and databases of your own in it; change no settings.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> = LazyLock::new(|| Postgres::start(Options::default()));
        &SHARED
    }

    fn start_once(options: &Options, bin_dir: &Path) -> Result<Self, String> {
        let user = ServerUser::of_this_process()?;
        let directory = tempfile::Builder::new()
            .prefix("postgres-")
            .tempdir()
            .map_err(|error| format!("no folder for PostgreSQL could be made: {error}"))?
            .keep();
        let mut postgres = Self {
            superuser_password: format!("{:032x}", rand::random::<u128>()),
            port: free_port()?,
            bin_dir: bin_dir.to_owned(),
            authority: Authority::new("Fixture CA"),
            database: OnceLock::new(),
            reload: Mutex::new(()),
            supervisor: Supervisor::start(&directory, bin_dir, &user)?,
            hot: !options.settings.iter().any(|(name, value)| name == "hot_standby" && value == "off"),
            directory,
            user,
        };
        postgres.prepare(options)?;
        postgres.supervisor.go()?;
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// Writes what `initdb` and `postgres` will read.
    fn prepare(&self, options: &Options) -> Result<(), String> {
        let mut settings = vec![
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", self.directory.display().to_string()),
            ("max_connections", "100".to_owned()),
            ("shared_buffers", "16MB".to_owned()),
            ("fsync", "off".to_owned()),
            ("logging_collector", "off".to_owned()),
            ("log_connections", "on".to_owned()),
            ("log_disconnections", "on".to_owned()),
            ("log_line_prefix", "%m [%p] %u@%d ".to_owned()),
            ("lc_messages", "C".to_owned()),
            ("password_encryption", "scram-sha-256".to_owned()),
        ];
        if options.tls {
            let server = self.authority.issue(&["localhost", "127.0.0.1", "::1"], Validity::Now);
            self.write_certificate(&server)?;
            settings.push(("ssl", "on".to_owned()));
            settings.push(("ssl_cert_file", self.path("server.crt").display().to_string()));
            settings.push(("ssl_key_file", self.path("server.key").display().to_string()));
        }
        let given = options.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let lines: String =
            settings.into_iter().chain(given).map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        self.write("fixture.conf", &lines)?;
        if options.standby {
            self.write("standby.signal", "")?;
        }
        self.write("password", &self.superuser_password)?;
        self.user.own(&self.directory)
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // The eighth line of this file is the state that the server reports.
            let status = fs::read_to_string(self.path("data/postmaster.pid")).unwrap_or_default();
            let up = if self.hot { "ready" } else { "standby" };
            if status.lines().nth(7).is_some_and(|line| line.trim() == up) {
                return Ok(());
            }
            if self.path("ended").exists() || Instant::now() > deadline {
                return Err(format!("PostgreSQL did not start. Its log:\n{}", self.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns a database that any role may connect to. One for all tests, because each one costs a copy of 300 files.
    pub(crate) fn database(&self) -> &'static str {
        self.database.get_or_init(|| {
            self.sql("CREATE DATABASE orders");
            "orders"
        })
    }

    /// Returns the port on `127.0.0.1`.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the name that the server's certificate carries.
    pub(crate) fn host(&self) -> &'static str {
        "localhost"
    }

    /// Returns the certificate of the authority that issued the server's.
    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// Returns the authority itself, to issue other certificates.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the folder of `initdb` and `postgres`. Of the client programs only some installations have any.
    pub(crate) fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// Returns everything that the server has written to its log so far.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.path("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs statements as superuser and returns the rows as texts.
    ///
    /// # Panics
    /// When a statement fails.
    pub(crate) fn sql(&self, statements: &str) -> Vec<Row> {
        self.try_sql(statements).unwrap_or_else(|problem| panic!("{statements}: {problem}"))
    }

    /// Runs statements as superuser; an error is the server's text.
    pub(crate) fn try_sql(&self, statements: &str) -> Result<Vec<Row>, String> {
        client::run(&self.directory, self.port, &self.superuser_password, statements)
    }

    /// Makes a role that may log in.
    pub(crate) fn create_role(&self, name: &str, password: &str) {
        let password = password.replace('\'', "''");
        self.sql(&format!("CREATE ROLE {} LOGIN PASSWORD '{password}'", quoted(name)));
    }

    /// Replaces the access rules below the one that lets the superuser in over the socket.
    pub(crate) fn set_access_rules(&self, rules: &str) {
        self.write("data/pg_hba.conf", &format!("{HBA_FIRST_LINE}{rules}\n"))
            .and_then(|()| self.reload())
            .unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Replaces the certificate that new connections get.
    pub(crate) fn set_certificate(&self, certificate: &Issued) {
        self.write_certificate(certificate).and_then(|()| self.reload()).unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Stops the server and removes its folder; returns when both are done.
    pub(crate) fn stop(self) {
        drop(self);
    }

    /// Returns the folder that holds everything of this server.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns when new connections see what was written.
    fn reload(&self) -> Result<(), String> {
        const DONE: &str = "received SIGHUP";
        let _one_at_a_time = self.reload.lock().map_err(|error| error.to_string())?;
        let before = self.log().matches(DONE).count();
        self.try_sql("SELECT pg_reload_conf()")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.log().matches(DONE).count() == before {
            if Instant::now() > deadline {
                return Err("PostgreSQL did not read its changed configuration within 10 s".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn write_certificate(&self, issued: &Issued) -> Result<(), String> {
        self.write("server.crt", &issued.certificate_pem)?;
        self.write("server.key", &issued.key_pem)
    }

    /// Writes a file that only the server's user may read.
    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        self.user.write(&self.path(name), text)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Returns an identifier in SQL.
pub(crate) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}

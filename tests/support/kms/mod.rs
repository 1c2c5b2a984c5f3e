//! A faithful KMS for tests, the demo and manual use: the app-connections API of a self-hosted server, which really logs
//! in to PostgreSQL. Does not depend on Terraform.
//!
//! ```ignore
//! let kms = Kms::start(Options::default());
//! client(kms.url(), kms.client_id(), kms.client_secret());
//! assert_eq!(kms.requests().len(), 2);
//! ```
//!
//! The API is synchronous and works inside and outside of an async runtime.
#![allow(dead_code, reason = "each program that includes this folder uses a part of it")]
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fixture")]

mod auth_methods;
mod body;
mod broken_connection;
mod certificates;
mod connections;
mod database;
mod fault_control;
mod faults;
mod host_rules;
mod limits;
mod lists;
mod recorder;
mod refusal;
mod routes;
mod schema;
mod server;
mod store;
mod tokens;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use self::broken_connection::{Cutter, Lines};
pub(crate) use self::faults::{Fault, Storm};
pub(crate) use self::recorder::Recorded;
use self::server::Server;

/// The options of a server.
#[derive(Clone)]
pub(crate) struct Options {
    /// On `127.0.0.1`; a free one when absent.
    pub(crate) port: Option<u16>,
    /// Whether credentials are tried on the database before they are stored.
    pub(crate) log_in: bool,
    /// Whether databases on private addresses are allowed.
    pub(crate) allow_internal: bool,
    /// Waited before each request is handled.
    pub(crate) latency: Duration,
    /// Reads above this are refused until the minute is over.
    pub(crate) reads_per_minute: Option<u32>,
    /// The same for writes, logins among them.
    pub(crate) writes_per_minute: Option<u32>,
    /// The length of a minute of these limits; shorter in tests.
    pub(crate) minute: Duration,
    /// The file that keeps the identity and the connections; none survive without one. Tokens never do.
    pub(crate) data: Option<PathBuf>,
    /// The lifetime of an access token in whole seconds; zero means no expiry.
    pub(crate) token_ttl: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: None,
            log_in: true,
            allow_internal: true,
            latency: Duration::ZERO,
            reads_per_minute: None,
            writes_per_minute: None,
            minute: Duration::from_secs(60),
            data: None,
            token_ttl: Duration::from_secs(2_592_000),
        }
    }
}

/// A running server; it stops when this value is dropped.
pub(crate) struct Kms {
    server: Arc<Server>,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Kms {
    /// Starts a server.
    ///
    /// # Panics
    /// When the server does not start, with the reason.
    pub(crate) fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Starts a server. The error is one sentence.
    pub(crate) fn try_start(options: Options) -> Result<Self, String> {
        let wanted = options.port.unwrap_or(0);
        let refused = |error: std::io::Error| format!("no server can listen on 127.0.0.1:{wanted}: {error}");
        // From here on connections are accepted; requests are served once the thread runs.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let server = Arc::new(Server::new(options)?);
        let (stop, stopped) = oneshot::channel();
        let routes = Arc::clone(&server).router().into_make_service_with_connect_info::<Cutter>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let lines = Lines(tokio::net::TcpListener::from_std(listener).unwrap());
                let served = axum::serve(lines, routes).into_future();
                tokio::select! {
                    _ = stopped => {}
                    _ = served => {}
                }
            });
            // A resolver that still waits for a response must not delay the end.
            runtime.shutdown_background();
        });
        Ok(Self { server, port, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the URL of the server, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the port on `127.0.0.1`.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the client ID of the only identity, for universal auth.
    pub(crate) fn client_id(&self) -> &str {
        &self.server.identity().client_id
    }

    /// Returns the client secret of the only identity.
    pub(crate) fn client_secret(&self) -> &str {
        &self.server.identity().client_secret
    }

    /// Returns the ID of the only identity, for machine identity auth methods.
    pub(crate) fn identity_id(&self) -> &str {
        &self.server.identity().identity_id
    }

    /// Lets the identity in with this token, and no other, at a login (`oidc-auth`, `kubernetes-auth`, …).
    ///
    /// # Panics
    /// When there is no such login.
    pub(crate) fn trust_jwt(&self, login: &str, jwt: &str) {
        let method = auth_methods::AuthMethod::of(login).unwrap_or_else(|| panic!("there is no login `{login}`"));
        self.server.logins.lock().unwrap().trust_jwt(method, jwt);
    }

    /// Lets the identity in with signatures of this key of AWS.
    pub(crate) fn trust_aws_key(&self, id: &str, secret: &str) {
        self.server.logins.lock().unwrap().trust_key(id, secret);
    }

    /// Returns an access token, as a user creates one in the user interface.
    pub(crate) fn issue_token(&self) -> String {
        let issued = self.server.tokens.lock().unwrap().issue();
        issued["accessToken"].as_str().unwrap().to_owned()
    }

    /// Returns the only project.
    pub(crate) fn project_id(&self) -> &str {
        &self.server.identity().project_id
    }

    /// Returns the only organisation.
    pub(crate) fn org_id(&self) -> &str {
        &self.server.identity().org_id
    }

    /// Returns the requests so far, in the order of arrival.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.server.recorder.lock().unwrap().all()
    }

    /// Returns the number of open requests. A request whose client is gone counts, because the server still carries it out.
    pub(crate) fn in_flight(&self) -> usize {
        self.server.recorder.lock().unwrap().in_flight()
    }

    /// Removes the recorded requests.
    pub(crate) fn clear_requests(&self) {
        self.server.recorder.lock().unwrap().clear();
    }

    /// Returns all connections, oldest first, in the shape of the API plus `credentials.password`.
    pub(crate) fn connections(&self) -> Vec<Value> {
        self.server.store().rows().to_vec()
    }

    /// Changes a connection, as another user would in the user interface.
    ///
    /// # Panics
    /// When there is none with this id, or the new name is taken.
    pub(crate) fn edit(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let edited = self.server.store().update(id, false, change).unwrap();
        assert!(edited.is_some(), "there is no connection `{id}`");
    }

    /// Places a connection, also one of another app; what the database would give may be left out. Returns its id.
    ///
    /// # Panics
    /// When the name is taken.
    pub(crate) fn insert(&self, connection: Value) -> String {
        self.server.store().insert(connection).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Removes a connection, as another user would in the user interface.
    ///
    /// # Panics
    /// When there is none with this id.
    pub(crate) fn remove(&self, id: &str) {
        assert!(self.server.store().remove(id).unwrap().is_some(), "there is no connection `{id}`");
    }

    /// The next `count` requests with this method (`*` for any) and a path that starts so fail; with a `$` at its
    /// end it is the whole path. Of several orders for a request the oldest counts.
    pub(crate) fn fail(&self, method: &str, path_prefix: &str, count: usize, fault: Fault) {
        self.server.faults.lock().unwrap().order(method, path_prefix, count, fault);
    }

    /// Orders faults in the syntax of the control route, one per line. See `faults/text.rs`.
    ///
    /// # Errors
    /// When a line cannot be read; then nothing is ordered.
    pub(crate) fn order_faults(&self, text: &str) -> Result<(), String> {
        self.server.faults.lock().unwrap().order_text(text)
    }

    /// Lets a share of all requests fail at random, except those that other orders match.
    pub(crate) fn set_storm(&self, storm: Storm) {
        self.server.faults.lock().unwrap().set_storm(storm);
    }

    /// Returns how often each fault has occurred so far.
    pub(crate) fn faults_met(&self) -> BTreeMap<String, usize> {
        self.server.faults.lock().unwrap().met()
    }

    /// Takes back every failure that is still to come.
    pub(crate) fn stop_failing(&self) {
        self.server.faults.lock().unwrap().clear();
    }

    /// Makes all tokens unknown, as when an administrator revokes them.
    pub(crate) fn revoke_tokens(&self) {
        self.server.tokens.lock().unwrap().revoke_all();
    }

    /// Takes `read`, `create`, `edit` or `delete` away from the identity's roles.
    pub(crate) fn forbid(&self, action: &str) {
        self.server.forbidden.lock().unwrap().insert(action.to_owned());
    }

    /// Makes something in the KMS use a connection, so that it cannot be deleted.
    pub(crate) fn use_connection(&self, id: &str) {
        self.server.in_use.lock().unwrap().insert(id.to_owned());
    }

    /// Lets nothing be written until it is switched off.
    pub(crate) fn set_maintenance(&self, on: bool) {
        self.server.maintenance.store(on, Ordering::SeqCst);
    }
}

impl Drop for Kms {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of its thread has been printed; one more here would hide the test's own.
            _ = thread.join();
        }
    }
}

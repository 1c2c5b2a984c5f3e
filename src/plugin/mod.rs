//! The process of a plugin: handshake, listener, TLS, log and shutdown. Does not depend on the service that it serves.
//!
//! The plugin host (Terraform, OpenTofu) starts the program with a cookie in its environment and, nearly always, a one-time
//! certificate. The program binds a socket that only its user can reach, prints one line with the address and its own
//! certificate, and then serves the holder of the host's key. The host ends the program with a gRPC call.
//!
//! Deliberately absent: several protocol versions; further connections by the broker or by multiplexing, which no host of
//! providers uses; limits of message sizes, which the service sets (the default of tonic is 4 MiB, hosts expect 256 MiB).

mod connection;
mod handshake;
mod listener;
mod log;
mod mtls;
mod proto;
mod services;
mod shutdown;
#[cfg(unix)]
mod stale_sockets;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::panic_hook;
use crate::plugin::listener::Listener;

/// The time that open calls have after the host's call to shut down. The host kills the process after two seconds.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// The idle time before the exit after SIGTERM, in which the last response is sent and the host can end the process itself.
const IDLE_BEFORE_EXIT: Duration = Duration::from_secs(2);

/// The time that calls have after SIGTERM. A cancelled call ends far earlier.
const TERMINATION_GRACE: Duration = Duration::from_secs(45);

/// The names and versions of a program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name of the executable, for messages.
    pub name: &'static str,
    /// The version of the program, not of a protocol.
    pub version: &'static str,
    /// The full source address, `host/namespace/type`.
    pub address: &'static str,
    /// The major version of the plugin protocol that the service implements.
    pub protocol: u32,
}

/// How the program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchMode {
    /// By a plugin host: one encrypted session, until the host ends it or exits.
    Plugin,
    /// By a user for debugging: any number of sessions in plain text, until Ctrl-C.
    Debug,
}

/// The reason why the program cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No cookie, or a wrong one: a user started the program.
    #[error("this program is a plugin and was not started by Terraform or OpenTofu")]
    NoHost,
    /// The host's certificate cannot be parsed. Serving in plain text instead would expose the host's secrets.
    #[error(
        "`PLUGIN_CLIENT_CERT` is not a certificate in PEM format ({0}); do not set this variable: Terraform or OpenTofu sets \
         it"
    )]
    HostCertificate(String),
    /// The program's own certificate could not be generated.
    #[error("cannot generate the certificate for the connection with Terraform: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration was rejected.
    #[error("cannot configure TLS for the connection with Terraform: {0}")]
    ServerTls(#[from] rustls::Error),
    /// No socket: the directory is full, not writable, or its path is too long.
    #[error("cannot listen for Terraform on {address}: {source}; {advice}")]
    Listen {
        /// The directory or the range of ports.
        address: String,
        /// The error of the system.
        source: io::Error,
        /// What to change.
        advice: &'static str,
    },
    /// The host does not read standard output; it has probably exited.
    #[error("cannot write the handshake line to standard output: {0}")]
    Announce(io::Error),
    /// The system has no event queue or signal handler for the process.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// The gRPC server failed.
    #[error("the connection with Terraform failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves until the host, a signal or Ctrl-C ends the process. To be called once, from `main`, outside of an async runtime.
///
/// SIGTERM cancels `stop`; the calls of `service` must end soon after that. The socket is removed before this returns.
///
/// # Errors
/// When the program was not started by a host, or cannot serve it.
pub fn serve<S>(program: &Program, service: S, mode: LaunchMode, stop: CancellationToken) -> Result<(), Error>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let client_certificate = match mode {
        LaunchMode::Plugin => {
            shutdown::forbid_core_dumps();
            handshake::client_certificate()?
        }
        LaunchMode::Debug => None,
    };
    panic_hook::install(program.name);
    log::install();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let calls = TaskTracker::new();
        let service = Routes::new(services::Counted::new(service, calls.clone()));
        let ended = shutdown::watch(mode, stop, all_finished(calls))?;
        run(program, service, mode, client_certificate, ended).await
    });
    // A blocking call that hangs (a name lookup) must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

/// Listens, prints the handshake and serves until `ended` or the host's call to shut down.
async fn run(
    program: &Program,
    service: Routes,
    mode: LaunchMode,
    client_certificate: Option<rustls::pki_types::CertificateDer<'static>>,
    ended: impl Future<Output = ()>,
) -> Result<(), Error> {
    let listener = Listener::bind()?;
    let tls = client_certificate.map(mtls::ServerTls::new).transpose()?;
    let certificate = tls.as_ref().map(|tls| &tls.certificate);
    match mode {
        LaunchMode::Plugin => handshake::announce(program, &listener.address, certificate)?,
        LaunchMode::Debug => handshake::announce_debug(program, &listener.address)?,
    }
    tracing::debug!(version = program.version, encrypted = tls.is_some(), ?mode, "listening");
    handshake::check_versions(program);
    #[cfg(unix)]
    if let Some(directory) = listener.parent_directory().map(ToOwned::to_owned) {
        tokio::task::spawn_blocking(move || stale_sockets::remove(&directory));
    }

    let end = CancellationToken::new();
    let (sender, connections) = mpsc::channel(1);
    let accepting = connection::accept(&listener, tls.map(|tls| tls.acceptor), sender);
    let serving = Server::builder().add_routes(services::add(service, mode, &end)).serve_with_incoming_shutdown(
        ReceiverStream::new(connections).map(Ok::<_, Infallible>),
        end.clone().cancelled_owned(),
    );
    let shut_down = async {
        end.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        outcome = serving => outcome?,
        () = accepting => {}
        () = shut_down => {}
        () = ended => {}
    }
    Ok(())
}

/// Ends when no call has run for a while, or when calls do not end within the limit.
async fn all_finished(calls: TaskTracker) {
    let idle = async {
        loop {
            calls.close();
            calls.wait().await;
            tokio::time::sleep(IDLE_BEFORE_EXIT).await;
            if calls.is_empty() {
                break;
            }
        }
    };
    let _timed_out = tokio::time::timeout(TERMINATION_GRACE, idle).await;
}

//! A process that a plugin host (Terraform, OpenTofu) can start, talk to and end. Knows environment, sockets, TLS and
//! gRPC; knows nothing of what the service it serves means.
//!
//! The host starts the program with a cookie in its environment and, nearly always, a one-time certificate. The program
//! binds a socket only its user can reach, prints one line with the address and a certificate of its own, and from
//! then on serves whoever proves to hold the host's key. The host ends it with a gRPC call.
//!
//! Deliberately absent: several protocol versions, connections negotiated later through the broker or multiplexed over
//! the first one (no host of providers uses them), and limits on message sizes, which belong to the service that is
//! served (tonic refuses requests above 4 MiB unless a service allows more; hosts expect 256 MiB).

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

/// How long open calls may delay the exit after the host asked for it. The host itself kills after two seconds.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// After a request to terminate: how long to stay without a call, so that the last answer is sent and the host can say
/// goodbye itself.
const LINGER: Duration = Duration::from_secs(2);

/// How long calls may delay the exit after a request to terminate. A call that is stopped ends far earlier.
const TERMINATION_GRACE: Duration = Duration::from_secs(45);

/// What this program says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name of the executable, as it stands in messages.
    pub name: &'static str,
    /// The version of the program, not of a protocol.
    pub version: &'static str,
    /// The full source address, `host/namespace/type`, under which a host knows the plugin.
    pub address: &'static str,
    /// The one major version of the plugin protocol that the service speaks.
    pub protocol: u32,
}

/// Who started the program and decides when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchMode {
    /// A plugin host: one session, encrypted, ends when the host says so or is gone.
    Plugin,
    /// A person with a debugger: any number of sessions, in plain text, until Ctrl-C.
    Debug,
}

/// Why the program cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no cookie or a wrong one: a person started the program by hand.
    #[error("the program was not started by Terraform or OpenTofu")]
    NoHost,
    /// The host's certificate cannot be read. Serving in plain text instead would give the host's secrets away.
    #[error(
        "the host's certificate in `PLUGIN_CLIENT_CERT` is not a certificate in PEM form ({0}); leave this variable to \
         Terraform or OpenTofu"
    )]
    HostCertificate(String),
    /// Our own certificate could not be made.
    #[error("cannot make a certificate for the connection with the host: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be put to use.
    #[error("cannot prepare the encrypted connection with the host: {0}")]
    ServerTls(#[from] rustls::Error),
    /// No socket: the directory is full, not writable, or its path is too long.
    #[error("cannot listen for the host on {place}: {source}; {advice}")]
    Listen {
        /// The directory or the range of ports.
        place: String,
        /// What the system said.
        source: io::Error,
        /// What to change.
        advice: &'static str,
    },
    /// The host does not read what we print; it is probably gone.
    #[error("cannot tell the host where to connect (standard output: {0})")]
    Announce(io::Error),
    /// The system refuses what every process needs: event queue, signal handlers.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// Serving stopped by itself.
    #[error("cannot go on serving the host: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves until the host, a signal or Ctrl-C ends it. To be called once, from `main`, outside any async runtime.
///
/// `stop` is cancelled when the process is asked to terminate: the calls of `service` must end soon after that.
///
/// Standard output belongs to the handshake from here on. When this returns, the socket is gone.
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
            handshake::accept_invitation()?
        }
        LaunchMode::Debug => None,
    };
    panic_hook::install(program.name);
    log::install();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let calls = TaskTracker::new();
        let service = Routes::new(services::Counted::new(service, calls.clone()));
        let over = shutdown::watch(mode, stop, answered(calls))?;
        run(program, service, mode, client_certificate, over).await
    });
    // A blocking call that hangs (a name lookup) must not keep a process alive that the host has dismissed.
    runtime.shutdown_background();
    outcome
}

/// The life of the process between the invitation and the exit.
async fn run(
    program: &Program,
    service: Routes,
    mode: LaunchMode,
    client_certificate: Option<rustls::pki_types::CertificateDer<'static>>,
    over: impl Future<Output = ()>,
) -> Result<(), Error> {
    let listener = Listener::bind()?;
    let tls = client_certificate.map(mtls::ServerTls::new).transpose()?;
    let certificate = tls.as_ref().map(|tls| &tls.certificate);
    match mode {
        LaunchMode::Plugin => handshake::announce(program, &listener.address, certificate)?,
        LaunchMode::Debug => handshake::announce_debug(program, &listener.address)?,
    }
    tracing::debug!(version = program.version, encrypted = tls.is_some(), ?mode, "ready for the host");
    handshake::compare_versions(program);
    listener.remove_leftovers();

    let end = CancellationToken::new();
    let (sender, connections) = mpsc::channel(1);
    let accepting = connection::accept(&listener, tls.map(|tls| tls.acceptor), sender);
    let serving = Server::builder().add_routes(services::add(service, mode, &end)).serve_with_incoming_shutdown(
        ReceiverStream::new(connections).map(Ok::<_, Infallible>),
        end.clone().cancelled_owned(),
    );
    let dismissed = async {
        end.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        outcome = serving => outcome?,
        () = accepting => {}
        () = dismissed => {}
        () = over => {}
    }
    Ok(())
}

/// Ends when no call has run for a while, or calls do not end.
async fn answered(calls: TaskTracker) {
    let quiet = async {
        loop {
            calls.close();
            calls.wait().await;
            tokio::time::sleep(LINGER).await;
            if calls.is_empty() {
                break;
            }
        }
    };
    let _too_long = tokio::time::timeout(TERMINATION_GRACE, quiet).await;
}

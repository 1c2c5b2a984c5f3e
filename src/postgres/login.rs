//! The stages of a login: DNS, TCP, SSLRequest, TLS, login, one query, goodbye. One deadline limits all of them.
//!
//! Everything happens in the caller's task: a dropped future closes the socket and leaves nothing behind.

mod endpoint_probe;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rustls::pki_types::ServerName;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_rustls::TlsConnector;

pub use self::endpoint_probe::{EndpointReport, TlsReport};
use super::privileges;
use super::{Channel, Endpoint, Facts, Reason, Refusal, Stage, Target, Tls, Unanswered, address, tls};
use crate::postgres::failure::{Failure, client_failure, foreign, tls_failure};
use crate::postgres::guard::Guard;
use crate::postgres::text::printable;

/// A successful login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Addresses of the name that came earlier and could not be reached, each with its error.
    pub unreachable_addresses: Vec<(SocketAddr, String)>,
    /// The version that the server reports, for example `17.10`.
    pub server_version: Option<String>,
    /// Whether the server requested the password; one that uses `trust` does not, and has not checked it.
    pub password_requested: bool,
    /// The facts of the catalogs; `None` if the target has no questions.
    pub facts: Option<Result<Facts, Unanswered>>,
    /// The duration from the first lookup to the last response.
    pub milliseconds: u64,
}

/// The application name in the server's log.
const APPLICATION_NAME: &str = "terraform-provider-kms";
/// How long to wait for the server to close: after that its backend is gone.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long to wait for more of a response that is not PostgreSQL's.
const REST_OF_FOREIGN_RESPONSE: Duration = Duration::from_millis(200);

/// Logs in once, runs one query and the target's questions, and disconnects. `timeout` covers everything from the first lookup to the last response.
///
/// # Errors
/// Why the login failed.
#[expect(clippy::disallowed_methods, reason = "resolves, then logs in")]
pub async fn login(target: &Target, timeout: Duration) -> Result<Accepted, Refusal> {
    resolve(target, timeout).await?.login().await
}

/// The first half of [`login`]: resolves the name, and contacts only name servers.
///
/// # Errors
/// When the name does not resolve, or the time was over.
pub async fn resolve(target: &Target, timeout: Duration) -> Result<ResolvedHost, Refusal> {
    let target = target.trimmed();
    let mut attempt = DialAttempt {
        endpoint: Endpoint {
            host: target.host.clone(),
            port: target.port,
            address: None,
            local: None,
            overridden: target.address.clone(),
        },
        unreachable_addresses: Vec::new(),
        responded: false,
        password_pending: false,
        deadline: Instant::now() + timeout,
        began: Instant::now(),
        at: OffsetDateTime::now_utc(),
    };
    match attempt.resolve(&target).await {
        Ok(addresses) => Ok(ResolvedHost { target, addresses, attempt }),
        Err(failure) => Err(attempt.refusal(&target, failure)),
    }
}

/// A login whose host is resolved and that is not connected yet. Its deadline counts.
pub struct ResolvedHost {
    target: Target,
    addresses: Vec<SocketAddr>,
    attempt: DialAttempt,
}

impl ResolvedHost {
    /// Returns the addresses of the name, in the order in which they are tried.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same login, which will try no other addresses than these.
    #[must_use]
    pub fn only(self, addresses: Vec<SocketAddr>) -> Self {
        Self { addresses, ..self }
    }

    /// The second half of [`login`].
    ///
    /// # Errors
    /// Why the login failed.
    pub async fn login(mut self) -> Result<Accepted, Refusal> {
        let addresses = std::mem::take(&mut self.addresses);
        let result = self.attempt.run(&self.target, addresses).await;
        result.map_err(|failure| self.attempt.refusal(&self.target, failure))
    }
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The state of one attempt.
struct DialAttempt {
    endpoint: Endpoint,
    unreachable_addresses: Vec<(SocketAddr, String)>,
    /// Whether the server has sent anything.
    responded: bool,
    /// Whether the server received the password and sent no result.
    password_pending: bool,
    deadline: Instant,
    began: Instant,
    at: OffsetDateTime,
}

impl DialAttempt {
    fn refusal(&mut self, target: &Target, failure: Failure) -> Refusal {
        Refusal {
            reason: failure.reason,
            server_error: failure.server_error,
            endpoint: self.endpoint.clone(),
            unreachable_addresses: std::mem::take(&mut self.unreachable_addresses),
            responded: self.responded,
            password_pending: self.password_pending,
            database: target.database.clone(),
            username: target.username.clone(),
            stage: failure.stage,
            at: self.at,
        }
    }

    async fn run(&mut self, target: &Target, addresses: Vec<SocketAddr>) -> Result<Accepted, Failure> {
        let socket = self.dial(addresses).await?;
        let (stream, channel): (Box<dyn Stream>, Option<Channel>) = match &target.tls {
            Tls::Off => (Box::new(socket), Some(Channel::Plain)),
            Tls::Unverified => {
                (Box::new(self.encrypt(socket, target, tls::unverified()).await?), Some(Channel::Unverified))
            }
            Tls::Verified { ca } => {
                let stream = self.encrypt(socket, target, tls::verified(ca.as_ref())).await?;
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let host = self.server_name(target);
                let strict = host.is_some_and(|host| tls::is_strictly_verified(ca.as_ref(), chain, &host));
                (Box::new(stream), (!strict).then_some(Channel::LenientlyVerified))
            }
        };
        let mut stream = Guard::new(stream, channel.filter(|_| !target.dials_loopback()));
        let result = self.log_in(&mut stream, target).await;
        self.responded |= stream.has_received();
        self.password_pending = stream.password_is_pending();
        result
    }

    /// Waits for one stage, but never past the deadline.
    async fn wait<T>(&self, stage: Stage, work: impl Future<Output = T>) -> Result<T, Failure> {
        timeout_at(self.deadline, work).await.map_err(|_| stage.failed(Reason::TimedOut { stage }))
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, Failure> {
        let dialled = target.dialled();
        if let Ok(ip) = dialled.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, dialled.port)]);
        }
        if dialled.host.is_empty()
            || dialled.host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || !c.is_ascii())
        {
            return Err(Stage::Dns.failed(Reason::UnusableHost));
        }
        let failed = |detail: &str| Stage::Dns.failed(Reason::DnsFailed { detail: printable(detail) });
        let found = self.wait(Stage::Dns, lookup_host((dialled.host.as_str(), dialled.port))).await?;
        let found: Vec<_> = found.map_err(|error| failed(&error.to_string()))?.collect();
        if found.is_empty() { Err(failed("it has no address")) } else { Ok(found) }
    }

    /// Connects to the first address that can be reached. Any response ends the search. The time that is left
    /// is shared by the addresses that are left: a silent one does not use up the time of the next.
    async fn dial(&mut self, addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
        let mut last = Stage::Tcp.failed(Reason::DnsFailed { detail: "it has no address".to_owned() });
        let count = addresses.len();
        for (tried, address) in addresses.into_iter().enumerate() {
            self.endpoint.address = Some(address);
            if let Some(kind) = address::forbidden(address.ip()) {
                return Err(Stage::Tcp.failed(Reason::ForbiddenAddress { address: address.ip(), kind }));
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(count - tried).unwrap_or(u32::MAX);
            match timeout(share, TcpStream::connect(address)).await {
                Err(_elapsed) => {
                    self.unreachable_addresses.push((address, "connection timed out".to_owned()));
                    last = Stage::Tcp.failed(Reason::TimedOut { stage: Stage::Tcp });
                }
                Ok(Ok(socket)) => {
                    self.endpoint.local = socket.local_addr().ok();
                    // Only for speed: without it some responses come 40 ms later.
                    let _ignored = socket.set_nodelay(true);
                    return Ok(socket);
                }
                Ok(Err(error)) => {
                    self.unreachable_addresses.push((address, printable(&error.to_string())));
                    last = Stage::Tcp.broken(&error);
                }
            }
        }
        Err(last)
    }

    /// Requests TLS with PostgreSQL's message and starts it.
    async fn encrypt(
        &mut self,
        mut socket: TcpStream,
        target: &Target,
        config: Result<rustls::ClientConfig, rustls::Error>,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
        let config = config.map_err(|error| tls_failure(&error))?;
        let offered = self.wait(Stage::SslRequest, ask_for_tls(&mut socket)).await?;
        self.responded = !matches!(&offered, Err(failure) if matches!(failure.reason, Reason::Closed { .. }));
        offered?;
        let name = self.server_name(target).ok_or_else(|| Stage::Tls.failed(Reason::UnusableHost))?;
        let connector = TlsConnector::from(Arc::new(config));
        let connected = self.wait(Stage::Tls, connector.connect(name, socket)).await?;
        connected.map_err(|error| Stage::Tls.broken(&error))
    }

    /// The name that the certificate must carry: the host as given, wherever the connection goes.
    fn server_name(&self, target: &Target) -> Option<ServerName<'static>> {
        let host = target.host.strip_suffix('.').unwrap_or(&target.host);
        match (ServerName::try_from(host.to_owned()), &target.tls, self.endpoint.address) {
            (Ok(name), ..) => Some(name),
            // Where no name is checked any will do; an address is not sent along.
            (Err(_), Tls::Unverified, Some(address)) => Some(address.ip().into()),
            (Err(_), ..) => None,
        }
    }

    async fn log_in(&mut self, stream: &mut Guard<Box<dyn Stream>>, target: &Target) -> Result<Accepted, Failure> {
        let mut config = Config::new();
        config
            .user(&target.username)
            .dbname(&target.database)
            .password(target.password.expose())
            .application_name(APPLICATION_NAME)
            .ssl_mode(SslMode::Disable);
        let failed = |stage: Stage, error: &tokio_postgres::Error| client_failure(stage, error, target);

        let connected = self.wait(Stage::Login, config.connect_raw(&mut *stream, NoTls)).await?;
        let (client, mut connection) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let failure = failed(Stage::Login, &error);
                if let Reason::NotPostgres { first, .. } = failure.reason {
                    return Err(foreign_response(Stage::Login, first, stream.unguarded()).await);
                }
                say_goodbye(stream.unguarded()).await;
                return Err(failure);
            }
        };
        let server_version = connection.parameter("server_version").map(printable);
        let result = self.wait(Stage::Query, drive(client.simple_query("SELECT 1"), &mut connection)).await?;
        let facts = match &result {
            Ok(_) if !target.questions.is_empty() => {
                let is_cockroach = connection.parameter("crdb_version").is_some();
                Some(match privileges::applicable(server_version.as_deref(), is_cockroach) {
                    Ok(()) => self.ask(&client, &mut connection, target).await,
                    Err(reason) => Err(reason),
                })
            }
            _ => None,
        };
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);

        // Without its client the connection sends Terminate and closes.
        drop(client);
        let _ended = timeout(GOODBYE, connection).await;
        say_goodbye(stream.unguarded()).await;

        result.map_err(|error| failed(Stage::Query, &error))?;
        Ok(Accepted {
            endpoint: self.endpoint.clone(),
            unreachable_addresses: std::mem::take(&mut self.unreachable_addresses),
            server_version,
            password_requested: stream.password_was_requested(),
            facts,
            milliseconds,
        })
    }

    /// Reads the catalogs. A failure here does not change the outcome of the login.
    async fn ask(
        &self,
        client: &Client,
        connection: &mut (impl Future<Output = Result<(), tokio_postgres::Error>> + Unpin),
        target: &Target,
    ) -> Result<Facts, Unanswered> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let sql = privileges::sql(&target.questions, left);
        let result = timeout_at(self.deadline, drive(client.simple_query(&sql), connection)).await;
        match result {
            Ok(Ok(messages)) => privileges::read(&messages, &target.questions).ok_or(Unanswered::Unreadable),
            Ok(Err(error)) => Err(Unanswered::Failed(match client_failure(Stage::Query, &error, target) {
                Failure { server_error: Some(error), .. } => format!("{} {}", error.sqlstate, error.message),
                Failure { .. } => printable(&error.to_string()),
            })),
            Err(_elapsed) => Err(Unanswered::TimedOut),
        }
    }
}

/// Sends SSLRequest and reads the one-byte response.
async fn ask_for_tls(socket: &mut TcpStream) -> Result<(), Failure> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let stage = Stage::SslRequest;
    socket.write_all(&SSL_REQUEST).await.map_err(|error| stage.broken(&error))?;
    match socket.read_u8().await.map_err(|error| stage.broken(&error))? {
        b'S' => {
            // A server waits now. Bytes that have already arrived are another protocol (`SSH-2.0-…`), or an attempt to have
            // them read as if they were encrypted.
            let mut more = [0];
            match socket.peek(&mut more).now_or_never() {
                Some(Ok(count)) if count > 0 => Err(foreign_response(stage, b"S".to_vec(), socket).await),
                _ => Ok(()),
            }
        }
        b'N' => Err(stage.failed(Reason::TlsNotOffered)),
        b'E' => Err(error_instead_of_response(socket).await),
        first => Err(foreign_response(stage, vec![first], socket).await),
    }
}

/// Reads the error that a server sends if it is too old or too busy to respond. It is not authenticated, so its text is not
/// used.
async fn error_instead_of_response(socket: &mut TcpStream) -> Failure {
    const MAX_ERROR_SIZE: u32 = 32 * 1024;
    let stage = Stage::SslRequest;
    match socket.read_u32().await {
        Ok(4..=MAX_ERROR_SIZE) => stage.failed(Reason::TlsNotNegotiated),
        // Not the length of a message: another protocol, such as one that sends `ERROR`.
        Ok(other) => foreign_response(stage, [&b"E"[..], &other.to_be_bytes()].concat(), socket).await,
        Err(error) => stage.broken(&error),
    }
}

/// Reads more of a response that is not PostgreSQL's, as far as it comes soon.
async fn foreign_response(stage: Stage, mut bytes: Vec<u8>, stream: &mut (impl AsyncRead + Unpin)) -> Failure {
    let _whatever_came = timeout(REST_OF_FOREIGN_RESPONSE, async {
        while bytes.len() < 8 && matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {}
    })
    .await;
    stage.failed(foreign(bytes))
}

/// Drives the connection until the query has its result.
async fn drive<T>(
    query: impl Future<Output = Result<T, tokio_postgres::Error>>,
    connection: &mut (impl Future<Output = Result<(), tokio_postgres::Error>> + Unpin),
) -> Result<T, tokio_postgres::Error> {
    let mut query = pin!(query);
    tokio::select! {
        biased;
        result = &mut query => result,
        ended = connection => {
            ended?;
            query.await
        }
    }
}

/// Reads until the server closes, so that its backend is gone and its log shows a clean disconnection.
async fn say_goodbye(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let _closed = timeout(GOODBYE, async {
        let _shut = stream.shutdown().await;
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    })
    .await;
}

//! Logs in to PostgreSQL as the KMS does, with the error texts of its driver. Does not depend on requests.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::certificates;
use super::refusal::random_text;

/// How long a login may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const MASK: &str = "********************";
const ENDED: &str = "Connection terminated unexpectedly";

/// The credentials of a connection.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) host: String,
    port: Value,
    database: String,
    username: String,
    password: String,
    ssl_enabled: bool,
    ssl_reject_unauthorized: bool,
    ssl_certificate: Option<String>,
}

/// A session that has given the role a new password, and has not committed it yet.
pub(super) struct Transfer {
    client: Client,
    pub(super) new_password: String,
}

/// Logs in and runs a query, once. The error is the driver's text, without the password.
pub(super) async fn validate(target: &Target) -> Result<(), String> {
    let session = async {
        let client = log_in(target).await?;
        client.simple_query("Select 1").await.map_err(|error| driver_text(&error))
    };
    match timeout(TIMEOUT, session).await {
        Ok(outcome) => outcome.map(|_| ()).map_err(|text| text.replace(&target.password, MASK)),
        Err(_) => Err("timeout expired".to_owned()),
    }
}

/// Gives the role a random password, in a transaction that is still open. The error is the driver's text.
pub(super) async fn transfer(target: &Target) -> Result<Transfer, String> {
    let new_password = new_password();
    // A dot separates identifiers to the query builder of the KMS, so a role with one in its name ends in a syntax error.
    let role: Vec<String> =
        target.username.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    let statement = format!("ALTER USER {} WITH PASSWORD '{new_password}';", role.join("."));
    let work = async {
        let client = log_in(target).await?;
        client.simple_query("BEGIN;").await.map_err(|error| driver_text(&error))?;
        match client.simple_query(&statement).await {
            Ok(_) => Ok(client),
            Err(error) => Err(format!("{statement} - {}", driver_text(&error))),
        }
    };
    let outcome = timeout(TIMEOUT, work).await.unwrap_or_else(|_| Err("timeout expired".to_owned()));
    match outcome {
        Ok(client) => Ok(Transfer { client, new_password }),
        Err(text) => Err(text.replace(&new_password, MASK)),
    }
}

impl Transfer {
    /// Commits the new password. A transfer that is dropped instead leaves the old one.
    pub(super) async fn commit(self) -> Result<(), String> {
        self.client.simple_query("COMMIT;").await.map(|_| ()).map_err(|error| driver_text(&error))
    }
}

/// As long and as random as the ones that the KMS makes.
pub(super) fn new_password() -> String {
    random_text(32)
}

/// Returns the addresses of a host, in the resolver's order. The error is the driver's text.
pub(super) async fn resolve(host: &str) -> Result<Vec<SocketAddr>, String> {
    let not_found = || format!("getaddrinfo ENOTFOUND {host}");
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await.map_err(|_| not_found())?.collect();
    if addresses.is_empty() { Err(not_found()) } else { Ok(addresses) }
}

async fn log_in(target: &Target) -> Result<Client, String> {
    let stream = connect(target).await?;
    let mut config = Config::new();
    config.user(&target.username).password(&target.password).dbname(&target.database);
    // TLS, if enabled, is already below the stream.
    config.ssl_mode(SslMode::Disable);
    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(|error| driver_text(&error))?;
    // Ends when the client is dropped; the server then rolls back what was not committed.
    tokio::spawn(connection);
    Ok(client)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn connect(target: &Target) -> Result<Box<dyn Stream>, String> {
    let port = target
        .port
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| format!("Port should be >= 0 and < 65536. Received type number ({}).", target.port))?;
    let mut address = *resolve(&target.host).await?.first().ok_or(ENDED)?;
    address.set_port(port);
    let mut stream = TcpStream::connect(address).await.map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::HostUnreachable => "EHOSTUNREACH",
            io::ErrorKind::NetworkUnreachable => "ENETUNREACH",
            io::ErrorKind::TimedOut => "ETIMEDOUT",
            io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
            _ => "ECONNREFUSED",
        };
        format!("connect {code} {address}")
    })?;
    if !target.ssl_enabled {
        return Ok(Box::new(stream));
    }
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    stream.write_all(&SSL_REQUEST).await.map_err(|_| ENDED)?;
    match stream.read_u8().await {
        Ok(b'S') => {}
        Ok(b'N') => return Err("The server does not support SSL connections".to_owned()),
        Ok(_) => return Err("There was an error establishing an SSL connection".to_owned()),
        Err(_) => return Err(ENDED.to_owned()),
    }
    let certificate = target.ssl_certificate.as_deref();
    let stream = certificates::secure(stream, &target.host, target.ssl_reject_unauthorized, certificate).await?;
    Ok(Box::new(stream))
}

/// Returns the server's message, or the text of the KMS's driver for a broken connection.
fn driver_text(error: &tokio_postgres::Error) -> String {
    if let Some(reported) = error.as_db_error() {
        return reported.message().to_owned();
    }
    let cause = std::error::Error::source(error);
    let io = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    match (io, cause) {
        _ if error.is_closed() => ENDED.to_owned(),
        (Some(io), _) if io.kind() == io::ErrorKind::ConnectionReset => "read ECONNRESET".to_owned(),
        (Some(io), _) if io.kind() == io::ErrorKind::UnexpectedEof => ENDED.to_owned(),
        (_, Some(cause)) => cause.to_string(),
        (_, None) => error.to_string(),
    }
}

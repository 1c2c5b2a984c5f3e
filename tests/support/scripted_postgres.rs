//! Scripted servers, for responses that no real PostgreSQL sends in a test. Depends on the frames of the protocol, not on
//! the code under test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use terraform_provider_kms::crypto::crypto_provider;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::postgres::{Authority, Issued, Validity};

/// A step of a scripted server.
#[derive(Clone)]
pub(crate) enum Step {
    /// Reads until bytes have arrived.
    Read,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// These bytes over and over, one at a time with that pause between them.
    Drip(&'static [u8], Duration),
    /// These bytes over and over, as fast as they are taken.
    Flood(Vec<u8>),
    /// Keeps the connection open and sends nothing.
    Silence,
    /// Resets the connection.
    Reset,
    /// TLS with this certificate.
    Tls(TlsAcceptor),
    /// Responds to the client's first SCRAM message; `{nonce}` stands for the client's nonce, `{salt}` for a salt.
    Scram(&'static str),
}
pub(crate) use Step::{Drip, Flood, Read, Reset, Scram, Send, Silence};

trait Stream: AsyncRead + AsyncWrite + std::marker::Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + std::marker::Send + Unpin> Stream for S {}

/// A scripted server and the bytes that it has received.
pub(crate) struct Fake {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
    connections: Arc<Mutex<usize>>,
}

impl Fake {
    /// Starts one on the current runtime; each connection gets the same script.
    pub(crate) async fn start(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (ears, counter) = (heard.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                *counter.lock().unwrap() += 1;
                tokio::spawn(play(socket, script.clone(), ears.clone()));
            }
        });
        Self { port, heard, connections }
    }

    /// Returns the number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Returns whether the server has received these bytes.
    pub(crate) fn heard(&self, bytes: &[u8]) -> bool {
        self.heard.lock().unwrap().windows(bytes.len()).any(|window| window == bytes)
    }
}

async fn play(socket: TcpStream, script: Vec<Step>, ears: Arc<Mutex<Vec<u8>>>) {
    if script.iter().any(|step| matches!(step, Reset)) {
        socket.set_zero_linger().unwrap();
    }
    let mut stream: Box<dyn Stream> = Box::new(socket);
    let mut last = Vec::new();
    for step in script {
        match step {
            Read => {
                let mut bytes = vec![0; 4096];
                let count = stream.read(&mut bytes).await.unwrap_or(0);
                last = bytes[..count].to_vec();
                ears.lock().unwrap().extend_from_slice(&last);
            }
            Send(bytes) => {
                let _gone = stream.write_all(&bytes).await;
            }
            Drip(bytes, pause) => {
                for byte in bytes.iter().cycle() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                }
            }
            Flood(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Silence => std::future::pending().await,
            Reset => return,
            Step::Tls(acceptor) => match acceptor.accept(stream).await {
                Ok(encrypted) => stream = Box::new(encrypted),
                Err(_) => return,
            },
            Scram(template) => {
                let text = String::from_utf8_lossy(&last).into_owned();
                let nonce = text.split("r=").nth(1).unwrap_or_default();
                let body = template.replace("{nonce}", nonce).replace("{salt}", &STANDARD.encode([7; 16]));
                let _gone = stream.write_all(&authentication(11, body.as_bytes())).await;
            }
        }
    }
    let _gone = stream.flush().await;
    // Bytes after the script count as received.
    let _gone = stream.shutdown().await;
    let mut rest = Vec::new();
    let _gone = stream.read_to_end(&mut rest).await;
    ears.lock().unwrap().extend_from_slice(&rest);
}

/// Returns a frame: a letter, its length, a body.
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &(u32::try_from(body.len()).unwrap() + 4).to_be_bytes()[..], body].concat()
}

/// Returns a request to authenticate, or 0 for none.
pub(crate) fn authentication(code: u32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), data].concat())
}

/// Returns an ErrorResponse; each field ends with `|`.
pub(crate) fn error(fields: &str) -> Vec<u8> {
    message(b'E', format!("{fields}\0").replace('|', "\0").as_bytes())
}

/// Returns a step that sends text or bytes.
pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Send(bytes.as_ref().to_vec())
}

/// Requests SCRAM and reads the client's first message.
pub(crate) fn asks_for_scram() -> Vec<Step> {
    vec![Read, Send(authentication(10, b"SCRAM-SHA-256\0\0")), Read]
}

/// Accepts the login and responds to the query.
pub(crate) fn lets_in() -> Vec<Step> {
    let ready = message(b'Z', b"I");
    let version = message(b'S', b"server_version\x0017.10\0");
    vec![
        Read,
        Send([authentication(0, b""), version, ready.clone()].concat()),
        Read,
        Send([message(b'C', b"SELECT 1\0"), ready].concat()),
        Read,
    ]
}

/// Returns a step for TLS with a certificate of this authority.
pub(crate) fn tls(authority: &Authority) -> Step {
    tls_with(authority.issue(&["localhost"], Validity::Now))
}

/// TLS with this certificate.
pub(crate) fn tls_with(issued: Issued) -> Step {
    tls_with_chain(issued, &[])
}

/// TLS with this certificate and those above it (DER).
pub(crate) fn tls_with_chain(issued: Issued, above: &[Vec<u8>]) -> Step {
    let above = above.iter().map(|der| CertificateDer::from(der.clone()));
    let chain = std::iter::once(CertificateDer::from(issued.certificate_der)).chain(above).collect();
    let key = PrivateKeyDer::try_from(issued.key_der).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Step::Tls(TlsAcceptor::from(Arc::new(config)))
}

//! A server that does with each request what a script says. Knows only as much of HTTP as it takes to find the end of a
//! request.

use std::{
    fmt::Write,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use terraform_provider_kms::crypto;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Act {
    /// Write this and close.
    Bytes(Vec<u8>),
    /// Write this and reset the connection.
    Reset(Vec<u8>),
    /// Never respond.
    Hang,
    /// Respond with a byte now and then, without end.
    Trickle,
    /// This status and a body without end.
    Endless(u16),
}

pub(crate) fn json(status: u16, body: &str) -> Act {
    answer(status, "application/json; charset=utf-8", body)
}

pub(crate) fn html(status: u16, body: &str) -> Act {
    answer(status, "text/html", body)
}

fn answer(status: u16, content_type: &str, body: &str) -> Act {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n");
    Act::Bytes(format!("{head}connection: close\r\n\r\n{body}").into_bytes())
}

/// A closed port.
pub(crate) async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A server that sends these bytes to every client, whatever it receives.
pub(crate) async fn greeter(bytes: &'static [u8]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(bytes).await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    (address, tasks)
}

pub(crate) struct Server {
    address: SocketAddr,
    seen: watch::Receiver<Vec<String>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// The script gets the request and how many came before it.
    pub(crate) async fn start(script: impl FnMut(&str, usize) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (record, seen) = watch::channel(Vec::<String>::new());
        let script = Arc::new(Mutex::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (record, script) = (record.clone(), Arc::clone(&script));
                connections.spawn(async move {
                    let Some(request) = read_request(&mut stream).await else { return };
                    let act = {
                        let mut script = script.lock().unwrap();
                        let count = record.borrow().len();
                        record.send_modify(|seen| seen.push(request.clone()));
                        script(&request, count)
                    };
                    perform(act, stream).await;
                });
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, head and body as one text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// Waits until that many requests came.
    pub(crate) async fn saw(&self, count: usize) {
        self.seen.clone().wait_for(|seen| seen.len() >= count).await.unwrap();
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn perform(act: Act, mut stream: TcpStream) {
    match act {
        Act::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            stream.set_zero_linger().unwrap();
        }
        Act::Hang => std::future::pending().await,
        Act::Trickle => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Act::Endless(status) => {
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n").as_bytes()).await;
            while stream.write_all(&[b'['; 16 * 1024]).await.is_ok() {}
        }
    }
}

/// The same over TLS, with one response for all requests and an authority of its own.
pub(crate) struct TlsServer {
    address: SocketAddr,
    /// The certificate of the authority, in PEM.
    pub(crate) ca: String,
    _tasks: JoinSet<()>,
}

impl TlsServer {
    pub(crate) async fn start(name: &str, act: fn() -> Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (config, ca) = certified(name);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                if read_request(&mut stream).await.is_some() {
                    let Act::Bytes(bytes) = act() else { panic!("only bytes over TLS") };
                    let _ = write_and_close(&mut stream, &bytes).await;
                }
            }
        });
        Self { address, ca, _tasks: tasks }
    }

    pub(crate) fn base(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// A server's side of TLS for a name, and the certificate of an authority of its own, in PEM.
fn certified(name: &str) -> (ServerConfig, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, format!("authority of {:08x}", rand::random::<u32>()));
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();

    let config = ServerConfig::builder_with_provider(crypto::crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let body = BASE64_STANDARD.encode(authority_certificate.der());
    (config, format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"))
}

/// A server that speaks HTTP/2 alone, with one response for all requests.
pub(crate) struct Http2 {
    port: u16,
    /// The certificate of the authority, in PEM.
    pub(crate) ca: String,
    counts: Arc<Mutex<(usize, usize)>>,
    _tasks: JoinSet<()>,
}

/// A way in which a stream of HTTP/2 ends without a response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refuse {
    /// RST_STREAM with REFUSED_STREAM.
    Stream,
    /// GOAWAY with a last stream below the request's.
    GoAway,
    /// RST_STREAM with INTERNAL_ERROR.
    Internal,
    /// GOAWAY with the request's stream as the last one, and the end of the connection.
    GoAwayAfter,
}

impl Refuse {
    fn reason(self) -> Option<h2::Reason> {
        match self {
            Self::Stream => Some(h2::Reason::REFUSED_STREAM),
            Self::Internal => Some(h2::Reason::INTERNAL_ERROR),
            Self::GoAway | Self::GoAwayAfter => None,
        }
    }
}

/// An empty SETTINGS frame, and a GOAWAY frame with NO_ERROR up to the last stream.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const fn go_away_frame(last: u8) -> [u8; 17] {
    [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0]
}

async fn go_away(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), after: bool) {
    let _ = stream.write_all(SETTINGS).await;
    let mut received = Vec::new();
    // The type of a frame is its fourth byte; 1 is HEADERS. The preface of the client has 24 bytes.
    let has_headers = |bytes: &[u8]| {
        let mut rest = bytes.get(24..).unwrap_or_default();
        while let [a, b, c, kind, _, _, _, _, _, payload @ ..] = rest {
            if *kind == 1 {
                return true;
            }
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            rest = payload.get(length..).unwrap_or_default();
        }
        false
    };
    while !has_headers(&received) {
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let _ = stream.write_all(&go_away_frame(u8::from(after))).await;
    let _ = stream.flush().await;
    if after {
        let _ = stream.shutdown().await;
    }
    while stream.read_buf(&mut received).await.unwrap_or(0) > 0 {}
}

impl Http2 {
    pub(crate) async fn start(body: &str) -> Self {
        Self::start_refusing(body, Refuse::Stream, 0).await
    }

    /// The first requests are not processed.
    pub(crate) async fn start_refusing(body: &str, refuse: Refuse, count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mut config, ca) = certified("localhost");
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let counts = Arc::new(Mutex::new((0, 0)));
        let (counted, body) = (Arc::clone(&counts), bytes::Bytes::from(body.to_owned()));
        let left = Arc::new(AtomicUsize::new(count));
        let refuses = move |left: &AtomicUsize| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.lock().unwrap().0 += 1;
                let (acceptor, counted, body) = (acceptor.clone(), Arc::clone(&counted), body.clone());
                let left = Arc::clone(&left);
                connections.spawn(async move {
                    let mut stream = acceptor.accept(stream).await.unwrap();
                    let reason = refuse.reason();
                    if reason.is_none() && refuses(&left) {
                        return go_away(&mut stream, matches!(refuse, Refuse::GoAwayAfter)).await;
                    }
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        if let Some(reason) = reason.filter(|_| refuses(&left)) {
                            respond.send_reset(reason);
                            continue;
                        }
                        counted.lock().unwrap().1 += 1;
                        let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                        stream.send_data(body.clone(), true).unwrap();
                    }
                });
            }
        });
        Self { port, ca, counts, _tasks: tasks }
    }

    pub(crate) fn base(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Connections and requests so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        *self.counts.lock().unwrap()
    }
}

async fn write_and_close(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

/// The events of our own crate as lines.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        tracing_subscriber::registry().with(self.clone())
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target().starts_with("terraform_provider_kms") {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

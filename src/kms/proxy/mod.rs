//! The proxies that the environment names, chosen by the rules of Terraform itself (Go's `httpproxy`), so that both use the
//! same proxy; and what is wrong with a proxy. Does not depend on what is sent through it.

mod exceptions;

use std::fmt;
use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use reqwest::{StatusCode, Url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{BaseUrl, TransportFailure};
use crate::env;
use crate::env::Variable;
use crate::secret::Secret;
use exceptions::Exceptions;

/// The proxies of a process.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Result<Proxy, ProxyError>>,
    http: Option<Result<Proxy, ProxyError>>,
    exceptions: Exceptions,
}

/// One proxy. Its URL may hold a password and is never printed.
#[derive(Clone)]
pub(super) struct Proxy {
    url: Url,
    variable: &'static str,
}

/// A variable that holds no URL of a proxy. Repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; the URL of a proxy looks like `http://proxy.example.com:3128`")]
pub struct ProxyError {
    /// Which variable.
    pub variable: &'static str,
    problem: &'static str,
}

/// A request that ended at the proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy `{address}` (from `{variable}`) {problem}")]
pub struct ProxyFailure {
    /// Host and port.
    pub address: String,
    /// The variable that names it.
    pub variable: &'static str,
    /// Why.
    pub problem: ProxyProblem,
}

/// What is wrong with a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyProblem {
    /// Its name has no address.
    #[error("cannot be reached: host not found")]
    Dns,
    /// Nothing listens there.
    #[error("cannot be reached: connection refused")]
    ConnectRefused,
    /// Neither the proxy nor the host behind it responded.
    #[error("did not open a connection to the KMS in time")]
    Timeout,
    /// The proxy returned this status.
    #[error("refused the tunnel: {}", status(*.0))]
    Status(u16),
    /// The proxy closed the connection, or sent a response without a reason.
    #[error("closed the connection instead of opening a tunnel")]
    Closed,
    /// The proxy speaks TLS, and its URL does not.
    #[error("speaks TLS, but its URL begins with `http://`")]
    SpeaksTls,
    /// The proxy does not speak HTTP.
    #[error("does not speak HTTP")]
    NotHttp,
    /// Its URL begins with `https://`, and TLS with it failed.
    #[error("failed at TLS, with which its URL begins (`https://`): {0}")]
    Tls(String),
    /// Something else.
    #[error("failed: {0}")]
    Other(String),
}

/// How long a second request for a tunnel may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

impl Proxies {
    /// From `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case.
    pub fn from_environment(variable: env::Lookup<'_>) -> Self {
        let proxy = |variables: &[Variable]| {
            let (name, text) = env::first(variables, variable)?;
            Some(Proxy::parse(name, &text))
        };
        let exceptions = env::first(&env::NO_PROXY, variable).map(|(_, text)| Exceptions::parse(&text));
        Self {
            https: proxy(&env::HTTPS_PROXY),
            http: proxy(&env::HTTP_PROXY),
            exceptions: exceptions.unwrap_or_default(),
        }
    }

    /// Checks that the proxy to a KMS, if there is one, has a valid URL.
    ///
    /// # Errors
    /// The variable that holds something else.
    pub fn check(&self, base: &BaseUrl) -> Result<(), ProxyError> {
        self.to_kms(base).map(drop)
    }

    pub(super) fn to_kms(&self, base: &BaseUrl) -> Result<Option<&Proxy>, ProxyError> {
        if base.is_loopback() { Ok(None) } else { self.to(base.url()) }
    }

    pub(super) fn to(&self, url: &Url) -> Result<Option<&Proxy>, ProxyError> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        match proxy {
            Some(proxy) if !self.exceptions.contain(url) => proxy.as_ref().map(Some).map_err(Clone::clone),
            _ => Ok(None),
        }
    }
}

impl Proxy {
    fn parse(variable: &'static str, text: &str) -> Result<Self, ProxyError> {
        let wrong = |problem| ProxyError { variable, problem };
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let unreadable = "it cannot be read; special characters of a password must be percent-encoded";
        let mut url = Url::parse(&text).map_err(|_| wrong(unreadable))?;
        let port = match url.scheme() {
            "http" | "https" => url.port_or_known_default(),
            "socks5" | "socks5h" => url.port().or(Some(1080)),
            _ => return Err(wrong("its scheme is none of `http`, `https` and `socks5`")),
        };
        // A `/`, `?` or `#` in the password has made its beginning the host.
        let behind = [Some(url.path()), url.query(), url.fragment()];
        if url.host_str().is_none_or(str::is_empty) || behind.iter().flatten().any(|part| part.contains('@')) {
            return Err(wrong(unreadable));
        }
        if url.scheme() == "socks5" {
            // The proxy looks names up, as with Terraform.
            url.set_scheme("socks5h").map_err(|()| wrong(unreadable))?;
        }
        url.set_port(port).map_err(|()| wrong(unreadable))?;
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self { url, variable })
    }

    /// Returns the proxy for the HTTP client.
    pub(super) fn all(&self) -> reqwest::Result<reqwest::Proxy> {
        reqwest::Proxy::all(self.url.clone())
    }

    /// Returns the secret that the proxy may repeat.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.url.password().map(|password| Secret::new(decoded(password)))
    }

    fn address(&self) -> String {
        let port = self.url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.url.host_str().unwrap_or_default())
    }

    pub(super) fn failed(&self, problem: ProxyProblem) -> TransportFailure {
        TransportFailure::Proxy(Box::new(ProxyFailure { address: self.address(), variable: self.variable, problem }))
    }

    /// Turns a connection failure into one of the proxy where the proxy failed: `at_proxy` is whether the connection to the
    /// proxy, or the tunnel, failed.
    pub(super) async fn explain(&self, failure: TransportFailure, at_proxy: bool, url: &Url) -> TransportFailure {
        let is_tunnel = self.url.scheme() == "http" && url.scheme() == "https";
        let problem = match failure {
            TransportFailure::Timeout => ProxyProblem::Timeout,
            other if !at_proxy => return other,
            TransportFailure::Dns => ProxyProblem::Dns,
            TransportFailure::ConnectRefused => ProxyProblem::ConnectRefused,
            TransportFailure::Tls(reason) => ProxyProblem::Tls(reason),
            TransportFailure::UnknownAuthority => ProxyProblem::Tls("unknown issuer of its certificate".to_owned()),
            _ if is_tunnel => self.probe(url).await,
            TransportFailure::Connect(reason) if reason.ends_with("proxy authorization required") => {
                ProxyProblem::Status(407)
            }
            TransportFailure::Connect(reason) => ProxyProblem::Other(reason),
            _ => ProxyProblem::Closed,
        };
        self.failed(problem)
    }

    /// Returns why the proxy opens no tunnel. Requests the tunnel again: the HTTP client does not keep the response.
    async fn probe(&self, url: &Url) -> ProxyProblem {
        match tokio::time::timeout(PROBE_TIMEOUT, self.connect_response(url)).await {
            Err(_) => ProxyProblem::Timeout,
            Ok(Err(_)) => ProxyProblem::Closed,
            Ok(Ok(response)) => match response.as_slice() {
                [] => ProxyProblem::Closed,
                // An alert of TLS.
                [0x15, 0x03, ..] => ProxyProblem::SpeaksTls,
                response => match status_of(response) {
                    Some(200) => ProxyProblem::Other("it opens a tunnel now and did not before".to_owned()),
                    Some(status) => ProxyProblem::Status(status),
                    None => ProxyProblem::NotHttp,
                },
            },
        }
    }

    /// Returns the first bytes of the response to a CONNECT.
    async fn connect_response(&self, url: &Url) -> std::io::Result<Vec<u8>> {
        let target =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let authorization = self.authorization().map(|value| format!("Proxy-Authorization: {value}\r\n"));
        let request =
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n", authorization.unwrap_or_default());
        let mut stream = TcpStream::connect(self.address()).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = Vec::new();
        // Nearly always one packet holds the whole status line.
        while response.len() < 12 && stream.read_buf(&mut response).await? > 0 {}
        Ok(response)
    }

    fn authorization(&self) -> Option<String> {
        let (user, password) = (decoded(self.url.username()), decoded(self.url.password().unwrap_or_default()));
        let has_one = !self.url.username().is_empty() || self.url.password().is_some();
        has_one.then(|| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({})", self.address())
    }
}

impl ProxyProblem {
    /// Returns whether the problem may pass within seconds.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Dns | Self::ConnectRefused | Self::Timeout | Self::Closed | Self::Other(_) => true,
            Self::Status(status) => matches!(status, 429 | 500..),
            Self::SpeaksTls | Self::NotHttp | Self::Tls(_) => false,
        }
    }
}

/// The status in a status line of HTTP.
fn status_of(response: &[u8]) -> Option<u16> {
    let line = response.split(|byte| *byte == b'\r' || *byte == b'\n').next()?;
    let mut parts = std::str::from_utf8(line).ok()?.split(' ');
    parts.next().filter(|version| version.starts_with("HTTP/1."))?;
    parts.next()?.parse().ok()
}

fn status(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    format!("{status} {}", reason.unwrap_or_default()).trim_end().to_owned()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let lookup =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Proxies::from_environment(&lookup)
    }

    fn route(variables: &[(&str, &str)], url: &str) -> String {
        match proxies(variables).to(&Url::parse(url).unwrap()) {
            Ok(None) => "direct".to_owned(),
            Ok(Some(proxy)) => format!("{} {}", proxy.variable, proxy.address()),
            Err(error) => format!("{}: {error}", error.variable),
        }
    }

    #[test]
    fn chooses_the_proxy_that_terraform_chooses() {
        let both = [("HTTPS_PROXY", "http://s.test:3128"), ("http_proxy", "p.test")];
        for (variables, url, expected) in [
            (&both[..], "https://kms.test", "HTTPS_PROXY s.test:3128"),
            (&both, "http://kms.test", "http_proxy p.test:80"),
            (&[("https_proxy", "https://me:x@s.test")], "https://kms.test", "https_proxy s.test:443"),
            (&[("https_proxy", "a"), ("HTTPS_PROXY", "b:1")], "https://kms.test", "HTTPS_PROXY b:1"),
            (&[("ALL_PROXY", "socks5://s.test")], "https://kms.test", "ALL_PROXY s.test:1080"),
            (&[("HTTP_PROXY", "p.test")], "https://kms.test", "direct"),
            (&[("HTTPS_PROXY", " ")], "https://kms.test", "direct"),
            (&[("HTTPS_PROXY", "a"), ("NO_PROXY", "kms.test:443")], "https://kms.test", "direct"),
        ] {
            assert_eq!(route(variables, url), expected, "{variables:?} {url}");
        }
    }

    #[test]
    fn rejects_a_url_that_is_none_without_echoing_it() {
        for text in [
            "http://",
            "ftp://hunter2@p.test",
            "socks6://p.test",
            "http://me:hun/ter2@p.test:3128",
            "http://me:12/hunter2@p.test:3128",
            "http://me:12#hunter2@p.test",
            "me:12?hunter2@p.test",
            "http://p.test:hunter2",
            "http://hunter2 x.test",
        ] {
            let message = route(&[("HTTPS_PROXY", text)], "https://kms.test");
            assert!(message.starts_with("HTTPS_PROXY: it"), "{text}: {message}");
            assert!(!message.contains("hunter") && !message.contains("ter2"), "{message}");
        }
        // One that is not used is no error.
        assert_eq!(route(&[("HTTP_PROXY", "ftp://x")], "https://kms.test"), "direct");
        assert_eq!(route(&[("HTTPS_PROXY", "ftp://x"), ("NO_PROXY", "*")], "https://kms.test"), "direct");
    }

    #[test]
    fn prints_no_password() {
        let all = proxies(&[("HTTPS_PROXY", "http://me:h%75nter2%@p.test:3128")]);
        let proxy = all.to(&Url::parse("https://kms.test").unwrap()).unwrap().unwrap();
        assert_eq!(proxy.authorization().unwrap(), "Basic bWU6aHVudGVyMiU=");
        assert_eq!(proxy.secret().unwrap().expose(), "hunter2%");
        let printed = format!(
            "{proxy:?} {:?} {}",
            proxy.failed(ProxyProblem::Status(403)),
            proxy.failed(ProxyProblem::Status(403))
        );
        assert!(!printed.contains("nter2"), "{printed}");
        assert!(printed.ends_with("the proxy `p.test:3128` (from `HTTPS_PROXY`) refused the tunnel: 403 Forbidden"));
    }
}

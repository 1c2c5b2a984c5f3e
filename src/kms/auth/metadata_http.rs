//! Requests to servers other than the KMS: metadata servers of this machine, and services that issue tokens. Short, bounded,
//! never redirected, and without anything that belongs to the KMS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};
use serde::de::DeserializeOwned;

use super::source::{ServerProblem, SourceError};
use super::token::{self, FORM};
use crate::crypto;
use crate::kms::http::{mozilla, transport_failure};
use crate::kms::proxy::Proxy;
use crate::kms::settings::user_agent;
use crate::kms::{Proxies, TransportFailure};
use crate::redact::Redactor;
use crate::secret::{Secret, SecretBytes};

/// Whether a request may go through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyUse {
    /// To this machine, or an address that only this machine has: never through a proxy.
    Machine,
    /// Over the internet, through a proxy where one is set.
    Internet,
}

/// Metadata servers respond at once or not at all.
const LOCAL_CONNECT: Duration = Duration::from_secs(2);
const LOCAL_TOTAL: Duration = Duration::from_secs(5);
const REMOTE_CONNECT: Duration = Duration::from_secs(10);
const REMOTE_TOTAL: Duration = Duration::from_secs(20);
const MAX_RESPONSE_SIZE: usize = 64 * 1024;
/// The pauses before a request is repeated: the server is overloaded or restarts.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1000)];

/// The state of the credential source of one client.
#[derive(Default)]
pub(super) struct SourceState {
    /// Whether the source has issued credentials before. Then an outage is likely to pass.
    has_responded: AtomicBool,
    proxies: Proxies,
}

impl SourceState {
    pub(super) fn new(proxies: Proxies) -> Self {
        Self { has_responded: AtomicBool::default(), proxies }
    }

    pub(super) fn note_response(&self) {
        self.has_responded.store(true, Ordering::Relaxed);
    }

    fn has_responded(&self) -> bool {
        self.has_responded.load(Ordering::Relaxed)
    }
}

/// A request to such a server.
pub(super) struct Fetch<'a> {
    /// The role of the server, for messages.
    role: &'a str,
    method: Method,
    url: String,
    proxy_use: ProxyUse,
    headers: Vec<(&'static str, Secret)>,
    body: Option<SecretBytes>,
    secrets: Vec<Secret>,
}

/// A response with a status of success.
pub(super) struct Fetched {
    server: String,
    body: SecretBytes,
}

impl<'a> Fetch<'a> {
    pub(super) fn get(role: &'a str, url: &str, proxy_use: ProxyUse) -> Self {
        Self::new(Method::GET, role, url, proxy_use)
    }

    /// Sends a form, in which there may be secrets.
    pub(super) fn post(role: &'a str, url: &str, proxy_use: ProxyUse, form: SecretBytes) -> Self {
        Self { body: Some(form), ..Self::new(Method::POST, role, url, proxy_use) }
    }

    pub(super) fn new(method: Method, role: &'a str, url: &str, proxy_use: ProxyUse) -> Self {
        Self { role, method, url: url.to_owned(), proxy_use, headers: Vec::new(), body: None, secrets: Vec::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    /// A secret that a response must not repeat.
    pub(super) fn secret(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// A header whose value, after the prefix, is a secret.
    pub(super) fn secret_header(mut self, name: &'static str, prefix: &str, secret: &Secret) -> Self {
        self.headers.push((name, Secret::new(format!("{prefix}{}", secret.expose()))));
        self.secrets.push(secret.clone());
        self
    }

    /// Sends the request.
    ///
    /// # Errors
    /// Why there is no response of success. Never holds the URL, which may hold a token.
    pub(super) async fn send(self, state: &SourceState) -> Result<Fetched, SourceError> {
        let redactor = Redactor::new(&self.secrets);
        let proxy = match (self.proxy_use, reqwest::Url::parse(&self.url)) {
            (ProxyUse::Internet, Ok(url)) => {
                state.proxies.to(&url).map_err(SourceError::Proxy)?.map(|proxy| (proxy, url))
            }
            _ => None,
        };
        let client = client(self.proxy_use, proxy.as_ref().map(|(proxy, _)| *proxy));
        let client = client.map_err(|_| self.failed(ServerProblem::NoClient, false))?;
        let (client, proxy) = (&client, proxy.as_ref().map(|(proxy, url)| (*proxy, url)));
        for pause in PAUSES {
            match self.once(client, proxy, &redactor, state).await {
                Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
        }
        self.once(client, proxy, &redactor, state).await
    }

    /// Returns the role and the host of the server. Never the user information, path or query of the URL.
    fn server(&self) -> String {
        // With user information in it, the host may begin anywhere.
        let url = reqwest::Url::parse(&self.url).ok().filter(|_| !self.url.contains('@'));
        let host = url.as_ref().and_then(reqwest::Url::host_str).filter(|host| !host.is_empty());
        let port = url.as_ref().and_then(reqwest::Url::port).map(|port| format!(":{port}")).unwrap_or_default();
        host.map_or_else(|| self.role.to_owned(), |host| format!("{} (`{host}{port}`)", self.role))
    }

    fn failed(&self, problem: ServerProblem, passing: bool) -> SourceError {
        SourceError::Server { server: self.server(), problem, passing }
    }

    async fn once(
        &self,
        client: &Client,
        proxy: Option<(&Proxy, &reqwest::Url)>,
        redactor: &Redactor,
        state: &SourceState,
    ) -> Result<Fetched, SourceError> {
        let mut request = client.request(self.method.clone(), &self.url);
        for (name, value) in &self.headers {
            let (Ok(name), Ok(mut value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value.expose())) else {
                return Err(self.failed(ServerProblem::Header, false));
            };
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.header("content-type", FORM).body(Bytes::from_owner(body.clone()));
        }
        let no_response = async |error: reqwest::Error| {
            let failure = transport_failure(&error, redactor, proxy).await;
            let passing = !error.is_builder() && is_passing(&failure, state.has_responded());
            self.failed(ServerProblem::NoResponse(failure), passing)
        };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(no_response(error).await),
        };
        let status = response.status();
        let mut body = SecretBytes::default();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(no_response(error).await),
            };
            body.extend(&chunk);
            if body.len() > MAX_RESPONSE_SIZE {
                return Err(self.failed(ServerProblem::TooLong, false));
            }
        }
        if status.is_success() {
            return Ok(Fetched { server: self.server(), body });
        }
        let passing = status.is_server_error() || status.as_u16() == 429;
        Err(self.failed(ServerProblem::Status { status: status.as_u16(), text: redactor.beginning(&body) }, passing))
    }
}

/// Returns whether a failure may pass. A server that has never responded most often does not exist: the settings are for
/// another machine.
fn is_passing(failure: &TransportFailure, has_responded: bool) -> bool {
    match failure {
        TransportFailure::Reset | TransportFailure::Cut | TransportFailure::NotProcessed => true,
        TransportFailure::Dns
        | TransportFailure::ConnectRefused
        | TransportFailure::Connect(_)
        | TransportFailure::Timeout => has_responded,
        TransportFailure::Proxy(proxy) => has_responded && proxy.problem.is_passing(),
        TransportFailure::Tls(_) | TransportFailure::UnknownAuthority | TransportFailure::NotHttp => false,
    }
}

impl Fetched {
    /// Returns the body; nothing where it is not text.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// Parses the body, which is JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, SourceError> {
        serde_json::from_slice(&self.body).map_err(|_| self.without_token())
    }

    /// Parses a token in the response.
    pub(super) fn token(&self, text: &str) -> Result<Secret, SourceError> {
        token::parse(text).ok_or_else(|| self.without_token())
    }

    pub(super) fn without_token(&self) -> SourceError {
        SourceError::Server { server: self.server.clone(), problem: ServerProblem::NoToken, passing: false }
    }
}

fn client(proxy_use: ProxyUse, proxy: Option<&Proxy>) -> reqwest::Result<Client> {
    crypto::install_default();
    let builder = || {
        Client::builder()
            .user_agent(user_agent())
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
    };
    let remote = || {
        let builder = builder().connect_timeout(REMOTE_CONNECT).timeout(REMOTE_TOTAL);
        Ok::<_, reqwest::Error>(match proxy {
            Some(proxy) => builder.proxy(proxy.all()?),
            None => builder.no_proxy(),
        })
    };
    match proxy_use {
        ProxyUse::Machine => {
            builder().no_proxy().tls_certs_only([]).connect_timeout(LOCAL_CONNECT).timeout(LOCAL_TOTAL).build()
        }
        // As for the KMS: a bare container has no root certificates.
        ProxyUse::Internet => remote()?.build().or_else(|_| remote()?.tls_certs_only(mozilla()).build()),
    }
}

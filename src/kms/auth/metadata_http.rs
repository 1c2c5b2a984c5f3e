//! Requests to servers other than the KMS: metadata services of this machine and token services that prove an identity.
//! Short, bounded, never redirected, and without anything that belongs to the KMS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};
use serde_json::Value;

use super::credential_source::secret_field;
use super::source::{ServerProblem, SourceError};
use crate::crypto;
use crate::kms::http::{failure_on_the_way, mozilla};
use crate::kms::proxy::Proxy;
use crate::kms::settings::user_agent;
use crate::kms::{Proxies, TransportFailure};
use crate::redact::Redactor;
use crate::secret::Secret;

/// How far a question goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyUse {
    /// To this machine, or an address that only this machine has: never through a proxy.
    Machine,
    /// Over the internet, through a proxy where one is set.
    Internet,
}

/// Metadata servers answer at once or not at all.
const LOCAL_CONNECT: Duration = Duration::from_secs(2);
const LOCAL_TOTAL: Duration = Duration::from_secs(5);
const REMOTE_CONNECT: Duration = Duration::from_secs(10);
const REMOTE_TOTAL: Duration = Duration::from_secs(20);
const MAX_RESPONSE_SIZE: usize = 64 * 1024;
/// A server that is overloaded or restarts is asked again after these.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1000)];

/// What is known of the identity source of one client.
#[derive(Default)]
pub(super) struct SourceState {
    /// Whether it has given credentials before: then it is there, and will be again.
    has_answered: AtomicBool,
    proxies: Proxies,
}

impl SourceState {
    pub(super) fn new(proxies: Proxies) -> Self {
        Self { has_answered: AtomicBool::default(), proxies }
    }

    pub(super) fn answered(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
    }

    fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }
}

/// The kind of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A question.
pub(super) struct Fetch<'a> {
    /// Who is asked, in words.
    who: &'a str,
    method: Method,
    url: String,
    reach: ProxyUse,
    headers: Vec<(&'static str, Secret)>,
    body: Option<String>,
    secrets: Vec<Secret>,
}

/// An answer of success.
pub(super) struct Fetched {
    server: String,
    body: String,
}

impl<'a> Fetch<'a> {
    pub(super) fn get(who: &'a str, url: &str, reach: ProxyUse) -> Self {
        Self::new(Method::GET, who, url, reach)
    }

    /// Sends a form, in which there may be secrets.
    pub(super) fn post(who: &'a str, url: &str, reach: ProxyUse, form: String) -> Self {
        Self { body: Some(form), ..Self::new(Method::POST, who, url, reach) }
    }

    pub(super) fn new(method: Method, who: &'a str, url: &str, reach: ProxyUse) -> Self {
        Self { who, method, url: url.to_owned(), reach, headers: Vec::new(), body: None, secrets: Vec::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    /// What an answer must not repeat.
    pub(super) fn secret(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// A header whose value, after the prefix, must not be seen.
    pub(super) fn secret_header(mut self, name: &'static str, prefix: &str, secret: &Secret) -> Self {
        self.headers.push((name, Secret::new(format!("{prefix}{}", secret.expose()))));
        self.secrets.push(secret.clone());
        self
    }

    /// Asks.
    ///
    /// # Errors
    /// Why there is no answer. Never holds the URL, which may hold a token.
    pub(super) async fn send(self, state: &SourceState) -> Result<Fetched, SourceError> {
        let redactor = Redactor::new(&self.secrets);
        let proxy = match (self.reach, reqwest::Url::parse(&self.url)) {
            (ProxyUse::Internet, Ok(url)) => {
                state.proxies.to(&url).map_err(SourceError::Proxy)?.map(|proxy| (proxy, url))
            }
            _ => None,
        };
        let client = client(self.reach, proxy.as_ref().map(|(proxy, _)| *proxy));
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

    /// Its role, and its host. Never the user information, path or query of the URL.
    fn server(&self) -> String {
        // With a login in it, nothing shows where the host begins.
        let url = reqwest::Url::parse(&self.url).ok().filter(|_| !self.url.contains('@'));
        let host = url.as_ref().and_then(reqwest::Url::host_str).filter(|host| !host.is_empty());
        let port = url.as_ref().and_then(reqwest::Url::port).map(|port| format!(":{port}")).unwrap_or_default();
        host.map_or_else(|| self.who.to_owned(), |host| format!("{} (`{host}{port}`)", self.who))
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
            request = request.header("content-type", FORM).body(body.clone());
        }
        let no_answer = async |error: reqwest::Error| {
            let failure = failure_on_the_way(&error, redactor, proxy).await;
            let passing = !error.is_builder() && is_passing(&failure, state.has_answered());
            self.failed(ServerProblem::NoAnswer(failure), passing)
        };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(no_answer(error).await),
        };
        let status = response.status();
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(no_answer(error).await),
            };
            body.extend_from_slice(&chunk);
            if body.len() > MAX_RESPONSE_SIZE {
                return Err(self.failed(ServerProblem::TooLong, false));
            }
        }
        if status.is_success() {
            return Ok(Fetched { server: self.server(), body: String::from_utf8_lossy(&body).into_owned() });
        }
        let passing = status.is_server_error() || status.as_u16() == 429;
        Err(self.failed(ServerProblem::Status { status: status.as_u16(), text: redactor.beginning(&body) }, passing))
    }
}

/// Whether no answer is a matter of time. A server that has never answered is most often not there: this is another
/// machine than its settings say.
fn is_passing(failure: &TransportFailure, has_answered: bool) -> bool {
    match failure {
        TransportFailure::Reset | TransportFailure::Cut | TransportFailure::NotProcessed => true,
        TransportFailure::Dns
        | TransportFailure::ConnectRefused
        | TransportFailure::Connect(_)
        | TransportFailure::Timeout => has_answered,
        TransportFailure::Proxy(proxy) => has_answered && proxy.problem.is_passing(),
        TransportFailure::Tls(_) | TransportFailure::UnknownAuthority | TransportFailure::NotHttp => false,
    }
}

impl Fetched {
    pub(super) fn text(&self) -> &str {
        &self.body
    }

    /// A secret in a field of the JSON object that the answer is.
    pub(super) fn field(&self, name: &str) -> Result<Secret, SourceError> {
        self.json().as_ref().and_then(|object| secret_field(object, name)).ok_or_else(|| self.not_understood())
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    pub(super) fn not_understood(&self) -> SourceError {
        SourceError::Server { server: self.server.clone(), problem: ServerProblem::NoToken, passing: false }
    }
}

fn client(reach: ProxyUse, proxy: Option<&Proxy>) -> reqwest::Result<Client> {
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
    match reach {
        ProxyUse::Machine => {
            builder().no_proxy().tls_certs_only([]).connect_timeout(LOCAL_CONNECT).timeout(LOCAL_TOTAL).build()
        }
        // As for the KMS: a bare container has no root certificates.
        ProxyUse::Internet => remote()?.build().or_else(|_| remote()?.tls_certs_only(mozilla()).build()),
    }
}

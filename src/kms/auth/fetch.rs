//! A small question to somebody who is not the KMS: a metadata server of this machine, or a service that vouches for it.
//! Short, bounded, never redirected, and without anything that belongs to the KMS.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};
use serde_json::Value;

use super::super::{
    http::{failure, mozilla},
    redact::Redactor,
};
use super::proof::secret_field;
use crate::{secret::Secret, tls};

/// How far a question goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
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
const LONGEST_ANSWER: usize = 64 * 1024;
/// Who is overloaded or starting is asked again, twice.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1000)];

/// The kind of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A question.
pub(super) struct Fetch<'a> {
    /// Who is asked, in words.
    who: &'a str,
    method: Method,
    url: String,
    reach: Reach,
    headers: Vec<(&'static str, Secret)>,
    body: Option<String>,
    secrets: Vec<Secret>,
}

/// An answer of success.
pub(super) struct Fetched {
    who: String,
    body: String,
}

impl<'a> Fetch<'a> {
    pub(super) fn get(who: &'a str, url: &str, reach: Reach) -> Self {
        Self::new(Method::GET, who, url, reach)
    }

    /// Sends a form, in which there may be secrets.
    pub(super) fn post(who: &'a str, url: &str, reach: Reach, form: String) -> Self {
        Self { body: Some(form), ..Self::new(Method::POST, who, url, reach) }
    }

    pub(super) fn new(method: Method, who: &'a str, url: &str, reach: Reach) -> Self {
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
    /// Why there is no answer, in words. Never holds the URL, which may hold a token.
    pub(super) async fn send(self) -> Result<Fetched, String> {
        let client = client(self.reach)?;
        let redactor = Redactor::new(&self.secrets);
        for pause in PAUSES {
            match self.once(&client, &redactor).await {
                Err(Refused { lasting: false, .. }) => tokio::time::sleep(pause).await,
                outcome => return outcome.map_err(|refused| refused.reason),
            }
        }
        self.once(&client, &redactor).await.map_err(|refused| refused.reason)
    }

    async fn once(&self, client: &Client, redactor: &Redactor) -> Result<Fetched, Refused> {
        let host = reqwest::Url::parse(&self.url)
            .ok()
            .and_then(|url| Some(url.authority().to_owned()).filter(|host| !host.is_empty()));
        let who = host.map_or_else(|| self.who.to_owned(), |host| format!("{} (`{host}`)", self.who));
        let refused = |lasting, reason: &str| Refused { lasting, reason: format!("{who} {reason}") };
        let mut request = client.request(self.method.clone(), &self.url);
        for (name, value) in &self.headers {
            let (Ok(name), Ok(mut value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value.expose())) else {
                return Err(refused(true, "cannot be asked: what is to be shown there holds a line break"));
            };
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.header("content-type", FORM).body(body.clone());
        }
        let no_answer = |error: reqwest::Error| {
            let words = format!("gave no answer: {}", failure(&error, redactor));
            refused(error.is_connect() || error.is_timeout() || error.is_builder(), &words)
        };
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(refused(true, "gave an answer that is far too long"));
            }
        }
        if status.is_success() {
            return Ok(Fetched { who, body: String::from_utf8_lossy(&body).into_owned() });
        }
        let said = redactor.beginning(&body);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let lasting = !(status.is_server_error() || status.as_u16() == 429);
        Err(refused(lasting, &format!("answered {}{said}", status.as_u16())))
    }
}

/// Why there is no answer.
struct Refused {
    /// Whether there is no point in asking again.
    lasting: bool,
    reason: String,
}

impl Fetched {
    pub(super) fn text(&self) -> &str {
        &self.body
    }

    /// A secret in a field of the JSON object that the answer is.
    pub(super) fn field(&self, name: &str) -> Result<Secret, String> {
        self.json().as_ref().and_then(|object| secret_field(object, name)).ok_or_else(|| self.not_understood())
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// Says nothing of the answer: there may be half a token in it.
    pub(super) fn not_understood(&self) -> String {
        format!("{} gave an answer that holds no token", self.who)
    }
}

fn client(reach: Reach) -> Result<Client, String> {
    tls::install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
    };
    let remote = || builder().connect_timeout(REMOTE_CONNECT).timeout(REMOTE_TOTAL);
    let built = match reach {
        Reach::Machine => {
            builder().no_proxy().tls_certs_only([]).connect_timeout(LOCAL_CONNECT).timeout(LOCAL_TOTAL).build()
        }
        // As for the KMS: a bare container has no root certificates.
        Reach::Internet => remote().build().or_else(|_| remote().tls_certs_only(mozilla()).build()),
    };
    built.map_err(|_| "no HTTP client can be made on this machine".to_owned())
}

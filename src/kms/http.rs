//! One exchange: a request and its bounded response. Every request to the KMS goes through here. Does not depend on
//! authentication, connections, repetitions, or the meaning of a status.

use std::{
    error::Error as StdError,
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{
    Method, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect,
};
use serde::Serialize;
use tokio::sync::OnceCell;

use super::{Error, ErrorKind, ProxyError, ProxyProblem, RequestInfo, Settings, TransportFailure};
use crate::kms::proxy::Proxy;
use crate::kms::rate_limit::RequestClass;
use crate::kms::response::ApiResponse;
use crate::redact::Redactor;
use crate::secret::{Secret, SecretBytes};
use crate::{crypto, env, os};

/// A request. Paths are below `/api/v1`.
pub(super) struct Request {
    method: Method,
    segments: Vec<String>,
    project: Option<String>,
    /// Shared by all attempts, and cleared with the last of them.
    body: Option<Bytes>,
    /// The secrets of the body, which a response may repeat.
    secrets: Vec<Secret>,
    max_response_size: usize,
    /// Whether a repetition changes nothing more.
    repeatable: bool,
}

impl Request {
    pub(super) fn get<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::GET, &segments)
    }

    pub(super) fn post<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::POST, &segments)
    }

    /// An authentication. May be repeated: it only issues one more token.
    pub(super) fn auth<const N: usize>(segments: [&str; N]) -> Self {
        Self { repeatable: true, ..Self::post(segments) }
    }

    pub(super) fn patch<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::PATCH, &segments)
    }

    /// Without a body, and so without a content type: with one the service would try to read an empty JSON, and fail.
    pub(super) fn delete<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::DELETE, &segments)
    }

    pub(super) fn in_project(self, project: Option<&str>) -> Self {
        Self { project: project.map(str::to_owned), ..self }
    }

    pub(super) fn json(self, body: &impl Serialize) -> Self {
        let mut json = SecretBytes::default();
        // Our own types of texts, numbers and booleans: they always have a JSON form.
        let _ = serde_json::to_writer(&mut json, body);
        Self { body: Some(Bytes::from_owner(json)), ..self }
    }

    pub(super) fn with_secret(mut self, secret: Option<&Secret>) -> Self {
        self.secrets.extend(secret.cloned());
        self
    }

    pub(super) fn with_long_response(self) -> Self {
        Self { max_response_size: MAX_LIST_SIZE, ..self }
    }

    fn new(method: Method, segments: &[&str]) -> Self {
        let repeatable = method == Method::GET;
        let segments = segments.iter().map(|segment| (*segment).to_owned()).collect();
        let (project, body, secrets) = (None, None, Vec::new());
        Self { method, segments, project, body, secrets, max_response_size: MAX_RESPONSE_SIZE, repeatable }
    }

    pub(super) fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    /// By the contract logins count as writes.
    pub(super) fn class(&self) -> RequestClass {
        if self.method == Method::GET { RequestClass::Read } else { RequestClass::Write }
    }

    #[cfg(test)]
    pub(super) fn body_text(&self) -> &str {
        std::str::from_utf8(self.body.as_deref().unwrap_or_default()).unwrap()
    }
}

/// The HTTP client, which is built at the first request.
pub(super) struct Http {
    settings: Settings,
    client: OnceCell<reqwest::Client>,
}

impl Http {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    pub(super) fn host(&self) -> &str {
        self.settings.base.host()
    }

    /// Sends a request, authentication included. `attempt` counts from 1.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        token: Option<&Secret>,
        attempt: u32,
    ) -> Result<ApiResponse, Error> {
        let http = self.client.get_or_try_init(async || self.http_client()).await?;
        let segments = ["api", "v1"].into_iter().chain(request.segments.iter().map(String::as_str));
        let url = self.settings.base.join(segments, request.project.as_deref().map(|id| ("projectId", id)));
        let (method, host) = (method_name(&request.method), self.host().to_owned());
        let call = RequestInfo { method, host, path: url.path().to_owned(), attempt };
        let own = self.settings.headers.iter().map(|header| &header.secret);
        let proxy = self.proxy()?;
        let password = proxy.and_then(Proxy::secret);
        let secrets = own.chain(self.settings.auth.secret()).chain(token).chain(&request.secrets).chain(&password);
        let redactor = Redactor::new(secrets);

        let mut builder = http.request(request.method.clone(), url);
        if let Some(token) = token {
            builder = builder.header(AUTHORIZATION, bearer(token)?);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }

        let start = Instant::now();
        let result = match builder.send().await {
            Ok(response) => match proxy {
                // Only a proxy sends this status, and a proxy does not forward a refused request.
                Some(proxy) if response.status().as_u16() == 407 => {
                    let failure = proxy.failed(ProxyProblem::Status(407));
                    Err(ErrorKind::NoResponse { call: Box::new(call.clone()), failure, sent: false }.into())
                }
                _ => read(response, &call, redactor, request.max_response_size).await,
            },
            Err(error) => {
                let route = proxy.map(|proxy| (proxy, self.settings.base.url()));
                let failure = transport_failure(&error, &redactor, route).await;
                Err(no_response(&call, &error, failure))
            }
        };
        trace(&call, &result, start.elapsed());
        result
    }

    fn proxy(&self) -> Result<Option<&Proxy>, Error> {
        let wrong =
            |error: ProxyError| ErrorKind::Settings(format!("the environment variable `{}`: {error}", error.variable));
        Ok(self.settings.proxies.to_kms(&self.settings.base).map_err(wrong)?)
    }

    fn http_client(&self) -> Result<reqwest::Client, Error> {
        crypto::install_default();
        let (settings, own) = (&self.settings, self.own_certificates());
        if let Some(file) = env::path(env::SSL_CERT_FILE).filter(|_| !settings.base.never_needs_tls()) {
            let wrong =
                |error| ErrorKind::Settings(format!("the environment variable `{}`: {error}", env::SSL_CERT_FILE));
            os::check_ends(&file).map_err(wrong)?;
        }
        let unusable = |error: reqwest::Error| ErrorKind::Settings(root_cause(&error));
        let proxy = self.proxy()?.map(Proxy::all).transpose().map_err(unusable)?;
        let built = if settings.base.never_needs_tls() {
            // Works on a machine without root certificates, and saves the time to read them.
            self.builder(proxy).tls_certs_only([]).build()
        } else {
            let system = self.builder(proxy.clone()).tls_certs_merge(own.iter().cloned()).build();
            // A bare container has no root certificates. Where the machine has some, only those are trusted.
            system.or_else(|_| self.builder(proxy).tls_certs_only(mozilla().chain(own)).build())
        };
        Ok(built.map_err(unusable)?)
    }

    fn own_certificates(&self) -> Vec<reqwest::Certificate> {
        self.settings.ca_certificates.as_ref().map_or_else(Vec::new, |certificates| certificates.0.clone())
    }

    fn builder(&self, proxy: Option<reqwest::Proxy>) -> reqwest::ClientBuilder {
        let settings = &self.settings;
        let builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .default_headers(
                settings.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect(),
            )
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(settings.request_timeout)
            // At most half, so that a failed connection and a missing response are different errors.
            .connect_timeout(CONNECT_TIMEOUT.min(settings.request_timeout / 2))
            .pool_idle_timeout(MAX_IDLE)
            .referer(false);
        match proxy {
            Some(proxy) => builder.proxy(proxy),
            None => builder.no_proxy(),
        }
    }
}

/// Returns the public authorities, for machines without root certificates.
pub(super) fn mozilla() -> impl Iterator<Item = reqwest::Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok())
}

/// The service closes connections that are idle for 30 seconds. A request must not be sent at that moment.
const MAX_IDLE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_RESPONSE_SIZE: usize = 1024 * 1024;
/// Enough for ten thousand connections with a certificate each.
const MAX_LIST_SIZE: usize = 64 * 1024 * 1024;

async fn read(
    mut response: Response,
    call: &RequestInfo,
    redactor: Redactor,
    max_size: usize,
) -> Result<ApiResponse, Error> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = SecretBytes::default();
    let mut too_long = None;
    while let Some(chunk) =
        response.chunk().await.map_err(|error| no_response(call, &error, failure(&error, &redactor)))?
    {
        if body.len() + chunk.len() > max_size {
            too_long = Some(max_size);
            break;
        }
        body.extend(&chunk);
    }
    Ok(ApiResponse::new(call.clone(), status, &headers, body, too_long, redactor))
}

fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    let value = Secret::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
        ErrorKind::Settings(
            "the access token holds characters that HTTP does not allow, such as a line break".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns why no response came, and whether the request may have reached the service.
fn no_response(call: &RequestInfo, error: &reqwest::Error, failure: TransportFailure) -> Error {
    let sent = !error.is_connect() && failure != TransportFailure::NotProcessed;
    ErrorKind::NoResponse { call: Box::new(call.clone()), failure, sent }.into()
}

/// Returns why no response came; for a failure at a proxy, which proxy. `route` is the proxy and its destination.
pub(super) async fn transport_failure(
    error: &reqwest::Error,
    redactor: &Redactor,
    route: Option<(&Proxy, &Url)>,
) -> TransportFailure {
    let failure = failure(error, redactor);
    let Some((proxy, url)) = route.filter(|_| error.is_connect()) else { return failure };
    // The HTTP client has no type for it. Without a tunnel every connection is a connection to the proxy.
    let with_proxy = ["tunnel error: ", "error connecting to socks proxy"];
    let is_at_proxy =
        |cause: &(dyn StdError + 'static)| with_proxy.iter().any(|text| cause.to_string().starts_with(text));
    let at_proxy = url.scheme() == "http" || causes(error).any(is_at_proxy);
    proxy.explain(failure, at_proxy, url).await
}

/// Returns why no response came. Never takes the text of the HTTP client's own errors: they hold URLs.
fn failure(error: &reqwest::Error, redactor: &Redactor) -> TransportFailure {
    for cause in causes(error) {
        if let Some(error) = cause.downcast_ref::<io::Error>().filter(|error| os::is_out_of_files(error)) {
            return TransportFailure::Connect(os::reason(error));
        }
        if let Some(error) = cause.downcast_ref() {
            return match error {
                rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
                    TransportFailure::UnknownAuthority
                }
                other => TransportFailure::Tls(redactor.text(&other.to_string())),
            };
        }
    }
    if causes(error).filter_map(|cause| cause.downcast_ref()).any(is_not_processed) {
        return TransportFailure::NotProcessed;
    }
    if error.is_timeout() {
        return TransportFailure::Timeout;
    }
    if error.is_dns() {
        return TransportFailure::Dns;
    }
    for cause in causes(error) {
        match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return TransportFailure::ConnectRefused,
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe) => {
                return TransportFailure::Reset;
            }
            _ => {}
        }
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return TransportFailure::NotHttp;
        }
    }
    if error.is_connect() {
        return TransportFailure::Connect(redactor.text(&root_cause(error)));
    }
    TransportFailure::Cut
}

/// Returns whether HTTP/2 reports that a request was not processed. The library gives the error of a GOAWAY only to the
/// streams above the last one that the server names; a stream below it ends with the connection.
fn is_not_processed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (is_refused || error.is_go_away())
}

/// Returns an error and its causes. An [`io::Error`] does not show what it was made from among its causes, so that is
/// looked into first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let text = |cause: &(dyn StdError + 'static)| cause.downcast_ref().map_or_else(|| cause.to_string(), os::reason);
    causes(error).last().map(text).unwrap_or_default()
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "GET",
    }
}

/// Logs one line per exchange. Never a body, a header or a query.
fn trace(call: &RequestInfo, result: &Result<ApiResponse, Error>, took: Duration) {
    let RequestInfo { method, path, attempt, .. } = call;
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(response) => {
            let (status, req_id) = (response.status(), response.request_id().unwrap_or_default());
            tracing::debug!(method, path, attempt, status, duration_ms, req_id, "response of the KMS");
        }
        Err(Error { kind: ErrorKind::NoResponse { failure, .. }, .. }) => {
            tracing::debug!(method, path, attempt, duration_ms, %failure, "no response of the KMS");
        }
        Err(_) => {}
    }
}

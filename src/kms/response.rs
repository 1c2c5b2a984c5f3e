//! Parses a response: the requested result, an error of the service, or the response of another server. All error texts of
//! the service are matched here, those of its logins to databases in `database_problem`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::{Url, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    AuthFailure, AuthRefusal, DatabaseStep, Error, ErrorKind, Issue, Mismatch, Permission, RequestInfo, ServiceError,
    UnexpectedResponse,
};
use crate::kms::header::header;
use crate::kms::rate_limit::Allowance;
use crate::redact::Redactor;
use crate::secret::SecretBytes;

/// A complete response, or the beginning of one that is too long.
pub(super) struct ApiResponse {
    call: RequestInfo,
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    retry_after: Option<Duration>,
    allowance: Option<Allowance>,
    body: SecretBytes,
    too_long: Option<usize>,
    /// Whether a success holds a secret that the redactor does not have, so that none of it may be quoted.
    confidential: bool,
    /// For a status other than 2xx.
    error_body: Option<ErrorBody>,
    redactor: Redactor,
}

/// The service's error body, unparsed.
struct ErrorBody {
    request_id: Option<String>,
    name: Option<String>,
    message: Value,
    details: Value,
}

impl ApiResponse {
    pub(super) fn new(
        call: RequestInfo,
        status: u16,
        headers: &HeaderMap,
        body: SecretBytes,
        too_long: Option<usize>,
        redactor: Redactor,
    ) -> Self {
        let delay = header(headers, "retry-after").and_then(|text| retry_after(text, SystemTime::now()));
        let spent = || header(headers, "x-ratelimit-reset").filter(|_| status == 429)?.trim().parse().ok();
        Self {
            content_type: header(headers, "content-type").map(|text| redactor.text(text)),
            location: header(headers, "location").map(str::to_owned),
            retry_after: delay.or_else(|| spent().map(Duration::from_secs)),
            allowance: Allowance::parse(headers),
            error_body: if (200..300).contains(&status) { None } else { ErrorBody::parse(&body) },
            call,
            status,
            body,
            too_long,
            confidential: false,
            redactor,
        }
    }

    /// Marks the response to an authentication: a success that cannot be parsed is not quoted, because the token may stand in it.
    pub(super) fn confidential(self) -> Self {
        Self { confidential: true, ..self }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.error_body.as_ref()?.request_id.as_deref()
    }

    /// Returns whether this may be the service's own response, and not that of a proxy in front of it.
    pub(super) fn is_of_the_service(&self) -> bool {
        self.error_body.is_some() || (200..300).contains(&self.status)
    }

    /// Returns the rate limit that the response reports.
    pub(super) fn allowance(&self) -> Option<Allowance> {
        self.allowance
    }

    /// Returns the wait that the service requests.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after.or_else(|| self.announced_wait())
    }

    /// Returns whether the token is expired, invalid or revoked. Any other 403 is about permissions.
    pub(super) fn refuses_token(&self) -> bool {
        let name = self.error_body.as_ref().and_then(|error_body| error_body.name.as_deref());
        match self.status {
            401 => self.error_body.is_some(),
            403 => name == Some("TokenError"),
            _ => false,
        }
    }

    /// Returns whether this response to an authentication is a refusal by the service, not a failure or the response of another
    /// server.
    pub(super) fn refuses_auth(&self) -> bool {
        let is_named = self.error_body.as_ref().is_some_and(|error_body| error_body.name.is_some());
        match self.status {
            401 | 403 => self.error_body.is_some(),
            404 => self.is_own_not_found(),
            400 | 422 => is_named,
            _ => false,
        }
    }

    /// Returns whether the service itself reports that it has no such connection. Any other 404 comes from a wrong address.
    pub(super) fn is_no_such_connection(&self) -> bool {
        self.missing_connection().is_some()
    }

    /// Returns the connection that the service reports as missing: `ID <id>`, or `name <name>` and the scope.
    pub(super) fn missing_connection(&self) -> Option<&str> {
        self.message().strip_prefix("Could not find App Connection with ").filter(|_| self.is_own_not_found())
    }

    /// Parses the requested result, or returns the error that the response is.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !(200..300).contains(&self.status) {
            return Err(self.error());
        }
        if let Some(limit) = self.too_long {
            return Err(self.unexpected(Mismatch::TooLong(limit)));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let reason = if self.confidential {
                format!("line {} column {}", error.line(), error.column())
            } else {
                self.redactor.text(&error.to_string())
            };
            self.unexpected(Mismatch::Body(reason))
        })
    }

    /// Returns the error for a response that is about another object. `difference` is which one.
    pub(super) fn about_another_object(&self, difference: &str) -> Error {
        self.unexpected(Mismatch::OtherObject(self.redactor.text(difference)))
    }

    /// Returns the service's own error.
    fn reply(&self) -> ServiceError {
        let error_body = self.error_body.as_ref();
        ServiceError {
            call: self.call.clone(),
            status: self.status,
            request_id: error_body
                .and_then(|error_body| error_body.request_id.as_deref())
                .map(|id| self.redactor.text(id)),
            name: error_body.and_then(|error_body| error_body.name.as_deref()).map(|name| self.redactor.text(name)),
            message: self.redactor.text(self.message()),
        }
    }

    pub(super) fn error(&self) -> Error {
        match self.status {
            300..400 => self.redirected(),
            429 => self.reported(ErrorKind::RateLimited { retry_after: self.retry_after() }),
            404 if !self.is_own_not_found() => self.unexpected(Mismatch::Status),
            404 if self.is_no_such_connection() => self.reported(ErrorKind::ConnectionNotFound),
            404 if self.is_about_project() => self.reported(ErrorKind::ProjectNotFound),
            500.. if !self.is_own() => ErrorKind::BadGateway(self.unexpected_response(Mismatch::Status)).into(),
            500.. if self.call.path.ends_with("/auth/aws-auth/login") => self.reported(ErrorKind::AwsRefused),
            500.. => self.reported(ErrorKind::Unavailable),
            _ if self.error_body.is_none() => self.unexpected(Mismatch::Status),
            400 => self.reported(self.bad_request()),
            403 => self.reported(self.denied()),
            422 => self.reported(ErrorKind::Invalid { issues: self.issues() }),
            _ => self.reported(self.refused()),
        }
    }

    /// The error that the service itself reports.
    fn reported(&self, kind: ErrorKind) -> Error {
        Error { kind, reply: Some(Box::new(self.reply())) }
    }

    /// The error for a response that refuses the credentials or the token of `auth`.
    pub(super) fn auth_refused(&self, auth: Arc<AuthFailure>) -> Error {
        let message = self.message().to_ascii_lowercase();
        let has = |part: &str| message.contains(part);
        let reason = if has("temporarily locked") {
            AuthRefusal::Locked
        } else if has("auth method not found for identity") {
            AuthRefusal::NoSuchMethod
        } else if has("sub organization") {
            AuthRefusal::NoSuchOrganization
        } else if has("current ip address") {
            AuthRefusal::AddressNotAllowed
        } else {
            AuthRefusal::Other
        };
        self.reported(ErrorKind::AuthRefused { auth, reason })
    }

    fn bad_request(&self) -> ErrorKind {
        let message = self.message();
        let starts = |beginning: &str| message.starts_with(beginning);
        let name = message
            .strip_prefix("An App Connection with the name \"")
            .and_then(|rest| rest.strip_suffix("\" already exists"));
        if let Some(name) = name {
            return ErrorKind::NameTaken { name: self.redactor.text(name) };
        }
        if let Some(text) = message.strip_prefix("Unable to validate connection: ") {
            return ErrorKind::DatabaseRefused { step: DatabaseStep::Login, message: self.redactor.text(text) };
        }
        if starts("ALTER USER ") || message == "Encountered an error transferring credentials to platform" {
            let message = self.redactor.text(message);
            return ErrorKind::DatabaseRefused { step: DatabaseStep::ChangePassword, message };
        }
        if starts("Cannot delete App Connection with existing connections") {
            return ErrorKind::InUse;
        }
        if starts("Cannot update credentials or management status for platform managed connections")
            || starts("Credentials required to transition to platform managed credentials")
        {
            return ErrorKind::PlatformManaged;
        }
        if starts("App Connection with ") && message.contains(" is not for App ") {
            return ErrorKind::OtherApp;
        }
        if starts("Could not find project with ID ") {
            return ErrorKind::ProjectNotFound;
        }
        self.refused()
    }

    fn refused(&self) -> ErrorKind {
        if self.message().contains("Gateway") { ErrorKind::GatewayRefused } else { ErrorKind::Refused }
    }

    fn denied(&self) -> ErrorKind {
        let denied = self.message().strip_prefix("You are not allowed to ").and_then(|rest| rest.split_once(" on "));
        let details = self.error_body.as_ref().and_then(|error_body| error_body.details.as_array());
        ErrorKind::Denied {
            action: denied.map(|(action, _)| self.redactor.text(action)),
            subject: denied.map(|(_, subject)| self.redactor.text(subject)),
            details: details.into_iter().flatten().take(MAX_ITEMS).map(|rule| self.permission(rule)).collect(),
        }
    }

    fn permission(&self, rule: &Value) -> Permission {
        let text = |name| match rule.get(name) {
            Some(Value::String(text)) => self.redactor.text(text),
            Some(Value::Array(items)) => {
                self.redactor.text(&items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            }
            _ => String::new(),
        };
        Permission {
            action: text("action"),
            subject: text("subject"),
            inverted: rule.get("inverted").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    /// The issues of a 422. Of the two dialects of its validator only path and message are common; an issue may come
    /// twice, because the body is checked as an intersection.
    fn issues(&self) -> Vec<Issue> {
        let Some(error_body) = &self.error_body else { return Vec::new() };
        let mut issues = Vec::new();
        for item in error_body.message.as_array().into_iter().flatten().take(MAX_ITEMS) {
            let path = item.get("path").and_then(Value::as_array).into_iter().flatten();
            let path = path.take(MAX_PATH_DEPTH).map(|key| match key {
                Value::String(name) => self.redactor.name(name),
                other => self.redactor.name(&other.to_string()),
            });
            let message = item.get("message").or(Some(item)).and_then(Value::as_str).unwrap_or("not accepted");
            let issue = Issue { path: path.collect(), message: self.redactor.text(message) };
            if !issues.contains(&issue) {
                issues.push(issue);
            }
        }
        if let (true, Some(text)) = (issues.is_empty(), error_body.message.as_str()) {
            issues.push(Issue { path: Vec::new(), message: self.redactor.text(text) });
        }
        issues
    }

    /// Names the other host without what may be secret in a URL.
    fn redirected(&self) -> Error {
        let Some(location) = &self.location else { return self.unexpected(Mismatch::Status) };
        let target = match Url::parse(location) {
            Ok(url) => match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (Some(host), None) => host.to_owned(),
                (None, _) => url.scheme().to_owned(),
            },
            Err(_) => location.split(['?', '#']).next().unwrap_or_default().to_owned(),
        };
        let (call, target) = (Box::new(self.call.clone()), self.redactor.text(&target));
        ErrorKind::Redirected { call, status: self.status, target }.into()
    }

    fn unexpected(&self, mismatch: Mismatch) -> Error {
        ErrorKind::Unexpected(self.unexpected_response(mismatch)).into()
    }

    fn unexpected_response(&self, mismatch: Mismatch) -> Box<UnexpectedResponse> {
        let quotable = !self.confidential || mismatch == Mismatch::Status;
        Box::new(UnexpectedResponse {
            call: self.call.clone(),
            status: self.status,
            mismatch,
            content_type: self.content_type.clone(),
            beginning: quotable.then(|| self.redactor.beginning(&self.body)),
        })
    }

    /// A 429 without headers has the seconds in its message.
    fn announced_wait(&self) -> Option<Duration> {
        let (_, rest) = self.message().split_once("try again in ")?;
        rest.split(' ').next()?.parse().ok().map(Duration::from_secs)
    }

    fn message(&self) -> &str {
        self.error_body.as_ref().and_then(|error_body| error_body.message.as_str()).unwrap_or_default()
    }

    /// Only the service gives a request an id: proxies and routers write error bodies of a similar shape.
    fn is_own(&self) -> bool {
        self.error_body.as_ref().is_some_and(|error_body| error_body.request_id.is_some() && error_body.name.is_some())
    }

    fn is_own_not_found(&self) -> bool {
        let name = self.error_body.as_ref().and_then(|error_body| error_body.name.as_deref());
        self.status == 404 && self.is_own() && name == Some("NotFound")
    }

    fn is_about_project(&self) -> bool {
        let message = self.message();
        message.starts_with("Project with ") && message.ends_with(" not found")
    }
}

impl ErrorBody {
    /// Lenient: older versions have no `reqId`, and other routes no `error`.
    fn parse(body: &[u8]) -> Option<Self> {
        let Value::Object(mut fields) = serde_json::from_slice(body).ok()? else { return None };
        let message = fields.remove("message").filter(|message| message.is_string() || message.is_array())?;
        let mut text = |name| match fields.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (request_id, name) = (text("reqId"), text("error"));
        Some(Self { request_id, name, message, details: fields.remove("details").unwrap_or_default() })
    }
}

/// Both forms of RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let date = || httpdate::parse_http_date(text).ok().map(|date| date.duration_since(now).unwrap_or_default());
    // More digits than fit into a number are a very long wait, not none.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX))) } else { date() }
}

/// The maximum number of issues and rules.
const MAX_ITEMS: usize = 20;

/// Elements of the path of an issue; those of this API have two.
const MAX_PATH_DEPTH: usize = 8;

#[cfg(test)]
mod tests;

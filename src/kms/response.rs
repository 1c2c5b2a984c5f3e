//! Tells three kinds of answers apart: what was asked for, an error of the service, and something that is not the
//! service. The only place that knows the service's error texts.

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

/// A whole answer, or the beginning of one that is too long.
pub(super) struct ApiResponse {
    call: RequestInfo,
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    retry_after: Option<Duration>,
    allowance: Option<Allowance>,
    body: SecretBytes,
    too_long: Option<usize>,
    /// Whether a success holds a secret that nobody knows yet, so that no word of it may be quoted.
    confidential: bool,
    /// For a status other than 2xx.
    fault: Option<ErrorBody>,
    redactor: Redactor,
}

/// The service's error body, as it came.
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
        let asked = header(headers, "retry-after").and_then(|text| retry_after(text, SystemTime::now()));
        let spent = || header(headers, "x-ratelimit-reset").filter(|_| status == 429)?.trim().parse().ok();
        Self {
            content_type: header(headers, "content-type").map(|text| redactor.text(text)),
            location: header(headers, "location").map(str::to_owned),
            retry_after: asked.or_else(|| spent().map(Duration::from_secs)),
            allowance: Allowance::parse(headers),
            fault: if (200..300).contains(&status) { None } else { ErrorBody::parse(&body) },
            call,
            status,
            body,
            too_long,
            confidential: false,
            redactor,
        }
    }

    /// For the answer to a login: what cannot be read of a success is not quoted, because the token may stand in it.
    pub(super) fn confidential(self) -> Self {
        Self { confidential: true, ..self }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.fault.as_ref()?.request_id.as_deref()
    }

    /// Whether this may be the service's own answer, and not that of something in front of it which stands in for it.
    pub(super) fn is_of_the_service(&self) -> bool {
        self.fault.is_some() || (200..300).contains(&self.status)
    }

    /// What the answer says about the rate limit; none where there is none.
    pub(super) fn allowance(&self) -> Option<Allowance> {
        self.allowance
    }

    /// How long the service wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after.or_else(|| self.announced_wait())
    }

    /// Whether the token is expired, broken or revoked. Any other 403 is about permissions.
    pub(super) fn refuses_token(&self) -> bool {
        let name = self.fault.as_ref().and_then(|fault| fault.name.as_deref());
        match self.status {
            401 => self.fault.is_some(),
            403 => name == Some("TokenError"),
            _ => false,
        }
    }

    /// Whether this answer to a login is a refusal by the service, rather than a failure or something foreign.
    pub(super) fn refuses_auth(&self) -> bool {
        let is_named = self.fault.as_ref().is_some_and(|fault| fault.name.is_some());
        match self.status {
            401 | 403 => self.fault.is_some(),
            404 => self.is_own_not_found(),
            400 | 422 => is_named,
            _ => false,
        }
    }

    /// Whether the service itself says that it has no such connection. Any other 404 comes from a wrong address.
    pub(super) fn is_no_such_connection(&self) -> bool {
        self.missing_connection().is_some()
    }

    /// Which connection the service says that it does not have: `ID <id>`, or `name <name>` and the scope.
    pub(super) fn missing_connection(&self) -> Option<&str> {
        self.message().strip_prefix("Could not find App Connection with ").filter(|_| self.is_own_not_found())
    }

    /// What was asked for, or the error that the answer is.
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

    /// The error for an answer that is about another object. `difference` says which one.
    pub(super) fn about_another_object(&self, difference: &str) -> Error {
        self.unexpected(Mismatch::OtherObject(self.redactor.text(difference)))
    }

    /// The words of the service, for an error.
    fn reply(&self) -> ServiceError {
        let fault = self.fault.as_ref();
        ServiceError {
            call: self.call.clone(),
            status: self.status,
            request_id: fault.and_then(|fault| fault.request_id.as_deref()).map(|id| self.redactor.text(id)),
            name: fault.and_then(|fault| fault.name.as_deref()).map(|name| self.redactor.text(name)),
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
            500.. if !self.is_own() => ErrorKind::BadGateway(self.foreign(Mismatch::Status)).into(),
            500.. if self.call.path.ends_with("/auth/aws-auth/login") => self.reported(ErrorKind::AwsRefused),
            500.. => self.reported(ErrorKind::Unavailable),
            _ if self.fault.is_none() => self.unexpected(Mismatch::Status),
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
        let said = self.message().strip_prefix("You are not allowed to ").and_then(|rest| rest.split_once(" on "));
        let details = self.fault.as_ref().and_then(|fault| fault.details.as_array());
        ErrorKind::Denied {
            action: said.map(|(action, _)| self.redactor.text(action)),
            subject: said.map(|(_, subject)| self.redactor.text(subject)),
            details: details.into_iter().flatten().take(MAX_ITEMS).map(|rule| self.permission(rule)).collect(),
        }
    }

    fn permission(&self, rule: &Value) -> Permission {
        let words = |name| match rule.get(name) {
            Some(Value::String(text)) => self.redactor.text(text),
            Some(Value::Array(items)) => {
                self.redactor.text(&items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            }
            _ => String::new(),
        };
        Permission {
            action: words("action"),
            subject: words("subject"),
            inverted: rule.get("inverted").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    /// The issues of a 422. Of the two dialects of its validator only path and message are common; an issue may come
    /// twice, because the body is checked as an intersection.
    fn issues(&self) -> Vec<Issue> {
        let Some(fault) = &self.fault else { return Vec::new() };
        let mut issues = Vec::new();
        for item in fault.message.as_array().into_iter().flatten().take(MAX_ITEMS) {
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
        if let (true, Some(text)) = (issues.is_empty(), fault.message.as_str()) {
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
        ErrorKind::Unexpected(self.foreign(mismatch)).into()
    }

    fn foreign(&self, mismatch: Mismatch) -> Box<UnexpectedResponse> {
        let quotable = !self.confidential || mismatch == Mismatch::Status;
        Box::new(UnexpectedResponse {
            call: self.call.clone(),
            status: self.status,
            mismatch,
            content_type: self.content_type.clone(),
            beginning: quotable.then(|| self.redactor.beginning(&self.body)),
        })
    }

    /// A 429 without headers says the seconds in words.
    fn announced_wait(&self) -> Option<Duration> {
        let (_, rest) = self.message().split_once("try again in ")?;
        rest.split(' ').next()?.parse().ok().map(Duration::from_secs)
    }

    fn message(&self) -> &str {
        self.fault.as_ref().and_then(|fault| fault.message.as_str()).unwrap_or_default()
    }

    /// Only the service gives a request an id: proxies and routers write error bodies of a similar shape.
    fn is_own(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.request_id.is_some() && fault.name.is_some())
    }

    fn is_own_not_found(&self) -> bool {
        let name = self.fault.as_ref().and_then(|fault| fault.name.as_deref());
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

/// Of issues and rules: more than a person reads.
const MAX_ITEMS: usize = 20;

/// Elements of the path of an issue; those of this API have two.
const MAX_PATH_DEPTH: usize = 8;

#[cfg(test)]
mod tests;

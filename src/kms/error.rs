//! The errors of a call, by their cure. Texts in here are fit to print: short, on one line, without secrets. Does not
//! depend on an HTTP library.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{AuthMethod, GiveUpReason, ProxyFailure, SourceError};

/// A call that failed.
#[derive(Debug, Clone)]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The response of the service, where the service itself reported the error.
    pub reply: Option<Box<ServiceError>>,
}

/// What went wrong in a call.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot work, whatever the service responds.
    #[error("the client of the KMS cannot be set up: {0}")]
    Settings(String),
    /// Not a UUID, so no connection can have it. Nothing was sent.
    #[error("`{0}` is not the id of a connection; ids are UUIDs")]
    InvalidId(String),
    /// The service refused the credentials or the token. A refused authentication is never repeated, because three
    /// failures lock the identity.
    #[error("the KMS refused the {auth}")]
    AuthRefused {
        /// Which authentication.
        auth: Arc<AuthFailure>,
        /// Why, as far as the service reports it.
        reason: AuthRefusal,
    },
    /// There are no credentials: a file that cannot be read, a metadata server that does not respond.
    #[error("no credentials for the {auth} at `{}`: {reason}", auth.host)]
    NoCredentials {
        /// Which authentication.
        auth: Arc<AuthFailure>,
        /// Why.
        reason: Box<SourceError>,
    },
    /// The identity lacks a permission.
    #[error("permission denied")]
    Denied {
        /// What was tried (`create`, `read-app-connections`), where the service reports it.
        action: Option<String>,
        /// On what (`app-connections`), where the service reports it.
        subject: Option<String>,
        /// The rules that the service lists; often none.
        details: Vec<Permission>,
    },
    /// Fields break rules of the service.
    #[error("the KMS does not accept {}", fields(.issues))]
    Invalid {
        /// One per field and rule.
        issues: Vec<Issue>,
    },
    /// Another connection of the scope, of any app, has the name.
    #[error("a connection with the name `{name}` already exists")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The service tried the credentials, and the database, or the network before it, refused them.
    #[error("the KMS could not {step} with these credentials: {message}")]
    DatabaseRefused {
        /// What the service was doing.
        step: DatabaseStep,
        /// The message of the database or of its driver.
        message: String,
    },
    /// Something still uses the connection that should be deleted.
    #[error("the connection is in use")]
    InUse,
    /// The credentials of the connection are platform-managed, which allows no such change.
    #[error("the credentials of the connection are platform-managed")]
    PlatformManaged,
    /// The id or the name belongs to a connection of another app.
    #[error("this is not a PostgreSQL connection")]
    OtherApp,
    /// The service itself reports that it has no such connection.
    #[error("connection not found")]
    ConnectionNotFound,
    /// The service itself reports that it has no such project.
    #[error("project not found")]
    ProjectNotFound,
    /// The service refused the gateway of the connection.
    #[error("the KMS refused the gateway")]
    GatewayRefused,
    /// Any other refusal by the service.
    #[error("the KMS refused the request")]
    Refused,
    /// Too many requests. The request was not run, whatever its method.
    #[error("rate limit exceeded")]
    RateLimited {
        /// The wait that the service requests.
        retry_after: Option<Duration>,
    },
    /// The service failed, and reports it itself.
    #[error("the KMS failed")]
    Unavailable,
    /// The service failed in the step in which it sends the signed request of `aws_iam` to AWS. A refusal by AWS ends so.
    #[error("the KMS failed while it sent the signed request to AWS")]
    AwsRefused,
    /// A proxy or load balancer in front of the service reported a failure (5xx without the service's own error body).
    #[error("a proxy in front of the KMS failed: {0}")]
    BadGateway(Box<UnexpectedResponse>),
    /// No complete response came.
    #[error("no response to {call}: {failure}")]
    NoResponse {
        /// Which request.
        call: Box<RequestInfo>,
        /// Why.
        failure: TransportFailure,
        /// Whether the request may have reached the service, and may have been run.
        sent: bool,
    },
    /// A redirect. Never followed, so that no token and no password goes to another host.
    #[error("{call} was redirected to `{target}` ({status})")]
    Redirected {
        /// Which request.
        call: Box<RequestInfo>,
        /// The status.
        status: u16,
        /// The host it points to, or its path on the same host.
        target: String,
    },
    /// A response that is not one of the app-connections API of a KMS.
    #[error("unexpected response: {0}")]
    Unexpected(Box<UnexpectedResponse>),
    /// The request was never sent, because the rate limit would have delayed it beyond the caller's deadline.
    #[error("the request was not sent: {0}")]
    NotSent(GiveUpReason),
    /// The caller's deadline ended the repetitions. The last failure was one that may be repeated, so a write that ends
    /// so was not run.
    #[error("{last}")]
    GaveUp {
        /// How the last attempt failed.
        last: Box<Error>,
        /// Why there is no further one.
        reason: GiveUpReason,
    },
    /// The request was never sent, because the authentication before it failed and may have been run.
    #[error("the request was not sent, because the authentication before it failed: {cause}")]
    AuthFailed {
        /// How the authentication failed.
        cause: Box<Error>,
    },
    /// The caller dropped the call after a request was sent that may have changed something.
    #[error("the call to the KMS was cancelled")]
    Cancelled,
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, reply: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(formatter)?;
        self.reply.as_ref().map_or(Ok(()), |reply| write!(formatter, ": {reply}"))
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Returns whether the service may have run a write that ended so. Such a write must not be repeated before the object
    /// was looked up.
    ///
    /// The service's own 5xx counts: it changes the role and stores the row before it builds the response (contract,
    /// section 2).
    pub fn may_have_run(&self) -> bool {
        match &self.kind {
            ErrorKind::NoResponse { sent, .. } => *sent,
            ErrorKind::BadGateway(_) | ErrorKind::Unavailable | ErrorKind::AwsRefused | ErrorKind::Cancelled => true,
            ErrorKind::Unexpected(response) => (200..300).contains(&response.status),
            _ => false,
        }
    }

    /// Returns whether no response of the service came to a request that it may have run. Only then may an object that
    /// appears be adopted: the service's own 5xx, and a response that cannot be read, are responses.
    pub fn is_lost(&self) -> bool {
        match &self.kind {
            ErrorKind::NoResponse { sent, .. } => *sent,
            ErrorKind::BadGateway(response) => (502..=504).contains(&response.status),
            ErrorKind::Cancelled => true,
            _ => false,
        }
    }

    /// Returns whether the service failed to change the password of the role, which it does before anything is stored.
    pub fn changes_password(&self) -> bool {
        matches!(&self.kind, ErrorKind::DatabaseRefused { step: DatabaseStep::ChangePassword, .. })
    }

    /// Returns whether the service, or the network to it, failed for a reason that may be gone a second later.
    pub fn is_outage(&self) -> bool {
        matches!(&self.kind, ErrorKind::NoResponse { .. } | ErrorKind::BadGateway(_) | ErrorKind::Unavailable)
    }

    /// Returns whether the caller's own deadline ended the call, which means nothing for other callers.
    pub fn is_give_up(&self) -> bool {
        matches!(&self.kind, ErrorKind::NotSent(_) | ErrorKind::GaveUp { .. })
    }

    /// Returns the failure below [`ErrorKind::GaveUp`] and [`ErrorKind::AuthFailed`], which messages are about.
    pub fn cause(&self) -> &Self {
        match &self.kind {
            ErrorKind::GaveUp { last: cause, .. } | ErrorKind::AuthFailed { cause } => cause.cause(),
            _ => self,
        }
    }

    /// Turns a failed authentication into the failure of the request that needed it: the request was not sent.
    pub(super) fn before_request(self) -> Self {
        if self.may_have_run() { ErrorKind::AuthFailed { cause: Box::new(self) }.into() } else { self }
    }

    /// Returns whether the authentication failed for all requests that need it.
    pub fn is_auth_failure(&self) -> bool {
        matches!(&self.cause().kind, ErrorKind::AuthRefused { .. } | ErrorKind::NoCredentials { .. })
    }

    /// Returns whether no further authentication is tried in this run: each call ends so from now on.
    pub fn ends_auth(&self) -> bool {
        match &self.kind {
            ErrorKind::AuthRefused { .. } => true,
            ErrorKind::NoCredentials { reason, .. } => !reason.is_passing(),
            _ => false,
        }
    }

    /// Returns whether the service changed nothing because the database, or a pooler, had no connection left for its
    /// login. Only the message of the server shows it.
    pub fn is_database_full(&self) -> bool {
        let ErrorKind::DatabaseRefused { step: DatabaseStep::Login, message } = &self.kind else { return false };
        [
            "too many connections",
            "too many clients",
            "remaining connection slots",
            "no more connections allowed",
            "max client connections reached",
            "max clients reached",
            "client connections exceeded",
            "client connections to the proxy exceeded",
            "too many active clients",
            "too many tcp connections",
        ]
        .iter()
        .any(|text| message.to_lowercase().contains(text))
    }
}

/// Why the service refused an authentication, as far as its message shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthRefusal {
    /// Three failures lock the authentication method of an identity for five minutes.
    Locked,
    /// The identity has no authentication of this method, or there is no such identity.
    NoSuchMethod,
    /// There is no such sub-organization, or the identity is not a member of it.
    NoSuchOrganization,
    /// The authentication allows other addresses only.
    AddressNotAllowed,
    /// Any other refusal; most often wrong credentials.
    Other,
}

/// An authentication that failed for all that need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFailure {
    /// The authentication method.
    pub method: AuthMethod,
    /// The host of the KMS.
    pub host: String,
    /// Method and principal, for a message.
    described: String,
}

impl AuthFailure {
    pub(crate) fn new(method: AuthMethod, described: String, host: String) -> Self {
        Self { method, host, described }
    }
}

impl fmt::Display for AuthFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.described)
    }
}

/// Which request it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Host, and port where it is not the default.
    pub host: String,
    /// Path without query.
    pub path: String,
    /// How often it was sent by then.
    pub attempt: u32,
}

impl fmt::Display for RequestInfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{} {}` at `{}`", self.method, self.path, self.host)?;
        if self.attempt > 1 { write!(formatter, " (attempt {})", self.attempt) } else { Ok(()) }
    }
}

/// An error response of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// Which request.
    pub call: RequestInfo,
    /// The status.
    pub status: u16,
    /// The service's id of the request, to be found in its log.
    pub request_id: Option<String>,
    /// The service's name of the error (`BadRequest`).
    pub name: Option<String>,
    /// The service's message.
    pub message: String,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} returned {}", self.call, self.status)?;
        if let Some(name) = &self.name {
            write!(formatter, " `{name}`")?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(formatter, " (request id `{id}`)")?;
        }
        Ok(())
    }
}

/// A response that the service does not send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedResponse {
    /// Which request.
    pub call: RequestInfo,
    /// The status.
    pub status: u16,
    /// How it differs from a response of the service.
    pub mismatch: Mismatch,
    /// The media type it claims to have.
    pub content_type: Option<String>,
    /// Its first characters; none if there may be a token in them.
    pub beginning: Option<String>,
}

impl fmt::Display for UnexpectedResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} returned {}, {}", self.call, self.status, self.mismatch)?;
        if let Some(content_type) = &self.content_type {
            write!(formatter, "; content type `{content_type}`")?;
        }
        match self.beginning.as_deref() {
            None => Ok(()),
            Some("") => formatter.write_str("; the body is empty"),
            Some(text) => write!(formatter, "; the body begins with `{text}`"),
        }
    }
}

/// How a response differs from one of the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// An error status, but not the service's error body.
    #[error("without the error body of the KMS")]
    Status,
    /// Success, but not the JSON that belongs to this call.
    #[error("without the expected JSON ({0})")]
    Body(String),
    /// The service's form, about another object than the requested one.
    #[error("about another object ({0})")]
    OtherObject(String),
    /// Longer than any response of the service, in bytes.
    #[error("with more than {0} bytes")]
    TooLong(usize),
}

/// Why no response came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportFailure {
    /// No process listens there.
    #[error("connection refused")]
    ConnectRefused,
    /// The host has no address.
    #[error("host not found")]
    Dns,
    /// The proxy opened no connection.
    #[error(transparent)]
    Proxy(Box<ProxyFailure>),
    /// The connection failed for another reason.
    #[error("no connection ({0})")]
    Connect(String),
    /// No TLS session.
    #[error("TLS failed ({0})")]
    Tls(String),
    /// The certificate is signed by no authority that this machine trusts; `ca_certificate` may be missing.
    #[error("the certificate of the host has an unknown issuer")]
    UnknownAuthority,
    /// Nothing within the time that a request may take.
    #[error("timed out")]
    Timeout,
    /// The other side reset the connection.
    #[error("connection reset")]
    Reset,
    /// The connection ended before the response did.
    #[error("the connection was closed before the response was complete")]
    Cut,
    /// Something came that is not HTTP.
    #[error("the other side does not speak HTTP")]
    NotHttp,
    /// HTTP/2 reports that the request was not processed (RFC 9113, sections 6.8 and 8.7).
    #[error("the server closed the connection before it processed the request")]
    NotProcessed,
}

/// A field that breaks a rule of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The path of the field: `["credentials", "host"]`. Empty when the issue is about the whole body.
    pub path: Vec<String>,
    /// The rule, in the text of the service.
    pub message: String,
}

/// A rule that the service lists when it denies something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The action; several are joined with commas.
    pub action: String,
    /// On what.
    pub subject: String,
    /// Whether the rule forbids rather than allows.
    pub inverted: bool,
}

/// What the service was doing with the database when the database refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseStep {
    /// Logging in.
    #[error("log in to the database")]
    Login,
    /// Giving the role a new password that only the platform has.
    #[error("change the password of the role")]
    ChangePassword,
}

fn fields(issues: &[Issue]) -> String {
    let fields: Vec<_> =
        issues.iter().filter(|issue| !issue.path.is_empty()).map(|issue| issue.path.join(".")).collect();
    if fields.is_empty() { "the request".to_owned() } else { format!("`{}`", fields.join("`, `")) }
}

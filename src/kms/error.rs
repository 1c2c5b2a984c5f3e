//! What can go wrong, cut by who must act. Holds texts that are fit to print, and nothing of HTTP libraries.
//!
//! All texts of a server in here went through the redactor: short, one line, without our secrets.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{AuthMethod, ProxyFailure, SourceError};

use super::GiveUpReason;

/// A call that did not give what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot work, whatever the service says.
    #[error("the client of the KMS cannot be set up: {0}")]
    Settings(String),
    /// Not a UUID, so no connection can have it. Nothing was sent.
    #[error("`{0}` is not the id of a connection; ids are UUIDs")]
    NotAnId(String),
    /// The service does not take the login or the token. A refused login is never repeated, because three failures
    /// lock the identity.
    #[error("the KMS refused the {login}: {reply}")]
    LoginRefused {
        /// Which login.
        login: Arc<LoginFailure>,
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// There is nothing to log in with: a file that cannot be read, a metadata server that is not there.
    #[error("there is nothing to make the {login} at `{}` with: {reason}", login.host)]
    NoProof {
        /// Which login.
        login: Arc<LoginFailure>,
        /// Why.
        reason: Box<SourceError>,
    },
    /// The identity may not do this.
    #[error("the KMS does not allow it: {reply}")]
    Denied {
        /// What was tried (`create`, `read-app-connections`), where the service says so.
        action: Option<String>,
        /// On what (`app-connections`), where the service says so.
        subject: Option<String>,
        /// The rules that the service lists; often none.
        details: Vec<Permission>,
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The service found fields that break its rules.
    #[error("the KMS does not accept {}: {reply}", fields(issues))]
    Invalid {
        /// One per field and rule.
        issues: Vec<Issue>,
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// Another connection of the scope, of whatever app, has the name.
    #[error("there is a connection with the name `{name}` already: {reply}")]
    NameTaken {
        /// The name.
        name: String,
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The service tried the credentials, and the database, or the way to it, did not take them.
    #[error("the KMS could not {step} with these credentials: {message} ({reply})")]
    DatabaseRefused {
        /// What the service was doing.
        step: DatabaseStep,
        /// What the database or its driver said.
        message: String,
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// Something still uses the connection that should be deleted.
    #[error("the connection is still in use: {reply}")]
    InUse {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The connection's credentials are managed by the platform, which allows no such change.
    #[error("the platform manages the credentials of this connection: {reply}")]
    Managed {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The id or the name belongs to a connection of another app.
    #[error("this is not a PostgreSQL connection: {reply}")]
    OtherApp {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The service itself says that there is no such connection.
    #[error("there is no such connection: {reply}")]
    NoSuchConnection {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The service itself says that there is no such project.
    #[error("there is no such project: {reply}")]
    ProjectNotFound {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// Any other refusal by the service.
    #[error("the KMS refused: {reply}")]
    Refused {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// Too many requests. The request was not run, whatever its method.
    #[error("the KMS allows no more requests for now: {reply}")]
    Limited {
        /// How long the service wants to be left alone.
        retry_after: Option<Duration>,
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// The service failed, and says so itself.
    #[error("the KMS failed: {reply}")]
    Unavailable {
        /// What the service said.
        reply: Box<ServiceError>,
    },
    /// Something in front of the service answered that it failed (5xx without the service's own error body).
    #[error("something in front of the KMS answered for it: {foreign}")]
    Gateway {
        /// What came.
        foreign: Box<UnexpectedResponse>,
    },
    /// No whole answer came.
    #[error("{call} got no answer: {failure}")]
    NoAnswer {
        /// What was asked.
        call: Box<RequestInfo>,
        /// Why.
        failure: TransportFailure,
        /// Whether the request may have reached the service, and may have been run.
        sent: bool,
    },
    /// The answer sends us elsewhere. Never followed, so that no token and no password goes to another host.
    #[error("{call} was redirected to `{target}` ({status}); set `host` to the final address")]
    Redirected {
        /// What was asked.
        call: Box<RequestInfo>,
        /// The status.
        status: u16,
        /// The host it points to, or its path on the same host.
        target: String,
    },
    /// Somebody answered who is not the app-connections API of a KMS.
    #[error("something other than the KMS answered: {foreign}")]
    NotTheService {
        /// What came.
        foreign: Box<UnexpectedResponse>,
    },
    /// The request was never sent, because its turn would have come too late.
    #[error("the request was not sent: {0}")]
    Unsent(GiveUpReason),
    /// The caller's own limit ended the repetitions. The last failure was one that may be repeated, so a write that ends
    /// so was not run.
    #[error("{last}")]
    GaveUp {
        /// How the last try failed.
        last: Box<Self>,
        /// Why there is no further one.
        impatience: GiveUpReason,
    },
    /// The request was never sent, because the login before it failed in a way that leaves the login's own effect open.
    #[error("the request was not sent, because the login before it failed: {cause}")]
    LoginFailed {
        /// How the login failed.
        cause: Box<Self>,
    },
    /// The caller dropped the call and says so with this; the client never makes it.
    #[error("the call to the KMS was cancelled")]
    Cancelled,
}

impl Error {
    /// Whether a write that ended so may have been run by the service. It must not be repeated before the object was
    /// looked up.
    ///
    /// The service's own 5xx counts: it changes the role and stores the row before it builds the response (contract,
    /// section 2).
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::NoAnswer { sent, .. } => *sent,
            Self::Gateway { .. } | Self::Unavailable { .. } | Self::Cancelled => true,
            Self::NotTheService { foreign } => (200..300).contains(&foreign.status),
            _ => false,
        }
    }

    /// Whether the caller's own limit ended the call, which says nothing about the service or about other callers.
    pub fn is_impatience(&self) -> bool {
        matches!(self, Self::Unsent(_) | Self::GaveUp { .. })
    }

    /// The failure below [`Error::GaveUp`] and [`Error::LoginFailed`], which messages are about.
    pub fn cause(&self) -> &Self {
        match self {
            Self::GaveUp { last: cause, .. } | Self::LoginFailed { cause } => cause.cause(),
            error => error,
        }
    }

    /// A failure of the login as that of the request which needed it: the request was not sent.
    pub(super) fn before_request(self) -> Self {
        if self.may_have_run() { Self::LoginFailed { cause: Box::new(self) } } else { self }
    }

    /// Whether nobody logs in any more: each call ends so from now on.
    pub fn is_login_over(&self) -> bool {
        match self {
            Self::LoginRefused { .. } => true,
            Self::NoProof { reason, .. } => !reason.is_passing(),
            _ => false,
        }
    }

    /// Whether the service did nothing because the database, or a pooler, had no connection left for its login. Only their
    /// words tell.
    pub fn is_crowded_database(&self) -> bool {
        let Self::DatabaseRefused { step: DatabaseStep::Login, message, .. } = self else { return false };
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

    /// What the service itself said, if it said something.
    pub fn reply(&self) -> Option<&ServiceError> {
        match self {
            Self::LoginRefused { reply, .. }
            | Self::Denied { reply, .. }
            | Self::Invalid { reply, .. }
            | Self::NameTaken { reply, .. }
            | Self::DatabaseRefused { reply, .. }
            | Self::InUse { reply }
            | Self::Managed { reply }
            | Self::OtherApp { reply }
            | Self::NoSuchConnection { reply }
            | Self::ProjectNotFound { reply }
            | Self::Refused { reply }
            | Self::Limited { reply, .. }
            | Self::Unavailable { reply } => Some(reply),
            Self::GaveUp { last: cause, .. } | Self::LoginFailed { cause } => cause.reply(),
            _ => None,
        }
    }
}

/// A login that failed for good, for all that need it.
#[derive(Debug)]
pub struct LoginFailure {
    /// The way to log in.
    pub method: AuthMethod,
    /// Where to: the host of the KMS.
    pub host: String,
    /// Who logs in how.
    described: String,
    told: OnceLock<String>,
}

impl LoginFailure {
    pub(crate) fn new(method: AuthMethod, described: String, host: String) -> Self {
        Self { method, host, described, told: OnceLock::new() }
    }

    /// The one whose message tells the failure in full; this one, if nobody has told it.
    pub fn first_reporter(&self, who: &str) -> &str {
        self.told.get_or_init(|| who.to_owned())
    }
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.described)
    }
}

/// Which request it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Host, and port where it is not the usual one.
    pub host: String,
    /// Path without query.
    pub path: String,
    /// How often it was sent by then.
    pub attempt: u32,
}

impl fmt::Display for RequestInfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{} {}` at `{}`", self.method, self.path, self.host)?;
        if self.attempt > 1 { write!(formatter, " (tried {} times)", self.attempt) } else { Ok(()) }
    }
}

/// An error answer of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// What was asked.
    pub call: RequestInfo,
    /// The status.
    pub status: u16,
    /// The service's name of the request, to be given to whoever runs the service.
    pub request_id: Option<String>,
    /// The service's name of the error (`BadRequest`).
    pub name: Option<String>,
    /// The service's words.
    pub message: String,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered {}", self.call, self.status)?;
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

/// An answer that the service would not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedResponse {
    /// What was asked.
    pub call: RequestInfo,
    /// The status.
    pub status: u16,
    /// What is strange about it.
    pub oddity: Mismatch,
    /// The media type it claims to have.
    pub content_type: Option<String>,
    /// Its first characters; none if there may be a token in them.
    pub beginning: Option<String>,
}

impl fmt::Display for UnexpectedResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered {}, {}", self.call, self.status, self.oddity)?;
        if let Some(content_type) = &self.content_type {
            write!(formatter, "; content type `{content_type}`")?;
        }
        match self.beginning.as_deref() {
            None => Ok(()),
            Some("") => formatter.write_str("; it is empty"),
            Some(text) => write!(formatter, "; it begins with `{text}`"),
        }
    }
}

/// What is strange about an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// An error status, but not the service's error body.
    Status,
    /// Success, but not the JSON that belongs to this call.
    Body(String),
    /// The service's form, about another object than the one asked for.
    OtherObject(String),
    /// Longer than any answer of the service, in bytes.
    TooLong(usize),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => formatter.write_str("without the service's error body"),
            Self::Body(reason) => write!(formatter, "but not with the JSON that belongs to it ({reason})"),
            Self::OtherObject(difference) => write!(formatter, "but about another object ({difference})"),
            Self::TooLong(limit) => write!(formatter, "with more than {limit} bytes"),
        }
    }
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportFailure {
    /// Nobody listens there.
    #[error("the connection was refused")]
    ConnectRefused,
    /// The host has no address.
    #[error("the host name was not found")]
    Dns,
    /// The proxy on the way opens no connection.
    #[error(transparent)]
    Proxy(Box<ProxyFailure>),
    /// The connection did not come up for another reason.
    #[error("no connection ({0})")]
    Connect(String),
    /// No TLS session.
    #[error("TLS failed ({0})")]
    Tls(String),
    /// No certificate authority that we trust has signed the certificate; `ca_certificate` may be missing.
    #[error("the certificate of the host is not signed by an authority that is trusted here")]
    UnknownAuthority,
    /// Nothing within the time that a request may take.
    #[error("it took too long")]
    Timeout,
    /// The other side reset the connection.
    #[error("the connection was reset")]
    Reset,
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer did")]
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
    /// Where: `["credentials", "host"]`. Empty when it is about the whole.
    pub path: Vec<String>,
    /// The rule, in the service's words.
    pub message: String,
}

/// A rule that the service lists when it denies something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// What it is about; several actions are joined with commas.
    pub action: String,
    /// On what.
    pub subject: String,
    /// Whether the rule forbids rather than allows.
    pub inverted: bool,
}

/// What the service was doing with the database when that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseStep {
    /// Logging in.
    Login,
    /// Giving the role a new password that only the platform knows.
    ChangePassword,
}

impl fmt::Display for DatabaseStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Login => "log in to the database",
            Self::ChangePassword => "change the password of the role",
        })
    }
}

fn fields(issues: &[Issue]) -> String {
    let fields: Vec<_> =
        issues.iter().filter(|issue| !issue.path.is_empty()).map(|issue| issue.path.join(".")).collect();
    if fields.is_empty() { "the request".to_owned() } else { format!("`{}`", fields.join("`, `")) }
}

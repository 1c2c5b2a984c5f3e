//! What the KMS said to a request, or did not say, for a person.

pub(crate) mod database_refused;
mod driver;

use time::OffsetDateTime;

use crate::kms::{
    AppConnection, Client, DatabaseStep, Error, GiveUpReason, Issue, NewConnection, NewCredentials, ServiceError,
    TransportFailure, UnexpectedResponse,
};
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::text::{hcl_string, shown};

use super::login_refused::capitalized;
use super::{kms_auth, sentence};

const TOO_MANY: &str = "Too many requests to the KMS";
const NOT_ACCEPTED: &str = "The KMS does not accept a value";

/// What was being done, to which connection.
#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    /// `plan`, `create`, `read`, `update`, `delete`, `import` or `list`.
    pub(crate) verb: &'static str,
    /// The connection's name, or what a person gave as its id.
    pub(crate) title: &'a str,
    /// The project it is in; none is the organisation, or not known.
    pub(crate) project: Option<&'a str>,
    /// The argument that gave the password.
    pub(crate) password_argument: &'static str,
    /// What was sent for the KMS to log in with, if anything was.
    pub(crate) credentials: Option<&'a NewCredentials>,
}

impl RequestContext<'_> {
    /// A line that tells the case on its own; then who answered, and in which words.
    fn failed(self, error: &Error) -> String {
        let whole = error.to_string();
        let (what, answer) = match error {
            // The words are in the first line already.
            Error::DatabaseRefused { step, message, reply } => {
                let answer = ServiceError { message: String::new(), ..ServiceError::clone(reply) };
                (format!("the KMS could not {step}: {message}"), Some(answer.to_string()))
            }
            Error::Redirected { call, status, target } => (format!("{call} points to `{target}` ({status})"), None),
            error => match error.reply().map(ToString::to_string) {
                Some(reply) => (whole.strip_suffix(&format!(": {reply}")).unwrap_or(&whole).to_owned(), Some(reply)),
                None => (whole, None),
            },
        };
        let first = format!("{}: {}", self.could_not_be_done(), sentence(&what));
        answer.map_or_else(|| first.clone(), |answer| format!("{first}\n{}", sentence(&answer)))
    }

    fn could_not_be_done(self) -> String {
        let done = match self.verb {
            "read" => "read",
            "import" => "imported",
            "list" => "listed",
            "create" => "created",
            "update" => "updated",
            "plan" => "planned",
            _ => "deleted",
        };
        format!("`{}` could not be {done}", shown(self.title))
    }
}

/// An error of the service, or on the way to it.
pub(crate) fn service(attempt: RequestContext<'_>, error: &Error) -> Diagnostics {
    if let Error::LoginFailed { cause } = error {
        let not_sent = |mut diagnostic: Diagnostic| {
            diagnostic.detail.push_str("\n\nThe request itself was not sent: the login before it failed.");
            diagnostic
        };
        return service(attempt, cause).into_iter().map(not_sent).collect();
    }
    let error = error.cause();
    if let Error::Invalid { issues, reply } = error
        && !issues.is_empty()
    {
        return issues.iter().map(|issue| invalid(attempt, issue, reply)).collect();
    }
    if let (Error::DatabaseRefused { step: DatabaseStep::Login, message, reply }, Some(sent)) =
        (error, attempt.credentials)
    {
        return database_refused::refusal(attempt, sent, message, reply, OffsetDateTime::now_utc()).into();
    }
    let (summary, next, path) = words(attempt, error);
    if let Error::LoginRefused { login, .. } | Error::NoProof { login, .. } = error {
        let first_reporter = login.first_reporter(attempt.title);
        if first_reporter != attempt.title {
            let detail = format!(
                "{}: the {login} at `{}` failed. Why, and what to check, says the message of `{}`.",
                attempt.could_not_be_done(),
                login.host,
                shown(first_reporter)
            );
            return Diagnostic::error(summary, detail).into();
        }
    }
    let what_happened = attempt.failed(error);
    let detail = if next.is_empty() { what_happened } else { format!("{what_happened}\n\n{next}") };
    let diagnostic = Diagnostic::error(summary, detail);
    match path {
        Some(path) => diagnostic.at(path).into(),
        None => diagnostic.into(),
    }
}

/// An update that failed. The state stays as it was; what may have been changed all the same shows in the next plan.
pub(crate) fn update(attempt: RequestContext<'_>, error: &Error) -> Diagnostics {
    with_doubt(
        attempt,
        error,
        "The change may have taken effect all the same. Run `terraform plan`: it reads what the KMS holds and plans what is \
         still missing.",
    )
}

/// A deletion that failed. The connection stays in the state.
pub(crate) fn delete(attempt: RequestContext<'_>, error: &Error) -> Diagnostics {
    with_doubt(
        attempt,
        error,
        "The connection may have been deleted all the same. It stays in the state: run the command again, which reads what the \
         KMS holds.",
    )
}

/// The error of a write, with what to say when it may have run.
fn with_doubt(attempt: RequestContext<'_>, error: &Error, doubt: &str) -> Diagnostics {
    let add = |mut diagnostic: Diagnostic| {
        if error.may_have_run() {
            diagnostic.detail.push_str("\n\n");
            diagnostic.detail.push_str(doubt);
        }
        diagnostic
    };
    service(attempt, error).into_iter().map(add).collect()
}

/// A create that failed. `found` is the result of looking for the object, where it may exist: the next run could not know
/// that this one has made it.
pub(crate) fn create(
    attempt: RequestContext<'_>,
    request: &NewConnection,
    error: &Error,
    found: Option<&Result<Option<AppConnection>, Error>>,
) -> Diagnostics {
    let diagnostics = service(attempt, error);
    let Some(found) = found else { return diagnostics };
    let taken = matches!(error, Error::NameTaken { .. });
    let add = |mut diagnostic: Diagnostic| {
        diagnostic.detail.push_str("\n\n");
        diagnostic.detail.push_str(&outcome(taken, &request.name, found));
        diagnostic
    };
    diagnostics.into_iter().map(add).collect()
}

pub(super) fn outcome(taken: bool, name: &str, found: &Result<Option<AppConnection>, Error>) -> String {
    let name = shown(name);
    match found {
        Ok(Some(connection)) if taken => format!(
            "Connection {} of the same scope already uses this name. The provider does not adopt it automatically. Either choose \
             another `name`, or manage that connection here:\n\n{}\n\nIf this run was to replace it, its name is free only once it is gone: \
             `create_before_destroy` needs a new `name`.",
            shown(&connection.id),
            import_block(&connection.id)
        ),
        Ok(Some(connection)) => format!(
            "There is a connection `{name}` now, with the id {}. Whether it is the one that this run asked for cannot be told. \
             Look at it in the KMS, and if it is, manage it here:\n\n{}",
            shown(&connection.id),
            import_block(&connection.id)
        ),
        Ok(None) if taken => {
            "It is not a PostgreSQL connection that this identity can see: names are unique across all kinds of app \
             connections of a scope. Choose another `name`."
                .to_owned()
        }
        Ok(None) => {
            "The KMS holds no connection of that name yet, so it was probably not created. Run `terraform apply` again: if it \
             exists by then, the message names it and the way to import it. Nothing is created twice."
                .to_owned()
        }
        Err(Error::OtherApp { .. }) => {
            "It is the name of a connection of another app: names are unique across all kinds of app connections of a scope. \
             Choose another `name`."
                .to_owned()
        }
        Err(Error::Cancelled) => "Whether there is a connection of that name now is not known. Run `terraform apply` again: if it \
             exists by then, the message names it and the way to import it. Nothing is created twice."
            .to_owned(),
        Err(error) => format!(
            "Whether there is a connection of that name now could not be found out ({error}). Run `terraform apply` again: if it \
             exists by then, the message names it and the way to import it. Nothing is created twice."
        ),
    }
}

pub(super) fn import_block(id: &str) -> String {
    format!("import {{\n  to = kms_postgres_connection.<label>\n  id = {}\n}}", hcl_string(id))
}

/// An answer was lost, and the connection is there: the name was free just before, and everything that can be read is
/// what was asked for.
pub(crate) fn adopted(title: &str, error: &Error) -> Diagnostic {
    let title = shown(title);
    Diagnostic::warning(
        format!("The answer to the creation of {title} was lost"),
        format!(
            "What happened: {}\n\nThe connection exists: its name was free just before, and everything that the KMS shows of it is \
             what was asked for. It is in the state now; nothing has to be done.",
            sentence(&error.to_string())
        ),
    )
}

/// A plan goes on without the KMS.
pub(crate) fn not_asked(reason: &str) -> Diagnostic {
    Diagnostic::warning(
        "The KMS could not be asked",
        format!(
            "{}\n\nThe provider could not check whether names are free and projects exist. The plan continues without these checks; \
             the apply needs the KMS.",
            sentence(&capitalized(reason))
        ),
    )
}

/// A name of a planned create that something else has. It may be renamed or destroyed in the same run.
pub(crate) fn name_exists(name: &str, id: &str) -> Diagnostic {
    let (name, block, id) = (shown(name), import_block(id), shown(id));
    Diagnostic::warning(
        format!("The KMS has a connection {name} already"),
        format!(
            "Names must be unique within a project (or the organisation), and connection {id} already uses this one. The apply \
             will fail unless this run destroys or renames that connection. To manage the existing connection instead:\n\n{}",
            block
        ),
    )
    .at("name")
}

/// Whether an answer of the KMS is a reason to stop a plan: it will not be another one in the apply.
pub(crate) fn stops_a_plan(error: &Error) -> bool {
    matches!(error, Error::LoginRefused { .. } | Error::ProjectNotFound { .. } | Error::Settings(_))
}

/// Rows of a list that are left out.
pub(crate) fn unreadable_rows(count: usize, client: &Client) -> Diagnostic {
    Diagnostic::warning(
        "The KMS listed connections that cannot be read",
        format!(
            "{count} connections in the list of the KMS at `{}` have a form that this provider cannot read, an id that occurs \
             more than once, or another project than the one asked for. They are left out of the result. Compare the version of the KMS with that of the provider.",
            client.host()
        ),
    )
}

/// A connection that somebody deleted in the KMS.
pub(crate) fn gone(title: &str, id: &str, client: &Client) -> Diagnostic {
    let (title, id) = (shown(title), shown(id));
    Diagnostic::warning(
        format!("The connection {title} is gone"),
        format!(
            "The KMS at `{}` says that it has no connection with the id {id}. Somebody deleted it outside of this \
             configuration. It is planned to be created again; if it is not wanted any more, remove it from the \
             configuration.",
            client.host()
        ),
    )
}

fn invalid(attempt: RequestContext<'_>, issue: &Issue, reply: &ServiceError) -> Diagnostic {
    let names: Vec<&str> = issue.path.iter().map(String::as_str).filter(|part| *part != "credentials").collect();
    let path = names.first().and_then(|name| argument(name, attempt));
    let value = match (&path, names.join(".")) {
        (Some(_), _) => "this value".to_owned(),
        (None, name) if name.is_empty() => "the request".to_owned(),
        (None, name) => format!("its field `{name}`"),
    };
    let detail = format!(
        "{}: the KMS does not accept {value}: {}\n{}",
        attempt.could_not_be_done(),
        sentence(&issue.message),
        sentence(&reply.to_string())
    );
    let diagnostic = Diagnostic::error(NOT_ACCEPTED, detail);
    match path {
        Some(path) => diagnostic.at(path),
        None => diagnostic,
    }
}

/// The service's field names as arguments.
fn argument(field: &str, attempt: RequestContext<'_>) -> Option<Path> {
    let name = match field {
        "password" => attempt.password_argument,
        "name" | "description" | "method" | "host" | "port" | "database" | "username" => {
            return Some(Path::from(field));
        }
        "projectId" => "project_id",
        "gatewayId" => "gateway_id",
        "sslEnabled" => "ssl_enabled",
        "sslRejectUnauthorized" => "ssl_reject_unauthorized",
        "sslCertificate" => "ssl_certificate",
        _ => return None,
    };
    Some(Path::from(name))
}

/// Summary, what to do next, and the argument in question.
fn words(attempt: RequestContext<'_>, error: &Error) -> (&'static str, String, Option<Path>) {
    let say = |summary, next: &str| (summary, next.to_owned(), None);
    let at = |summary, next: &str, name: &str| (summary, next.to_owned(), Some(Path::from(name)));
    match error {
        Error::Settings(_) | Error::NotAnId(_) => say("The KMS could not be asked", "Nothing was sent to the KMS."),
        Error::Invalid { .. } => say(NOT_ACCEPTED, "It does not say which. The request id leads to its log."),
        Error::LoginRefused { login, reply } => {
            ("The KMS refused the login", kms_auth::refused(login.method, reply), None)
        }
        Error::NoProof { login, reason } => {
            ("Nothing to log in to the KMS with", kms_auth::no_proof(login.method, reason.is_passing()), None)
        }
        Error::Denied { .. } => (
            "The KMS does not allow it",
            format!(
                "The machine identity needs a role that may {} app connections in {}. Give it that role in the KMS under Access \
                 Control, and try again.",
                permission(attempt.verb),
                attempt
                    .project
                    .map_or_else(|| "the organisation".to_owned(), |id| format!("the project `{}`", shown(id)))
            ),
            None,
        ),
        // A create looks for the connection that has it, and says more.
        Error::NameTaken { .. } if attempt.verb == "create" => at("The name is taken", "", "name"),
        Error::NameTaken { .. } => at(
            "The name is taken",
            "Names are unique across all kinds of app connections of a scope. Choose another `name`.",
            "name",
        ),
        Error::DatabaseRefused { step: DatabaseStep::ChangePassword, .. } => say(
            "The KMS could not change the password of the role",
            "The login succeeded, but this role may not change its own password, or the database refuses to. Look at the \
             database's log, and at the connection in the KMS.",
        ),
        // Only an attempt that sent credentials gets this, and then more is said.
        Error::DatabaseRefused { .. } => say("The KMS could not log in to the database", "Nothing was stored."),
        Error::InUse { .. } => say(
            "The connection is in use",
            "Secret rotations, secret syncs or other things of the KMS still use it. Remove those first: destroy them in the same \
             configuration with a `depends_on`, or delete them in the KMS.",
        ),
        Error::Managed { .. } => say(
            "The KMS manages these credentials itself",
            "The connection has platform-managed credentials, which cannot be changed from outside. Leave host, port, database, \
             username, password and TLS arguments as they are.",
        ),
        Error::OtherApp { .. } => {
            say("This is not a PostgreSQL connection", "The id belongs to a connection of another app. Check the id.")
        }
        Error::NoSuchConnection { .. } => say(
            "The connection is gone",
            "Somebody deleted it outside of this configuration. Run `terraform apply` again: it plans to create it anew.",
        ),
        Error::ProjectNotFound { .. } => at(
            "There is no such project",
            "Check `project_id`: it is the UUID of a project that the machine identity is a member of.",
            "project_id",
        ),
        Error::Limited { retry_after, .. } => {
            let again = kms_auth::wait(*retry_after, OffsetDateTime::now_utc());
            let next = format!(
                "The request was not run. {again} The KMS counts all requests from one address, so other runs \
                 share the limit; `max_requests_per_minute` of the provider keeps this one below it."
            );
            (TOO_MANY, next, None)
        }
        Error::Unsent(GiveUpReason::TooLong(_)) => say(
            TOO_MANY,
            "The pace is that of `max_requests_per_minute`, or of the KMS, which counts all requests from one address. Allow the \
             operation more time in the `timeouts` block, or run less at the same time.",
        ),
        Error::Unsent(_) => say("Interrupted", "Run it again to go on."),
        Error::Refused { reply } if reply.message.contains("Gateway") => at(
            "The KMS refused the gateway",
            "Check `gateway_id`: it is the UUID of a gateway of the organisation, and the machine identity needs a role that may \
             attach it.",
            "gateway_id",
        ),
        Error::Refused { .. } => say(
            "The KMS refused the request",
            "Correct what it names. If it names nothing, the request id leads to its log.",
        ),
        Error::Unavailable { reply } if kms_auth::is_with_aws(reply) => {
            ("The KMS could not ask AWS", kms_auth::AWS_REFUSED.to_owned(), None)
        }
        Error::Unavailable { .. } => say(
            "The KMS failed",
            "Try again in a while. If it keeps failing, whoever runs the KMS finds the reason in its log by the request id.",
        ),
        Error::Gateway { foreign } => (
            "Something in front of the KMS failed",
            format!(
                "A proxy or load balancer at `{}` answered instead of the KMS. Try again in a while.",
                foreign.call.host
            ),
            None,
        ),
        Error::NoAnswer { failure: TransportFailure::Proxy(proxy), .. } => {
            ("The proxy to the KMS failed", kms_auth::proxy(proxy), None)
        }
        Error::NoAnswer { failure, .. } => ("The KMS gave no answer", no_answer(failure).to_owned(), None),
        Error::Redirected { .. } => say(
            "The KMS is somewhere else",
            "If you trust that address, set `host` of the provider (or `KMS_HOST`) to it. If it is a login page, the access proxy \
             in front of the KMS needs its own `headers`. No token was sent there.",
        ),
        Error::NotTheService { foreign } => ("This is not the KMS", not_the_service(foreign), None),
        // The caller gets to see what is below these two.
        Error::GaveUp { last: cause, .. } | Error::LoginFailed { cause } => words(attempt, cause),
        Error::Cancelled => say(
            "Given up while waiting for the KMS",
            "The run was interrupted, or the operation reached its limit in the `timeouts` block.",
        ),
    }
}

fn permission(verb: &str) -> &str {
    match verb {
        "update" => "edit",
        "import" | "list" | "plan" => "read",
        verb => verb,
    }
}

fn no_answer(failure: &TransportFailure) -> &'static str {
    match failure {
        TransportFailure::Dns | TransportFailure::ConnectRefused | TransportFailure::Connect(_) => {
            "Check `host` of the provider (or `KMS_HOST`), and whether this machine needs a proxy (`HTTPS_PROXY`) or a VPN to \
             reach the KMS."
        }
        TransportFailure::UnknownAuthority | TransportFailure::Tls(_) => {
            "If the KMS has a certificate of an authority of your own, give that authority's certificate in `ca_certificate` or \
             `ca_certificate_file` of the provider."
        }
        _ => "Try again. If it takes too long each time, raise `request_timeout` of the provider.",
    }
}

fn not_the_service(foreign: &UnexpectedResponse) -> String {
    format!(
        "What answers at `{}` is not the API that this provider speaks, so nothing is concluded from it; the state is left as it \
         is. Check `host` of the provider (or `KMS_HOST`): it is the address of the KMS without a path. For the cloud it is \
         `https://app.kms.hanzo.ai`; some documents name `https://kms.hanzo.ai`.",
        foreign.call.host
    )
}

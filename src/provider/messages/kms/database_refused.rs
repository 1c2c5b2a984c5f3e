//! Logins to a database that the KMS made and that failed. The layout is that of the provider's own logins.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::kms::{DatabaseProblem, NewCredentials, ServiceError};
use crate::postgres::{Reason, Refusal, Statement, ascii_host, is_changed_by_saslprep};
use crate::provider::attribute;
use crate::terraform::diagnostic::{Diagnostic, Path};
use crate::text::shown;

use super::super::capitalized;
use super::super::detail::Detail;
use super::super::login_refused::{may_come_too_early, statements_to_run};
use super::super::postgres::explain;
use super::driver::reason_of_driver;
use super::{RequestContext, summary};

const SASLPREP: &str = "The password has characters that PostgreSQL and its clients replace (SASLprep: no-break spaces and hyphens, \
                        ellipses, accents) and older drivers of the KMS do not. Use ASCII characters.";

/// What a failed login of the KMS means.
struct DatabaseCause {
    headline: String,
    argument: Path,
    causes: Vec<String>,
    statement: Option<Statement>,
    /// Whether another resource of the same run may remove the cause.
    may_be_too_early: bool,
}

/// Returns the diagnostic of a login of the KMS that failed: `message` is that of its driver, `sent` the credentials.
pub(crate) fn refusal(
    context: RequestContext<'_>,
    sent: &NewCredentials,
    message: &str,
    reply: &ServiceError,
    at: OffsetDateTime,
) -> Diagnostic {
    let refused =
        |reason| Refusal::from_report(reason, &ascii_host(&sent.host), sent.port, &sent.database, &sent.username, at);
    let reason = reason_of_driver(message, sent.ssl_enabled);
    let other = || Reason::OtherServerError { sqlstate: String::new(), message: message.to_owned() };
    let about = refused(reason.clone().unwrap_or_else(other));
    let server = about.endpoint.name();
    let mut cause = match &reason {
        Some(reason) => {
            let mut cause = of_server(&about, context);
            if *reason == Reason::PasswordRefused && is_changed_by_saslprep(sent.password.trimmed().expose()) {
                cause.causes.insert(0, SASLPREP.to_owned());
            }
            cause
        }
        None => of_network(DatabaseProblem::parse(message), sent, &format!("`{server}`")),
    };
    cause.causes.push(
        "If a login from this machine succeeds, the KMS takes another network path: a firewall, another DNS view, another \
         network."
            .to_owned(),
    );
    let time = at.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC")).unwrap_or_default();
    let detail = Detail::new(capitalized(&cause.headline))
        .fact("Server message", message)
        .fact("Server", format!("`{server}`, role `{}`, database `{}`", shown(&sent.username), shown(&sent.database)))
        .fact(
            "Login",
            format!(
                "by the KMS at `{}` for `{}`, with the password from `{}`, {time}",
                reply.call.host,
                shown(context.title),
                context.password_argument
            ),
        )
        .fact("Request", ServiceError { message: String::new(), ..reply.clone() })
        .changed("The KMS stored nothing.")
        .causes(cause.causes);
    let detail = match cause.statement {
        Some(statement) => detail.next(statements_to_run(&[statement])),
        None => detail,
    };
    let detail = if cause.may_be_too_early {
        detail.next(
            "If this run also creates the role or the database, or changes the password, that resource must come first: refer to it \
             (`username = postgresql_role.x.name`), or add it to `depends_on`.",
        )
    } else {
        detail
    };
    Diagnostic::error(summary::DATABASE_REFUSED, detail.to_string()).at(cause.argument)
}

/// Refusals by PostgreSQL, which are the same for every client.
fn of_server(refusal: &Refusal, context: RequestContext<'_>) -> DatabaseCause {
    let explanation = explain(refusal);
    DatabaseCause {
        headline: explanation.sentence,
        argument: explanation.argument.path(context.password_argument),
        causes: explanation.causes,
        statement: explanation.statement,
        may_be_too_early: may_come_too_early(&refusal.reason),
    }
}

/// Failures that depend on the network and the trust store of the KMS.
fn of_network(problem: DatabaseProblem, sent: &NewCredentials, server: &str) -> DatabaseCause {
    use DatabaseProblem as Problem;
    const ALLOW: &str = "A firewall, security group or allow list does not allow the addresses of the KMS.";
    const PUBLIC: &str =
        "The KMS needs a public name or address of the database, or a gateway (`gateway_id`), to reach it.";
    let (host, role) = (shown(&sent.host), shown(&sent.username));
    let (argument, headline, causes): (_, _, &[&str]) = match problem {
        Problem::HostNotFound => (
            attribute::HOST,
            format!("host not found: the KMS has no address for `{host}`"),
            &["The name is misspelled.", "The name is in a DNS zone that only your own network has.", PUBLIC],
        ),
        Problem::InternalAddress => (
            attribute::HOST,
            format!("the KMS does not connect to the internal address of `{host}`"),
            &[
                PUBLIC,
                "A self-hosted KMS connects to internal addresses only with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its \
                 environment.",
            ],
        ),
        Problem::OwnHost => (
            attribute::HOST,
            format!("`{host}` is a host of the KMS itself"),
            &[
                "The name leads to the database or the cache of the KMS, which the KMS never connects to for a connection.",
            ],
        ),
        Problem::ConnectionRefused => (
            attribute::PORT,
            format!("connection refused: no process listens at {server}, seen from the KMS"),
            &["The server is not running, or listens on another port.", ALLOW],
        ),
        Problem::TimedOut => {
            (attribute::HOST, format!("timed out: {server} did not respond to the KMS"), &[ALLOW, PUBLIC])
        }
        Problem::NoRoute => (attribute::HOST, format!("no route from the KMS to {server}"), &[PUBLIC]),
        Problem::ConnectionReset => (
            attribute::HOST,
            format!("connection reset: {server} closed the connection of the KMS"),
            &[ALLOW, "A load balancer or proxy has no server behind it."],
        ),
        Problem::NoEntryWithoutTls => (
            attribute::SSL_ENABLED,
            format!("no pg_hba.conf entry of {server} allows the KMS without TLS"),
            &["`ssl_enabled` is `false`, and the server allows such connections with TLS only.", ALLOW],
        ),
        Problem::NoEntry => (
            attribute::HOST,
            format!("no pg_hba.conf entry of {server} allows the KMS as role `{role}`"),
            &["`pg_hba.conf` of the server has no entry for this role and database from the address of the KMS."],
        ),
        Problem::HostMismatch => (
            attribute::HOST,
            format!("host name does not match the certificate: that of {server} is not for `{host}`"),
            &["`host` is not a name in the certificate.", "The server presents the certificate of another name."],
        ),
        Problem::CertificateDates => (
            attribute::SSL_CERTIFICATE,
            format!("a certificate presented by {server} has expired or is not yet valid"),
            &["The server's certificate, or one of its issuers, has expired or is not yet valid."],
        ),
        Problem::CertificateNotTrusted => (
            attribute::SSL_CERTIFICATE,
            format!("unknown issuer: the KMS does not trust the certificate of {server}"),
            &[
                "`ssl_certificate` is not the certificate (PEM) of the authority that issued the server's, or the server's own.",
            ],
        ),
        Problem::TlsFailed => (
            attribute::SSL_ENABLED,
            format!("TLS between the KMS and {server} failed"),
            &["The server offers only versions or ciphers of TLS that the KMS does not support."],
        ),
        _ => (
            attribute::HOST,
            format!("the KMS could not log in to {server}"),
            &["See the server message above, and the log of the database."],
        ),
    };
    let causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
    DatabaseCause { headline, argument: Path::from(argument), causes, statement: None, may_be_too_early: false }
}

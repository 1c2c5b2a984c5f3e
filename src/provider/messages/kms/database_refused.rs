//! What the KMS found when it logged in to a database from its own place: laid out as the refusals of our own logins are.

use time::OffsetDateTime;

use crate::kms::{NewCredentials, ServiceError};
use crate::postgres::{Reason, Refusal, Statement, ascii_host, is_changed_by_saslprep};
use crate::terraform::diagnostic::{Diagnostic, Path};
use crate::text::shown;

use super::RequestContext;
use super::driver::reason_of_driver;
use crate::provider::messages::login_refused::{capitalized, cured_by_this_run, to_be_run};
use crate::provider::messages::postgres::{asked, explain, when_and_where};
use crate::provider::messages::sentence;

const SASLPREP: &str = "The characters of the password: it has some that PostgreSQL and its clients replace (SASLprep: no-break \
                        spaces and hyphens, ellipses, accents) and older drivers of the KMS do not. Use ASCII characters.";

/// What is to be told of it.
struct DatabaseCause {
    headline: String,
    argument: Path,
    check: Vec<String>,
    statement: Option<Statement>,
    /// Whether another resource of the same run may put it right.
    may_be_too_early: bool,
}

/// A login of the KMS that did not come about; `message` is what its driver said, `sent` what it was to log in with.
pub(crate) fn refusal(
    attempt: RequestContext<'_>,
    sent: &NewCredentials,
    message: &str,
    reply: &ServiceError,
    at: OffsetDateTime,
) -> Diagnostic {
    let told = |reason| Refusal::told(reason, &ascii_host(&sent.host), sent.port, &sent.database, &sent.username, at);
    let reason = reason_of_driver(message, sent.ssl_enabled);
    let other = || Reason::OtherServerError { sqlstate: String::new(), message: message.to_owned() };
    let about = told(reason.clone().unwrap_or_else(other));
    let finding = match reason {
        Some(reason) => {
            let mut finding = everywhere(&about, attempt);
            if reason == Reason::PasswordRefused && is_changed_by_saslprep(sent.password.trimmed().expose()) {
                finding.check.insert(0, SASLPREP.to_owned());
            }
            finding
        }
        None => from_its_place(message, sent, &format!("`{}`", about.endpoint.name())),
    };
    let answer = ServiceError { message: String::new(), ..reply.clone() };
    let first = [
        sentence(&capitalized(&finding.headline)),
        sentence(&format!("The KMS said: {message}")),
        asked(&about),
        format!("{}, from the KMS at `{}`.", when_and_where(&about).trim_end_matches('.'), reply.call.host),
        format!("Connection: `{}`, with the password from `{}`.", shown(attempt.title), attempt.password_argument),
        format!("Nothing was stored: {}", sentence(&answer.to_string())),
    ];
    let mut paragraphs = vec![first.join("\n")];
    let mut check = finding.check;
    check.push(
        "When the login from this machine succeeds, the difference is the way: a firewall, another DNS view, another \
         network."
            .to_owned(),
    );
    paragraphs.push(format!("Check, likeliest first:\n  - {}", check.join("\n  - ")));
    paragraphs.extend(finding.statement.map(|statement| to_be_run(&[statement])));
    if finding.may_be_too_early {
        paragraphs.push(
            "If this same run creates the role or the database, or changes this password, it has to come first: refer to the \
             resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`."
                .to_owned(),
        );
    }
    Diagnostic::error("The KMS could not log in to the database", paragraphs.join("\n\n")).at(finding.argument)
}

/// What would be the same from anywhere.
fn everywhere(refusal: &Refusal, attempt: RequestContext<'_>) -> DatabaseCause {
    let explanation = explain(refusal);
    DatabaseCause {
        headline: explanation.headline,
        argument: explanation.argument.path(attempt.password_argument),
        check: explanation.causes,
        statement: explanation.statement,
        may_be_too_early: cured_by_this_run(&refusal.reason),
    }
}

/// What depends on where the KMS stands, and on what it trusts. The texts are those of Node and of the service's own guard.
fn from_its_place(message: &str, sent: &NewCredentials, server: &str) -> DatabaseCause {
    const LET_IN: &str = "A firewall, security group or allow-list: it must let the addresses of the KMS in.";
    const PUBLIC: &str = "Use a public name or address of the database, or a gateway (`gateway_id`).";
    // Names in quotes say nothing: a role may be called `timeout`.
    let plain: String = message.split('"').step_by(2).collect();
    let says = |parts: &[&str]| parts.iter().any(|part| plain.contains(part));
    let (argument, headline, check) = if says(&["ENOTFOUND", "EAI_AGAIN"]) {
        let check = ["The spelling of the name.", "A DNS zone that only your own network knows.", PUBLIC];
        ("host", format!("the KMS finds no address for `{}`", shown(&sent.host)), check.to_vec())
    } else if says(&["IP addresses (", "IPs not allowed"]) {
        let own =
            "A KMS of your own can be told to allow them: `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.";
        (
            "host",
            format!("the KMS does not connect to the internal address of `{}`", shown(&sent.host)),
            vec![PUBLIC, own],
        )
    } else if says(&["belongs to a service"]) {
        let check = ["The name: it leads to the database or the cache of the KMS itself, which it never connects to."];
        ("host", format!("`{}` is a host of the KMS itself", shown(&sent.host)), check.to_vec())
    } else if says(&["ECONNREFUSED"]) {
        let check = ["The port, and whether the server runs.", LET_IN];
        ("port", format!("nothing accepts connections at {server}, seen from the KMS"), check.to_vec())
    } else if says(&["timeout", "ETIMEDOUT"]) {
        ("host", format!("{server} did not answer the KMS in time"), vec![LET_IN, PUBLIC])
    } else if says(&["EHOSTUNREACH", "ENETUNREACH"]) {
        ("host", format!("there is no way from the KMS to {server}"), vec![PUBLIC])
    } else if says(&["ECONNRESET", "terminated unexpectedly", "EPIPE"]) {
        let check = [LET_IN, "A load balancer or proxy without a server behind it."];
        ("host", format!("{server} ended the connection of the KMS without a word"), check.to_vec())
    } else if says(&["pg_hba.conf"]) && says(&["no encryption", "SSL off"]) {
        let check = ["`ssl_enabled`: the server has no access rule for unencrypted connections like this one.", LET_IN];
        ("ssl_enabled", format!("{server} does not let the KMS in without encryption"), check.to_vec())
    } else if says(&["pg_hba.conf"]) {
        let check =
            ["`pg_hba.conf` of the server: it needs a rule for this role and database from the address of the KMS."];
        ("host", format!("{server} has no access rule for the KMS as role `{}`", shown(&sent.username)), check.to_vec())
    } else if says(&["altnames"]) {
        let check = ["Connect by a name that the certificate has.", "Or give the server a certificate for this name."];
        ("host", format!("the certificate of {server} is not for `{}`", shown(&sent.host)), check.to_vec())
    } else if says(&["certificate has expired", "certificate is not yet valid"]) {
        let check = ["The dates of the server's certificate and of those that it was issued with."];
        ("ssl_certificate", format!("the time of a certificate of {server} is over, or has not come"), check.to_vec())
    } else if says(&["certificate"]) {
        let check = [
            "`ssl_certificate`: the certificate (PEM) of the authority that issued the server's, or the server's own.",
        ];
        ("ssl_certificate", format!("the KMS does not trust the certificate of {server}"), check.to_vec())
    } else if says(&["SSL", "TLS", "EPROTO"]) {
        ("ssl_enabled", format!("TLS between the KMS and {server} failed"), vec!["What TLS the server offers."])
    } else {
        (
            "host",
            format!("the KMS could not log in to {server}"),
            vec!["What the KMS said, and the log of the database."],
        )
    };
    let check = check.into_iter().map(ToOwned::to_owned).collect();
    DatabaseCause { headline, argument: Path::from(argument), check, statement: None, may_be_too_early: false }
}

//! What a database said to a login, for a person.

use crate::postgres::{Certainty, Reason, Refusal, Statement, is_private};
use crate::provider::config::validation::Mode;
use crate::terraform::diagnostic::{Diagnostic, Severity};
use crate::text::shown;

use super::postgres::{asked, explain, facts, run_as};
use super::{DESTROY, NOTHING_SENT, sentence};

/// The circumstances of a login, as far as a message needs them.
pub(crate) struct LoginContext<'a> {
    /// The connection's name.
    pub(crate) connection: &'a str,
    /// The argument that gave the password.
    pub(crate) password_argument: &'static str,
    /// Whether white space around the password was cut off, as the KMS does.
    pub(crate) password_was_trimmed: bool,
    /// Whether it was made by a plan.
    pub(crate) in_plan: bool,
    /// Whether only `mode = "warn"` keeps it from being an error.
    pub(crate) would_stop_the_apply: bool,
    /// The configured mode, where the environment lowered it.
    pub(crate) lowered_from: Option<Mode>,
    /// Whether the answer would be the same for the KMS.
    pub(crate) class: Certainty,
    /// Where the connection moves, when its password stays.
    pub(crate) moved: Option<MovedCredentials>,
    /// The connection whose message says the same in full.
    pub(crate) first_reporter: Option<&'a str>,
}

/// From where to where an update moves a connection.
pub(crate) struct MovedCredentials {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// A login that did not come about.
///
/// In this order: what the server said, who was asked as whom, when and from where, what gave the password, what has
/// happened so far, what to check, the statement to run, and how to go on all the same.
///
/// What another connection's message says already is not said again, unless the core shows one of all anyhow.
pub(crate) fn refusal(severity: Severity, refusal: &Refusal, login: &LoginContext<'_>) -> Diagnostic {
    let folded = severity == Severity::Warning && !login.would_stop_the_apply;
    let detail = match login.first_reporter {
        Some(first) if !folded => in_short(severity, refusal, login, first),
        _ => in_full(severity, refusal, login),
    };
    Diagnostic::new(severity, summary(login), detail).at(explain(refusal).argument.path(login.password_argument))
}

fn in_short(severity: Severity, refusal: &Refusal, login: &LoginContext<'_>, first: &str) -> String {
    let mut lines = vec![sentence(&capitalized(&explain(refusal).headline)), asked(refusal), password(login)];
    lines.extend(moved(login));
    lines.push(so_far(login.class, severity));
    let destroy = if severity == Severity::Error && login.in_plan { format!(" {DESTROY}") } else { String::new() };
    lines.push(format!("What to check and how to go on says the message of `{}`.{destroy}", shown(first)));
    lines.join("\n")
}

fn in_full(severity: Severity, refusal: &Refusal, login: &LoginContext<'_>) -> String {
    let explanation = explain(refusal);
    // An error without a meaning of its own stands in the headline already.
    let told = refusal
        .said
        .as_ref()
        .is_some_and(|said| said.detail.is_none() && explanation.headline.contains(said.message.trim_end_matches('.')));
    let mut lines = vec![sentence(&capitalized(&explanation.headline))];
    lines.extend(facts(refusal).into_iter().skip(usize::from(told)));
    lines.push(password(login));
    lines.extend(moved(login));
    lines.push(so_far(login.class, severity));
    let mut paragraphs = vec![lines.join("\n")];
    let mut check = explanation.causes;
    check.extend(seen_from_elsewhere(refusal, login));
    match check.as_slice() {
        [] => {}
        [one] => paragraphs.push(format!("Check:\n  - {one}")),
        several => paragraphs.push(format!("Check, likeliest first:\n  - {}", several.join("\n  - "))),
    }
    paragraphs.extend(explanation.statement.map(|statement| to_be_run(&[statement])));
    if cured_by_this_run(&refusal.reason) {
        paragraphs.push(cure(login));
    }
    paragraphs.push(way_on(login.class, severity, login));
    paragraphs.join("\n\n")
}

/// Statements in their order, with who may run them.
pub(super) fn to_be_run(statements: &[Statement]) -> String {
    let parts = statements.chunk_by(|one, next| one.run_as == next.run_as).enumerate().map(|(number, part)| {
        let lead = if number == 0 { "Run as" } else { "Then run as" };
        let who = part.first().map_or("", |statement| run_as(statement.run_as));
        let lines: String = part.iter().map(|statement| format!("\n  {}", statement.sql)).collect();
        format!("{lead} {who}:{lines}")
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

/// One constant summary per class, so that many alike fold into one; but what will happen to one connection is named.
fn summary(login: &LoginContext<'_>) -> String {
    match login.class {
        _ if login.would_stop_the_apply => {
            format!("This would stop the apply: {} cannot log in", shown(login.connection))
        }
        Certainty::Conclusive => "The database refused the login".to_owned(),
        Certainty::Unreachable => "The credentials could not be checked from this machine".to_owned(),
    }
}

fn password(login: &LoginContext<'_>) -> String {
    let trimmed = if login.password_was_trimmed { "; white space around it was cut off, as the KMS does" } else { "" };
    let connection = shown(login.connection);
    format!("Connection: `{connection}`, with the password from `{}`{trimmed}.", login.password_argument)
}

fn so_far(class: Certainty, severity: Severity) -> String {
    match (class, severity) {
        (Certainty::Unreachable, Severity::Warning) => {
            "The KMS connects from its own network and judges for itself when the change is applied.".to_owned()
        }
        _ => NOTHING_SENT.to_owned(),
    }
}

fn moved(login: &LoginContext<'_>) -> Option<String> {
    let MovedCredentials { from, to } = login.moved.as_ref()?;
    let (from, to) = (shown(from), shown(to));
    Some(format!("This update moves the connection from {from} to {to} and keeps the password."))
}

/// What the KMS may see differently from its place.
fn seen_from_elsewhere(refusal: &Refusal, login: &LoginContext<'_>) -> Option<String> {
    if refusal.is_unknown_to_the_public() && login.class == Certainty::Unreachable {
        return Some(
            "A KMS of your own may trust more authorities (`NODE_EXTRA_CA_CERTS`), which cannot be seen from here; no password \
             was sent from here."
                .to_owned(),
        );
    }
    let address = refusal.endpoint.address?.ip();
    let direct = refusal.endpoint.overridden.is_none();
    (login.class == Certainty::Conclusive && direct && is_private(address)).then(|| {
        format!("{address} is a private address: on the network of the KMS it can be another machine than from here.")
    })
}

/// A provider sees no graph: what another resource of the same run would put right looks like any other refusal.
pub(super) fn cured_by_this_run(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::PasswordRefused
            | Reason::NoSuchRole
            | Reason::RoleMayNotLogIn
            | Reason::NoSuchDatabase
            | Reason::NoConnectPrivilege
            | Reason::DatabaseNotAccepting
    )
}

fn cure(login: &LoginContext<'_>) -> String {
    let too_early = login.in_plan && !login.would_stop_the_apply;
    let ephemeral = match login.password_argument {
        "password_wo" if too_early => {
            " An ephemeral generator gives another value in every plan: use `mode = \"apply\"` for that."
        }
        _ => "",
    };
    let cure = cure_of(
        "If this same run creates the role or the database, or changes this password,",
        "refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`.",
        login,
    );
    cure + ephemeral
}

/// How to go on when `first` is true, and what to write for the right `order`.
pub(super) fn cure_of(first: &str, order: &str, login: &LoginContext<'_>) -> String {
    if !login.in_plan {
        return format!("{first} it has to come first: {order}");
    }
    if login.would_stop_the_apply {
        return format!("{first} the apply finds it done if it comes first: {order}");
    }
    // An apply plans once more, when what was unknown is known; which of the two this is no core tells.
    format!(
        "{first} this login comes too early. In a plan, set `validation {{ mode = \"warn\" }}` here, or run once with \
         `KMS_VALIDATION=warn`; in an apply, {order}"
    )
}

pub(super) fn way_on(class: Certainty, severity: Severity, login: &LoginContext<'_>) -> String {
    let lowered = login
        .lowered_from
        .map(|mode| format!(" (The configuration says `mode = \"{mode}\"`; `KMS_VALIDATION` lowered it.)"))
        .unwrap_or_default();
    if !login.in_plan {
        return format!("To apply without this check: `KMS_VALIDATION=off terraform apply`.{lowered}");
    }
    let ignore = match class {
        Certainty::Conclusive => "",
        Certainty::Unreachable => " To hear nothing of it: `validation { unreachable = \"ignore\" }`.",
    };
    // A warning stops nothing, and so no destroy either.
    let destroy = if severity == Severity::Error { format!(" {DESTROY}") } else { String::new() };
    format!("To plan without this login, once: `KMS_VALIDATION=apply terraform plan`.{ignore}{lowered}{destroy}")
}

pub(super) fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

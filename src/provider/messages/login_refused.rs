//! Diagnostics about logins that failed.

use crate::postgres::{Certainty, Reason, Refusal, Statement, is_private};
use crate::provider::attribute;
use crate::provider::config::validation::Mode;
use crate::terraform::diagnostic::{Diagnostic, Severity};
use crate::text::shown;

use super::postgres::{Explanation, explain, identity, observations, run_as};
use super::{DESTROY, NOTHING_SENT, capitalized, possible_causes, sentence};

/// The circumstances of a login, as far as a message needs them.
pub(crate) struct LoginContext<'a> {
    /// The connection's name.
    pub(crate) connection: &'a str,
    /// The argument that gave the password.
    pub(crate) password_argument: &'static str,
    /// Whether whitespace around the password was removed, as the KMS does.
    pub(crate) password_was_trimmed: bool,
    /// Whether a plan made the login.
    pub(crate) in_plan: bool,
    /// Whether the message is a warning only because of `mode = "warn"`.
    pub(crate) would_stop_the_apply: bool,
    /// The configured mode, where the environment lowered it.
    pub(crate) lowered_from: Option<Mode>,
    /// Whether the KMS would get the same response.
    pub(crate) class: Certainty,
    /// The endpoints of an update that keeps the password.
    pub(crate) moved: Option<MovedCredentials>,
    /// The connection whose message has the details.
    pub(crate) first_reporter: Option<&'a str>,
}

/// The old and the new endpoint of a connection whose password stays.
pub(crate) struct MovedCredentials {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Returns the diagnostic for a login that failed.
///
/// A message that repeats that of another connection is short, unless Terraform shows only one of them.
pub(crate) fn refusal(severity: Severity, refusal: &Refusal, login: &LoginContext<'_>) -> Diagnostic {
    let explanation = explain(refusal);
    let path = explanation.argument.path(login.password_argument);
    let summary = match login.would_stop_the_apply {
        true => format!("{} ({})", explanation.summary, shown(login.connection)),
        false => explanation.summary.clone(),
    };
    let is_folded = severity == Severity::Warning && !login.would_stop_the_apply;
    let detail = match login.first_reporter {
        Some(first) if !is_folded => in_short(severity, refusal, &explanation, login, first),
        _ => in_full(severity, refusal, explanation, login),
    };
    Diagnostic::new(severity, summary, detail).at(path)
}

fn in_short(
    severity: Severity,
    refusal: &Refusal,
    explanation: &Explanation,
    login: &LoginContext<'_>,
    first: &str,
) -> String {
    let mut lines = vec![sentence(&capitalized(&explanation.sentence))];
    lines.extend(identity(refusal));
    lines.push(password(login));
    lines.push(effect(severity, login));
    let destroy = if severity == Severity::Error && login.in_plan { format!(" {DESTROY}") } else { String::new() };
    lines.push(format!(
        "See the message about connection `{}` for possible causes and how to proceed.{destroy}",
        shown(first)
    ));
    lines.join("\n")
}

fn in_full(severity: Severity, refusal: &Refusal, explanation: Explanation, login: &LoginContext<'_>) -> String {
    // An error without a row of its own stands in the sentence already.
    let is_repeated = refusal.server_error.as_ref().is_some_and(|error| {
        error.detail.is_none() && explanation.sentence.contains(error.message.trim_end_matches('.'))
    });
    let mut lines = vec![sentence(&capitalized(&explanation.sentence))];
    lines.extend(identity(refusal));
    lines.push(password(login));
    lines.extend(observations(refusal).into_iter().skip(usize::from(is_repeated)));
    lines.extend(explanation.facts);
    lines.push(effect(severity, login));
    let mut paragraphs = vec![lines.join("\n")];
    paragraphs.extend(possible_causes(explanation.causes.into_iter().chain(seen_by_the_kms(refusal, login))));
    paragraphs.extend(explanation.statement.map(|statement| statements_to_run(&[statement])));
    let mut proceed: Vec<_> = may_come_too_early(&refusal.reason).then(|| too_early(login)).into_iter().collect();
    proceed.push(without_check(login.class, severity, login));
    paragraphs.push(proceed.join("\n"));
    paragraphs.join("\n\n")
}

/// Returns statements in their order, each group after the roles that may run it.
pub(super) fn statements_to_run(statements: &[Statement]) -> String {
    let groups = statements.chunk_by(|one, next| one.run_as == next.run_as).enumerate().map(|(number, group)| {
        let lead = if number == 0 { "Run as" } else { "Then run as" };
        let roles = group.first().map_or("", |statement| run_as(statement.run_as));
        let lines: String = group.iter().map(|statement| format!("\n  {}", statement.sql)).collect();
        format!("{lead} {roles}:{lines}")
    });
    groups.collect::<Vec<_>>().join("\n")
}

fn password(login: &LoginContext<'_>) -> String {
    let mut line = format!("Password: from `{}` of connection `{}`", login.password_argument, shown(login.connection));
    if login.password_was_trimmed {
        line += "; whitespace around it is removed, as the KMS does";
    }
    if let Some(MovedCredentials { from, to }) = &login.moved {
        line += &format!("; this update keeps it and changes the endpoint from {} to {}", shown(from), shown(to));
    }
    line
}

/// Returns what has happened so far, and what follows for the run.
fn effect(severity: Severity, login: &LoginContext<'_>) -> String {
    if login.would_stop_the_apply {
        return format!(
            "{NOTHING_SENT} `mode = \"warn\"` makes this a warning in the plan; the apply stops with an error."
        );
    }
    match (login.class, severity) {
        (Certainty::Unreachable, Severity::Warning) => {
            "This does not stop the run: the KMS logs in from its own network when the change is applied.".to_owned()
        }
        _ => NOTHING_SENT.to_owned(),
    }
}

/// Returns what may differ for the KMS.
fn seen_by_the_kms(refusal: &Refusal, login: &LoginContext<'_>) -> Option<String> {
    if refusal.lacks_public_trust() && login.class == Certainty::Unreachable {
        return Some(
            "The KMS trusts more certificate authorities (`NODE_EXTRA_CA_CERTS`), which the provider cannot see. The provider \
             sent no password."
                .to_owned(),
        );
    }
    let address = refusal.endpoint.address?.ip();
    let direct = refusal.endpoint.overridden.is_none();
    (login.class == Certainty::Conclusive && direct && is_private(address))
        .then(|| format!("{address} is a private address, which can be another machine on the network of the KMS."))
}

/// Returns whether another resource of the same run may remove the cause. A provider does not see the other resources.
pub(super) fn may_come_too_early(reason: &Reason) -> bool {
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

fn too_early(login: &LoginContext<'_>) -> String {
    let ephemeral = match login.password_argument {
        attribute::PASSWORD_WO if login.in_plan && !login.would_stop_the_apply => {
            " For an ephemeral password, which differs in every plan, use `mode = \"apply\"`."
        }
        _ => "",
    };
    in_order(
        "If this run creates the role or the database, or changes this password,",
        "refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`.",
        login,
    ) + ephemeral
}

/// Returns how to proceed if `condition` is true; `order` is how to put the resources into the right order.
pub(super) fn in_order(condition: &str, order: &str, login: &LoginContext<'_>) -> String {
    if !login.in_plan {
        return format!("{condition} that must come first: {order}");
    }
    if login.would_stop_the_apply {
        return format!("{condition} the apply succeeds if that comes first: {order}");
    }
    // An apply plans once more, when what was unknown is known; no core reports which of the two it is.
    format!(
        "{condition} this login is too early. In a plan, set `validation {{ mode = \"warn\" }}` or use \
         `KMS_VALIDATION=warn`; in an apply, {order}"
    )
}

/// Returns how to proceed without the check.
pub(super) fn without_check(class: Certainty, severity: Severity, login: &LoginContext<'_>) -> String {
    let lowered = login
        .lowered_from
        .map(|mode| format!(" (`KMS_VALIDATION` lowered `mode`, which is \"{mode}\" in the configuration.)"))
        .unwrap_or_default();
    if !login.in_plan {
        return format!("To proceed without this check: `KMS_VALIDATION=off terraform apply`.{lowered}");
    }
    let ignore = match class {
        Certainty::Conclusive => "",
        Certainty::Unreachable => " To ignore unreachable servers: `validation { unreachable = \"ignore\" }`.",
    };
    // A warning stops nothing, and so no destroy either.
    let destroy = if severity == Severity::Error { format!(" {DESTROY}") } else { String::new() };
    format!("To proceed without this check: `KMS_VALIDATION=apply terraform plan`.{ignore}{lowered}{destroy}")
}

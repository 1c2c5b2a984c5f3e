//! Diagnostics about the privileges that a rotation needs.

use crate::postgres::{Accepted, Certainty, Facts, RotationCheck, without_facts};
use crate::provider::attribute;
use crate::terraform::diagnostic::{Diagnostic, Path, Severity};
use crate::text::shown;

use super::login_refused::{LoginContext, in_order, statements_to_run, without_check};
use super::postgres::{privileges, server};
use super::summary::{ROTATION_IMPOSSIBLE, ROTATION_NOT_CHECKED};
use super::{NOTHING_SENT, capitalized, sentence};

/// Returns the diagnostic for a role that cannot be rotated; `None` if nothing prevents its rotation. `index` is its place in
/// the list.
pub(crate) fn missing_privileges(
    severity: Severity,
    rotation: &RotationCheck,
    index: usize,
    facts: &Facts,
    accepted: &Accepted,
    login: &LoginContext<'_>,
) -> Option<Diagnostic> {
    let (connection, role) = (shown(login.connection), shown(&rotation.role.name));
    let mut lines = vec![sentence(&capitalized(&privileges::sentence(rotation, facts)?))];
    let others = privileges::other_reasons(rotation, facts);
    lines.extend((!others.is_empty()).then(|| sentence(&format!("Also, {}", others.join("; ")))));
    lines.push(format!("{}, PostgreSQL {}", server(&accepted.endpoint), facts.version()));
    lines.push(format!("Role: `{}`", facts.session.role));
    lines.push(format!("Database: `{}`", facts.database));
    lines.push(format!("Connection: `{connection}`"));
    lines.push(match login.would_stop_the_apply {
        true => {
            format!("{NOTHING_SENT} `mode = \"warn\"` makes this a warning in the plan; the apply stops with an error.")
        }
        false => NOTHING_SENT.to_owned(),
    });
    let mut paragraphs = vec![lines.join("\n")];
    let statements = rotation.statements(facts);
    let mut repair: Vec<_> = privileges::remedies(rotation).into_iter().map(str::to_owned).collect();
    repair.extend((!statements.is_empty()).then(|| statements_to_run(&statements)));
    paragraphs.extend((!repair.is_empty()).then(|| repair.join("\n")));
    let managed = if statements.is_empty() { "" } else { MANAGED_SERVICE };
    paragraphs.push(if severity == Severity::Error || login.would_stop_the_apply {
        format!(
            "{managed}{}\nTo make this a warning: `validation {{ privileges = \"warning\" }}`. {}",
            in_order(CONDITION, ORDER, login),
            without_check(Certainty::Conclusive, severity, login)
        )
    } else {
        format!("{managed}{CONDITION} this warning is too early: {ORDER} It does not stop the run.")
    });
    let path = Path::from(attribute::VALIDATION).attribute("rotation_roles").index(index);
    let summary = format!("{ROTATION_IMPOSSIBLE}: role {role} through {connection}");
    Some(Diagnostic::new(severity, summary, paragraphs.join("\n\n")).at(path))
}

/// Returns the warning that the privileges are not known, with the statements that are needed at most. `login` is the role
/// that logs in, where the catalogs were not read.
pub(crate) fn privileges_not_checked(connection: &str, login: Option<&str>, roles: &[String], why: &str) -> Diagnostic {
    let names: Vec<String> = roles.iter().map(|role| format!("`{}`", shown(role))).collect();
    let mut paragraphs = vec![format!(
        "The provider did not check whether the connection can rotate these roles: {}\nConnection: `{}`\nRoles: {}",
        sentence(why),
        shown(connection),
        names.join(", ")
    )];
    let statements = login.map(|login| without_facts(login, roles)).unwrap_or_default();
    if let Some(login) = login.filter(|_| !statements.is_empty()).map(shown) {
        paragraphs.push(format!(
            "These statements suffice if role `{login}` has no privileges yet. Before PostgreSQL 16, CREATEROLE alone \
             suffices.\n{}",
            statements_to_run(&statements)
        ));
    }
    Diagnostic::warning(ROTATION_NOT_CHECKED, paragraphs.join("\n\n"))
        .at(Path::from(attribute::VALIDATION).attribute("rotation_roles"))
}

const MANAGED_SERVICE: &str = "On a managed service, its administrator role takes the place of the superuser. ";
const CONDITION: &str = "If this run creates the role or grants the privileges,";
const ORDER: &str = "refer to the resource that does so (`rotation_roles = [postgresql_role.x.name]`), or add it to \
    `depends_on`.";

//! What the catalogs of a database said about rotation, for a person.

use crate::postgres::{Accepted, Certainty, Facts, RotationCheck, without_facts};
use crate::terraform::diagnostic::{Diagnostic, Path, Severity};
use crate::text::shown;

use super::login_refused::{LoginContext, capitalized, cure_of, to_be_run, way_on};
use super::{NOTHING_SENT, postgres, sentence};

/// A role that cannot be rotated; `None` when nothing speaks against it. `index` is its place in the list.
pub(crate) fn missing_privileges(
    severity: Severity,
    rotation: &RotationCheck,
    index: usize,
    facts: &Facts,
    accepted: &Accepted,
    login: &LoginContext<'_>,
) -> Option<Diagnostic> {
    let mut lines = vec![sentence(&capitalized(&rotation.headline(facts)?))];
    lines.extend(rotation.besides(facts).into_iter().map(|reason| sentence(&format!("Also, {reason}"))));
    lines.push(format!(
        "Asked: {} as role `{}` for database `{}`, PostgreSQL {}.",
        postgres::endpoint(&accepted.endpoint),
        facts.session.role,
        facts.database,
        facts.version()
    ));
    lines.push(format!("Connection: `{}`.", shown(login.connection)));
    lines.push(NOTHING_SENT.to_owned());
    let mut paragraphs = vec![lines.join("\n")];
    paragraphs.extend(rotation.advice().into_iter().map(str::to_owned));
    let statements = rotation.statements(facts);
    if !statements.is_empty() {
        paragraphs.push(to_be_run(&statements));
        paragraphs.push(MANAGED.to_owned());
    }
    if severity == Severity::Error || login.would_stop_the_apply {
        paragraphs.push(cure_of(FIRST, ORDER, login));
        let milder = "To make this a warning: `validation { privileges = \"warning\" }`.";
        paragraphs.push(format!("{milder} {}", way_on(Certainty::Conclusive, severity, login)));
    } else {
        paragraphs.push(format!("{FIRST} this warning comes too early: {ORDER} It stops nothing."));
    }
    let place = Path::from("validation").attribute("rotation_roles").index(index);
    let summary = summary(severity, &rotation.role.name, login);
    Some(Diagnostic::new(severity, summary, paragraphs.join("\n\n")).at(place))
}

/// That nothing was found out, with the statements that would be needed at most. `login` is the role that logs in, where
/// nobody has looked.
pub(crate) fn privileges_not_checked(connection: &str, login: Option<&str>, roles: &[String], why: &str) -> Diagnostic {
    let names: Vec<String> = roles.iter().map(|role| format!("`{}`", shown(role))).collect();
    let mut paragraphs = vec![format!(
        "Whether connection `{}` can rotate {} was not checked: {}",
        shown(connection),
        names.join(", "),
        sentence(why)
    )];
    let statements = login.map(|login| without_facts(login, roles)).unwrap_or_default();
    if let Some(login) = login.filter(|_| !statements.is_empty()).map(shown) {
        paragraphs.push(format!("If role `{login}` has no rights yet, these are enough."));
        paragraphs.push(to_be_run(&statements));
        paragraphs.push("Before PostgreSQL 16 CREATEROLE alone is enough, without the grants.".to_owned());
    }
    Diagnostic::warning("The privileges for rotation were not checked", paragraphs.join("\n\n"))
        .at(Path::from("validation").attribute("rotation_roles"))
}

const MANAGED: &str = "On a managed service its administrator role takes the place of the superuser.";
const FIRST: &str = "If this same run creates the role or grants the rights,";
const ORDER: &str = "refer to the resource that does it (`rotation_roles = [postgresql_role.x.name]`), or add it to \
    `depends_on`.";

/// Cores fold equal summaries: each warning is about another role.
fn summary(severity: Severity, role: &str, login: &LoginContext<'_>) -> String {
    let (connection, role) = (shown(login.connection), shown(role));
    match severity {
        _ if login.would_stop_the_apply => format!("This would stop the apply: {connection} cannot rotate {role}"),
        Severity::Error => "A role cannot be rotated through this connection".to_owned(),
        Severity::Warning => format!("{connection} cannot rotate {role}"),
    }
}

//! Imports, and moves from other providers, that find no connection.

use crate::kms::Client;
use crate::secret::is_quotable;
use crate::terraform::diagnostic::Diagnostic;
use crate::terraform::move_state::MoveSource;
use crate::text::shown;

use super::detail::Detail;
use super::kms::summary;

/// The three forms of an import id.
const FORMS: &str = "An import id has one of three forms:\n  \
                     - the UUID of a connection, which the KMS shows in the address bar of its page: \
                     `3c90c3cc-0d44-4b50-8888-8dd25736052a`\n  \
                     - the name of a connection of the organization: `orders-db`\n  \
                     - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`";

const REMOVED: &str =
    "remove the old object from the state with a `removed` block, and import the connection by its UUID.";

/// Returns the error about an import id of another form.
pub(crate) fn import_form(text: &str) -> Diagnostic {
    let quotable = text.split([' ', '/']).all(|part| part.is_empty() || is_quotable(part));
    let what = if quotable { format!("`{text}`") } else { "The import id".to_owned() };
    let detail = Detail::new(format!(
        "{what} is neither a UUID nor a name: names have lower-case letters, digits and single hyphens"
    ))
    .next(FORMS);
    Diagnostic::error(summary::IMPORT_ID, detail.to_string())
}

/// The connection that the user wants to import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A UUID, which may be the name of a connection as well.
    Id(&'a str),
    /// A name in a project, or without one in the organization.
    Name(Option<&'a str>, &'a str),
}

/// Returns the error about a connection that does not exist. `other_scopes` are the projects that have one of that name; none
/// is the organization.
pub(crate) fn nothing_to_import(wanted: Wanted<'_>, other_scopes: &[Option<&str>], client: &Client) -> Diagnostic {
    let (what, name) = match wanted {
        Wanted::Id(id) => (format!("with the id `{}`", shown(id)), shown(id)),
        Wanted::Name(None, name) => (format!("`{}` of the organization", shown(name)), shown(name)),
        Wanted::Name(Some(project), name) => {
            (format!("`{}` in the project `{}`", shown(name), shown(project)), shown(name))
        }
    };
    let form = |scope: &Option<&str>| match scope {
        Some(project) => format!("`{}/{name}`", shown(project)),
        None => format!("`{name}`"),
    };
    let others: Vec<String> = other_scopes.iter().map(form).collect();
    let detail = Detail::new(format!(
        "The KMS at `{}` shows this machine identity no PostgreSQL connection {what}",
        client.host()
    ))
    .fact_if("Connections of that name in other scopes", Some(others.join(", ")).filter(|others| !others.is_empty()))
    .causes([
        "The import id is wrong.",
        "`host` of the provider is the address of another KMS.",
        "The machine identity may not read the connection.",
    ])
    .next(FORMS);
    Diagnostic::error(summary::IMPORT_NOT_FOUND, detail.to_string())
}

/// Returns the error about a name that several connections of one scope have.
pub(crate) fn several_to_import(name: &str, ids: &[&str], client: &Client) -> Diagnostic {
    let count = ids.len();
    let detail = Detail::new(format!(
        "The KMS at `{}` has {count} connections `{}` in the same scope",
        client.host(),
        shown(name)
    ))
    .fact("Ids", shown(&ids.join(", ")))
    .next("Import one of them by its UUID.");
    Diagnostic::error(summary::IMPORT_AMBIGUOUS, detail.to_string())
}

/// Returns the error about an object that cannot become a connection.
pub(crate) fn not_movable(source: &MoveSource, accepted: &[(&str, &str)]) -> Diagnostic {
    let accepted: String = accepted
        .iter()
        .map(|(provider, type_name)| format!("\n  - `{type_name}` of the provider `{provider}`"))
        .collect();
    let detail = object(source, "cannot become a `kms_postgres_connection`")
        .next(format!("Objects that can be moved:{accepted}"))
        .next(format!("For any other object, {REMOVED}"));
    Diagnostic::error(summary::MOVE_NOT_SUPPORTED, detail.to_string())
}

/// Returns the error about an object that lacks an attribute of a connection.
pub(crate) fn moved_incomplete(source: &MoveSource, attribute: &str) -> Diagnostic {
    let detail = object(source, &format!("has no `{attribute}` in the state"))
        .next(format!("Instead of moving the object, {REMOVED}"));
    Diagnostic::error(summary::MOVE_INCOMPLETE, detail.to_string())
}

fn object(source: &MoveSource, problem: &str) -> Detail {
    let (type_name, provider) = (shown(&source.type_name), shown(&source.provider));
    Detail::new(format!("The `{type_name}` of the provider `{provider}` {problem}")).changed("Nothing was changed.")
}

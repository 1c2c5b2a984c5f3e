//! Connections that cannot be brought under management: import and moves from other providers, for a person.

use crate::kms::Client;
use crate::secret::is_quotable;
use crate::terraform::diagnostic::Diagnostic;
use crate::terraform::move_state::MoveSource;
use crate::text::shown;

/// The three forms.
const FORMS: &str = "An import takes one of three forms:\n\
                     - the UUID of a connection, which the KMS shows in the address bar of its page: \
                     `3c90c3cc-0d44-4b50-8888-8dd25736052a`\n\
                     - the name of a connection of the organisation: `orders-db`\n\
                     - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`";

/// What a person gave to import has none of the forms.
pub(crate) fn import_form(text: &str) -> Diagnostic {
    let quotable = text.split([' ', '/']).all(|part| part.is_empty() || is_quotable(part));
    let what = if quotable { format!("`{text}`") } else { "What was given".to_owned() };
    Diagnostic::error(
        "This does not name a connection",
        format!(
            "{what} cannot be imported: it is neither a UUID nor a name. Names have lower-case letters, digits and \
             single hyphens.\n\n{FORMS}"
        ),
    )
}

/// What a person wants to import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A UUID, which may be the name of a connection as well.
    Id(&'a str),
    /// A name in a project, or without one in the organisation.
    Name(Option<&'a str>, &'a str),
}

/// There is no such connection. `elsewhere` are the scopes that have one of that name: projects, or the organisation.
pub(crate) fn nothing_to_import(wanted: Wanted<'_>, elsewhere: &[Option<&str>], client: &Client) -> Diagnostic {
    let (what, name) = match wanted {
        Wanted::Id(id) => (format!("with the id `{}`", shown(id)), shown(id)),
        Wanted::Name(None, name) => (format!("`{}` of the organisation", shown(name)), shown(name)),
        Wanted::Name(Some(project), name) => {
            (format!("`{}` in the project `{}`", shown(name), shown(project)), shown(name))
        }
    };
    let form = |scope: &Option<&str>| match scope {
        Some(project) => format!("`{}/{name}`", shown(project)),
        None => format!("`{name}`"),
    };
    let found: Vec<String> = elsewhere.iter().map(form).collect();
    let elsewhere = match found.as_slice() {
        [] => String::new(),
        found => format!(" There is one of that name elsewhere: import {}.", found.join(" or ")),
    };
    Diagnostic::error(
        "There is no such connection",
        format!(
            "The KMS at `{}` shows this machine identity no PostgreSQL connection {what}.{elsewhere} Check what was given, the \
             `host` of the provider, and that the identity may read the connection.\n\n{FORMS}",
            client.host()
        ),
    )
}

/// The service holds several of that name.
pub(crate) fn several_to_import(name: &str, ids: &[&str], client: &Client) -> Diagnostic {
    let name = shown(name);
    Diagnostic::error(
        "There are several such connections",
        format!(
            "The KMS at `{}` holds {} connections `{name}` in the same scope. Import one of them by its UUID: {}.\n\n{FORMS}",
            client.host(),
            ids.len(),
            shown(&ids.join(", "))
        ),
    )
}

/// An object that no connection can be made of.
pub(crate) fn not_movable(source: &MoveSource, accepted: &[(&str, &str)]) -> Diagnostic {
    let accepted: Vec<String> =
        accepted.iter().map(|(provider, type_name)| format!("- `{type_name}` of the provider `{provider}`")).collect();
    Diagnostic::error(
        "This object cannot be moved",
        format!(
            "A `{}` of the provider `{}` cannot become a `kms_postgres_connection`. Nothing was changed. These can:\n{}\n\nFor \
             anything else leave the old object with a `removed` block and import the connection.",
            shown(&source.type_name),
            shown(&source.provider),
            accepted.join("\n")
        ),
    )
}

/// An object that lacks what a connection needs.
pub(crate) fn moved_incomplete(source: &MoveSource, attribute: &str) -> Diagnostic {
    Diagnostic::error(
        "The object to be moved is incomplete",
        format!(
            "The state holds a `{}` of the provider `{}` without `{attribute}`. Nothing was changed. Leave the old object with a \
             `removed` block and import the connection by its UUID instead.",
            shown(&source.type_name),
            shown(&source.provider)
        ),
    )
}

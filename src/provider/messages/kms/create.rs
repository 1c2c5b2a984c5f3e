//! Creates that failed, and what a lookup of their name found.

use crate::kms::{Error, ErrorKind, Lookup, NewConnection};
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::text::{hcl_string, shown};

use super::super::detail::Detail;
use super::{RequestContext, refused, service, summary, with_paragraph};

/// Returns the diagnostics of a failed create. `found` is the result of a lookup, where the connection may exist: the next run
/// could not tell that this run created it.
pub(crate) fn create(
    context: RequestContext<'_>,
    request: &NewConnection,
    error: &Error,
    found: Option<&Lookup>,
) -> Diagnostics {
    let diagnostics = service(context, error);
    let Some(found) = found else { return diagnostics };
    let is_taken = matches!(error.kind, ErrorKind::NameTaken { .. });
    let outcome = outcome(is_taken, &request.name, found);
    diagnostics.into_iter().map(|diagnostic| with_paragraph(diagnostic, &outcome)).collect()
}

/// Returns what a lookup found after a failed create, and how to proceed.
pub(crate) fn outcome(is_taken: bool, name: &str, found: &Lookup) -> String {
    let again = "Run `terraform apply` again: if the connection exists by then, the message has its id and an import block. The \
                 provider never creates a second connection of that name.";
    let name = shown(name);
    match found {
        Lookup::Found(connection) if is_taken => format!(
            "Connection {} of the same scope already uses this name. The provider does not adopt it automatically. Set another \
             `name`, or import that connection:\n\n{}\n\nIf this run replaces that connection, `create_before_destroy` needs another \
             `name`: the name stays in use until the old connection is deleted.",
            shown(&connection.id),
            import_block(&connection.id)
        ),
        Lookup::Found(connection) => format!(
            "A connection `{name}` exists now, with the id {}. The provider cannot determine whether this run created it. Check the \
             connection in the KMS. To import it:\n\n{}",
            shown(&connection.id),
            import_block(&connection.id)
        ),
        Lookup::NotFound if is_taken => {
            format!(
                "The existing connection is one of another app, or the machine identity may not read it. {}",
                refused::OTHER_NAME
            )
        }
        Lookup::Failed(Error { kind: ErrorKind::OtherApp, .. }) => {
            format!("The existing connection is one of another app. {}", refused::OTHER_NAME)
        }
        Lookup::NotFound => {
            format!("The KMS has no connection of that name, so the create probably had no effect. {again}")
        }
        Lookup::Failed(error) => {
            format!("The provider could not determine whether the connection was created ({error}). {again}")
        }
        Lookup::Unfinished => format!("The provider could not determine whether the connection was created. {again}"),
    }
}

/// Returns the block that imports a connection.
pub(crate) fn import_block(id: &str) -> String {
    format!("import {{\n  to = kms_postgres_connection.<label>\n  id = {}\n}}", hcl_string(id))
}

/// Returns the warning about a create whose response was lost and whose connection exists.
pub(crate) fn adopted(title: &str, error: &Error) -> Diagnostic {
    let title = shown(title);
    let detail = Detail::new(format!("The KMS created `{title}`, and its response was lost: {error}"))
        .changed("The connection is in the state. You need not do anything.")
        .next("The name was free before the request, and the values that the KMS returns equal the requested ones.");
    Diagnostic::warning(format!("{}: {title}", summary::LOST), detail.to_string())
}

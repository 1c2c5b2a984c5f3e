//! What the KMS reports to plans, reads and lists without a failure.

use crate::kms::{Client, Error, ErrorKind};
use crate::provider::attribute;
use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::super::capitalized;
use super::super::detail::Detail;
use super::{import_block, summary};

/// Returns the warning about a plan that continues without the KMS.
pub(crate) fn not_asked(reason: &str) -> Diagnostic {
    let detail = Detail::new(capitalized(reason)).next(
        "The provider could not check whether names are free and projects exist. The plan continues without these checks; the apply \
         needs the KMS.",
    );
    Diagnostic::warning(summary::NOT_CHECKED, detail.to_string())
}

/// Returns the warning about the name of a planned create that another connection has, which this run may rename or destroy.
pub(crate) fn name_exists(name: &str, id: &str) -> Diagnostic {
    let name = shown(name);
    let detail = Detail::new("Names must be unique within a project (or the organization)")
        .fact("Existing connection", format!("`{}`", shown(id)))
        .next("The apply will fail unless this run destroys or renames that connection. To import it instead:")
        .next(import_block(id));
    Diagnostic::warning(format!("{}: {name}", summary::NAME_EXISTS), detail.to_string()).at(attribute::NAME)
}

/// Returns whether an error of the KMS stops a plan: the apply would end with the same error.
pub(crate) fn stops_a_plan(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::AuthRefused { .. } | ErrorKind::ProjectNotFound | ErrorKind::Settings(_))
}

/// Returns the warning about rows of a list that are left out.
pub(crate) fn unreadable_rows(count: usize, client: &Client) -> Diagnostic {
    let detail = Detail::new(format!("The provider left {count} connections out of the list of the KMS at `{}`", client.host()))
        .causes([
            "A connection has a form that this provider cannot read: compare the version of the KMS with that of the provider.",
            "An id occurs more than once.",
            "A connection is one of another project than the requested one.",
        ]);
    Diagnostic::warning(summary::UNREADABLE, detail.to_string())
}

/// Returns the warning about a connection that no longer exists in the KMS.
pub(crate) fn gone(title: &str, id: &str, client: &Client) -> Diagnostic {
    let (title, id) = (shown(title), shown(id));
    let detail =
        Detail::new(format!("The KMS at `{}` reported that it has no connection with the id `{id}`", client.host()))
            .changed("Terraform plans to create the connection again.")
            .next("If you no longer want the connection, remove it from the configuration.");
    Diagnostic::warning(format!("{}: {title}", summary::GONE), detail.to_string())
}

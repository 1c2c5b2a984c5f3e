//! Changes that lack a value.

use crate::provider::attribute;
use crate::terraform::diagnostic::Diagnostic;

use super::DESTROY;
use super::detail::Detail;

/// Returns the error about a change that sends credentials without a password. `exists` is whether the connection exists.
pub(crate) fn password_missing(role: Option<&str>, exists: bool) -> Diagnostic {
    let why = if exists {
        "A credential of this connection changes. The KMS takes credentials only as a whole and never returns the stored password"
    } else {
        "The KMS checks the credentials of a new connection with a login"
    };
    let detail = Detail::new(why)
        .fact_if("Role", role.map(|role| format!("`{}`", role.trim())))
        .changed("Nothing was sent to the KMS.")
        .next("Set the password of the role in `password_wo`, which is never stored, or in `password`.")
        .next(DESTROY);
    Diagnostic::error("Password missing", detail.to_string()).at(attribute::PASSWORD)
}

/// Returns the error about an unknown value in an apply. Cores apply known values only, so another tool causes this.
pub(crate) fn still_unknown() -> Diagnostic {
    let detail = Detail::new("An argument of the connection is still unknown in the apply")
        .changed("No credentials were sent to the KMS.")
        .next("This is a bug in Terraform, in OpenTofu or in another tool that speaks their protocol.");
    Diagnostic::error("Value still unknown", detail.to_string())
}

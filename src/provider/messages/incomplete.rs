//! Messages about changes that lack a value.

use crate::terraform::diagnostic::Diagnostic;

/// Neither password argument is set, and the change sends credentials. `exists` is whether the connection does already.
pub(crate) fn password_missing(role: Option<&String>, exists: bool) -> Diagnostic {
    let why = if exists {
        "A credential of this connection changes. The KMS takes credentials only as a whole, and it never returns the password \
         that it has"
    } else {
        "The KMS checks the credentials of a new connection by logging in"
    };
    Diagnostic::error(
        "Password missing",
        format!(
            "{why}, so the password of the role{} is needed: set `password_wo`, which is never stored, or `password`. Nothing \
             was sent to the KMS. To destroy this configuration as it is: `terraform destroy -refresh=false`.",
            role.map_or_else(String::new, |role| format!(" `{}`", role.trim()))
        ),
    )
    .at("password")
}

/// A value is unknown in an apply. A core applies only what is wholly known, so only another tool can cause it.
pub(crate) fn still_unknown() -> Diagnostic {
    Diagnostic::error(
        "A value is still unknown",
        "An argument of the connection is still unknown although the change is to be made now. No credentials were sent to the KMS. \
         This is a mistake in Terraform, OpenTofu or a tool that speaks their protocol.",
    )
}

//! Credentials that somebody wrote outside of the configuration, for a person. Each message names its connection in the
//! summary: cores fold equal ones.

use crate::terraform::diagnostic::Diagnostic;

use super::sentence;

const OUTSIDE: &str = "Somebody wrote the credentials of this connection outside of this configuration: in the KMS, or with \
    another configuration. What was written cannot be seen; it may have been the same.";

/// The configured password still works.
pub(crate) fn stored_again(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The credentials of {title} were written outside"),
        format!("{OUTSIDE}\n\nThe configured password still works, so this plan stores it again."),
    )
}

/// The configured password does not work any more: it is the side that is stale.
pub(crate) fn password_is_stale(title: &str, argument: &str, reason: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The credentials of {title} were changed outside"),
        format!(
            "{OUTSIDE}\n\nThe configured password is no longer accepted: {}\nNothing is sent: what the KMS has is probably right. \
             Put the new password into `{argument}`; until then this is said in every plan.",
            sentence(reason)
        ),
    )
    .at(argument)
}

/// Nobody could tell which side is right.
pub(crate) fn not_compared(title: &str, reason: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The credentials of {title} were written outside"),
        format!(
            "{OUTSIDE}\n\nWhether the configured password still works could not be found out: {}\nThis plan stores it again. If the \
             password was changed on purpose, put the new one into the configuration first.",
            sentence(reason)
        ),
    )
}

/// There is no password in the configuration to store again.
pub(crate) fn noticed(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The credentials of {title} were written outside"),
        format!(
            "{OUTSIDE}\n\nThe configuration gives no password, so nothing is planned for it. An apply, or `terraform apply \
             -refresh-only`, takes note of it."
        ),
    )
}

/// The first password that the configuration gives since the connection was imported.
pub(crate) fn first_password(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The password will be sent to the KMS for {title}"),
        "This is the first password in the configuration since the connection was imported. Whether the KMS has the same one \
         cannot be told, so it is sent once. To take the connection over without sending anything, leave both password arguments \
         out.",
    )
}

//! Warnings about credentials that were changed outside of the configuration. Each names its connection in the summary:
//! Terraform shows one of several warnings with equal summaries.

use crate::provider::attribute;
use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::summary::DRIFT;
use super::{capitalized, sentence};

const OUTSIDE: &str = "The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another \
    configuration wrote them. The KMS does not return passwords, so the password may still be the same.";

/// Returns the warning that the plan sends the configured password again, which still works.
pub(crate) fn sent_again(title: &str) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\nThe configured password still works. This plan sends the configured credentials to the KMS again, \
             replacing what is stored there."
        ),
    )
}

/// Returns the warning that the configuration changes credentials that were changed outside too.
pub(crate) fn replaced(title: &str) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\nThis plan sends the configured credentials to the KMS, replacing what is stored there. To keep an outside \
             change, put its values into the configuration first."
        ),
    )
}

/// Returns the warning that the configured credentials no longer work. The KMS has other values of the arguments
/// `differing`.
pub(crate) fn refused(title: &str, argument: &'static str, differing: &[&str], reason: &str) -> Diagnostic {
    if differing.is_empty() {
        return nothing_planned(
            title,
            argument,
            "The configured credentials no longer work",
            reason,
            &remedies(argument),
        );
    }
    let names: Vec<_> = differing.iter().map(|name| format!("`{name}`")).collect();
    let happened = format!("The KMS has another {}, and the configured credentials no longer work", names.join(", "));
    let adopt = "To keep the credentials of the KMS: put its values into the configuration, with their password in `password_wo`, or \
        without a password.";
    let restore = "To send the configured credentials again: make them valid in PostgreSQL.";
    nothing_planned(title, argument, &happened, reason, &[adopt, restore])
}

/// Returns the warning that no login has checked the configured password.
pub(crate) fn not_checked(title: &str, argument: &'static str, reason: &str) -> Diagnostic {
    let happened = "The provider could not check whether the configured password still works";
    let check = "Where the provider can reach the database: plan with `mode = \"plan\"`. If the login succeeds, the plan sends the \
        configured credentials again.";
    let [new, remove, replace] = remedies(argument);
    nothing_planned(title, argument, happened, reason, &[new, remove, check, replace])
}

/// Returns the ways to end the warning. `ignore_changes = [password]` hides a new `password` from a provider, so none depends
/// on it alone.
fn remedies(argument: &str) -> [&'static str; 3] {
    let (new, remove) = if argument == attribute::PASSWORD {
        (
            "Set the current password in `password_wo`, with a `password_wo_version`, instead of `password`. (A new `password` \
             works only without `ignore_changes = [password]`.)",
            "To leave the password to the KMS: remove `password` from the configuration and from `ignore_changes`.",
        )
    } else {
        (
            "Set the current password in `password_wo`, and change `password_wo_version` if it is set.",
            "To leave the password to the KMS: remove `password_wo` and `password_wo_version`.",
        )
    };
    let replace =
        "To replace the connection by a new one with the configured password: `terraform apply -replace=ADDRESS`.";
    [new, remove, replace]
}

fn nothing_planned(title: &str, argument: &'static str, happened: &str, reason: &str, remedies: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\n{happened}.\nLogin check: {}\nNo update of the credentials is planned: the KMS may have a newer \
             password.\n\nTo end this warning, one of:\n  - {}",
            sentence(&capitalized(reason)),
            remedies.join("\n  - ")
        ),
    )
    .at(argument)
}

/// Returns the warning that the configuration has no password to send again.
pub(crate) fn without_password(title: &str) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\nThe configuration has no password, so this plan sends nothing. An apply, or `terraform apply \
             -refresh-only`, stores the new fingerprint and ends this warning."
        ),
    )
}

/// Returns the warning about the first password in the configuration after an import.
pub(crate) fn first_password(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Password will be sent to the KMS: {}", shown(title)),
        "This is the first password in the configuration since the connection was imported. The KMS does not return \
         passwords, so the provider cannot compare them and sends this one once. To manage the connection without sending \
         anything, leave both password arguments out.",
    )
}

fn summary(title: &str) -> String {
    format!("{DRIFT}: {}", shown(title))
}

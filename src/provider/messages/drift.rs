//! Messages about credentials that were written outside of the configuration. Each has its connection in the summary: cores
//! fold equal summaries.

use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::login_refused::capitalized;
use super::sentence;

const OUTSIDE: &str = "The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another \
    configuration wrote them. The KMS does not return passwords, so the password may still be the same.";

/// The configured password works.
pub(crate) fn sent_again(title: &str) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\nThe configured password still works. This plan sends the configured credentials to the KMS again, \
             replacing what is stored there."
        ),
    )
}

/// The configuration changes credentials that were changed outside, too.
pub(crate) fn replaced(title: &str) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\nThis plan sends the configured credentials to the KMS, replacing what is stored there. To keep an outside \
             change, put its values into the configuration first."
        ),
    )
}

/// The configured credentials do not work any more. `differing` are the arguments of which the KMS has other values.
pub(crate) fn refused(title: &str, argument: &'static str, differing: &[&str], reason: &str) -> Diagnostic {
    if differing.is_empty() {
        return nothing_planned(title, argument, "The configured credentials no longer work", reason, &cures(argument));
    }
    let names: Vec<_> = differing.iter().map(|name| format!("`{name}`")).collect();
    let happened = format!("The KMS has another {}, and the configured credentials no longer work", names.join(", "));
    let adopt = "Put the values that the KMS has into the configuration; set their password in `password_wo`, or remove the \
        password from the configuration.";
    let restore = "To send the configured credentials again: make them work in PostgreSQL.";
    nothing_planned(title, argument, &happened, reason, &[adopt, restore])
}

/// No login decided which side is right.
pub(crate) fn not_checked(title: &str, argument: &'static str, reason: &str) -> Diagnostic {
    let happened = "The provider could not check whether the configured password still works";
    let check = "Where the database can be reached: plan with `mode = \"plan\"`. If the login is accepted, the plan sends the \
        configured credentials again.";
    let [new, remove, replace] = cures(argument);
    nothing_planned(title, argument, happened, reason, &[new, remove, check, replace])
}

/// `ignore_changes = [password]` hides a new `password` from a provider, so no cure depends on one alone.
fn cures(argument: &str) -> [&'static str; 3] {
    let (new, remove) = if argument == "password" {
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
    let replace = "To create the connection anew with the configured password, under a new id: `terraform apply -replace=ADDRESS`.";
    [new, remove, replace]
}

fn nothing_planned(title: &str, argument: &'static str, happened: &str, reason: &str, cures: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\n{happened}.\nLogin check: {}\nNo update of the credentials is planned: the KMS may have a newer \
             password.\n\nTo end this warning, one of:\n  - {}",
            sentence(&capitalized(reason)),
            cures.join("\n  - ")
        ),
    )
    .at(argument)
}

/// There is no password in the configuration to send again.
pub(crate) fn without_password(title: &str) -> Diagnostic {
    Diagnostic::warning(
        summary(title),
        format!(
            "{OUTSIDE}\n\nThe configuration gives no password, so nothing is planned for it. An apply, or `terraform apply \
             -refresh-only`, stores the new fingerprint and ends this warning."
        ),
    )
}

/// The first password that the configuration gives since the connection was imported.
pub(crate) fn first_password(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The password will be sent to the KMS for {}", shown(title)),
        "This is the first password in the configuration since the connection was imported. Whether the KMS has the same one \
         cannot be told, so it is sent once. To take the connection over without sending anything, leave both password arguments \
         out.",
    )
}

fn summary(title: &str) -> String {
    let title = shown(title);
    format!("Credentials of {title} changed outside Terraform")
}

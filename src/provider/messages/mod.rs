//! Diagnostics for errors of the KMS and of PostgreSQL. Texts of the offline rules stand beside the rules (`arguments`,
//! `resources/postgres_connection/validate`).
//!
//! | module | subject |
//! |---|---|
//! | `postgres`, `login_refused` | a login that failed: one row for each reason, and the message around it |
//! | `not_checked` | a login that was not made, and differences between this machine and the KMS |
//! | `missing_privileges` | roles that cannot be rotated |
//! | `drift`, `managed` | credentials changed outside of Terraform; platform-managed credentials |
//! | `kms` | requests to the KMS |
//! | `existing_connection`, `incomplete` | imports and moves; values that are missing |
//! | `settings` | the provider block and the environment |
//! | `endpoint`, `functions` | the data source of an endpoint; the functions |
//! | `detail`, `summary` | the layout of a detail; the summaries |
//!
//! A summary begins with constant words. A detail has, in this order: one sentence that says what happened; facts as
//! `Label: value`; what has and has not been changed; possible causes; the statement to run; how to proceed. No text holds a
//! secret: the types that it is made of have none.

mod detail;
pub(crate) mod drift;
pub(crate) mod endpoint;
mod existing_connection;
pub(crate) mod functions;
mod incomplete;
pub(crate) mod kms;
mod login_refused;
pub(crate) mod managed;
mod missing_privileges;
mod not_checked;
pub mod postgres;
pub(crate) mod settings;
mod summary;

pub(crate) use existing_connection::{
    Wanted, import_form, moved_incomplete, not_movable, nothing_to_import, several_to_import,
};
pub(crate) use incomplete::{password_missing, still_unknown};
pub(crate) use kms::{
    RequestContext, Verb, adopted, create, gone, name_exists, not_asked, service, stops_a_plan, unreadable_rows,
};
pub(crate) use login_refused::{LoginContext, MovedCredentials, refusal};
pub(crate) use missing_privileges::{missing_privileges, privileges_not_checked};
pub(crate) use not_checked::{
    behind_gateway, certificate_expires, changed_by_saslprep, internal_address, later_address, mode_lowered,
    not_checked, why_not_checked,
};

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::terraform::diagnostic::Diagnostic;

/// How to destroy what exists although a plan fails.
const DESTROY: &str = "To destroy this configuration as it is: `terraform destroy -refresh=false`.";

/// The effect of each error before a write: none. The provider may have read the list of connections by then.
const NOTHING_SENT: &str = "No credentials were sent to the KMS.";

/// Returns a date without its time (UTC).
fn day(date: OffsetDateTime) -> String {
    date.to_offset(UtcOffset::UTC).format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// An argument with an invalid value.
pub(crate) fn invalid_argument(name: &'static str, valid: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid argument",
        format!("`{name}` takes {valid}. Change the value, or remove the line (in a module: set it to `null`)."),
    )
    .at(name)
}

/// Returns the paragraph of possible causes; `None` if there are none.
fn possible_causes(causes: impl IntoIterator<Item = String>) -> Option<String> {
    let causes: Vec<_> = causes.into_iter().collect();
    match causes.as_slice() {
        [] => None,
        [one] => Some(format!("Possible cause:\n  - {one}")),
        several => Some(format!("Possible causes, most likely first:\n  - {}", several.join("\n  - "))),
    }
}

/// Returns a sentence that begins with an upper-case letter.
fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Returns the text with a full stop, unless it ends like a sentence: texts of servers come with and without.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests;

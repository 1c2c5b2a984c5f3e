//! Credentials that were written outside of this configuration. Only the service's fingerprint shows it, and the fingerprint
//! says nothing about the password: a login with the configured one decides.

use crate::provider::diagnose;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::private::Private;
use crate::terraform::resource::Call;
use crate::terraform::value::Object;

use super::login::{self, Standing, Subject};
use super::model::Connection;
use super::writes;

/// What a plan does about credentials that only an outside change makes different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drift {
    /// Sends the configured ones again: they work.
    SendAgain,
    /// Sends nothing: the configured password may be older than the one that the KMS has.
    Keep,
}

/// Decides about an outside change of credentials, in a plan that has no other reason to send any; `None` when there was
/// none. Warns once, and is never an error: the configuration did not change.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn decide(
    call: &Call<Session>,
    prior: &Object,
    private: &Private,
    subject: Subject<'_>,
) -> Result<Option<Drift>, Diagnostics> {
    let has_password = !subject.planned.password.is_null() || !subject.config.password_wo.is_null();
    if !has_password || !is_foreign(prior.get("credentials_hash").as_str(), private) {
        return Ok(None);
    }
    let title = subject.planned.title();
    let argument = subject.planned.password_argument(subject.config);
    let (drift, warning) = match login::standing(call, subject).await? {
        Standing::Good => (Drift::SendAgain, diagnose::drift::sent_again(title)),
        Standing::Bad(reason) => (Drift::Keep, diagnose::drift::refused(title, argument, &reason)),
        Standing::Unknown(reason) => (Drift::Keep, diagnose::drift::not_checked(title, argument, &reason)),
    };
    call.warn(warning);
    Ok(Some(drift))
}

/// Warns of a planned write that replaces what was written outside: the values that differ show in the plan, a password does not.
pub(super) fn warn_of_replacing(call: &Call<Session>, prior: &Object, private: &Private, planned: &Connection) {
    if is_foreign(prior.get("credentials_hash").as_str(), private) {
        call.warn(diagnose::drift::replaced(planned.title()));
    }
}

/// Warns of an outside change that no plan will mention: the configuration had no password at its last apply. It is repeated
/// until an apply or a refresh-only run has stored the new fingerprint.
pub(super) fn warn_without_password(call: &Call<Session>, known: &Object, found: &Connection, private: &Private) {
    let now = found.credentials_hash.known().map(String::as_str);
    let is_news = now != known.get("credentials_hash").as_str();
    if is_news && is_foreign(now, private) && !writes::had_password(private) {
        call.warn(diagnose::drift::without_password(found.title()));
    }
}

/// Whether a fingerprint is not that of our own last write. Without a record of one (after an import) nothing is.
fn is_foreign(hash: Option<&str>, private: &Private) -> bool {
    matches!((hash, writes::written_hash(private)), (Some(now), Some(ours)) if now != ours)
}

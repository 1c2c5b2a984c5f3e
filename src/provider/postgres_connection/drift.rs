//! Credentials that somebody wrote outside of this configuration. Only the service's fingerprint tells of it, and it says
//! nothing of the password: what to do is decided by a login with the configured one.

use crate::provider::diagnose;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::private::Private;
use crate::terraform::resource::Call;
use crate::terraform::value::Object;

use super::login::{self, Standing, Subject};
use super::model::Connection;
use super::writes;

/// Whether a plan that would send nothing sends the credentials again, because somebody else wrote them.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn sends_again(
    call: &Call<Session>,
    prior: &Object,
    private: &Private,
    subject: Subject<'_>,
) -> Result<bool, Diagnostics> {
    let has_password = !subject.planned.password.is_null() || !subject.config.password_wo.is_null();
    if !has_password || !is_foreign(prior.get("credentials_hash").as_str(), private) {
        return Ok(false);
    }
    let title = subject.planned.title();
    match login::standing(call, subject).await? {
        Standing::Good => {
            call.warn(diagnose::drift::stored_again(title));
            Ok(true)
        }
        Standing::Bad(reason) => {
            call.warn(diagnose::drift::password_is_stale(title, subject.planned.password_argument(), &reason));
            Ok(false)
        }
        Standing::Unknown(reason) => {
            call.warn(diagnose::drift::not_compared(title, &reason));
            Ok(true)
        }
    }
}

/// Says of a change that no plan will speak of: the configuration had no password at its last apply. It is said until an
/// apply or a refresh alone has stored the new fingerprint.
pub(super) fn warn_without_password(call: &Call<Session>, known: &Object, found: &Connection, private: &Private) {
    let now = found.credentials_hash.known().map(String::as_str);
    let is_news = now != known.get("credentials_hash").as_str();
    if is_news && is_foreign(now, private) && !writes::had_password(private) {
        call.warn(diagnose::drift::noticed(found.title()));
    }
}

/// Whether a fingerprint is not that of our own last write. Without a record of one (after an import) nothing is.
fn is_foreign(hash: Option<&str>, private: &Private) -> bool {
    matches!((hash, writes::written_hash(private)), (Some(now), Some(ours)) if now != ours)
}

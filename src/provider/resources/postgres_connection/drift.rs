//! Credentials that were written outside of this configuration. Only the service's fingerprint shows it, and the fingerprint
//! says nothing about the password: a login with the configured one decides.

use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Model as _;
use crate::terraform::private::Private;
use crate::terraform::resource::{PlannedChange, RpcContext};
use crate::terraform::value::Object;

use super::credential_check;
use super::credential_check::{CredentialState, Purpose, Subject};
use super::model::{CREDENTIALS, ConnectionModel};
use super::password;
use super::password::CredentialsPlan;
use super::plan;

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
    call: &RpcContext<Session>,
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
    let (drift, warning) = match credential_check::standing(call, subject).await? {
        CredentialState::Good => (Drift::SendAgain, messages::drift::sent_again(title)),
        CredentialState::Bad(reason) => (Drift::Keep, messages::drift::refused(title, argument, &[], &reason)),
        CredentialState::Unknown(reason) => (Drift::Keep, messages::drift::not_checked(title, argument, &reason)),
    };
    call.warn(warning);
    Ok(Some(drift))
}

/// Plans nothing for values that differ by an outside change alone, if the configured ones are refused: the configuration did not
/// change, so it is a warning. Whatever else changes makes it an ordinary update.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn leaves_alone(
    call: &RpcContext<Session>,
    change: &mut PlannedChange,
    config: &ConnectionModel,
) -> Result<bool, Diagnostics> {
    let Some(prior) = change.prior.as_ref().filter(|_| change.replace.is_empty()) else { return Ok(false) };
    let planned = ConnectionModel::from_object(&change.planned);
    if !is_foreign(prior.get("credentials_hash").as_str(), &change.private)
        || !password::are_written_values(&planned, &change.private)
    {
        return Ok(false);
    }
    let differing: Vec<_> =
        CREDENTIALS.into_iter().filter(|name| prior.get(name) != change.planned.get(name)).collect();
    // A core takes the prior value for a configured one, but not for none, and not none for a configured one.
    let can_be_kept = |name: &&str| !prior.get(name).is_null() && !change.planned.get(name).is_null();
    let mut kept = change.planned.clone();
    for name in differing.iter().chain(&["credentials_hash"]) {
        kept.set(*name, prior.get(name).clone());
    }
    if kept != *prior
        || !differing.iter().all(can_be_kept)
        || plan::decide(call, prior, &kept, config, &change.private).await != CredentialsPlan::Keep
    {
        return Ok(false);
    }
    let before = ConnectionModel::from_object(prior);
    let subject = Subject { prior: Some(&before), planned: &planned, config, purpose: Purpose::Credentials };
    let CredentialState::Bad(reason) = credential_check::standing(call, subject).await? else { return Ok(false) };
    let argument = planned.password_argument(config);
    call.warn(messages::drift::refused(planned.title(), argument, &differing, &reason));
    change.planned = kept;
    Ok(true)
}

/// Warns of a planned write with the old password that replaces what was written outside: the plan shows values that differ, but
/// no password.
pub(super) fn warn_of_replacing(
    call: &RpcContext<Session>,
    prior: &ConnectionModel,
    planned: &ConnectionModel,
    private: &Private,
) {
    let password_stays = prior.password == planned.password && prior.password_wo_version == planned.password_wo_version;
    if password_stays && is_foreign(prior.credentials_hash.known().map(String::as_str), private) {
        call.warn(messages::drift::replaced(planned.title()));
    }
}

/// Warns of an outside change that no plan will mention: the configuration had no password at its last apply. It is repeated
/// until an apply or a refresh-only run has stored the new fingerprint.
pub(super) fn warn_without_password(
    call: &RpcContext<Session>,
    known: &Object,
    found: &ConnectionModel,
    private: &Private,
) {
    let now = found.credentials_hash.known().map(String::as_str);
    let is_news = now != known.get("credentials_hash").as_str();
    if is_news && is_foreign(now, private) && !password::had_password(private) {
        call.warn(messages::drift::without_password(found.title()));
    }
}

/// Whether a fingerprint is not that of our own last write. Without a record of one (after an import) nothing is.
fn is_foreign(hash: Option<&str>, private: &Private) -> bool {
    matches!((hash, password::written_hash(private)), (Some(now), Some(ours)) if now != ours)
}

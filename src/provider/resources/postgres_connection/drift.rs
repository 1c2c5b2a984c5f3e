//! Credentials that were changed outside of this configuration. Only the KMS's fingerprint shows such a change, and the
//! fingerprint reveals nothing about the password: a login with the configured password decides.

use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Field;
use crate::terraform::private::Private;
use crate::terraform::resource::RpcContext;

use super::attributes::{self, Row};
use super::credential_check::{self, CredentialState, Purpose, Subject};
use super::model::ConnectionModel;
use super::password::{self, CredentialsPlan};
use super::plan::{self, ConnectionPlan};

/// The action of a plan when only an outside change makes the credentials differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drift {
    /// Sends the configured credentials again: they work.
    SendAgain,
    /// Sends nothing: the configured password may be older than the password in the KMS.
    Keep,
}

/// Decides about an outside change of credentials in a plan that has no other reason to send any. Returns `None` without
/// such a change. Warns once and reports no error, because the configuration did not change.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn decide(
    call: &RpcContext<Session>,
    prior: &ConnectionModel,
    private: &Private,
    subject: Subject<'_>,
) -> Result<Option<Drift>, Diagnostics> {
    let has_password = !subject.planned.password.is_null() || !subject.config.password_wo.is_null();
    if !has_password || !is_foreign(&prior.credentials_hash, private) {
        return Ok(None);
    }
    let title = subject.planned.title();
    let argument = subject.planned.password_argument(subject.config);
    let (drift, warning) = match credential_check::credential_state(call, subject).await? {
        CredentialState::Good => (Drift::SendAgain, messages::drift::sent_again(title)),
        CredentialState::Bad(reason) => (Drift::Keep, messages::drift::refused(title, argument, &[], &reason)),
        CredentialState::Unknown(reason) => (Drift::Keep, messages::drift::not_checked(title, argument, &reason)),
    };
    call.warn(warning);
    Ok(Some(drift))
}

/// Keeps the prior values if only an outside change makes the credentials differ and PostgreSQL refuses the configured ones.
/// Returns whether it kept them. Warns and reports no error, because the configuration did not change. With any other change
/// the plan is an ordinary update.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn keep_prior_if_refused(
    call: &RpcContext<Session>,
    plan: &mut ConnectionPlan,
) -> Result<bool, Diagnostics> {
    let Some(prior) = plan.updated() else { return Ok(false) };
    let planned = &plan.planned;
    if !is_foreign(&prior.credentials_hash, &plan.private) || !password::are_written_values(planned, &plan.private) {
        return Ok(false);
    }
    let differing: Vec<&Row> = attributes::credentials().filter(|row| !(row.equal)(prior, planned)).collect();
    let mut unchanged = planned.clone();
    differing.iter().for_each(|row| (row.copy)(&mut unchanged, prior));
    unchanged.credentials_hash = prior.credentials_hash.clone();
    // Terraform accepts the prior value in place of a configured one, unless one of the two is null.
    let can_keep = |row: &&Row| !(row.value)(prior).is_null() && !(row.value)(planned).is_null();
    if unchanged != *prior
        || !differing.iter().all(can_keep)
        || plan::decide(call, plan, prior, &unchanged).await != CredentialsPlan::Keep
    {
        return Ok(false);
    }
    let state = credential_check::credential_state(call, plan.subject(Purpose::Credentials)).await?;
    let CredentialState::Bad(reason) = state else { return Ok(false) };
    let arguments: Vec<&str> = differing.iter().map(|row| row.name()).collect();
    let argument = planned.password_argument(&plan.config);
    call.warn(messages::drift::refused(planned.title(), argument, &arguments, &reason));
    plan.planned = unchanged;
    Ok(true)
}

/// Warns about a planned write that replaces credentials that were changed outside with the old password: the plan shows the
/// values that differ, but no password.
pub(super) fn warn_of_replacing(
    call: &RpcContext<Session>,
    prior: &ConnectionModel,
    planned: &ConnectionModel,
    private: &Private,
) {
    let is_password_unchanged =
        prior.password == planned.password && prior.password_wo_version == planned.password_wo_version;
    if is_password_unchanged && is_foreign(&prior.credentials_hash, private) {
        call.warn(messages::drift::replaced(planned.title()));
    }
}

/// Warns about an outside change that no plan reports, because the configuration had no password at its last apply. The
/// warning is repeated until an apply or a refresh-only run has stored the new fingerprint.
pub(super) fn warn_without_password(
    call: &RpcContext<Session>,
    known: &ConnectionModel,
    found: &ConnectionModel,
    private: &Private,
) {
    let is_new = found.credentials_hash != known.credentials_hash;
    if is_new && is_foreign(&found.credentials_hash, private) && !password::had_password(private) {
        call.warn(messages::drift::without_password(found.title()));
    }
}

/// Returns whether a fingerprint differs from that of the provider's last write. Returns false without a record of a write
/// (after an import).
fn is_foreign(hash: &Field<String>, private: &Private) -> bool {
    matches!((hash.known(), password::written_hash(private)), (Some(now), Some(ours)) if now != ours)
}

//! The plan of a connection: what changes, what is sent, and whether it can succeed.

use time::OffsetDateTime;

use crate::provider::messages;
use crate::provider::session::Session;
use crate::secret::Secret;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Model as _;
use crate::terraform::private::Private;
use crate::terraform::resource::{PlannedChange, RpcContext};
use crate::terraform::value::{Object, Value};

use super::credential_check::Purpose;
use super::drift::Drift;
use super::managed::replacement;
use super::model::ConnectionModel;
use super::password::CredentialsPlan;
use super::validate::certificate;
use super::{credential_check, drift, kms_check, managed, password};

pub(super) async fn plan(call: &RpcContext<Session>, change: &mut PlannedChange) -> Result<(), Diagnostics> {
    let config = ConnectionModel::from_object(&change.config);
    if let Some(warning) = certificate::expires_soon(&config, OffsetDateTime::now_utc()) {
        call.warn(warning);
    }
    if config.password_wo_version.is_null() {
        change.planned.set("password_wo_version", password::unset_version(change.prior.as_ref()));
    }
    managed::plan_flag(change, &config);
    let prior = change.prior.as_ref().map(ConnectionModel::from_object);
    let planned = ConnectionModel::from_object(&change.planned);
    let replaced = replacement::planned(call, change, prior.as_ref(), &planned);
    if let Some(prior) = prior.as_ref().filter(|prior| prior.is_managed() && replaced.is_none()) {
        let purpose = Purpose::Privileges;
        let subject = credential_check::Subject { prior: Some(prior), planned: &planned, config: &config, purpose };
        managed::keep(change, prior)?;
        return credential_check::check_if_more_roles(call, subject, credential_check::Phase::Plan).await;
    }
    if !sends_credentials(call, change, &config).await {
        return plan_without_credentials(call, change, prior.as_ref(), &config).await;
    }
    if replaced.is_none() && drift::leaves_alone(call, change, &config).await? {
        return Ok(());
    }
    change.planned.set("credentials_hash", Value::unknown());
    let planned = ConnectionModel::from_object(&change.planned);
    if replaced.is_none() && planned.password.is_null() && config.password_wo.is_null() {
        return Err(messages::password_missing(planned.username.known(), change.prior.is_some()).into());
    }
    let kept = prior.as_ref().filter(|_| change.replace.is_empty());
    if let Some(kept) = kept {
        drift::warn_of_replacing(call, kept, &planned, &change.private);
    }
    let subject =
        credential_check::Subject { prior: kept, planned: &planned, config: &config, purpose: Purpose::Credentials };
    if let Some(replaced) = &replaced {
        replacement::judge(call, replaced, subject, credential_check::Phase::Plan).await?;
        if prior.is_some() && planned.role().is_some_and(|role| role != replaced.role) {
            call.warn(messages::managed::destroyed(&replaced.name, &replaced.role.name));
        }
    } else if change.prior.is_none() {
        kms_check::check(call, &planned).await?;
    }
    let replaced_id = replaced.as_ref().map(|seen| seen.id.as_str());
    let own_id = prior.as_ref().and_then(|prior| prior.id.known()).map(String::as_str);
    let known: Vec<_> = replaced_id.into_iter().chain(own_id).collect();
    managed::check_handover(call, subject, &known).await?;
    // The login has been made, if it is to be replaced.
    if replaced.is_some() {
        Ok(())
    } else {
        credential_check::check(call, subject, credential_check::Phase::Plan).await
    }
}

pub(super) fn plan_destroy(call: &RpcContext<Session>, state: &Object) {
    let known = ConnectionModel::from_object(state);
    if let Some(role) = known.username.known().filter(|_| known.is_managed()) {
        call.warn(messages::managed::destroyed(known.title(), role.trim()));
    }
}

/// The plan of a change that has no reason of its own to send credentials.
async fn plan_without_credentials(
    call: &RpcContext<Session>,
    change: &mut PlannedChange,
    prior: Option<&ConnectionModel>,
    config: &ConnectionModel,
) -> Result<(), Diagnostics> {
    let Some(before) = &change.prior else { return Ok(()) };
    // A service that tells no fingerprint leaves it null, which any change would make unknown.
    change.planned.set("credentials_hash", before.get("credentials_hash").clone());
    let planned = ConnectionModel::from_object(&change.planned);
    let subject = |purpose| credential_check::Subject { prior, planned: &planned, config, purpose };
    match drift::decide(call, before, &change.private, subject(Purpose::Credentials)).await? {
        Some(Drift::SendAgain) => {
            change.planned.set("credentials_hash", Value::unknown());
            return Ok(());
        }
        Some(Drift::Keep) if *before != change.planned => {
            password::leave_open(&mut change.planned, &mut change.private);
        }
        Some(Drift::Keep) | None => {}
    }
    credential_check::check_if_more_roles(call, subject(Purpose::Privileges), credential_check::Phase::Plan).await
}

/// Whether a plan sends credentials. Where the provider keeps count of write-only passwords, plans their version.
async fn sends_credentials(call: &RpcContext<Session>, change: &mut PlannedChange, config: &ConnectionModel) -> bool {
    let prior = change.prior.as_ref().filter(|_| change.replace.is_empty());
    let decision = match prior {
        Some(prior) => decide(call, prior, &change.planned, config, &change.private).await,
        None => password::decide_create(config),
    };
    match decision {
        CredentialsPlan::Keep => return false,
        CredentialsPlan::Raise => change.planned.set("password_wo_version", password::raised(prior)),
        CredentialsPlan::Unknown => change.planned.set("password_wo_version", Value::unknown()),
        CredentialsPlan::Send | CredentialsPlan::Compare { .. } => {}
    }
    if let Some(prior) = prior
        && password::is_first_password(prior, &change.planned, &change.private)
    {
        let title = change.planned.get("name").as_str().unwrap_or("the connection");
        call.warn(messages::drift::first_password(title));
    }
    true
}

/// What an update does about the credentials, with passwords compared.
pub(super) async fn decide(
    call: &RpcContext<Session>,
    prior: &Object,
    planned: &Object,
    config: &ConnectionModel,
    private: &Private,
) -> CredentialsPlan {
    match password::decide(prior, planned, config, private) {
        CredentialsPlan::Compare { fingerprint, otherwise } => {
            let write_only = config.password_wo.known().map(String::as_str);
            let password = write_only.or_else(|| planned.get("password").as_str());
            let password = Secret::new(password.unwrap_or_default());
            let same = call.session().fingerprints.matches(&fingerprint, &password).await;
            if same { CredentialsPlan::Keep } else { *otherwise }
        }
        decision => decision,
    }
}

//! The decision whether a change sends the credentials, and the record of what was sent.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::provider::fingerprint::Fingerprints;
use crate::secret::Secret;
use crate::terraform::model::Field;
use crate::terraform::private::Private;
use crate::terraform::value::{Object, Value};

use super::model::{CREDENTIALS, ConnectionModel};

/// The private note of which argument gave the password that was last sent.
const PASSWORD_SOURCE: &str = "password_source";

/// The private note of the fingerprint that the service answered to our last write of credentials.
const WRITTEN_HASH: &str = "written_hash";

/// The private note of a digest of the other credentials in that write.
const WRITTEN_VALUES: &str = "written_values";

/// The private note of the fingerprint of the write-only password that was last sent.
const FINGERPRINT: &str = "password_fingerprint";

/// The note of a plan for its apply that no credentials are sent although the plan leaves their fingerprint open.
const KEEPS_CREDENTIALS: &str = "keeps_credentials";

/// What a planned update does about the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CredentialsPlan {
    /// Sends none.
    Keep,
    /// Sends them, for a reason that the plan shows.
    Send,
    /// Sends them, and raises the version so that the plan shows it.
    Raise,
    /// Depends on a password that is not known yet.
    Unknown,
    /// Keeps them if the password has this fingerprint; else `otherwise`.
    Compare {
        /// Of the password that was sent last.
        fingerprint: String,
        /// What to do about another password.
        otherwise: Box<Self>,
    },
}

/// Decides about a planned update. (A create always sends.)
pub(super) fn decide(prior: &Object, planned: &Object, config: &ConnectionModel, private: &Private) -> CredentialsPlan {
    let changed = |name: &str| prior.get(name) != planned.get(name);
    let send_if = |sends: bool| if sends { CredentialsPlan::Send } else { CredentialsPlan::Keep };
    if CREDENTIALS.iter().any(|name| changed(name)) || hands_over(prior, planned) {
        return CredentialsPlan::Send;
    }
    let sent_last = private.kept(FINGERPRINT).and_then(Json::as_str);
    let compare = |otherwise: CredentialsPlan| match sent_last {
        Some(fingerprint) => {
            CredentialsPlan::Compare { fingerprint: fingerprint.to_owned(), otherwise: Box::new(otherwise) }
        }
        None => otherwise,
    };
    // Both are given only where `ignore_changes` retains a `password` that the configuration replaces with `password_wo`.
    if !planned.get("password").is_null() && config.password_wo.is_null() {
        // Out of the write-only argument into the state: what was sent last is known by its fingerprint alone.
        let moved = prior.get("password").is_null() && !planned.get("password").is_unknown();
        return if moved { compare(CredentialsPlan::Send) } else { send_if(changed("password")) };
    }
    match (&config.password_wo, &config.password_wo_version) {
        (Field::Null, _) => CredentialsPlan::Keep,
        (_, Field::Known(_) | Field::Unknown) => send_if(changed("password_wo_version")),
        (Field::Unknown, Field::Null) => CredentialsPlan::Unknown,
        // What a newer version of the provider noted cannot be read, and what is noted now would be lost.
        (Field::Known(_), Field::Null) if private.is_newer() => CredentialsPlan::Keep,
        (Field::Known(new), Field::Null) => match prior.get("password").as_str() {
            Some(old) if sent_last.is_none() && old.trim() == new.trim() => CredentialsPlan::Keep,
            _ => compare(CredentialsPlan::Raise),
        },
    }
}

/// Whether a change may hand the password over to the service, which takes all credentials.
fn hands_over(prior: &Object, planned: &Object) -> bool {
    let may_be_on = |object: &Object| {
        let flag = object.get("is_platform_managed_credentials");
        flag.is_unknown() || *flag == Value::from(true)
    };
    may_be_on(planned) && !may_be_on(prior)
}

/// Decides about a create: it always sends, and counts from 1 where the configuration gives no number.
pub(super) fn decide_create(config: &ConnectionModel) -> CredentialsPlan {
    match (&config.password_wo, &config.password_wo_version) {
        (Field::Known(_), Field::Null) => CredentialsPlan::Raise,
        (Field::Unknown, Field::Null) => CredentialsPlan::Unknown,
        _ => CredentialsPlan::Send,
    }
}

/// The version that follows the one in the state.
pub(super) fn raised(prior: Option<&Object>) -> Value {
    match prior.map(|prior| prior.get("password_wo_version")) {
        Some(Value::Number(version)) => Value::from(version.as_i64().unwrap_or(0).saturating_add(1)),
        _ => Value::from(1),
    }
}

/// Plans an update that sends no credentials now. The plan of the apply may decide otherwise, which a core accepts only for
/// values that were unknown before.
pub(super) fn leave_open(planned: &mut Object, private: &mut Private) {
    planned.set("credentials_hash", Value::unknown());
    private.plan(KEEPS_CREDENTIALS, Json::from(true));
}

/// Whether an apply sends credentials: the plan made the fingerprint unknown, and not only to leave it open.
pub(super) fn credentials_are_planned(planned: &Object, private: &Private) -> bool {
    planned.get("credentials_hash").is_unknown() && private.planned(KEEPS_CREDENTIALS).is_none()
}

/// The fingerprint that the service answered to our last write of credentials.
pub(super) fn written_hash(private: &Private) -> Option<&str> {
    private.kept(WRITTEN_HASH).and_then(Json::as_str)
}

/// Whether these are the credentials of our last write, as far as they are no secret.
pub(super) fn are_written_values(planned: &ConnectionModel, private: &Private) -> bool {
    let written = private.kept(WRITTEN_VALUES).and_then(Json::as_str);
    written.is_some() && digest(planned).as_deref() == written
}

fn digest(planned: &ConnectionModel) -> Option<String> {
    let credentials = planned.credentials(Secret::new(""))?;
    let digest = Sha256::digest(serde_json::to_vec(&credentials).ok()?);
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether the configuration gave a password at its last apply.
pub(super) fn had_password(private: &Private) -> bool {
    private.kept(PASSWORD_SOURCE).is_some()
}

/// Whether a planned update sends nothing but the first password that the configuration gives since an import.
pub(super) fn is_first_password(prior: &Object, planned: &Object, private: &Private) -> bool {
    let unchanged = CREDENTIALS.iter().all(|name| prior.get(name) == planned.get(name));
    unchanged && prior.get("password").is_null() && !had_password(private) && written_hash(private).is_none()
}

/// Notes what another provider had sent: the password of its state, under that fingerprint of the service.
pub(super) fn note_moved(private: &mut Private, state: &ConnectionModel, hash: Option<&str>) {
    private.keep(PASSWORD_SOURCE, Json::from("password"));
    private.keep(WRITTEN_VALUES, Json::from(digest(state)));
    private.keep(WRITTEN_HASH, Json::from(hash));
}

/// What is to be noted of a change, for the plans to come.
pub(super) struct SentRecord<'a> {
    /// The configuration.
    pub(super) config: &'a ConnectionModel,
    /// The planned state.
    pub(super) planned: &'a ConnectionModel,
    /// The fingerprint that the service answered, if credentials were sent.
    pub(super) hash: Option<&'a str>,
    /// Whether credentials were sent.
    pub(super) sent: bool,
}

impl SentRecord<'_> {
    /// Notes it. A fingerprint of a write-only password is there only as long as no version decides.
    pub(super) async fn note(self, private: &mut Private, fingerprints: &Fingerprints) {
        let write_only = self.config.password_wo.known();
        let source = match (write_only, self.planned.password.known()) {
            (Some(_), _) => Json::from("password_wo"),
            (None, Some(_)) => Json::from("password"),
            (None, None) => Json::Null,
        };
        match write_only {
            Some(password) if self.config.password_wo_version.is_null() && !self.planned.is_managed() => {
                if self.sent || private.kept(FINGERPRINT).is_none() {
                    let taken = fingerprints.take(&Secret::new(password)).await;
                    private.keep(FINGERPRINT, taken.map_or(Json::Null, Json::from));
                }
            }
            _ => private.keep(FINGERPRINT, Json::Null),
        }
        private.keep(PASSWORD_SOURCE, source);
        if let Some(hash) = self.hash {
            private.keep(WRITTEN_HASH, Json::from(hash));
            private.keep(WRITTEN_VALUES, Json::from(digest(self.planned)));
        }
    }
}

/// The version that is planned when the configuration does not say: the one there was.
pub(super) fn unset_version(prior: Option<&Object>) -> Value {
    prior.map_or(Value::Null, |prior| prior.get("password_wo_version").clone())
}

#[cfg(test)]
mod tests;

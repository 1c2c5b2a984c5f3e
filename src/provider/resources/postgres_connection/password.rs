//! The decision whether a change sends the credentials, and the record of the sent credentials.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::provider::attribute;
use crate::provider::fingerprint::Fingerprints;
use crate::secret::Secret;
use crate::terraform::model::Field;
use crate::terraform::private::Private;

use super::attributes;
use super::model::ConnectionModel;
use super::values::PasswordVersion;

/// The private entry for the argument that set the password that was last sent.
const PASSWORD_SOURCE: &str = "password_source";

/// The private entry for the fingerprint that the KMS returned to the provider's last write of credentials.
const WRITTEN_HASH: &str = "written_hash";

/// The private entry for a digest of the other credentials in that write.
const WRITTEN_VALUES: &str = "written_values";

/// The private entry for the fingerprint of the write-only password that was last sent.
const FINGERPRINT: &str = "password_fingerprint";

/// The entry of a plan for its apply: no credentials are sent although their fingerprint is unknown.
const KEEPS_CREDENTIALS: &str = "keeps_credentials";

/// The decision of a plan about the credentials.
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
        /// The fingerprint of the password that was sent last.
        fingerprint: String,
        /// The decision for another password.
        otherwise: Box<Self>,
    },
}

/// Decides whether a planned update sends the credentials. (A create always sends them.)
pub(super) fn decide(
    prior: &ConnectionModel,
    planned: &ConnectionModel,
    config: &ConnectionModel,
    private: &Private,
) -> CredentialsPlan {
    let send_if = |sends: bool| if sends { CredentialsPlan::Send } else { CredentialsPlan::Keep };
    if !has_equal_credentials(prior, planned) || (may_be_managed(planned) && !may_be_managed(prior)) {
        return CredentialsPlan::Send;
    }
    let sent_last = private.kept(FINGERPRINT).and_then(Json::as_str);
    let compare = |otherwise: CredentialsPlan| match sent_last {
        Some(fingerprint) => {
            CredentialsPlan::Compare { fingerprint: fingerprint.to_owned(), otherwise: Box::new(otherwise) }
        }
        None => otherwise,
    };
    // Both are set only where `ignore_changes` retains a `password` that the configuration replaces with `password_wo`.
    if !planned.password.is_null() && config.password_wo.is_null() {
        // Moved from `password_wo` to `password`: only the fingerprint of the last password is known.
        let moved = prior.password.is_null() && !planned.password.is_unknown();
        return if moved { compare(CredentialsPlan::Send) } else { send_if(prior.password != planned.password) };
    }
    match (&config.password_wo, &config.password_wo_version) {
        (Field::Null, _) => CredentialsPlan::Keep,
        (Field::Known(_), Field::Null) if private.is_newer() => {
            // The entries of a newer version of the provider cannot be read, and new entries would be lost.
            CredentialsPlan::Keep
        }
        (Field::Known(new), Field::Null) => match &prior.password {
            Field::Known(old) if sent_last.is_none() && old == new => CredentialsPlan::Keep,
            _ => compare(CredentialsPlan::Raise),
        },
        (_, Field::Null) => CredentialsPlan::Unknown,
        _ => send_if(prior.password_wo_version != planned.password_wo_version),
    }
}

fn has_equal_credentials(prior: &ConnectionModel, planned: &ConnectionModel) -> bool {
    attributes::credentials().all(|row| (row.equal)(prior, planned))
}

/// Returns whether the credentials are, or may become, platform-managed. Turning that on requires all credentials.
fn may_be_managed(connection: &ConnectionModel) -> bool {
    connection.is_managed() || connection.is_platform_managed_credentials.is_unknown()
}

/// Decides about a create, which always sends the credentials. The version starts at 1 if the configuration sets none.
pub(super) fn decide_create(config: &ConnectionModel) -> CredentialsPlan {
    match (&config.password_wo, &config.password_wo_version) {
        (Field::Known(_), Field::Null) => CredentialsPlan::Raise,
        (Field::Unknown, Field::Null) => CredentialsPlan::Unknown,
        _ => CredentialsPlan::Send,
    }
}

/// Returns the version that follows the one in the state.
pub(super) fn raised(prior: Option<&ConnectionModel>) -> Field<PasswordVersion> {
    let version = prior.and_then(|prior| prior.password_wo_version.known());
    Field::Known(version.map_or_else(PasswordVersion::first, |version| version.next()))
}

/// Plans an update that sends no credentials, and leaves the fingerprint unknown: the second plan during the apply may decide
/// to send them, and Terraform accepts a changed value only if the first plan left it unknown.
pub(super) fn leave_hash_unknown(planned: &mut ConnectionModel, private: &mut Private) {
    planned.credentials_hash = Field::Unknown;
    private.plan(KEEPS_CREDENTIALS, Json::from(true));
}

/// Returns whether an apply sends credentials: the plan made the fingerprint unknown for another reason than [`leave_hash_unknown`].
pub(super) fn credentials_are_planned(planned: &ConnectionModel, private: &Private) -> bool {
    planned.credentials_hash.is_unknown() && private.planned(KEEPS_CREDENTIALS).is_none()
}

/// Returns the fingerprint that the KMS returned to the provider's last write of credentials.
pub(super) fn written_hash(private: &Private) -> Option<&str> {
    private.kept(WRITTEN_HASH).and_then(Json::as_str)
}

/// Returns whether these are the credentials of the provider's last write, without the password.
pub(super) fn are_written_values(planned: &ConnectionModel, private: &Private) -> bool {
    let written = private.kept(WRITTEN_VALUES).and_then(Json::as_str);
    written.is_some() && digest(planned).as_deref() == written
}

fn digest(planned: &ConnectionModel) -> Option<String> {
    let credentials = planned.credentials(Secret::new(""))?;
    let digest = Sha256::digest(serde_json::to_vec(&credentials).ok()?);
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns whether the configuration set a password at its last apply.
pub(super) fn had_password(private: &Private) -> bool {
    private.kept(PASSWORD_SOURCE).is_some()
}

/// Returns whether a planned update sends only the first password that the configuration sets since an import.
pub(super) fn is_first_password(prior: &ConnectionModel, planned: &ConnectionModel, private: &Private) -> bool {
    let is_recorded = had_password(private) || written_hash(private).is_some();
    has_equal_credentials(prior, planned) && prior.password.is_null() && !is_recorded
}

/// Records the credentials in another provider's state as sent, with the KMS's fingerprint.
pub(super) fn record_moved(private: &mut Private, state: &ConnectionModel) {
    private.keep(PASSWORD_SOURCE, Json::from(attribute::PASSWORD));
    private.keep(WRITTEN_VALUES, Json::from(digest(state)));
    private.keep(WRITTEN_HASH, Json::from(state.credentials_hash.known().map(String::as_str)));
}

/// The record of a change, for later plans.
pub(super) struct SentRecord<'a> {
    /// The configuration.
    pub(super) config: &'a ConnectionModel,
    /// The planned state.
    pub(super) planned: &'a ConnectionModel,
    /// The fingerprint that the KMS returned, if credentials were sent.
    pub(super) hash: Option<&'a str>,
    /// Whether credentials were sent.
    pub(super) sent: bool,
}

impl SentRecord<'_> {
    /// Stores the record in the private data, with a fingerprint of a write-only password only while no version is set.
    pub(super) async fn store(self, private: &mut Private, fingerprints: &Fingerprints) {
        let write_only = self.config.password_wo.known();
        let source = match (write_only, self.planned.password.known()) {
            (Some(_), _) => Json::from(attribute::PASSWORD_WO),
            (None, Some(_)) => Json::from(attribute::PASSWORD),
            (None, None) => Json::Null,
        };
        match write_only {
            Some(password) if self.config.password_wo_version.is_null() && !self.planned.is_managed() => {
                if self.sent || private.kept(FINGERPRINT).is_none() {
                    let taken = fingerprints.take(&password.stored()).await;
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

#[cfg(test)]
mod tests;

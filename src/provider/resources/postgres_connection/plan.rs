//! The plan of a connection, step by step: the changes, whether credentials are sent, and whether the apply can succeed.

use time::OffsetDateTime;

use crate::provider::connections::managed_registry::ManagedConnection;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::secret::Secret;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::{Field, Model as _};
use crate::terraform::private::Private;
use crate::terraform::resource::{PlannedChange, RpcContext};

use super::credential_check::{Phase, Purpose, Subject};
use super::drift::Drift;
use super::managed::replacement;
use super::model::ConnectionModel;
use super::password::CredentialsPlan;
use super::validate::certificate;
use super::{credential_check, drift, kms_check, managed, password};

/// A planned create or update.
pub(super) struct ConnectionPlan {
    /// The prior state; `None` for a create.
    pub(super) prior: Option<ConnectionModel>,
    /// The configuration, write-only values included.
    pub(super) config: ConnectionModel,
    /// The planned state.
    pub(super) planned: ConnectionModel,
    /// Whether a changed argument replaces the connection.
    pub(super) is_replaced: bool,
    /// The private data of the prior state, with the entries of this plan.
    pub(super) private: Private,
}

/// Plans a create or an update.
///
/// # Errors
/// When the planned change cannot succeed, or the run was interrupted.
pub(super) async fn plan(call: &RpcContext<Session>, change: &mut PlannedChange) -> Result<(), Diagnostics> {
    let mut plan = ConnectionPlan {
        prior: change.prior.as_ref().map(ConnectionModel::from_object),
        config: ConnectionModel::from_object(&change.config),
        planned: ConnectionModel::from_object(&change.planned),
        is_replaced: !change.replace.is_empty(),
        private: std::mem::take(&mut change.private),
    };
    plan.make(call).await?;
    plan.planned.write_into(&mut change.planned);
    change.private = plan.private;
    Ok(())
}

/// Warns about the consequences of destroying a platform-managed connection.
pub(super) fn plan_destroy(call: &RpcContext<Session>, connection: &ConnectionModel) {
    if let Some(role) = connection.username.known().filter(|_| connection.is_managed()) {
        call.warn(messages::managed::destroyed(connection.title(), role));
    }
}

impl ConnectionPlan {
    async fn make(&mut self, call: &RpcContext<Session>) -> Result<(), Diagnostics> {
        if let Some(warning) = certificate::expires_soon(&self.planned, OffsetDateTime::now_utc()) {
            call.warn(warning);
        }
        self.plan_unset_arguments();
        let replaced = replacement::planned(call, self);
        if replaced.is_none() && self.prior.as_ref().is_some_and(ConnectionModel::is_managed) {
            managed::plan_update(self)?;
            return credential_check::check_if_more_roles(call, self.subject(Purpose::Privileges), Phase::Plan).await;
        }
        if !self.plan_credentials(call).await {
            return self.without_credentials(call).await;
        }
        match replaced {
            Some(replaced) => self.replace_managed(call, &replaced).await,
            None if drift::keep_prior_if_refused(call, self).await? => Ok(()),
            None => self.send_credentials(call).await,
        }
    }

    /// Plans the computed arguments that the configuration does not set.
    pub(super) fn plan_unset_arguments(&mut self) {
        if self.config.password_wo_version.is_null() {
            let version = self.prior.as_ref().map(|prior| prior.password_wo_version.clone());
            self.planned.password_wo_version = version.unwrap_or_default();
        }
        // A state that is older than this argument does not set it: such a connection is not platform-managed.
        let flag = &mut self.planned.is_platform_managed_credentials;
        let is_new = self.prior.is_none() || self.is_replaced;
        if self.config.is_platform_managed_credentials.is_null() && (is_new || flag.is_unknown()) {
            *flag = Field::Known(false);
        }
    }

    /// Returns whether credentials are sent, and plans the password version where the provider increments it.
    async fn plan_credentials(&mut self, call: &RpcContext<Session>) -> bool {
        let decision = match self.updated() {
            Some(prior) => decide(call, self, prior, &self.planned).await,
            None => password::decide_create(&self.config),
        };
        match decision {
            CredentialsPlan::Keep => return false,
            CredentialsPlan::Raise => self.planned.password_wo_version = password::raised(self.updated()),
            CredentialsPlan::Unknown => self.planned.password_wo_version = Field::Unknown,
            CredentialsPlan::Send | CredentialsPlan::Compare { .. } => {}
        }
        if let Some(prior) = self.updated()
            && password::is_first_password(prior, &self.planned, &self.private)
        {
            call.warn(messages::drift::first_password(self.planned.title()));
        }
        true
    }

    /// Plans a change that by itself sends no credentials.
    async fn without_credentials(&mut self, call: &RpcContext<Session>) -> Result<(), Diagnostics> {
        let Some(prior) = &self.prior else { return Ok(()) };
        // If the KMS returned no fingerprint, the prior value is null, which the schema alone makes unknown with any change.
        self.planned.credentials_hash = prior.credentials_hash.clone();
        let drift = drift::decide(call, prior, &self.private, self.subject(Purpose::Credentials)).await?;
        match drift {
            Some(Drift::SendAgain) => {
                self.planned.credentials_hash = Field::Unknown;
                return Ok(());
            }
            Some(Drift::Keep) if *prior != self.planned => {
                password::leave_hash_unknown(&mut self.planned, &mut self.private);
            }
            Some(Drift::Keep) | None => {}
        }
        credential_check::check_if_more_roles(call, self.subject(Purpose::Privileges), Phase::Plan).await
    }

    /// Plans a write of credentials and checks that the database accepts them.
    async fn send_credentials(&mut self, call: &RpcContext<Session>) -> Result<(), Diagnostics> {
        self.planned.credentials_hash = Field::Unknown;
        if self.planned.password.is_null() && self.config.password_wo.is_null() {
            let role = self.planned.username.known().map(|role| &**role);
            return Err(messages::password_missing(role, self.prior.is_some()).into());
        }
        if let Some(prior) = self.updated() {
            drift::warn_of_replacing(call, prior, &self.planned, &self.private);
        }
        if self.prior.is_none() {
            kms_check::check(call, &self.planned).await?;
        }
        let subject = self.subject(Purpose::Credentials);
        managed::check_transfer(call, subject, &self.known_ids(None)).await?;
        credential_check::check(call, subject, Phase::Plan).await
    }

    /// Plans the replacement of a platform-managed connection. [`replacement::require_login`] replaces the login check.
    async fn replace_managed(
        &mut self,
        call: &RpcContext<Session>,
        replaced: &ManagedConnection,
    ) -> Result<(), Diagnostics> {
        self.planned.credentials_hash = Field::Unknown;
        let subject = self.subject(Purpose::Credentials);
        replacement::require_login(call, replaced, subject, Phase::Plan).await?;
        if self.prior.is_some() && self.planned.role().is_some_and(|role| role != replaced.role) {
            call.warn(messages::managed::destroyed(&replaced.name, &replaced.role.name));
        }
        managed::check_transfer(call, subject, &self.known_ids(Some(replaced))).await
    }

    /// Returns the connection that is updated in place; `None` for a create and for a replacement.
    pub(super) fn updated(&self) -> Option<&ConnectionModel> {
        self.prior.as_ref().filter(|_| !self.is_replaced)
    }

    /// Returns the subject of a login check.
    pub(super) fn subject(&self, purpose: Purpose) -> Subject<'_> {
        Subject { prior: self.updated(), planned: &self.planned, config: &self.config, purpose }
    }

    /// Returns the ids of this connection and of the connection that it replaces.
    fn known_ids<'a>(&'a self, replaced: Option<&'a ManagedConnection>) -> Vec<&'a str> {
        let own = self.prior.as_ref().and_then(|prior| prior.id.known());
        replaced.map(|replaced| replaced.id.as_str()).into_iter().chain(own.map(String::as_str)).collect()
    }
}

/// Decides whether an update from `prior` to `planned` sends the credentials, and compares the passwords if necessary.
pub(super) async fn decide(
    call: &RpcContext<Session>,
    plan: &ConnectionPlan,
    prior: &ConnectionModel,
    planned: &ConnectionModel,
) -> CredentialsPlan {
    match password::decide(prior, planned, &plan.config, &plan.private) {
        CredentialsPlan::Compare { fingerprint, otherwise } => {
            let password = planned.password(&plan.config).unwrap_or_else(|| Secret::new(""));
            let is_equal = call.session().fingerprints.matches(&fingerprint, &password).await;
            if is_equal { CredentialsPlan::Keep } else { *otherwise }
        }
        decision => decision,
    }
}

//! Create, update and delete: the login check, the request, and the outcome of a request without a response.

use crate::kms;
use crate::provider::connections::lost_answer;
use crate::provider::deadline::{self, Limit};
use crate::provider::messages::{self, Verb};
use crate::provider::session::Session;
use crate::provider::timeouts::Operation;
use crate::secret::Secret;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Model as _;
use crate::terraform::private::Private;
use crate::terraform::resource::{AppliedChange, RpcContext};

use super::credential_check::{self, Phase, Purpose, Subject};
use super::managed::{self, replacement};
use super::model::ConnectionModel;
use super::password::{self, SentRecord};
use super::{kms_check, request};

/// A planned change to apply.
struct ConnectionChange {
    /// The prior state; `None` for a create.
    prior: Option<ConnectionModel>,
    /// The configuration, which holds the write-only password.
    config: ConnectionModel,
    /// The planned state.
    planned: ConnectionModel,
    limit: Limit,
}

/// Creates a connection and returns it as the KMS stores it.
///
/// # Errors
/// When no connection was created, or the provider cannot determine whether one was created.
pub(super) async fn create(
    call: &RpcContext<Session>,
    change: &mut AppliedChange,
) -> Result<ConnectionModel, Diagnostics> {
    let this = ConnectionChange::read(change, Operation::Create);
    let client = &deadline::client(call, this.limit)?;
    let request = request::create(&this.planned, this.password()?).ok_or_else(messages::still_unknown)?;
    match replacement::recorded(&change.private) {
        Some(replaced) => {
            replacement::require_login(call, &replaced, this.subject(Purpose::Credentials), Phase::Apply(this.limit))
                .await?;
        }
        None => this.check_credentials(call).await?,
    }
    let was_free = this.check_name(call, client, &request).await?;
    let created = this.send_create(call, client, &request, was_free).await?;
    this.record(call, &mut change.private, created.credentials_hash.as_deref(), true).await;
    Ok(ConnectionModel::read(created, this.planned))
}

/// Updates a connection and returns it as the KMS stores it.
///
/// # Errors
/// When nothing was changed, or the provider cannot determine whether the update took effect.
pub(super) async fn update(
    call: &RpcContext<Session>,
    change: &mut AppliedChange,
) -> Result<ConnectionModel, Diagnostics> {
    let this = ConnectionChange::read(change, Operation::Update);
    let prior = ConnectionModel::from_object(&change.prior);
    let this = ConnectionChange { prior: Some(prior.clone()), ..this };
    let credentials = if password::credentials_are_planned(&this.planned, &change.private) {
        let password = this.password()?;
        this.check_credentials(call).await?;
        Some(this.planned.credentials(password).ok_or_else(messages::still_unknown)?)
    } else {
        let subject = this.subject(Purpose::Privileges);
        credential_check::check_if_more_roles(call, subject, Phase::Apply(this.limit)).await?;
        None
    };
    let is_sent = credentials.is_some();
    let Some(request) = request::update(&prior, &this.planned, credentials) else {
        this.record(call, &mut change.private, None, false).await;
        return Ok(ConnectionModel { credentials_hash: prior.credentials_hash, ..this.planned });
    };
    let updated = this.send_update(call, &prior, &request).await?;
    let hash = updated.credentials_hash.as_deref().filter(|_| is_sent);
    this.record(call, &mut change.private, hash, is_sent).await;
    Ok(ConnectionModel::read(updated, this.planned))
}

/// Deletes a connection. A connection that does not exist counts as deleted.
///
/// # Errors
/// When the connection may still exist.
pub(super) async fn delete(call: &RpcContext<Session>, connection: &ConnectionModel) -> Result<(), Diagnostics> {
    let limit = connection.limit(Operation::Delete);
    let client = &deadline::client(call, limit)?;
    let Some(id) = connection.id.known() else { return Ok(()) };
    call.session().scopes.changes(id);
    if let Err(error) = deadline::writing(call, limit, client, client.delete(id)).await? {
        let is_gone = error.may_have_run()
            && deadline::looking(call, lost_answer::deleted(client, id, &error)).await.unwrap_or(false);
        if !is_gone {
            return Err(call.session().failed(connection.context(Verb::Delete), &error));
        }
    }
    call.session().managed.record_destroyed(id);
    Ok(())
}

impl ConnectionChange {
    fn read(change: &AppliedChange, operation: Operation) -> Self {
        let planned = ConnectionModel::from_object(&change.planned);
        let limit = planned.limit(operation);
        Self { prior: None, config: ConnectionModel::from_object(&change.config), planned, limit }
    }

    fn subject(&self, purpose: Purpose) -> Subject<'_> {
        Subject { prior: self.prior.as_ref(), planned: &self.planned, config: &self.config, purpose }
    }

    /// Returns the password to send.
    fn password(&self) -> Result<Secret, Diagnostics> {
        let role = self.planned.username.known().map(|role| &**role);
        let missing = || messages::password_missing(role, self.prior.is_some()).into();
        self.planned.password(&self.config).ok_or_else(missing)
    }

    async fn check_credentials(&self, call: &RpcContext<Session>) -> Result<(), Diagnostics> {
        credential_check::check(call, self.subject(Purpose::Credentials), Phase::Apply(self.limit)).await
    }

    /// Returns whether the name was free just before the request. A platform-managed connection needs a free name: the KMS
    /// detects a taken name only after it has changed the role's password.
    async fn check_name(
        &self,
        call: &RpcContext<Session>,
        client: &kms::Client,
        request: &kms::NewConnection,
    ) -> Result<bool, Diagnostics> {
        if !request.is_platform_managed {
            return kms_check::was_free(call, self.limit, client, &self.planned).await;
        }
        deadline::reading(call, self.limit, managed::check_name_is_free(client, request)).await??;
        Ok(true)
    }

    /// Sends a create. After a request without a response, searches for the connection that the KMS may have created.
    async fn send_create(
        &self,
        call: &RpcContext<Session>,
        client: &kms::Client,
        request: &kms::NewConnection,
        was_free: bool,
    ) -> Result<kms::AppConnection, Diagnostics> {
        let Self { planned, limit, .. } = self;
        call.session().scopes.creates(planned.project(), planned.title());
        let response = deadline::writing_twice_if_crowded(call, *limit, client, || client.create(request)).await?;
        let Err(error) = response else { return response.map_err(|_| Diagnostics::new()) };
        let lookup = lost_answer::created(&call.session().scopes, client, request, &error, was_free);
        let found = match deadline::looking(call, lookup).await {
            Some(Ok(ours)) => {
                call.warn(messages::adopted(planned.title(), &error));
                return Ok(ours);
            }
            Some(Err(found)) => found,
            None => Some(kms::Lookup::Unfinished),
        };
        let context =
            messages::RequestContext { credentials: Some(&request.credentials), ..planned.context(Verb::Create) };
        let context = call.session().with_first_reporter(context, &error);
        let messages = messages::create(context, request, &error, found.as_ref());
        Err(self.explain(call, request.is_platform_managed, &error, messages).await)
    }

    /// Sends an update. After a request without a response, checks whether the update took effect.
    async fn send_update(
        &self,
        call: &RpcContext<Session>,
        prior: &ConnectionModel,
        request: &kms::ConnectionUpdate,
    ) -> Result<kms::AppConnection, Diagnostics> {
        let client = &deadline::client(call, self.limit)?;
        let id = prior.id.known().ok_or_else(messages::still_unknown)?;
        call.session().scopes.changes(id);
        let error =
            match deadline::writing_twice_if_crowded(call, self.limit, client, || client.update(id, request)).await? {
                Ok(updated) => return Ok(updated),
                Err(error) => error,
            };
        if error.may_have_run() {
            let hash = prior.credentials_hash.known().map(String::as_str);
            let lookup = lost_answer::updated(client, id, request, hash, &error);
            if let Some(updated) = deadline::looking(call, lookup).await.flatten() {
                return Ok(updated);
            }
        }
        let context = messages::RequestContext {
            credentials: request.credentials.as_ref(),
            password_argument: self.planned.password_argument(&self.config),
            ..self.planned.context(Verb::Update)
        };
        let messages = call.session().failed(context, &error);
        Err(self.explain(call, request.is_platform_managed, &error, messages).await)
    }

    /// Adds the state of the role to the messages of a failed transfer of the password.
    async fn explain(
        &self,
        call: &RpcContext<Session>,
        is_platform_managed: bool,
        error: &kms::Error,
        messages: Diagnostics,
    ) -> Diagnostics {
        if !is_platform_managed {
            return messages;
        }
        managed::explain(call, &self.planned, &self.config, self.limit, error, messages).await
    }

    /// Records the sent credentials for later plans.
    async fn record(&self, call: &RpcContext<Session>, private: &mut Private, hash: Option<&str>, sent: bool) {
        let record = SentRecord { config: &self.config, planned: &self.planned, hash, sent };
        record.store(private, &call.session().fingerprints).await;
    }
}

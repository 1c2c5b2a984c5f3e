//! The resource `kms_postgres_connection`.
//!
//! | module | content |
//! |---|---|
//! | [`attributes`] | the schema |
//! | [`validate`] | offline rules |
//! | [`model`] | the connection as a struct, and semantic equality of its attributes |
//! | [`password`] | what a change sends, and the record of what was sent |
//! | [`drift`] | credentials that were changed outside Terraform |
//! | [`database_login`] | the only function that may log in to a database |
//! | [`credential_check`] | the login check of a planned write, and its severity |
//! | [`managed`] | platform-managed credentials: guards, replacement, the record of those seen in a run |
//! | [`import`], [`move_state`], [`list`] | connections that exist already |

use self::managed::replacement;
use self::validate::certificate;
use crate::provider::connections::lost_answer;
use crate::provider::connections::name_check;
use crate::provider::timeouts;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::kms;
use crate::secret::Secret;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::generate;
use crate::terraform::identity::IdentitySchema;
use crate::terraform::model::{Field, Model as _};
use crate::terraform::move_state::{MoveSource, Moved};
use crate::terraform::private::Private;
use crate::terraform::resource::{AppliedChange, ImportTarget, Listed, PlannedChange, Resource, RpcContext};
use crate::terraform::schema::Schema;
use crate::terraform::value::{Object, Value};

use self::credential_check::Purpose;
use self::drift::Drift;
use self::model::ConnectionModel;
use self::password::{CredentialsPlan, SentRecord};
use crate::provider::deadline::Limit;
use crate::provider::session::Session;
use crate::provider::timeouts::Operation;
use crate::provider::{deadline, messages};

mod attributes;
pub(crate) mod credential_check;
mod database_login;
mod drift;
mod import;
mod list;
pub(crate) mod managed;
pub(crate) mod model;
mod move_state;
mod password;
mod validate;

/// The resource.
pub(crate) struct PostgresConnection;

#[async_trait]
impl Resource<Session> for PostgresConnection {
    fn name(&self) -> &'static str {
        "kms_postgres_connection"
    }

    fn schema(&self) -> Schema {
        attributes::schema()
    }

    fn same(&self, attribute: &str, a: &Value, b: &Value) -> bool {
        model::same(attribute, a, b)
    }

    fn seen(&self, session: &Session, state: &Object) {
        let connection = ConnectionModel::from_object(state);
        if let Some(id) = connection.id.known() {
            session.managed.note_id(id);
        }
        if let Some(seen) = connection.seen() {
            session.managed.note(seen);
        }
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        validate::check(config)
    }

    async fn plan(&self, call: &RpcContext<Session>, change: &mut PlannedChange) -> Result<(), Diagnostics> {
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
        let subject = credential_check::Subject {
            prior: kept,
            planned: &planned,
            config: &config,
            purpose: Purpose::Credentials,
        };
        if let Some(replaced) = &replaced {
            replacement::judge(call, replaced, subject, credential_check::Phase::Plan).await?;
            if prior.is_some() && planned.role().is_some_and(|role| role != replaced.role) {
                call.warn(messages::managed::destroyed(&replaced.name, &replaced.role.name));
            }
        } else if change.prior.is_none() {
            name_check::check(call, &planned).await?;
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

    async fn plan_destroy(
        &self,
        call: &RpcContext<Session>,
        state: &Object,
        _private: &Private,
    ) -> Result<(), Diagnostics> {
        let known = ConnectionModel::from_object(state);
        if let Some(role) = known.username.known().filter(|_| known.is_managed()) {
            call.warn(messages::managed::destroyed(known.title(), role.trim()));
        }
        Ok(())
    }

    async fn create(&self, call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        let config = ConnectionModel::from_object(&change.config);
        let planned = ConnectionModel::from_object(&change.planned);
        let limit = Limit::new(timeouts::limit(change.planned.get("timeouts"), Operation::Create));
        let client = &deadline::client(call, limit)?;
        let password =
            planned.password(&config).ok_or_else(|| messages::password_missing(planned.username.known(), false))?;
        let credentials = planned.credentials(password).ok_or_else(messages::still_unknown)?;
        let request = kms::NewConnection {
            name: planned.title().trim().to_owned(),
            description: planned.description().filter(|text| !text.is_empty()),
            project_id: planned.project().map(ToOwned::to_owned),
            method: kms::Method::default(),
            is_platform_managed: planned.is_managed(),
            gateway_id: planned.gateway_id.known().cloned(),
            credentials,
        };
        let subject = credential_check::Subject {
            prior: None,
            planned: &planned,
            config: &config,
            purpose: Purpose::Credentials,
        };
        if let Some(replaced) = replacement::noted(&change.private) {
            replacement::judge(call, &replaced, subject, credential_check::Phase::Apply(limit)).await?;
        } else {
            credential_check::check(call, subject, credential_check::Phase::Apply(limit)).await?;
        }
        let was_free = if request.is_platform_managed {
            deadline::reading(call, limit, managed::name_is_free(client, &request)).await??;
            true
        } else {
            name_check::was_free(call, limit, client, &planned).await?
        };
        call.session().scopes.creates(planned.project(), planned.title());
        let answered = deadline::writing_twice_if_crowded(call, limit, client, || client.create(&request)).await?;
        let settled = match answered {
            Ok(remote) => Ok(remote),
            Err(error) => {
                let settling = lost_answer::created(&call.session().scopes, client, &request, &error, was_free);
                let cancelled = Err(Some(Err(kms::Error::Cancelled)));
                match deadline::looking(call, settling).await.unwrap_or(cancelled) {
                    Ok(ours) => {
                        call.warn(messages::adopted(planned.title(), &error));
                        Ok(ours)
                    }
                    Err(found) => Err((error, found)),
                }
            }
        };
        match settled {
            Ok(remote) => {
                let hash = remote.credentials_hash.as_deref();
                let written = SentRecord { config: &config, planned: &planned, hash, sent: true };
                written.note(&mut change.private, &call.session().fingerprints).await;
                Ok(ConnectionModel::read(remote, planned).into_object())
            }
            Err((error, found)) => {
                let attempt =
                    messages::RequestContext { credentials: Some(&request.credentials), ..planned.attempt("create") };
                let messages = messages::create(attempt, &request, &error, found.as_ref());
                if !request.is_platform_managed {
                    return Err(messages);
                }
                Err(managed::explain(call, &planned, &config, limit, &error, messages).await)
            }
        }
    }

    async fn read(
        &self,
        call: &RpcContext<Session>,
        state: &Object,
        private: &Private,
    ) -> Result<Option<Object>, Diagnostics> {
        let known = ConnectionModel::from_object(state);
        let limit = Limit::new(timeouts::limit(state.get("timeouts"), Operation::Read));
        let client = &deadline::client(call, limit)?;
        let Some(id) = known.id.known().cloned() else { return Ok(None) };
        let reading = lost_answer::read(&call.session().scopes, client, known.project(), &id);
        let found = deadline::reading(call, limit, reading).await?;
        match found.map_err(|error| messages::service(known.attempt("read"), &error))? {
            Some(remote) => {
                let was_ours = known.is_platform_managed_credentials.known() == Some(&false);
                let found = ConnectionModel::read(remote, known);
                if was_ours && found.is_managed() {
                    let role = found.username.known().map_or("", |role| role.trim());
                    call.warn(messages::managed::turned_on_outside(found.title(), role));
                }
                if !found.is_managed() {
                    drift::warn_without_password(call, state, &found, private);
                }
                Ok(Some(found.into_object()))
            }
            None => {
                call.warn(messages::gone(known.title(), &id, client));
                Ok(None)
            }
        }
    }

    async fn update(&self, call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        let config = ConnectionModel::from_object(&change.config);
        let planned = ConnectionModel::from_object(&change.planned);
        let prior = ConnectionModel::from_object(&change.prior);
        let limit = Limit::new(timeouts::limit(change.planned.get("timeouts"), Operation::Update));
        let credentials = if password::credentials_are_planned(&change.planned, &change.private) {
            let password =
                planned.password(&config).ok_or_else(|| messages::password_missing(planned.username.known(), true))?;
            let subject = credential_check::Subject {
                prior: Some(&prior),
                planned: &planned,
                config: &config,
                purpose: Purpose::Credentials,
            };
            credential_check::check(call, subject, credential_check::Phase::Apply(limit)).await?;
            Some(planned.credentials(password).ok_or_else(messages::still_unknown)?)
        } else {
            let purpose = Purpose::Privileges;
            let subject =
                credential_check::Subject { prior: Some(&prior), planned: &planned, config: &config, purpose };
            credential_check::check_if_more_roles(call, subject, credential_check::Phase::Apply(limit)).await?;
            None
        };
        let sends_credentials = credentials.is_some();
        let Some(request) = password::change(&prior, &planned, credentials) else {
            let written = SentRecord { config: &config, planned: &planned, hash: None, sent: false };
            written.note(&mut change.private, &call.session().fingerprints).await;
            let mut state = change.planned.clone();
            state.set("credentials_hash", change.prior.get("credentials_hash").clone());
            return Ok(state);
        };
        let client = &deadline::client(call, limit)?;
        let id = prior.id.known().cloned().ok_or_else(messages::still_unknown)?;
        call.session().scopes.changes(&id);
        let answered = deadline::writing_twice_if_crowded(call, limit, client, || client.update(&id, &request)).await?;
        let settled = match answered {
            Err(error) if error.may_have_run() => {
                let before = prior.credentials_hash.known().map(String::as_str);
                let looking = lost_answer::updated(client, &id, &request, before, &error);
                deadline::looking(call, looking).await.flatten().ok_or(error)
            }
            answered => answered,
        };
        let remote = match settled {
            Ok(remote) => remote,
            Err(error) => {
                let credentials = request.credentials.as_ref();
                let password_argument = planned.password_argument(&config);
                let attempt = messages::RequestContext { credentials, password_argument, ..planned.attempt("update") };
                let messages = messages::update(attempt, &error);
                if !request.is_platform_managed {
                    return Err(messages);
                }
                return Err(managed::explain(call, &planned, &config, limit, &error, messages).await);
            }
        };
        let hash = remote.credentials_hash.as_deref().filter(|_| sends_credentials);
        let written = SentRecord { config: &config, planned: &planned, hash, sent: sends_credentials };
        written.note(&mut change.private, &call.session().fingerprints).await;
        Ok(ConnectionModel::read(remote, planned).into_object())
    }

    async fn delete(&self, call: &RpcContext<Session>, state: &Object, _private: &Private) -> Result<(), Diagnostics> {
        let known = ConnectionModel::from_object(state);
        let limit = Limit::new(timeouts::limit(state.get("timeouts"), Operation::Delete));
        let client = &deadline::client(call, limit)?;
        let Some(id) = known.id.known() else { return Ok(()) };
        call.session().scopes.changes(id);
        let deleted = deadline::writing(call, limit, client, client.delete(id)).await?;
        match deleted {
            Err(error)
                if error.may_have_run()
                    && deadline::looking(call, lost_answer::deleted(client, id, &error)).await.unwrap_or(false) => {}
            Err(error) => return Err(messages::delete(known.attempt("delete"), &error)),
            Ok(_) => {}
        }
        call.session().managed.note_destroyed(id);
        Ok(())
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::new().attribute("id", "UUID of the connection."))
    }

    async fn import(&self, call: &RpcContext<Session>, target: ImportTarget<'_>) -> Result<Object, Diagnostics> {
        let remote = import::find(call, target).await?;
        Ok(ConnectionModel::read(remote, ConnectionModel::default()).into_object())
    }

    fn move_from(&self, source: &MoveSource) -> Result<Moved, Diagnostics> {
        move_state::take_over(source)
    }

    fn generate(&self, state: &Object) -> Object {
        let mut config = generate::config(&attributes::schema().block, state);
        // It is valid only together with a password, which is left for a person to fill in.
        config.set("password_wo_version", Value::Null);
        // Not said, it stays what it is; and nobody should find the one-way switch among the things to fill in.
        config.set("is_platform_managed_credentials", Value::Null);
        config
    }

    fn list_schema(&self) -> Option<Schema> {
        Some(list::schema())
    }

    fn validate_list(&self, config: &Object) -> Diagnostics {
        list::check(config)
    }

    async fn list(&self, call: &RpcContext<Session>, config: &Object) -> Result<Vec<Listed>, Diagnostics> {
        list::list(call, config).await
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
async fn decide(
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

impl ConnectionModel {
    /// What is being done to it, for a message.
    pub(crate) fn attempt(&self, verb: &'static str) -> messages::RequestContext<'_> {
        let (title, password_argument) = (self.title(), self.password_argument(&Self::default()));
        messages::RequestContext { verb, title, project: self.project(), password_argument, credentials: None }
    }

    /// The argument that gives the password. (A write-only one is never in a planned state.)
    fn password_argument(&self, config: &Self) -> &'static str {
        if self.password.is_null() || !config.password_wo.is_null() { "password_wo" } else { "password" }
    }

    /// Whether the KMS connects through a gateway, or may do so.
    fn has_gateway(&self) -> bool {
        !matches!(self.gateway_id, Field::Null)
    }
}

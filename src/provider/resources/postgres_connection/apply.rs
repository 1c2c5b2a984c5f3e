//! Create, update and delete: the login check, the request, and what became of it.

use crate::kms;
use crate::provider::connections::lost_answer;
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::provider::timeouts;
use crate::provider::timeouts::Operation;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Model as _;
use crate::terraform::resource::{AppliedChange, RpcContext};
use crate::terraform::value::Object;

use super::credential_check::Purpose;
use super::managed::replacement;
use super::model::ConnectionModel;
use super::password::SentRecord;
use super::{credential_check, kms_check, managed, password, request};

pub(super) async fn create(call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
    let config = ConnectionModel::from_object(&change.config);
    let planned = ConnectionModel::from_object(&change.planned);
    let limit = Limit::new(timeouts::limit(change.planned.get("timeouts"), Operation::Create));
    let client = &deadline::client(call, limit)?;
    let password =
        planned.password(&config).ok_or_else(|| messages::password_missing(planned.username.known(), false))?;
    let request = request::create(&planned, password).ok_or_else(messages::still_unknown)?;
    let subject =
        credential_check::Subject { prior: None, planned: &planned, config: &config, purpose: Purpose::Credentials };
    if let Some(replaced) = replacement::noted(&change.private) {
        replacement::judge(call, &replaced, subject, credential_check::Phase::Apply(limit)).await?;
    } else {
        credential_check::check(call, subject, credential_check::Phase::Apply(limit)).await?;
    }
    let was_free = if request.is_platform_managed {
        deadline::reading(call, limit, managed::name_is_free(client, &request)).await??;
        true
    } else {
        kms_check::was_free(call, limit, client, &planned).await?
    };
    call.session().scopes.creates(planned.project(), planned.title());
    let answered = deadline::writing_twice_if_crowded(call, limit, client, || client.create(&request)).await?;
    let settled = match answered {
        Ok(remote) => Ok(remote),
        Err(error) => {
            let settling = lost_answer::created(&call.session().scopes, client, &request, &error, was_free);
            let cancelled = Err(Some(kms::Lookup::Unfinished));
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
            let attempt = messages::RequestContext {
                credentials: Some(&request.credentials),
                ..planned.attempt(messages::Verb::Create)
            };
            let messages = messages::create(attempt, &request, &error, found.as_ref());
            if !request.is_platform_managed {
                return Err(messages);
            }
            Err(managed::explain(call, &planned, &config, limit, &error, messages).await)
        }
    }
}

pub(super) async fn update(call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
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
        let subject = credential_check::Subject { prior: Some(&prior), planned: &planned, config: &config, purpose };
        credential_check::check_if_more_roles(call, subject, credential_check::Phase::Apply(limit)).await?;
        None
    };
    let sends_credentials = credentials.is_some();
    let Some(request) = request::update(&prior, &planned, credentials) else {
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
            let attempt =
                messages::RequestContext { credentials, password_argument, ..planned.attempt(messages::Verb::Update) };
            let messages = messages::service(attempt, &error);
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

pub(super) async fn delete(call: &RpcContext<Session>, state: &Object) -> Result<(), Diagnostics> {
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
        Err(error) => return Err(messages::service(known.attempt(messages::Verb::Delete), &error)),
        Ok(_) => {}
    }
    call.session().managed.record_destroyed(id);
    Ok(())
}

//! Platform-managed credentials: the transfer of a role's password to the KMS, and the changes that stay possible afterwards.
//!
//! It is one-way: the KMS changes the password at once and never returns it. So everything that can be known is
//! checked before, and nothing that belongs to credentials is ever sent or tried afterwards.

pub(crate) mod replacement;

use std::time::Duration;

use crate::kms::{AppConnection as Remote, Client, DatabaseStep, Error, ErrorKind, NewConnection};
use crate::provider::attribute;
use crate::provider::config::validation::Mode;
use crate::provider::connections::cache::THIS_WALK;
use crate::provider::connections::managed_registry::{ManagedConnection, ManagedRole};
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::login_check::LoginOutcome;
use crate::provider::messages;
use crate::provider::messages::managed::RoleState;
use crate::provider::messages::postgres::server_message;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;
use crate::terraform::value::Value;
use crate::text::hcl_string;

use self::replacement::{Password, configured_password};
use super::attributes::{self, Row};
use super::credential_check;
use super::database_login::log_in;
use super::kms_check;
use super::model::ConnectionModel;
use super::plan::ConnectionPlan;

/// The replication lag of the KMS that the check of a name allows for.
const REPLICATION_LAG: Duration = Duration::from_secs(1);

/// Records a connection of the state, for the plan of another one that replaces it.
pub(super) fn record(session: &Session, connection: &ConnectionModel) {
    if let Some(id) = connection.id.known() {
        session.managed.record_id(id);
    }
    if let Some(managed) = connection.seen() {
        session.managed.record(managed);
    }
}

/// Plans a change of a connection that stays platform-managed: nothing of its credentials can be changed.
///
/// # Errors
/// One for each argument that was changed nevertheless.
pub(super) fn keep(plan: &mut ConnectionPlan) -> Result<(), Diagnostics> {
    let (Some(prior), planned) = (&plan.prior, &mut plan.planned) else { return Ok(()) };
    planned.credentials_hash = prior.credentials_hash.clone();
    let role = prior.username.known().map_or("", |role| &**role);
    let mut found = Diagnostics::new();
    if planned.is_platform_managed_credentials.known() == Some(&false) {
        found.push(messages::managed::cannot_be_turned_off(prior.title(), role));
    }
    let is_null = |row: &Row, connection: &ConnectionModel| (row.value)(connection).is_null();
    let changed = |row: &&Row| !(row.value)(planned).is_unknown() && !(row.equal)(prior, planned);
    // Passwords and versions that were not there before concern no role: they are recorded and never sent.
    let passwords = [attribute::PASSWORD, attribute::PASSWORD_WO_VERSION].into_iter().filter_map(attributes::row);
    let passwords = passwords.filter(|row| !is_null(row, prior) && !is_null(row, planned));
    for row in attributes::credentials().chain(passwords).filter(changed) {
        let was = shown(row, prior);
        found.push(messages::managed::cannot_change(prior.title(), role, row.name(), was.as_deref()));
    }
    found.into_result().map(drop)
}

/// Returns a value as a configuration has it, unless it is a secret or has several lines.
fn shown(row: &Row, connection: &ConnectionModel) -> Option<String> {
    match (row.value)(connection) {
        _ if row.attribute.sensitive => None,
        Value::String(text) if !text.contains('\n') => Some(hcl_string(&text)),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

/// Checks a planned transfer of the password, and warns about its consequences. `known` are ids of the connection itself and of the one that it
/// replaces.
///
/// # Errors
/// When the KMS cannot do it, or has done it for another connection.
pub(super) async fn check_transfer(
    call: &RpcContext<Session>,
    subject: credential_check::Subject<'_>,
    known: &[&str],
) -> Result<(), Diagnostics> {
    let planned = subject.planned;
    if !planned.is_managed() {
        return Ok(());
    }
    if let Some(role) = planned.username.known().filter(|role| role.contains(['.', '?'])) {
        return Err(messages::managed::cannot_be_quoted(role.trim()).into());
    }
    let role = planned.role();
    let others = match &role {
        None => Err("the role is known only after the apply".to_owned()),
        Some(role) => sharing(call, planned, role, known).await,
    };
    let name = planned.name.known().map(|name| &**name);
    if let (Some(role), Ok(others)) = (&role, &others)
        && let Some(other) = others.iter().find(|other| other.is_platform_managed == Some(true))
        // If the configured password is the role's, that one is dead already: it is being replaced by this run, or was
        // left behind by another.
        && let Password::DoesNotWork(reason) = configured_password(call, subject, credential_check::Phase::Plan).await?
    {
        // One of the same name was created by an earlier run that was killed before it returned.
        let is_itself = Some(other.name.as_str()) == name;
        return Err(if is_itself {
            messages::managed::exists_managed(planned.title(), role, &other.id, &reason)
        } else {
            messages::managed::managed_by_another(planned.title(), role, other, &reason)
        }
        .into());
    }
    // Another of this name is a reason of its own to refuse the create.
    let others = others.map(|others| others.into_iter().filter(|other| Some(other.name.as_str()) != name));
    let others = others.map(|others| others.map(|other| other.name).collect());
    call.warn(messages::managed::password_transfer(planned.title(), role.as_ref(), &others));
    Ok(())
}

/// The other connections of the scope that log in as the same role of the same server; or why they are not known.
async fn sharing(
    call: &RpcContext<Session>,
    planned: &ConnectionModel,
    role: &ManagedRole,
    known: &[&str],
) -> Result<Vec<Remote>, String> {
    if planned.project_id.is_unknown() {
        return Err("the project is known only after the apply".to_owned());
    }
    let limit = Limit::new(kms_check::PLAN_WAIT);
    let client = deadline::client(call, limit).map_err(|_| "the provider cannot log in to the KMS yet".to_owned())?;
    let listing = call.session().scopes.list(&client, planned.project(), THIS_WALK);
    let listed = call.unless_stopped(listing).await.ok_or_else(|| "the run was interrupted".to_owned())?;
    let listed = listed.map_err(|error| error.to_string())?;
    if listed.unreadable() > 0 {
        return Err("the KMS lists connections that this provider cannot read".to_owned());
    }
    let is_other =
        |other: &&Remote| !known.contains(&other.id.as_str()) && ManagedRole::of(other).as_ref() == Some(role);
    Ok(listed.own().filter(is_other).cloned().collect())
}

/// Checks that the name of a connection to be created with platform-managed credentials is free: the KMS detects a taken name
/// only after it changed the role.
///
/// # Errors
/// When it is taken, or the KMS did not return whether it is.
pub(super) async fn name_is_free(client: &Client, request: &NewConnection) -> Result<(), Diagnostics> {
    let look = || client.find_by_name(&request.name, request.project_id.as_deref());
    let mut found = look().await;
    if matches!(found, Ok(Some(_))) {
        // Just destroyed in this run, and a replica does not know yet?
        tokio::time::sleep(REPLICATION_LAG).await;
        found = look().await;
    }
    match found {
        Ok(None) => Ok(()),
        found => Err(messages::managed::name_not_free(&request.name, &found.into(), client).into()),
    }
}

/// Adds the state of the role to the messages of a failed transfer, where the KMS may have changed it.
pub(super) async fn explain(
    call: &RpcContext<Session>,
    planned: &ConnectionModel,
    config: &ConnectionModel,
    limit: Limit,
    error: &Error,
    messages: Diagnostics,
) -> Diagnostics {
    // The KMS changes the role before it detects these errors, and then undoes the change. A login shows whether it did.
    let has_gone_far = matches!(
        error.kind,
        ErrorKind::NameTaken { .. } | ErrorKind::DatabaseRefused { step: DatabaseStep::ChangePassword, .. }
    );
    if !error.may_have_run() && !has_gone_far {
        return messages;
    }
    let role = planned.username.known().map_or("", |role| role.trim());
    let paragraph = messages::managed::role_state(role, &role_state(call, planned, config, limit).await);
    let add = |mut message: crate::terraform::diagnostic::Diagnostic| {
        message.detail = format!("{}\n\n{paragraph}", message.detail);
        message
    };
    messages.into_iter().map(add).collect()
}

/// Returns the state of the role after a failed request, by a new login: outcomes from before the request do not show it.
async fn role_state(
    call: &RpcContext<Session>,
    planned: &ConnectionModel,
    config: &ConnectionModel,
    limit: Limit,
) -> RoleState {
    let unknown = |reason: &str| RoleState::Unknown(reason.to_owned());
    let Some(validation) = planned.validation(&call.session().validation) else {
        return unknown("a validation setting is not known.");
    };
    if validation.mode == Mode::Off {
        return unknown("`mode` is `off`.");
    }
    let subject =
        credential_check::Subject { prior: None, planned, config, purpose: credential_check::Purpose::Credentials };
    let checked = match log_in(call, subject, &validation, credential_check::Phase::AfterRequest(limit)).await {
        Ok(Ok(login)) => login.judged,
        Ok(Err(skipped)) => return RoleState::Unknown(format!("{}.", skipped.words())),
        Err(ended) => return RoleState::Unknown(ended.reason()),
    };
    match &checked.verdict {
        LoginOutcome::Accepted(_) => RoleState::Untouched,
        LoginOutcome::Refused(refusal) if refusal.rejects_the_password() => {
            RoleState::Changed(server_message(refusal).unwrap_or_else(|| messages::postgres::explain(refusal).sentence))
        }
        LoginOutcome::Refused(refusal) => RoleState::Unknown(messages::managed::why(refusal)),
        LoginOutcome::NotChecked(why) => RoleState::Unknown(format!("{}.", messages::why_not_checked(why))),
    }
}

impl ConnectionModel {
    /// Which role of which server, once that is known.
    pub(crate) fn role(&self) -> Option<ManagedRole> {
        Some(ManagedRole::new(self.host.known()?, self.port.known()?.get(), self.username.known()?))
    }

    /// What there is to remember of a managed connection.
    pub(super) fn seen(&self) -> Option<ManagedConnection> {
        let seen = || {
            Some(ManagedConnection {
                id: self.id.known()?.clone(),
                name: self.name.known()?.to_string(),
                project: self.project_id.known().cloned(),
                role: self.role()?,
            })
        };
        self.is_managed().then(seen).flatten()
    }
}

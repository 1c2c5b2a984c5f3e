//! Platform-managed credentials: the transfer of a role's password to the KMS, and the changes that stay possible afterwards.
//!
//! The transfer cannot be undone: the KMS changes the password at once and never returns it. The provider therefore checks
//! all it can before the transfer, and neither sends the credentials nor logs in with them afterwards.

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

use self::replacement::{ConfiguredPassword, configured_password};
use super::attributes::{self, Row};
use super::credential_check;
use super::database_login::log_in;
use super::kms_check;
use super::model::ConnectionModel;
use super::plan::ConnectionPlan;

/// The replication lag of the KMS that the check of a name allows for.
const REPLICATION_LAG: Duration = Duration::from_secs(1);

/// Records a connection of the state, for the plan of a connection that replaces it.
pub(super) fn record(session: &Session, connection: &ConnectionModel) {
    if let Some(id) = connection.id.known() {
        session.managed.record_id(id);
    }
    if let Some(managed) = connection.managed_entry() {
        session.managed.record(managed);
    }
}

/// Plans an update of a connection that stays platform-managed: the update cannot change its credentials.
///
/// # Errors
/// One for each changed argument of the credentials.
pub(super) fn plan_update(plan: &mut ConnectionPlan) -> Result<(), Diagnostics> {
    let (Some(prior), planned) = (&plan.prior, &mut plan.planned) else { return Ok(()) };
    planned.credentials_hash = prior.credentials_hash.clone();
    let role = prior.username.known().map_or("", |role| &**role);
    let mut found = Diagnostics::new();
    if planned.is_platform_managed_credentials.known() == Some(&false) {
        found.push(messages::managed::cannot_be_turned_off(prior.title(), role));
    }
    let is_null = |row: &Row, connection: &ConnectionModel| (row.value)(connection).is_null();
    let changed = |row: &&Row| !(row.value)(planned).is_unknown() && !(row.equal)(prior, planned);
    // A password or version that the prior state does not have affects no role: the provider records it and never sends it.
    let passwords = [attribute::PASSWORD, attribute::PASSWORD_WO_VERSION].into_iter().filter_map(attributes::row);
    let passwords = passwords.filter(|row| !is_null(row, prior) && !is_null(row, planned));
    for row in attributes::credentials().chain(passwords).filter(changed) {
        let was = hcl_value(row, prior);
        found.push(messages::managed::cannot_change(prior.title(), role, row.name(), was.as_deref()));
    }
    found.into_result().map(drop)
}

/// Returns a value in the syntax of a configuration, unless it is a secret or has several lines.
fn hcl_value(row: &Row, connection: &ConnectionModel) -> Option<String> {
    match (row.value)(connection) {
        _ if row.attribute.sensitive => None,
        Value::String(text) if !text.contains('\n') => Some(hcl_string(&text)),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

/// Checks a planned transfer of the password, and warns about its consequences. `known` are the ids of the connection itself
/// and of the connection that it replaces.
///
/// # Errors
/// When the KMS cannot change the password of the role, or manages the role for another connection.
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
        Some(role) => others_with_role(call, planned, role, known).await,
    };
    let name = planned.name.known().map(|name| &**name);
    if let (Some(role), Ok(others)) = (&role, &others)
        && let Some(other) = others.iter().find(|other| other.is_platform_managed == Some(true))
        // If the configured password works, the other connection no longer does: this run replaces it, or an earlier run left
        // it in the KMS.
        && let ConfiguredPassword::DoesNotWork(reason) = configured_password(call, subject, credential_check::Phase::Plan).await?
    {
        // An earlier run that was killed before it returned has created the connection of the same name.
        let is_itself = Some(other.name.as_str()) == name;
        return Err(if is_itself {
            messages::managed::exists_managed(planned.title(), role, &other.id, &reason)
        } else {
            messages::managed::managed_by_another(planned.title(), role, other, &reason)
        }
        .into());
    }
    // The create reports another connection of this name by itself.
    let others = others.map(|others| others.into_iter().filter(|other| Some(other.name.as_str()) != name));
    let others = others.map(|others| others.map(|other| other.name).collect());
    call.warn(messages::managed::password_transfer(planned.title(), role.as_ref(), &others));
    Ok(())
}

/// Returns the other connections of the scope that log in as the same role of the same server, or the reason why they are not
/// known.
async fn others_with_role(
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
/// only after it has changed the password of the role.
///
/// # Errors
/// When the name is taken, or the lookup failed.
pub(super) async fn check_name_is_free(client: &Client, request: &NewConnection) -> Result<(), Diagnostics> {
    let find = || client.find_by_name(&request.name, request.project_id.as_deref());
    let mut found = find().await;
    if matches!(found, Ok(Some(_))) {
        // A replica of the KMS may still return a connection that this run has just destroyed.
        tokio::time::sleep(REPLICATION_LAG).await;
        found = find().await;
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
    // The KMS changes the password before it detects these errors, and then undoes the change. A login shows whether it did.
    let may_have_changed_role = matches!(
        error.kind,
        ErrorKind::NameTaken { .. } | ErrorKind::DatabaseRefused { step: DatabaseStep::ChangePassword, .. }
    );
    if !error.may_have_run() && !may_have_changed_role {
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

/// Returns the state of the role after a failed request, by a new login, because earlier outcomes do not show it.
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
        Ok(Ok(login)) => login.checked,
        Ok(Err(skipped)) => return RoleState::Unknown(format!("{}.", skipped.as_text())),
        Err(ended) => return RoleState::Unknown(ended.reason()),
    };
    match &checked.outcome {
        LoginOutcome::Accepted(_) => RoleState::Untouched,
        LoginOutcome::Refused(refusal) if refusal.rejects_the_password() => {
            RoleState::Changed(server_message(refusal).unwrap_or_else(|| messages::postgres::explain(refusal).sentence))
        }
        LoginOutcome::Refused(refusal) => RoleState::Unknown(messages::managed::why(refusal)),
        LoginOutcome::NotChecked(why) => RoleState::Unknown(format!("{}.", messages::why_not_checked(why))),
    }
}

impl ConnectionModel {
    /// Returns the role and its server, or `None` while a part of them is unknown.
    pub(crate) fn role(&self) -> Option<ManagedRole> {
        Some(ManagedRole::new(self.host.known()?, self.port.known()?.get(), self.username.known()?))
    }

    /// Returns the entry of the registry for a platform-managed connection.
    pub(super) fn managed_entry(&self) -> Option<ManagedConnection> {
        let entry = || {
            Some(ManagedConnection {
                id: self.id.known()?.clone(),
                name: self.name.known()?.to_string(),
                project: self.project_id.known().cloned(),
                role: self.role()?,
            })
        };
        self.is_managed().then(entry).flatten()
    }
}

//! Replacement of a platform-managed connection: the new connection needs a password that works, and the password of the role is
//! not known.
//!
//! Terraform sends no reason for a replacement, and plans the new object as a create. The provider recognizes the replaced
//! connection by a hint that the plan of the old connection has stored, or because this run has read the old connection. The
//! plan refuses a replacement without a working password, because the apply destroys the old connection first.

use serde_json::Value as Json;

use crate::provider::connections::managed_registry::ManagedConnection;
use crate::provider::login_check::LoginOutcome;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::private::Private;
use crate::terraform::resource::RpcContext;

use crate::provider::resources::postgres_connection::database_login::{Phase, Skipped, Subject, log_in};
use crate::provider::resources::postgres_connection::plan::ConnectionPlan;

/// The private entry of each plan of a managed connection, for the plan of the connection that replaces it.
const HINT: &str = "managed";

/// The private entry of a planned create for its apply.
const REPLACES: &str = "replaces";

/// Returns the managed connection that a planned change replaces, if any.
pub(in crate::provider::resources::postgres_connection) fn planned(
    call: &RpcContext<Session>,
    plan: &mut ConnectionPlan,
) -> Option<ManagedConnection> {
    if let Some(prior) = &plan.prior {
        let replaced = prior.managed_entry()?;
        call.session().managed.record_planned(&replaced.id);
        plan.private.plan(HINT, serde_json::to_value(&replaced).unwrap_or_default());
        return plan.is_replaced.then_some(replaced);
    }
    let hint = read(&plan.private, HINT);
    // The entries belong to the old object; the new object begins without entries.
    plan.private = Private::default();
    let name = plan.planned.name.known().map(|name| &**name);
    let replaced = hint.or_else(|| call.session().managed.find(name, plan.planned.project()))?;
    plan.private.plan(REPLACES, serde_json::to_value(&replaced).unwrap_or_default());
    Some(replaced)
}

/// Returns the managed connection that a create replaces, as its plan recorded it.
pub(in crate::provider::resources::postgres_connection) fn recorded(private: &Private) -> Option<ManagedConnection> {
    read(private, REPLACES)
}

/// Requires that a login with the configured password succeeds, in every `mode`: only a password that works makes a
/// replacement safe.
///
/// # Errors
/// For each other outcome. What is unknown in a plan is checked in its apply.
pub(in crate::provider::resources::postgres_connection) async fn require_login(
    call: &RpcContext<Session>,
    replaced: &ManagedConnection,
    subject: Subject<'_>,
    phase: Phase,
) -> Result<(), Diagnostics> {
    let planned = subject.planned;
    let reason = match configured_password(call, subject, phase).await? {
        ConfiguredPassword::Works | ConfiguredPassword::NotKnownYet => return Ok(()),
        ConfiguredPassword::DoesNotWork(reason) => reason,
    };
    let replacement = messages::managed::Replacement {
        title: planned.title(),
        old: &replaced.name,
        role: planned.username.known().map_or("", |role| role.trim()),
        password_argument: planned.password_argument(subject.config),
        is_destroyed: call.session().managed.is_destroyed(&replaced.id),
    };
    tracing::info!(connection = planned.title(), outcome = "refused", reason, "replacing a managed connection");
    Err(messages::managed::replacement_refused(&replacement, &reason).into())
}

/// The state of the configured password of a role that is or was platform-managed.
pub(in crate::provider::resources::postgres_connection) enum ConfiguredPassword {
    /// The login succeeded, so the password that the KMS has stored for another connection no longer works.
    Works,
    /// A value or setting is unknown.
    NotKnownYet,
    /// The login failed, or no login was possible, for this reason.
    DoesNotWork(String),
}

/// Logs in with the configured password, in every `mode`.
///
/// # Errors
/// When the run was interrupted.
pub(in crate::provider::resources::postgres_connection) async fn configured_password(
    call: &RpcContext<Session>,
    subject: Subject<'_>,
    phase: Phase,
) -> Result<ConfiguredPassword, Diagnostics> {
    let planned = subject.planned;
    let Some(validation) = planned.validation(&call.session().validation) else {
        return Ok(ConfiguredPassword::NotKnownYet);
    };
    let does_not_work = |reason: &str| Ok(ConfiguredPassword::DoesNotWork(reason.to_owned()));
    let checked = match log_in(call, subject, &validation, phase).await? {
        Ok(login) => login.checked,
        Err(Skipped::Unknown) => return Ok(ConfiguredPassword::NotKnownYet),
        Err(Skipped::NoPassword) => return does_not_work("The configuration gives no password."),
        Err(Skipped::Gateway) => {
            return does_not_work(
                "The KMS connects through a gateway, and `address` of the `validation` block is not set.",
            );
        }
        Err(skipped) => return does_not_work(&format!("No login was made: {}.", skipped.as_text())),
    };
    match &checked.outcome {
        LoginOutcome::Accepted(accepted) => {
            tracing::info!(
                connection = planned.title(),
                endpoint = accepted.endpoint.name(),
                outcome = "accepted",
                duration_ms = accepted.milliseconds,
                "database login"
            );
            Ok(ConfiguredPassword::Works)
        }
        LoginOutcome::Refused(refusal) => does_not_work(&messages::managed::why(refusal)),
        LoginOutcome::NotChecked(why) => {
            does_not_work(&format!("No login was made: {}.", messages::why_not_checked(why)))
        }
    }
}

fn read(private: &Private, key: &str) -> Option<ManagedConnection> {
    private.planned(key).cloned().and_then(|entry: Json| serde_json::from_value(entry).ok())
}

//! Replacing a platform-managed connection: the new one needs a password that works, and the role has an unknown one.
//!
//! Why something is replaced is never told to a provider, and the new object is planned as if there had been none. What
//! it replaces is known by a mark that the plan of the old one left, or because this walk has seen the old one. So the
//! plan refuses what would leave nothing behind: in the apply the old connection is gone already.

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

/// The note of each plan of a managed connection, for the plan of the one that replaces it.
const MARK: &str = "managed";

/// The note of a planned create for its apply.
const REPLACES: &str = "replaces";

/// Returns the managed connection that a planned change replaces, if it replaces one.
pub(in crate::provider::resources::postgres_connection) fn planned(
    call: &RpcContext<Session>,
    plan: &mut ConnectionPlan,
) -> Option<ManagedConnection> {
    if let Some(prior) = &plan.prior {
        let seen = prior.seen()?;
        call.session().managed.record_planned(&seen.id);
        plan.private.plan(MARK, serde_json::to_value(&seen).unwrap_or_default());
        return plan.is_replaced.then_some(seen);
    }
    let marked = read(&plan.private, MARK);
    // The entries are about the old object; the new one begins without any.
    plan.private = Private::default();
    let name = plan.planned.name.known().map(|name| &**name);
    let replaced = marked.or_else(|| call.session().managed.find(name, plan.planned.project()))?;
    plan.private.plan(REPLACES, serde_json::to_value(&replaced).unwrap_or_default());
    Some(replaced)
}

/// The managed connection that a create replaces, as its plan has found out.
pub(in crate::provider::resources::postgres_connection) fn noted(private: &Private) -> Option<ManagedConnection> {
    read(private, REPLACES)
}

/// Lets one login decide, whatever the settings say about logins: only a password that works makes a replacement safe.
///
/// # Errors
/// For every other verdict. What is not known in a plan is judged in its apply.
pub(in crate::provider::resources::postgres_connection) async fn judge(
    call: &RpcContext<Session>,
    replaced: &ManagedConnection,
    subject: Subject<'_>,
    phase: Phase,
) -> Result<(), Diagnostics> {
    let planned = subject.planned;
    let reason = match configured_password(call, subject, phase).await? {
        Password::Works | Password::NotKnownYet => return Ok(()),
        Password::DoesNotWork(reason) => reason,
    };
    let replacement = messages::managed::Replacement {
        title: planned.title(),
        old: &replaced.name,
        role: planned.username.known().map_or("", |role| role.trim()),
        password_argument: planned.password_argument(subject.config),
        is_destroyed: call.session().managed.is_destroyed(&replaced.id),
    };
    tracing::info!(connection = planned.title(), verdict = "refused", reason, "replacing a managed connection");
    Err(messages::managed::replacement_refused(&replacement, &reason).into())
}

/// What a login says about the configured password of a role that the service manages or managed.
pub(in crate::provider::resources::postgres_connection) enum Password {
    /// It is the role's: what the service has stored elsewhere is dead.
    Works,
    /// Depends on what this run has yet to find out.
    NotKnownYet,
    /// Or nobody can tell; this is why.
    DoesNotWork(String),
}

/// Tries the configured password, whatever the settings say about logins.
///
/// # Errors
/// When the run was interrupted.
pub(in crate::provider::resources::postgres_connection) async fn configured_password(
    call: &RpcContext<Session>,
    subject: Subject<'_>,
    phase: Phase,
) -> Result<Password, Diagnostics> {
    let planned = subject.planned;
    let Some(validation) = planned.validation(&call.session().validation) else {
        return Ok(Password::NotKnownYet);
    };
    let does_not_work = |reason: &str| Ok(Password::DoesNotWork(reason.to_owned()));
    let judged = match log_in(call, subject, &validation, phase).await? {
        Ok(login) => login.judged,
        Err(Skipped::Unknown) => return Ok(Password::NotKnownYet),
        Err(Skipped::NoPassword) => return does_not_work("The configuration gives no password."),
        Err(Skipped::Gateway) => {
            return does_not_work(
                "The KMS connects through a gateway, and `address` of the `validation` block is not set.",
            );
        }
        Err(skipped) => return does_not_work(&format!("No login was made: {}.", skipped.words())),
    };
    match &judged.verdict {
        LoginOutcome::Accepted(accepted) => {
            tracing::info!(
                connection = planned.title(),
                endpoint = accepted.endpoint.name(),
                verdict = "accepted",
                duration_ms = accepted.milliseconds,
                "database login"
            );
            Ok(Password::Works)
        }
        LoginOutcome::Refused(refusal) => does_not_work(&messages::managed::why(refusal)),
        LoginOutcome::NotChecked(why) => {
            does_not_work(&format!("No login was made: {}.", messages::why_not_checked(why)))
        }
    }
}

fn read(private: &Private, key: &str) -> Option<ManagedConnection> {
    private.planned(key).cloned().and_then(|note: Json| serde_json::from_value(note).ok())
}

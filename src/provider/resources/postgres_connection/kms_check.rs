//! The check of a planned create at the KMS: whether the KMS is reachable, the project exists, and the name is free.

use std::time::Duration;

use crate::provider::config::validation::Mode;
use crate::provider::connections::name_check;
use crate::provider::connections::name_check::PlannedConnection;
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;

use super::model::ConnectionModel;

/// The maximum time that a plan waits for a response of the KMS that it does not depend on.
pub(super) const PLAN_WAIT: Duration = Duration::from_secs(60);

/// Checks a planned create at the KMS, if `mode` is `plan` or `warn`.
///
/// # Errors
/// When the KMS refuses the authentication, or has no such project. Every other error is a warning.
pub(super) async fn check(call: &RpcContext<Session>, planned: &ConnectionModel) -> Result<(), Diagnostics> {
    let session = call.session();
    let mode = planned.validation(&session.validation).map(|validation| validation.mode);
    if !matches!(mode, Some(Mode::Plan | Mode::Warn)) || planned.project_id.is_unknown() {
        return Ok(());
    }
    let client = match deadline::client(call, Limit::new(PLAN_WAIT)) {
        Ok(client) => client,
        // The apply checks unknown arguments of the provider block, which are known by then.
        Err(_) if session.has_unknown_arguments() => return Ok(()),
        Err(missing) => {
            missing.into_iter().for_each(|missing| call.warn(messages::not_asked(&missing.detail)));
            return Ok(());
        }
    };
    // `managed::check_transfer` checks the role of a connection that is to be platform-managed.
    let role = planned.role().filter(|_| !planned.is_managed());
    let checking = name_check::check(&session.scopes, &client, &session.managed, planned.as_planned(), role.as_ref());
    let Some(checked) = call.unless_stopped(checking).await else { return Ok(()) };
    match checked {
        Ok(found) => {
            if let Some(taken) = found.same_name {
                call.warn(messages::name_exists(&taken.name, &taken.id));
            }
            if let (Some(role), Some(other)) = (role, found.same_managed_role) {
                call.warn(messages::managed::shares_managed_role(planned.title(), &role, &other));
            }
            Ok(())
        }
        Err(error) if messages::stops_a_plan(&error) => {
            Err(call.session().failed(planned.context(messages::Verb::Plan), &error))
        }
        Err(error) => {
            call.warn(messages::not_asked(&format!("{error}.")));
            Ok(())
        }
    }
}

/// Returns whether the name of a connection is free right before its create.
///
/// # Errors
/// When the run was interrupted or the operation reached its limit. The create was not sent then.
pub(super) async fn was_free(
    call: &RpcContext<Session>,
    limit: Limit,
    client: &crate::kms::Client,
    planned: &ConnectionModel,
) -> Result<bool, Diagnostics> {
    let checking = name_check::was_free(&call.session().scopes, client, planned.as_planned());
    deadline::reading(call, limit, checking).await
}

impl ConnectionModel {
    fn as_planned(&self) -> PlannedConnection<'_> {
        PlannedConnection { name: self.name.known().map(|name| name.trim()), project: self.project() }
    }
}

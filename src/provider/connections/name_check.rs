//! What the KMS says to a planned create: whether it can be asked, whether the scope exists, whether the name is free.

use std::time::Duration;

use super::cache::THIS_WALK;
use crate::kms::{AppConnection as Remote, Client};
use crate::provider::config::validation::Mode;
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;

use crate::provider::resources::postgres_connection::managed::remote_role;
use crate::provider::resources::postgres_connection::model::ConnectionModel;

/// How long a plan waits for an answer that it can do without.
pub(crate) const PLAN_WAITS: Duration = Duration::from_secs(60);

/// How old a list may be that says "the name was free just before".
const JUST_BEFORE: Duration = Duration::from_secs(10);

/// Asks the KMS about a planned create, if the settings say that plans shall find out. One list per scope serves all.
///
/// # Errors
/// When the KMS refuses the login, or has no such project. Everything else that keeps it from answering is a warning.
pub(crate) async fn check(call: &RpcContext<Session>, planned: &ConnectionModel) -> Result<(), Diagnostics> {
    let mode = call.session().validation.with(&planned.validation).map(|validation| validation.mode);
    if !matches!(mode, Some(Mode::Plan | Mode::Warn)) || planned.project_id.is_unknown() {
        return Ok(());
    }
    let client = match deadline::client(call, Limit::new(PLAN_WAITS)) {
        Ok(client) => client,
        // What is unknown now is known when the service is needed.
        Err(_) if call.session().has_unknown_arguments() => return Ok(()),
        Err(missing) => {
            missing.into_iter().for_each(|missing| call.warn(messages::not_asked(&missing.detail)));
            return Ok(());
        }
    };
    let listing = call.session().scopes.list(&client, planned.project(), THIS_WALK);
    let Some(listed) = call.unless_stopped(listing).await else { return Ok(()) };
    match listed {
        Ok(listing) => {
            let name = planned.name.known().map(|name| name.trim());
            // One that is in the state is managed here already. A tainted connection holds its own name until it is replaced.
            let in_state = |connection: &Remote| call.session().managed.is_in_state(&connection.id);
            let taken = listing.own().find(|connection| Some(connection.name.as_str()) == name);
            if let Some(taken) = taken.filter(|taken| !in_state(taken)) {
                call.warn(messages::name_exists(&taken.name, &taken.id));
            }
            // Where this one is managed too, that is judged by a login.
            if let Some(role) = planned.role().filter(|_| !planned.is_managed())
                && let Some(other) = listing.own().find(|other| {
                    other.is_platform_managed == Some(true)
                        && Some(other.name.as_str()) != name
                        && remote_role(other).as_ref() == Some(&role)
                })
            {
                call.warn(messages::managed::shares_managed_role(planned.title(), &role, other));
            }
            Ok(())
        }
        Err(error) if messages::stops_a_plan(&error) => Err(messages::service(planned.attempt("plan"), &error)),
        Err(error) => {
            call.warn(messages::not_asked(&format!("{error}.")));
            Ok(())
        }
    }
}

/// Returns whether the name of a connection that is about to be created was free just before. Not knowing is "no".
///
/// # Errors
/// When the run was interrupted or the operation reached its limit. Nothing was sent then.
pub(crate) async fn was_free(
    call: &RpcContext<Session>,
    limit: Limit,
    client: &Client,
    planned: &ConnectionModel,
) -> Result<bool, Diagnostics> {
    let listing = call.session().scopes.list(client, planned.project(), JUST_BEFORE);
    Ok(deadline::reading(call, limit, listing).await?.is_ok_and(|listing| {
        listing.unreadable() == 0 && !listing.own().any(|connection| connection.name == planned.title().trim())
    }))
}

//! The refresh of a connection.

use crate::provider::connections::lost_answer;
use crate::provider::deadline;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::provider::timeouts::Operation;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::private::Private;
use crate::terraform::resource::RpcContext;

use super::drift;
use super::model::ConnectionModel;

/// Reads a connection. Returns `None` if the KMS itself reports that it does not exist.
///
/// # Errors
/// When the KMS returns another error or no response, or the run was interrupted.
pub(super) async fn read(
    call: &RpcContext<Session>,
    state: ConnectionModel,
    private: &Private,
) -> Result<Option<ConnectionModel>, Diagnostics> {
    let limit = state.limit(Operation::Read);
    let client = &deadline::client(call, limit)?;
    let Some(id) = state.id.known() else { return Ok(None) };
    let reading = lost_answer::read(&call.session().scopes, client, state.project(), id);
    let found = deadline::reading(call, limit, reading).await?;
    let Some(remote) = found.map_err(|error| call.session().failed(state.context(messages::Verb::Read), &error))?
    else {
        call.warn(messages::gone(state.title(), id, client));
        return Ok(None);
    };
    let found = ConnectionModel::read(remote, state.clone());
    if !found.is_managed() {
        drift::warn_without_password(call, &state, &found, private);
    } else if state.is_platform_managed_credentials.known() == Some(&false) {
        let role = found.username.known().map_or("", |role| &**role);
        call.warn(messages::managed::turned_on_outside(found.title(), role));
    }
    Ok(Some(found))
}

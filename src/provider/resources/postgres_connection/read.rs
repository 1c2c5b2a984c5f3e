//! The refresh of a connection.

use crate::provider::connections::lost_answer;
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::provider::timeouts;
use crate::provider::timeouts::Operation;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Model as _;
use crate::terraform::private::Private;
use crate::terraform::resource::RpcContext;
use crate::terraform::value::Object;

use super::drift;
use super::model::ConnectionModel;

pub(super) async fn read(
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
    match found.map_err(|error| messages::service(known.attempt(messages::Verb::Read), &error))? {
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

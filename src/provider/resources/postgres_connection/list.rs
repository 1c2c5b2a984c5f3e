//! `list` blocks: the connections that the service holds, found with one call.

use crate::provider::connections::cache::THIS_WALK;
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::messages;
use crate::provider::messages::RequestContext;
use crate::provider::session::Session;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::model::Model as _;
use crate::terraform::resource::{Listed, RpcContext};
use crate::terraform::schema::{Schema, optional};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use super::model::ConnectionModel;
use super::validate;
use crate::provider::timeouts;
use crate::provider::timeouts::Operation;

pub(super) fn schema() -> Schema {
    Schema::new("PostgreSQL app connections that the machine identity can see.")
        .attribute(optional(
            "project_id",
            Type::String,
            "UUID of a project: only its connections. Without it all are listed, those of the organisation and those of its \
             projects.",
        ))
        .attribute(optional("name_prefix", Type::String, "Only connections whose name begins so."))
}

pub(super) fn check(config: &Object) -> Diagnostics {
    let broken = config.get("project_id").as_str().and_then(validate::project_rule);
    broken.map(|detail| Diagnostic::error("Invalid project", detail).at("project_id")).into_iter().collect()
}

pub(super) async fn list(call: &RpcContext<Session>, config: &Object) -> Result<Vec<Listed>, Diagnostics> {
    let (project, prefix) = (config.get("project_id").as_str(), config.get("name_prefix").as_str());
    let limit = Limit::new(timeouts::limit(&Value::Null, Operation::Read));
    let client = deadline::client(call, limit)?;
    let attempt = RequestContext {
        verb: messages::Verb::List,
        title: "kms_postgres_connection",
        project,
        password_argument: "password",
        credentials: None,
    };
    let found = deadline::reading(call, limit, call.session().scopes.list(&client, project, THIS_WALK)).await?;
    let found = found.map_err(|error| messages::service(attempt, &error))?;
    if found.unreadable() > 0 {
        call.warn(messages::unreadable_rows(found.unreadable(), &client));
    }
    let prefix = prefix.unwrap_or_default();
    let listed = found.all().iter().filter(|connection| connection.name.starts_with(prefix)).cloned().map(|remote| {
        let title = remote.name.clone();
        Listed { object: ConnectionModel::read(remote, ConnectionModel::default()).into_object(), title }
    });
    Ok(listed.collect())
}

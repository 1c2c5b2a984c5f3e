//! `list` blocks: the connections in the KMS, read with one request.

use crate::model;
use crate::provider::attribute;
use crate::provider::connections::cache::THIS_WALK;
use crate::provider::deadline;
use crate::provider::messages;
use crate::provider::messages::RequestContext;
use crate::provider::session::Session;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::model::Model as _;
use crate::terraform::resource::{Listed, RpcContext};
use crate::terraform::schema::{Schema, optional};
use crate::terraform::types::Type;
use crate::terraform::value::Object;

use super::model::ConnectionModel;
use super::validate;
use crate::provider::timeouts::Operation;

model! {
    /// The configuration of a `list` block.
    struct ListConfig {
        project_id: String,
        name_prefix: String,
    }
}

pub(super) fn schema() -> Schema {
    Schema::new("PostgreSQL app connections that the machine identity can see.")
        .attribute(optional(
            attribute::PROJECT_ID,
            Type::String,
            "UUID of a project: lists only its connections. Defaults to all connections, those of the organization and those \
             of its projects.",
        ))
        .attribute(optional("name_prefix", Type::String, "Lists only connections whose name begins with this text."))
}

pub(super) fn check(config: &Object) -> Diagnostics {
    let project = ListConfig::from_object(config).project_id;
    let broken = project.known().and_then(|project| validate::project_rule(project));
    broken.map(|detail| Diagnostic::error("Invalid project", detail).at(attribute::PROJECT_ID)).into_iter().collect()
}

pub(super) async fn list(call: &RpcContext<Session>, config: &Object) -> Result<Vec<Listed>, Diagnostics> {
    let config = ListConfig::from_object(config);
    let project = config.project_id.known().map(String::as_str);
    let limit = ConnectionModel::default().limit(Operation::Read);
    let client = deadline::client(call, limit)?;
    let context = RequestContext {
        verb: messages::Verb::List,
        title: "kms_postgres_connection",
        project,
        password_argument: attribute::PASSWORD,
        credentials: None,
        first_reporter: None,
    };
    let found = deadline::reading(call, limit, call.session().scopes.list(&client, project, THIS_WALK)).await?;
    let found = found.map_err(|error| call.session().failed(context, &error))?;
    if found.unreadable() > 0 {
        call.warn(messages::unreadable_rows(found.unreadable(), &client));
    }
    let prefix = config.name_prefix.into_known().unwrap_or_default();
    let listed = found.all().iter().filter(|connection| connection.name.starts_with(&prefix)).cloned().map(|remote| {
        let title = remote.name.clone();
        Listed { object: ConnectionModel::read(remote, ConnectionModel::default()).into_object(), title }
    });
    Ok(listed.collect())
}

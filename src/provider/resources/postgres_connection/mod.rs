//! The resource `kms_postgres_connection`.
//!
//! | module | content |
//! |---|---|
//! | [`attributes`] | the schema |
//! | [`validate`] | offline rules |
//! | [`model`] | the connection as a struct, and semantic equality of its attributes |
//! | [`plan`] | the plan, step by step |
//! | [`apply`], [`read`] | create, update, delete; the refresh |
//! | [`request`] | the bodies of the requests that create and update |
//! | [`password`] | whether a change sends the password, and the record of what was sent |
//! | [`drift`] | credentials that were changed outside Terraform |
//! | [`database_login`] | the only function that may log in to a database |
//! | [`validation_block`] | the `validation` block |
//! | [`kms_check`] | the check of a planned create at the KMS: authentication, project, name |
//! | [`credential_check`] | the login check of a planned write, and its severity |
//! | [`managed`] | platform-managed credentials: guards, replacement, the record of those seen in a run |
//! | [`import`], [`move_state`], [`list`] | connections that exist already |

use async_trait::async_trait;

use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::generate;
use crate::terraform::identity::IdentitySchema;
use crate::terraform::model::Model as _;
use crate::terraform::move_state::{MoveSource, Moved};
use crate::terraform::private::Private;
use crate::terraform::resource::{AppliedChange, ImportTarget, Listed, PlannedChange, Resource, RpcContext};
use crate::terraform::schema::Schema;
use crate::terraform::value::{Object, Value};

use self::model::ConnectionModel;

mod apply;
mod attributes;
pub(crate) mod credential_check;
mod database_login;
mod drift;
mod import;
mod kms_check;
mod list;
pub(crate) mod managed;
mod model;
mod move_state;
mod password;
mod plan;
mod read;
mod request;
mod validate;
mod validation_block;

/// The resource.
pub(crate) struct PostgresConnection;

#[async_trait]
impl Resource<Session> for PostgresConnection {
    fn name(&self) -> &'static str {
        "kms_postgres_connection"
    }

    fn schema(&self) -> Schema {
        attributes::schema()
    }

    fn same(&self, attribute: &str, a: &Value, b: &Value) -> bool {
        model::same(attribute, a, b)
    }

    fn state_loaded(&self, session: &Session, state: &Object) {
        let connection = ConnectionModel::from_object(state);
        if let Some(id) = connection.id.known() {
            session.managed.record_id(id);
        }
        if let Some(seen) = connection.seen() {
            session.managed.record(seen);
        }
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        validate::check(config)
    }

    async fn plan(&self, call: &RpcContext<Session>, change: &mut PlannedChange) -> Result<(), Diagnostics> {
        plan::plan(call, change).await
    }

    async fn plan_destroy(&self, call: &RpcContext<Session>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        plan::plan_destroy(call, state);
        Ok(())
    }

    async fn create(&self, call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        apply::create(call, change).await
    }

    async fn read(
        &self,
        call: &RpcContext<Session>,
        state: &Object,
        private: &Private,
    ) -> Result<Option<Object>, Diagnostics> {
        let found = read::read(call, state, private).await?;
        if let Some(found) = &found {
            self.state_loaded(call.session(), found);
        }
        Ok(found)
    }

    async fn update(&self, call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        apply::update(call, change).await
    }

    async fn delete(&self, call: &RpcContext<Session>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        apply::delete(call, state).await
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::new().attribute("id", "UUID of the connection."))
    }

    async fn import(&self, call: &RpcContext<Session>, target: ImportTarget<'_>) -> Result<Object, Diagnostics> {
        let remote = import::find(call, target).await?;
        Ok(ConnectionModel::read(remote, ConnectionModel::default()).into_object())
    }

    fn move_from(&self, source: &MoveSource) -> Result<Moved, Diagnostics> {
        move_state::take_over(source)
    }

    fn generate(&self, state: &Object) -> Object {
        let mut config = generate::config(&attributes::schema().block, state);
        // It is valid only together with a password, which is left for a person to fill in.
        config.set("password_wo_version", Value::Null);
        // Not said, it stays what it is; and nobody should find the one-way switch among the things to fill in.
        config.set("is_platform_managed_credentials", Value::Null);
        config
    }

    fn list_schema(&self) -> Option<Schema> {
        Some(list::schema())
    }

    fn validate_list(&self, config: &Object) -> Diagnostics {
        list::check(config)
    }

    async fn list(&self, call: &RpcContext<Session>, config: &Object) -> Result<Vec<Listed>, Diagnostics> {
        list::list(call, config).await
    }
}

//! The resource `kms_postgres_connection`.
//!
//! | module | content |
//! |---|---|
//! | [`attributes`] | the attribute table, and the struct and the schema that are derived from it |
//! | [`values`] | the types of the attributes, and their equality |
//! | [`validate`] | offline rules |
//! | [`model`] | the connection in messages, requests and responses |
//! | [`plan`] | the plan, step by step |
//! | [`apply`], [`read`] | create, update, delete; the refresh |
//! | [`request`] | the bodies of the requests that create and update |
//! | [`password`] | whether a change sends the password, and the record of the sent credentials |
//! | [`drift`] | credentials that were changed outside Terraform |
//! | [`database_login`] | the only function that logs in to a database |
//! | [`validation_block`] | the `validation` block |
//! | [`kms_check`] | the check of a planned create at the KMS: authentication, project, name |
//! | [`credential_check`] | the login check of a planned write, and the severity of its outcome |
//! | [`managed`] | platform-managed credentials: guards, replacement, the entries of the registry |
//! | [`import`], [`move_state`], [`list`] | existing connections |

use async_trait::async_trait;

use crate::provider::attribute;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::generate;
use crate::terraform::identity::IdentitySchema;
use crate::terraform::model::{Field, Model as _};
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
mod values;

/// The resource `kms_postgres_connection`.
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
        attributes::semantically_equal(attribute, a, b)
    }

    fn state_loaded(&self, session: &Session, state: &Object) {
        managed::record(session, &ConnectionModel::from_object(state));
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        validate::check(config)
    }

    async fn plan(&self, call: &RpcContext<Session>, change: &mut PlannedChange) -> Result<(), Diagnostics> {
        plan::plan(call, change).await
    }

    async fn plan_destroy(&self, call: &RpcContext<Session>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        plan::plan_destroy(call, &ConnectionModel::from_object(state));
        Ok(())
    }

    async fn create(&self, call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        Ok(apply::create(call, change).await?.into_object())
    }

    async fn read(
        &self,
        call: &RpcContext<Session>,
        state: &Object,
        private: &Private,
    ) -> Result<Option<Object>, Diagnostics> {
        let Some(found) = read::read(call, ConnectionModel::from_object(state), private).await? else {
            return Ok(None);
        };
        managed::record(call.session(), &found);
        Ok(Some(found.into_object()))
    }

    async fn update(&self, call: &RpcContext<Session>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        Ok(apply::update(call, change).await?.into_object())
    }

    async fn delete(&self, call: &RpcContext<Session>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        apply::delete(call, &ConnectionModel::from_object(state)).await
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::new().attribute(attribute::ID, "UUID of the connection."))
    }

    async fn import(&self, call: &RpcContext<Session>, target: ImportTarget<'_>) -> Result<Object, Diagnostics> {
        let remote = import::find(call, target).await?;
        Ok(ConnectionModel::read(remote, ConnectionModel::default()).into_object())
    }

    fn move_from(&self, source: &MoveSource) -> Result<Moved, Diagnostics> {
        move_state::convert(source)
    }

    fn generate(&self, state: &Object) -> Object {
        let mut config = generate::config(&attributes::schema().block, state);
        let written = ConnectionModel {
            // Valid only together with a password, which the user has to add.
            password_wo_version: Field::Null,
            // An unset argument keeps its value; `true` cannot be undone.
            is_platform_managed_credentials: Field::Null,
            ..ConnectionModel::from_object(&config)
        };
        written.write_into(&mut config);
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

//! Connections that other providers of the same service have managed so far. Offline: the next refresh reads the rest.

use crate::provider::messages;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::Model as _;
use crate::terraform::move_state::{MoveSource, Moved};
use crate::terraform::private::Private;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use super::model::{CREDENTIALS, ConnectionModel};
use super::{attributes, password};

/// Provider (namespace and name) and resource type.
const SOURCES: [(&str, &str); 2] =
    [("hanzokms/kms", "kms_app_connection_postgres"), ("infisical/infisical", "infisical_app_connection_postgres")];

/// What both of them store under the names that we use.
const SAME: [&str; 6] = ["id", "name", "description", "project_id", "method", "credentials_hash"];

/// What both of them store in their object `credentials`, beside the password.
const NESTED: &str = "credentials";

/// The connection with all that the other provider knew, its password included.
pub(super) fn take_over(source: &MoveSource) -> Result<Moved, Diagnostics> {
    if !SOURCES.iter().any(|(provider, type_name)| source.is(provider, type_name)) {
        return Err(messages::not_movable(source, &SOURCES).into());
    }
    let old = source.object(&shape())?;
    let credentials = old.get(NESTED).as_object().ok_or_else(|| messages::moved_incomplete(source, NESTED))?;
    if old.get("id").is_null() {
        return Err(messages::moved_incomplete(source, "id").into());
    }
    let mut state = Object::new();
    for name in SAME {
        state.set(name, old.get(name).clone());
    }
    for name in credentials_and_password() {
        state.set(name, credentials.get(name).clone());
    }
    // Neither of them refuses empty texts, which mean "none" to the service.
    for name in ["project_id", "ssl_certificate"] {
        if state.get(name).as_str() == Some("") {
            state.set(name, Value::Null);
        }
    }
    let mut private = Private::default();
    let hash = old.get("credentials_hash").as_str();
    password::note_moved(&mut private, &ConnectionModel::from_object(&state), hash);
    Ok(Moved { state, private })
}

fn credentials_and_password() -> impl Iterator<Item = &'static str> {
    CREDENTIALS.into_iter().chain(["password"])
}

/// The part of their schemas that matters: names and types are ours, but for the nesting.
fn shape() -> Type {
    let block = attributes::schema().block;
    let row = |name: &str| (name.to_owned(), block.find(name).map_or(Type::String, |attribute| attribute.ty.clone()));
    let nested = Type::Object(credentials_and_password().map(row).collect());
    Type::Object(SAME.map(row).into_iter().chain([(NESTED.to_owned(), nested)]).collect())
}

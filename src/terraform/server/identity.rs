//! Identities in requests and responses. Every response with an object carries one: a core drops what is not sent back.

use std::collections::HashMap;

use super::{RegisteredResource, Server, convert};
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::identity::IdentitySchema;
use crate::terraform::proto;
use crate::terraform::proto::resource_identity_schema::IdentityAttribute;
use crate::terraform::provider::Provider;
use crate::terraform::schema::Block;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};
use crate::terraform::wire;

impl<P: Provider> Server<P> {
    pub(super) fn identity_schemas(&self) -> proto::get_resource_identity_schemas::Response {
        let schemas =
            self.resources.iter().filter_map(|(name, kind)| Some(((*name).to_owned(), kind.identity_schema()?)));
        let identity_schemas: HashMap<_, _> = schemas.collect();
        proto::get_resource_identity_schemas::Response { identity_schemas, ..Default::default() }
    }

    pub(super) fn upgrade_identity(
        &self,
        request: proto::upgrade_resource_identity::Request,
    ) -> Result<proto::upgrade_resource_identity::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let raw = request.raw_identity.unwrap_or_default();
        let Some(schema) = kind.identity.as_ref().filter(|schema| request.version <= schema.version) else {
            return Err(unreadable("its schema version is newer").into());
        };
        let ty = schema.object_type(&kind.schema.block);
        match wire::json::decode_state(&raw.json, &ty) {
            Ok(Value::Object(identity)) => {
                let upgraded_identity = Some(data(identity, &ty)?);
                Ok(proto::upgrade_resource_identity::Response { upgraded_identity, ..Default::default() })
            }
            Ok(_) => Err(unreadable("it is not an object").into()),
            Err(error) => Err(unreadable(&error.to_string()).into()),
        }
    }
}

impl<S: Send + Sync + 'static> RegisteredResource<S> {
    /// Returns the identity of an object for a response; `None` without an object.
    pub(super) fn identity_of(&self, object: Option<&Object>) -> Option<proto::ResourceIdentityData> {
        let schema = self.identity.as_ref()?;
        let identity = schema.of(object?)?;
        // Cannot fail: the values are those of an object that is encoded by the same types.
        data(identity, &schema.object_type(&self.schema.block)).ok()
    }

    /// Decodes the identity of a request; `None` when it is absent or the resource has no identity.
    pub(super) fn decode_identity(
        &self,
        identity: Option<proto::ResourceIdentityData>,
    ) -> Result<Option<Object>, Diagnostics> {
        match (&self.identity, identity) {
            (Some(schema), Some(identity)) => {
                convert::decode_object(identity.identity_data, &schema.object_type(&self.schema.block))
            }
            _ => Ok(None),
        }
    }

    /// Rejects an identity that belongs to another object than the state.
    pub(super) fn check_identity(&self, identity: Option<&Object>, state: &Object) -> Result<(), Diagnostics> {
        let (Some(schema), Some(identity)) = (&self.identity, identity) else { return Ok(()) };
        match schema.contradiction(identity, state) {
            Some(name) => Err(contradiction(name).into()),
            None => Ok(()),
        }
    }

    fn identity_schema(&self) -> Option<proto::ResourceIdentitySchema> {
        let schema = self.identity.as_ref()?;
        Some(proto::ResourceIdentitySchema {
            version: schema.version,
            identity_attributes: rows(schema, &self.schema.block),
        })
    }
}

fn rows(schema: &IdentitySchema, block: &Block) -> Vec<IdentityAttribute> {
    let rows = schema.attributes.iter().map(|attribute| IdentityAttribute {
        name: attribute.name.to_owned(),
        r#type: block.find(attribute.name).map_or(Type::String, |attribute| attribute.ty.clone()).to_json(),
        required_for_import: true,
        optional_for_import: false,
        description: attribute.description.to_owned(),
    });
    rows.collect()
}

fn data(identity: Object, ty: &Type) -> Result<proto::ResourceIdentityData, Diagnostics> {
    Ok(proto::ResourceIdentityData { identity_data: Some(convert::encode(identity, ty)?) })
}

fn unreadable(why: &str) -> Diagnostic {
    Diagnostic::error(
        "Identity in the state cannot be read",
        format!(
            "This version of the provider cannot read the identity that the state holds: {why}. Nothing was changed. Use the \
             version of the provider that wrote the state, or a newer one."
        ),
    )
}

fn contradiction(attribute: &str) -> Diagnostic {
    Diagnostic::error(
        "State and identity do not match",
        format!(
            "The state and the identity stored with it have different values of `{attribute}`, so the provider cannot determine \
             the object. Nothing was read or changed. The state was probably edited by hand: restore it from a backup, or \
             remove the object from it with a `removed` block and import the right one."
        ),
    )
}

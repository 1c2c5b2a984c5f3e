//! The RPCs for schemas, the provider block, validation, state upgrade and read.

use std::sync::{Arc, PoisonError};

use zeroize::Zeroizing;

use super::response::WithDiagnostics;
use super::{RegisteredResource, Server, convert, response};
use crate::terraform::check;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::plan;
use crate::terraform::private::Private;
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::schema::Schema;
use crate::terraform::value::{Object, Value};
use crate::terraform::wire;

impl<P: Provider> Server<P> {
    pub(super) fn metadata(&self) -> proto::get_metadata::Response {
        let resources = self.resources.keys();
        proto::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            resources: resources
                .map(|name| proto::get_metadata::ResourceMetadata { type_name: (*name).to_owned() })
                .collect(),
            data_sources: self
                .data_sources
                .keys()
                .map(|name| proto::get_metadata::DataSourceMetadata { type_name: (*name).to_owned() })
                .collect(),
            ephemeral_resources: self
                .ephemerals
                .keys()
                .map(|name| proto::get_metadata::EphemeralMetadata { type_name: (*name).to_owned() })
                .collect(),
            functions: self
                .functions
                .keys()
                .map(|name| proto::get_metadata::FunctionMetadata { name: (*name).to_owned() })
                .collect(),
            list_resources: self
                .list_schemas()
                .map(|(type_name, _)| proto::get_metadata::ListResourceMetadata { type_name })
                .collect(),
            ..Default::default()
        }
    }

    pub(super) fn schemas(&self) -> proto::get_provider_schema::Response {
        let resources = self.resources.iter();
        proto::get_provider_schema::Response {
            provider: Some(convert::schema(&self.schema)),
            resource_schemas: resources
                .map(|(name, kind)| ((*name).to_owned(), convert::schema(&kind.schema)))
                .collect(),
            data_source_schemas: self
                .data_sources
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), convert::schema(&kind.schema)))
                .collect(),
            ephemeral_resource_schemas: self
                .ephemerals
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), convert::schema(&kind.schema)))
                .collect(),
            functions: self.function_signatures().collect(),
            list_resource_schemas: self.list_schemas().map(|(name, schema)| (name, convert::schema(&schema))).collect(),
            server_capabilities: Some(capabilities()),
            ..Default::default()
        }
    }

    fn list_schemas(&self) -> impl Iterator<Item = (String, Schema)> {
        self.resources.iter().filter_map(|(name, kind)| Some(((*name).to_owned(), kind.resource.list_schema()?)))
    }

    pub(super) fn validate_provider(
        &self,
        request: proto::prepare_provider_config::Request,
    ) -> Result<proto::prepare_provider_config::Response, Diagnostics> {
        let ty = self.schema.object_type();
        let config = convert::decode_object(request.config.clone(), &ty)?;
        let config = config.unwrap_or_else(|| self.schema.empty_object());
        let response =
            proto::prepare_provider_config::Response { prepared_config: request.config, ..Default::default() };
        let read_only = check::read_only(&self.schema.block, &config, |value| !value.is_unknown());
        Ok(response.and(read_only).and(self.provider.validate(&config)))
    }

    pub(super) fn configure_provider(
        &self,
        request: proto::configure::Request,
    ) -> Result<proto::configure::Response, Diagnostics> {
        let ty = self.schema.object_type();
        let config = convert::decode_object(request.config, &ty)?.unwrap_or_else(|| self.schema.empty_object());
        let configured = self.provider.configure(&config, &request.terraform_version)?;
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(configured.session));
        Ok(proto::configure::Response::with(configured.warnings))
    }

    pub(super) fn validate_resource(
        &self,
        request: proto::validate_resource_type_config::Request,
    ) -> Result<proto::validate_resource_type_config::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let Some(config) = convert::decode_object(request.config, &kind.ty)? else { return Ok(Default::default()) };
        let allowed = request.client_capabilities.is_some_and(|client| client.write_only_attributes_allowed);
        let mut diagnostics = kind.resource.validate(&config);
        diagnostics.extend(check::read_only(&kind.schema.block, &config, |value| !value.is_unknown()));
        if !allowed {
            // In older cores each variable is unknown here: only a known value is rejected. The plan rejects the rest.
            diagnostics.extend(kind.reject_write_only(&config, |value| !value.is_unknown()));
        }
        Ok(proto::validate_resource_type_config::Response::with(diagnostics))
    }

    pub(super) fn upgrade(
        &self,
        request: proto::upgrade_resource_state::Request,
    ) -> Result<proto::upgrade_resource_state::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let raw = request.raw_state.unwrap_or_default();
        let stored = stored_object(&kind.schema, raw, request.version)?;
        if let Some(session) = self.session() {
            kind.resource.state_loaded(&session, &stored);
        }
        let upgraded_state = Some(convert::encode(kind.schema.block.without_write_only(stored), &kind.ty)?);
        Ok(proto::upgrade_resource_state::Response { upgraded_state, ..Default::default() })
    }

    pub(super) async fn read(
        &self,
        request: proto::read_resource::Request,
    ) -> Result<proto::read_resource::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let private = Private::decode(&request.private)?;
        let Some(state) = convert::decode_object(request.current_state, &kind.ty)? else {
            let new_state = Some(convert::encode_null(&kind.ty)?);
            return Ok(proto::read_resource::Response { new_state, ..Default::default() });
        };
        let identity = kind.decode_identity(request.current_identity)?;
        kind.check_identity(identity.as_ref(), &state)?;
        let call = self.context(request.client_capabilities)?;
        let response = kind.resource.read(&call, &state, &private).await.and_then(|found| match found {
            Some(found) => {
                let found = plan::keep_prior_spelling(&kind.schema.block, &state, found, &kind.same());
                kind.stored(found)
            }
            None => Ok((convert::encode_null(&kind.ty)?, None)),
        });
        let response = response.map(|(new_state, new_identity)| proto::read_resource::Response {
            new_state: Some(new_state),
            // A core drops private data that is not returned.
            private: request.private,
            new_identity,
            ..Default::default()
        });
        response::attach_diagnostics(call, response)
    }
}

impl<S: Send + Sync + 'static> RegisteredResource<S> {
    /// Encodes an object for the state, without write-only values, and its identity.
    pub(super) fn stored(
        &self,
        object: Object,
    ) -> Result<(proto::DynamicValue, Option<proto::ResourceIdentityData>), Diagnostics> {
        let block = &self.schema.block;
        let object = block.without_write_only(block.complete(object));
        let identity = self.identity_of(Some(&object));
        Ok((convert::encode_known(object, &self.ty)?, identity))
    }

    pub(super) fn same(&self) -> impl Fn(&str, &Value, &Value) -> bool {
        |attribute: &str, a: &Value, b: &Value| a == b || self.resource.same(attribute, a, b)
    }

    /// Returns errors for write-only values that a core without support for them would store.
    pub(super) fn reject_write_only(&self, config: &Object, is_rejected: impl Fn(&Value) -> bool) -> Diagnostics {
        let values = self.schema.block.write_only_values(config).into_iter();
        values
            .filter(|(_, value)| is_rejected(value))
            .map(|(path, _)| {
                Diagnostic::error(
                    "Write-only argument requires Terraform 1.11",
                    format!(
                        "`{path}` is a write-only argument: the provider uses its value and Terraform does not store it. \
                         This version of Terraform or OpenTofu does not support write-only arguments and would store the \
                         value in the state. Use version 1.11 or later of either, or the ordinary argument instead."
                    ),
                )
                .at(path)
            })
            .collect()
    }
}

/// Returns the implemented capabilities: a core relies on each of them.
fn capabilities() -> proto::ServerCapabilities {
    proto::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: true,
    }
}

/// Decodes a stored object by the current schema: missing attributes are null, others are dropped.
fn stored_object(schema: &Schema, raw: proto::RawState, version: i64) -> Result<Object, Diagnostics> {
    let json = Zeroizing::new(raw.json);
    if version > schema.version || !raw.flatmap.is_empty() || json.is_empty() {
        return Err(Diagnostic::error(
            "State cannot be read by this version",
            format!(
                "This version of the provider cannot read the object in the state. Nothing was changed.\nSchema version: \
                 {version}\nSupported: JSON, up to version {}\nUse the version of the provider that wrote the state, or a \
                 newer one.",
                schema.version
            ),
        )
        .into());
    }
    let stored = wire::json::decode_state(&json, &schema.object_type());
    match stored.map_err(|error| Diagnostics::from(convert::undecodable(&error)))? {
        Value::Object(object) => Ok(schema.block.complete(object)),
        _ => Err(Diagnostic::error(
            "State cannot be read: not an object",
            "The state holds something else than an object. The state was probably edited by hand: restore it from a backup.",
        )
        .into()),
    }
}

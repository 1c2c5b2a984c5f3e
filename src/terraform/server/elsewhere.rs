//! The RPCs for import, `moved` across resource types, lists and generated configuration.

use std::sync::Arc;

use super::response::WithDiagnostics;
use super::{RegisteredResource, Server, convert, response};
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::move_state::MoveSource;
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::resource::{ImportTarget, Listed, RpcContext};
use crate::terraform::schema::Schema;
use crate::terraform::value::{Object, Value};
use crate::text;

impl<P: Provider> Server<P> {
    pub(super) async fn import(
        &self,
        request: proto::import_resource_state::Request,
    ) -> Result<proto::import_resource_state::Response, Diagnostics> {
        let kind = self.kind(&request.type_name)?;
        let call = self.call(request.client_capabilities)?;
        let response = async {
            let identity = kind.decode_identity(request.identity)?.filter(|_| request.id.is_empty());
            let target = identity.as_ref().map_or(ImportTarget::Id(&request.id), ImportTarget::Identity);
            let (state, identity) = kind.stored(kind.resource.import(&call, target).await?)?;
            let type_name = request.type_name;
            let state = Some(state);
            let imported =
                proto::import_resource_state::ImportedResource { type_name, state, identity, ..Default::default() };
            Ok(proto::import_resource_state::Response { imported_resources: vec![imported], ..Default::default() })
        };
        let response = response.await;
        response::attach_warnings(call, response)
    }

    pub(super) fn move_state(
        &self,
        request: proto::move_resource_state::Request,
    ) -> Result<proto::move_resource_state::Response, Diagnostics> {
        let kind = self.kind(&request.target_type_name)?;
        let source = MoveSource {
            provider: request.source_provider_address,
            type_name: request.source_type_name,
            schema_version: request.source_schema_version,
            state: request.source_state.unwrap_or_default().json,
            private: request.source_private,
            identity: request.source_identity.map(|identity| identity.json).filter(|json| !json.is_empty()),
        };
        let moved = kind.resource.move_from(&source)?;
        let (state, identity) = kind.stored(moved.state)?;
        Ok(proto::move_resource_state::Response {
            target_state: Some(state),
            target_private: moved.private.without_plan().encode(),
            target_identity: identity,
            ..Default::default()
        })
    }

    pub(super) fn generate(
        &self,
        request: proto::generate_resource_config::Request,
    ) -> Result<proto::generate_resource_config::Response, Diagnostics> {
        let kind = self.kind(&request.type_name)?;
        let config = match convert::decode_object(request.state, &kind.ty)? {
            Some(state) => convert::encode(kind.schema.block.complete(kind.resource.generate(&state)), &kind.ty)?,
            None => convert::encode_null(&kind.ty)?,
        };
        Ok(proto::generate_resource_config::Response { config: Some(config), ..Default::default() })
    }

    pub(super) fn validate_list(
        &self,
        request: proto::validate_list_resource_config::Request,
    ) -> Result<proto::validate_list_resource_config::Response, Diagnostics> {
        let kind = self.kind(&request.type_name)?;
        let config = list_config(request.config, &kind.list_schema()?)?;
        Ok(WithDiagnostics::with(kind.resource.validate_list(&config)))
    }

    /// Returns the work of the stream. It runs only while the stream is read.
    pub(super) fn list(
        &self,
        request: proto::list_resource::Request,
    ) -> impl Future<Output = Result<Vec<proto::list_resource::Event>, Diagnostics>> + Send + 'static {
        let prepared = self.kind(&request.type_name).and_then(|kind| {
            let config = list_config(request.config, &kind.list_schema()?)?;
            Ok((Arc::clone(kind), self.call(None)?, config))
        });
        // Zero and negative numbers mean no limit.
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        async move {
            let (kind, call, config) = prepared?;
            let found = kind.find(&call, &config, limit, request.include_resource_object).await;
            let warnings = call.into_warnings();
            match found {
                Ok(mut events) => {
                    if !warnings.is_empty() {
                        events.push(response::event(warnings));
                    }
                    Ok(events)
                }
                Err(errors) => Err(warnings.into_iter().chain(errors).collect()),
            }
        }
    }
}

impl<S: Send + Sync + 'static> RegisteredResource<S> {
    fn list_schema(&self) -> Result<Schema, Diagnostics> {
        let missing = || super::not_offered(&format!("lists of `{}`", self.resource.name()));
        self.resource.list_schema().ok_or_else(|| missing().into())
    }

    async fn find(
        &self,
        call: &RpcContext<S>,
        config: &Object,
        limit: usize,
        with_object: bool,
    ) -> Result<Vec<proto::list_resource::Event>, Diagnostics> {
        if config.values().any(|value| !value.is_wholly_known()) {
            return Err(unknown_config().into());
        }
        let found = self.resource.list(call, config).await?;
        found.into_iter().take(limit).map(|listed| self.event(listed, with_object)).collect()
    }

    fn event(&self, listed: Listed, with_object: bool) -> Result<proto::list_resource::Event, Diagnostics> {
        let Listed { object, title } = listed;
        let (object, identity) = self.stored(object)?;
        let resource_object = with_object.then_some(object);
        Ok(proto::list_resource::Event {
            identity,
            display_name: text::shown(&title).into_owned(),
            resource_object,
            diagnostic: Vec::new(),
        })
    }
}

fn list_config(config: Option<proto::DynamicValue>, schema: &Schema) -> Result<Object, Diagnostics> {
    match convert::decode(config, &schema.object_type())? {
        Value::Object(config) => Ok(config),
        // The `config` block is optional.
        _ => Ok(schema.empty_object()),
    }
}

fn unknown_config() -> Diagnostic {
    Diagnostic::error(
        "The configuration of the list is not known yet",
        "A list is made at once, so everything in its `config` block must be known. Apply first what it depends on.",
    )
}

//! The RPCs of list resources, which `terraform query` calls.

use std::sync::Arc;

use super::response::WithDiagnostics;
use super::{RegisteredResource, Server, convert, response};
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::resource::{Listed, RpcContext};
use crate::terraform::schema::Schema;
use crate::terraform::value::{Object, Value};
use crate::text;

impl<P: Provider> Server<P> {
    pub(super) fn validate_list(
        &self,
        request: proto::validate_list_resource_config::Request,
    ) -> Result<proto::validate_list_resource_config::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let config = list_config(request.config, &kind.list_schema()?)?;
        Ok(WithDiagnostics::with(kind.resource.validate_list(&config)))
    }

    /// Returns the work of the stream. It runs only while the stream is read.
    pub(super) fn list(
        &self,
        request: proto::list_resource::Request,
    ) -> impl Future<Output = Result<Vec<proto::list_resource::Event>, Diagnostics>> + Send + 'static {
        let prepared = self.resource(&request.type_name).and_then(|kind| {
            let config = list_config(request.config, &kind.list_schema()?)?;
            Ok((Arc::clone(kind), self.context(None)?, config))
        });
        // Zero and negative numbers mean no limit.
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        async move {
            let (kind, call, config) = prepared?;
            let found = kind.find(&call, &config, limit, request.include_resource_object).await;
            let diagnostics = call.into_diagnostics();
            match found {
                Ok(mut events) => {
                    if !diagnostics.is_empty() {
                        events.push(response::event(diagnostics));
                    }
                    Ok(events)
                }
                Err(errors) => Err(diagnostics.into_iter().chain(errors).collect()),
            }
        }
    }
}

impl<S: Send + Sync + 'static> RegisteredResource<S> {
    fn list_schema(&self) -> Result<Schema, Diagnostics> {
        let missing = || super::not_supported(&format!("no list resource `{}`", self.resource.name()), "");
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
        "List configuration is not known yet",
        "A list resource is read immediately, so every value in its `config` block must be known. Apply first what the \
         block depends on.",
    )
}

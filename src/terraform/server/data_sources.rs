//! The RPCs of data sources and ephemeral resources: validation, and the computed values of a configuration.

use super::response::WithDiagnostics;
use super::{Registered, RegisteredDataSource, RegisteredEphemeral, Server, convert, find, response};
use crate::terraform::check;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::plan;
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::value::Object;

impl<P: Provider> Server<P> {
    fn data_source(&self, name: &str) -> Result<&RegisteredDataSource<P>, Diagnostics> {
        find(&self.data_sources, "data source", name)
    }

    fn ephemeral(&self, name: &str) -> Result<&RegisteredEphemeral<P>, Diagnostics> {
        find(&self.ephemerals, "ephemeral resource", name)
    }

    pub(super) fn validate_data_source(
        &self,
        request: proto::validate_data_source_config::Request,
    ) -> Result<proto::validate_data_source_config::Response, Diagnostics> {
        let kind = self.data_source(&request.type_name)?;
        let diagnostics = kind.validate(request.config, |config| kind.item.validate(config))?;
        Ok(WithDiagnostics::with(diagnostics))
    }

    pub(super) async fn read_data(
        &self,
        request: proto::read_data_source::Request,
    ) -> Result<proto::read_data_source::Response, Diagnostics> {
        let kind = self.data_source(&request.type_name)?;
        let config = kind.config(request.config)?;
        let context = self.context(request.client_capabilities)?;
        let arguments = plan::with_defaults(&kind.schema.block, &config);
        let found = kind.item.read(&context, &arguments).await;
        let response = found.and_then(|found| kind.result(&config, &found));
        let response =
            response.map(|state| proto::read_data_source::Response { state: Some(state), ..Default::default() });
        response::attach_warnings(context, response)
    }

    pub(super) fn validate_ephemeral(
        &self,
        request: proto::validate_ephemeral_resource_config::Request,
    ) -> Result<proto::validate_ephemeral_resource_config::Response, Diagnostics> {
        let kind = self.ephemeral(&request.type_name)?;
        let diagnostics = kind.validate(request.config, |config| kind.item.validate(config))?;
        Ok(WithDiagnostics::with(diagnostics))
    }

    pub(super) async fn open_ephemeral(
        &self,
        request: proto::open_ephemeral_resource::Request,
    ) -> Result<proto::open_ephemeral_resource::Response, Diagnostics> {
        let kind = self.ephemeral(&request.type_name)?;
        let config = kind.config(request.config)?;
        let context = self.context(request.client_capabilities)?;
        let arguments = plan::with_defaults(&kind.schema.block, &config);
        let found = kind.item.open(&context, &arguments).await;
        let response = found.and_then(|found| kind.result(&config, &found));
        let response = response
            .map(|result| proto::open_ephemeral_resource::Response { result: Some(result), ..Default::default() });
        response::attach_warnings(context, response)
    }

    /// Returns an error for a type that is not offered. (Nothing is held open.)
    pub(super) fn known_ephemeral<A: WithDiagnostics>(&self, name: &str) -> Result<A, Diagnostics> {
        self.ephemeral(name).map(|_| A::default())
    }
}

impl<T: ?Sized> Registered<T> {
    fn validate(
        &self,
        config: Option<proto::DynamicValue>,
        rules: impl FnOnce(&Object) -> Diagnostics,
    ) -> Result<Diagnostics, Diagnostics> {
        let Some(config) = convert::decode_object(config, &self.ty)? else { return Ok(Diagnostics::new()) };
        let mut diagnostics = rules(&config);
        diagnostics.extend(check::read_only(&self.schema.block, &config, |value| !value.is_unknown()));
        Ok(diagnostics)
    }

    /// Decodes a configuration to read. A core does not read a data source while a part of its configuration is unknown.
    fn config(&self, config: Option<proto::DynamicValue>) -> Result<Object, Diagnostics> {
        let config = convert::decode_object(config, &self.ty)?.unwrap_or_else(|| self.schema.empty_object());
        match config.iter().find(|(_, value)| !value.is_wholly_known()) {
            Some((name, _)) => Err(Diagnostic::error(
                "Value not known yet",
                format!(
                    "`{name}` depends on a value that is known only after an apply. Apply that first, with `-target`."
                ),
            )
            .at(name.as_str())
            .into()),
            None => {
                let refused = check::read_only(&self.schema.block, &config, |_| true);
                if refused.is_empty() { Ok(config) } else { Err(refused) }
            }
        }
    }

    /// Encodes the result: the arguments as they were configured, and the computed values.
    fn result(&self, config: &Object, found: &Object) -> Result<proto::DynamicValue, Diagnostics> {
        convert::encode_known(plan::with_arguments(&self.schema.block, config, found), &self.ty)
    }
}

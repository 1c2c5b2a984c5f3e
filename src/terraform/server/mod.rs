//! The gRPC service that a core calls: one short function for each RPC.
//!
//! Every error, even a panic, is a diagnostic in the response; no RPC returns a gRPC status. RPCs of features that the
//! provider does not have return a diagnostic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use futures_util::stream;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::proto;
use crate::terraform::data_source::DataSource;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::ephemeral_resource::EphemeralResource;
use crate::terraform::function::Function;
use crate::terraform::identity::IdentitySchema;
use crate::terraform::proto::provider_server::ProviderServer;
use crate::terraform::provider::Provider;
use crate::terraform::resource::{Resource, RpcContext};
use crate::terraform::schema::Schema;
use crate::terraform::types::Type;

mod change;
mod convert;
mod data_sources;
mod functions;
mod identity;
mod import;
mod list;
mod move_state;
mod object;
mod response;

/// The limit of the Go implementations. The library's default is 4 MiB.
const MAX_MESSAGE_SIZE: usize = 256 << 20;

/// Creates the gRPC service for a provider. Cancelling `stop` ends all calls, later ones included; a core's `Stop` ends only
/// those that are running.
pub fn service<P: Provider>(provider: P, stop: CancellationToken) -> ProviderServer<Server<P>> {
    let server = Server { stop: Mutex::new(stop.child_token()), process_stop: stop, ..Server::new(provider) };
    ProviderServer::new(server).max_decoding_message_size(MAX_MESSAGE_SIZE).max_encoding_message_size(MAX_MESSAGE_SIZE)
}

/// A provider as an implementation of the protocol's service.
pub struct Server<P: Provider> {
    provider: P,
    schema: Schema,
    resources: BTreeMap<&'static str, Arc<RegisteredResource<P::Session>>>,
    data_sources: BTreeMap<&'static str, RegisteredDataSource<P>>,
    ephemerals: BTreeMap<&'static str, RegisteredEphemeral<P>>,
    functions: BTreeMap<&'static str, Box<dyn Function>>,
    /// Replaced by every `Configure`: in debug mode one process serves many runs.
    session: RwLock<Option<Arc<P::Session>>>,
    /// Cancelled by `Stop` and replaced at once, so that later calls run.
    stop: Mutex<CancellationToken>,
    /// The parent of the tokens in `stop`. Cancelled when the process ends.
    process_stop: CancellationToken,
}

/// A resource with the values derived from its schema.
struct RegisteredResource<S> {
    resource: Box<dyn Resource<S>>,
    schema: Schema,
    ty: Type,
    identity: Option<IdentitySchema>,
}

type RegisteredDataSource<P> = Registered<dyn DataSource<<P as Provider>::Session>>;
type RegisteredEphemeral<P> = Registered<dyn EphemeralResource<<P as Provider>::Session>>;

/// A data source or an ephemeral resource with the values derived from its schema.
struct Registered<T: ?Sized> {
    schema: Schema,
    ty: Type,
    item: Box<T>,
}

impl<T: ?Sized> Registered<T> {
    fn new(schema: Schema, item: Box<T>) -> Self {
        Self { ty: schema.object_type(), schema, item }
    }
}

impl<P: Provider> Server<P> {
    /// Creates the service without message size limits, for tests that call it as a Rust trait.
    pub fn new(provider: P) -> Self {
        let schema = provider.schema();
        let resources = provider.resources().into_iter().map(|resource| {
            let schema = resource.schema();
            let ty = schema.object_type();
            let identity = resource.identity();
            (resource.name(), Arc::new(RegisteredResource { resource, schema, ty, identity }))
        });
        let resources = resources.collect();
        let data_sources = provider.data_sources().into_iter();
        let data_sources = data_sources.map(|item| (item.name(), Registered::new(item.schema(), item))).collect();
        let ephemerals = provider.ephemeral_resources().into_iter();
        let ephemerals = ephemerals.map(|item| (item.name(), Registered::new(item.schema(), item))).collect();
        let functions = provider.functions().into_iter().map(|function| (function.name(), function)).collect();
        Self {
            provider,
            schema,
            resources,
            data_sources,
            ephemerals,
            functions,
            session: RwLock::default(),
            stop: Mutex::default(),
            process_stop: CancellationToken::new(),
        }
    }

    fn resource(&self, name: &str) -> Result<&Arc<RegisteredResource<P::Session>>, Diagnostics> {
        find(&self.resources, "resource type", name)
    }

    /// Returns the session of the last `Configure`; `None` before the first one. A core upgrades states before it.
    fn session(&self) -> Option<Arc<P::Session>> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the context of a call that needs a session.
    fn context(&self, capabilities: Option<proto::ClientCapabilities>) -> Result<RpcContext<P::Session>, Diagnostics> {
        let session = self.session().ok_or_else(|| {
            Diagnostic::error(
                "Provider is not configured",
                "The caller needs the settings of the provider block and has not sent them. Nothing was changed. This is a \
                 bug in Terraform, OpenTofu or another tool that uses their protocol: report it with the version of the \
                 tool.",
            )
        })?;
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(RpcContext::new(session, stop, capabilities.is_some_and(|client| client.write_only_attributes_allowed)))
    }
}

/// Returns the entry of that name, or an error that lists the names that exist.
fn find<'a, T>(entries: &'a BTreeMap<&'static str, T>, kind: &str, name: &str) -> Result<&'a T, Diagnostics> {
    entries.get(name).ok_or_else(|| {
        let known: Vec<_> = entries.keys().map(|name| format!("`{name}`")).collect();
        let known = if known.is_empty() { String::new() } else { format!("\nSupported: {}", known.join(", ")) };
        not_supported(&format!("no {kind} `{name}`"), &known).into()
    })
}

fn not_supported(missing: &str, facts: &str) -> Diagnostic {
    Diagnostic::error(
        "Not supported by this provider",
        format!(
            "This version of the provider has {missing}. Nothing was changed.{facts}\nCheck the name, or use a version of the \
             provider whose documentation lists it."
        ),
    )
}

fn unsupported<A: response::WithDiagnostics>(missing: &str) -> Result<Response<A>, Status> {
    Ok(Response::new(A::with(not_supported(missing, "").into())))
}

#[async_trait]
impl<P: Provider> proto::provider_server::Provider for Server<P> {
    async fn get_metadata(
        &self,
        _: Request<proto::get_metadata::Request>,
    ) -> Result<Response<proto::get_metadata::Response>, Status> {
        response::run("GetMetadata", "", async { Ok(self.metadata()) }).await
    }

    async fn get_schema(
        &self,
        _: Request<proto::get_provider_schema::Request>,
    ) -> Result<Response<proto::get_provider_schema::Response>, Status> {
        response::run("GetSchema", "", async { Ok(self.schemas()) }).await
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<proto::get_resource_identity_schemas::Request>,
    ) -> Result<Response<proto::get_resource_identity_schemas::Response>, Status> {
        response::run("GetResourceIdentitySchemas", "", async { Ok(self.identity_schemas()) }).await
    }

    async fn prepare_provider_config(
        &self,
        request: Request<proto::prepare_provider_config::Request>,
    ) -> Result<Response<proto::prepare_provider_config::Response>, Status> {
        response::run("PrepareProviderConfig", "", async { self.validate_provider(request.into_inner()) }).await
    }

    async fn configure(
        &self,
        request: Request<proto::configure::Request>,
    ) -> Result<Response<proto::configure::Response>, Status> {
        response::run("Configure", "", async { self.configure_provider(request.into_inner()) }).await
    }

    async fn validate_resource_type_config(
        &self,
        request: Request<proto::validate_resource_type_config::Request>,
    ) -> Result<Response<proto::validate_resource_type_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ValidateResourceTypeConfig", &name, async { self.validate_resource(request) }).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<proto::upgrade_resource_state::Request>,
    ) -> Result<Response<proto::upgrade_resource_state::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("UpgradeResourceState", &name, async { self.upgrade(request) }).await
    }

    async fn read_resource(
        &self,
        request: Request<proto::read_resource::Request>,
    ) -> Result<Response<proto::read_resource::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ReadResource", &name, self.read(request)).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<proto::plan_resource_change::Request>,
    ) -> Result<Response<proto::plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("PlanResourceChange", &name, self.plan(request)).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<proto::apply_resource_change::Request>,
    ) -> Result<Response<proto::apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ApplyResourceChange", &name, self.apply(request)).await
    }

    async fn import_resource_state(
        &self,
        request: Request<proto::import_resource_state::Request>,
    ) -> Result<Response<proto::import_resource_state::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ImportResourceState", &name, self.import(request)).await
    }

    async fn stop(&self, _: Request<proto::stop::Request>) -> Result<Response<proto::stop::Response>, Status> {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        stop.cancel();
        *stop = self.process_stop.child_token();
        tracing::info!(rpc = "Stop", "cancelling running calls");
        Ok(Response::new(proto::stop::Response::default()))
    }

    async fn get_functions(
        &self,
        _: Request<proto::get_functions::Request>,
    ) -> Result<Response<proto::get_functions::Response>, Status> {
        let functions = self.function_signatures().collect();
        Ok(Response::new(proto::get_functions::Response { functions, diagnostics: Vec::new() }))
    }

    async fn call_function(
        &self,
        request: Request<proto::call_function::Request>,
    ) -> Result<Response<proto::call_function::Response>, Status> {
        Ok(Response::new(self.run_function(request.into_inner())))
    }

    async fn validate_data_source_config(
        &self,
        request: Request<proto::validate_data_source_config::Request>,
    ) -> Result<Response<proto::validate_data_source_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ValidateDataSourceConfig", &name, async { self.validate_data_source(request) }).await
    }

    async fn read_data_source(
        &self,
        request: Request<proto::read_data_source::Request>,
    ) -> Result<Response<proto::read_data_source::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ReadDataSource", &name, self.read_data(request)).await
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<proto::validate_ephemeral_resource_config::Request>,
    ) -> Result<Response<proto::validate_ephemeral_resource_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ValidateEphemeralResourceConfig", &name, async { self.validate_ephemeral(request) }).await
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<proto::open_ephemeral_resource::Request>,
    ) -> Result<Response<proto::open_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("OpenEphemeralResource", &name, self.open_ephemeral(request)).await
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<proto::renew_ephemeral_resource::Request>,
    ) -> Result<Response<proto::renew_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("RenewEphemeralResource", &name, async { self.known_ephemeral(&name) }).await
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<proto::close_ephemeral_resource::Request>,
    ) -> Result<Response<proto::close_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("CloseEphemeralResource", &name, async { self.known_ephemeral(&name) }).await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<proto::upgrade_resource_identity::Request>,
    ) -> Result<Response<proto::upgrade_resource_identity::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("UpgradeResourceIdentity", &name, async { self.upgrade_identity(request) }).await
    }

    async fn move_resource_state(
        &self,
        request: Request<proto::move_resource_state::Request>,
    ) -> Result<Response<proto::move_resource_state::Response>, Status> {
        let request = request.into_inner();
        let name = request.target_type_name.clone();
        response::run("MoveResourceState", &name, async { self.move_state(request) }).await
    }

    async fn generate_resource_config(
        &self,
        request: Request<proto::generate_resource_config::Request>,
    ) -> Result<Response<proto::generate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("GenerateResourceConfig", &name, async { self.generate(request) }).await
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<proto::validate_list_resource_config::Request>,
    ) -> Result<Response<proto::validate_list_resource_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        response::run("ValidateListResourceConfig", &name, async { self.validate_list(request) }).await
    }

    type ListResourceStream = BoxStream<proto::list_resource::Event>;

    async fn list_resource(
        &self,
        request: Request<proto::list_resource::Request>,
    ) -> Result<Response<Self::ListResourceStream>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        Ok(Response::new(response::stream("ListResource", name, self.list(request))))
    }

    async fn validate_action_config(
        &self,
        _: Request<proto::validate_action_config::Request>,
    ) -> Result<Response<proto::validate_action_config::Response>, Status> {
        unsupported("no actions")
    }

    async fn plan_action(
        &self,
        _: Request<proto::plan_action::Request>,
    ) -> Result<Response<proto::plan_action::Response>, Status> {
        unsupported("no actions")
    }

    type InvokeActionStream = BoxStream<proto::invoke_action::Event>;

    async fn invoke_action(
        &self,
        _: Request<proto::invoke_action::Request>,
    ) -> Result<Response<Self::InvokeActionStream>, Status> {
        use proto::invoke_action::event::{Completed, Type};
        let diagnostics = vec![convert::diagnostic(not_supported("no actions", ""))];
        // An event without its type crashes a core.
        let event = proto::invoke_action::Event { r#type: Some(Type::Completed(Completed { diagnostics })) };
        Ok(Response::new(Box::pin(stream::iter([Ok(event)]))))
    }
}

#[cfg(test)]
mod tests;

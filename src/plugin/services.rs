//! The services that a host expects of every plugin: controller, stdio, broker and health. Does not depend on connections.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::LaunchMode;
use crate::plugin::proto::health::health_check_response::ServingStatus;
use crate::plugin::proto::health::health_server::{Health, HealthServer};
use crate::plugin::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::plugin::proto::host::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use crate::plugin::proto::host::grpc_controller_server::{GrpcController, GrpcControllerServer};
use crate::plugin::proto::host::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use crate::plugin::proto::host::{ConnInfo, Empty, StdioData};

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Adds the services to the routes. The host's call to shut down cancels `end`, which also ends the open streams.
pub(super) fn add(service: Routes, mode: LaunchMode, end: &CancellationToken) -> Routes {
    let session = HostSession { mode, end: end.clone() };
    service
        .add_service(GrpcControllerServer::new(session.clone()))
        .add_service(GrpcStdioServer::new(session.clone()))
        .add_service(GrpcBrokerServer::new(session.clone()))
        .add_service(HealthServer::new(session))
}

/// A service that tracks its calls until their responses are complete.
#[derive(Clone)]
pub(super) struct Counted<S> {
    service: S,
    calls: TaskTracker,
}

impl<S> Counted<S> {
    pub(super) fn new(service: S, calls: TaskTracker) -> Self {
        Self { service, calls }
    }
}

impl<S: NamedService> NamedService for Counted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Counted<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.calls.track_future(self.service.call(request)))
    }
}

#[derive(Clone)]
struct HostSession {
    mode: LaunchMode,
    end: CancellationToken,
}

impl HostSession {
    /// Returns a stream of the responses that ends at the shutdown.
    fn until_end<T: Send + 'static>(
        &self,
        responses: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> Response<Responses<T>> {
        Response::new(Box::pin(responses.take_until(self.end.clone().cancelled_owned())))
    }
}

#[tonic::async_trait]
impl GrpcController for HostSession {
    /// Ends the process after the response. In debug mode the process stays for the next session.
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        if self.mode == LaunchMode::Plugin {
            self.end.cancel();
        }
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for HostSession {
    type StreamStdioStream = Responses<StdioData>;

    /// Returns a stream that stays open without output: the provider prints nothing, and hosts treat the end of this stream
    /// as the end of the plugin.
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(self.until_end(stream::pending()))
    }
}

#[tonic::async_trait]
impl GrpcBroker for HostSession {
    type StartStreamStream = Responses<ConnInfo>;

    /// Returns a stream that stays open as long as the host's. Ignores the host's messages.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(self.until_end(request.into_inner().filter_map(|_| ready(None))))
    }
}

#[tonic::async_trait]
impl Health for HostSession {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match status(&request) {
            ServingStatus::Serving => Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() })),
            _ => Err(Status::not_found("no health status for this service: the only one is `plugin`")),
        }
    }

    type WatchStream = Responses<HealthCheckResponse>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let status = HealthCheckResponse { status: status(&request).into() };
        Ok(self.until_end(stream::iter([Ok(status)]).chain(stream::pending())))
    }
}

/// Returns the health of a service. Hosts use the name `plugin`; the empty name means the whole process.
fn status(request: &Request<HealthCheckRequest>) -> ServingStatus {
    match request.get_ref().service.as_str() {
        "" | "plugin" => ServingStatus::Serving,
        _ => ServingStatus::ServiceUnknown,
    }
}

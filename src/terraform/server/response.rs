//! Runs the work of an RPC: converts errors and panics to diagnostics of the response and writes one log line.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::{FutureExt, stream};
use tonic::codegen::BoxStream;
use tonic::{Response, Status};

use super::convert;
use crate::panic_hook;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::proto;
use crate::terraform::proto::list_resource::Event;
use crate::terraform::resource::RpcContext;

/// A response that carries diagnostics.
pub(super) trait WithDiagnostics: Default {
    /// Returns the diagnostics of the response.
    fn diagnostics(&mut self) -> &mut Vec<proto::Diagnostic>;

    /// Creates a response of nothing but diagnostics.
    fn with(diagnostics: Diagnostics) -> Self {
        Self::default().and(diagnostics)
    }

    /// Adds diagnostics.
    fn and(mut self, diagnostics: Diagnostics) -> Self {
        self.diagnostics().extend(diagnostics.into_iter().map(convert::diagnostic));
        self
    }
}

/// Returns the response with the diagnostics of the call; all of them as `Err` if one is an error.
pub(super) fn attach_diagnostics<A: WithDiagnostics, S: Send + Sync + 'static>(
    call: RpcContext<S>,
    response: Result<A, Diagnostics>,
) -> Result<A, Diagnostics> {
    let mut diagnostics = call.into_diagnostics();
    match response {
        Ok(response) => Ok(response.and(diagnostics.into_result()?)),
        Err(errors) => {
            diagnostics.extend(errors);
            Err(diagnostics)
        }
    }
}

/// Returns the response of a change that has taken effect, with the diagnostics of the call as warnings: a core taints an
/// object that is returned with an error.
pub(super) fn attach_warnings<A: WithDiagnostics, S: Send + Sync + 'static>(
    call: RpcContext<S>,
    response: Result<A, Diagnostics>,
) -> Result<A, Diagnostics> {
    match response {
        Ok(response) => Ok(response.and(call.into_diagnostics().into_iter().map(Diagnostic::as_warning).collect())),
        Err(_) => attach_diagnostics(call, response),
    }
}

/// Runs the work of an RPC. Errors become a response without other content.
pub(super) async fn run<A: WithDiagnostics>(
    rpc: &'static str,
    object: &str,
    work: impl Future<Output = Result<A, Diagnostics>>,
) -> Result<Response<A>, Status> {
    let start = Instant::now();
    // Unwind safety: what RPCs share is behind locks that recover from poisoning.
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    let mut response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(diagnostics)) => A::with(diagnostics),
        Err(_payload_may_hold_a_secret) => A::with(panicked(rpc).into()),
    };
    log(rpc, object, start, response.diagnostics());
    Ok(Response::new(response))
}

/// Runs the work of an RPC that returns a stream of events. It starts when the stream is read and ends when the stream is
/// dropped. Errors become one event without other content.
pub(super) fn stream(
    rpc: &'static str,
    object: String,
    work: impl Future<Output = Result<Vec<Event>, Diagnostics>> + Send + 'static,
) -> BoxStream<Event> {
    let events = async move {
        let start = Instant::now();
        let events = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(events)) => events,
            Ok(Err(diagnostics)) => vec![event(diagnostics)],
            Err(_payload_may_hold_a_secret) => vec![event(panicked(rpc).into())],
        };
        let diagnostics: Vec<_> = events.iter().flat_map(|event| event.diagnostic.clone()).collect();
        log(rpc, &object, start, &diagnostics);
        stream::iter(events.into_iter().map(Ok))
    };
    Box::pin(events.flatten_stream())
}

/// Creates an event of nothing but diagnostics.
pub(super) fn event(diagnostics: Diagnostics) -> Event {
    Event { diagnostic: diagnostics.into_iter().map(convert::diagnostic).collect(), ..Default::default() }
}

fn log(rpc: &'static str, object: &str, start: Instant, diagnostics: &[proto::Diagnostic]) {
    let error = proto::diagnostic::Severity::Error as i32;
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == error).count();
    let warnings = diagnostics.len() - errors;
    let duration_ms = start.elapsed().as_secs_f64() * 1000.0;
    let outcome = if errors == 0 { "ok" } else { "error" };
    tracing::debug!(rpc, object, outcome, errors, warnings, duration_ms, "call finished");
}

pub(super) fn panicked(rpc: &str) -> Diagnostic {
    let location = panic_hook::last_location().unwrap_or_else(|| "unknown".to_owned());
    Diagnostic::error(
        format!("The provider crashed while handling `{rpc}`"),
        format!(
            "This is a bug in the provider. A change may or may not have taken effect; the next plan shows the current \
             state.\nLocation: {location}\nReport the location together with the version of the provider. The panic message \
             is left out because it may contain a secret."
        ),
    )
}

macro_rules! with_diagnostics {
    ($($module:ident,)*) => {
        $(impl WithDiagnostics for proto::$module::Response {
            fn diagnostics(&mut self) -> &mut Vec<proto::Diagnostic> {
                &mut self.diagnostics
            }
        })*
    };
}

with_diagnostics! {
    apply_resource_change,
    close_ephemeral_resource,
    configure,
    generate_resource_config,
    get_metadata,
    get_provider_schema,
    get_resource_identity_schemas,
    import_resource_state,
    move_resource_state,
    open_ephemeral_resource,
    plan_action,
    plan_resource_change,
    prepare_provider_config,
    read_data_source,
    read_resource,
    renew_ephemeral_resource,
    upgrade_resource_identity,
    upgrade_resource_state,
    validate_action_config,
    validate_data_source_config,
    validate_ephemeral_resource_config,
    validate_list_resource_config,
    validate_resource_type_config,
}

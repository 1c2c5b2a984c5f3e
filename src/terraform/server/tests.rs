//! The service, called as a Rust trait by a model of a core. Objects are in the notation of `terraform::notation`.

mod errors;
mod identity;
mod import;
mod lifecycle;
mod list;
mod move_state;
mod protocol;
mod reading;
mod toys;

use tonic::Request;

use self::toys::Toys;
use super::response::WithDiagnostics;
use super::{Server, convert};
use crate::terraform::notation::{entries, object, proposed, show, state};
use crate::terraform::proto;
use crate::terraform::proto::DynamicValue;
use crate::terraform::proto::provider_server::Provider as _;
use crate::terraform::value::Value;

/// A model of a core.
struct Core {
    server: Server<Toys>,
    /// Its capabilities in validate, plan and read.
    capabilities: Option<proto::ClientCapabilities>,
}

/// A response: the object in the notation, or `null`, or `absent`; the replaced paths; the diagnostics, one per line.
#[derive(Debug, PartialEq)]
struct Outcome {
    state: String,
    replace: String,
    private: Vec<u8>,
    diagnostics: String,
}

impl Core {
    fn new() -> Self {
        let capabilities = proto::ClientCapabilities { write_only_attributes_allowed: true, ..Default::default() };
        Self { server: Server::new(Toys::default()), capabilities: Some(capabilities) }
    }

    async fn configured() -> Self {
        let core = Self::new();
        assert_eq!(core.configure("label=shop").await, "");
        core
    }

    async fn configure(&self, config: &str) -> String {
        let config = convert::encode(entries(config), &self.server.schema.object_type()).unwrap();
        let request = proto::configure::Request {
            config: Some(config),
            terraform_version: "1.11.0".into(),
            ..Default::default()
        };
        diagnostics(&mut self.server.configure(Request::new(request)).await.unwrap().into_inner())
    }

    async fn validate(&self, type_name: &str, config: &str) -> String {
        let request = proto::validate_resource_type_config::Request {
            type_name: type_name.into(),
            config: self.encode(type_name, config),
            client_capabilities: self.capabilities,
        };
        diagnostics(&mut self.server.validate_resource_type_config(Request::new(request)).await.unwrap().into_inner())
    }

    fn plan_request(
        &self,
        type_name: &str,
        prior: &str,
        config: &str,
        private: &[u8],
    ) -> proto::plan_resource_change::Request {
        let block = &self.server.resource(type_name).unwrap().schema.block;
        let proposal = state(block, config).map(|config| proposed(block, state(block, prior).as_ref(), &config));
        proto::plan_resource_change::Request {
            type_name: type_name.into(),
            prior_state: self.encode(type_name, prior),
            proposed_new_state: self.encode(type_name, &proposal.as_ref().map_or_else(|| "-".to_owned(), show)),
            config: self.encode(type_name, config),
            prior_private: private.to_vec(),
            client_capabilities: self.capabilities,
            ..Default::default()
        }
    }

    async fn plan(&self, type_name: &str, prior: &str, config: &str, private: &[u8]) -> Outcome {
        let request = self.plan_request(type_name, prior, config, private);
        let mut response = self.server.plan_resource_change(Request::new(request)).await.unwrap().into_inner();
        let replace = response.requires_replace.iter().map(path);
        Outcome {
            replace: replace.collect::<Vec<_>>().join(" "),
            diagnostics: diagnostics(&mut response),
            state: self.decode(type_name, response.planned_state),
            private: response.planned_private,
        }
    }

    fn apply_request(
        &self,
        type_name: &str,
        prior: &str,
        planned: &str,
        config: &str,
        private: &[u8],
    ) -> proto::apply_resource_change::Request {
        proto::apply_resource_change::Request {
            type_name: type_name.into(),
            prior_state: self.encode(type_name, prior),
            planned_state: self.encode(type_name, planned),
            config: self.encode(type_name, config),
            planned_private: private.to_vec(),
            ..Default::default()
        }
    }

    /// Plans and applies the plan.
    async fn apply(&self, type_name: &str, prior: &str, config: &str, private: &[u8]) -> Outcome {
        let plan = self.plan(type_name, prior, config, private).await;
        assert_eq!(plan.diagnostics.lines().find(|line| line.starts_with("error")), None, "{plan:?}");
        let planned = if plan.state == "null" { "-" } else { &plan.state };
        let request = self.apply_request(type_name, prior, planned, config, &plan.private);
        self.send_apply(request).await
    }

    async fn send_apply(&self, request: proto::apply_resource_change::Request) -> Outcome {
        let type_name = request.type_name.clone();
        let mut response = self.server.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        Outcome {
            replace: String::new(),
            diagnostics: diagnostics(&mut response),
            state: self.decode(&type_name, response.new_state),
            private: response.private,
        }
    }

    async fn read(&self, type_name: &str, current: &str, private: &[u8]) -> Outcome {
        let request = proto::read_resource::Request {
            type_name: type_name.into(),
            current_state: self.encode(type_name, current),
            private: private.to_vec(),
            client_capabilities: self.capabilities,
            ..Default::default()
        };
        let mut response = self.server.read_resource(Request::new(request)).await.unwrap().into_inner();
        Outcome {
            replace: String::new(),
            diagnostics: diagnostics(&mut response),
            state: self.decode(type_name, response.new_state),
            private: response.private,
        }
    }

    async fn import(&self, type_name: &str, id: &str) -> Outcome {
        let request =
            proto::import_resource_state::Request { type_name: type_name.into(), id: id.into(), ..Default::default() };
        let mut response = self.server.import_resource_state(Request::new(request)).await.unwrap().into_inner();
        let diagnostics = diagnostics(&mut response);
        let mut imported = response.imported_resources.into_iter();
        let first = imported.next().unwrap_or_default();
        assert!(imported.next().is_none() && (first.type_name == type_name || first.state.is_none()));
        Outcome {
            replace: String::new(),
            diagnostics,
            state: self.decode(type_name, first.state),
            private: first.private,
        }
    }

    async fn upgrade(&self, type_name: &str, version: i64, json: &str) -> Outcome {
        let raw_state = Some(proto::RawState { json: json.into(), ..Default::default() });
        let request = proto::upgrade_resource_state::Request { type_name: type_name.into(), version, raw_state };
        let mut response = self.server.upgrade_resource_state(Request::new(request)).await.unwrap().into_inner();
        let (replace, private) = Default::default();
        Outcome {
            replace,
            private,
            diagnostics: diagnostics(&mut response),
            state: self.decode(type_name, response.upgraded_state),
        }
    }

    async fn stop(&self) {
        self.server.stop(Request::new(proto::stop::Request {})).await.unwrap();
    }

    fn encode(&self, type_name: &str, text: &str) -> Option<DynamicValue> {
        let kind = self.server.resource(type_name).unwrap();
        Some(match state(&kind.schema.block, text) {
            Some(_) => convert::encode(object(&kind.schema.block, text), &kind.ty).unwrap(),
            None => convert::encode_null(&kind.ty).unwrap(),
        })
    }

    fn decode(&self, type_name: &str, value: Option<DynamicValue>) -> String {
        let Some(value) = value else { return "absent".to_owned() };
        assert!(value.json.is_empty() && !value.msgpack.is_empty());
        match convert::decode(Some(value), &self.server.resource(type_name).unwrap().ty).unwrap() {
            Value::Object(object) => show(&object),
            Value::Null => "null".to_owned(),
            _ => panic!("neither an object nor null"),
        }
    }
}

impl Outcome {
    fn of(state: &str) -> Self {
        Self { state: state.into(), replace: String::new(), private: Vec::new(), diagnostics: String::new() }
    }

    fn with_diagnostics(self, diagnostics: &str) -> Self {
        Self { diagnostics: diagnostics.into(), ..self }
    }
}

/// Returns severity, summary and path of each diagnostic, one per line.
fn diagnostics<A: WithDiagnostics>(response: &mut A) -> String {
    response.diagnostics().iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(diagnostic: &proto::Diagnostic) -> String {
    assert!(!diagnostic.detail.contains("hunter2") && !diagnostic.summary.contains("hunter2"));
    let severity = diagnostic.severity().as_str_name().to_lowercase();
    let place = diagnostic.attribute.as_ref().map(|at| format!(" @ {}", path(at))).unwrap_or_default();
    format!("{severity}: {}{place}", diagnostic.summary)
}

fn path(path: &proto::AttributePath) -> String {
    use proto::attribute_path::step::Selector;
    let steps = path.steps.iter().map(|step| match step.selector.as_ref().unwrap() {
        Selector::AttributeName(name) | Selector::ElementKeyString(name) => name.clone(),
        Selector::ElementKeyInt(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

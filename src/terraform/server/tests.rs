//! The service, called as a Rust trait by what stands in for a core. Objects are in the notation of
//! `terraform::notation`.

mod elsewhere;
mod life;
mod protocol;
mod toys;
mod trouble;

use tonic::Request;

use self::toys::Toys;
use super::response::WithDiagnostics;
use super::{Server, convert};
use crate::terraform::notation::{entries, object, proposed, show, state};
use crate::terraform::proto;
use crate::terraform::proto::DynamicValue;
use crate::terraform::proto::provider_server::Provider as _;
use crate::terraform::value::Value;

/// What stands in for a core.
struct Core {
    server: Server<Toys>,
    /// What it says about itself in validate, plan and read.
    capabilities: Option<proto::ClientCapabilities>,
}

/// An answer: the object in the notation, or `null`, or `absent`; the replaced paths; what was said, line by line.
#[derive(Debug, PartialEq)]
struct Told {
    state: String,
    replace: String,
    private: Vec<u8>,
    said: String,
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
        said(&mut self.server.configure(Request::new(request)).await.unwrap().into_inner())
    }

    async fn validate(&self, of: &str, config: &str) -> String {
        let request = proto::validate_resource_type_config::Request {
            type_name: of.into(),
            config: self.encode(of, config),
            client_capabilities: self.capabilities,
        };
        said(&mut self.server.validate_resource_type_config(Request::new(request)).await.unwrap().into_inner())
    }

    fn plan_request(
        &self,
        of: &str,
        prior: &str,
        config: &str,
        private: &[u8],
    ) -> proto::plan_resource_change::Request {
        let block = &self.server.kind(of).unwrap().schema.block;
        let proposal = state(block, config).map(|config| proposed(block, state(block, prior).as_ref(), &config));
        proto::plan_resource_change::Request {
            type_name: of.into(),
            prior_state: self.encode(of, prior),
            proposed_new_state: self.encode(of, &proposal.as_ref().map_or_else(|| "-".to_owned(), show)),
            config: self.encode(of, config),
            prior_private: private.to_vec(),
            client_capabilities: self.capabilities,
            ..Default::default()
        }
    }

    async fn plan(&self, of: &str, prior: &str, config: &str, private: &[u8]) -> Told {
        let request = self.plan_request(of, prior, config, private);
        let mut response = self.server.plan_resource_change(Request::new(request)).await.unwrap().into_inner();
        let replace = response.requires_replace.iter().map(path);
        Told {
            replace: replace.collect::<Vec<_>>().join(" "),
            said: said(&mut response),
            state: self.decode(of, response.planned_state),
            private: response.planned_private,
        }
    }

    fn apply_request(
        &self,
        of: &str,
        prior: &str,
        planned: &str,
        config: &str,
        private: &[u8],
    ) -> proto::apply_resource_change::Request {
        proto::apply_resource_change::Request {
            type_name: of.into(),
            prior_state: self.encode(of, prior),
            planned_state: self.encode(of, planned),
            config: self.encode(of, config),
            planned_private: private.to_vec(),
            ..Default::default()
        }
    }

    /// Plans, and applies what was planned.
    async fn apply(&self, of: &str, prior: &str, config: &str, private: &[u8]) -> Told {
        let plan = self.plan(of, prior, config, private).await;
        assert_eq!(plan.said.lines().find(|line| line.starts_with("error")), None, "{plan:?}");
        let planned = if plan.state == "null" { "-" } else { &plan.state };
        let request = self.apply_request(of, prior, planned, config, &plan.private);
        self.apply_as_it_is(request).await
    }

    async fn apply_as_it_is(&self, request: proto::apply_resource_change::Request) -> Told {
        let of = request.type_name.clone();
        let mut response = self.server.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        Told {
            replace: String::new(),
            said: said(&mut response),
            state: self.decode(&of, response.new_state),
            private: response.private,
        }
    }

    async fn read(&self, of: &str, current: &str, private: &[u8]) -> Told {
        let request = proto::read_resource::Request {
            type_name: of.into(),
            current_state: self.encode(of, current),
            private: private.to_vec(),
            client_capabilities: self.capabilities,
            ..Default::default()
        };
        let mut response = self.server.read_resource(Request::new(request)).await.unwrap().into_inner();
        Told {
            replace: String::new(),
            said: said(&mut response),
            state: self.decode(of, response.new_state),
            private: response.private,
        }
    }

    async fn import(&self, of: &str, id: &str) -> Told {
        let request =
            proto::import_resource_state::Request { type_name: of.into(), id: id.into(), ..Default::default() };
        let mut response = self.server.import_resource_state(Request::new(request)).await.unwrap().into_inner();
        let said = said(&mut response);
        let mut imported = response.imported_resources.into_iter();
        let first = imported.next().unwrap_or_default();
        assert!(imported.next().is_none() && (first.type_name == of || first.state.is_none()));
        Told { replace: String::new(), said, state: self.decode(of, first.state), private: first.private }
    }

    async fn upgrade(&self, of: &str, version: i64, json: &str) -> Told {
        let raw_state = Some(proto::RawState { json: json.into(), ..Default::default() });
        let request = proto::upgrade_resource_state::Request { type_name: of.into(), version, raw_state };
        let mut response = self.server.upgrade_resource_state(Request::new(request)).await.unwrap().into_inner();
        let (replace, private) = Default::default();
        Told { replace, private, said: said(&mut response), state: self.decode(of, response.upgraded_state) }
    }

    async fn stop(&self) {
        self.server.stop(Request::new(proto::stop::Request {})).await.unwrap();
    }

    fn encode(&self, of: &str, text: &str) -> Option<DynamicValue> {
        let kind = self.server.kind(of).unwrap();
        Some(match state(&kind.schema.block, text) {
            Some(_) => convert::encode(object(&kind.schema.block, text), &kind.ty).unwrap(),
            None => convert::encode_null(&kind.ty).unwrap(),
        })
    }

    fn decode(&self, of: &str, value: Option<DynamicValue>) -> String {
        let Some(value) = value else { return "absent".to_owned() };
        assert!(value.json.is_empty() && !value.msgpack.is_empty());
        match convert::decode(Some(value), &self.server.kind(of).unwrap().ty).unwrap() {
            Value::Object(object) => show(&object),
            Value::Null => "null".to_owned(),
            _ => panic!("neither an object nor null"),
        }
    }
}

impl Told {
    fn of(state: &str) -> Self {
        Self { state: state.into(), replace: String::new(), private: Vec::new(), said: String::new() }
    }

    fn saying(self, said: &str) -> Self {
        Self { said: said.into(), ..self }
    }
}

/// Severity, summary and place of each message, in a line.
fn said<A: WithDiagnostics>(response: &mut A) -> String {
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

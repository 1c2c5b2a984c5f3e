//! A small provider. `Balls` is a minimal resource; `Faulty` does everything that a resource must not do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::reading::{Join, Label};
use crate::terraform::data_source::DataSource;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::ephemeral_resource::EphemeralResource;
use crate::terraform::function::Function;
use crate::terraform::identity::IdentitySchema;
use crate::terraform::model::{Field, Model, model};
use crate::terraform::move_state::{MoveSource, Moved};
use crate::terraform::private::Private;
use crate::terraform::provider::{Configured, Provider};
use crate::terraform::resource::{AppliedChange, ImportTarget, Listed, PlannedChange, Resource, RpcContext};
use crate::terraform::schema::{Block, Schema, computed, optional, required};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

#[derive(Default)]
pub(super) struct Toys {
    pub(super) shelf: Arc<Mutex<BTreeMap<String, Ball>>>,
    pub(super) started: Arc<Notify>,
}

pub(super) struct Shop {
    shelf: Arc<Mutex<BTreeMap<String, Ball>>>,
    started: Arc<Notify>,
    label: String,
}

impl Provider for Toys {
    type Session = Shop;

    fn schema(&self) -> Schema {
        Schema::new("Toys.").attribute(optional("label", Type::String, "Name of the shop."))
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        match config.get("label").as_str() {
            Some("") => Diagnostic::error("Empty label", "").at("label").into(),
            _ => Diagnostics::new(),
        }
    }

    fn configure(&self, config: &Object, _: &str) -> Result<Configured<Shop>, Diagnostics> {
        let label = config.get("label").as_str().unwrap_or_default().to_owned();
        let warnings = match label.as_str() {
            "closed" => return Err(Diagnostic::error("Closed", "").at("label").into()),
            "dusty" => Diagnostic::warning("Dusty", "").into(),
            "panic" => panic!("hunter2"),
            _ => Diagnostics::new(),
        };
        let session = Shop { shelf: self.shelf.clone(), started: self.started.clone(), label };
        Ok(Configured { session, warnings })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shop>>> {
        vec![Box::new(Balls), Box::new(Faulty)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Shop>>> {
        vec![Box::new(Label)]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn EphemeralResource<Shop>>> {
        vec![Box::new(Label)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(Join)]
    }
}

model! {
    pub(super) struct Ball {
        id: String,
        name: String,
        color: String,
        shape: String,
        seen: String,
        timeouts: Value,
    }
}

struct Balls;

impl Balls {
    fn put(call: &RpcContext<Shop>, planned: &Object) -> Object {
        let mut shelf = call.session().shelf.lock().unwrap();
        let mut ball = Ball::from_object(planned);
        let id = ball.id.into_known().unwrap_or_else(|| (shelf.len() + 1).to_string());
        ball.id = Field::Known(id.clone());
        ball.seen = Field::Known("s".to_owned());
        shelf.insert(id, ball.clone());
        ball.into_object()
    }
}

#[async_trait]
impl Resource<Shop> for Balls {
    fn name(&self) -> &'static str {
        "toy_ball"
    }

    fn schema(&self) -> Schema {
        Schema::new("A ball.")
            .attribute(computed("id", Type::String, "Identifier.").use_state_for_unknown())
            .attribute(required("name", Type::String, "Name."))
            .attribute(optional("color", Type::String, "Color.").default("red"))
            .attribute(optional("shape", Type::String, "Shape.").requires_replace())
            .attribute(optional("pin", Type::String, "Secret.").write_only())
            .attribute(computed("seen", Type::String, "Last seen."))
            .block("timeouts", Block::new("").attribute(optional("create", Type::String, "")))
    }

    async fn create(&self, call: &RpcContext<Shop>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        Ok(Self::put(call, &change.planned))
    }

    async fn read(&self, call: &RpcContext<Shop>, state: &Object, _: &Private) -> Result<Option<Object>, Diagnostics> {
        let shelf = call.session().shelf.lock().unwrap();
        Ok(state.get("id").as_str().and_then(|id| shelf.get(id)).map(|ball| ball.clone().into_object()))
    }

    async fn update(&self, call: &RpcContext<Shop>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        Ok(Self::put(call, &change.planned))
    }

    async fn delete(&self, call: &RpcContext<Shop>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        call.session().shelf.lock().unwrap().remove(state.get("id").as_str().unwrap_or_default());
        Ok(())
    }

    async fn import(&self, _: &RpcContext<Shop>, target: ImportTarget<'_>) -> Result<Object, Diagnostics> {
        let id = match target {
            ImportTarget::Id(id) => id,
            ImportTarget::Identity(identity) => identity.get("id").as_str().unwrap(),
        };
        Ok(Ball { id: Field::Known(id.to_owned()), ..Ball::default() }.into_object())
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::new().attribute("id", "Identifier."))
    }

    fn move_from(&self, source: &MoveSource) -> Result<Moved, Diagnostics> {
        if !source.is("toys/old", "old_marble") {
            return Err(Diagnostic::error("Only marbles", "").into());
        }
        let fields = ["id", "name", "pin"].map(|name| (name.to_owned(), Type::String));
        let mut private = Private::default();
        private.keep("version", source.schema_version.into());
        private.plan("sends", true.into());
        Ok(Moved { state: source.object(&Type::Object(fields.into()))?, private })
    }

    fn list_schema(&self) -> Option<Schema> {
        Some(Schema::new("Balls.").attribute(optional("color", Type::String, "Color.")))
    }

    fn validate_list(&self, config: &Object) -> Diagnostics {
        match config.get("color").as_str() {
            Some("") => Diagnostic::error("Empty color", "").at("color").into(),
            _ => Diagnostics::new(),
        }
    }

    async fn list(&self, call: &RpcContext<Shop>, config: &Object) -> Result<Vec<Listed>, Diagnostics> {
        match config.get("color").as_str().unwrap_or_default() {
            "panic" => panic!("hunter2"),
            "refuse" => return Err(Diagnostic::error("Refused", "").at("color").into()),
            "dusty" => call.warn(Diagnostic::warning("Dusty", "")),
            "wait" => {
                call.session().started.notify_one();
                call.stopped().await;
                return Err(Diagnostic::error("Stopped", "").into());
            }
            _ => {}
        }
        let shelf = call.session().shelf.lock().unwrap();
        let listed = shelf.values().map(|ball| {
            let title = ball.name.known().cloned().unwrap_or_default();
            let mut object = ball.clone().into_object();
            object.set("pin", "hunter2");
            Listed { object, title }
        });
        Ok(listed.collect())
    }
}

struct Faulty;

impl Faulty {
    /// Does what `mode` names, in any RPC.
    async fn act(&self, call: &RpcContext<Shop>, object: &Object) -> Result<Object, Diagnostics> {
        let mut response = object.clone();
        response.set("id", "1");
        response.set("size", "big");
        match object.get("mode").as_str().unwrap_or_default() {
            "panic" => panic!("hunter2"),
            "refuse" => {
                call.warn(Diagnostic::warning("Careful", ""));
                return Err(Diagnostic::error("Refused", "").at("mode").into());
            }
            "label" => call.warn(Diagnostic::warning(call.session().label.clone(), "")),
            "cry" => call.warn(Diagnostic::error("Wolf", "")),
            "wait" => {
                call.session().started.notify_one();
                call.stopped().await;
                assert!(call.is_stopped() && call.unless_stopped(async {}).await.is_none());
                return Err(Diagnostic::error("Stopped", "").into());
            }
            "unknown" => response.set("size", Value::unknown()),
            "wrong" => response.set("size", Value::List(vec!["hunter2".into()])),
            "misfit" => response.set("owner", true),
            "other" => response.set("owner", "hunter2"),
            "less" => response.set("owner", Value::Null),
            "more" => response.set("more", "hunter2"),
            "leak" => response.set("pin", "hunter2"),
            "nothing" => response = Object::new(),
            _ => assert!(!call.is_stopped() && call.unless_stopped(async {}).await.is_some()),
        }
        Ok(response)
    }
}

#[async_trait]
impl Resource<Shop> for Faulty {
    fn name(&self) -> &'static str {
        "toy_faulty"
    }

    fn schema(&self) -> Schema {
        let mut schema = Schema::new("Faulty.")
            .attribute(computed("id", Type::String, "Identifier.").use_state_for_unknown())
            .attribute(optional("mode", Type::String, "What goes wrong in which RPC."))
            .attribute(optional("plan", Type::String, "What goes wrong in the plan."))
            .attribute(optional("owner", Type::String, "Any text."))
            .attribute(optional("pin", Type::String, "Secret.").write_only())
            .attribute(computed("size", Type::String, "Size."))
            .block("block", Block::new("").attribute(optional("pin", Type::String, "").write_only()));
        schema.version = 3;
        schema
    }

    fn same(&self, _: &str, a: &Value, b: &Value) -> bool {
        matches!((a.as_str(), b.as_str()), (Some(a), Some(b)) if a.trim() == b.trim())
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        assert!(config.get("mode").as_str() != Some("panic"), "hunter2");
        Diagnostics::new()
    }

    async fn plan(&self, call: &RpcContext<Shop>, change: &mut PlannedChange) -> Result<(), Diagnostics> {
        let (planned, private) = (&mut change.planned, &mut change.private);
        match planned.get("plan").as_str().unwrap_or_default() {
            "private" => {
                private.keep("seen", 1.into());
                private.plan("sends", true.into());
            }
            "invalid" => planned.set("owner", "hunter2"),
            "leak" => planned.set("pin", "hunter2"),
            "wrong" => planned.set("size", true),
            "more" => planned.set("more", "hunter2"),
            "careful" => call.warn(Diagnostic::warning("Careful", "")),
            "cry" => call.warn(Diagnostic::error("Wolf", "")),
            "refuse" => return Err(Diagnostic::error("Refused", "").into()),
            "panic" => panic!("hunter2"),
            _ => {}
        }
        Ok(())
    }

    async fn plan_destroy(&self, _: &RpcContext<Shop>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        match state.get("plan").as_str() {
            Some("refuse") => Err(Diagnostic::error("Kept", "").into()),
            _ => Ok(()),
        }
    }

    async fn create(&self, call: &RpcContext<Shop>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        let response = self.act(call, &change.planned).await;
        // The server ignores changes of the plan here.
        change.planned = Object::new();
        response
    }

    async fn read(&self, call: &RpcContext<Shop>, state: &Object, _: &Private) -> Result<Option<Object>, Diagnostics> {
        let gone = state.get("mode").as_str() == Some("gone");
        if gone { Ok(None) } else { self.act(call, state).await.map(Some) }
    }

    async fn update(&self, call: &RpcContext<Shop>, change: &mut AppliedChange) -> Result<Object, Diagnostics> {
        if change.private.planned("sends").is_some() {
            change.private.keep("sent", true.into());
        }
        self.act(call, &change.planned).await
    }

    async fn delete(&self, call: &RpcContext<Shop>, state: &Object, _: &Private) -> Result<(), Diagnostics> {
        self.act(call, state).await.map(drop)
    }
}

//! RPCs that only cores newer than the installed one send: resource identities, lists, generated configurations.

#![cfg(unix)]

use std::fmt::Write as _;

use prost::Message;
use serde_json::{Value as Json, json};
use terraform_provider_kms::provider::Kms as Provider;
use terraform_provider_kms::terraform::provider::Provider as _;
use terraform_provider_kms::terraform::resource::Resource;
use terraform_provider_kms::terraform::types::Type;
use terraform_provider_kms::terraform::value::{Object, Value};
use terraform_provider_kms::terraform::wire;

use crate::process::host::{COOKIE, Plugin, Session, command};
use crate::support::kms::{Kms, Options};
use crate::support::provider;
use crate::support::scene::Scene;

use self::proto::{DynamicValue, ResourceIdentityData};

pub(crate) mod proto {
    #![expect(unreachable_pub, unused_qualifications, clippy::all, reason = "generated from proto/tfplugin5.proto")]
    include!(concat!(env!("OUT_DIR"), "/tfplugin5.rs"));
}

pub(crate) const TYPE: &str = "kms_postgres_connection";

pub(crate) struct Core {
    session: Session,
    _plugin: Plugin,
    resource: Box<dyn Resource<<Provider as terraform_provider_kms::terraform::provider::Provider>::Session>>,
}

impl Core {
    /// A configured program.
    pub(crate) async fn new(kms: &Kms) -> Self {
        let mut command = command(provider());
        command.envs([COOKIE]).envs([
            ("KMS_HOST", kms.url().as_str()),
            ("KMS_UNIVERSAL_AUTH_CLIENT_ID", kms.client_id()),
            ("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", kms.client_secret()),
        ]);
        let plugin = Plugin::spawn(command).await;
        let session = plugin.plain().await.unwrap();
        let resource = Provider.resources().into_iter().find(|resource| resource.name() == TYPE).unwrap();
        let core = Self { session, _plugin: plugin, resource };
        let schema = Provider.schema();
        let config = Some(encode(schema.empty_object(), &schema.object_type()));
        let configured: proto::configure::Response =
            core.call("Configure", proto::configure::Request { config, ..Default::default() }).await;
        assert!(configured.diagnostics.is_empty());
        core
    }

    pub(crate) async fn call<A: Message + Default>(&self, rpc: &str, request: impl Message) -> A {
        let response =
            self.session.call(&format!("/tfplugin5.Provider/{rpc}"), &request.encode_to_vec()).await.unwrap();
        A::decode(response.as_slice()).unwrap()
    }

    async fn list(&self, config: Json, limit: i64, include_resource_object: bool) -> Vec<proto::list_resource::Event> {
        let of = self.resource.list_schema().unwrap().object_type();
        let Value::Object(config) = wire::json::decode_state(config.to_string().as_bytes(), &of).unwrap() else {
            panic!("an object")
        };
        let config = Some(encode(config, &of));
        let request = proto::list_resource::Request { type_name: TYPE.into(), config, include_resource_object, limit };
        let call =
            self.session.start("/tfplugin5.Provider/ListResource", &request.encode_to_vec(), true).await.unwrap();
        let messages = call.messages().await.unwrap();
        messages.iter().map(|message| proto::list_resource::Event::decode(message.as_slice()).unwrap()).collect()
    }

    async fn import(&self, id: &str) -> proto::import_resource_state::Response {
        let identity = [("id".to_owned(), Value::from(id))].into_iter().collect();
        let identity = Some(ResourceIdentityData { identity_data: Some(encode(identity, &identity_type())) });
        let type_name = TYPE.to_owned();
        self.call(
            "ImportResourceState",
            proto::import_resource_state::Request { type_name, identity, ..Default::default() },
        )
        .await
    }

    pub(crate) fn object_type(&self) -> Type {
        self.resource.schema().object_type()
    }
}

fn identity_type() -> Type {
    Type::Object([("id".to_owned(), Type::String)].into())
}

pub(crate) fn encode(object: Object, of: &Type) -> DynamicValue {
    DynamicValue { msgpack: wire::msgpack::encode(&Value::Object(object), of).unwrap(), json: Vec::new() }
}

/// Returns the values that are not null.
fn values(value: &DynamicValue, of: &Type) -> Json {
    let value = wire::msgpack::decode(&value.msgpack, of).unwrap();
    json(&value)
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null | Value::Unknown(_) => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Number(number) => Json::from(number.as_i64()),
        Value::String(text) => Json::from(text.as_str()),
        Value::List(elements) => elements.iter().map(json).collect(),
        Value::Object(object) => {
            let set = object.iter().filter(|(_, value)| !value.is_null());
            Json::Object(set.map(|(name, value)| (name.clone(), json(value))).collect())
        }
    }
}

fn id(identity: &Option<ResourceIdentityData>) -> String {
    let identity = identity.as_ref().unwrap().identity_data.as_ref().unwrap();
    values(identity, &identity_type())["id"].as_str().unwrap().to_owned()
}

fn connection(name: &str, project: Option<&str>) -> Json {
    json!({
        "app": "postgres",
        "name": name,
        "projectId": project,
        "method": "username-and-password",
        "description": "Orders of the \"shop\"",
        "credentials": {
            "host": "db.example.com",
            "port": 6432,
            "database": "orders",
            "username": "kms_role",
            "password": "never-shown",
            "sslEnabled": true,
            "sslRejectUnauthorized": false,
        },
    })
}

#[tokio::test]
async fn list_names_connections_of_a_scope_with_one_request() {
    let kms = Kms::start(Options::default());
    let project = kms.project_id().to_owned();
    for (name, project) in
        [("orders-a", None), ("orders-b", None), ("stock", None), ("orders-c", Some(project.as_str()))]
    {
        kms.insert(connection(name, project));
    }
    let core = Core::new(&kms).await;
    let all = ["orders-a", "orders-b", "orders-c", "stock"];
    // Blocks of one scope share its list.
    for (config, limit, expected, calls) in [
        (json!({}), 0, &all[..], 1),
        (json!({}), 100, &all, 0),
        (json!({}), 3, &all[..3], 0),
        (json!({"name_prefix": "orders-"}), 0, &all[..3], 0),
        (json!({"name_prefix": "orders-"}), 1, &all[..1], 0),
        (json!({"name_prefix": "nothing"}), 0, &[], 0),
        (json!({"project_id": project}), 0, &all[2..3], 1),
        (json!({"project_id": project, "name_prefix": "stock"}), 0, &[], 0),
    ] {
        kms.clear_requests();
        let events = core.list(config.clone(), limit, false).await;
        let names: Vec<&str> = events.iter().map(|event| event.display_name.as_str()).collect();
        assert_eq!(names, expected, "{config} {limit}");
        let lists = kms.requests().into_iter().filter(|request| request.path.contains("app-connections")).count();
        assert_eq!(lists, calls, "{config} {limit}");
        for event in &events {
            assert!(event.resource_object.is_none() && event.diagnostic.is_empty());
            let row = kms.connections().into_iter().find(|row| row["name"] == event.display_name.as_str()).unwrap();
            assert_eq!(row["id"], id(&event.identity).as_str());
        }
    }
    for (config, summary, path) in [
        (json!({"project_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a"}), "KMS request failed: project not found", true),
        (json!({}), "KMS request failed: permission denied", false),
    ] {
        let core = Core::new(&kms).await;
        if !path {
            kms.forbid("read");
        }
        let events = core.list(config, 0, true).await;
        let [event] = events.as_slice() else { panic!("one event") };
        assert!(event.identity.is_none() && event.resource_object.is_none());
        let [error] = event.diagnostic.as_slice() else { panic!("one error") };
        assert_eq!((error.summary.as_str(), error.attribute.is_some()), (summary, path), "{}", error.detail);
        assert!(error.detail.contains("Listing `kms_postgres_connection` failed"), "{}", error.detail);
    }
}

#[tokio::test]
async fn checks_project_of_a_list_offline() {
    let kms = Kms::start(Options::default());
    let core = Core::new(&kms).await;
    let of = core.resource.list_schema().unwrap().object_type();
    for (project, errors) in [(Value::from(""), 1), (Value::from("7ffb"), 0), (Value::Null, 0), (Value::unknown(), 0)] {
        let config =
            [("project_id".to_owned(), project), ("name_prefix".to_owned(), Value::Null)].into_iter().collect();
        let request = proto::validate_list_resource_config::Request {
            type_name: TYPE.into(),
            config: Some(encode(config, &of)),
            ..Default::default()
        };
        let response: proto::validate_list_resource_config::Response =
            core.call("ValidateListResourceConfig", request).await;
        assert_eq!(response.diagnostics.len(), errors);
    }
    assert!(kms.requests().is_empty());
}

/// The generated configuration of a listed connection imports it without a change.
#[tokio::test]
async fn list_result_imports_and_generates_valid_configuration() {
    let scene = Scene::with(Options { log_in: false, ..Options::default() });
    let project = scene.kms.project_id().to_owned();
    let made = scene.kms.insert(connection("orders-db", Some(&project)));
    let core = Core::new(&scene.kms).await;
    let events = core.list(json!({}), 0, true).await;
    let [event] = events.as_slice() else { panic!("one event") };
    assert_eq!(id(&event.identity), made);
    let object = event.resource_object.clone().unwrap();
    let of = core.object_type();
    assert!(!values(&object, &of).to_string().contains("never-shown"));

    let imported = core.import(&made).await;
    let [imported] = imported.imported_resources.as_slice() else { panic!("one object") };
    assert_eq!(values(imported.state.as_ref().unwrap(), &of), values(&object, &of));
    assert_eq!(id(&imported.identity), made);
    assert!(imported.private.is_empty());
    let nothing = core.import("3c90c3cc-0d44-4b50-8888-8dd25736052a").await;
    assert_eq!(nothing.diagnostics[0].summary, "Import failed: connection not found");

    // A managed object has no further arguments: a version is valid only together with a password.
    let Value::Object(mut managed) = wire::msgpack::decode(&object.msgpack, &of).unwrap() else { panic!("an object") };
    managed.set("password", "never-shown");
    managed.set("password_wo_version", 3);
    let state = Some(encode(managed, &of));
    let request = proto::generate_resource_config::Request { type_name: TYPE.into(), state };
    let generated: proto::generate_resource_config::Response = core.call("GenerateResourceConfig", request).await;
    let generated = values(&generated.config.unwrap(), &of);
    let expected = json!({
        "name": "orders-db", "description": "Orders of the \"shop\"", "project_id": project, "host": "db.example.com",
        "port": 6432, "database": "orders", "username": "kms_role", "ssl_reject_unauthorized": false,
    });
    assert_eq!(generated, expected);
    let mut block = format!("import {{\n  to = {TYPE}.orders\n  id = {made:?}\n}}\nresource {TYPE:?} \"orders\" {{\n");
    for (name, value) in generated.as_object().unwrap() {
        writeln!(block, "  {name} = {value}").unwrap();
    }
    scene.workspace.write("main.tf", &format!("{block}  password = null # sensitive\n}}\n"));
    scene.workspace.apply().expect(0).shows(&["1 imported, 0 added, 0 changed, 0 destroyed"]);
    scene.is_settled();
}

/// A name may look like a UUID; an identity always holds the id.
#[tokio::test]
async fn import_by_identity_never_matches_a_name() {
    let kms = Kms::start(Options::default());
    let uuid = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
    kms.insert(connection(uuid, None));
    let response = Core::new(&kms).await.import(uuid).await;
    assert!(response.imported_resources.is_empty());
    assert_eq!(response.diagnostics[0].summary, "Import failed: connection not found");
}

#[tokio::test]
async fn responses_carry_identity_of_the_schema() {
    let kms = Kms::start(Options::default());
    let core = Core::new(&kms).await;
    let schemas: proto::get_resource_identity_schemas::Response =
        core.call("GetResourceIdentitySchemas", proto::get_resource_identity_schemas::Request::default()).await;
    let schema = &schemas.identity_schemas[TYPE];
    assert_eq!((schema.version, schema.identity_attributes.len()), (0, 1));
    assert!(schema.identity_attributes[0].name == "id" && schema.identity_attributes[0].required_for_import);

    let made = kms.insert(connection("orders-db", None));
    let imported = core.import(&made).await;
    let [imported] = imported.imported_resources.as_slice() else { panic!("one object") };
    let request = |current_identity| proto::read_resource::Request {
        type_name: TYPE.into(),
        current_state: imported.state.clone(),
        current_identity,
        ..Default::default()
    };
    for current in [None, imported.identity.clone()] {
        let read: proto::read_resource::Response = core.call("ReadResource", request(current)).await;
        assert!(read.diagnostics.is_empty());
        assert_eq!(id(&read.new_identity), made);
    }
    kms.remove(&made);
    let gone: proto::read_resource::Response = core.call("ReadResource", request(imported.identity.clone())).await;
    assert!(gone.new_identity.is_none() && gone.new_state.is_some());
}

/// A list that was read before does not serve a later read of the changed connection.
#[tokio::test]
async fn reads_by_id_what_this_process_changed() {
    let kms = Kms::start(Options::default());
    let ids: Vec<String> = (0..4).map(|index| kms.insert(connection(&format!("orders-{index}"), None))).collect();
    let core = Core::new(&kms).await;
    let mut states = Vec::new();
    for id in &ids {
        let imported = core.import(id).await;
        states.push(imported.imported_resources[0].state.clone());
    }
    let lists = || kms.requests().iter().filter(|request| request.path == "/api/v1/app-connections/postgres").count();
    assert_eq!(lists(), 1, "the last ones are known from a list");
    let nothing = DynamicValue { msgpack: vec![0xc0], json: Vec::new() };
    let destroy = proto::apply_resource_change::Request {
        type_name: TYPE.into(),
        prior_state: states[3].clone(),
        planned_state: Some(nothing.clone()),
        config: Some(nothing.clone()),
        ..Default::default()
    };
    let destroyed: proto::apply_resource_change::Response = core.call("ApplyResourceChange", destroy).await;
    assert!(destroyed.diagnostics.is_empty());
    let read = proto::read_resource::Request {
        type_name: TYPE.into(),
        current_state: states[3].clone(),
        ..Default::default()
    };
    let read: proto::read_resource::Response = core.call("ReadResource", read).await;
    assert!(read.new_state == Some(nothing), "it is gone");
    assert_eq!(lists(), 1);
}

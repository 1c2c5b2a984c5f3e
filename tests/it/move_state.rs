//! `moved` blocks over states of other providers, and states of earlier schema versions, with the real core.

use std::os::unix::fs::symlink;
use std::path::Path;

use base64::Engine as _;
use serde_json::{Value as Json, json};

use crate::support::kms::Options;
use crate::support::scene::Scene;
use crate::support::terraform::SETTINGS;

const PASSWORD: &str = "moved-password";

/// A state that another provider wrote, and what it is about.
pub(crate) struct Incumbent {
    file: &'static str,
    from: &'static str,
    pub(crate) state: Json,
}

impl Incumbent {
    fn all() -> [Self; 2] {
        [
            Self::new("hanzokms_kms.tfstate", "kms_app_connection_postgres"),
            Self::new("infisical_infisical.tfstate", "infisical_app_connection_postgres"),
        ]
    }

    pub(crate) fn new(file: &'static str, from: &'static str) -> Self {
        Self { file, from, state: stored(file) }
    }

    fn attributes(&self) -> &Json {
        &self.state["resources"][0]["instances"][0]["attributes"]
    }

    /// The connection as the service holds it.
    fn connection(&self) -> Json {
        let attributes = self.attributes();
        let credentials = &attributes["credentials"];
        json!({
            "app": "postgres",
            "id": attributes["id"],
            "name": attributes["name"],
            "description": attributes["description"],
            "projectId": attributes["project_id"],
            "method": attributes["method"],
            "credentialsHash": attributes["credentials_hash"],
            "credentials": {
                "host": credentials["host"],
                "port": credentials["port"],
                "database": credentials["database"],
                "username": credentials["username"],
                "password": credentials["password"],
                "sslEnabled": credentials["ssl_enabled"],
                "sslRejectUnauthorized": credentials["ssl_reject_unauthorized"],
            },
        })
    }

    /// A workspace with the state, and a service that holds the connection.
    pub(crate) fn scene(&self) -> Scene {
        let scene = scene(&self.state);
        scene.kms.insert(self.connection());
        scene
    }

    /// The same connection in our words, with a `moved` block.
    fn configure(&self, scene: &Scene, password: &str) {
        let attributes = self.attributes();
        let credentials = &attributes["credentials"];
        let mut arguments = String::new();
        for name in ["name", "description", "project_id"] {
            arguments += &format!("  {name} = {}\n", attributes[name]);
        }
        for name in ["host", "port", "database", "username", "ssl_enabled", "ssl_reject_unauthorized"] {
            arguments += &format!("  {name} = {}\n", credentials[name]);
        }
        scene.workspace.write(
            "main.tf",
            &format!(
                "moved {{\n  from = {}.orders\n  to   = kms_postgres_connection.orders\n}}\n\
                 resource \"kms_postgres_connection\" \"orders\" {{\n{arguments}  {password}\n}}\n",
                self.from
            ),
        );
    }
}

fn stored(file: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The core loads the schema of every provider that the state names, and asks it nothing else: ours stands in for them.
fn scene(state: &Json) -> Scene {
    let scene = Scene::with(Options { log_in: false, ..Options::default() });
    let workspace = &scene.workspace;
    let plugins = workspace.path().join("plugins");
    symlink(crate::support::provider(), plugins.join("terraform-provider-infisical")).unwrap();
    let overrides =
        ["hanzoai/kms", "hanzokms/kms", "infisical/infisical"].map(|name| format!("    {name:?} = {plugins:?}\n"));
    workspace.write(
        SETTINGS,
        &format!("provider_installation {{\n  dev_overrides {{\n{}  }}\n  direct {{}}\n}}\n", overrides.concat()),
    );
    workspace.write("terraform.tfstate", &state.to_string());
    scene
}

#[test]
fn moves_state_of_another_provider_without_requests() {
    for incumbent in Incumbent::all() {
        let scene = incumbent.scene();
        incumbent.configure(&scene, &format!("password = {PASSWORD:?}"));
        let plan = scene.workspace.run(&["plan", "-no-color", "-input=false"]).expect(0);
        plan.shows(&["has moved to kms_postgres_connection.orders", "0 to add, 0 to change, 0 to destroy"]);
        scene.workspace.apply().expect(0).shows(&["0 added, 0 changed, 0 destroyed"]);
        scene.is_settled();
        assert!(scene.kms.requests().iter().all(|request| ["GET", "POST"].contains(&request.method.as_str())));
        assert!(scene.bodies("POST", "/api/v1/app-connections").is_empty());
        let object = scene.workspace.object("kms_postgres_connection.orders");
        assert_eq!(object["id"], incumbent.attributes()["id"], "{}", incumbent.file);
        assert_eq!(object["password"], PASSWORD);
        assert_eq!(object["credentials_hash"], incumbent.attributes()["credentials_hash"]);
        let notes = notes(&scene);
        let digest = &notes["kept"]["written_values"];
        assert_eq!(digest.as_str().map(str::len), Some(64), "{digest}");
        let hash = &incumbent.attributes()["credentials_hash"];
        let kept = json!({"password_source": "password", "written_hash": hash, "written_values": digest});
        assert_eq!(notes["kept"], kept);
    }
}

#[test]
fn moved_password_can_become_write_only_or_change() {
    let [incumbent, _] = Incumbent::all();
    let scene = incumbent.scene();
    incumbent.configure(&scene, &format!("password_wo = {PASSWORD:?}"));
    scene.workspace.apply().expect(0).shows(&["0 added, 1 changed, 0 destroyed"]);
    assert!(scene.bodies("PATCH", "/api").is_empty());
    assert_eq!(scene.workspace.object("kms_postgres_connection.orders")["password"], Json::Null);
    scene.is_settled();

    let scene = incumbent.scene();
    let validation = "validation {\n    mode = \"off\"\n  }";
    incumbent.configure(&scene, &format!("password = \"another\"\n  {validation}"));
    scene.workspace.apply().expect(0).shows(&["0 added, 1 changed, 0 destroyed"]);
    let bodies = scene.bodies("PATCH", "/api");
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["credentials"]["password"], "another");
    scene.is_settled();
}

#[test]
fn explains_states_that_cannot_be_moved() {
    type Spoil = fn(&mut Json);
    let cases: [(Spoil, &[&str]); 4] = [
        (
            |resource| resource["instances"][0]["attributes"]["credentials"] = Json::Null,
            &["is incomplete", "has no `credentials`"],
        ),
        (
            |resource| resource["instances"][0]["attributes"]["credentials"]["port"] = json!({}),
            &["cannot be read", "at `credentials.port`", "removed"],
        ),
        (
            |resource| resource["provider"] = json!("provider[\"registry.terraform.io/hanzoai/kms\"]"),
            &[
                "Move not supported for this object",
                "`registry.terraform.io/hanzoai/kms`",
                "hanzokms/kms",
                "infisical_app_connection_postgres",
            ],
        ),
        (
            |resource| resource["type"] = json!("kms_app_connection_mysql"),
            &[
                "Move not supported for this object",
                "`kms_app_connection_mysql`",
                "hanzokms/kms",
                "infisical/infisical",
            ],
        ),
    ];
    for (spoil, sentences) in cases {
        let mut incumbent = Incumbent::new("hanzokms_kms.tfstate", "kms_app_connection_postgres");
        let resource = &mut incumbent.state["resources"][0];
        spoil(resource);
        let from = resource["type"].as_str().unwrap().to_owned();
        let scene = scene(&incumbent.state);
        let whole = Incumbent::new(incumbent.file, "kms_app_connection_postgres");
        whole.configure(&scene, &format!("password = {PASSWORD:?}"));
        let config = std::fs::read_to_string(scene.workspace.path().join("main.tf")).unwrap();
        scene
            .workspace
            .write("main.tf", &config.replace("from = kms_app_connection_postgres", &format!("from = {from}")));
        let plan = scene.workspace.plan().expect(1);
        plan.shows(sentences).shows(&["Nothing was changed"]);
        assert!(!plan.text.contains(PASSWORD));
        assert!(scene.kms.requests().is_empty());
    }
}

#[test]
fn moves_offline_and_ignores_unknown_attributes() {
    let [mut incumbent, _] = Incumbent::all();
    let resource = &mut incumbent.state["resources"][0];
    resource["instances"][0]["attributes"]["of_a_later_version"] = json!({"a": [1.5, null]});
    let mut scene = incumbent.scene();
    scene.workspace.set("KMS_HOST", "http://127.0.0.1:9");
    incumbent.configure(&scene, &format!("password = {PASSWORD:?}"));
    let plan = scene.workspace.run(&["plan", "-no-color", "-input=false", "-refresh=false"]).expect(0);
    plan.shows(&["moved from kms_app_connection_postgres.orders", "0 to add", "0 to destroy"]);
    scene.workspace.run(&["apply", "-no-color", "-input=false", "-auto-approve", "-refresh=false"]).expect(0);
    assert!(notes(&scene)["kept"]["written_hash"].is_string());
    scene.workspace.run(&["plan", "-no-color", "-detailed-exitcode", "-refresh=false"]).expect(0);
    assert!(scene.kms.requests().is_empty());
}

/// Neither of the incumbents refuses an empty text, which the service takes for none. Kept, it would replace the connection.
#[test]
fn reads_empty_strings_of_another_provider_as_null() {
    for mut incumbent in Incumbent::all() {
        let attributes = &mut incumbent.state["resources"][0]["instances"][0]["attributes"];
        attributes["project_id"] = Json::Null;
        let holds = incumbent.connection();
        let attributes = &mut incumbent.state["resources"][0]["instances"][0]["attributes"];
        attributes["project_id"] = json!("");
        attributes["credentials"]["ssl_certificate"] = json!("");
        let scene = scene(&incumbent.state);
        scene.kms.insert(holds);
        incumbent.configure(&scene, &format!("password = {PASSWORD:?}"));
        let config = std::fs::read_to_string(scene.workspace.path().join("main.tf")).unwrap();
        scene.workspace.write("main.tf", &config.replace("project_id = \"\"", ""));
        // Without a refresh, which would read the same from the service.
        let plan = scene.workspace.run(&["plan", "-no-color", "-input=false", "-refresh=false"]).expect(0);
        plan.shows(&["moved from", "0 to add", "0 to destroy"]);
        assert!(!plan.text.contains("project_id") && !plan.text.contains("ssl_certificate"), "{}", plan.text);
        scene.workspace.apply().expect(0).shows(&["0 added, 0 changed, 0 destroyed"]);
        scene.is_settled();
    }
}

/// States of the first schema stay readable: as the first version wrote them, before anything else was added, with what a
/// later version added, and without what one may have dropped.
#[test]
fn reads_state_of_schema_version_0() {
    let as_written = stored("kms_postgres_connection_v0.tfstate");
    let attributes = &as_written["resources"][0]["instances"][0]["attributes"];
    assert_eq!(attributes["is_platform_managed_credentials"], Json::Null, "the first version had no such attribute");
    let mut with_more = as_written.clone();
    let more = &mut with_more["resources"][0]["instances"][0]["attributes"];
    more["of_a_later_version"] = json!({"a": [1.5, null, {"b": true}]});
    more["validation"] = json!({"mode": "apply", "of_a_later_version": ["x"]});
    let mut with_less = as_written.clone();
    let less = with_less["resources"][0]["instances"][0]["attributes"].as_object_mut().unwrap();
    for name in ["created_at", "org_id", "gateway_id", "description", "timeouts", "validation", "password_wo"] {
        assert!(less.remove(name).is_some(), "{name}");
    }
    stays_readable(&as_written, "");
    stays_readable(&with_more, "validation {\n    mode = \"apply\"\n  }");
    stays_readable(&with_less, "");
}

/// Read, and equal to its configuration, with and without a service.
fn stays_readable(state: &Json, lines: &str) {
    let attributes = &state["resources"][0]["instances"][0]["attributes"];
    let scene = scene(state);
    scene.kms.insert(json!({
        "app": "postgres",
        "id": attributes["id"],
        "name": attributes["name"],
        "method": attributes["method"],
        "credentialsHash": attributes["credentials_hash"],
        "credentials": {
            "host": attributes["host"],
            "port": attributes["port"],
            "database": attributes["database"],
            "username": attributes["username"],
            "password": "x",
            "sslEnabled": true,
            "sslRejectUnauthorized": true,
        },
    }));
    scene.workspace.write(
        "main.tf",
        &format!(
            "resource \"kms_postgres_connection\" \"orders\" {{\n  name = \"orders-db\"\n  host = \"db.example.com\"\n  \
             database = \"orders\"\n  username = \"kms_role\"\n  password_wo = \"x\"\n  password_wo_version = 1\n  {lines}\n}}\n"
        ),
    );
    scene.workspace.plan().expect(0).shows(&["No changes"]);
    // What is stored from now on is of this version.
    scene.workspace.apply().expect(0).shows(&["0 added, 0 changed, 0 destroyed"]);
    scene.is_settled();
    let object = scene.workspace.object("kms_postgres_connection.orders");
    assert_eq!(object["is_platform_managed_credentials"], false);
    assert_eq!(object["password_wo_version"], 1);
}

/// The provider's own notes about the one object in the state.
fn notes(scene: &Scene) -> Json {
    let bytes = std::fs::read(scene.workspace.path().join("terraform.tfstate")).unwrap();
    let state: Json = serde_json::from_slice(&bytes).unwrap();
    let private = state["resources"][0]["instances"][0]["private"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(private).unwrap()).unwrap()
}

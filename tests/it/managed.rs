//! Platform-managed credentials, against a role whose password the KMS really changes.

use std::time::Duration;

use serde_json::json;
use terraform_provider_kms::postgres::{Certificates, Questions, Target, Tls, login};
use terraform_provider_kms::secret::Secret;

use crate::support::postgres::quoted;
use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::Output;

mod guards;
mod lost_responses;
mod replacement;
#[cfg(unix)]
mod replacement_hint;
mod shared_role;

const PATH: &str = "/api/v1/app-connections/postgres";
const ADDRESS: &str = "kms_postgres_connection.orders";
const FLAG: &str = "is_platform_managed_credentials";
const MANAGED: (&str, &str) = (FLAG, "true");

/// A scene with a managed connection.
fn managed() -> Scene {
    let scene = Scene::new();
    scene.configure(&[MANAGED]);
    scene.workspace.apply().expect(0);
    scene.kms.clear_requests();
    scene
}

/// Gives the role the configured password again.
fn reset(scene: &Scene) {
    scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD '{PASSWORD}'", quoted(&scene.role)));
}

pub(crate) fn takes(scene: &Scene, password: &str) -> bool {
    let target = Target {
        host: "localhost".to_owned(),
        port: scene.postgres.port(),
        database: scene.database.clone(),
        username: scene.role.clone(),
        password: Secret::new(password),
        tls: Tls::Verified { ca: Some(Certificates::parse(scene.postgres.ca_pem()).unwrap()) },
        address: None,
        questions: Questions::default(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(login(&target, Duration::from_secs(10))).is_ok()
}

fn failures(scene: &Scene) -> usize {
    scene.postgres.log().matches(&format!("password authentication failed for user \"{}\"", scene.role)).count()
}

fn plan(scene: &Scene, options: &[&str]) -> Output {
    let arguments = [&["plan", "-input=false", "-detailed-exitcode"], options].concat();
    scene.workspace.run_json(&arguments)
}

fn apply(scene: &Scene, options: &[&str]) -> Output {
    let arguments = [&["apply", "-input=false", "-auto-approve"], options].concat();
    scene.workspace.run_json(&arguments)
}

#[test]
fn creates_and_destroys_managed_connection() {
    let scene = Scene::new();
    scene.configure(&[MANAGED]);
    let warned = ["The KMS will change the password: orders-db", &scene.role, "No other connection"];
    scene.workspace.plan().expect(2).shows(&warned);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.bodies("POST", PATH)[0]["isPlatformManagedCredentials"], true);
    let secret = scene.stored()["credentials"]["password"].as_str().unwrap().to_owned();
    assert!(takes(&scene, &secret) && !takes(&scene, PASSWORD));
    scene.is_settled();
    // With and without the flag, and with an equal one.
    scene.configure(&[]);
    scene.is_settled();

    scene.kms.clear_requests();
    let before = (scene.logins(), failures(&scene));
    scene.configure(&[MANAGED, ("name", "\"renamed\""), ("description", "\"new\"")]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert_eq!(scene.bodies("PATCH", PATH), [json!({"name": "renamed", "description": "new"})]);
    scene.is_settled();
    assert_eq!((scene.logins(), failures(&scene)), before);

    let destroyed = ["Role keeps an unknown password: renamed", "ALTER ROLE"];
    plan(&scene, &["-destroy"]).expect(2).shows(&destroyed);
    scene.workspace.destroy().expect(0);
    assert_eq!((scene.logins(), failures(&scene)), before);
    assert!(takes(&scene, &secret));
}

#[test]
fn turning_it_on_later_sends_the_flag_once() {
    let scene = Scene::new();
    scene.configure(&[("password_wo_version", "null")]);
    scene.workspace.apply().expect(0);
    scene.configure(&[("password_wo_version", "null"), MANAGED]);
    scene
        .workspace
        .plan_with_changes()
        .expect(2)
        .shows(&["The KMS will change the password", "~ is_platform_managed_credentials = false -> true"]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    let bodies = scene.bodies("PATCH", PATH);
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["isPlatformManagedCredentials"], true);
    assert_eq!(bodies[0]["credentials"]["password"], PASSWORD);
    assert!(!takes(&scene, PASSWORD));
    scene.is_settled();
}

#[test]
fn rejects_changed_credentials_of_managed_connection() {
    let mut scene = managed();
    let way_out = ["ALTER ROLE", "terraform destroy -refresh=false"];
    for (argument, value) in [
        ("host", "\"127.0.0.1\""),
        ("port", "1"),
        ("database", "\"postgres\""),
        ("username", "\"other\""),
        ("ssl_enabled", "false"),
        ("ssl_reject_unauthorized", "false"),
        ("ssl_certificate", "null"),
        ("password_wo_version", "2"),
    ] {
        scene.configure(&[(argument, value)]);
        let refused = scene.workspace.plan().expect(1);
        refused.shows(&[&format!("Platform-managed credentials cannot be changed: {argument}")]).shows(&way_out);
    }
    scene.configure(&[(FLAG, "false")]);
    scene.workspace.plan().fails(&["cannot be changed: not reversible"]).shows(&way_out);
    // Changed passwords alone have no effect any more.
    scene.workspace.set("TF_VAR_password", "something-else");
    scene.configure(&[MANAGED]);
    scene.is_settled();
    assert!(scene.bodies("PATCH", PATH).is_empty());
    scene.configure(&[(FLAG, "false")]);
    scene.workspace.run(&["destroy", "-refresh=false", "-auto-approve", "-no-color"]).expect(0);
}

#[test]
fn removing_or_moving_password_changes_only_the_state() {
    let scene = Scene::new();
    let plain = format!("{PASSWORD:?}");
    let with = |password: &str| {
        scene.configure(&[("password_wo", "null"), ("password_wo_version", "null"), ("password", password), MANAGED])
    };
    with(&plain);
    scene.workspace.apply().expect(0);
    with("\"another\"");
    scene.workspace.plan().fails(&["cannot be changed: password"]);
    with("null");
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
    with(&plain);
    scene.workspace.apply().expect(0);
    scene.configure(&[MANAGED]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
    assert!(scene.bodies("PATCH", PATH).is_empty());
}

#[test]
fn import_and_outside_change_of_flag_plan_nothing() {
    let scene = managed();
    scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    let none = [("password_wo", "null"), ("password_wo_version", "null")];
    scene.configure(&none);
    scene.workspace.run(&["import", "-no-color", ADDRESS, &scene.id()]).expect(0);
    scene.is_settled();

    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.edit(&scene.id(), |connection| connection["isPlatformManagedCredentials"] = json!(true));
    let planned = scene.workspace.plan().expect(0);
    planned.shows(&["Platform-managed credentials turned on outside Terraform: orders-db", "No changes"]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.workspace.object(ADDRESS)[FLAG], true);
    assert!(!scene.workspace.plan().expect(0).words().contains("manages the credentials"));
}

#[test]
fn names_connections_of_same_role_and_rejects_managed_ones() {
    let scene = Scene::new();
    scene.configure(&[("name", "\"other\"")]);
    scene.workspace.apply().expect(0);
    let other = scene.id();
    scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    scene.configure(&[MANAGED]);
    scene
        .workspace
        .plan()
        .expect(2)
        .shows(&["Other connections of this scope whose passwords stop working", "`other`"]);
    scene.kms.edit(&other, |connection| connection["isPlatformManagedCredentials"] = json!(true));
    scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD 'of-the-kms'", quoted(&scene.role)));
    let refused = ["credentials not possible: role already managed", "`other`", "destroy -refresh=false"];
    scene.workspace.plan().fails(&refused).shows(&["28P01"]);
    // Where the configured password is the role's, the other one has stopped working already.
    reset(&scene);
    scene
        .workspace
        .plan()
        .expect(2)
        .shows(&["Other connections of this scope whose passwords stop working", "`other`"]);
}

#[test]
fn unquotable_role_or_taken_name_leaves_role_unchanged() {
    let scene = Scene::new();
    for role in ["app.user", "app?user"] {
        scene.configure(&[MANAGED, ("username", &format!("{role:?}"))]);
        scene.workspace.plan().fails(&["credentials not possible: role name", role]);
    }
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    scene.kms.clear_requests();
    scene.configure(&[MANAGED]);
    scene.workspace.apply().fails(&["Connection name already exists", "the password of the role was not changed"]);
    assert!(scene.bodies("POST", PATH).is_empty());
    assert!(takes(&scene, PASSWORD));
}

/// Obstacles to a transfer of the password that the catalogs show are reported before it, at the role.
#[test]
fn rejects_role_whose_password_cannot_be_changed() {
    let scene = Scene::new();
    let managed = ("is_platform_managed_credentials", "true");
    let role = quoted(&scene.role);
    scene.configure(&[managed]);
    scene.postgres.sql(&format!("ALTER ROLE {role} REPLICATION"));
    let version: u32 = scene.postgres.sql("SHOW server_version_num")[0][0].as_ref().unwrap().parse().unwrap();
    if version < 160_000 {
        let statement = format!("ALTER ROLE {role} NOREPLICATION;");
        let plan = scene.workspace.plan().expect(1);
        plan.shows(&["credentials not possible: role has REPLICATION", &statement]);
    } else {
        scene.workspace.plan().expect(2);
    }
    scene
        .postgres
        .sql(&format!("ALTER ROLE {role} NOREPLICATION; ALTER ROLE {role} SET default_transaction_read_only = on"));
    scene
        .workspace
        .plan()
        .fails(&["credentials not possible: sessions are read-only", "default_transaction_read_only"]);
    scene.postgres.sql(&format!("ALTER ROLE {role} RESET ALL; ALTER ROLE {role} VALID UNTIL '2099-01-01'"));
    scene.workspace.plan().expect(2).shows(&["Platform-managed role expires: orders-db", "VALID UNTIL 'infinity'"]);
    assert!(scene.kms.connections().is_empty());
}

/// Behind a gateway the KMS takes only what stands in the request: the gateway is repeated.
#[test]
fn password_transfer_behind_gateway_names_the_gateway() {
    let scene = Scene::new();
    let gateway = "7ffbb072-2575-495a-b5b0-127f88caef78";
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.edit(&scene.id(), |connection| connection["gatewayId"] = json!(gateway));
    let quoted = format!("{gateway:?}");
    scene.configure(&[MANAGED, ("gateway_id", &quoted)]);
    let logins = scene.logins();
    scene.workspace.plan().expect(2).shows(&["The KMS will change the password: orders-db"]);
    // There are no gateways at the local KMS.
    let refused = scene.workspace.apply().expect(1);
    refused.shows(&["KMS request failed: gateway rejected", &format!("Gateway with ID {gateway} not found")]);
    assert_eq!(refused.errors()[0].attribute.as_deref(), Some("gateway_id"));
    let bodies = scene.bodies("PATCH", PATH);
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["gatewayId"], gateway);
    assert_eq!(bodies[0]["isPlatformManagedCredentials"], true);
    assert_eq!(bodies[0]["credentials"]["password"], PASSWORD);
    assert_eq!(scene.logins(), logins);
    assert!(takes(&scene, PASSWORD));
}

/// A flag that is known only in the apply is checked there.
#[test]
fn checks_unknown_flag_in_the_apply() {
    let scene = Scene::new();
    let later = |value: &str| {
        let text = format!("resource \"terraform_data\" \"later\" {{\n  input = {value:?}\n}}\n");
        scene.workspace.write("later.tf", &text);
    };
    let unknown = (FLAG, "terraform_data.later.output == \"managed\"");
    later("managed");
    let off = "validation {\n    mode = \"off\"\n  }";
    scene.configure_with(&[unknown, ("username", "\"app.user\"")], off);
    scene.workspace.plan().expect(2);
    scene.workspace.apply().fails(&["credentials not possible: role name", "app.user"]);
    assert!(scene.kms.connections().is_empty() && scene.bodies("POST", PATH).is_empty());
    scene.workspace.run(&["state", "rm", "terraform_data.later"]).expect(0);
    // Off at last: an ordinary connection.
    later("ordinary");
    scene.configure(&[unknown]);
    let plan = scene.workspace.plan_with_changes().expect(2);
    plan.shows(&["+ is_platform_managed_credentials = (known after apply)"]);
    scene.workspace.apply().expect(0);
    assert!(takes(&scene, PASSWORD));
    assert_eq!(scene.workspace.object(ADDRESS)[FLAG], false);
    scene.is_settled();
    // On: the apply announces the transfer of the password, and makes it.
    later("managed");
    scene.workspace.apply().expect(0).shows(&["The KMS will change the password: orders-db"]);
    assert!(!takes(&scene, PASSWORD));
    assert_eq!(scene.workspace.object(ADDRESS)[FLAG], true);
    scene.is_settled();
    // Off again, which cannot be.
    scene.kms.clear_requests();
    later("ordinary");
    scene.workspace.plan().expect(2);
    scene.workspace.apply().fails(&["cannot be changed: not reversible", "destroy -refresh=false"]);
    assert!(scene.bodies("PATCH", PATH).is_empty());
}

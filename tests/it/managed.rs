//! Platform-managed credentials, against a role whose password the KMS really changes.

use std::time::Duration;

use serde_json::{Value as Json, json};
use terraform_provider_kms::postgres::{Certificates, Questions, Target, Tls, login};
use terraform_provider_kms::secret::Secret;

use crate::support::kms::Fault;
use crate::support::postgres::quoted;
use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::Output;

const PATH: &str = "/api/v1/app-connections/postgres";
const ADDRESS: &str = "kms_postgres_connection.orders";
const FLAG: &str = "is_platform_managed_credentials";
const MANAGED: (&str, &str) = (FLAG, "true");
const BEFORE: &str = "create_before_destroy = true";
const REFUSED: &[&str] =
    &["cannot be replaced like this", "ALTER ROLE", "terraform untaint", "`removed` block", "destroy -refresh=false"];

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

fn takes(scene: &Scene, password: &str) -> bool {
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
    let arguments = [&["plan", "-no-color", "-input=false", "-detailed-exitcode"], options].concat();
    scene.workspace.run(&arguments)
}

fn apply(scene: &Scene, options: &[&str]) -> Output {
    let arguments = [&["apply", "-no-color", "-input=false", "-auto-approve"], options].concat();
    scene.workspace.run(&arguments)
}

#[test]
fn a_managed_connection_lives_from_create_to_destroy() {
    let scene = Scene::new();
    scene.configure(&[MANAGED]);
    let warned = ["The KMS takes over the password of orders-db", &scene.role, "No other connection"];
    scene.workspace.plan().expect(2).says(&warned);
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
    scene.workspace.apply().expect(0).says(&["1 changed"]);
    assert_eq!(scene.bodies("PATCH", PATH), [json!({"name": "renamed", "description": "new"})]);
    scene.is_settled();
    assert_eq!((scene.logins(), failures(&scene)), before);

    let destroyed = ["The role of renamed keeps a password that nobody knows", "ALTER ROLE"];
    plan(&scene, &["-destroy"]).expect(2).says(&destroyed);
    scene.workspace.destroy().expect(0);
    assert_eq!((scene.logins(), failures(&scene)), before);
    assert!(takes(&scene, &secret));
}

#[test]
fn it_can_be_turned_on_later_and_the_flag_is_sent_once() {
    let scene = Scene::new();
    scene.configure(&[("password_wo_version", "null")]);
    scene.workspace.apply().expect(0);
    scene.configure(&[("password_wo_version", "null"), MANAGED]);
    scene
        .workspace
        .plan()
        .expect(2)
        .says(&["takes over the password", "~ is_platform_managed_credentials = false -> true"]);
    scene.workspace.apply().expect(0).says(&["1 changed"]);
    let bodies = scene.bodies("PATCH", PATH);
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["isPlatformManagedCredentials"], true);
    assert_eq!(bodies[0]["credentials"]["password"], PASSWORD);
    assert!(!takes(&scene, PASSWORD));
    scene.is_settled();
}

#[test]
fn credentials_of_a_managed_connection_cannot_be_changed() {
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
        refused.says(&["Platform-managed credentials cannot be changed", &format!("`{argument}`")]).says(&way_out);
    }
    scene.configure(&[(FLAG, "false")]);
    scene.workspace.plan().expect(1).says(&["cannot be turned off"]).says(&way_out);
    // The passwords themselves say nothing any more.
    scene.workspace.set("TF_VAR_password", "something-else");
    scene.configure(&[MANAGED]);
    scene.is_settled();
    assert!(scene.bodies("PATCH", PATH).is_empty());
    scene.configure(&[(FLAG, "false")]);
    scene.workspace.run(&["destroy", "-refresh=false", "-auto-approve", "-no-color"]).expect(0);
}

#[test]
fn removing_or_moving_the_password_changes_the_state_alone() {
    let scene = Scene::new();
    let plain = format!("{PASSWORD:?}");
    let with = |password: &str| {
        scene.configure(&[("password_wo", "null"), ("password_wo_version", "null"), ("password", password), MANAGED])
    };
    with(&plain);
    scene.workspace.apply().expect(0);
    with("\"another\"");
    scene.workspace.plan().expect(1).says(&["cannot be changed", "`password`"]);
    with("null");
    scene.workspace.apply().expect(0).says(&["1 changed"]);
    scene.is_settled();
    with(&plain);
    scene.workspace.apply().expect(0);
    scene.configure(&[MANAGED]);
    scene.workspace.apply().expect(0).says(&["1 changed"]);
    scene.is_settled();
    assert!(scene.bodies("PATCH", PATH).is_empty());
}

#[test]
fn an_import_and_a_switch_outside_plan_nothing() {
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
    planned.says(&["The KMS manages the credentials of orders-db now", "No changes"]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.workspace.object(ADDRESS)[FLAG], true);
    assert!(!scene.workspace.plan().expect(0).words().contains("manages the credentials"));
}

#[test]
fn others_that_use_the_role_are_named_and_a_managed_one_is_an_error() {
    let scene = Scene::new();
    scene.configure(&[("name", "\"other\"")]);
    scene.workspace.apply().expect(0);
    let other = scene.id();
    scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    scene.configure(&[MANAGED]);
    scene.workspace.plan().expect(2).says(&["Other connections of this scope use the same role", "`other`"]);
    scene.kms.edit(&other, |connection| connection["isPlatformManagedCredentials"] = json!(true));
    let refused = ["The KMS manages the password of this role already", "`other`", "destroy -refresh=false"];
    scene.workspace.plan().expect(1).says(&refused);
}

#[test]
fn a_role_that_cannot_be_quoted_and_a_name_that_is_taken_leave_the_role_alone() {
    let scene = Scene::new();
    for role in ["app.user", "app?user"] {
        scene.configure(&[MANAGED, ("username", &format!("{role:?}"))]);
        scene.workspace.plan().expect(1).says(&["cannot take over the password of this role", role]);
    }
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    scene.kms.clear_requests();
    scene.configure(&[MANAGED]);
    scene.workspace.apply().expect(1).says(&["The name is taken", "the password of the role is as it was"]);
    assert!(scene.bodies("POST", PATH).is_empty());
    assert!(takes(&scene, PASSWORD));
}

#[test]
fn a_lost_answer_is_settled_or_tells_what_became_of_the_role() {
    let scene = Scene::new();
    scene.configure(&[MANAGED]);
    scene.kms.fail("POST", PATH, 1, Fault::LostBefore);
    scene.workspace.apply().expect(1).says(&["still takes the configured password", "safe to apply again"]);
    assert!(scene.kms.connections().is_empty());
    scene.kms.fail("POST", PATH, 1, Fault::LostAfter);
    scene.workspace.apply().expect(0).says(&["The answer to the creation of orders-db was lost", "1 added"]);
    scene.is_settled();
    // An answer that cannot be read forbids to take the connection over; the role has changed all the same.
    let scene = Scene::new();
    scene.configure(&[MANAGED]);
    scene.kms.fail("POST", PATH, 1, Fault::Garbage);
    let said = scene.workspace.apply().expect(1);
    said.says(&["does not take the configured password any more", "import {", "ALTER ROLE"]);
    assert!(!takes(&scene, PASSWORD));
    // A lost transition is settled by reading.
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[MANAGED]);
    scene.kms.fail("PATCH", PATH, 1, Fault::LostAfter);
    scene.workspace.apply().expect(0).says(&["1 changed"]);
    scene.is_settled();
}

/// Each way to replace: what to prepare, and the options of plan and apply.
fn each_way(lines: &str, replaceable: bool) {
    let off = "validation {\n    mode = \"off\"\n  }\n  lifecycle {\n";
    let plain = format!("{off}    {lines}\n  }}");
    let triggered = format!("{off}    {lines}\n    replace_triggered_by = [terraform_data.trigger]\n  }}");
    let ways: [(&str, &str, &[&str]); 5] = [
        ("replace", &plain, &["-replace=kms_postgres_connection.orders"]),
        ("trigger", &triggered, &[]),
        ("project", &plain, &[]),
        ("taint", &plain, &[]),
        ("taint without refresh", &plain, &["-refresh=false"]),
    ];
    for (way, lines, options) in ways {
        let scene = Scene::new();
        let trigger = |value: &str| {
            let text = format!("resource \"terraform_data\" \"trigger\" {{\n  input = {value:?}\n}}\n");
            scene.workspace.write("trigger.tf", &text);
        };
        trigger("one");
        scene.configure_with(&[MANAGED], lines);
        scene.workspace.apply().expect(0);
        let id = scene.id();
        match way {
            "trigger" => trigger("two"),
            "project" => {
                let project = format!("{:?}", scene.kms.project_id());
                scene.configure_with(&[MANAGED, ("project_id", &project)], lines);
            }
            "taint" | "taint without refresh" => {
                scene.workspace.run(&["taint", ADDRESS]).expect(0);
            }
            _ => {}
        }
        let refused = plan(&scene, options);
        assert_eq!(refused.code, Some(1), "{way}\n{}", refused.text);
        refused.says(REFUSED);
        assert_eq!(scene.id(), id, "{way}");
        reset(&scene);
        let applied = apply(&scene, options);
        if replaceable || way == "project" {
            assert_eq!(applied.code, Some(0), "{way}\n{}", applied.text);
            assert_ne!(scene.id(), id, "{way}");
            assert!(!takes(&scene, PASSWORD), "{way}");
            scene.is_settled();
        } else {
            assert_eq!(applied.code, Some(1), "{way}\n{}", applied.text);
            applied.says(&["The name is taken", "create_before_destroy"]);
            assert_eq!(scene.id(), id, "{way}");
            assert!(takes(&scene, PASSWORD), "{way}");
        }
    }
}

#[test]
fn a_replacement_needs_a_password_that_works() {
    each_way("", true);
}

#[test]
fn a_replacement_that_creates_first_needs_a_new_name_too() {
    each_way(BEFORE, false);
}

#[test]
fn what_is_unknown_in_the_plan_is_judged_in_the_apply() {
    let scene = managed();
    let later = "resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n";
    scene.workspace.write("later.tf", later);
    let password = "trimsuffix(\"${var.password}${terraform_data.later.output}\", \"x\")";
    scene.configure(&[MANAGED, ("password_wo", password)]);
    let refused = apply(&scene, &["-replace=kms_postgres_connection.orders"]).expect(1);
    refused.says(&["cannot be replaced like this", "ALTER ROLE"]);
    assert!(scene.bodies("POST", PATH).is_empty());
    assert_eq!(scene.workspace.object(ADDRESS), Json::Null);
    reset(&scene);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

/// What the catalogs say against a hand-over is told before it, at the role.
#[test]
fn a_role_whose_password_cannot_be_changed_is_refused() {
    let scene = Scene::new();
    let managed = ("is_platform_managed_credentials", "true");
    let role = quoted(&scene.role);
    scene.configure(&[managed]);
    scene.postgres.sql(&format!("ALTER ROLE {role} REPLICATION"));
    let version: u32 = scene.postgres.sql("SHOW server_version_num")[0][0].as_ref().unwrap().parse().unwrap();
    if version < 160_000 {
        let statement = format!("ALTER ROLE {role} NOREPLICATION;");
        let plan = scene.workspace.plan().expect(1);
        plan.says(&["could not change the password of this role", "REPLICATION", &statement]);
    } else {
        scene.workspace.plan().expect(2);
    }
    scene
        .postgres
        .sql(&format!("ALTER ROLE {role} NOREPLICATION; ALTER ROLE {role} SET default_transaction_read_only = on"));
    scene.workspace.plan().expect(1).says(&["read-only here", "default_transaction_read_only"]);
    scene.postgres.sql(&format!("ALTER ROLE {role} RESET ALL; ALTER ROLE {role} VALID UNTIL '2099-01-01'"));
    scene.workspace.plan().expect(2).says(&["The role of orders-db expires", "VALID UNTIL 'infinity'"]);
    assert!(scene.kms.connections().is_empty());
}

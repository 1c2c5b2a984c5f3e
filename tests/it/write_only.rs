//! Write-only passwords: what is noticed, what is sent, and what is never stored.

use crate::support::scene::{PASSWORD, Scene};

const ADDRESS: &str = "kms_postgres_connection.orders";
const UNSET: (&str, &str) = ("password_wo_version", "null");

/// The passwords that were sent since the last look.
fn sent(scene: &Scene) -> Vec<String> {
    let patches = scene.bodies("PATCH", "/api/v1/app-connections").into_iter();
    let posts = scene.bodies("POST", "/api/v1/app-connections").into_iter();
    let passwords = posts.chain(patches).filter_map(|body| Some(body["credentials"]["password"].as_str()?.to_owned()));
    let passwords = passwords.collect();
    scene.kms.clear_requests();
    passwords
}

fn alter(scene: &Scene, password: &str) {
    scene.postgres.sql(&format!("ALTER ROLE \"{}\" PASSWORD '{password}'", scene.role));
}

#[test]
fn plan_shows_changed_password() {
    let mut scene = Scene::new();
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.workspace.object(ADDRESS)["password_wo_version"], 1);
    assert_eq!(sent(&scene), [PASSWORD]);
    scene.is_settled();
    alter(&scene, "another-one");
    scene.workspace.set("TF_VAR_password", "another-one");
    scene.workspace.plan_with_changes().expect(2).shows(&["~ password_wo_version = 1 -> 2", "1 to change"]);
    scene.workspace.apply().expect(0);
    assert_eq!(sent(&scene), ["another-one"]);
    scene.is_settled();
    // A rename keeps the record.
    scene.configure(&[UNSET, ("name", "\"renamed\"")]);
    scene.workspace.apply().expect(0);
    assert!(sent(&scene).is_empty());
    scene.is_settled();
}

#[test]
fn failed_update_is_planned_again() {
    let mut scene = Scene::new();
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0);
    alter(&scene, "another-one");
    scene.workspace.set("TF_VAR_password", "another-one");
    scene.kms.fail("PATCH", "/api", 1, crate::support::kms::Fault::Status(500, serde_json::json!({
        "reqId": "req-00000000000000", "statusCode": 500, "message": "Something went wrong", "error": "InternalServerError"
    })));
    scene.workspace.apply().fails(&["KMS request failed: internal server error", "req-00000000000000"]);
    scene.workspace.plan_with_changes().expect(2).shows(&["~ password_wo_version = 1 -> 2"]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn changed_version_alone_sends_the_password() {
    let mut scene = Scene::new();
    scene.configure(&[("password_wo_version", "7")]);
    scene.workspace.apply().expect(0);
    assert_eq!(sent(&scene), [PASSWORD]);
    alter(&scene, "another-one");
    scene.workspace.set("TF_VAR_password", "another-one");
    scene.is_settled();
    scene.configure(&[("password_wo_version", "8")]);
    scene.workspace.apply().expect(0);
    assert_eq!(sent(&scene), ["another-one"]);
    // Unset again: nothing is known of what was sent, so it is sent once more, announced.
    scene.configure(&[UNSET]);
    scene.workspace.plan_with_changes().expect(2).shows(&["~ password_wo_version = 8 -> 9"]);
    scene.workspace.apply().expect(0);
    assert_eq!(sent(&scene), ["another-one"]);
    scene.is_settled();
    // And once more after a number was set in between: what was known by then is forgotten with it.
    scene.configure(&[("password_wo_version", "9"), ("description", "\"a number again\"")]);
    scene.workspace.apply().expect(0);
    assert!(sent(&scene).is_empty());
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.workspace.object(ADDRESS)["password_wo_version"], 10);
    assert_eq!(sent(&scene), ["another-one"]);
    scene.is_settled();
}

#[test]
fn moving_password_between_arguments_sends_nothing() {
    let scene = Scene::new();
    let plain = format!("{PASSWORD:?}");
    scene.configure(&[UNSET, ("password_wo", "null"), ("password", &plain)]);
    scene.workspace.apply().expect(0);
    assert_eq!(sent(&scene), [PASSWORD]);
    let logins = scene.logins();
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
    scene.configure(&[UNSET, ("password_wo", "null"), ("password", &plain)]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
    assert!(sent(&scene).is_empty());
    assert_eq!(scene.logins(), logins);
}

#[test]
fn compares_unknown_password_in_the_apply() {
    let scene = Scene::new();
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0);
    let _first = sent(&scene);
    // Unknown in the plan, and then the same as before: the apply finds nothing to do.
    scene.workspace.write("later.tf", "resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n");
    scene.configure(&[UNSET, ("password_wo", "trimsuffix(\"${var.password}${terraform_data.later.output}\", \"x\")")]);
    scene.workspace.plan_with_changes().expect(2).shows(&["(known after apply)"]);
    scene.workspace.apply().expect(0);
    assert!(sent(&scene).is_empty());
    scene.is_settled();
}

#[test]
fn private_state_does_not_reveal_the_password() {
    let scene = Scene::new();
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.workspace.files_with(PASSWORD), Vec::<std::path::PathBuf>::new());
    scene.configure(&[]);
    scene.workspace.plan().expect(0);
}

/// As from an ephemeral generator: neither the value of the plan nor the next one is the role's.
#[test]
fn ephemeral_value_that_changes_each_run_needs_a_version() {
    let mut scene = Scene::new();
    scene.configure(&[UNSET]);
    scene.workspace.apply().expect(0);
    scene.workspace.set("TF_VAR_password", "generated-1");
    scene.workspace.plan().fails(&["For an ephemeral", "`mode = \"apply\"`"]);
    // Where nothing tries it, each run would change the connection.
    scene.configure_with(&[UNSET], "validation {\n    mode = \"off\"\n  }");
    for value in ["generated-2", "generated-3"] {
        scene.workspace.set("TF_VAR_password", value);
        scene.workspace.plan_with_changes().expect(2).shows(&["~ password_wo_version = 1 -> 2"]);
    }
    scene.configure(&[("password_wo_version", "1")]);
    for value in ["generated-4", "generated-5"] {
        scene.workspace.set("TF_VAR_password", value);
        scene.is_settled();
    }
}

#[test]
fn removing_password_sends_nothing() {
    let plain = format!("{PASSWORD:?}");
    let none = [UNSET, ("password_wo", "null")];
    let ways: [&[(&str, &str)]; 3] = [&[UNSET], &[], &[UNSET, ("password_wo", "null"), ("password", &plain)]];
    for way in ways {
        let scene = Scene::new();
        scene.configure(way);
        scene.workspace.apply().expect(0);
        let (_first, logins) = (sent(&scene), scene.logins());
        scene.configure(&none);
        scene.workspace.apply().expect(0);
        scene.is_settled();
        assert!(sent(&scene).is_empty());
        assert_eq!(scene.logins(), logins);
        assert_eq!(scene.workspace.object("kms_postgres_connection.orders")["password"], serde_json::Value::Null);
    }
}

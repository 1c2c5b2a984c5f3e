//! A rotation outside of Terraform while `ignore_changes = [password]` hides every new `password` from the provider: no plan is
//! red, no apply fails, and each cure that the warning names works.

use super::{PATH, WARNING, saved_outside};
use crate::support::scene::Scene;
use crate::support::terraform::Workspace;

const WITH_PASSWORD: [(&str, &str); 3] =
    [("password", "var.plain"), ("password_wo", "null"), ("password_wo_version", "null")];

fn ignoring(settings: &str) -> String {
    format!("validation {{\n    {settings}\n  }}\n  lifecycle {{\n    ignore_changes = [password]\n  }}")
}

/// Changes the password of the role and of the connection in the KMS; from then on the variables give the new one.
fn rotate(scene: &mut Scene, password: &str) {
    scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD '{password}'", scene.role));
    saved_outside(scene, password);
    scene.workspace.set("TF_VAR_password", password);
    scene.workspace.set("TF_VAR_plain", password);
}

/// An applied connection with these settings, after a rotation outside.
fn rotated(settings: &str) -> Scene {
    let mut scene = Scene::new();
    scene.workspace.write("plain.tf", "variable \"plain\" {\n  type = string\n}\n");
    scene.workspace.set("TF_VAR_plain", crate::support::scene::PASSWORD);
    scene.configure_with(&WITH_PASSWORD, &ignoring(settings));
    scene.workspace.apply().expect(0);
    rotate(&mut scene, "rotated-outside");
    scene.kms.clear_requests();
    scene
}

/// A warning and nothing else, in every plan and apply.
fn is_left_alone(scene: &Scene) {
    for command in [Workspace::plan, Workspace::apply, Workspace::plan] {
        command(&scene.workspace).expect(0).shows(&[WARNING, "No update of the credentials is planned"]);
    }
    assert_eq!(scene.stored()["credentials"]["password"], "rotated-outside");
    assert!(scene.bodies("PATCH", PATH).is_empty());
}

#[test]
fn never_sends_stale_password_in_any_mode() {
    let unreachable = "address = \"127.0.0.1:1\"";
    for settings in ["mode = \"plan\"", "mode = \"warn\"", "mode = \"apply\"", "mode = \"off\"", unreachable] {
        is_left_alone(&rotated(settings));
    }
}

#[test]
fn sends_new_password_in_password_wo() {
    for version in ["null", "1"] {
        let mut scene = rotated("mode = \"apply\"");
        let with_password_wo = [("password_wo_version", version)];
        scene.configure_with(&with_password_wo, &ignoring("mode = \"apply\""));
        scene.workspace.apply().expect(0);
        assert_eq!(scene.bodies("PATCH", PATH)[0]["credentials"]["password"], "rotated-outside");
        scene.is_settled();
        // The old one stays in the state, and is not used: the next rotation comes through, too.
        scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD 'next'", scene.role));
        scene.workspace.set("TF_VAR_password", "next");
        let next = if version == "null" { "null" } else { "2" };
        scene.configure_with(&[("password_wo_version", next)], &ignoring("mode = \"apply\""));
        scene.workspace.apply().expect(0);
        assert_eq!(scene.stored()["credentials"]["password"], "next", "version {version}");
        scene.is_settled();
    }
}

#[test]
fn removed_password_ends_the_warning() {
    let scene = rotated("mode = \"off\"");
    scene.configure(&[("password_wo", "null"), ("password_wo_version", "null")]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    assert!(!scene.workspace.plan().expect(0).text.contains(WARNING));
    assert_eq!(scene.stored()["credentials"]["password"], "rotated-outside");
}

#[test]
fn replacement_sends_the_configured_password() {
    let scene = rotated("mode = \"apply\"");
    let before = scene.id();
    scene.workspace.run(&["apply", "-no-color", "-auto-approve", "-replace=kms_postgres_connection.orders"]).expect(0);
    assert_ne!(scene.id(), before);
    assert_eq!(scene.bodies("POST", PATH)[0]["credentials"]["password"], "rotated-outside");
    scene.is_settled();
}

/// A plan that changes something else must not decide for good: its apply logs in where the plan could not.
#[test]
fn login_may_be_accepted_only_in_the_apply() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    super::written_again(&scene);
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.set("KMS_VALIDATION", "off");
    scene.workspace.run(&["plan", "-no-color", "-out=saved"]).expect(0).shows(&["changed outside", "1 to change"]);
    scene.workspace.set("KMS_VALIDATION", "plan");
    scene.kms.clear_requests();
    scene.workspace.run(&["apply", "-no-color", "saved"]).expect(0);
    assert_eq!(scene.bodies("PATCH", PATH)[0]["credentials"]["password"], crate::support::scene::PASSWORD);
    scene.is_settled();
}

#[test]
fn rename_beside_unchecked_password_sends_only_the_name() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    super::written_again(&scene);
    scene.workspace.set("KMS_VALIDATION", "off");
    scene.kms.clear_requests();
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.bodies("PATCH", PATH), [serde_json::json!({ "name": "renamed" })]);
    // A block is an update of the state alone.
    scene.configure_with(&[("name", "\"renamed\"")], "timeouts {\n    read = \"1m\"\n  }");
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert_eq!(scene.bodies("PATCH", PATH).len(), 1);
    let state = scene.workspace.object("kms_postgres_connection.orders");
    assert_eq!(state["credentials_hash"], scene.stored()["credentialsHash"]);
    scene.workspace.plan().expect(0).shows(&["changed outside"]);
}

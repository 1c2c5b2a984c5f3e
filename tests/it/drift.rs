//! Credentials changed outside of Terraform: what the plan reports, what the apply sends, and that the next plan is empty.

mod ignore_changes;
#[cfg(unix)]
mod table;

use serde_json::json;

use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::Workspace;

const PATH: &str = "/api/v1/app-connections/postgres";

const WARNING: &str = "Credentials changed outside Terraform: orders-db";

/// Another user saves the credentials in the KMS, with this password.
fn saved_outside(scene: &Scene, password: &str) {
    scene.kms.edit(&scene.id(), |connection| connection["credentials"]["password"] = json!(password));
}

/// The fingerprint of another write, though all values are the same.
fn written_again(scene: &Scene) {
    let before = scene.stored()["credentialsHash"].clone();
    saved_outside(scene, "something-else");
    saved_outside(scene, PASSWORD);
    assert_ne!(scene.stored()["credentialsHash"], before);
}

#[test]
fn stores_working_password_again_after_drift() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    saved_outside(&scene, "typed-outside");
    let plan = scene.workspace.plan_with_changes().expect(2);
    plan.shows(&[WARNING, "The configured password still works"]);
    plan.shows(&["~ credentials_hash", "1 to change"]);
    for untouched in ["~ host", "~ username", "~ password"] {
        assert!(!plan.text.contains(untouched), "{}", plan.text);
    }
    scene.kms.clear_requests();
    scene.workspace.apply().expect(0);
    assert_eq!(scene.bodies("PATCH", PATH)[0]["credentials"]["password"], PASSWORD);
    scene.is_settled();
}

#[test]
fn reports_stale_password_without_sending_it() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD 'changed-outside'", scene.role));
    saved_outside(&scene, "changed-outside");
    let plan = scene.workspace.plan().expect(0);
    plan.shows(&[WARNING, "no longer work", "No update of the credentials is planned", "`password_wo`"]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.stored()["credentials"]["password"], "changed-outside");
    // The way out that the message names.
    scene.workspace.set("TF_VAR_password", "changed-outside");
    scene.configure(&[("password_wo_version", "2")]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn does_not_send_unchecked_password_by_itself() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    written_again(&scene);
    scene.workspace.set("KMS_VALIDATION", "off");
    for command in [Workspace::plan, Workspace::apply, Workspace::plan] {
        command(&scene.workspace).expect(0).shows(&[
            WARNING,
            "The provider could not check",
            "No update of the credentials is planned",
        ]);
    }
    // A new version asks for it.
    scene.configure(&[("password_wo_version", "2")]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

/// As after a rotation that switches between two roles.
#[test]
fn role_changed_outside_is_no_error_if_configured_one_fails() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let other = format!("{}_b", scene.role);
    scene.postgres.create_role(&other, "of-the-other");
    scene.kms.edit(&scene.id(), |connection| {
        connection["credentials"]["username"] = json!(other);
        connection["credentials"]["password"] = json!("of-the-other");
    });
    // The configured role still works: the update that the plan shows repairs it.
    let plan = scene.workspace.plan_with_changes().expect(2);
    plan.shows(&[WARNING, "replacing what is stored there", "~ username", "1 to change"]);
    scene.postgres.sql(&format!("ALTER ROLE {} NOLOGIN", scene.role));
    for command in [Workspace::plan, Workspace::apply, Workspace::plan] {
        command(&scene.workspace).expect(0).shows(&[
            WARNING,
            "another `username`",
            "No update of the credentials is planned",
        ]);
    }
    assert_eq!(scene.stored()["credentials"]["username"], other);
    // Without a login the plan shows it, and a person decides.
    scene.workspace.set("KMS_VALIDATION", "off");
    scene.workspace.plan_with_changes().expect(2).shows(&[WARNING, "~ username"]);
    scene.workspace.set("KMS_VALIDATION", "plan");
    // A changed configuration is checked as usual, and so is another password.
    let rename = [("name", "\"renamed\"")];
    let version = [("password_wo_version", "2")];
    let database = [("database", "\"postgres\"")];
    for change in [rename, version, database] {
        scene.configure(&change);
        scene.workspace.plan().fails(&["PostgreSQL login failed: "]);
    }
    scene.configure(&[]);
    scene.workspace.destroy().expect(0);
}

#[test]
fn refresh_alone_keeps_the_warning() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    written_again(&scene);
    scene.workspace.run(&["apply", "-refresh-only", "-auto-approve", "-no-color"]).expect(0);
    let state = scene.workspace.object("kms_postgres_connection.orders");
    assert_eq!(state["credentials_hash"], scene.stored()["credentialsHash"]);
    scene
        .workspace
        .run(&["plan", "-no-color", "-detailed-exitcode", "-refresh=false"])
        .expect(2)
        .shows(&["sends the configured credentials to the KMS again"]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn without_password_warns_until_acknowledged() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[("password_wo", "null"), ("password_wo_version", "null"), ("description", "\"no password\"")]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    written_again(&scene);
    scene.workspace.plan().expect(0).shows(&["The configuration has no password"]);
    scene.workspace.apply().expect(0);
    let plan = scene.workspace.plan().expect(0);
    assert!(!plan.text.contains("gives no password"), "{}", plan.text);
}

#[test]
fn import_reports_no_change_outside() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let id = scene.id();
    scene.workspace.run(&["state", "rm", "kms_postgres_connection.orders"]).expect(0);
    scene.configure(&[("password_wo", "null"), ("password_wo_version", "null")]);
    scene.workspace.run(&["import", "-no-color", "kms_postgres_connection.orders", &id]).expect(0);
    written_again(&scene);
    let plan = scene.workspace.plan().expect(0);
    assert!(!plan.text.contains("outside Terraform"), "{}", plan.text);
}

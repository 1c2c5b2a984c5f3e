//! Lost responses of a transfer of the password: the connection ends in the state, or an error reports the role's state.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{ADDRESS, MANAGED, PASSWORD, PATH, takes};
use crate::kills::{eventually, providers, signal};
use crate::support::kms::Fault;
use crate::support::scene::Scene;
use crate::support::terraform::finish;

const BY_NAME: &str = "/api/v1/app-connections/postgres/connection-name";
const UNTOUCHED: &str = "still accepts the configured password";
const CHANGED: &str = "no longer accepts the configured password";

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.workspace.set("KMS_REQUEST_TIMEOUT", "2s");
    scene.configure(&[MANAGED]);
    scene
}

#[test]
fn create_lost_before_its_effect_leaves_role_unchanged() {
    let scene = scene();
    scene.kms.fail("POST", PATH, 1, Fault::LostBefore);
    scene.workspace.apply().fails(&[UNTOUCHED, "safe to apply again"]);
    assert!(scene.kms.connections().is_empty() && takes(&scene, PASSWORD));
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn adopts_create_lost_after_its_effect() {
    for fault in [Fault::LostAfter, Fault::Cut, Fault::Gateway(502), Fault::Stall(Duration::from_secs(4))] {
        let scene = scene();
        scene.kms.fail("POST", PATH, 1, fault);
        scene.workspace.apply().expect(0).shows(&["KMS response lost, connection created: orders-db", "1 added"]);
        assert_eq!(scene.workspace.object(ADDRESS)["id"], scene.id());
        assert_eq!(scene.bodies("POST", PATH).len(), 1);
        assert!(!takes(&scene, PASSWORD));
        scene.is_settled();
    }
}

/// After an unreadable response the provider does not adopt the connection, although the role has changed.
#[test]
fn unreadable_create_response_reports_role_and_import_block() {
    let scene = scene();
    scene.kms.fail("POST", PATH, 1, Fault::Garbage);
    let id = || format!("id = \"{}\"", scene.id());
    scene.workspace.apply().fails(&[CHANGED, "import {", &id(), "ALTER ROLE"]);
    assert!(!takes(&scene, PASSWORD));
    // The next run reports the connection without that response.
    scene.workspace.plan().fails(&["Connection already exists in the KMS: orders-db", "import {", &id()]);
    import_and_settle(&scene);
}

fn import_and_settle(scene: &Scene) {
    let id = scene.id();
    scene.workspace.write("import.tf", &format!("import {{\n  to = {ADDRESS}\n  id = {id:?}\n}}\n"));
    // The number of the version goes into the state.
    scene.workspace.apply().expect(0).shows(&["1 imported, 0 added, 1 changed, 0 destroyed"]);
    assert!(scene.bodies("PATCH", PATH).is_empty());
    scene.workspace.write("import.tf", "");
    assert_eq!(scene.id(), id);
    scene.is_settled();
}

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn next_run_names_connection_of_killed_provider() {
    let mut scene = scene();
    scene.workspace.set("KMS_REQUEST_TIMEOUT", "60s");
    scene.kms.fail("POST", PATH, 1, Fault::Stall(Duration::from_secs(60)));
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    eventually("the transfer of the password", || !scene.kms.connections().is_empty() && !takes(&scene, PASSWORD));
    for pid in providers(&scene) {
        signal("KILL", pid);
    }
    finish(run).expect(1);
    assert_eq!(scene.workspace.object(ADDRESS), Json::Null);
    let said = scene.workspace.apply().expect(1);
    said.shows(&[
        "Connection already exists in the KMS: orders-db",
        "import it",
        &scene.role,
        "destroy -refresh=false",
    ]);
    assert_eq!(scene.bodies("POST", PATH).len(), 1);
    import_and_settle(&scene);
}

/// Found only by the insert, after the role was changed: the KMS rolls that back, and the error reports it.
#[test]
fn name_conflict_leaves_role_unchanged_and_reports_it() {
    for lost in [false, true] {
        let scene = scene();
        let mut other = scene_connection(&scene);
        other["credentials"]["database"] = json!("other");
        let id = scene.kms.insert(other);
        let free = json!({
            "reqId": "req-00000000000000",
            "statusCode": 404,
            "message": "Could not find App Connection with name orders-db in organization scope.",
            "error": "NotFound"
        });
        scene.kms.fail("GET", BY_NAME, 1, Fault::Status(404, free));
        if lost {
            scene.kms.fail("POST", PATH, 1, Fault::LostAfter);
        }
        let said = scene.workspace.apply().expect(1);
        said.shows(&[UNTOUCHED, "import {", &format!("id = \"{id}\"")]);
        said.shows(&[if lost {
            "cannot determine whether this run created it"
        } else {
            "Connection name already exists"
        }]);
        assert_eq!(scene.bodies("POST", PATH).len(), 1);
        assert_eq!(scene.id(), id);
        assert_eq!(scene.workspace.object(ADDRESS), Json::Null);
        assert!(takes(&scene, PASSWORD));
    }
}

/// The connection that the scene configures, as another user would have stored it.
fn scene_connection(scene: &Scene) -> Json {
    json!({
        "app": "postgres",
        "name": "orders-db",
        "method": "username-and-password",
        "credentials": {
            "host": "localhost",
            "port": scene.postgres.port(),
            "database": scene.database,
            "username": scene.role,
            "password": PASSWORD,
            "sslEnabled": true,
            "sslRejectUnauthorized": true,
            "sslCertificate": scene.postgres.ca_pem().trim(),
        },
    })
}

#[test]
fn reports_unknown_role_state() {
    let scene = scene();
    scene.configure_with(&[MANAGED], "validation {\n    mode = \"off\"\n  }");
    scene.kms.fail("POST", PATH, 1, Fault::Garbage);
    let said = scene.workspace.apply().expect(1);
    said.shows(&[
        "could not check whether the KMS has changed",
        "`mode` is `off`",
        "Log in with the role",
        "ALTER ROLE",
        "import {",
    ]);
}

#[test]
fn reads_back_lost_update_that_transfers_the_password() {
    for fault in [Fault::LostAfter, Fault::Cut, Fault::Gateway(502), Fault::Stall(Duration::from_secs(4))] {
        let scene = scene();
        scene.configure(&[]);
        scene.workspace.apply().expect(0);
        scene.configure(&[MANAGED]);
        scene.kms.fail("PATCH", PATH, 1, fault);
        scene.workspace.apply().expect(0).shows(&["1 changed"]);
        assert!(!takes(&scene, PASSWORD));
        scene.is_settled();
    }
    let scene = scene();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[MANAGED]);
    scene.kms.fail("PATCH", PATH, 1, Fault::LostBefore);
    scene.workspace.apply().fails(&[UNTOUCHED, "The update may have taken effect"]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
}

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn finds_password_transfer_of_killed_provider_done() {
    let mut scene = scene();
    scene.workspace.set("KMS_REQUEST_TIMEOUT", "60s");
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[MANAGED]);
    scene.kms.fail("PATCH", PATH, 1, Fault::Stall(Duration::from_secs(60)));
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    eventually("the transfer of the password", || !takes(&scene, PASSWORD));
    for pid in providers(&scene) {
        signal("KILL", pid);
    }
    finish(run).expect(1);
    let next = scene.workspace.apply().expect(0);
    next.shows(&["Platform-managed credentials turned on outside Terraform: orders-db", "0 changed"]);
    assert_eq!(scene.workspace.object(ADDRESS)[super::FLAG], true);
    scene.is_settled();
}

/// The KMS changes the role, stores the row and then fails: the error reports both.
#[test]
fn kms_500_after_create_reports_role_and_connection() {
    let scene = scene();
    let body = json!({
        "reqId": "req-00000000000000", "statusCode": 500, "message": "Something went wrong", "error": "InternalServerError"
    });
    scene.kms.fail("POST", PATH, 1, Fault::StatusAfter(500, body));
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&[CHANGED, "import {", &format!("id = \"{}\"", scene.id()), "ALTER ROLE"]);
    assert!(!takes(&scene, PASSWORD));
    import_and_settle(&scene);
}

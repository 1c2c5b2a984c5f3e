//! Lost answers: nothing is lost, nothing is made twice, and what existed before is never taken over.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::kms::{Fault, Options};
use crate::support::scene::Scene;

const PATH: &str = "/api/v1/app-connections/postgres";

/// Ways in which the service does what it is asked, and its answer never arrives.
fn lost() -> [Fault; 2] {
    [Fault::LostAfter, Fault::Cut]
}

#[test]
fn a_created_connection_is_found_again_and_kept() {
    for fault in lost() {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.kms.fail("POST", PATH, 1, fault);
        let apply = scene.workspace.apply().expect(0);
        apply.says(&["The answer to the creation of orders-db was lost", "It is in the state now", "1 added"]);
        assert_eq!(scene.workspace.object("kms_postgres_connection.orders")["id"], scene.id());
        assert_eq!(scene.bodies("POST", PATH).len(), 1);
        scene.is_settled();
    }
}

#[test]
fn a_gateway_error_of_a_proxy_is_no_answer() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.kms.fail("POST", PATH, 1, Fault::Status(502, json!("<html>bad gateway</html>")));
    // Nothing was done, so nothing is found, and nothing is posted again.
    let apply = scene.workspace.apply().expect(1);
    apply.says(&["Something in front of the KMS failed", "probably not created", "Nothing is created twice"]);
    assert_eq!(scene.bodies("POST", PATH).len(), 1);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn a_connection_that_existed_before_is_never_taken_over() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let id = scene.id();
    scene.workspace.run(&["state", "rm", "kms_postgres_connection.orders"]).expect(0);
    scene.workspace.plan().expect(2).says(&["The KMS has a connection orders-db already", "import {", &id]);
    scene.kms.fail("POST", PATH, 1, Fault::LostAfter);
    scene.workspace.apply().expect(1).says(&["import {", &format!("id = \"{id}\"")]);
    assert_eq!(scene.workspace.object("kms_postgres_connection.orders"), Json::Null);
    assert_eq!(scene.id(), id);
}

#[test]
fn a_lost_update_is_settled_by_reading() {
    for fault in lost() {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.workspace.apply().expect(0);
        scene.kms.fail("PATCH", PATH, 1, fault);
        scene.configure(&[("name", "\"renamed\""), ("database", "\"postgres\""), ("description", "\"new\"")]);
        scene.workspace.apply().expect(0).says(&["1 changed"]);
        scene.is_settled();
        assert_eq!(scene.bodies("PATCH", PATH).len(), 1);
    }
}

#[test]
fn an_update_that_was_lost_before_its_effect_is_planned_again() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.fail("PATCH", PATH, 1, Fault::LostBefore);
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.apply().expect(1).says(&["may have taken effect all the same"]);
    scene.workspace.apply().expect(0).says(&["1 changed"]);
    scene.is_settled();
}

#[test]
fn a_lost_delete_is_settled_by_reading() {
    for fault in lost() {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.workspace.apply().expect(0);
        scene.kms.fail("DELETE", PATH, 1, fault);
        scene.workspace.destroy().expect(0).says(&["1 destroyed"]);
        assert!(scene.kms.connections().is_empty());
    }
}

#[test]
fn a_read_that_lags_behind_never_drops_the_object() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let gone = json!({
        "reqId": "req-00000000000000",
        "statusCode": 404,
        "message": format!("Could not find App Connection with ID {}", scene.id()),
        "error": "NotFound"
    });
    scene.kms.fail("GET", &format!("{PATH}/"), 1, Fault::Status(404, gone));
    scene.workspace.plan().expect(0).says(&["No changes"]);
}

#[test]
fn a_404_of_somebody_else_never_drops_the_object() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    for body in
        [json!({"message": "Route GET:/api not found", "error": "Not Found", "statusCode": 404}), json!("<html>")]
    {
        scene.kms.fail("GET", &format!("{PATH}/"), 1, Fault::Status(404, body));
        let plan = scene.workspace.plan().expect(1);
        plan.says(&["This is not the KMS", "127.0.0.1", PATH, "https://app.kms.hanzo.ai", "https://kms.hanzo.ai"]);
    }
    scene.is_settled();
}

/// Each first request of 70 creates meets one of these; applied until it succeeds, everything is there once.
#[test]
fn many_creates_through_a_storm_end_with_each_once() {
    let scene = Scene::with(Options { log_in: false, ..Options::default() });
    scene.configure_with(&[("name", "\"orders-${count.index}\"")], "count = 70");
    let faults = [
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::Cut,
        Fault::Status(502, json!("<html>")),
        Fault::Status(503, json!({"reqId": "r", "statusCode": 503, "message": "busy", "error": "X"})),
        Fault::Delay(Duration::from_millis(200)),
    ];
    for fault in faults {
        scene.kms.fail("POST", PATH, 10, fault);
    }
    let mut runs = 0;
    while scene.workspace.apply().code != Some(0) {
        runs += 1;
        assert!(runs < 10, "it does not converge");
    }
    let connections = scene.kms.connections();
    assert_eq!(connections.len(), 70);
    let mut stored: Vec<_> = connections.iter().map(|connection| connection["id"].clone().to_string()).collect();
    let mut known: Vec<_> = (0..70)
        .map(|index| scene.workspace.object(&format!("kms_postgres_connection.orders[{index}]"))["id"].to_string())
        .collect();
    stored.sort();
    known.sort();
    assert_eq!(known, stored);
    scene.is_settled();
}

//! Lost responses: no connection is lost, none is created twice, and none that existed before is adopted.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::kills::{eventually, providers, signal};
use crate::support::kms::{Fault, Options};
use crate::support::scale;
use crate::support::scene::Scene;
use crate::support::terraform::finish;

const PATH: &str = "/api/v1/app-connections/postgres";

/// Ways in which the KMS carries out a request, and its response never arrives.
fn lost() -> [Fault; 3] {
    [Fault::LostAfter, Fault::Cut, Fault::Gateway(502)]
}

#[test]
fn finds_and_keeps_connection_of_a_lost_create() {
    for fault in lost() {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.kms.fail("POST", PATH, 1, fault);
        let apply = scene.workspace.apply().expect(0);
        apply.shows(&["KMS response lost, connection created: orders-db", "The connection is in the state", "1 added"]);
        assert_eq!(scene.workspace.object("kms_postgres_connection.orders")["id"], scene.id());
        assert_eq!(scene.bodies("POST", PATH).len(), 1);
        scene.is_settled();
    }
}

#[test]
fn gateway_error_of_a_proxy_is_no_response() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.kms.fail("POST", PATH, 1, Fault::Status(502, json!("<html>bad gateway</html>")));
    // Nothing was done, so nothing is found, and nothing is posted again.
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["KMS request failed: bad gateway", "probably had no effect", "never creates a second connection"]);
    assert_eq!(scene.bodies("POST", PATH).len(), 1);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn never_adopts_connection_that_existed_before() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let id = scene.id();
    scene.workspace.run(&["state", "rm", "kms_postgres_connection.orders"]).expect(0);
    scene.workspace.plan().expect(2).shows(&["Connection name already exists: orders-db", "import {", &id]);
    scene.kms.fail("POST", PATH, 1, Fault::LostAfter);
    scene.workspace.apply().fails(&["import {", &format!("id = \"{id}\"")]);
    assert_eq!(scene.workspace.object("kms_postgres_connection.orders"), Json::Null);
    assert_eq!(scene.id(), id);
}

#[test]
fn reads_back_lost_update() {
    for fault in lost() {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.workspace.apply().expect(0);
        scene.kms.fail("PATCH", PATH, 1, fault);
        scene.configure(&[("name", "\"renamed\""), ("database", "\"postgres\""), ("description", "\"new\"")]);
        scene.workspace.apply().expect(0).shows(&["1 changed"]);
        scene.is_settled();
        assert_eq!(scene.bodies("PATCH", PATH).len(), 1);
    }
}

/// A replica that lags behind shows the result of the first update, which looks like that of the second one.
#[test]
fn reads_back_second_of_two_lost_updates() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[("password_wo_version", "2")]);
    scene.kms.fail("PATCH", PATH, 1, Fault::Garbage);
    // Nor may it be read what became of it.
    let denied = json!({ "reqId": "req-0", "statusCode": 403, "message": "no", "error": "PermissionDenied" });
    scene.kms.fail("GET", &format!("{PATH}/"), 1, Fault::Status(403, denied));
    scene
        .workspace
        .run(&["apply", "-no-color", "-auto-approve", "-refresh=false"])
        .expect(1)
        .shows(&["KMS request failed: unexpected response"]);
    scene.kms.fail("PATCH", PATH, 1, Fault::LostAfter);
    scene.kms.fail("GET", &format!("{PATH}/"), 1, Fault::Lagging);
    scene.workspace.run(&["apply", "-no-color", "-auto-approve", "-refresh=false"]).expect(0);
    assert_eq!(scene.bodies("PATCH", PATH).len(), 2);
    let known = scene.workspace.object("kms_postgres_connection.orders");
    assert_eq!(known["credentials_hash"], scene.stored()["credentialsHash"]);
    scene.is_settled();
}

#[test]
fn plans_update_lost_before_its_effect_again() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.fail("PATCH", PATH, 1, Fault::LostBefore);
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.apply().fails(&["The update may have taken effect"]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
}

#[test]
fn reads_back_lost_delete() {
    for fault in lost() {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.workspace.apply().expect(0);
        scene.kms.fail("DELETE", PATH, 1, fault);
        scene.workspace.destroy().expect(0).shows(&["1 destroyed"]);
        assert!(scene.kms.connections().is_empty());
    }
}

#[test]
fn keeps_connection_of_delete_lost_before_its_effect() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.fail("DELETE", PATH, 1, Fault::LostBefore);
    scene.workspace.destroy().fails(&["no response from the KMS"]);
    assert_eq!(scene.workspace.object("kms_postgres_connection.orders")["id"], scene.id());
    scene.workspace.destroy().expect(0).shows(&["1 destroyed"]);
    assert!(scene.kms.connections().is_empty());
}

#[test]
fn stale_read_never_removes_the_connection() {
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
    scene.workspace.plan().expect(0).shows(&["No changes"]);
}

#[test]
fn foreign_404_never_removes_the_connection() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    for body in
        [json!({"message": "Route GET:/api not found", "error": "Not Found", "statusCode": 404}), json!("<html>")]
    {
        scene.kms.fail("GET", &format!("{PATH}/"), 1, Fault::Status(404, body));
        let plan = scene.workspace.plan().expect(1);
        plan.shows(&[
            "KMS request failed: unexpected response",
            "127.0.0.1",
            PATH,
            "https://app.kms.hanzo.ai",
            "https://kms.hanzo.ai",
        ]);
    }
    scene.is_settled();
}

/// Each first request of many creates meets one of these: refused, reset before and after the effect, a cut answer, 502 and
/// a timeout after the effect, the provider killed. Applied until it succeeds, everything is there once. Only what a killed
/// provider made needs a hand: the printed import block.
#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn creates_each_connection_once_through_random_faults() {
    let count = scale(25, 200);
    let mut scene = Scene::with(Options { log_in: false, ..Options::default() });
    scene.workspace.set("KMS_VALIDATION", "off");
    scene.workspace.set("KMS_REQUEST_TIMEOUT", "2s");
    scene.configure_with(&[("name", "\"orders-${count.index}\"")], &format!("count = {count}"));

    // Connection refused.
    let url = scene.kms.url();
    scene.workspace.set("KMS_HOST", "http://127.0.0.1:9");
    scene.workspace.apply().expect(1).shows(&["KMS not reachable: connection refused"]);
    scene.workspace.set("KMS_HOST", &url);

    // Killed, in the middle of the creates.
    scene.kms.fail("POST", PATH, count, Fault::Stall(Duration::from_millis(300)));
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    // It prints more than a pipe holds.
    let run = std::thread::spawn(|| finish(run));
    while scene.kms.connections().len() < 15 {
        std::thread::sleep(Duration::from_millis(10));
    }
    for pid in providers(&scene) {
        signal("KILL", pid);
    }
    run.join().unwrap().expect(1);
    scene.kms.stop_failing();

    let faults =
        [Fault::LostBefore, Fault::LostAfter, Fault::Cut, Fault::Gateway(502), Fault::Stall(Duration::from_secs(3))];
    // In turns, so that the first request of every connection meets one.
    for fault in faults.iter().cycle().take(count) {
        scene.kms.fail("POST", PATH, 1, fault.clone());
    }
    let mut imports = String::new();
    let mut runs = 0;
    loop {
        let apply = scene.workspace.apply();
        assert!(!apply.text.contains("tainted"), "{}", apply.text);
        if apply.code == Some(0) {
            break;
        }
        runs += 1;
        assert!(runs < 20, "it does not converge\n{}", apply.text);
        for (index, id) in printed_blocks(&apply.words()) {
            imports += &format!("import {{\n  to = kms_postgres_connection.orders[{index}]\n  id = \"{id}\"\n}}\n");
        }
        scene.workspace.write("imports.tf", &imports);
    }
    scene.workspace.write("imports.tf", "");

    let ids = |connections: &[Json]| -> BTreeSet<String> {
        connections.iter().map(|connection| connection["id"].as_str().unwrap().to_owned()).collect()
    };
    let stored = scene.kms.connections();
    let known = scene.workspace.objects();
    assert_eq!(stored.len(), count);
    assert_eq!(known.len(), count);
    assert_eq!(ids(&known), ids(&stored));
    assert_eq!(ids(&known).len(), count);
    let state = std::fs::read_to_string(scene.workspace.path().join("terraform.tfstate")).unwrap();
    assert!(!state.contains("\"status\": \"tainted\""));
    scene.is_settled();
}

/// The connections that messages of taken names speak of, with the ids of their import blocks.
fn printed_blocks(words: &str) -> Vec<(usize, String)> {
    let messages = words.split("Error: Connection name already exists").skip(1);
    messages
        .filter_map(|message| {
            let index = message.split("kms_postgres_connection.orders[").nth(1)?.split(']').next()?.parse().ok()?;
            let id = message.split("id = \"").nth(1)?.split('"').next()?.to_owned();
            Some((index, id))
        })
        .collect()
}

/// Either resource may have created it, so the provider neither guesses nor stores the same object twice.
#[test]
fn never_adopts_connection_of_another_resource() {
    let scene = Scene::with(Options { latency: Duration::from_millis(300), log_in: false, ..Options::default() });
    scene.configure_with(&[], "count = 2\n  validation {\n    mode = \"off\"\n  }");
    scene.kms.fail("POST", PATH, 1, Fault::LostBefore);
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["import {", &format!("id = \"{}\"", scene.id())]);
    assert_eq!(scene.workspace.objects().len(), 1);
    assert_eq!(scene.bodies("POST", PATH).len(), 2);
}

/// The service's own 500 may come after the insert. It is a response, so nothing is adopted.
#[test]
fn kms_500_after_create_names_connection_without_adopting() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.kms.fail("POST", PATH, 1, own_500_after());
    let apply = scene.workspace.apply().expect(1);
    let id = scene.id();
    apply.shows(&[
        "KMS request failed: internal server error",
        "A connection `orders-db` exists now",
        "import {",
        &format!("id = \"{id}\""),
    ]);
    assert_eq!(scene.workspace.object("kms_postgres_connection.orders"), Json::Null);
    let block = format!("import {{\n  to = kms_postgres_connection.orders\n  id = \"{id}\"\n}}\n");
    scene.workspace.write("import.tf", &block);
    scene.workspace.apply().expect(0).shows(&["1 imported"]);
    assert_eq!(scene.bodies("POST", PATH).len(), 1);
    scene.is_settled();
}

#[test]
fn reads_back_after_kms_500_to_update_and_delete() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.fail("PATCH", PATH, 1, own_500_after());
    scene.configure(&[("name", "\"renamed\""), ("password_wo_version", "2")]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.is_settled();
    assert_eq!(scene.bodies("PATCH", PATH).len(), 1);
    scene.kms.fail("DELETE", PATH, 1, own_500_after());
    scene.workspace.destroy().expect(0).shows(&["1 destroyed"]);
    assert!(scene.kms.connections().is_empty());
}

fn own_500_after() -> Fault {
    let body = json!({
        "reqId": "req-00000000000000", "statusCode": 500, "message": "Something went wrong", "error": "InternalServerError"
    });
    Fault::StatusAfter(500, body)
}

/// A cache that ignores the path, or a routing error, must not lead to the other connection.
#[test]
fn rejects_response_about_another_connection() {
    const ORDERS: &str = "kms_postgres_connection.orders";
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let own = scene.stored();
    let id = own["id"].as_str().unwrap();
    let one = format!("{PATH}/{id}");
    let ids = |scene: &Scene| -> Vec<Json> {
        scene.kms.connections().into_iter().map(|mut connection| connection["id"].take()).collect()
    };

    scene.kms.fail("GET", &one, 1, Fault::UnexpectedResponse);
    scene.workspace.plan().fails(&["KMS request failed: unexpected response", "about another object", id]);
    assert_eq!(scene.workspace.object(ORDERS)["id"], id);

    // An update that took effect is found by reading.
    scene.kms.fail("PATCH", &one, 1, Fault::UnexpectedResponse);
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert_eq!(scene.workspace.object(ORDERS)["id"], id);
    assert_eq!(scene.bodies("PATCH", PATH).len(), 1);

    // A response about another connection's deletion does not confirm this one.
    let mut other = own.clone();
    other.as_object_mut().unwrap().remove("id");
    other["name"] = json!("somebody-elses");
    let other_id = scene.kms.insert(other.clone());
    other["id"] = json!(other_id);
    other["credentials"].as_object_mut().unwrap().remove("password");
    scene.kms.fail("DELETE", &one, 1, Fault::Status(200, json!({ "appConnection": other })));
    scene.workspace.destroy().fails(&[
        "KMS request failed: unexpected response",
        "about another object",
        "It stays in the state",
    ]);
    assert_eq!(scene.workspace.object(ORDERS)["id"], id);
    // Nor is that another one is missing.
    let missing = json!({
        "reqId": "req-00000000000000",
        "statusCode": 404,
        "message": format!("Could not find App Connection with ID {other_id}"),
        "error": "NotFound"
    });
    scene.kms.fail("GET", &one, 9, Fault::Status(404, missing));
    scene.workspace.plan().fails(&["about another object", &other_id]);
    scene.kms.stop_failing();
    assert_eq!(scene.workspace.object(ORDERS)["id"], id);
    scene.workspace.destroy().expect(0).shows(&["1 destroyed"]);
    assert_eq!(ids(&scene), [json!(other_id)]);

    // A create is looked up by name, and not adopted.
    scene.configure(&[]);
    scene.kms.fail("POST", PATH, 1, Fault::UnexpectedResponse);
    let apply = scene.workspace.apply().expect(1);
    let created = ids(&scene).into_iter().find(|id| *id != json!(other_id)).unwrap();
    apply.shows(&["about another object", "import {", &format!("id = {created}")]);
    assert_eq!(scene.workspace.object(ORDERS), Json::Null);
}

/// A replica that lags behind does not know the connection at the first look.
#[test]
fn looks_up_again_after_kms_500_to_create() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.kms.fail("POST", PATH, 1, own_500_after());
    scene.kms.fail("GET", &format!("{PATH}/connection-name"), 1, Fault::Lagging);
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["KMS request failed: internal server error", "import {", &format!("id = \"{}\"", scene.id())]);
}

/// The lost create is being looked for, and the look-up hangs: Ctrl-C ends it without waiting for that.
#[test]
fn interrupt_ends_search_for_lost_create() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.kms.fail("POST", PATH, 1, Fault::LostAfter);
    let by_name = format!("{PATH}/connection-name");
    scene.kms.fail("GET", &by_name, 9, Fault::Delay(Duration::from_secs(60)));
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    let looks_up = || scene.kms.requests().iter().any(|request| request.path.starts_with(&by_name));
    eventually("the look-up", looks_up);
    signal("INT", run.id());
    finish(run).shows(&["could not determine whether the connection was created", "never creates a second connection"]);
    let requests = scene.kms.requests();
    let look_ups = requests.iter().filter(|request| request.path.starts_with(&by_name)).count();
    assert_eq!(look_ups, 1, "a longer search would have asked again");
}

#[test]
fn lost_auth_response_is_no_lost_create() {
    let mut scene = Scene::new();
    scene.configure_with(&[], "validation {\n    mode = \"off\"\n  }");
    scene.workspace.set("KMS_MAX_RETRIES", "0");
    scene.kms.fail("POST", "/api/v1/auth", 9, Fault::LostBefore);
    let apply = scene.workspace.apply().expect(1);
    assert!(!apply.text.contains("import {") && !apply.words().contains("created twice"), "{}", apply.text);
    apply.shows(&["The request itself was not sent"]);
    assert!(scene.bodies("POST", PATH).is_empty());
}

/// Before the create the provider asks whether the name is free. When that takes the whole time, nothing was sent.
#[test]
fn create_timeout_ends_slow_name_check() {
    let scene = Scene::new();
    scene.configure_with(&[], "validation {\n    mode = \"off\"\n  }\n  timeouts {\n    create = \"2s\"\n  }");
    scene.kms.fail("GET", &format!("{PATH}$"), 9, Fault::Delay(Duration::from_secs(60)));
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["Operation timed out", "limit of 2 seconds"]);
    assert!(!apply.text.contains("import {") && !apply.words().contains("created twice"), "{}", apply.text);
    assert!(scene.bodies("POST", PATH).is_empty());
    let requests = scene.kms.requests();
    let came = requests.iter().any(|request| request.path == PATH && request.status == 200);
    assert!(!came, "the operation ends before the list comes");
}

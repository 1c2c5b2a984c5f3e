//! What a refresh of many connections asks the KMS: one list a scope, and single connections only where the list cannot tell.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::kills::{eventually, signal};
use crate::support::kms::{Fault, Options};
use crate::support::scene::Scene;
use crate::support::terraform::finish;

const LIST: &str = "/api/v1/app-connections/postgres";
/// The first few of a scope are read alone, so that a small configuration in a large organisation lists nothing.
const ALONE: usize = 2;

/// The requests since the last call: lists, single reads, authentications.
fn asked(scene: &Scene) -> (usize, usize, usize) {
    let requests = scene.kms.requests();
    scene.kms.clear_requests();
    let count = |wanted: &dyn Fn(&str, &str) -> bool| {
        requests.iter().filter(|request| wanted(&request.method, request.path.trim_end_matches('/'))).count()
    };
    (
        count(&|method, path| method == "GET" && path == LIST),
        count(&|method, path| method == "GET" && path.starts_with(&format!("{LIST}/"))),
        count(&|_, path| path.ends_with("/login")),
    )
}

/// A scene with that many connections, stored and in the state.
fn many(count: usize) -> Scene {
    many_with(count, Options::default(), "")
}

fn many_with(count: usize, options: Options, lines: &str) -> Scene {
    let mut scene = Scene::with(Options { log_in: false, ..options });
    scene.workspace.set("KMS_VALIDATION", "off");
    configure(&scene, count, lines);
    scene.workspace.apply().expect(0);
    scene.kms.clear_requests();
    scene
}

fn configure(scene: &Scene, count: usize, lines: &str) {
    let lines = format!("count = {count}\n  {lines}");
    scene.configure_with(&[("name", "\"orders-${count.index}\"")], &lines);
}

#[test]
fn reads_list_only_for_many_connections() {
    for (count, expected) in [(1, (0, 1, 1)), (ALONE, (0, ALONE, 1)), (20, (1, ALONE, 1))] {
        let scene = many(count);
        scene.workspace.plan().expect(0);
        assert_eq!(asked(&scene), expected, "{count} connections");
    }
}

#[test]
fn caches_one_list_per_scope() {
    let scene = many(6);
    let project = scene.kms.project_id().to_owned();
    configure(&scene, 6, &format!("project_id = count.index < 3 ? {project:?} : null"));
    scene.workspace.apply().expect(0);
    scene.kms.clear_requests();
    scene.workspace.plan().expect(0);
    assert_eq!(asked(&scene), (2, 2 * ALONE, 1));
    let lists: Vec<String> = {
        scene.workspace.plan().expect(0);
        let requests = scene.kms.requests().into_iter();
        requests.filter(|request| request.path == LIST).map(|request| request.query).collect()
    };
    assert!(lists.contains(&String::new()) && lists.contains(&format!("projectId={project}")), "{lists:?}");
}

#[test]
fn shows_outside_changes_from_the_list() {
    let scene = many(6);
    for connection in scene.kms.connections() {
        let id = connection["id"].as_str().unwrap();
        scene.kms.edit(id, |row| row["description"] = json!("edited by another user"));
    }
    let plan = scene.workspace.plan().expect(2);
    plan.shows(&["6 to change"]);
    assert_eq!(asked(&scene), (1, ALONE, 1));
}

/// A list can lag, have pages, leave out what the identity may not read, or not come at all.
#[test]
fn reads_by_id_what_the_list_omits() {
    let mut scene = many(6);
    scene.workspace.set("KMS_MAX_RETRIES", "0");
    let page: Vec<Json> = scene.kms.connections().into_iter().take(3).collect();
    let denied =
        json!({"reqId": "r", "statusCode": 403, "error": "PermissionDenied", "message": "You are not allowed"});
    for fault in [
        Fault::Status(200, json!({"appConnections": []})),
        Fault::Status(200, json!({"appConnections": page, "totalCount": 6})),
        Fault::Status(200, json!({"connections": []})),
        Fault::Status(200, json!({"appConnections": [{"id": 1}]})),
        Fault::Status(403, denied),
        Fault::Page(404),
        Fault::Gateway(502),
        Fault::Garbage,
        Fault::Truncated,
        Fault::Cut,
        Fault::LostBefore,
    ] {
        scene.kms.fail("GET", &format!("{LIST}$"), 1, fault.clone());
        scene.workspace.plan().expect(0).shows(&["No changes"]);
        let (lists, single, logins) = asked(&scene);
        assert!(lists == 1 && logins == 1, "{fault:?}: {lists} lists, {logins} logins");
        assert!((3..=6).contains(&single), "{fault:?}: {single} single reads");
    }
}

#[test]
fn only_a_read_by_id_removes_a_connection_from_the_state() {
    let scene = many(6);
    let gone = scene.kms.connections()[4].clone();
    scene.kms.remove(gone["id"].as_str().unwrap());
    let name = gone["name"].as_str().unwrap();
    scene
        .workspace
        .plan()
        .expect(2)
        .shows(&[&format!("Connection deleted outside of Terraform: {name}"), "1 to add, 0 to change"]);
    let (lists, single, _) = asked(&scene);
    assert!(lists >= 1 && (ALONE..=ALONE + 2).contains(&single), "{lists} lists, {single} single reads");
}

#[test]
fn reads_list_of_ten_thousand_connections() {
    let scene = many(6);
    let mut rows = scene.kms.connections();
    for index in 0..10_000 {
        let mut row = rows[0].clone();
        row["id"] = json!(format!("3c90c3cc-0d44-4b50-8888-{index:012}"));
        row["name"] = json!(format!("other-{index}"));
        rows.push(row);
    }
    scene.kms.fail("GET", &format!("{LIST}$"), 1, Fault::Status(200, json!({"appConnections": rows})));
    scene.workspace.plan().expect(0).shows(&["No changes"]);
    assert_eq!(asked(&scene), (1, ALONE, 1));
}

#[test]
fn refresh_stays_below_the_rate_limit() {
    // Fewer than there are connections, and a minute that does not end here.
    let options = Options { reads_per_minute: Some(7), minute: Duration::from_secs(3600), ..Options::default() };
    let scene = many_with(12, options, "");
    scene.workspace.plan().expect(0);
    let refused = scene.kms.requests().iter().filter(|request| request.status == 429).count();
    assert_eq!((asked(&scene), refused), ((1, ALONE, 1), 0));
}

#[test]
fn creates_wait_for_the_rate_limit() {
    let minute = Duration::from_secs(2);
    let options = Options { writes_per_minute: Some(8), minute, ..Options::default() };
    let scene = many_with(20, options, "");
    assert_eq!(scene.kms.connections().len(), 20);
    scene.workspace.plan().expect(0);
    scene.workspace.destroy().expect(0);
    assert_eq!(scene.kms.connections().len(), 0);
}

/// The wait would be longer than any test: an interrupt must end it.
#[test]
fn interrupt_ends_a_wait_for_the_rate_limit() {
    let scene = Scene::new();
    scene.configure_with(&[], "timeouts {\n    create = \"2h\"\n  }");
    scene.kms.fail("POST", &format!("{LIST}$"), 1, Fault::RateLimit(3000));
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    eventually("the refused create", || scene.kms.requests().iter().any(|request| request.status == 429));
    signal("INT", run.id());
    finish(run).expect(1).shows(&["KMS request failed: rate limit exceeded", "Nothing was changed in the KMS"]);
    assert!(scene.kms.connections().is_empty());

    scene.configure(&[]);
    scene.kms.fail("POST", &format!("{LIST}$"), 1, Fault::RateLimit(3000));
    scene.workspace.apply().fails(&["KMS request failed: rate limit exceeded", "Wait until"]);
    assert!(scene.kms.connections().is_empty(), "longer than the operation may take: said at once");
}

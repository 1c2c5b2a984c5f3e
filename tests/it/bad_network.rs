//! A network that is slow, breaks off, resets or swallows, on the way to the KMS and on the way to the database.

use std::time::Duration;

use crate::support::proxy::{Proxy, Trouble};
use crate::support::scene::Scene;

/// Bad, but not too bad: everything works.
const SURVIVABLE: [Trouble; 2] = [Trouble::Delay(Duration::from_millis(50)), Trouble::Throttle(100_000)];

#[test]
fn reports_each_network_failure_to_the_kms() {
    let mut scene = Scene::new();
    let proxy = Proxy::start(scene.kms.port());
    scene.workspace.set("KMS_HOST", &format!("http://127.0.0.1:{}", proxy.port()));
    scene.workspace.set("KMS_REQUEST_TIMEOUT", "1s");
    scene.workspace.set("KMS_MAX_RETRIES", "1");
    scene.configure(&[]);
    for trouble in SURVIVABLE {
        proxy.set(trouble);
        scene.workspace.apply().expect(0).shows(&["1 added"]);
        scene.workspace.plan().expect(0).shows(&["No changes"]);
        scene.workspace.destroy().expect(0).shows(&["1 destroyed"]);
    }
    proxy.set(Trouble::None);
    scene.workspace.apply().expect(0);
    let id = scene.id();
    let host = format!("127.0.0.1:{}", proxy.port());
    for (trouble, why) in [
        (Trouble::Reset, "connection reset"),
        (Trouble::BlackHole, "timed out"),
        (Trouble::CutAfter(0), "the connection was closed before the response was complete"),
        (Trouble::CutAfter(40), "the connection was closed before the response was complete"),
        (Trouble::Throttle(20), "timed out"),
    ] {
        proxy.set(trouble);
        scene.workspace.plan().fails(&["no response from the KMS", why, &host]);
    }
    proxy.set(Trouble::None);
    assert_eq!(scene.id(), id);
    scene.is_settled();
}

#[test]
fn reports_each_network_failure_to_the_database() {
    let scene = Scene::new();
    let proxy = Proxy::start(scene.postgres.port());
    let port = proxy.port().to_string();
    scene.configure_with(&[("port", &port)], "validation {\n    timeout = \"2s\"\n  }");
    for trouble in SURVIVABLE {
        proxy.set(trouble);
        let plan = scene.workspace.plan().expect(2);
        assert!(!plan.text.contains("could not be checked"), "{trouble:?}: {}", plan.text);
    }
    assert_eq!(scene.logins(), SURVIVABLE.len());
    for trouble in
        [Trouble::Reset, Trouble::BlackHole, Trouble::CutAfter(0), Trouble::CutAfter(300), Trouble::Throttle(50)]
    {
        proxy.set(trouble);
        let plan = scene.workspace.plan().expect(2);
        plan.shows(&["Warning: PostgreSQL server not reachable: ", "1 to add"]);
    }
    proxy.set(Trouble::None);
    scene.workspace.apply().expect(0).shows(&["1 added"]);
}

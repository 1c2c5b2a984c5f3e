//! A real standby: connections for reading succeed, a password cannot be changed.

use crate::support::postgres::{Options, Postgres};
use crate::support::scene::Scene;

/// Returns a scene whose connection uses a standby with the superuser as its only role.
fn scene(options: Options, changes: &[(&str, &str)], lines: &str) -> (Scene, Postgres) {
    let server = Postgres::start(options);
    let mut scene = Scene::new();
    scene.workspace.write("standby.pem", server.ca_pem());
    scene.workspace.set("TF_VAR_password", &server.superuser_password);
    let port = server.port().to_string();
    let mut all = vec![
        ("port", &*port),
        ("username", "\"postgres\""),
        ("database", "\"postgres\""),
        ("ssl_certificate", "file(\"standby.pem\")"),
    ];
    all.extend(changes);
    scene.configure_with(&all, lines);
    (scene, server)
}

#[test]
fn accepts_login_to_a_standby() {
    let (scene, server) = scene(Options::standby(), &[], "");
    assert_eq!(server.sql("SELECT pg_is_in_recovery()"), [[Some("t".to_owned())]]);
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("Warning: The"), "{}", plan.text);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn rejects_platform_managed_credentials_at_a_standby() {
    let (scene, _server) = scene(Options::standby(), &[("is_platform_managed_credentials", "true")], "");
    scene.workspace.plan().fails(&[
        "Error: Platform-managed credentials not possible: server is a standby",
        "The server is a read-only standby. The KMS could not change the password.",
        "No credentials were sent to the KMS.",
        "Set `host` to the primary (the writer endpoint).",
    ]);
    assert!(scene.bodies("POST", "/api/v1/app-connections").is_empty());
}

#[test]
fn rejects_rotation_roles_at_a_standby() {
    let lines = "validation {\n    rotation_roles = [\"postgres\"]\n  }";
    let (scene, _server) = scene(Options::standby(), &[], lines);
    scene.workspace.plan().expect(2).shows(&[
        "Warning: Rotation not possible: role postgres through orders-db",
        "the server is a read-only standby",
        "primary",
    ]);
}

/// Such a server accepts no logins as long as it is a standby.
#[test]
fn reports_standby_that_allows_no_connections() {
    let (scene, _server) = scene(Options::standby().setting("hot_standby", "off"), &[], "");
    scene.workspace.plan().expect(2).shows(&[
        "Warning: PostgreSQL login failed: server not ready",
        "does not accept logins at the moment (SQLSTATE 57P03)",
        "The server is a standby that allows no queries: use the host of the primary.",
    ]);
}

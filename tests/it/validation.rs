//! The login that a plan makes: each failure in its own words, at its own argument, before anything is stored.

use std::net::TcpListener;

use crate::support::postgres::{Authority, Options, Postgres};
use crate::support::scene::Scene;

/// Plans with these arguments and expects one error, at one of them or at the whole connection (empty).
/// Nothing is stored.
fn refused(scene: &Scene, changes: &[(&str, &str)], at: &str, sentences: &[&str]) {
    scene.configure(changes);
    let plan = scene.workspace.plan().expect(1);
    let summary = sentences[0];
    let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
    plan.reports(&[&format!("error{at}: {summary}")]);
    plan.shows(&["No credentials were sent to the KMS."]).shows(sentences);
    plan.shows(&["KMS_VALIDATION=apply terraform plan", "terraform destroy -refresh=false"]);
    assert!(scene.bodies("POST", "/api/v1/app-connections").is_empty());
}

/// Plans with these arguments and expects one warning, at one of them, and a plan.
fn unreachable(scene: &Scene, changes: &[(&str, &str)], at: &str, sentences: &[&str]) {
    scene.configure(changes);
    let plan = scene.workspace.plan().expect(2);
    let summary = sentences[0];
    plan.reports(&[&format!("warning at {at}: {summary}")]).shows(&["1 to add"]).shows(sentences);
}

#[test]
fn reports_wrong_password_at_its_argument() {
    let scene = Scene::new();
    let role = format!("Password authentication failed for role `{}`", scene.role);
    refused(
        &scene,
        &[("password_wo", "\"wrong\"")],
        "password_wo",
        &[
            "PostgreSQL login failed: password rejected",
            &role,
            "Server message: password authentication failed",
            "from `password_wo`",
        ],
    );
    let plain = [("password_wo", "null"), ("password_wo_version", "null"), ("password", "\" wrong \"")];
    refused(
        &scene,
        &plain,
        "password",
        &["PostgreSQL login failed: password rejected", "from `password`", "whitespace around it is removed"],
    );
}

#[test]
fn each_plan_makes_one_login_and_each_apply_two() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.plan().expect(2);
    assert_eq!(scene.logins(), 1);
    scene.workspace.apply().expect(0);
    // One in the plan walk, one in the apply walk, and the KMS's own.
    assert_eq!(scene.logins(), 1 + 2 + 1);
    scene.workspace.plan().expect(0);
    assert_eq!(scene.logins(), 4);
}

#[test]
fn reports_missing_role_and_missing_database() {
    let scene = Scene::new();
    refused(
        &scene,
        &[("username", "\"nobody_here\"")],
        "password_wo",
        &["PostgreSQL login failed: password rejected", "Role `nobody_here` does not exist"],
    );
    refused(
        &scene,
        &[("database", "\"nothing_here\"")],
        "database",
        &["PostgreSQL login failed: database not found", "3D000", "nothing_here"],
    );
}

#[test]
fn reports_role_without_login_with_the_statement() {
    let scene = Scene::new();
    scene.postgres.sql(&format!("ALTER ROLE {} NOLOGIN", scene.role));
    let statement = format!("ALTER ROLE \"{}\" WITH LOGIN;", scene.role);
    refused(&scene, &[], "username", &["PostgreSQL login failed: role has NOLOGIN", &statement]);
}

#[test]
fn untrusted_certificate_keeps_password_back() {
    let scene = Scene::new();
    scene.workspace.write("other.pem", Authority::new("Another CA").pem());
    refused(
        &scene,
        &[("ssl_certificate", "file(\"other.pem\")")],
        "ssl_certificate",
        &["TLS to PostgreSQL failed: unknown issuer"],
    );
    let failures = format!("password authentication failed for user \"{}\"", scene.role);
    assert!(!scene.postgres.log().contains(&failures));
    scene.configure(&[("ssl_certificate", "null"), ("ssl_reject_unauthorized", "false")]);
    scene.workspace.plan().expect(2);
}

#[test]
fn reports_server_without_tls() {
    let scene = Scene::new();
    let plain = Postgres::start(Options::without_tls());
    plain.create_role(&scene.role, crate::support::scene::PASSWORD);
    let port = plain.port().to_string();
    refused(
        &scene,
        &[("port", &port)],
        "",
        &["TLS to PostgreSQL failed: not enabled on server", "ssl_enabled = false"],
    );
}

#[test]
fn warns_where_the_kms_may_have_another_outcome() {
    let scene = Scene::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    unreachable(
        &scene,
        &[("port", &closed.to_string())],
        "port",
        &["PostgreSQL server not reachable: connection refused", "listen_addresses"],
    );
    unreachable(
        &scene,
        &[("host", "\"db.invalid\"")],
        "host",
        &["PostgreSQL server not reachable: host not found", "does not resolve on this machine"],
    );
}

#[test]
fn timeout_ends_login_to_silent_server() {
    let scene = Scene::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    scene.configure_with(&[("port", &port)], "validation {\n    timeout = \"300ms\"\n  }");
    scene.workspace.plan().expect(2).shows(&["PostgreSQL server not reachable", "did not respond"]);
}

#[test]
fn unreachable_sets_the_severity() {
    let scene = Scene::new();
    let block = |value: &str| format!("validation {{\n    unreachable = \"{value}\"\n  }}");
    scene.configure_with(&[("host", "\"db.invalid\"")], &block("error"));
    scene.workspace.plan().fails(&["Error: PostgreSQL server not reachable: "]);
    scene.configure_with(&[("host", "\"db.invalid\"")], &block("ignore"));
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("not reachable"), "{}", plan.text);
}

#[test]
fn warns_of_password_that_saslprep_changes() {
    const CHANGED: &str = "hunter2\u{a0}wait…";
    let mut scene = Scene::new();
    scene.postgres.sql(&format!("ALTER ROLE \"{}\" PASSWORD '{CHANGED}'", scene.role));
    scene.workspace.set("TF_VAR_password", CHANGED);
    scene.configure(&[]);
    let plan = scene.workspace.plan().expect(2);
    plan.shows(&["Warning: Login from KMS may fail: password needs SASLprep (orders-db)", "SASLprep"]);
    assert!(!plan.text.contains("hunter2"), "{}", plan.text);
    assert_eq!(scene.logins(), 1, "PostgreSQL itself replaces them");

    // Without credentials to be sent nothing is said.
    scene.workspace.apply().expect(0);
    scene.configure(&[("description", "\"another\"")]);
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("SASLprep"), "{}", plan.text);
}

#[test]
fn uses_valid_part_of_a_damaged_bundle() {
    let scene = Scene::new();
    let good = scene.postgres.ca_pem().trim();
    let cut = good.lines().take(3).collect::<Vec<_>>().join("\n");
    scene.configure(&[("ssl_certificate", "file(\"bundle.pem\")")]);
    scene.workspace.write("bundle.pem", &format!("{good}\n{cut}\n"));
    scene.workspace.plan().expect(2).shows(&[
        "Warning: Part of `ssl_certificate` is ignored",
        "1 usable certificate, but its block number 2 is damaged",
    ]);
    scene.workspace.write("bundle.pem", &format!("{cut}\n{good}\n"));
    scene.workspace.plan().fails(&["Error: Invalid certificate", "its block number 1 is damaged"]);
}

#[test]
fn mode_decides_when_and_with_which_severity() {
    let scene = Scene::new();
    let wrong = [("password_wo", "\"wrong\"")];
    let mode = |value: &str| format!("validation {{\n    mode = \"{value}\"\n  }}");
    let tries =
        || scene.postgres.log().matches(&format!("password authentication failed for user \"{}\"", scene.role)).count();

    scene.configure_with(&wrong, &mode("warn"));
    let warning = "Warning: PostgreSQL login failed: password rejected (orders-db)";
    scene.workspace.plan().expect(2).shows(&[warning]);
    scene.workspace.apply().fails(&["Error: PostgreSQL login failed: "]);
    assert!(scene.kms.connections().is_empty());

    let before = tries();
    scene.configure_with(&wrong, &mode("apply"));
    scene.workspace.plan().expect(2);
    assert_eq!(tries(), before);
    scene.workspace.apply().fails(&["Error: PostgreSQL login failed: ", "depends_on"]);
    assert_eq!(tries(), before + 1);

    let before = tries();
    scene.configure_with(&wrong, &mode("off"));
    scene.workspace.apply().fails(&["KMS login to PostgreSQL failed", "password authentication failed"]);
    assert_eq!(tries(), before + 1, "only the KMS itself tried");
    assert!(scene.kms.connections().is_empty());
}

#[test]
fn reads_defaults_from_environment_and_provider_block() {
    let mut scene = Scene::new();
    scene.configure(&[("password_wo", "\"wrong\"")]);
    scene.workspace.write("provider.tf", "provider \"kms\" {\n  validation {\n    mode = \"warn\"\n  }\n}\n");
    scene.workspace.plan().expect(2).shows(&["the apply stops with an error"]);
    scene.workspace.set("KMS_VALIDATION", "off");
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("apply stops"), "{}", plan.text);
    scene.workspace.set("KMS_VALIDATION", "maybe");
    let plan = scene.workspace.plan().expect(1);
    plan.reports(&["error: Invalid validation mode: `KMS_VALIDATION`"]);
    plan.shows(&["Valid values: `plan`, `warn`, `apply` or `off`"]);
}

#[test]
fn address_is_used_instead_and_host_name_still_verified() {
    let scene = Scene::new();
    let address = format!("validation {{\n    address = \"127.0.0.1:{}\"\n  }}", scene.postgres.port());
    scene.configure_with(&[("host", "\"localhost\""), ("port", "1")], &address);
    let logins = scene.logins();
    scene.workspace.plan().expect(2);
    assert_eq!(scene.logins(), logins + 1);
    scene.configure_with(&[("host", "\"db.example.com\""), ("port", "1")], &address);
    scene.workspace.plan().fails(&["certificate", "db.example.com", "localhost"]);
}

#[test]
fn apply_makes_login_that_the_plan_could_not() {
    let scene = Scene::new();
    scene.workspace.write("unknown.tf", "resource \"terraform_data\" \"later\" {\n  input = \"wrong\"\n}\n");
    scene.configure(&[
        ("password_wo", "null"),
        ("password_wo_version", "null"),
        ("password", "terraform_data.later.output"),
    ]);
    scene.workspace.plan().expect(2);
    scene.workspace.apply().fails(&["Error: PostgreSQL login failed: ", "No credentials were sent to the KMS."]);
    assert!(scene.bodies("POST", "/api/v1/app-connections").is_empty());
}

#[test]
fn failed_login_does_not_stop_destroy_without_refresh() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[("password_wo", "\"wrong\""), ("password_wo_version", "2")]);
    scene.workspace.destroy().fails(&["terraform destroy -refresh=false"]);
    scene.workspace.run(&["destroy", "-refresh=false", "-auto-approve", "-no-color"]).expect(0).shows(&["1 destroyed"]);
}

#[test]
fn sets_application_name() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.plan().expect(2);
    scene
        .postgres
        .log()
        .lines()
        .find(|line| line.contains(&scene.role) && line.contains("application_name=terraform-provider-kms"))
        .expect("a line of the login");
}

/// Node converts the name for DNS and for the certificate. The user wrote the other form, and each message has both.
#[test]
fn converts_international_host_names_and_shows_both() {
    let mut scene = Scene::new();
    let address = format!("validation {{\n    address = \"127.0.0.1:{}\"\n  }}", scene.postgres.port());
    scene.configure_with(&[("host", "\"bücher.test\""), ("port", "1")], &address);
    let both = ["bücher.test:1", "in DNS and certificates `xn--bcher-kva.test`"];
    scene.workspace.plan().fails(&[&both[..], &["certificate", "localhost"]].concat());

    let unverified = [("host", "\"bücher.test\""), ("port", "1"), ("ssl_reject_unauthorized", "false")];
    scene.configure_with(&unverified, &address);
    let logins = scene.logins();
    for list in ["bücher.test,127.0.0.1", "xn--bcher-kva.test 127.0.0.1"] {
        scene.workspace.set("KMS_VALIDATION_HOSTS", list);
        scene.workspace.plan().expect(2);
    }
    assert_eq!(scene.logins(), logins + 2);
    let wrong = [&unverified[..], &[("password_wo", "\"wrong\"")]].concat();
    scene.configure_with(&wrong, &address);
    scene.workspace.plan().fails(&both);
}

/// The limit is that of a PostgreSQL server for a message with a password.
#[test]
fn rejects_password_longer_than_any_server_reads() {
    let scene = Scene::new();
    scene.configure(&[("password_wo", &format!("join(\"\", [for i in range(1000) : {:?}])", "x".repeat(66)))]);
    scene.workspace.run(&["validate", "-no-color"]).expect(1).shows(&["longer than 65530 bytes"]);
}

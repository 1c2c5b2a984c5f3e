//! The data sources with the real Terraform.

use std::fs;

use serde_json::Value as Json;

use crate::support::postgres::{Options, Postgres};
use crate::support::terraform::Workspace;
use crate::support::{REQUIRED_PROVIDERS, workspace};

/// Writes the configuration of one endpoint, with arguments in HCL.
fn endpoint(workspace: &Workspace, arguments: &str) {
    let block = format!("data \"kms_postgres_endpoint\" \"db\" {{\n{arguments}\n}}\n");
    workspace.write("main.tf", &format!("{REQUIRED_PROVIDERS}{block}"));
}

/// The attributes of the endpoint after an apply. No setting of the KMS is there.
fn probe(workspace: &Workspace, arguments: &str) -> Json {
    endpoint(workspace, arguments);
    workspace.apply().expect(0);
    workspace.object("data.kms_postgres_endpoint.db")
}

#[test]
fn endpoint_shows_what_a_server_presents() {
    let (server, workspace) = (Postgres::start(Options::default()), workspace());
    workspace.write("ca.pem", server.ca_pem());
    let port = server.port();
    let arguments = format!("host = \"localhost\"\nport = {port}\nssl_certificate = file(\"ca.pem\")");
    let shown = probe(&workspace, &arguments);
    for (name, expected) in [
        ("reachable", Json::from(true)),
        ("is_postgresql", Json::from(true)),
        ("error", Json::Null),
        ("ssl_offered", Json::from(true)),
        ("ssl_trusted", Json::from(true)),
        ("ssl_error", Json::Null),
        ("tls_version", Json::from("TLSv1.3")),
        ("timeout", Json::Null),
        ("server_name", Json::Null),
    ] {
        assert_eq!(shown[name], expected, "{name}");
    }
    assert!(shown["days_left"].as_i64().is_some_and(|days| (363..=365).contains(&days)), "{shown}");
    assert!(shown["certificate_names"].as_array().is_some_and(|names| names.contains(&Json::from("localhost"))));
    assert_eq!(shown["certificate_sha256"].as_str().map(str::len), Some(64));
    for date in ["certificate_not_before", "certificate_not_after"] {
        assert!(shown[date].as_str().is_some_and(|date| date.ends_with('Z')), "{shown}");
    }
    let chain = shown["certificate_chain"].as_array().expect("a list");
    assert!(chain[0].as_str().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----\n")));

    let other = probe(&workspace, &format!("{arguments}\nserver_name = \"db.example.com\""));
    assert_eq!((&other["ssl_trusted"], &other["reachable"]), (&Json::from(false), &Json::from(true)));
    assert!(other["ssl_error"].as_str().is_some_and(|text| text.contains("db.example.com")), "{other}");
    let tunnel = format!("host = \"db.example.com\"\naddress = \"127.0.0.1:{port}\"\nserver_name = \"localhost\"");
    assert_eq!(probe(&workspace, &tunnel)["certificate_subject"], shown["certificate_subject"]);
}

#[test]
fn endpoint_pins_a_self_signed_server() {
    let (server, workspace) = (Postgres::start(Options::default()), workspace());
    server.set_certificate(&crate::support::postgres::Authority::self_signed(&["localhost"], false));
    let arguments = format!("host = \"localhost\"\nport = {}", server.port());
    let first = probe(&workspace, &arguments);
    assert_eq!(first["ssl_trusted"], Json::from(false));
    let pem = first["ca_certificate"].as_str().expect("its own certificate");
    fs::write(workspace.path().join("pinned.pem"), pem).expect("a writable directory");
    let second = probe(&workspace, &format!("{arguments}\nssl_certificate = file(\"pinned.pem\")"));
    assert_eq!((&second["ssl_trusted"], &second["ssl_error"]), (&Json::from(true), &Json::Null));
}

#[test]
fn endpoint_reports_problems_as_data() {
    let workspace = workspace();
    let shown = probe(&workspace, "host = \"no-such-host.invalid\"");
    assert_eq!((&shown["reachable"], &shown["is_postgresql"]), (&Json::from(false), &Json::from(false)));
    assert!(shown["error"].as_str().is_some_and(|text| text.contains("no-such-host.invalid")), "{shown}");
    assert_eq!((&shown["ssl_trusted"], &shown["days_left"]), (&Json::from(false), &Json::Null));
    let silent = Postgres::start(Options::without_tls());
    let shown = probe(&workspace, &format!("host = \"127.0.0.1\"\nport = {}", silent.port()));
    assert_eq!((&shown["is_postgresql"], &shown["ssl_offered"]), (&Json::from(true), &Json::from(false)));
    assert_eq!((&shown["error"], &shown["certificate_chain"]), (&Json::Null, &Json::Null));
}

#[test]
fn endpoint_rejects_arguments_and_addresses_it_may_not_contact() {
    let mut workspace = workspace();
    for (arguments, argument, sentence) in [
        ("host = \"\"", "host", "`host` is empty"),
        ("host = \"postgres://kms:hunter2@db.test/orders\"", "host", "This is a URL"),
        ("host = \"db.test\"\nport = 0", "port", "from 1 to 65535"),
        ("host = \"db.test\"\naddress = \"db.test\"", "address", "one host and port"),
        ("host = \"db.test\"\ntimeout = \"soon\"", "timeout", "a duration such as"),
        ("host = \"db.test\"\nssl_certificate = \"x\"", "ssl_certificate", "cannot be used"),
        ("host = \"db.test\"\nreachable = true", "reachable", "reachable"),
        ("host = \"169.254.169.254\"", "host", "forbidden address"),
        ("host = \"169.254.169.254\"\nserver_name = \"db.test\"", "host", "forbidden address"),
        ("host = \"db.test\"\naddress = \"169.254.169.254:5432\"", "address", "forbidden address"),
    ] {
        endpoint(&workspace, arguments);
        let output = workspace.plan().expect(1);
        output.shows(&[sentence, &format!("at {argument}")]);
        assert!(!output.words().replace(arguments, "").contains("hunter2 "), "{}", output.text);
    }
    workspace.set("KMS_VALIDATION_HOSTS", "db.test");
    endpoint(&workspace, "host = \"127.0.0.1\"");
    workspace.plan().expect(1).shows(&["Endpoint not allowed by KMS_VALIDATION_HOSTS"]);
}

#[test]
fn endpoint_in_a_check_block_warns_without_stopping() {
    let workspace = workspace();
    let example = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/data-sources/kms_postgres_endpoint/data-source.tf"
    ));
    workspace.write("main.tf", &format!("{REQUIRED_PROVIDERS}{}", example.expect("the example")));
    workspace.plan().shows(&["expires within 30 days, or there is none"]);
    workspace.apply().expect(0);
}

//! The whole life of a connection, as a user sees it: the real Terraform, a real PostgreSQL, a faithful KMS.

use serde_json::{Value as Json, json};

use crate::support::scale;
use crate::support::scene::{PASSWORD, Scene};

#[test]
fn creates_updates_and_destroys_connection() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.plan().expect(2).shows(&["1 to add, 0 to change, 0 to destroy"]);
    scene.workspace.apply().expect(0).shows(&["1 added, 0 changed, 0 destroyed"]);
    scene.is_settled();

    let stored = scene.stored();
    assert_eq!(stored["name"], "orders-db");
    assert_eq!(stored["credentials"]["password"], PASSWORD);
    let object = scene.workspace.object("kms_postgres_connection.orders");
    for (attribute, field) in
        [("id", "id"), ("org_id", "orgId"), ("created_at", "createdAt"), ("credentials_hash", "credentialsHash")]
    {
        assert_eq!(object[attribute], stored[field], "{attribute}");
    }

    scene.workspace.destroy().expect(0).shows(&["1 destroyed"]);
    assert_eq!(scene.kms.connections(), Vec::<Json>::new());
}

#[test]
fn create_sends_only_fields_of_the_contract() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let body = scene.bodies("POST", "/api/v1/app-connections/postgres");
    let credentials = json!({
        "host": "localhost",
        "port": scene.postgres.port(),
        "database": scene.database,
        "username": scene.role,
        "password": PASSWORD,
        "sslEnabled": true,
        "sslRejectUnauthorized": true,
        "sslCertificate": scene.postgres.ca_pem().trim(),
    });
    assert_eq!(body, [json!({"name": "orders-db", "method": "username-and-password", "credentials": credentials})]);
}

#[test]
fn rename_sends_only_the_name_and_makes_no_login() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let logins = scene.logins();
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert_eq!(scene.bodies("PATCH", "/api/v1/app-connections/postgres"), [json!({"name": "renamed"})]);
    assert_eq!(scene.logins(), logins);
    scene.is_settled();
}

#[test]
fn changed_credential_sends_all_credentials() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&[("database", "\"postgres\"")]);
    scene.workspace.plan_with_changes().expect(2).shows(&["~ credentials_hash", "~ database", "1 to change"]);
    scene.workspace.apply().expect(0);
    let bodies = scene.bodies("PATCH", "/api/v1/app-connections/postgres");
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["credentials"]["database"], "postgres");
    assert_eq!(bodies[0]["credentials"]["password"], PASSWORD);
    assert_eq!(bodies[0].as_object().map(|body| body.len()), Some(1));
    scene.is_settled();
}

#[test]
fn removed_description_is_cleared_with_null() {
    let scene = Scene::new();
    scene.configure(&[("description", "\" of the shop \"")]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.stored()["description"], "of the shop");
    scene.is_settled();
    scene.configure(&[]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert_eq!(scene.bodies("PATCH", "/api/v1/app-connections/postgres"), [json!({"description": null})]);
    scene.is_settled();
}

#[test]
fn ignores_leading_and_trailing_whitespace() {
    let scene = Scene::new();
    let database = format!("\" {} \"", scene.database);
    let certificate = "\"\\n${file(\"ca.pem\")}\\n\\n\"";
    scene.configure(&[
        ("database", &database),
        ("host", "\"localhost \""),
        ("ssl_certificate", certificate),
        ("description", "\"\""),
    ]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.stored()["credentials"]["host"], "localhost");
    scene.is_settled();
    scene.configure(&[("description", "\"\"")]);
    scene.workspace.plan().expect(0);
    // Removing the empty description changes the state alone.
    scene.configure(&[]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert!(scene.bodies("PATCH", "/api").is_empty());
    scene.is_settled();
}

#[test]
fn outside_change_shows_as_that_field_and_is_repaired() {
    type Edit = fn(&mut Json);
    let drifts: [(&str, Edit, &str); 9] = [
        ("host", |connection| connection["credentials"]["host"] = json!("127.0.0.1"), "~ host"),
        ("port", |connection| connection["credentials"]["port"] = json!(1), "~ port"),
        ("database", |connection| connection["credentials"]["database"] = json!("postgres"), "~ database"),
        ("username", |connection| connection["credentials"]["username"] = json!("other"), "~ username"),
        ("sslEnabled", |connection| connection["credentials"]["sslEnabled"] = json!(false), "~ ssl_enabled"),
        (
            "sslRejectUnauthorized",
            |connection| connection["credentials"]["sslRejectUnauthorized"] = json!(false),
            "~ ssl_reject_unauthorized",
        ),
        (
            "sslCertificate",
            |connection| {
                connection["credentials"].as_object_mut().map(|credentials| credentials.remove("sslCertificate"));
            },
            "+ ssl_certificate",
        ),
        ("name", |connection| connection["name"] = json!("elsewhere"), "~ name"),
        ("description", |connection| connection["description"] = json!("edited"), "- description"),
    ];
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    for (field, edit, shown) in drifts {
        scene.kms.edit(&scene.id(), edit);
        let plan = scene.workspace.plan_with_changes().expect(2);
        plan.shows(&[shown, "1 to change"]);
        let changed: Vec<&str> = plan
            .text
            .lines()
            .filter(|line| ["~ ", "+ ", "- "].iter().any(|sign| line.trim_start().starts_with(sign)))
            .collect();
        let others = changed.iter().filter(|line| {
            !line.contains("resource \"")
                && !line.contains("credentials_hash")
                && !line.contains(&shown[2..])
                && !line.contains("update in-place")
                && !line.contains("EOT")
        });
        let others: Vec<_> = others.filter(|line| line.contains(" = ")).collect();
        assert!(others.is_empty(), "{field} shows more than itself: {others:?}\n{}", plan.text);
        scene.workspace.apply().expect(0);
        scene.is_settled();
    }
}

#[test]
fn connection_deleted_outside_is_planned_again() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.remove(&scene.id());
    scene.workspace.plan().expect(2).shows(&["Connection deleted outside of Terraform: orders-db", "1 to add"]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    scene.kms.remove(&scene.id());
    scene.workspace.run(&["destroy", "-refresh=false", "-auto-approve", "-no-color"]).expect(0).shows(&["1 destroyed"]);
}

#[test]
fn unknown_values_plan_and_apply_in_one_run() {
    let scene = Scene::new();
    scene.workspace.write("unknown.tf", "resource \"terraform_data\" \"later\" {\n  input = \"later\"\n}\n");
    let later = |value: &str| format!("trimprefix(\"${{terraform_data.later.output}}{value}\", \"later\")");
    let (host, database, role) = (later("localhost"), later(&scene.database), later(&scene.role));
    let description = "terraform_data.later.output".to_owned();
    let port = format!("tonumber({})", later(&scene.postgres.port().to_string()));
    scene.configure(&[
        ("host", &host),
        ("database", &database),
        ("username", &role),
        ("port", &port),
        ("description", &description),
        ("name", &later("orders-db")),
        ("ssl_enabled", "terraform_data.later.output == \"later\""),
    ]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    assert_eq!(scene.stored()["credentials"]["host"], "localhost");
}

#[test]
fn changed_project_replaces_the_connection() {
    let scene = Scene::new();
    let project = format!("{:?}", scene.kms.project_id());
    scene.configure(&[("project_id", &project)]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.stored()["projectId"], scene.kms.project_id());
    scene.is_settled();
    scene.configure(&[]);
    scene
        .workspace
        .plan_with_changes()
        .expect(2)
        .shows(&["# forces replacement", "1 to add, 0 to change, 1 to destroy"]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.stored()["projectId"], Json::Null);
    scene.is_settled();
}

#[test]
fn sends_plain_password_when_it_changes() {
    let scene = Scene::new();
    let plain = format!("{PASSWORD:?}");
    scene.configure(&[("password_wo", "null"), ("password_wo_version", "null"), ("password", &plain)]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    scene.postgres.sql(&format!("ALTER ROLE \"{}\" PASSWORD 'another'", scene.role));
    scene.configure(&[("password_wo", "null"), ("password_wo_version", "null"), ("password", "\"another\"")]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert_eq!(scene.stored()["credentials"]["password"], "another");
    scene.is_settled();
}

#[test]
fn new_version_sends_write_only_password_even_if_zero() {
    let scene = Scene::new();
    scene.configure(&[("password_wo_version", "3")]);
    scene.workspace.apply().expect(0);
    for version in ["0", "1"] {
        scene.kms.clear_requests();
        scene.configure(&[("password_wo_version", version)]);
        scene.workspace.apply().expect(0).shows(&["1 changed"]);
        assert_eq!(scene.bodies("PATCH", "/api/v1/app-connections/postgres")[0]["credentials"]["password"], PASSWORD);
        scene.is_settled();
    }
}

#[test]
fn requires_password_only_when_it_must_be_sent() {
    let scene = Scene::new();
    let none = [("password_wo", "null"), ("password_wo_version", "null")];
    scene.configure(&none);
    scene.workspace.plan().fails(&["Password missing", "checks the credentials of a new connection"]);
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.configure(&none);
    scene.workspace.apply().expect(0);
    scene.configure(&[none[0], none[1], ("name", "\"renamed\"")]);
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    scene.configure(&[none[0], none[1], ("database", "\"postgres\"")]);
    scene.workspace.plan().fails(&[
        "Password missing",
        "never returns the stored password",
        "terraform destroy -refresh=false",
    ]);
    scene.workspace.run(&["destroy", "-refresh=false", "-auto-approve", "-no-color"]).expect(0);
}

#[test]
fn rejects_read_only_attributes_in_the_configuration() {
    let scene = Scene::new();
    for attribute in ["id", "org_id", "created_at", "credentials_hash"] {
        scene.configure_with(&[], &format!("{attribute} = \"mine\""));
        let plan = scene.workspace.plan().expect(1);
        plan.shows(&["Error: Read-only attribute in the configuration", &format!("The provider sets `{attribute}`")]);
    }
    assert!(scene.kms.requests().is_empty());
}

#[test]
fn changed_blocks_change_only_the_state() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.clear_requests();
    let logins = scene.logins();
    scene.configure_with(&[], "validation {\n    timeout = \"3s\"\n  }\n  timeouts {\n    read = \"1m\"\n  }");
    scene.workspace.apply().expect(0).shows(&["1 changed"]);
    assert!(scene.kms.requests().iter().all(|request| request.method != "PATCH"));
    assert_eq!(scene.logins(), logins);
    scene.is_settled();
}

#[test]
fn keeps_connection_in_use_and_names_its_users() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.use_connection(&scene.id());
    scene.workspace.destroy().fails(&["Connection is in use", "secret rotations or secret syncs"]);
    // It is still there, and still known.
    scene.is_settled();
}

#[test]
fn taken_name_prints_the_import_block() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.workspace.run(&["state", "rm", "kms_postgres_connection.orders"]).expect(0);
    let id = scene.id();
    scene.workspace.apply().fails(&["Connection name already exists", "import {", &format!("id = \"{id}\"")]);
    assert_eq!(scene.kms.connections().len(), 1);
}

#[test]
fn creates_plans_and_destroys_many_connections() {
    let scene = Scene::new();
    let count = scale(50, 300);
    scene.configure_with(&[("name", "\"orders-${count.index}\"")], &format!("count = {count}"));
    scene.workspace.apply().expect(0).shows(&[&format!("{count} added")]);
    scene.workspace.plan().expect(0).shows(&["No changes"]);
    assert_eq!(scene.kms.connections().len(), count);
    scene.workspace.destroy().expect(0).shows(&[&format!("{count} destroyed")]);
    assert_eq!(scene.kms.connections(), Vec::<Json>::new());
}

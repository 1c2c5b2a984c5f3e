//! Connections that exist already, as the real core imports them.

use serde_json::{Value as Json, json};

use crate::support::kms::Fault;
use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::Output;

const ADDRESS: &str = "kms_postgres_connection.orders";
const WITHOUT_PASSWORD: [(&str, &str); 2] = [("password_wo", "null"), ("password_wo_version", "null")];

/// A connection of the scene's database as the service holds it.
fn connection(scene: &Scene, name: &str, project: Option<&str>) -> Json {
    json!({
        "app": "postgres",
        "name": name,
        "projectId": project,
        "description": "Orders of the shop",
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

/// Configures the connection without a password.
fn configure(scene: &Scene, name: &str, project: Option<&str>) {
    let (name, project) = (format!("{name:?}"), project.map_or_else(|| "null".to_owned(), |id| format!("{id:?}")));
    let description = "\"Orders of the shop\"";
    let [password, version] = WITHOUT_PASSWORD;
    scene.configure(&[("name", &name), ("project_id", &project), ("description", description), password, version]);
}

fn import(scene: &Scene, id: &str) -> Output {
    scene.workspace.run(&["import", "-no-color", ADDRESS, id])
}

#[test]
fn each_import_id_form_leads_to_an_empty_plan() {
    let scene = Scene::new();
    let project = scene.kms.project_id().to_owned();
    let uuid = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
    let of_organisation = scene.kms.insert(connection(&scene, "orders-db", None));
    let of_project = scene.kms.insert(connection(&scene, "orders-db", Some(&project)));
    let like_a_uuid = scene.kms.insert(connection(&scene, uuid, None));
    for (given, id, name, of) in [
        (of_organisation.as_str(), &of_organisation, "orders-db", None),
        (&of_project.to_uppercase(), &of_project, "orders-db", Some(project.as_str())),
        ("orders-db", &of_organisation, "orders-db", None),
        (&format!("{project}/orders-db"), &of_project, "orders-db", Some(&project)),
        (uuid, &like_a_uuid, uuid, None),
        (&format!(" {of_organisation} "), &of_organisation, "orders-db", None),
    ] {
        configure(&scene, name, of);
        import(&scene, given).expect(0).shows(&["Import successful"]);
        assert_eq!(scene.workspace.object(ADDRESS)["id"], id.as_str(), "{given}");
        scene.is_settled();
        scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    }
    assert!(scene.bodies("PATCH", "/").is_empty() && scene.bodies("POST", "/api/v1/app-connections").is_empty());
}

#[test]
fn first_password_after_import_is_one_update() {
    let scene = Scene::new();
    scene.kms.insert(connection(&scene, "orders-db", None));
    configure(&scene, "orders-db", None);
    import(&scene, "orders-db").expect(0);
    scene.configure(&[("description", "\"Orders of the shop\"")]);
    scene.workspace.plan().expect(2).shows(&["0 to add, 1 to change, 0 to destroy"]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

#[test]
fn explains_failed_import_and_names_the_three_forms() {
    const FORMS: &str = "An import id has one of three forms";
    let scene = Scene::new();
    let project = scene.kms.project_id().to_owned();
    let other = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
    scene.kms.insert(connection(&scene, "in-project", Some(&project)));
    scene.kms.insert(connection(&scene, "of-the-organisation", None));
    scene.kms.insert(json!({"app": "mysql", "name": "mysql", "method": "username-and-password", "credentials": {}}));
    configure(&scene, "orders-db", None);
    for (given, sentences) in [
        ("orders db", &["`orders db` is neither a UUID nor a name", FORMS][..]),
        ("Orders", &["`Orders` is neither a UUID nor a name", FORMS]),
        ("a/b/c", &["`a/b/c` is neither a UUID nor a name", FORMS]),
        ("/orders-db", &["`/orders-db` is neither a UUID nor a name", FORMS]),
        (other, &["Import failed: connection not found", "with the id `3c90c3cc", FORMS]),
        ("nothing", &["Import failed: connection not found", "`nothing` of the organization", FORMS]),
        ("in-project", &["Connections of that name in other scopes", &format!("`{project}/in-project`"), FORMS]),
        (
            &format!("{project}/orders-db"),
            &["Import failed: connection not found", "`orders-db` in the project", FORMS],
        ),
        (
            &format!("{project}/of-the-organisation"),
            &["Connections of that name in other scopes: `of-the-organisation`"],
        ),
        ("mysql", &["Import failed: connection not found", FORMS]),
        (&format!("{other}/orders-db"), &["KMS request failed: project not found"]),
    ] {
        import(&scene, given).expect(1).shows(sentences);
    }
    // The KMS holds names unique; this is the error for a server that does not.
    let twins = [other, project.as_str()].map(|id| {
        let mut twin = connection(&scene, "twice", None);
        twin["id"] = json!(id);
        twin
    });
    let answer = Fault::Status(200, json!({"appConnections": twins}));
    scene.kms.fail("GET", "/api/v1/app-connections/postgres", 1, answer);
    import(&scene, "twice").expect(1).shows(&["Import failed: connection name is ambiguous", other, &project]);
}

#[test]
fn generated_configuration_is_valid_and_its_plan_empty() {
    let scene = Scene::new();
    let project = scene.kms.project_id().to_owned();
    scene.kms.insert(connection(&scene, "orders-db", Some(&project)));
    let block = format!("import {{\n  to = {ADDRESS}\n  id = \"{project}/orders-db\"\n}}\n");
    scene.workspace.write("main.tf", &block);
    let plan = scene.workspace.run(&["plan", "-no-color", "-input=false", "-generate-config-out=generated.tf"]);
    plan.expect(0).shows(&["1 to import, 0 to add, 0 to change, 0 to destroy"]);
    let generated = std::fs::read_to_string(scene.workspace.path().join("generated.tf")).unwrap();
    let words = generated.split_whitespace().collect::<Vec<_>>().join(" ");
    for place in ["password = null # sensitive", "password_wo = null # sensitive"] {
        assert!(words.contains(place), "{generated}");
    }
    scene.workspace.apply().expect(0).shows(&["1 imported, 0 added, 0 changed, 0 destroyed"]);
    scene.is_settled();
}

/// A row that cannot be read costs a read of its own, and hides no connection.
#[test]
fn imports_name_whose_row_is_not_in_the_list() {
    let scene = Scene::new();
    let id = scene.kms.insert(connection(&scene, "orders-db", None));
    configure(&scene, "orders-db", None);
    let list = json!({ "appConnections": [{ "id": id, "name": 7 }] });
    scene.kms.fail("GET", "/api/v1/app-connections/postgres$", 1, Fault::Status(200, list));
    import(&scene, "orders-db").expect(0);
    assert_eq!(scene.workspace.object(ADDRESS)["id"], id);
}

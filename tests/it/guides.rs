//! The guides, followed word by word: each block of theirs is run, in their order, against a real database and the local
//! KMS. A block that a guide gains fails its test until the test runs it, too.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::move_state::Incumbent;
use crate::support::scene::{PASSWORD, Scene};

const ADDRESS: &str = "kms_postgres_connection.orders";

/// The guides that are followed here. The one about validation shows parts of configurations: the modules `validation` and
/// `recipes` do what it tells. That on authentication is followed by the module `logins`; of that on CI Terraform finds the
/// configurations valid, and its workflows run only where they belong.
const FOLLOWED: [&str; 3] = ["importing-and-moving.md", "managed-credentials.md", "write-only-passwords.md"];
const ELSEWHERE: [&str; 4] = ["authentication.md", "ci.md", "installation.md", "validation.md"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides")
}

/// The blocks of a guide that are still to be run.
struct Guide {
    name: &'static str,
    blocks: VecDeque<(String, String)>,
}

impl Guide {
    fn open(name: &'static str) -> Self {
        assert!(FOLLOWED.contains(&name));
        let text = fs::read_to_string(folder().join(name)).unwrap();
        let mut blocks = VecDeque::new();
        // Between fences there is text, and block, in turns.
        for block in text.split("\n```").skip(1).step_by(2) {
            let (language, block) = block.split_once('\n').unwrap();
            blocks.push_back((language.to_owned(), format!("{block}\n")));
        }
        Self { name, blocks }
    }

    /// The next block, to be run.
    #[track_caller]
    fn next(&mut self, language: &str) -> String {
        let (found, block) = self.blocks.pop_front().unwrap_or_else(|| panic!("{}: no more blocks", self.name));
        assert_eq!(found, language, "{}: another block is expected here, not\n{block}", self.name);
        block
    }

    /// A block that no test can run, and why.
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "who runs the test shall see it")]
    fn leave_out(&mut self, language: &str, reason: &str) {
        let block = self.next(language);
        println!("{}: not run: {reason}\n{block}", self.name);
    }

    #[track_caller]
    fn end(self) {
        assert!(self.blocks.is_empty(), "{}: nothing runs these blocks: {:#?}", self.name, self.blocks);
    }
}

#[test]
fn every_guide_is_executed() {
    let names = fs::read_dir(folder()).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let known = FOLLOWED.into_iter().chain(ELSEWHERE).map(ToOwned::to_owned);
    assert_eq!(names.collect::<BTreeSet<_>>(), known.collect::<BTreeSet<_>>());
}

/// A scene for who follows a guide: `var.db_password` is the role's password.
fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.workspace.set("TF_VAR_db_password", PASSWORD);
    scene.workspace.write("variables.tf", "variable \"db_password\" {\n  type      = string\n  ephemeral = true\n}\n");
    scene
}

/// A text of a guide with the reader's own server, database, role and project in it.
fn made_own(scene: &Scene, text: &str) -> String {
    let server = format!(
        "host     = \"localhost\"\n  port     = {}\n  ssl_certificate = file(\"ca.pem\")",
        scene.postgres.port()
    );
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["host", "=", "\"db.example.com\""] => format!("  {server}"),
            ["database", "=", "\"orders\""] => format!("  database = {:?}", scene.database),
            _ => line.replace("\"kms_role\"", &format!("{:?}", scene.role)),
        }
    });
    let own = lines.collect::<Vec<_>>().join("\n");
    own.replace("7ffbb072-2575-495a-b5b0-127f88caef78", scene.kms.project_id()) + "\n"
}

fn apply(scene: &Scene, configuration: &str) -> crate::support::terraform::Output {
    scene.workspace.write("main.tf", &made_own(scene, configuration));
    scene.workspace.apply()
}

fn alter(scene: &mut Scene, password: &str) {
    scene.postgres.sql(&format!("ALTER ROLE \"{}\" PASSWORD '{password}'", scene.role));
    scene.workspace.set("TF_VAR_db_password", password);
}

fn version(scene: &Scene) -> Json {
    scene.workspace.objects()[0]["password_wo_version"].clone()
}

fn stored_password(scene: &Scene) -> String {
    scene.stored()["credentials"]["password"].as_str().unwrap().to_owned()
}

#[test]
fn write_only_passwords_guide_works() {
    let mut guide = Guide::open("write-only-passwords.md");
    let mut scene = scene();
    let block = guide.next("terraform");
    guide.end();

    apply(&scene, &block).expect(0).shows(&["1 added"]);
    assert_eq!(version(&scene), 1);
    scene.is_settled();
    // Set: only the number decides.
    alter(&mut scene, "rotated-by-this-configuration");
    scene.is_settled();
    scene.workspace.set("TF_VAR_rotation", "2");
    scene.workspace.plan_with_changes().expect(2).shows(&["~ password_wo_version = 1 -> 2", "1 to change"]);
    scene.workspace.apply().expect(0);
    assert_eq!(stored_password(&scene), "rotated-by-this-configuration");
    scene.is_settled();

    // Unset: it is sent once more, announced; from then on another value is noticed.
    let line = block.lines().find(|line| line.contains("password_wo_version")).unwrap();
    let unset = block.replace(line, "");
    apply(&scene, &unset).expect(0);
    assert_eq!(version(&scene), 3);
    scene.is_settled();
    alter(&mut scene, "rotated-outside");
    scene.workspace.plan_with_changes().expect(2).shows(&["~ password_wo_version = 3 -> 4"]);
    scene.workspace.run(&["plan", "-no-color", "-out=saved.tfplan"]).expect(0);
    scene.workspace.run(&["apply", "-no-color", "saved.tfplan"]).expect(0);
    assert_eq!(stored_password(&scene), "rotated-outside");
    scene.is_settled();
    // The table of what is stored where.
    for password in [PASSWORD, "rotated-by-this-configuration", "rotated-outside"] {
        assert_eq!(scene.workspace.files_with(password), Vec::<PathBuf>::new());
    }
}

#[test]
fn managed_credentials_guide_works() {
    let mut guide = Guide::open("managed-credentials.md");
    let scene = scene();
    let block = guide.next("terraform");
    let statement = guide.next("sql");
    guide.end();
    let logs_in = |password: &str| crate::managed::takes(&scene, password);

    scene.workspace.write("main.tf", &made_own(&scene, &block));
    let before =
        ["The KMS will change the password: orders-db", "No other connection of this scope", "cannot be undone"];
    scene.workspace.plan().expect(2).shows(&before);
    scene.workspace.apply().expect(0);
    assert!(!logs_in(PASSWORD));
    scene.is_settled();
    // Left out, it stays as it is.
    let without = block.replace("is_platform_managed_credentials = true", "description = \"Managed\"");
    apply(&scene, &without).expect(0).shows(&["1 changed"]);
    scene.is_settled();

    // Replacing.
    let replace = ["apply", "-no-color", "-auto-approve", "-replace=kms_postgres_connection.orders"];
    apply(&scene, &block).expect(0);
    let id = scene.id();
    scene.workspace.run(&replace).expect(1).shows(&["connection cannot be replaced", "`removed` block"]);
    let give_back = |password: &str| {
        let statement = statement.replace('…', password).replace("\"kms_role\"", &format!("{:?}", scene.role));
        assert!(statement.contains(&scene.role) && statement.contains(password));
        scene.postgres.sql(&statement);
    };
    give_back(PASSWORD);
    scene.workspace.run(&replace).expect(0).shows(&["1 added, 0 changed, 1 destroyed"]);
    assert_ne!(scene.id(), id);
    scene.is_settled();
    scene.workspace.run(&["taint", ADDRESS]).expect(0);
    scene.workspace.plan().fails(&["terraform untaint"]);
    scene.workspace.run(&["untaint", ADDRESS]).expect(0);
    scene.is_settled();

    // Destroying.
    let plan = scene.workspace.run(&["plan", "-no-color", "-destroy"]).expect(0);
    plan.shows(&["keeps an unknown password", "ALTER ROLE"]);
    scene.workspace.destroy().expect(0);
    assert!(!logs_in("given-back"));
    give_back("given-back");
    assert!(logs_in("given-back"));
}

/// A connection that a user created in the KMS.
fn existing(scene: &Scene, name: &str, project: Option<&str>) -> String {
    scene.kms.insert(json!({
        "app": "postgres",
        "name": name,
        "projectId": project,
        "method": "username-and-password",
        "credentials": {
            "host": "localhost",
            "port": scene.postgres.port(),
            "database": scene.database,
            "username": scene.role,
            "password": "of-before",
            "sslEnabled": true,
            "sslRejectUnauthorized": true,
            "sslCertificate": scene.postgres.ca_pem().trim(),
        },
    }))
}

#[test]
fn importing_and_moving_guide_works() {
    let mut guide = Guide::open("importing-and-moving.md");
    import_one(&guide.next("terraform"));
    import_many();
    guide.leave_out("hcl", "`terraform query` needs Terraform 1.14; `identity_and_list` tests the list without it");
    move_in(&guide.next("terraform"));
    forget_and_import(&guide.next("terraform"));
    guide.end();
}

fn import_one(block: &str) {
    let scene = scene();
    let project = scene.kms.project_id().to_owned();
    let id = existing(&scene, "orders-db", Some(&project));
    existing(&scene, "orders-db", None);
    let printed = "\"7ffbb072-2575-495a-b5b0-127f88caef78/orders-db\"";
    let project_line = block.lines().find(|line| line.contains("project_id")).unwrap();
    // The forms of the table.
    for (form, of_project) in [(printed, true), (&*format!("{id:?}"), true), ("\"orders-db\"", false)] {
        let mut block = block.replace(printed, form);
        if !of_project {
            block = block.replace(project_line, "");
        }
        apply(&scene, &block).expect(0).shows(&["1 imported, 0 added, 0 changed, 0 destroyed"]);
        assert_eq!(scene.workspace.object(ADDRESS)["id"] == id.as_str(), of_project);
        scene.is_settled();
        scene.workspace.run(&["state", "rm", ADDRESS]).expect(0);
    }
    apply(&scene, &block.replace("/orders-db", "/orders-dp")).expect(1).shows(&["Import failed: connection not found"]);
    apply(&scene, block).expect(0);
    assert!(scene.bodies("PATCH", "/").is_empty());
    // The first password: tried at the database, then sent once.
    let line = "  name       = \"orders-db\"\n";
    let with = |password: &str| block.replace(line, &format!("{line}  password_wo = {password}\n"));
    let refused = apply(&scene, &with("\"wrong\"")).expect(1);
    assert_eq!(refused.errors()[0].attribute.as_deref(), Some("password_wo"));
    let first = apply(&scene, &with("var.db_password")).expect(0);
    first.shows(&["Password will be sent to the KMS: orders-db", "1 changed"]);
    assert_eq!(scene.bodies("PATCH", "/").len(), 1);
    scene.is_settled();
}

fn import_many() {
    let scene = scene();
    let names = ["shop-orders", "shop-stock", "shop-users"];
    let mut blocks = String::new();
    for name in names {
        let id = existing(&scene, name, None);
        blocks += &format!("import {{\n  to = kms_postgres_connection.{}\n  id = {id:?}\n}}\n", name.replace('-', "_"));
    }
    scene.workspace.write("imports.tf", &blocks);
    let plan = scene.workspace.run(&["plan", "-no-color", "-generate-config-out=connections.tf"]).expect(0);
    plan.shows(&["3 to import, 0 to add, 0 to change, 0 to destroy"]);
    scene.workspace.apply().expect(0).shows(&["3 imported, 0 added, 0 changed, 0 destroyed"]);
    scene.is_settled();
    assert!(scene.bodies("PATCH", "/").is_empty());
    let file = scene.workspace.path().join("connections.tf");
    let generated = fs::read_to_string(&file).unwrap();
    let places =
        generated.lines().filter(|line| line.split_whitespace().eq("password_wo = null # sensitive".split(' ')));
    let places: Vec<&str> = places.collect();
    assert_eq!(places.len(), names.len(), "{generated}");
    assert!(generated.lines().any(|line| line.split_whitespace().eq("password = null # sensitive".split(' '))));
    // Some at a time: the first of them.
    for (password, expected) in [("\"wrong\"", None), ("var.db_password", Some("1 changed"))] {
        let filled = generated.replacen(places[0], &format!("  password_wo = {password}"), 1);
        scene.workspace.write("connections.tf", &filled);
        match expected {
            None => {
                let plan = scene.workspace.plan().expect(1);
                assert_eq!(plan.errors()[0].attribute.as_deref(), Some("password_wo"), "{}", plan.text);
            }
            Some(expected) => _ = scene.workspace.apply().expect(0).shows(&[expected]),
        }
    }
    assert_eq!(scene.bodies("PATCH", "/").len(), 1);
    scene.is_settled();
}

/// The guide's connection as the other provider left it.
fn incumbent(scene_of: impl Fn(&Incumbent) -> Scene) -> (Incumbent, Scene) {
    let mut incumbent = Incumbent::new("infisical_infisical.tfstate", "infisical_app_connection_postgres");
    let attributes = &mut incumbent.state["resources"][0]["instances"][0]["attributes"];
    attributes["project_id"] = Json::Null;
    attributes["credentials"]["port"] = json!(5432);
    attributes["credentials"]["ssl_reject_unauthorized"] = json!(true);
    let scene = scene_of(&incumbent);
    (incumbent, scene)
}

fn move_in(block: &str) {
    let (incumbent, mut scene) = incumbent(Incumbent::scene);
    scene.workspace.write("versions.tf", "");
    scene.workspace.write("variables.tf", "");
    scene.workspace.set("TF_VAR_db_password", "moved-password");
    scene.workspace.write("main.tf", block);
    let plan = scene.workspace.plan_with_changes().expect(2);
    plan.shows(&["has moved to kms_postgres_connection.orders", "0 to add, 0 to change, 0 to destroy"]);
    let marks = scene.workspace.run(&["plan", "-no-color", "-refresh=false"]).expect(0);
    marks.shows(&["0 to add, 1 to change, 0 to destroy"]);
    scene.workspace.apply().expect(0).shows(&["0 added, 0 changed, 0 destroyed"]);
    assert_eq!(
        scene.workspace.object(ADDRESS)["id"],
        incumbent.state["resources"][0]["instances"][0]["attributes"]["id"]
    );
    scene.is_settled();
    // Out of the state.
    let ephemeral = block.replace("password = var.db_password", "password_wo = var.db_password");
    let ephemeral = ephemeral.replace("  sensitive = true\n", "  sensitive = true\n  ephemeral = true\n");
    scene.workspace.write("main.tf", &ephemeral);
    scene.workspace.apply().expect(0).shows(&["0 added, 1 changed, 0 destroyed"]);
    assert_eq!(scene.workspace.object(ADDRESS)["password"], Json::Null);
    scene.is_settled();
    assert!(scene.bodies("PATCH", "/").is_empty() && scene.bodies("POST", "/api/v1/app-connections").is_empty());
}

fn forget_and_import(block: &str) {
    let (_, scene) = incumbent(Incumbent::scene);
    scene.workspace.write("main.tf", block);
    // The old provider is not here, and a `removed` block would need it.
    scene.workspace.apply().fails(&["no schema available for infisical_app_connection_postgres.orders"]);
    scene.workspace.run(&["state", "rm", "infisical_app_connection_postgres.orders"]).expect(0);
    let apply = scene.workspace.apply().expect(0);
    apply.shows(&["1 imported, 0 added, 0 changed, 0 destroyed"]);
    assert_eq!(scene.workspace.objects().len(), 1);
    scene.is_settled();
    assert_eq!(scene.kms.connections().len(), 1);
}

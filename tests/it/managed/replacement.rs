//! Replacement of a managed connection: possible only with a working password; the plan checks this before any change.

use serde_json::{Value as Json, json};

use super::{ADDRESS, MANAGED, PATH, apply, managed, plan, reset, takes};
use crate::support::postgres::quoted;
use crate::support::scene::{PASSWORD, Scene};

const BEFORE: &str = "create_before_destroy = true";
const REFUSED: &[&str] =
    &["connection cannot be replaced", "ALTER ROLE", "terraform untaint", "`removed` block", "destroy -refresh=false"];

/// Each way to replace: what to prepare, and the options of plan and apply.
fn each_way(lines: &str, replaceable: bool) {
    let off = "validation {\n    mode = \"off\"\n  }\n  lifecycle {\n";
    let plain = format!("{off}    {lines}\n  }}");
    let triggered = format!("{off}    {lines}\n    replace_triggered_by = [terraform_data.trigger]\n  }}");
    let ways: [(&str, &str, &[&str]); 5] = [
        ("replace", &plain, &["-replace=kms_postgres_connection.orders"]),
        ("trigger", &triggered, &[]),
        ("project", &plain, &[]),
        ("taint", &plain, &[]),
        ("taint without refresh", &plain, &["-refresh=false"]),
    ];
    for (way, lines, options) in ways {
        let scene = Scene::new();
        let trigger = |value: &str| {
            let text = format!("resource \"terraform_data\" \"trigger\" {{\n  input = {value:?}\n}}\n");
            scene.workspace.write("trigger.tf", &text);
        };
        trigger("one");
        scene.configure_with(&[MANAGED], lines);
        scene.workspace.apply().expect(0);
        let id = scene.id();
        match way {
            "trigger" => trigger("two"),
            "project" => {
                let project = format!("{:?}", scene.kms.project_id());
                scene.configure_with(&[MANAGED, ("project_id", &project)], lines);
            }
            "taint" | "taint without refresh" => {
                scene.workspace.run(&["taint", ADDRESS]).expect(0);
            }
            _ => {}
        }
        let refused = plan(&scene, options);
        assert_eq!(refused.code, Some(1), "{way}\n{}", refused.text);
        refused.shows(REFUSED);
        assert_eq!(scene.id(), id, "{way}");
        reset(&scene);
        let applied = apply(&scene, options);
        if replaceable || way == "project" {
            assert_eq!(applied.code, Some(0), "{way}\n{}", applied.text);
            assert_ne!(scene.id(), id, "{way}");
            assert!(!takes(&scene, PASSWORD), "{way}");
            scene.is_settled();
        } else {
            assert_eq!(applied.code, Some(1), "{way}\n{}", applied.text);
            applied.shows(&["Connection name already exists", "create_before_destroy"]);
            assert_eq!(scene.id(), id, "{way}");
            assert!(takes(&scene, PASSWORD), "{way}");
        }
    }
}

#[test]
fn replacement_needs_a_working_password() {
    each_way("", true);
}

#[test]
fn create_before_destroy_needs_a_new_name() {
    each_way(BEFORE, false);
}

#[test]
fn checks_unknown_replacement_values_in_the_apply() {
    let scene = managed();
    let later = "resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n";
    scene.workspace.write("later.tf", later);
    let password = "trimsuffix(\"${var.password}${terraform_data.later.output}\", \"x\")";
    scene.configure(&[MANAGED, ("password_wo", password)]);
    let refused = apply(&scene, &["-replace=kms_postgres_connection.orders"]).expect(1);
    refused.shows(&["connection cannot be replaced", "ALTER ROLE"]);
    assert!(scene.bodies("POST", PATH).is_empty());
    assert_eq!(scene.workspace.object(ADDRESS), Json::Null);
    reset(&scene);
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

/// Through a gateway the provider makes no login: nothing shows that the password works, so nothing is replaced.
#[test]
fn replacement_behind_gateway_needs_an_address() {
    let scene = managed();
    let gateway = "7ffbb072-2575-495a-b5b0-127f88caef78";
    scene.kms.edit(&scene.id(), |connection| connection["gatewayId"] = json!(gateway));
    let gateway = format!("{gateway:?}");
    let arguments = [MANAGED, ("gateway_id", gateway.as_str())];
    scene.configure(&arguments);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    // Even a password that works.
    reset(&scene);
    let replace = ["-replace=kms_postgres_connection.orders"];
    let refused = plan(&scene, &replace).expect(1);
    refused.shows(REFUSED).shows(&["through a gateway", "`address` of the `validation` block"]);
    scene.workspace.run(&["taint", ADDRESS]).expect(0);
    plan(&scene, &[]).expect(1).shows(REFUSED).shows(&["through a gateway"]);
    scene.workspace.run(&["untaint", ADDRESS]).expect(0);
    // The message names this way out.
    let address = format!("validation {{\n    address = \"127.0.0.1:{}\"\n  }}", scene.postgres.port());
    scene.configure_with(&arguments, &address);
    plan(&scene, &replace).expect(2).shows(&["1 to add, 0 to change, 1 to destroy"]);
}

/// Another process applies the saved plan. Of the replacement it has what the plan recorded and what it reads itself.
#[test]
fn apply_checks_saved_replacement_again() {
    for lines in ["", BEFORE] {
        let scene = managed();
        let lines = format!("lifecycle {{\n    {lines}\n  }}");
        // With a name of its own the new one can come before the old one goes.
        scene.configure_with(&[MANAGED, ("name", "\"orders-new\"")], &lines);
        reset(&scene);
        let id = scene.id();
        plan(&scene, &["-replace=kms_postgres_connection.orders", "-out=saved.tfplan"]).expect(2);
        scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD 'dead'", quoted(&scene.role)));
        let refused = scene.workspace.run(&["apply", "-no-color", "-input=false", "saved.tfplan"]).expect(1);
        refused.shows(&["assword authentication failed for role", "ALTER ROLE"]);
        assert!(scene.bodies("POST", PATH).is_empty());
        // The core has destroyed the old one by now, unless it creates first.
        let is_there = scene.kms.connections().iter().any(|row| row["id"] == id.as_str());
        assert_eq!(is_there, lines.contains(BEFORE));
        // A core that creates first tells the second process nothing of the old one: it is found among the others.
        refused.shows(if is_there {
            &["role already managed", "To replace the other connection by this one"]
        } else {
            &["connection cannot be replaced", "This run has destroyed the old one already."]
        });

        let scene = managed();
        scene.configure_with(&[MANAGED, ("name", "\"orders-new\"")], &lines);
        reset(&scene);
        plan(&scene, &["-replace=kms_postgres_connection.orders", "-out=saved.tfplan"]).expect(2);
        scene.workspace.run(&["apply", "-no-color", "-input=false", "saved.tfplan"]).expect(0);
        assert_eq!(scene.stored()["name"], "orders-new");
        assert!(!takes(&scene, PASSWORD));
        scene.is_settled();
    }
}

//! A new connection that shares role or name with a managed one: an ordinary create, in either planning order.

use super::{ADDRESS, MANAGED, failures, managed, plan};
use crate::support::scene::Scene;

const OFF: &str = "validation {\n    mode = \"off\"\n  }";

/// Writes a second connection with the role of the scene.
fn newcomer(scene: &Scene, name: &str, lines: &str) {
    let (port, database, role) = (scene.postgres.port(), &scene.database, &scene.role);
    let text = format!(
        r#"resource "kms_postgres_connection" "newcomer" {{
  name            = {name:?}
  host            = "localhost"
  port            = {port}
  database        = {database:?}
  username        = {role:?}
  password_wo     = var.password
  ssl_certificate = file("ca.pem")
  {lines}
}}
"#
    );
    scene.workspace.write("newcomer.tf", &text);
}

#[test]
fn keeps_mode_beside_managed_connection_of_same_role() {
    let after_it = format!("depends_on = [{ADDRESS}]");
    let before_it = "depends_on = [kms_postgres_connection.newcomer]";
    for (old, new) in [("", &*after_it), (before_it, "")] {
        let scene = managed();
        let before = failures(&scene);
        scene.configure_with(&[MANAGED], old);
        newcomer(&scene, "newcomer", &format!("{new}\n  {OFF}"));
        for options in [&[][..], &["-refresh=false"]] {
            let planned = plan(&scene, options).expect(2);
            planned.shows(&["1 to add, 0 to change, 0 to destroy"]);
            assert!(!planned.text.contains("managed connection"), "{}", planned.text);
        }
        assert_eq!(failures(&scene), before, "a login in spite of `mode`");
        // With the login of the default mode it is named as what it is.
        newcomer(&scene, "newcomer", new);
        let refused = plan(&scene, &[]).expect(1);
        refused.shows(&["Role is platform-managed through another connection: newcomer", "`orders-db`", "28P01"]);
        assert!(!refused.text.contains("replace"), "{}", refused.text);
    }
}

#[test]
fn takes_name_that_a_managed_connection_releases() {
    let scene = managed();
    let before = failures(&scene);
    scene.configure(&[MANAGED, ("name", "\"orders-old\"")]);
    newcomer(&scene, "orders-db", &format!("depends_on = [{ADDRESS}]\n  {OFF}"));
    plan(&scene, &[]).expect(2).shows(&["1 to add, 1 to change, 0 to destroy"]);
    assert_eq!(failures(&scene), before);
}

/// The name of a tainted connection is taken by that connection itself.
#[test]
fn tainted_connection_causes_no_name_warning() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.workspace.run(&["taint", ADDRESS]).expect(0);
    for options in [&[][..], &["-refresh=false"]] {
        let planned = plan(&scene, options).expect(2);
        planned.shows(&["1 to add, 0 to change, 1 to destroy"]);
        assert!(!planned.text.contains("orders-db already") && !planned.text.contains("import {"), "{}", planned.text);
    }
    scene.workspace.apply().expect(0);
    scene.is_settled();
}

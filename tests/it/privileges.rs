//! What a plan reports about roles that cannot be rotated.

use crate::support::scene::{PASSWORD, Scene};

fn block(lines: &str) -> String {
    format!("validation {{\n    {lines}\n  }}")
}

fn other_role(scene: &Scene, suffix: &str) -> String {
    let role = format!("{}_{suffix}", scene.role);
    scene.postgres.create_role(&role, PASSWORD);
    role
}

#[test]
fn names_each_role_with_its_statements() {
    let scene = Scene::new();
    let role = other_role(&scene, "app");
    let roles = format!("rotation_roles = [\"{role}\", \"{}\", \"nobody_here\"]", scene.role);
    scene.configure_with(&[], &block(&roles));
    let plan = scene.workspace.plan().expect(2);
    plan.shows(&[
        &format!("Warning: Rotation not possible: role {role} through orders-db"),
        &format!("Role `{}` cannot change the password of role `{role}`", scene.role),
        "lacks CREATEROLE",
        &format!("ALTER ROLE \"{}\" WITH CREATEROLE;", scene.role),
        "Run as a superuser",
        "Warning: Rotation not possible: role nobody_here through orders-db",
        "CREATE ROLE \"nobody_here\" WITH LOGIN;",
        "It does not stop the run.",
    ]);
    assert!(
        !plan.text.contains(&format!("Rotation not possible: role {} ", scene.role)),
        "its own password: {}",
        plan.text
    );
    // A warning stops nothing.
    scene.workspace.apply().expect(0);
    scene.is_settled();

    scene.postgres.sql(&format!("CREATE ROLE {}_boss LOGIN SUPERUSER", scene.role));
    let error = format!("privileges = \"error\"\n    rotation_roles = [\"{}_boss\"]", scene.role);
    scene.configure_with(&[], &block(&error));
    let plan = scene.workspace.plan().expect(1);
    plan.shows(&["Error: Rotation not possible: role ", "is a superuser", "NOSUPERUSER"]);
    plan.shows(&["privileges = \"warning\"", "terraform destroy -refresh=false", "mode = \"warn\""]);
    assert!(!plan.text.contains("WITH SUPERUSER"), "{}", plan.text);
}

#[test]
fn changing_rotation_roles_queries_database_but_not_kms() {
    let scene = Scene::new();
    let role = other_role(&scene, "app");
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let (logins, patches) = (scene.logins(), scene.bodies("PATCH", "/api/v1/app-connections").len());

    let roles = format!("rotation_roles = [\"{role}\"]");
    scene.configure_with(&[], &block(&roles));
    let warning = format!("Warning: Rotation not possible: role {role} through orders-db");
    scene.workspace.plan().expect(2).shows(&[&warning]);
    assert_eq!(scene.logins(), logins + 1);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    let after = scene.logins();

    // Only what is stricter asks again, and in `warn` it stops the apply alone.
    let strict = format!("{roles}\n    mode = \"warn\"\n    privileges = \"error\"");
    scene.configure_with(&[], &block(&strict));
    let plan = scene.workspace.plan().expect(2);
    plan.shows(&[&format!("Warning: Rotation not possible: role {role} through orders-db")]);
    assert_eq!(scene.logins(), after + 1);
    scene.workspace.apply().fails(&["Error: Rotation not possible: role "]);

    scene.postgres.sql(&format!("ALTER ROLE {} CREATEROLE", scene.role));
    let server_from_16 =
        scene.postgres.sql("SELECT current_setting('server_version_num')::int >= 160000")[0][0].as_deref() == Some("t");
    if server_from_16 {
        scene.postgres.sql(&format!("GRANT {role} TO {} WITH ADMIN OPTION", scene.role));
    }
    let apply = scene.workspace.apply().expect(0);
    assert!(!apply.text.contains("Rotation not possible"), "{}", apply.text);
    let settled = scene.logins();
    scene.configure_with(&[], &block(&roles));
    scene.workspace.apply().expect(0);
    assert_eq!(scene.logins(), settled, "a milder mode makes no login");
    assert_eq!(scene.bodies("PATCH", "/api/v1/app-connections").len(), patches);
}

#[test]
fn prints_statements_where_no_login_is_possible() {
    let scene = Scene::new();
    let gateway = [("gateway_id", "\"3c90c3cc-0d44-4b50-8888-8dd25736052a\"")];
    let not_checked = "Warning: Rotation privileges not checked";
    scene.configure_with(&gateway, &block("rotation_roles = [\"app\"]"));
    let plan = scene.workspace.plan().expect(2);
    plan.shows(&[not_checked, "through a gateway"]);
    plan.shows(&[&format!("GRANT \"app\" TO \"{}\" WITH ADMIN OPTION;", scene.role), "Before PostgreSQL 16"]);
    assert_eq!(scene.logins(), 0);

    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let without = [("password_wo", "null"), ("password_wo_version", "null")];
    scene.configure_with(&without, &block("privileges = \"error\"\n    rotation_roles = [\"app\"]"));
    scene.workspace.plan().expect(2).shows(&[not_checked, "gives no password"]);
    // A login that fails is no error either: no credential changes.
    scene.configure_with(
        &[("password_wo", "\"wrong\"")],
        &block("privileges = \"error\"\n    rotation_roles = [\"app\"]"),
    );
    scene.workspace.plan().expect(2).shows(&["Warning: PostgreSQL login failed: ", "only for `rotation_roles`"]);
}

#[test]
fn rejects_invalid_roles_and_checks_unknown_ones_in_the_apply() {
    let scene = Scene::new();
    scene.configure_with(&[], &block("rotation_roles = [\"app\", \"pg_monitor\", \"app\"]"));
    let plan = scene.workspace.plan().expect(1);
    plan.reports(&["error at rotation_roles: Invalid rotation role"; 2]);
    plan.shows(&["are reserved by PostgreSQL", "already"]);

    scene.workspace.write("later.tf", "resource \"terraform_data\" \"role\" {\n  input = \"nobody_here\"\n}\n");
    let lines = "privileges = \"error\"\n    rotation_roles = [terraform_data.role.output]";
    scene.configure_with(&[], &block(lines));
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("rotate"), "{}", plan.text);
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["Error: Rotation not possible: role ", "role `nobody_here` does not exist"]);
    assert!(scene.bodies("POST", "/api/v1/app-connections").is_empty());
}

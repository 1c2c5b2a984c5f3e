//! The rules, row by row. `tests/it/privileges_by_version.rs` compares them with real servers.

use super::*;
use crate::postgres::privileges::facts::{LoginSession, Membership};

/// A login role without any right, and one ordinary role.
pub(in crate::postgres::privileges) fn facts(version: u32) -> Facts {
    let name = "login".to_owned();
    Facts {
        version,
        database: "orders".to_owned(),
        database_is_public: true,
        session: LoginSession {
            role: name.clone(),
            authorized_as: name,
            superuser: false,
            create_role: false,
            replication: false,
            valid_until: None,
            standby: false,
            read_only: false,
            password_commands_restricted: false,
        },
        roles: vec![CatalogRole {
            name: "app".to_owned(),
            attributes: Some(RoleAttributes {
                can_login: true,
                may_connect: true,
                connection_limit: -1,
                ..RoleAttributes::default()
            }),
        }],
    }
}

/// The session and the role after these changes: options by name.
fn changed(version: u32, options: &str) -> Facts {
    let mut facts = facts(version);
    let (session, role) = (&mut facts.session, facts.roles.first_mut().unwrap());
    let mut attributes = role.attributes.take().unwrap();
    let mut missing = false;
    for word in options.split_whitespace() {
        match word {
            "login:superuser" => session.superuser = true,
            "login:createrole" => session.create_role = true,
            "login:restricted" => session.password_commands_restricted = true,
            "login:read-only" => session.read_only = true,
            "login:standby" => session.standby = true,
            "superuser" => attributes.superuser = true,
            "bootstrap" => (attributes.superuser, attributes.bootstrap) = (true, true),
            "replication" => attributes.replication = true,
            "itself" => attributes.is_login_role = true,
            "admin" => attributes.admin = true,
            "member" => attributes.has_login_role = true,
            "loop" => attributes.memberships.push(Membership { member: "app".to_owned(), grantor: None }),
            "far-loop" => {
                attributes
                    .memberships
                    .push(Membership { member: "team".to_owned(), grantor: Some("o\"brien".to_owned()) });
            }
            "nologin" => attributes.can_login = false,
            "expired" => attributes.expired = true,
            "noconnect" => attributes.may_connect = false,
            "private" => facts.database_is_public = false,
            "full" => attributes.connection_limit = 0,
            "missing" => missing = true,
            "pg_" => role.name = "pg_monitor".to_owned(),
            other => panic!("{other}"),
        }
    }
    role.attributes = Some(attributes).filter(|_| !missing);
    facts
}

fn outcome(version: u32, options: &str) -> (bool, Vec<Obstacle>, Vec<String>) {
    let facts = changed(version, options);
    let rotation = facts.rotations().into_iter().next().unwrap();
    let statements = rotation.statements(&facts);
    assert!(statements.iter().all(|statement| !statement.sql.contains(" SUPERUSER")), "{options}");
    let sql = statements.into_iter().map(|statement| statement.sql).collect();
    (rotation.may_change_password(), rotation.obstacles, sql)
}

#[test]
fn who_may_change_whom() {
    use Obstacle::*;
    let (old, new) = (150_018, 160_014);
    let standby = || ReadOnly { standby: true };
    for (version, options, may, expected) in [
        (old, "", false, vec![NoCreateRole]),
        (new, "", false, vec![NoCreateRole, NoAdmin]),
        (old, "login:createrole", true, vec![]),
        (new, "login:createrole", false, vec![NoAdmin]),
        (new, "login:createrole admin", true, vec![]),
        (new, "admin", false, vec![NoCreateRole]),
        (new, "login:createrole member", false, vec![NoAdmin]),
        (old, "itself", true, vec![]),
        (new, "itself", true, vec![]),
        (old, "itself replication", false, vec![Replication]),
        (new, "itself replication", true, vec![]),
        (old, "login:createrole replication", false, vec![Replication]),
        (new, "login:createrole admin replication", true, vec![]),
        (old, "login:createrole superuser", false, vec![Superuser { bootstrap: false }]),
        (new, "login:createrole admin superuser", false, vec![Superuser { bootstrap: false }]),
        (old, "superuser replication", false, vec![Superuser { bootstrap: false }, Replication, NoCreateRole]),
        (new, "bootstrap", false, vec![Superuser { bootstrap: true }]),
        (old, "login:superuser bootstrap replication", true, vec![]),
        (new, "login:superuser", true, vec![]),
        (old, "login:superuser missing", false, vec![Missing]),
        (old, "login:createrole missing", false, vec![Missing]),
        (new, "missing private", false, vec![Missing, NoCreateRole, NoAdmin, NoConnect]),
        (new, "login:superuser pg_", false, vec![Reserved]),
        (new, "pg_ missing", false, vec![Reserved]),
        (old, "login:createrole login:restricted", false, vec![PasswordCommandsRestricted]),
        (old, "itself login:restricted", false, vec![PasswordCommandsRestricted]),
        (old, "login:superuser login:restricted", true, vec![]),
        (old, "login:createrole login:standby", false, vec![standby()]),
        (old, "login:superuser login:standby login:read-only", false, vec![standby()]),
        (old, "itself login:read-only", false, vec![ReadOnly { standby: false }]),
        (
            old,
            "login:createrole nologin expired noconnect full",
            true,
            vec![NoLogin, Expired, NoConnect, NoConnections],
        ),
        (old, "login:superuser superuser full", true, vec![]),
        (new, "nologin", false, vec![NoCreateRole, NoAdmin, NoLogin]),
    ] {
        let (is, found, _) = outcome(version, options);
        assert_eq!((is, found), (may, expected), "{version} {options}");
    }
}

#[test]
fn what_helps() {
    let (old, new) = (150_018, 160_014);
    let (create_role, admin) = (
        r#"ALTER ROLE "login" WITH CREATEROLE;"#,
        r#"GRANT "app" TO "login" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;"#,
    );
    for (version, options, expected) in [
        (old, "login:createrole", vec![]),
        (old, "loop", vec![create_role]),
        (new, "", vec![create_role, admin]),
        (new, "login:createrole member", vec![r#"GRANT "app" TO "login" WITH ADMIN TRUE;"#]),
        (new, "login:createrole loop", vec![r#"REVOKE "login" FROM "app";"#, admin]),
        (new, "login:createrole far-loop", vec![r#"REVOKE "login" FROM "team" GRANTED BY "o""brien";"#, admin]),
        (new, "missing", vec![r#"CREATE ROLE "app" WITH LOGIN;"#, create_role, admin]),
        (
            old,
            "login:superuser missing private",
            vec![r#"CREATE ROLE "app" WITH LOGIN;"#, r#"GRANT CONNECT ON DATABASE "orders" TO "app";"#],
        ),
        (old, "login:createrole superuser", vec![r#"ALTER ROLE "app" NOSUPERUSER;"#]),
        (new, "bootstrap", vec![]),
        (new, "pg_", vec![]),
        (old, "itself replication", vec![r#"ALTER ROLE "app" NOREPLICATION;"#]),
        (old, "itself login:restricted", vec![r#"GRANT rds_password TO "login";"#]),
        (old, "itself login:standby", vec![]),
        (old, "itself login:read-only", vec![r#"ALTER ROLE "login" SET default_transaction_read_only = off;"#]),
        (
            old,
            "login:createrole nologin expired noconnect full",
            vec![
                r#"ALTER ROLE "app" WITH LOGIN;"#,
                r#"ALTER ROLE "app" VALID UNTIL 'infinity';"#,
                r#"GRANT CONNECT ON DATABASE "orders" TO "app";"#,
                r#"ALTER ROLE "app" CONNECTION LIMIT -1;"#,
            ],
        ),
    ] {
        assert_eq!(outcome(version, options).2, expected, "{version} {options}");
    }
}

//! Diagnostics about the privileges for rotation.

use expect_test::{Expect, expect};

use super::styled as shown;
use crate::postgres::{Accepted, CatalogRole, Certainty, Endpoint, Facts, LoginSession, RoleAttributes};
use crate::provider::messages::{LoginContext, missing_privileges, privileges_not_checked};
use crate::terraform::diagnostic::Severity;

fn accepted() -> Accepted {
    Accepted {
        endpoint: Endpoint {
            host: "db.example.com".to_owned(),
            port: 5432,
            address: Some("192.0.2.10:5432".parse().unwrap()),
            local: None,
            overridden: None,
        },
        unreachable_addresses: Vec::new(),
        server_version: Some("17.10".to_owned()),
        password_requested: true,
        facts: None,
        milliseconds: 12,
    }
}

/// An ordinary login role, and a role of these attributes.
fn facts(attributes: Option<RoleAttributes>) -> Facts {
    Facts {
        version: 170_010,
        database: "orders".to_owned(),
        database_is_public: true,
        session: LoginSession {
            role: "kms_role".to_owned(),
            authorized_as: "kms_role".to_owned(),
            superuser: false,
            create_role: false,
            replication: false,
            valid_until: None,
            standby: false,
            read_only: false,
            password_commands_restricted: false,
        },
        roles: vec![CatalogRole { name: "app".to_owned(), attributes }],
    }
}

fn ordinary() -> RoleAttributes {
    RoleAttributes { can_login: true, may_connect: true, connection_limit: -1, ..RoleAttributes::default() }
}

fn in_plan() -> LoginContext<'static> {
    LoginContext {
        connection: "orders-db",
        password_argument: "password_wo",
        password_was_trimmed: false,
        in_plan: true,
        would_stop_the_apply: false,
        lowered_from: None,
        class: Certainty::Conclusive,
        moved: None,
        first_reporter: None,
    }
}

fn check(severity: Severity, facts: &Facts, login: &LoginContext<'_>, expected: Expect) {
    let rotation = facts.rotations().into_iter().next().unwrap();
    let warning = missing_privileges(severity, &rotation, 0, facts, &accepted(), login).unwrap();
    expected.assert_eq(&shown(&warning));
}

#[test]
fn warns_of_role_without_privileges() {
    check(
        Severity::Warning,
        &facts(Some(ordinary())),
        &in_plan(),
        expect![[r#"
            Warning: Rotation not possible: role app through orders-db
            at validation.rotation_roles[0]

            Role `kms_role` cannot change the password of role `app`: `kms_role` lacks CREATEROLE, which is not inherited from a group.
            Also, `kms_role` lacks ADMIN OPTION on `app`, which PostgreSQL 16 and later require.
            Server: `db.example.com:5432` (address 192.0.2.10:5432), PostgreSQL 17.10
            Role: `kms_role`
            Database: `orders`
            Connection: `orders-db`
            No credentials were sent to the KMS.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH CREATEROLE;
            Then run as a superuser, or as a role with ADMIN OPTION on the role that is granted or revoked:
              GRANT "app" TO "kms_role" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

            On a managed service, its administrator role takes the place of the superuser. If this run creates the role or grants the privileges, this warning is too early: refer to the resource that does so (`rotation_roles = [postgresql_role.x.name]`), or add it to `depends_on`. It does not stop the run.
        "#]],
    );
}

#[test]
fn reports_all_obstacles_in_a_plan() {
    let superuser = RoleAttributes { superuser: true, can_login: false, ..ordinary() };
    check(
        Severity::Error,
        &facts(Some(superuser)),
        &in_plan(),
        expect![[r#"
            Error: Rotation not possible: role app through orders-db
            at validation.rotation_roles[0]

            Role `kms_role` cannot change the password of role `app`: `app` is a superuser, and `kms_role` is not.
            Also, `kms_role` lacks CREATEROLE, which is not inherited from a group; `kms_role` lacks ADMIN OPTION on `app`, which PostgreSQL 16 and later require; `app` has NOLOGIN.
            Server: `db.example.com:5432` (address 192.0.2.10:5432), PostgreSQL 17.10
            Role: `kms_role`
            Database: `orders`
            Connection: `orders-db`
            No credentials were sent to the KMS.

            Rotate a role that is not a superuser, or remove SUPERUSER from this one.
            Run as a superuser:
              ALTER ROLE "app" NOSUPERUSER;
            Then run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH CREATEROLE;
            Then run as a superuser, or as a role with ADMIN OPTION on the role that is granted or revoked:
              GRANT "app" TO "kms_role" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
            Then run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "app" WITH LOGIN;

            On a managed service, its administrator role takes the place of the superuser. If this run creates the role or grants the privileges, this login is too early. In a plan, set `validation { mode = "warn" }` or use `KMS_VALIDATION=warn`; in an apply, refer to the resource that does so (`rotation_roles = [postgresql_role.x.name]`), or add it to `depends_on`.
            To make this a warning: `validation { privileges = "warning" }`. To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn mode_warn_makes_it_a_warning() {
    let login = LoginContext { would_stop_the_apply: true, ..in_plan() };
    check(
        Severity::Warning,
        &facts(None),
        &login,
        expect![[r#"
            Warning: Rotation not possible: role app through orders-db
            at validation.rotation_roles[0]

            Role `kms_role` cannot change the password of role `app`: role `app` does not exist.
            Also, `kms_role` lacks CREATEROLE, which is not inherited from a group; `kms_role` lacks ADMIN OPTION on `app`, which PostgreSQL 16 and later require.
            Server: `db.example.com:5432` (address 192.0.2.10:5432), PostgreSQL 17.10
            Role: `kms_role`
            Database: `orders`
            Connection: `orders-db`
            No credentials were sent to the KMS. `mode = "warn"` makes this a warning in the plan; the apply stops with an error.

            Run as a superuser, or as a role with CREATEROLE:
              CREATE ROLE "app" WITH LOGIN;
            Then run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH CREATEROLE;
            Then run as a superuser, or as a role with ADMIN OPTION on the role that is granted or revoked:
              GRANT "app" TO "kms_role" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

            On a managed service, its administrator role takes the place of the superuser. If this run creates the role or grants the privileges, the apply succeeds if that comes first: refer to the resource that does so (`rotation_roles = [postgresql_role.x.name]`), or add it to `depends_on`.
            To make this a warning: `validation { privileges = "warning" }`. To proceed without this check: `KMS_VALIDATION=apply terraform plan`.
        "#]],
    );
}

#[test]
fn reports_obstacles_in_an_apply() {
    let mut facts = facts(Some(RoleAttributes { connection_limit: 0, admin: true, ..ordinary() }));
    facts.session.create_role = true;
    check(
        Severity::Error,
        &facts,
        &LoginContext { in_plan: false, ..in_plan() },
        expect![[r#"
            Error: Rotation not possible: role app through orders-db
            at validation.rotation_roles[0]

            A rotation ends with a login as role `app`, which fails: `app` has a CONNECTION LIMIT of 0.
            Server: `db.example.com:5432` (address 192.0.2.10:5432), PostgreSQL 17.10
            Role: `kms_role`
            Database: `orders`
            Connection: `orders-db`
            No credentials were sent to the KMS.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "app" CONNECTION LIMIT -1;

            On a managed service, its administrator role takes the place of the superuser. If this run creates the role or grants the privileges, that must come first: refer to the resource that does so (`rotation_roles = [postgresql_role.x.name]`), or add it to `depends_on`.
            To make this a warning: `validation { privileges = "warning" }`. To proceed without this check: `KMS_VALIDATION=off terraform apply`.
        "#]],
    );
}

#[test]
fn warns_that_privileges_are_not_known() {
    let roles = ["app".to_owned(), "kms_role".to_owned(), "other".to_owned()];
    let warning = privileges_not_checked("orders-db", Some("kms_role"), &roles, "no password is known");
    expect![[r#"
        Warning: Rotation privileges not checked
        at validation.rotation_roles

        The provider did not check whether the connection can rotate these roles: no password is known.
        Connection: `orders-db`
        Roles: `app`, `kms_role`, `other`

        These statements suffice if role `kms_role` has no privileges yet. Before PostgreSQL 16, CREATEROLE alone suffices.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "kms_role" WITH CREATEROLE;
        Then run as a superuser, or as a role with ADMIN OPTION on the role that is granted or revoked:
          GRANT "app" TO "kms_role" WITH ADMIN OPTION;
          GRANT "other" TO "kms_role" WITH ADMIN OPTION;
    "#]]
    .assert_eq(&shown(&warning));
    let warning = privileges_not_checked("orders-db", Some("app"), &roles[..1], "no password is known");
    assert_eq!(shown(&warning).lines().count(), 6, "{}", shown(&warning));
    let warning = privileges_not_checked("orders-db", None, &roles, "the query timed out.");
    expect![[r#"
        Warning: Rotation privileges not checked
        at validation.rotation_roles

        The provider did not check whether the connection can rotate these roles: the query timed out.
        Connection: `orders-db`
        Roles: `app`, `kms_role`, `other`
    "#]]
    .assert_eq(&shown(&warning));
}

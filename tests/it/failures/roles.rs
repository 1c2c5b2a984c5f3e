//! Errors of a real PostgreSQL about a role, its password and the database.

use expect_test::expect;

use super::rows::Rows;
use crate::support::postgres::{Options, Postgres};
use crate::support::scene::PASSWORD;

#[test]
fn reports_roles_passwords_and_databases() {
    let server = Postgres::start(Options::default());
    let mut rows = Rows::new();
    rows.scene.workspace.write("own.pem", server.ca_pem());
    let port = server.port();
    let tls = ("ssl_certificate", "file(\"own.pem\")");
    for role in ["right", "wrong", "expired", "no_login", "no_database", "no_connect", "template", "invalid"] {
        server.create_role(role, PASSWORD);
    }
    for role in ["role_limit", "database_limit", "Mixed_Case"] {
        server.create_role(role, PASSWORD);
    }
    server.sql("CREATE ROLE no_password LOGIN");
    server.sql(&format!("SET password_encryption = 'md5'; CREATE ROLE old_hash LOGIN PASSWORD '{PASSWORD}'"));
    server.sql("ALTER ROLE wrong PASSWORD 'another'; ALTER ROLE expired VALID UNTIL '2020-01-01'");
    server.sql("ALTER ROLE no_login NOLOGIN; ALTER ROLE role_limit CONNECTION LIMIT 0");
    for database in ["private", "crowded", "interrupted", "crédits"] {
        server.sql(&format!("CREATE DATABASE \"{database}\""));
    }
    server.sql("REVOKE CONNECT ON DATABASE private FROM PUBLIC; ALTER DATABASE crowded CONNECTION LIMIT 0");
    server.sql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'interrupted'");

    // Encodings that the client does not speak.
    for encoding in ["LATIN1", "SQL_ASCII"] {
        server.sql(&format!("CREATE DATABASE {encoding} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"));
    }

    rows.accepted("right", port, &[tls]);
    rows.accepted("latin1", port, &[tls, ("username", "\"right\""), ("database", "\"latin1\"")]);
    rows.accepted("sql_ascii", port, &[tls, ("username", "\"right\""), ("database", "\"sql_ascii\"")]);
    rows.accepted("right_elsewhere", port, &[tls, ("username", "\"right\""), ("database", "\"crédits\"")]);
    rows.row(
        "wrong",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `wrong` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: password authentication failed for user "wrong"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `wrong` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "wrong" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "unknown",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `unknown` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: password authentication failed for user "unknown"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `unknown` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "unknown" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "mixed_case",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `mixed_case` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: password authentication failed for user "mixed_case"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `mixed_case` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "mixed_case" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "expired",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `expired` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: password authentication failed for user "expired"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `expired` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "expired" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "no_password",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `no_password` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: password authentication failed for user "no_password"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `no_password` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "no_password" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "old_hash",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `old_hash` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: password authentication failed for user "old_hash"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `old_hash` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "old_hash" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "no_login",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: role has NOLOGIN, at username
            Role `no_login` is not permitted to log in at `localhost:PORT` (NOLOGIN) (SQLSTATE 28000).
            Server message: role "no_login" is not permitted to log in
            Possible cause:
              - The role is a group: a connection needs a role with LOGIN.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "no_login" WITH LOGIN;
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "no_database",
        port,
        &[tls, ("database", "\"Nowhere\"")],
        expect![[r#"
            error: PostgreSQL login failed: database not found, at database
            Database `Nowhere` does not exist on `localhost:PORT` (SQLSTATE 3D000).
            Server message: database "Nowhere" does not exist
            Possible cause:
              - The name of the database is wrong; it is case-sensitive.
            Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
              CREATE DATABASE "Nowhere" OWNER "no_database";
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "no_connect",
        port,
        &[tls, ("database", "\"private\"")],
        expect![[r#"
            error: PostgreSQL login failed: permission denied for database, at database
            Permission denied for database `private`: role `no_connect` may not connect to it (SQLSTATE 42501).
            Server message: permission denied for database "private" (User does not have CONNECT privilege.)
            Possible cause:
              - The role lacks the CONNECT privilege. The password was accepted.
            Run as a superuser, or as the owner of the database:
              GRANT CONNECT ON DATABASE "private" TO "no_connect";
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "template",
        port,
        &[tls, ("database", "\"template0\"")],
        expect![[r#"
            error: PostgreSQL login failed: database accepts no connections, at database
            Database `template0` does not accept connections (SQLSTATE 55000).
            Server message: database "template0" is not currently accepting connections
            Possible cause:
              - The database is a template: use the database of the application.
            Run as a superuser, or as the owner of the database:
              ALTER DATABASE "template0" WITH ALLOW_CONNECTIONS true;
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "invalid",
        port,
        &[tls, ("database", "\"interrupted\"")],
        expect![[r#"
            error: PostgreSQL login failed: database is invalid, at database
            Database `interrupted` is invalid: a `DROP DATABASE` was interrupted (SQLSTATE 55000).
            Server message: cannot connect to invalid database "interrupted"
            Possible cause:
              - Its data is lost: drop it, create it again and restore a backup.
            Run as a superuser, or as the owner of the database:
              DROP DATABASE "interrupted";
        "#]],
    );
    rows.row(
        "role_limit",
        port,
        &[tls],
        expect![[r#"
            warning: PostgreSQL login failed: too many connections for role, at username
            Too many connections for role `role_limit` at `localhost:PORT` (SQLSTATE 53300).
            Server message: too many connections for role "role_limit"
            Possible cause:
              - The role's `CONNECTION LIMIT` is reached (0 allows none). The password was accepted.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "role_limit" CONNECTION LIMIT -1;
        "#]],
    );
    rows.row(
        "database_limit",
        port,
        &[tls, ("database", "\"crowded\"")],
        expect![[r#"
            warning: PostgreSQL login failed: too many connections for database, at database
            Too many connections for database `crowded` at `localhost:PORT` (SQLSTATE 53300).
            Server message: too many connections for database "crowded"
            Possible cause:
              - The database's `CONNECTION LIMIT` is reached (0 allows none). The password was accepted.
            Run as a superuser, or as the owner of the database:
              ALTER DATABASE "crowded" CONNECTION LIMIT -1;
        "#]],
    );
    rows.check();
}

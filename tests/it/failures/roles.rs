//! What a real PostgreSQL says about a role, its password and the database.

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
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `wrong` (28P01).
        The server said: 28P01 password authentication failed for user "wrong"
        Check, likeliest first:
          - The password.
          - Whether role `wrong` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "wrong" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "unknown",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `unknown` (28P01).
        The server said: 28P01 password authentication failed for user "unknown"
        Check, likeliest first:
          - The password.
          - Whether role `unknown` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "unknown" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "mixed_case",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `mixed_case` (28P01).
        The server said: 28P01 password authentication failed for user "mixed_case"
        Check, likeliest first:
          - The password.
          - Whether role `mixed_case` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "mixed_case" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "expired",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `expired` (28P01).
        The server said: 28P01 password authentication failed for user "expired"
        Check, likeliest first:
          - The password.
          - Whether role `expired` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "expired" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "no_password",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `no_password` (28P01).
        The server said: 28P01 password authentication failed for user "no_password"
        Check, likeliest first:
          - The password.
          - Whether role `no_password` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "no_password" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "old_hash",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `old_hash` (28P01).
        The server said: 28P01 password authentication failed for user "old_hash"
        Check, likeliest first:
          - The password.
          - Whether role `old_hash` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "old_hash" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "no_login",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at username
        Role `no_login` may not log in at `localhost:PORT`: it is NOLOGIN (28000).
        The server said: 28000 role "no_login" is not permitted to log in
        Check:
          - Whether this is a group role; a connection needs a role that may log in.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "no_login" WITH LOGIN;
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "no_database",
        port,
        &[tls, ("database", "\"Nowhere\"")],
        expect![[r#"
        error: The database refused the login, at database
        `localhost:PORT` has no database `Nowhere` (3D000).
        The server said: 3D000 database "Nowhere" does not exist
        Check:
          - The name of the database, upper and lower case included.
        Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
          CREATE DATABASE "Nowhere" OWNER "no_database";
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "no_connect",
        port,
        &[tls, ("database", "\"private\"")],
        expect![[r#"
        error: The database refused the login, at database
        Role `no_connect` may not connect to database `private` (42501).
        The server said: 42501 permission denied for database "private" (User does not have CONNECT privilege.)
        Check:
          - The password is right; the role lacks the CONNECT privilege.
        Run as the owner of the database or a superuser:
          GRANT CONNECT ON DATABASE "private" TO "no_connect";
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "template",
        port,
        &[tls, ("database", "\"template0\"")],
        expect![[r#"
        error: The database refused the login, at database
        Database `template0` accepts no connections (55000).
        The server said: 55000 database "template0" is not currently accepting connections
        Check:
          - Whether it is a template; choose the database that the application uses.
        Run as the owner of the database or a superuser:
          ALTER DATABASE "template0" WITH ALLOW_CONNECTIONS true;
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "invalid",
        port,
        &[tls, ("database", "\"interrupted\"")],
        expect![[r#"
        error: The database refused the login, at database
        Database `interrupted` is broken: a `DROP DATABASE` was interrupted (55000).
        The server said: 55000 cannot connect to invalid database "interrupted"
        Check:
          - Its data is gone: drop what is left, create it again and restore a backup.
        Run as the owner of the database or a superuser:
          DROP DATABASE "interrupted";
    "#]],
    );
    rows.row(
        "role_limit",
        port,
        &[tls],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at username
            Role `role_limit` has reached its connection limit at `localhost:PORT` (53300).
            The server said: 53300 too many connections for role "role_limit"
            Check, likeliest first:
              - Which sessions the role has open, and its `CONNECTION LIMIT` (0 allows none).
              - The password was accepted: PostgreSQL checks it before it counts connections.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "role_limit" CONNECTION LIMIT -1;
        "#]],
    );
    rows.row(
        "database_limit",
        port,
        &[tls, ("database", "\"crowded\"")],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at database
            Database `crowded` has reached its connection limit at `localhost:PORT` (53300).
            The server said: 53300 too many connections for database "crowded"
            Check, likeliest first:
              - Which sessions are open in it, and its `CONNECTION LIMIT` (0 allows none).
              - The password was accepted: PostgreSQL checks it before it counts connections.
            Run as the owner of the database or a superuser:
              ALTER DATABASE "crowded" CONNECTION LIMIT -1;
        "#]],
    );
    rows.check();
}

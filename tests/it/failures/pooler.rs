//! Errors of a real PgBouncer, which has one SQLSTATE for everything.

use std::net::TcpStream;

use expect_test::expect;
use tokio_postgres::NoTls;

use super::rows::Rows;
use crate::support::pgbouncer::{Options, PgBouncer};
use crate::support::postgres::{self, Postgres};
use crate::support::scene::PASSWORD;
use crate::support::scripted_postgres::{Read, Send, error};

#[test]
fn reports_errors_of_poolers() {
    let server = Postgres::start(postgres::Options::default());
    let mut rows = Rows::new();
    for role in ["right", "wrong", "no_database", "missing_behind", "dead_server", "stale", "rejected"] {
        server.create_role(role, PASSWORD);
    }
    server.sql(&format!("ALTER ROLE stale PASSWORD 'newer'; CREATE ROLE asleep NOLOGIN PASSWORD '{PASSWORD}'"));
    let behind = format!("host=127.0.0.1 port={}", server.port());
    let databases = [
        format!("postgres = {behind}"),
        format!("moved = {behind} dbname=nowhere"),
        "dead = host=127.0.0.1 port=1".to_owned(),
    ];
    let mut users: Vec<_> = ["right", "no_database", "missing_behind", "dead_server", "stale", "asleep", "rejected"]
        .map(|role| (role, PASSWORD))
        .to_vec();
    users.push(("wrong", "another"));
    let pooler = PgBouncer::start(&Options {
        databases: &databases,
        users: &users,
        settings: &["query_wait_timeout = 3", "auth_type = hba", "auth_hba_file = {directory}/hba"],
        rules: "host all rejected 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n",
        ..Options::default()
    });
    let certificate = server.authority().issue(&["localhost"], postgres::Validity::Now);
    let encrypted = PgBouncer::start(&Options {
        databases: &databases,
        users: &users,
        settings: &[
            "client_tls_sslmode = require",
            "client_tls_cert_file = {directory}/server.crt",
            "client_tls_key_file = {directory}/server.key",
        ],
        certificate: Some(&certificate),
        ..Options::default()
    });
    let full = PgBouncer::start(&Options {
        databases: &databases,
        users: &users,
        settings: &["max_client_conn = 1"],
        ..Options::default()
    });
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(full.port).user("right").password(PASSWORD).dbname("postgres");
    let (_the_only_client, connection) = rows.runtime.block_on(config.connect(NoTls)).unwrap();
    rows.runtime.spawn(connection);

    let port = pooler.port;
    let plain = ("ssl_enabled", "false");
    rows.scene.workspace.write("own.pem", server.ca_pem());
    rows.accepted("right", port, &[plain]);
    let tls = [("ssl_certificate", "file(\"own.pem\")"), ("username", "\"right\"")];
    rows.accepted("right_encrypted", encrypted.port, &tls);
    rows.row(
        "wrong",
        port,
        &[plain],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `wrong` at `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: SASL authentication failed
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `wrong` does not exist; names are case-sensitive. The server sends the same response.
              - The pooler's `auth_file` holds an older password.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "wrong" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "unknown",
        port,
        &[plain],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `unknown` at `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: SASL authentication failed
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `unknown` does not exist; names are case-sensitive. The server sends the same response.
              - The pooler's `auth_file` holds an older password.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "unknown" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "no_database",
        port,
        &[plain, ("database", "\"nowhere\"")],
        expect![[r#"
            error: PostgreSQL login failed: database not found, at database
            Database `nowhere` does not exist on `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: no such database: nowhere
            Possible causes, most likely first:
              - The name of the database is wrong; it is case-sensitive.
              - The pooler's list of databases lacks it, or its server does.
            Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
              CREATE DATABASE "nowhere" OWNER "no_database";
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "missing_behind",
        port,
        &[plain, ("database", "\"moved\"")],
        expect![[r#"
            error: PostgreSQL login failed: database not found, at database
            Database `moved` does not exist on `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: database "nowhere" does not exist
            Possible causes, most likely first:
              - The name of the database is wrong; it is case-sensitive.
              - The pooler's list of databases lacks it, or its server does.
            Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
              CREATE DATABASE "moved" OWNER "missing_behind";
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "dead_server",
        port,
        &[plain, ("database", "\"dead\"")],
        expect![[r#"
            warning: PostgreSQL login failed: pooler without server, at host
            The pooler at `localhost:PORT` has no connection to its server (SQLSTATE 08P01).
            Pooler message: query_wait_timeout
            Possible causes, most likely first:
              - The server is down or has too many connections; see the pooler's log.
              - The password that the pooler uses there (`auth_file`) is an old one.
        "#]],
    );
    rows.row(
        "stale",
        port,
        &[plain],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `stale` at `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: password authentication failed for user "stale"
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `stale` does not exist; names are case-sensitive. The server sends the same response.
              - The pooler's `auth_file` holds an older password.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "stale" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "asleep",
        port,
        &[plain],
        expect![[r#"
            error: PostgreSQL login failed: role has NOLOGIN, at username
            Role `asleep` is not permitted to log in at `localhost:PORT` (NOLOGIN) (SQLSTATE 08P01).
            Pooler message: role "asleep" is not permitted to log in
            Possible cause:
              - The role is a group: a connection needs a role with LOGIN.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "asleep" WITH LOGIN;
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "rejected",
        port,
        &[plain],
        expect![[r#"
            error: PostgreSQL login failed: rejected by pooler, at username
            The pooler at `localhost:PORT` rejected role `rejected` (SQLSTATE 08P01).
            Pooler message: login rejected
            Possible cause:
              - The pooler's access rules (`auth_hba_file`) or its list of databases exclude it; see the pooler's log.
        "#]],
    );
    rows.row(
        "no_tls",
        port,
        &[],
        expect![[r#"
            error: TLS to PostgreSQL failed: not enabled on server, at the whole connection
            TLS is not enabled on the server `localhost:PORT`.
            Possible causes, most likely first:
              - The server has `ssl = off`: set it to `on`, with a certificate and a key (PgBouncer: `client_tls_sslmode`).
              - TLS is not wanted: set `ssl_enabled = false`. Others on the network can then read the data.
        "#]],
    );
    rows.row(
        "tls_only",
        encrypted.port,
        &[plain],
        expect![[r#"
            error: PostgreSQL login failed: TLS required, at ssl_enabled
            `localhost:PORT` accepts only connections with TLS (SQLSTATE 08P01).
            Pooler message: SSL required
            Possible cause:
              - `ssl_enabled` is `false`: set it to `true`.
        "#]],
    );
    rows.row(
        "full",
        full.port,
        &[plain, ("username", "\"right\"")],
        expect![[r#"
            warning: PostgreSQL login failed: too many connections at pooler, at host
            Too many connections at the pooler `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: no more connections allowed (max_client_conn)
            Possible cause:
              - The pooler's limits (`max_client_conn`) are reached: raise them, or try again later. The password was not checked.
        "#]],
    );
    rows.check();
}

#[test]
fn leaves_no_pooler_running() {
    let pooler = PgBouncer::start(&Options::default());
    let (port, directory) = (pooler.port, pooler.directory().to_owned());
    drop(pooler);
    assert!(!directory.exists() && TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// Of other versions and settings than the real one has.
#[test]
fn reports_rare_errors_of_poolers() {
    let mut rows = Rows::new();
    let mut row = |name, text: &str, expected| {
        let script = vec![Read, Send(error(&format!("SFATAL|C08P01|M{text}|")))];
        rows.fake(name, script, &[("ssl_enabled", "false")], expected);
    };
    row(
        "no_such_user",
        "no such user: no_such_user",
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `no_such_user` at `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: no such user: no_such_user
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `no_such_user` does not exist; names are case-sensitive. The server sends the same response.
              - The pooler's `auth_file` holds an older password.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "no_such_user" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    row(
        "empty_password",
        "empty password returned by client",
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `empty_password` at `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: empty password returned by client
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `empty_password` does not exist; names are case-sensitive. The server sends the same response.
              - The pooler's `auth_file` holds an older password.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "empty_password" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    row(
        "no_trust",
        "\"trust\" authentication failed",
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `no_trust` at `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: "trust" authentication failed
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `no_trust` does not exist; names are case-sensitive. The server sends the same response.
              - The pooler's `auth_file` holds an older password.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "no_trust" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    row(
        "client_certificate",
        "certificate authentication failed for user \"x\"",
        expect![[r#"
            error: PostgreSQL login failed: client certificate required, at username
            `localhost:PORT` requires a client certificate for role `client_certificate`, which the KMS does not support (SQLSTATE 08P01).
            Pooler message: certificate authentication failed for user "x"
            Possible cause:
              - `pg_hba.conf` requires a certificate for this role: use a role that logs in with a password.
        "#]],
    );
    row(
        "exceeded",
        "client connections exceeded (max_db_client_connections)",
        expect![[r#"
            warning: PostgreSQL login failed: too many connections at pooler, at host
            Too many connections at the pooler `localhost:PORT` (SQLSTATE 08P01).
            Pooler message: client connections exceeded (max_db_client_connections)
            Possible cause:
              - The pooler's limits (`max_client_conn`) are reached: raise them, or try again later. The password was not checked.
        "#]],
    );
    row(
        "backend_fails",
        "server login failed: FATAL password authentication failed",
        expect![[r#"
            warning: PostgreSQL login failed: pooler without server, at host
            The pooler at `localhost:PORT` has no connection to its server (SQLSTATE 08P01).
            Pooler message: server login failed: FATAL password authentication failed
            Possible causes, most likely first:
              - The server is down or has too many connections; see the pooler's log.
              - The password that the pooler uses there (`auth_file`) is an old one.
        "#]],
    );
    row(
        "backend_shuts_down",
        "the database system is shutting down",
        expect![[r#"
            warning: PostgreSQL login failed: server not ready, at host
            `localhost:PORT` does not accept logins at the moment (SQLSTATE 08P01).
            Pooler message: the database system is shutting down
            Possible causes, most likely first:
              - The server starts, stops or recovers: try again in a minute.
              - The server is a standby that allows no queries: use the host of the primary.
        "#]],
    );
    rows.check();
}

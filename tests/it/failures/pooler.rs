//! What a real PgBouncer says, which has one SQLSTATE for everything.

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
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `wrong` (08P01).
        The pooler said: 08P01 SASL authentication failed
        Check, likeliest first:
          - The password.
          - Whether role `wrong` exists: the answer is the same when it does not.
          - The pooler's `auth_file`: it may still hold an older password.
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
        &[plain],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `unknown` (08P01).
        The pooler said: 08P01 SASL authentication failed
        Check, likeliest first:
          - The password.
          - Whether role `unknown` exists: the answer is the same when it does not.
          - The pooler's `auth_file`: it may still hold an older password.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "unknown" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "no_database",
        port,
        &[plain, ("database", "\"nowhere\"")],
        expect![[r#"
        error: The database refused the login, at database
        `localhost:PORT` has no database `nowhere` (08P01).
        The pooler said: 08P01 no such database: nowhere
        Check, likeliest first:
          - The name of the database, upper and lower case included.
          - The pooler's own list of databases, and the server behind it.
        Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
          CREATE DATABASE "nowhere" OWNER "no_database";
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "missing_behind",
        port,
        &[plain, ("database", "\"moved\"")],
        expect![[r#"
        error: The database refused the login, at database
        `localhost:PORT` has no database `moved` (08P01).
        The pooler said: 08P01 database "nowhere" does not exist
        Check, likeliest first:
          - The name of the database, upper and lower case included.
          - The pooler's own list of databases, and the server behind it.
        Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
          CREATE DATABASE "moved" OWNER "missing_behind";
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "dead_server",
        port,
        &[plain, ("database", "\"dead\"")],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            The pooler at `localhost:PORT` gets no connection to the server behind it (08P01).
            The pooler said: 08P01 query_wait_timeout
            Check, likeliest first:
              - Whether that server runs and has connections left; the pooler's log says more.
              - The password that the pooler uses there (`auth_file`): it may be an older one.
        "#]],
    );
    rows.row(
        "stale",
        port,
        &[plain],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `stale` (08P01).
        The pooler said: 08P01 password authentication failed for user "stale"
        Check, likeliest first:
          - The password.
          - Whether role `stale` exists: the answer is the same when it does not.
          - The pooler's `auth_file`: it may still hold an older password.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "stale" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.row(
        "asleep",
        port,
        &[plain],
        expect![[r#"
            error: The database refused the login, at username
            Role `asleep` may not log in at `localhost:PORT`: it is NOLOGIN (08P01).
            The pooler said: 08P01 role "asleep" is not permitted to log in
            Check:
              - Whether this is a group role; a connection needs a role that may log in.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "asleep" WITH LOGIN;
            If this same run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.row(
        "rejected",
        port,
        &[plain],
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` refused role `rejected` by rules of its own (08P01).
        The pooler said: 08P01 login rejected
        Check, likeliest first:
          - The pooler's rules of access (`auth_hba_file`) and its list of databases.
          - The pooler's log at that time, which says more.
    "#]],
    );
    rows.row(
        "no_tls",
        port,
        &[],
        expect![[r#"
        error: The database refused the login, at the whole connection
        `localhost:PORT` does not offer TLS.
        Check, likeliest first:
          - Turn TLS on there: `ssl = on` with a certificate and a key; PgBouncer: `client_tls_sslmode`.
          - Or set `ssl_enabled = false`, if everybody on the way may read the data.
    "#]],
    );
    rows.row(
        "tls_only",
        encrypted.port,
        &[plain],
        expect![[r#"
        error: The database refused the login, at ssl_enabled
        `localhost:PORT` admits encrypted connections only (08P01).
        The pooler said: 08P01 SSL required
        Check:
          - Set `ssl_enabled = true`.
    "#]],
    );
    rows.row(
        "full",
        full.port,
        &[plain, ("username", "\"right\"")],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            The pooler at `localhost:PORT` has no connection left (08P01).
            The pooler said: 08P01 no more connections allowed (max_client_conn)
            Check, likeliest first:
              - Try again, or raise the pooler's limits (`max_client_conn`).
              - Whether the password is right is not known: the pooler did not come to that.
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
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `no_such_user` (08P01).
        The pooler said: 08P01 no such user: no_such_user
        Check, likeliest first:
          - The password.
          - Whether role `no_such_user` exists: the answer is the same when it does not.
          - The pooler's `auth_file`: it may still hold an older password.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "no_such_user" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    row(
        "empty_password",
        "empty password returned by client",
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `empty_password` (08P01).
        The pooler said: 08P01 empty password returned by client
        Check, likeliest first:
          - The password.
          - Whether role `empty_password` exists: the answer is the same when it does not.
          - The pooler's `auth_file`: it may still hold an older password.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "empty_password" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    row(
        "no_trust",
        "\"trust\" authentication failed",
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `no_trust` (08P01).
        The pooler said: 08P01 "trust" authentication failed
        Check, likeliest first:
          - The password.
          - Whether role `no_trust` exists: the answer is the same when it does not.
          - The pooler's `auth_file`: it may still hold an older password.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "no_trust" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    row(
        "client_certificate",
        "certificate authentication failed for user \"x\"",
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` wants a client certificate for role `client_certificate`, which the KMS cannot show (08P01).
        The pooler said: 08P01 certificate authentication failed for user "x"
        Check:
          - A role that logs in with a password.
    "#]],
    );
    row(
        "exceeded",
        "client connections exceeded (max_db_client_connections)",
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        The pooler at `localhost:PORT` has no connection left (08P01).
        The pooler said: 08P01 client connections exceeded (max_db_client_connections)
        Check, likeliest first:
          - Try again, or raise the pooler's limits (`max_client_conn`).
          - Whether the password is right is not known: the pooler did not come to that.
    "#]],
    );
    row(
        "backend_fails",
        "server login failed: FATAL password authentication failed",
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        The pooler at `localhost:PORT` gets no connection to the server behind it (08P01).
        The pooler said: 08P01 server login failed: FATAL password authentication failed
        Check, likeliest first:
          - Whether that server runs and has connections left; the pooler's log says more.
          - The password that the pooler uses there (`auth_file`): it may be an older one.
    "#]],
    );
    row(
        "backend_shuts_down",
        "the database system is shutting down",
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` takes no logins right now (08P01).
        The pooler said: 08P01 the database system is shutting down
        Check, likeliest first:
          - It starts up, shuts down or recovers: try again in a minute.
          - Whether it is a standby that answers no queries: use the host of the primary then.
    "#]],
    );
    rows.check();
}

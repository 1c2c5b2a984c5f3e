//! Errors of a real PostgreSQL about `pg_hba.conf` and authentication methods, and of a full server.

use expect_test::expect;
use tokio_postgres::NoTls;

use super::rows::Rows;
use crate::support::postgres::{Options, Postgres};
use crate::support::scene::PASSWORD;

/// The first line that fits decides.
const RULES: &str = "\
hostssl   all right,tls_only       all scram-sha-256
hostssl   all clear_text           all password
hostnossl all clear_text_plain     all password
hostnossl all md5_plain            all md5
host      all rejected             all reject
host      all rejected_plain       all reject
hostssl   all certificate          all cert
host      all os_user              all ident
hostssl   all pam                  all pam
hostssl   all ldap                 all ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix=\"cn=\"
host      all stranger             all trust
host      all stranger_at_home     127.0.0.1/32 scram-sha-256
host      elsewhere not_this_one   all scram-sha-256";

#[test]
fn reports_pg_hba_rules_and_methods() {
    let server = Postgres::start(Options::default());
    let mut rows = Rows::new();
    rows.scene.workspace.write("own.pem", server.ca_pem());
    for role in ["right", "tls_only", "clear_text", "clear_text_plain", "rejected", "rejected_plain", "certificate"] {
        server.create_role(role, PASSWORD);
    }
    for role in ["os_user", "pam", "ldap", "not_this_one"] {
        server.create_role(role, PASSWORD);
    }
    server.sql(&format!("SET password_encryption = 'md5'; CREATE ROLE md5_plain LOGIN PASSWORD '{PASSWORD}'"));
    server.set_access_rules(RULES);
    let broken = server.sql("SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL");
    assert!(broken.is_empty(), "{broken:?}");

    let port = server.port();
    let (tls, plain) = (("ssl_certificate", "file(\"own.pem\")"), ("ssl_enabled", "false"));
    let unverified = ("ssl_reject_unauthorized", "false");
    rows.accepted("right", port, &[tls]);
    rows.accepted("clear_text", port, &[tls]);
    rows.accepted("clear_text_plain", port, &[plain, ("host", "\"127.0.0.1\"")]);
    rows.accepted("md5_plain", port, &[plain, ("host", "\"127.0.0.1\"")]);
    rows.row(
        "no_rule",
        port,
        &[tls],
        expect![[r#"
        warning: PostgreSQL login failed: no pg_hba.conf entry, at host
        No pg_hba.conf entry of `localhost:PORT` allows role `no_rule` from this address (SQLSTATE 28000).
        Server message: no pg_hba.conf entry for host "127.0.0.1", user "no_rule", database "postgres", SSL encryption
        Possible causes, most likely first:
          - `pg_hba.conf` lacks an entry for this role and database from the address of this machine.
          - The KMS connects from another address, which needs an entry too.
    "#]],
    );
    rows.row("not_this_one", port, &[tls], expect![[r#"
        warning: PostgreSQL login failed: no pg_hba.conf entry, at host
        No pg_hba.conf entry of `localhost:PORT` allows role `not_this_one` from this address (SQLSTATE 28000).
        Server message: no pg_hba.conf entry for host "127.0.0.1", user "not_this_one", database "postgres", SSL encryption
        Possible causes, most likely first:
          - `pg_hba.conf` lacks an entry for this role and database from the address of this machine.
          - The KMS connects from another address, which needs an entry too.
    "#]]);
    rows.row(
        "tls_only",
        port,
        &[plain],
        expect![[r#"
        warning: PostgreSQL login failed: no pg_hba.conf entry without TLS, at ssl_enabled
        No pg_hba.conf entry of `localhost:PORT` allows a connection without TLS (SQLSTATE 28000).
        Server message: no pg_hba.conf entry for host "127.0.0.1", user "tls_only", database "postgres", no encryption
        Possible causes, most likely first:
          - The server accepts only connections with TLS: set `ssl_enabled = true`.
          - Amazon RDS (`rds.force_ssl`) or Azure (`require_secure_transport`) requires TLS.
          - `pg_hba.conf` lacks an entry for this role and database from the address of this machine.
    "#]],
    );
    rows.row("rejected", port, &[tls], expect![[r#"
        warning: PostgreSQL login failed: rejected by pg_hba.conf, at host
        A pg_hba.conf entry of `localhost:PORT` rejects role `rejected` (SQLSTATE 28000).
        Server message: pg_hba.conf rejects connection for host "127.0.0.1", user "rejected", database "postgres", SSL encryption
        Possible cause:
          - A `reject` line of `pg_hba.conf` matches this role, database or address.
    "#]]);
    rows.row("rejected_plain", port, &[plain], expect![[r#"
        warning: PostgreSQL login failed: rejected by pg_hba.conf, at ssl_enabled
        A pg_hba.conf entry of `localhost:PORT` rejects role `rejected_plain` without TLS (SQLSTATE 28000).
        Server message: pg_hba.conf rejects connection for host "127.0.0.1", user "rejected_plain", database "postgres", no encryption
        Possible causes, most likely first:
          - The server accepts only connections with TLS: set `ssl_enabled = true`.
          - A `reject` line of `pg_hba.conf` matches this role, database or address.
    "#]]);
    rows.row(
        "certificate",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: client certificate required, at username
            `localhost:PORT` requires a client certificate for role `certificate`, which the KMS does not support (SQLSTATE F0000).
            Server message: client certificates can only be checked if a root certificate store is available
            Possible cause:
              - `pg_hba.conf` requires a certificate for this role: use a role that logs in with a password.
        "#]],
    );
    rows.row(
        "os_user",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: no password authentication, at username
            `localhost:PORT` authenticates role `os_user` by Ident, not by a password (SQLSTATE 28000).
            Server message: Ident authentication failed for user "os_user"
            Possible causes, most likely first:
              - `pg_hba.conf` has no `scram-sha-256` line for this role.
              - An earlier line of `pg_hba.conf` matches: the first one that matches is used.
        "#]],
    );
    rows.row(
        "pam",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected by PAM, at password_wo
            PAM authentication failed for role `pam` at `localhost:PORT` (SQLSTATE 28000).
            Server message: PAM authentication failed for user "pam"
            Possible causes, most likely first:
              - The directory has another password. Many directories lock an account after a few failures.
              - On Amazon RDS, the role is a member of `rds_iam`: it logs in with short-lived tokens, not with a password.
              - The KMS needs a role whose password PostgreSQL stores (`scram-sha-256` in `pg_hba.conf`).
        "#]],
    );
    rows.row(
        "ldap",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: password rejected by LDAP, at password_wo
            LDAP authentication failed for role `ldap` at `localhost:PORT` (SQLSTATE 28000).
            Server message: LDAP authentication failed for user "ldap"
            Possible causes, most likely first:
              - The directory has another password. Many directories lock an account after a few failures.
              - On Amazon RDS, the role is a member of `rds_iam`: it logs in with short-lived tokens, not with a password.
              - The KMS needs a role whose password PostgreSQL stores (`scram-sha-256` in `pg_hba.conf`).
        "#]],
    );
    rows.row(
        "stranger",
        port,
        &[tls],
        expect![[r#"
            error: PostgreSQL login failed: role not found, at username
            Role `stranger` does not exist on `localhost:PORT` (SQLSTATE 28000).
            Server message: role "stranger" does not exist
            Possible cause:
              - The name of the role is wrong; it is case-sensitive.
            Run as a superuser, or as a role with CREATEROLE:
              CREATE ROLE "stranger" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    let name = |role: &'static str| ("username", role);
    rows.row(
        "clear_text_to_anybody",
        port,
        &[unverified, name("\"clear_text\"")],
        expect![[r#"
            warning: PostgreSQL login failed: password not sent, at the whole connection
            `localhost:PORT` requested the password in clear text over TLS without a verified certificate. The password was not sent.
            Possible causes, most likely first:
              - The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.
              - The server does not use `scram-sha-256`, which keeps the password secret from others.
        "#]],
    );
    rows.row(
        "clear_text_in_the_open",
        port,
        &[plain, name("\"clear_text_plain\"")],
        expect![[r#"
            warning: PostgreSQL login failed: password not sent, at ssl_enabled
            `localhost:PORT` requested the password in clear text without TLS. The password was not sent.
            Possible causes, most likely first:
              - The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.
              - The server does not use `scram-sha-256`, which keeps the password secret from others.
        "#]],
    );
    rows.row(
        "md5_in_the_open",
        port,
        &[plain, name("\"md5_plain\"")],
        expect![[r#"
            warning: PostgreSQL login failed: password not sent, at ssl_enabled
            `localhost:PORT` requested the password as an MD5 hash without TLS. The password was not sent.
            Possible causes, most likely first:
              - The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.
              - The server does not use `scram-sha-256`, which keeps the password secret from others.
        "#]],
    );
    rows.check();
}

/// A server with four places, three of which are kept for administrators; so many of them are taken.
fn full(rows: &Rows, taken: usize) -> Postgres {
    let server = Postgres::start(Options::default().setting("max_connections", "4").setting("max_wal_senders", "0"));
    server.create_role("full", PASSWORD);
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(server.port()).user("postgres").dbname("postgres");
    config.password(&server.superuser_password);
    for _ in 0..taken {
        let (client, connection) = rows.runtime.block_on(config.connect(NoTls)).unwrap();
        rows.runtime.spawn(async move {
            let _kept = client;
            let _ended = connection.await;
        });
    }
    server
}

#[test]
fn reports_full_servers() {
    let mut rows = Rows::new();
    let (almost, entirely, without) = (full(&rows, 1), full(&rows, 4), Postgres::start(Options::without_tls()));
    let role = ("username", "\"full\"");
    rows.scene.workspace.write("almost.pem", almost.ca_pem());
    rows.row(
        "almost_full",
        almost.port(),
        &[role, ("ssl_certificate", "file(\"almost.pem\")")],
        expect![[r#"
            warning: PostgreSQL login failed: too many connections, at host
            Too many connections at `localhost:PORT`: it has only reserved connection slots left (SQLSTATE 53300).
            Server message: remaining connection slots are reserved for non-replication superuser connections
            Possible cause:
              - `max_connections` of the server is reached: close sessions, or try again later. The password was accepted.
        "#]],
    );
    rows.row(
        "full",
        entirely.port(),
        &[role, ("ssl_enabled", "false")],
        expect![[r#"
            warning: PostgreSQL login failed: too many connections, at host
            Too many connections at `localhost:PORT` (SQLSTATE 53300).
            Server message: sorry, too many clients already
            Possible cause:
              - `max_connections` of the server is reached: close sessions, or try again later. The password was not checked.
        "#]],
    );
    rows.row(
        "without_tls",
        without.port(),
        &[],
        expect![[r#"
            error: TLS to PostgreSQL failed: not enabled on server, at the whole connection
            TLS is not enabled on the server `localhost:PORT`.
            Possible causes, most likely first:
              - The server has `ssl = off`: set it to `on`, with a certificate and a key (PgBouncer: `client_tls_sslmode`).
              - TLS is not wanted: set `ssl_enabled = false`. Others on the network can then read the data.
        "#]],
    );
    rows.check();
}

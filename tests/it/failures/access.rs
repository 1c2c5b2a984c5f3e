//! What a real PostgreSQL says about where somebody comes from and how; and a full one.

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
    rows.row("no_rule", port, &[tls], expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` has no access rule for role `no_rule` from here (28000).
        The server said: 28000 no pg_hba.conf entry for host "127.0.0.1", user "no_rule", database "postgres", SSL encryption
        Check, likeliest first:
          - `pg_hba.conf` of the server: it lists who may come from which address to which database.
          - The KMS comes from another address and needs a rule for that one.
    "#]]);
    rows.row("not_this_one", port, &[tls], expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` has no access rule for role `not_this_one` from here (28000).
        The server said: 28000 no pg_hba.conf entry for host "127.0.0.1", user "not_this_one", database "postgres", SSL encryption
        Check, likeliest first:
          - `pg_hba.conf` of the server: it lists who may come from which address to which database.
          - The KMS comes from another address and needs a rule for that one.
    "#]]);
    rows.row("tls_only", port, &[plain], expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        `localhost:PORT` has no access rule for a connection without TLS (28000).
        The server said: 28000 no pg_hba.conf entry for host "127.0.0.1", user "tls_only", database "postgres", no encryption
        Check, likeliest first:
          - Set `ssl_enabled = true`: the server probably admits encrypted connections only.
          - The setting is `rds.force_ssl` on Amazon RDS, `require_secure_transport` on Azure.
          - `pg_hba.conf` of the server: it lists who may come from which address to which database.
    "#]]);
    rows.row("rejected", port, &[tls], expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        An access rule of `localhost:PORT` rejects role `rejected` (28000).
        The server said: 28000 pg_hba.conf rejects connection for host "127.0.0.1", user "rejected", database "postgres", SSL encryption
        Check:
          - The `reject` line in `pg_hba.conf` of the server.
    "#]]);
    rows.row("rejected_plain", port, &[plain], expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        An access rule of `localhost:PORT` rejects role `rejected_plain` without TLS (28000).
        The server said: 28000 pg_hba.conf rejects connection for host "127.0.0.1", user "rejected_plain", database "postgres", no encryption
        Check, likeliest first:
          - Set `ssl_enabled = true`.
          - The `reject` line in `pg_hba.conf` of the server.
    "#]]);
    rows.row(
        "certificate",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` wants a client certificate for role `certificate`, which the KMS cannot show (F0000).
        The server said: F0000 client certificates can only be checked if a root certificate store is available
        Check:
          - A role that logs in with a password.
    "#]],
    );
    rows.row(
        "os_user",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` lets role `os_user` in by Ident only, not by a password (28000).
        The server said: 28000 Ident authentication failed for user "os_user"
        Check, likeliest first:
          - A role that `pg_hba.conf` lets in with `scram-sha-256`.
          - The order of its lines: the first that fits decides.
    "#]],
    );
    rows.row(
        "pam",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `pam`, which PAM judges, not the database (28000).
        The server said: 28000 PAM authentication failed for user "pam"
        Check, likeliest first:
          - The password in that directory. Many lock an account after a few failures.
          - On Amazon RDS a member of `rds_iam` logs in with short-lived tokens, never with a password.
          - A role whose password the database itself keeps, let in by `scram-sha-256` in `pg_hba.conf`.
    "#]],
    );
    rows.row(
        "ldap",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `ldap`, which LDAP judges, not the database (28000).
        The server said: 28000 LDAP authentication failed for user "ldap"
        Check, likeliest first:
          - The password in that directory. Many lock an account after a few failures.
          - On Amazon RDS a member of `rds_iam` logs in with short-lived tokens, never with a password.
          - A role whose password the database itself keeps, let in by `scram-sha-256` in `pg_hba.conf`.
    "#]],
    );
    rows.row(
        "stranger",
        port,
        &[tls],
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` has no role `stranger` (28000).
        The server said: 28000 role "stranger" does not exist
        Check:
          - The name of the role, upper and lower case included.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          CREATE ROLE "stranger" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    let name = |role: &'static str| ("username", role);
    rows.row(
        "clear_text_to_anybody",
        port,
        &[unverified, name("\"clear_text\"")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at the whole connection
        `localhost:PORT` asks for the password in clear text, and others could listen: it was not sent.
        Check, likeliest first:
          - TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).
          - Or `scram-sha-256` on the server, which never shows the password to anybody.
    "#]],
    );
    rows.row(
        "clear_text_in_the_open",
        port,
        &[plain, name("\"clear_text_plain\"")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        `localhost:PORT` asks for the password in clear text, and others could listen: it was not sent.
        Check, likeliest first:
          - TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).
          - Or `scram-sha-256` on the server, which never shows the password to anybody.
    "#]],
    );
    rows.row(
        "md5_in_the_open",
        port,
        &[plain, name("\"md5_plain\"")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        `localhost:PORT` asks for the password as an MD5 hash, and others could listen: it was not sent.
        Check, likeliest first:
          - TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).
          - Or `scram-sha-256` on the server, which never shows the password to anybody.
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
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` has only its reserved connection slots left (53300).
            The server said: 53300 remaining connection slots are reserved for non-replication superuser connections
            Check, likeliest first:
              - `max_connections` of the server, and which sessions are open: try again when there are fewer.
              - The password was accepted: PostgreSQL checks it before it counts connections.
        "#]],
    );
    rows.row(
        "full",
        entirely.port(),
        &[role, ("ssl_enabled", "false")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` has no connection left (53300).
        The server said: 53300 sorry, too many clients already
        Check, likeliest first:
          - `max_connections` of the server, and who is connected: try again when fewer are.
          - Whether the password is right is not known: the server did not come to that.
    "#]],
    );
    rows.row(
        "without_tls",
        without.port(),
        &[],
        expect![[r#"
        error: The database refused the login, at the whole connection
        `localhost:PORT` does not offer TLS.
        Check, likeliest first:
          - Turn TLS on there: `ssl = on` with a certificate and a key; PgBouncer: `client_tls_sslmode`.
          - Or set `ssl_enabled = false`, if everybody on the way may read the data.
    "#]],
    );
    rows.check();
}

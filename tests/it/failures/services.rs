//! What managed services, poolers of others and other products say, and what PostgreSQL says too seldom to wait for it.
//! The texts are those that their documentation and sources show; none of these services was asked.

use expect_test::expect;

use super::rows::Rows;
use crate::support::postgres::Authority;
use crate::support::scripted_postgres::{Read, Send, Step, authentication, error, message, tls};

const PLAIN: (&str, &str) = ("ssl_enabled", "false");

/// PostgreSQL's form of an error, and those of most services.
fn says(sqlstate: &str, text: &str) -> Vec<Step> {
    vec![Read, Send(error(&format!("SFATAL|VFATAL|C{sqlstate}|M{text}|")))]
}

/// A pooler's.
fn pooler_says(sqlstate: &str, text: &str) -> Vec<Step> {
    vec![Read, Send(error(&format!("SFATAL|C{sqlstate}|M{text}|")))]
}

#[test]
fn reports_errors_of_managed_services() {
    let mut rows = Rows::new();
    let mut row = |name, script, expected| rows.fake(name, script, &[PLAIN], expected);
    let no_entry =
        r#"no pg_hba.conf entry for host "192.0.2.7", user "rds_needs_tls", database "postgres", no encryption"#;
    row(
        "rds_needs_tls",
        says("28000", no_entry),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        `localhost:PORT` has no access rule for a connection without TLS (28000).
        The server said: 28000 no pg_hba.conf entry for host "192.0.2.7", user "rds_needs_tls", database "postgres", no encryption
        Check, likeliest first:
          - Set `ssl_enabled = true`: the server probably admits encrypted connections only.
          - The setting is `rds.force_ssl` on Amazon RDS, `require_secure_transport` on Azure.
          - `pg_hba.conf` of the server: it lists who may come from which address to which database.
    "#]],
    );
    row(
        "rds_iam",
        says("28000", r#"PAM authentication failed for user "rds_iam""#),
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `rds_iam`, which PAM judges, not the database (28000).
        The server said: 28000 PAM authentication failed for user "rds_iam"
        Check, likeliest first:
          - The password in that directory. Many lock an account after a few failures.
          - On Amazon RDS a member of `rds_iam` logs in with short-lived tokens, never with a password.
          - A role whose password the database itself keeps, let in by `scram-sha-256` in `pg_hba.conf`.
    "#]],
    );
    row(
        "neon_plain",
        says("28000", "connection is insecure (try using `sslmode=require`)"),
        expect![[r#"
        error: The database refused the login, at ssl_enabled
        `localhost:PORT` admits encrypted connections only (28000).
        The server said: 28000 connection is insecure (try using `sslmode=require`)
        Check:
          - Set `ssl_enabled = true`.
    "#]],
    );
    row(
        "neon_quota",
        says(
            "XX000",
            "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.",
        ),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        The service at `localhost:PORT` has suspended this database (XX000).
        The server said: XX000 Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.
        Check, likeliest first:
          - The server's message above: a quota of the account, or a disabled endpoint.
          - The console of the service: raise the limit or enable the endpoint.
    "#]],
    );
    row(
        "rds_token",
        says(
            "28000",
            "The IAM authentication failed for the role rds_token. Check the IAM token for this role and try again.",
        ),
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` lets role `rds_token` in by an IAM token only, not by a password (28000).
        The server said: 28000 The IAM authentication failed for the role rds_token. Check the IAM token for this role and try again.
        Check, likeliest first:
          - A role with a password of its own: a token is valid for minutes only.
          - A role that `pg_hba.conf` lets in with `scram-sha-256`.
          - The order of its lines: the first that fits decides.
    "#]],
    );
    row(
        "supavisor_full",
        says("XX000", "(EMAXCONNSESSION) max clients reached in session mode"),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        The pooler at `localhost:PORT` has no connection left (XX000).
        The server said: XX000 (EMAXCONNSESSION) max clients reached in session mode
        Check, likeliest first:
          - Try again, or raise the pooler's limits (`max_client_conn`).
          - Whether the password is right is not known: the pooler did not come to that.
    "#]],
    );
    row(
        "pgcat",
        says("58000", "No pool configured for database: \"postgres\", user: \"pgcat\""),
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` has no pool for role `pgcat` and database `postgres` (58000).
        The server said: 58000 No pool configured for database: "postgres", user: "pgcat"
        Check, likeliest first:
          - The pooler's configuration: its pools (pgcat) or routes (Odyssey) name databases and roles.
          - The names of role and database, which are case-sensitive.
    "#]],
    );
    row(
        "odyssey_route",
        says("08006", "odyssey: c1: route for 'postgres.odyssey_route' is not found"),
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` has no pool for role `odyssey_route` and database `postgres` (08006).
        The server said: 08006 odyssey: c1: route for 'postgres.odyssey_route' is not found
        Check, likeliest first:
          - The pooler's configuration: its pools (pgcat) or routes (Odyssey) name databases and roles.
          - The names of role and database, which are case-sensitive.
    "#]],
    );
    row(
        "account",
        says("28000", "the account has expired"),
        expect![[r#"
        error: The database refused the login, at username
        The account of role `account` at `localhost:PORT` has expired or is locked (28000).
        The server said: 28000 the account has expired
        Check:
          - The server's message above, and the account in the service's console or directory.
    "#]],
    );
    row(
        "azure_single",
        says("28000", "Invalid Username specified. The Username should be in <username@hostname> format."),
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` wants the server's name behind role `azure_single` (28000).
        The server said: 28000 Invalid Username specified. The Username should be in <username@hostname> format.
        Check:
          - The form `role@server` (Azure Database for PostgreSQL, single server).
    "#]],
    );
    let unknown =
        "This RDS proxy has no credentials for the role rds_proxy. Check the credentials for this role and try again.";
    row(
        "rds_proxy",
        says("28000", unknown),
        expect![[r#"
        error: The database refused the login, at username
        The proxy at `localhost:PORT` has no password for role `rds_proxy` (28000).
        The server said: 28000 This RDS proxy has no credentials for the role rds_proxy. Check the credentials for this role and try again.
        Check, likeliest first:
          - The secrets of the proxy (Amazon RDS Proxy): one of them must name this role.
          - Or the database's own endpoint as `host`, where the role's password counts.
    "#]],
    );
    row(
        "rds_proxy_tls",
        says("28000", "This RDS Proxy requires TLS connections"),
        expect![[r#"
        error: The database refused the login, at ssl_enabled
        `localhost:PORT` admits encrypted connections only (28000).
        The server said: 28000 This RDS Proxy requires TLS connections
        Check:
          - Set `ssl_enabled = true`.
    "#]],
    );
    let throttled = r#"connection throttled from IP address "192.0.2.7": too many login attempts"#;
    row(
        "azure_throttled",
        says("28000", throttled),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` is blocking logins for now, after too many failed attempts (28000).
            The server said: 28000 connection throttled from IP address "192.0.2.7": too many login attempts
            Check, likeliest first:
              - Failed logins from this address or as this role: wait some minutes.
              - Other clients with an old password; each failure lengthens the wait.
        "#]],
    );
    row(
        "supabase_tenant",
        pooler_says("XX000", "Tenant or user not found"),
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` knows no project behind role `supabase_tenant` (XX000).
        The pooler said: XX000 Tenant or user not found
        Check, likeliest first:
          - The form of the name: Supabase wants `role.project`, such as `postgres.abcdefgh`.
          - The project, and the host: each region has a pooler of its own.
    "#]],
    );
    let tenant = "(ENOTFOUND) tenant/user supabase.newer not found";
    row(
        "supabase_newer",
        pooler_says("XX000", tenant),
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` knows no project behind role `supabase_newer` (XX000).
        The pooler said: XX000 (ENOTFOUND) tenant/user supabase.newer not found
        Check, likeliest first:
          - The form of the name: Supabase wants `role.project`, such as `postgres.abcdefgh`.
          - The project, and the host: each region has a pooler of its own.
    "#]],
    );
    let nobody = "(ENOIDENTIFIER) no tenant identifier provided (external_id or sni_hostname required)";
    row(
        "supabase_no_tenant",
        pooler_says("XX000", nobody),
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` knows no project behind role `supabase_no_tenant` (XX000).
        The pooler said: XX000 (ENOIDENTIFIER) no tenant identifier provided (external_id or sni_hostname required)
        Check, likeliest first:
          - The form of the name: Supabase wants `role.project`, such as `postgres.abcdefgh`.
          - The project, and the host: each region has a pooler of its own.
    "#]],
    );
    let endpoint =
        "The endpoint ID is not specified. Either upgrade the client library for SNI support or pass the endpoint ID.";
    row(
        "neon_without_tls",
        says("08P01", endpoint),
        expect![[r#"
            error: The database refused the login, at ssl_enabled
            `localhost:PORT` picks the database by host name, and the connection did not carry one (08P01).
            The server said: 08P01 The endpoint ID is not specified. Either upgrade the client library for SNI support or pass the endpoint ID.
            Check:
              - Set `ssl_enabled = true`: this service (Neon) reads the name from the TLS handshake.
        "#]],
    );
    row(
        "redshift",
        vec![Read, Send(authentication(13, &[0; 12]))],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` asks for login method 13, which no PostgreSQL has.
        Check:
          - Whether this is PostgreSQL at all: Amazon Redshift asks for method 13.
    "#]],
    );
    let secure = "node is running secure mode, SSL connection required";
    row(
        "cockroachdb",
        says("08P01", secure),
        expect![[r#"
        error: The database refused the login, at ssl_enabled
        `localhost:PORT` admits encrypted connections only (08P01).
        The server said: 08P01 node is running secure mode, SSL connection required
        Check:
          - Set `ssl_enabled = true`.
    "#]],
    );
    rows.fake(
        "neon_by_address",
        says_after_yes(says("08P01", endpoint)),
        &[("ssl_reject_unauthorized", "false"), ("host", "\"127.0.0.1\"")],
        expect![[r#"
            error: The database refused the login, at host
            `127.0.0.1:PORT` picks the database by host name, and the connection did not carry one (08P01).
            The server said: 08P01 The endpoint ID is not specified. Either upgrade the client library for SNI support or pass the endpoint ID.
            Check, likeliest first:
              - The DNS name of the endpoint as `host` (Neon, CockroachDB): an IP address does not carry it.
              - On CockroachDB the cluster can stand in `database` instead: `cluster.database`.
        "#]],
    );
    rows.check();
}

fn says_after_yes(script: Vec<Step>) -> Vec<Step> {
    let authority = Authority::new("Fake CA");
    [vec![Read, Send(b"S".to_vec()), tls(&authority)], script].concat()
}

#[test]
fn reports_rare_errors_of_managed_services() {
    let mut rows = Rows::new();
    let mut row = |name, script, expected| rows.fake(name, script, &[PLAIN], expected);
    row(
        "starting",
        says("57P03", "the database system is starting up"),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` takes no logins right now (57P03).
        The server said: 57P03 the database system is starting up
        Check, likeliest first:
          - It starts up, shuts down or recovers: try again in a minute.
          - Whether it is a standby that answers no queries: use the host of the primary then.
    "#]],
    );
    row(
        "shutting_down",
        says("57P03", "the database system is shutting down"),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` takes no logins right now (57P03).
        The server said: 57P03 the database system is shutting down
        Check, likeliest first:
          - It starts up, shuts down or recovers: try again in a minute.
          - Whether it is a standby that answers no queries: use the host of the primary then.
    "#]],
    );
    row(
        "hot_standby_off",
        says("57P03", "the database system is not accepting connections|DHot standby mode is disabled."),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` takes no logins right now (57P03).
            The server said: 57P03 the database system is not accepting connections (Hot standby mode is disabled.)
            Check, likeliest first:
              - It starts up, shuts down or recovers: try again in a minute.
              - Whether it is a standby that answers no queries: use the host of the primary then.
        "#]],
    );
    row(
        "killed",
        says("57P01", "terminating connection due to administrator command"),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` ended the session (57P01).
        The server said: 57P01 terminating connection due to administrator command
        Check:
          - A restart, a failover or an administrator: try again in a minute.
    "#]],
    );
    row(
        "out_of_memory",
        says("53200", "out of memory"),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` refused the login: out of memory (53200).
            Check:
              - The server's message above; the service's status page or the server's log at that time.
        "#]],
    );
    row(
        "odd",
        says("22023", "this server has an opinion of its own."),
        expect![[r#"
            error: The database refused the login, at host
            `localhost:PORT` refused the login: this server has an opinion of its own (22023).
            Check:
              - The server's message above; the service's status page or the server's log at that time.
        "#]],
    );
    row(
        "radius",
        says("28000", r#"RADIUS authentication failed for user "radius""#),
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `radius`, which RADIUS judges, not the database (28000).
        The server said: 28000 RADIUS authentication failed for user "radius"
        Check, likeliest first:
          - The password in that directory. Many lock an account after a few failures.
          - On Amazon RDS a member of `rds_iam` logs in with short-lived tokens, never with a password.
          - A role whose password the database itself keeps, let in by `scram-sha-256` in `pg_hba.conf`.
    "#]],
    );
    row(
        "gss",
        vec![Read, Send(authentication(7, b""))],
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` lets role `gss` in by GSSAPI only, not by a password.
        Check, likeliest first:
          - A role that `pg_hba.conf` lets in with `scram-sha-256`.
          - The order of its lines: the first that fits decides.
    "#]],
    );
    row(
        "oauth",
        vec![Read, Send(authentication(10, b"OAUTHBEARER\0\0"))],
        expect![[r#"
        error: The database refused the login, at username
        `localhost:PORT` lets role `oauth` in by OAUTHBEARER only, not by a password.
        Check, likeliest first:
          - A role that `pg_hba.conf` lets in with `scram-sha-256`.
          - The order of its lines: the first that fits decides.
    "#]],
    );
    row(
        "waits_for_server",
        pooler_says("08P01", "query_wait_timeout"),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            The pooler at `localhost:PORT` gets no connection to the server behind it (08P01).
            The pooler said: 08P01 query_wait_timeout
            Check, likeliest first:
              - Whether that server runs and has connections left; the pooler's log says more.
              - The password that the pooler uses there (`auth_file`): it may be an older one.
        "#]],
    );
    row(
        "server_fails",
        pooler_says("08P01", "server login has been failing, try again later (server_login_retry)"),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            The pooler at `localhost:PORT` gets no connection to the server behind it (08P01).
            The pooler said: 08P01 server login has been failing, try again later (server_login_retry)
            Check, likeliest first:
              - Whether that server runs and has connections left; the pooler's log says more.
              - The password that the pooler uses there (`auth_file`): it may be an older one.
        "#]],
    );
    row(
        "misconfigured",
        pooler_says("08P01", "bouncer config error"),
        expect![[r#"
        error: The database refused the login, at username
        The pooler at `localhost:PORT` refused role `misconfigured` by rules of its own (08P01).
        The pooler said: 08P01 bouncer config error
        Check, likeliest first:
          - The pooler's rules of access (`auth_hba_file`) and its list of databases.
          - The pooler's log at that time, which says more.
    "#]],
    );
    row(
        "our_fault",
        pooler_says("08P01", "unsupported startup parameter: x"),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` refused the login: unsupported startup parameter: x (08P01).
            Check:
              - The server's message above; the service's status page or the server's log at that time.
        "#]],
    );
    let german = b"SFATAL\0VFATAL\0C28P01\0MPasswort-Authentifizierung f\xfcr Benutzer \xbbx\xab fehlgeschlagen\0\0";
    row(
        "eight_bits",
        vec![Read, Send(message(b'E', german))],
        expect![[r#"
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `eight_bits` (28P01).
        The server said: 28P01 Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen
        Check, likeliest first:
          - The password.
          - Whether role `eight_bits` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "eight_bits" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    let late =
        [authentication(0, b""), message(b'E', b"SFATAL\0VFATAL\0C3D000\0MDatenbank existiert f\xfcr uns nicht\0\0")]
            .concat();
    row(
        "eight_bits_late",
        vec![Read, Send(late)],
        expect![[r#"
        error: The database refused the login, at database
        `localhost:PORT` has no database `postgres` (3D000).
        The server said: 3D000 Datenbank existiert für uns nicht
        Check:
          - The name of the database, upper and lower case included.
        Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
          CREATE DATABASE "postgres" OWNER "eight_bits_late";
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    rows.check();
}

//! What managed services, poolers of others and other products say, and what PostgreSQL says too seldom to wait for it.
//! The texts are those that their documentation and sources show; none of these services was asked.

use expect_test::expect;

use super::rows::Rows;
use crate::support::postgres::Authority;
use crate::support::scripted_postgres::{Read, Send, Step, authentication, error, message, tls};

const PLAIN: (&str, &str) = ("ssl_enabled", "false");

/// PostgreSQL's form of an error, and those of most services.
fn error_response(sqlstate: &str, text: &str) -> Vec<Step> {
    vec![Read, Send(error(&format!("SFATAL|VFATAL|C{sqlstate}|M{text}|")))]
}

/// A pooler's.
fn pooler_error(sqlstate: &str, text: &str) -> Vec<Step> {
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
        error_response("28000", no_entry),
        expect![[r#"
            warning: PostgreSQL login failed: no pg_hba.conf entry without TLS, at ssl_enabled
            No pg_hba.conf entry of `localhost:PORT` allows a connection without TLS (SQLSTATE 28000).
            Server message: no pg_hba.conf entry for host "192.0.2.7", user "rds_needs_tls", database "postgres", no encryption
            Possible causes, most likely first:
              - The server accepts only connections with TLS: set `ssl_enabled = true`.
              - Amazon RDS (`rds.force_ssl`) or Azure (`require_secure_transport`) requires TLS.
              - `pg_hba.conf` lacks an entry for this role and database from the address of this machine.
        "#]],
    );
    row(
        "rds_iam",
        error_response("28000", r#"PAM authentication failed for user "rds_iam""#),
        expect![[r#"
            error: PostgreSQL login failed: password rejected by PAM, at password_wo
            PAM authentication failed for role `rds_iam` at `localhost:PORT` (SQLSTATE 28000).
            Server message: PAM authentication failed for user "rds_iam"
            Possible causes, most likely first:
              - The directory has another password. Many directories lock an account after a few failures.
              - On Amazon RDS, the role is a member of `rds_iam`: it logs in with short-lived tokens, not with a password.
              - The KMS needs a role whose password PostgreSQL stores (`scram-sha-256` in `pg_hba.conf`).
        "#]],
    );
    row(
        "neon_plain",
        error_response("28000", "connection is insecure (try using `sslmode=require`)"),
        expect![[r#"
            error: PostgreSQL login failed: TLS required, at ssl_enabled
            `localhost:PORT` accepts only connections with TLS (SQLSTATE 28000).
            Server message: connection is insecure (try using `sslmode=require`)
            Possible cause:
              - `ssl_enabled` is `false`: set it to `true`.
        "#]],
    );
    row(
        "neon_quota",
        error_response(
            "XX000",
            "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.",
        ),
        expect![[r#"
            warning: PostgreSQL login failed: database suspended, at host
            The service at `localhost:PORT` has suspended this database (SQLSTATE XX000).
            Server message: Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.
            Possible cause:
              - A quota is exhausted or the endpoint is disabled: see the server message and the service's console.
        "#]],
    );
    row(
        "rds_token",
        error_response(
            "28000",
            "The IAM authentication failed for the role rds_token. Check the IAM token for this role and try again.",
        ),
        expect![[r#"
            error: PostgreSQL login failed: no password authentication, at username
            `localhost:PORT` authenticates role `rds_token` by an IAM token, not by a password (SQLSTATE 28000).
            Server message: The IAM authentication failed for the role rds_token. Check the IAM token for this role and try again.
            Possible causes, most likely first:
              - The role uses tokens, which are valid for minutes: use a role with a password.
              - `pg_hba.conf` has no `scram-sha-256` line for this role.
              - An earlier line of `pg_hba.conf` matches: the first one that matches is used.
        "#]],
    );
    row(
        "supavisor_full",
        error_response("XX000", "(EMAXCONNSESSION) max clients reached in session mode"),
        expect![[r#"
            warning: PostgreSQL login failed: too many connections at pooler, at host
            Too many connections at the pooler `localhost:PORT` (SQLSTATE XX000).
            Server message: (EMAXCONNSESSION) max clients reached in session mode
            Possible cause:
              - The pooler's limits (`max_client_conn`) are reached: raise them, or try again later. The password was not checked.
        "#]],
    );
    row(
        "pgcat",
        error_response("58000", "No pool configured for database: \"postgres\", user: \"pgcat\""),
        expect![[r#"
            error: PostgreSQL login failed: no pool at pooler, at username
            The pooler at `localhost:PORT` has no pool for role `pgcat` and database `postgres` (SQLSTATE 58000).
            Server message: No pool configured for database: "postgres", user: "pgcat"
            Possible causes, most likely first:
              - The pooler's pools (pgcat) or routes (Odyssey) lack this role and database.
              - The name of the role or the database is wrong; both are case-sensitive.
        "#]],
    );
    row(
        "odyssey_route",
        error_response("08006", "odyssey: c1: route for 'postgres.odyssey_route' is not found"),
        expect![[r#"
            error: PostgreSQL login failed: no pool at pooler, at username
            The pooler at `localhost:PORT` has no pool for role `odyssey_route` and database `postgres` (SQLSTATE 08006).
            Server message: odyssey: c1: route for 'postgres.odyssey_route' is not found
            Possible causes, most likely first:
              - The pooler's pools (pgcat) or routes (Odyssey) lack this role and database.
              - The name of the role or the database is wrong; both are case-sensitive.
        "#]],
    );
    row(
        "account",
        error_response("28000", "the account has expired"),
        expect![[r#"
            error: PostgreSQL login failed: account expired or locked, at username
            The account of role `account` at `localhost:PORT` has expired or is locked (SQLSTATE 28000).
            Server message: the account has expired
            Possible cause:
              - See the server message, and the account in the console or directory of the service.
        "#]],
    );
    row(
        "azure_single",
        error_response("28000", "Invalid Username specified. The Username should be in <username@hostname> format."),
        expect![[r#"
            error: PostgreSQL login failed: server name missing in role, at username
            `localhost:PORT` requires the name of the server after role `azure_single` (SQLSTATE 28000).
            Server message: Invalid Username specified. The Username should be in <username@hostname> format.
            Possible cause:
              - The service is Azure Database for PostgreSQL, single server: write the role as `role@server`.
        "#]],
    );
    let unknown =
        "This RDS proxy has no credentials for the role rds_proxy. Check the credentials for this role and try again.";
    row(
        "rds_proxy",
        error_response("28000", unknown),
        expect![[r#"
            error: PostgreSQL login failed: role unknown to proxy, at username
            The proxy at `localhost:PORT` has no password for role `rds_proxy` (SQLSTATE 28000).
            Server message: This RDS proxy has no credentials for the role rds_proxy. Check the credentials for this role and try again.
            Possible causes, most likely first:
              - No secret of the proxy (Amazon RDS Proxy) names this role.
              - The role is meant to log in to the database itself: set `host` to the database's own endpoint.
        "#]],
    );
    row(
        "rds_proxy_tls",
        error_response("28000", "This RDS Proxy requires TLS connections"),
        expect![[r#"
            error: PostgreSQL login failed: TLS required, at ssl_enabled
            `localhost:PORT` accepts only connections with TLS (SQLSTATE 28000).
            Server message: This RDS Proxy requires TLS connections
            Possible cause:
              - `ssl_enabled` is `false`: set it to `true`.
        "#]],
    );
    let throttled = r#"connection throttled from IP address "192.0.2.7": too many login attempts"#;
    row(
        "azure_throttled",
        error_response("28000", throttled),
        expect![[r#"
            warning: PostgreSQL login failed: too many failed attempts, at host
            `localhost:PORT` blocks logins at the moment, after too many failed attempts (SQLSTATE 28000).
            Server message: connection throttled from IP address "192.0.2.7": too many login attempts
            Possible causes, most likely first:
              - Logins from this address or with this role failed: wait some minutes.
              - Other clients use an old password; each failure extends the block.
        "#]],
    );
    row(
        "supabase_tenant",
        pooler_error("XX000", "Tenant or user not found"),
        expect![[r#"
            error: PostgreSQL login failed: tenant not found, at username
            The pooler at `localhost:PORT` has no project for role `supabase_tenant` (SQLSTATE XX000).
            Pooler message: Tenant or user not found
            Possible causes, most likely first:
              - The role lacks the project: Supabase expects `role.project`, such as `postgres.abcdefgh`.
              - The project or the host is wrong: each region has its own pooler.
        "#]],
    );
    let tenant = "(ENOTFOUND) tenant/user supabase.newer not found";
    row(
        "supabase_newer",
        pooler_error("XX000", tenant),
        expect![[r#"
            error: PostgreSQL login failed: tenant not found, at username
            The pooler at `localhost:PORT` has no project for role `supabase_newer` (SQLSTATE XX000).
            Pooler message: (ENOTFOUND) tenant/user supabase.newer not found
            Possible causes, most likely first:
              - The role lacks the project: Supabase expects `role.project`, such as `postgres.abcdefgh`.
              - The project or the host is wrong: each region has its own pooler.
        "#]],
    );
    let nobody = "(ENOIDENTIFIER) no tenant identifier provided (external_id or sni_hostname required)";
    row(
        "supabase_no_tenant",
        pooler_error("XX000", nobody),
        expect![[r#"
            error: PostgreSQL login failed: tenant not found, at username
            The pooler at `localhost:PORT` has no project for role `supabase_no_tenant` (SQLSTATE XX000).
            Pooler message: (ENOIDENTIFIER) no tenant identifier provided (external_id or sni_hostname required)
            Possible causes, most likely first:
              - The role lacks the project: Supabase expects `role.project`, such as `postgres.abcdefgh`.
              - The project or the host is wrong: each region has its own pooler.
        "#]],
    );
    let endpoint =
        "The endpoint ID is not specified. Either upgrade the client library for SNI support or pass the endpoint ID.";
    row(
        "neon_without_tls",
        error_response("08P01", endpoint),
        expect![[r#"
            error: PostgreSQL login failed: host name missing, at ssl_enabled
            `localhost:PORT` selects the database by host name, and the connection did not send one (SQLSTATE 08P01).
            Server message: The endpoint ID is not specified. Either upgrade the client library for SNI support or pass the endpoint ID.
            Possible cause:
              - The service (Neon) reads the name from the TLS handshake: set `ssl_enabled = true`.
        "#]],
    );
    row(
        "redshift",
        vec![Read, Send(authentication(13, &[0; 12]))],
        expect![[r#"
            warning: PostgreSQL login failed: unknown authentication method, at host
            `localhost:PORT` requires authentication method 13, which PostgreSQL does not have.
            Possible cause:
              - The server is another product: Amazon Redshift uses method 13.
        "#]],
    );
    let secure = "node is running secure mode, SSL connection required";
    row(
        "cockroachdb",
        error_response("08P01", secure),
        expect![[r#"
            error: PostgreSQL login failed: TLS required, at ssl_enabled
            `localhost:PORT` accepts only connections with TLS (SQLSTATE 08P01).
            Server message: node is running secure mode, SSL connection required
            Possible cause:
              - `ssl_enabled` is `false`: set it to `true`.
        "#]],
    );
    rows.fake(
        "neon_by_address",
        after_tls_accepted(error_response("08P01", endpoint)),
        &[("ssl_reject_unauthorized", "false"), ("host", "\"127.0.0.1\"")],
        expect![[r#"
            error: PostgreSQL login failed: host name missing, at host
            `127.0.0.1:PORT` selects the database by host name, and the connection did not send one (SQLSTATE 08P01).
            Server message: The endpoint ID is not specified. Either upgrade the client library for SNI support or pass the endpoint ID.
            Possible causes, most likely first:
              - `host` is an IP address: use the DNS name of the endpoint (Neon, CockroachDB).
              - On CockroachDB, `database` can name the cluster instead: `cluster.database`.
        "#]],
    );
    rows.check();
}

fn after_tls_accepted(script: Vec<Step>) -> Vec<Step> {
    let authority = Authority::new("Fake CA");
    [vec![Read, Send(b"S".to_vec()), tls(&authority)], script].concat()
}

#[test]
fn reports_rare_errors_of_managed_services() {
    let mut rows = Rows::new();
    let mut row = |name, script, expected| rows.fake(name, script, &[PLAIN], expected);
    row(
        "starting",
        error_response("57P03", "the database system is starting up"),
        expect![[r#"
            warning: PostgreSQL login failed: server not ready, at host
            `localhost:PORT` does not accept logins at the moment (SQLSTATE 57P03).
            Server message: the database system is starting up
            Possible causes, most likely first:
              - The server starts, stops or recovers: try again in a minute.
              - The server is a standby that allows no queries: use the host of the primary.
        "#]],
    );
    row(
        "shutting_down",
        error_response("57P03", "the database system is shutting down"),
        expect![[r#"
            warning: PostgreSQL login failed: server not ready, at host
            `localhost:PORT` does not accept logins at the moment (SQLSTATE 57P03).
            Server message: the database system is shutting down
            Possible causes, most likely first:
              - The server starts, stops or recovers: try again in a minute.
              - The server is a standby that allows no queries: use the host of the primary.
        "#]],
    );
    row(
        "hot_standby_off",
        error_response("57P03", "the database system is not accepting connections|DHot standby mode is disabled."),
        expect![[r#"
            warning: PostgreSQL login failed: server not ready, at host
            `localhost:PORT` does not accept logins at the moment (SQLSTATE 57P03).
            Server message: the database system is not accepting connections (Hot standby mode is disabled.)
            Possible causes, most likely first:
              - The server starts, stops or recovers: try again in a minute.
              - The server is a standby that allows no queries: use the host of the primary.
        "#]],
    );
    row(
        "killed",
        error_response("57P01", "terminating connection due to administrator command"),
        expect![[r#"
            warning: PostgreSQL login failed: session terminated, at host
            `localhost:PORT` terminated the session (SQLSTATE 57P01).
            Server message: terminating connection due to administrator command
            Possible cause:
              - The server restarted or failed over, or an administrator ended the session: try again in a minute.
        "#]],
    );
    row(
        "out_of_memory",
        error_response("53200", "out of memory"),
        expect![[r#"
            warning: PostgreSQL login failed: SQLSTATE 53200, at host
            `localhost:PORT` rejected the login: out of memory (SQLSTATE 53200).
            Possible cause:
              - See the server message, the service's status page, or the server's log at that time.
        "#]],
    );
    row(
        "odd",
        error_response("22023", "this server has an opinion of its own."),
        expect![[r#"
            error: PostgreSQL login failed: SQLSTATE 22023, at host
            `localhost:PORT` rejected the login: this server has an opinion of its own (SQLSTATE 22023).
            Possible cause:
              - See the server message, the service's status page, or the server's log at that time.
        "#]],
    );
    row(
        "radius",
        error_response("28000", r#"RADIUS authentication failed for user "radius""#),
        expect![[r#"
            error: PostgreSQL login failed: password rejected by RADIUS, at password_wo
            RADIUS authentication failed for role `radius` at `localhost:PORT` (SQLSTATE 28000).
            Server message: RADIUS authentication failed for user "radius"
            Possible causes, most likely first:
              - The directory has another password. Many directories lock an account after a few failures.
              - On Amazon RDS, the role is a member of `rds_iam`: it logs in with short-lived tokens, not with a password.
              - The KMS needs a role whose password PostgreSQL stores (`scram-sha-256` in `pg_hba.conf`).
        "#]],
    );
    row(
        "gss",
        vec![Read, Send(authentication(7, b""))],
        expect![[r#"
            error: PostgreSQL login failed: no password authentication, at username
            `localhost:PORT` authenticates role `gss` by GSSAPI, not by a password.
            Possible causes, most likely first:
              - `pg_hba.conf` has no `scram-sha-256` line for this role.
              - An earlier line of `pg_hba.conf` matches: the first one that matches is used.
        "#]],
    );
    row(
        "oauth",
        vec![Read, Send(authentication(10, b"OAUTHBEARER\0\0"))],
        expect![[r#"
            error: PostgreSQL login failed: no password authentication, at username
            `localhost:PORT` authenticates role `oauth` by OAUTHBEARER, not by a password.
            Possible causes, most likely first:
              - `pg_hba.conf` has no `scram-sha-256` line for this role.
              - An earlier line of `pg_hba.conf` matches: the first one that matches is used.
        "#]],
    );
    row(
        "waits_for_server",
        pooler_error("08P01", "query_wait_timeout"),
        expect![[r#"
            warning: PostgreSQL login failed: pooler without server, at host
            The pooler at `localhost:PORT` has no connection to its server (SQLSTATE 08P01).
            Pooler message: query_wait_timeout
            Possible causes, most likely first:
              - The server is down or has too many connections; see the pooler's log.
              - The password that the pooler uses there (`auth_file`) is an old one.
        "#]],
    );
    row(
        "server_fails",
        pooler_error("08P01", "server login has been failing, try again later (server_login_retry)"),
        expect![[r#"
            warning: PostgreSQL login failed: pooler without server, at host
            The pooler at `localhost:PORT` has no connection to its server (SQLSTATE 08P01).
            Pooler message: server login has been failing, try again later (server_login_retry)
            Possible causes, most likely first:
              - The server is down or has too many connections; see the pooler's log.
              - The password that the pooler uses there (`auth_file`) is an old one.
        "#]],
    );
    row(
        "misconfigured",
        pooler_error("08P01", "bouncer config error"),
        expect![[r#"
            error: PostgreSQL login failed: rejected by pooler, at username
            The pooler at `localhost:PORT` rejected role `misconfigured` (SQLSTATE 08P01).
            Pooler message: bouncer config error
            Possible cause:
              - The pooler's access rules (`auth_hba_file`) or its list of databases exclude it; see the pooler's log.
        "#]],
    );
    row(
        "our_fault",
        pooler_error("08P01", "unsupported startup parameter: x"),
        expect![[r#"
            warning: PostgreSQL login failed: SQLSTATE 08P01, at host
            `localhost:PORT` rejected the login: unsupported startup parameter: x (SQLSTATE 08P01).
            Possible cause:
              - See the server message, the service's status page, or the server's log at that time.
        "#]],
    );
    let german = b"SFATAL\0VFATAL\0C28P01\0MPasswort-Authentifizierung f\xfcr Benutzer \xbbx\xab fehlgeschlagen\0\0";
    row(
        "eight_bits",
        vec![Read, Send(message(b'E', german))],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `eight_bits` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `eight_bits` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "eight_bits" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    let late =
        [authentication(0, b""), message(b'E', b"SFATAL\0VFATAL\0C3D000\0MDatenbank existiert f\xfcr uns nicht\0\0")]
            .concat();
    row(
        "eight_bits_late",
        vec![Read, Send(late)],
        expect![[r#"
            error: PostgreSQL login failed: database not found, at database
            Database `postgres` does not exist on `localhost:PORT` (SQLSTATE 3D000).
            Server message: Datenbank existiert für uns nicht
            Possible cause:
              - The name of the database is wrong; it is case-sensitive.
            Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
              CREATE DATABASE "postgres" OWNER "eight_bits_late";
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    rows.check();
}

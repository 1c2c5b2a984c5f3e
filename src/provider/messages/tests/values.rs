//! Values that the KMS, or the database that it logs in to, does not accept: each error is at its argument.

use expect_test::{Expect, expect};
use time::macros::datetime;

use super::service::{CONTEXT, reply, reported};
use super::styled;
use crate::kms::{DatabaseStep, Error, ErrorKind, Issue, NewCredentials};
use crate::provider::messages::kms::database_refused;
use crate::provider::messages::kms::{RequestContext, service};
use crate::secret::Secret;
use crate::terraform::diagnostic::Path;

pub(super) fn credentials() -> NewCredentials {
    NewCredentials {
        host: "db.example.com".to_owned(),
        port: 5432,
        database: "orders".to_owned(),
        username: "kms_role".to_owned(),
        password: Secret::new("hunter2"),
        ssl_enabled: true,
        ssl_reject_unauthorized: true,
        ssl_certificate: None,
    }
}

fn sending(credentials: &NewCredentials) -> RequestContext<'_> {
    RequestContext { credentials: Some(credentials), ..CONTEXT }
}

fn check(message: &str, expected: Expect) {
    let reply = reply(400, "BadRequest", "");
    let at = datetime!(2026-01-02 03:04:05 UTC);
    let credentials = credentials();
    expected.assert_eq(&styled(&database_refused::refusal(sending(&credentials), &credentials, message, &reply, at)));
}

#[test]
fn password_changed_by_saslprep_is_the_first_cause() {
    let message = "password authentication failed for user \"kms_role\"";
    let first_cause = |password: &str| {
        let credentials = NewCredentials { password: Secret::new(password), ..credentials() };
        let reply = reply(400, "BadRequest", "");
        let at = datetime!(2026-01-02 03:04:05 UTC);
        let text = styled(&database_refused::refusal(sending(&credentials), &credentials, message, &reply, at));
        let cause = text.lines().find_map(|line| line.trim().strip_prefix("- ")).unwrap().to_owned();
        (cause.contains("SASLprep"), text.contains("hunter2"))
    };
    assert_eq!(first_cause("hunter2\u{a0}hunter2"), (true, false));
    // The KMS trims it.
    assert_eq!(first_cause("hunter2\u{a0}"), (false, false));
    assert_eq!(first_cause("hünter2"), (false, false));
}

fn database_refused(message: &str) -> Error {
    let kind = ErrorKind::DatabaseRefused { step: DatabaseStep::Login, message: message.to_owned() };
    reported(kind, 400, "BadRequest", &format!("Unable to validate connection: {message}"))
}

#[test]
fn maps_fields_of_the_service_to_arguments() {
    for (path, expected) in [
        (vec!["name"], Some("name")),
        (vec!["description"], Some("description")),
        (vec!["method"], Some("method")),
        (vec!["projectId"], Some("project_id")),
        (vec!["gatewayId"], Some("gateway_id")),
        (vec!["credentials", "host"], Some("host")),
        (vec!["credentials", "port"], Some("port")),
        (vec!["credentials", "database"], Some("database")),
        (vec!["credentials", "username"], Some("username")),
        (vec!["credentials", "password"], Some("password_wo")),
        (vec!["credentials", "sslEnabled"], Some("ssl_enabled")),
        (vec!["credentials", "sslRejectUnauthorized"], Some("ssl_reject_unauthorized")),
        (vec!["credentials", "sslCertificate"], Some("ssl_certificate")),
        (vec!["credentials"], None),
        (vec!["rotation"], None),
        (vec![], None),
    ] {
        let issue =
            Issue { path: path.iter().map(|part| (*part).to_owned()).collect(), message: "Required".to_owned() };
        let error = reported(ErrorKind::Invalid { issues: vec![issue] }, 422, "ValidationFailure", "");
        let paths: Vec<_> = service(CONTEXT, &error).into_iter().map(|diagnostic| diagnostic.path).collect();
        assert_eq!(paths, [expected.map(Path::from)], "{path:?}");
    }
}

#[test]
fn describes_logins_of_the_kms() {
    check(
        "password authentication failed for user \"kms_role\"",
        expect![[r#"
            Error: KMS login to PostgreSQL failed
            at password_wo

            Password authentication failed for role `kms_role` at `db.example.com:5432`.
            Server message: password authentication failed for user "kms_role"
            Server: `db.example.com:5432`, role `kms_role`, database `orders`
            Login: by the KMS at `app.kms.hanzo.ai` for `orders-db`, with the password from `password_wo`, 2026-01-02 03:04:05 UTC
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` returned 400 `BadRequest` (request id `req-1`)
            The KMS stored nothing.

            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `kms_role` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
              - If a login from this machine succeeds, the KMS takes another network path: a firewall, another DNS view, another network.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this run also creates the role or the database, or changes the password, that resource must come first: refer to it (`username = postgresql_role.x.name`), or add it to `depends_on`.
        "#]],
    );
    check(
        "Private IP addresses (db.example.com) are not allowed. If you are self-hosting, you can allow private IP addresses by \
         setting the ''ALLOW_INTERNAL_IP_CONNECTIONS'' environment variable to 'true' on your instance.",
        expect![[r#"
            Error: KMS login to PostgreSQL failed
            at host

            The KMS does not connect to the internal address of `db.example.com`.
            Server message: Private IP addresses (db.example.com) are not allowed. If you are self-hosting, you can allow private IP addresses by setting the ''ALLOW_INTERNAL_IP_CONNECTIONS'' environment variable to 'true' on your instance.
            Server: `db.example.com:5432`, role `kms_role`, database `orders`
            Login: by the KMS at `app.kms.hanzo.ai` for `orders-db`, with the password from `password_wo`, 2026-01-02 03:04:05 UTC
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` returned 400 `BadRequest` (request id `req-1`)
            The KMS stored nothing.

            Possible causes, most likely first:
              - The KMS needs a public name or address of the database, or a gateway (`gateway_id`), to reach it.
              - A self-hosted KMS connects to internal addresses only with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.
              - If a login from this machine succeeds, the KMS takes another network path: a firewall, another DNS view, another network.
        "#]],
    );
    check(
        "something new",
        expect![[r#"
            Error: KMS login to PostgreSQL failed
            at host

            The KMS could not log in to `db.example.com:5432`.
            Server message: something new
            Server: `db.example.com:5432`, role `kms_role`, database `orders`
            Login: by the KMS at `app.kms.hanzo.ai` for `orders-db`, with the password from `password_wo`, 2026-01-02 03:04:05 UTC
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` returned 400 `BadRequest` (request id `req-1`)
            The KMS stored nothing.

            Possible causes, most likely first:
              - See the server message above, and the log of the database.
              - If a login from this machine succeeds, the KMS takes another network path: a firewall, another DNS view, another network.
        "#]],
    );
}

#[test]
fn maps_failed_logins_of_the_kms_to_arguments() {
    for (message, expected) in [
        ("password authentication failed for user \"x\"", "password_wo"),
        ("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string", "password_wo"),
        ("no pg_hba.conf entry for host \"192.0.2.1\", user \"x\", database \"y\", SSL encryption", "host"),
        ("no pg_hba.conf entry for host \"192.0.2.1\", user \"x\", database \"y\", no encryption", "ssl_enabled"),
        ("getaddrinfo ENOTFOUND db.example.com", "host"),
        ("connect ECONNREFUSED 192.0.2.1:5432", "port"),
        ("connect EHOSTUNREACH 192.0.2.1:5432", "host"),
        ("read ECONNRESET", "host"),
        ("Connection terminated unexpectedly", "host"),
        ("The host db belongs to a service that is in-use by Infisical", "host"),
        ("too many connections for role \"x\"", "username"),
        ("timeout expired", "host"),
        ("Local IPs not allowed as URL", "host"),
        ("Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames", "host"),
        ("database \"orders\" does not exist", "database"),
        ("permission denied for database \"orders\"", "database"),
        ("The server does not support SSL connections", "ssl_enabled"),
        ("self-signed certificate in certificate chain", "ssl_certificate"),
        ("unable to verify the first certificate", "ssl_certificate"),
        ("certificate has expired", "ssl_certificate"),
        ("role \"x\" is not permitted to log in", "username"),
        ("role \"database_user\" does not exist", "username"),
        ("something new", "host"),
    ] {
        let found = service(sending(&credentials()), &database_refused(message));
        let paths: Vec<_> = found.into_iter().map(|diagnostic| diagnostic.path).collect();
        assert_eq!(paths, [Some(Path::from(expected))], "{message}");
    }
}

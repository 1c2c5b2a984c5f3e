//! Values that the KMS, or the database that it asks, does not accept: each is said at its argument.

use expect_test::{Expect, expect};
use time::macros::datetime;

use super::service::{ATTEMPT, check, reply};
use super::shown;
use crate::kms::{DatabaseStep, Error, Issue, NewCredentials};
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
    RequestContext { credentials: Some(credentials), ..ATTEMPT }
}

fn told(message: &str, expected: Expect) {
    let reply = reply(400, "BadRequest", "");
    let at = datetime!(2026-01-02 03:04:05 UTC);
    let credentials = credentials();
    expected.assert_eq(&shown(&database_refused::refusal(sending(&credentials), &credentials, message, &reply, at)));
}

#[test]
fn a_password_that_drivers_send_in_two_forms() {
    let message = "password authentication failed for user \"kms_role\"";
    let first_cause = |password: &str| {
        let credentials = NewCredentials { password: Secret::new(password), ..credentials() };
        let reply = reply(400, "BadRequest", "");
        let at = datetime!(2026-01-02 03:04:05 UTC);
        let text = shown(&database_refused::refusal(sending(&credentials), &credentials, message, &reply, at));
        let cause = text.lines().find_map(|line| line.trim().strip_prefix("- ")).unwrap().to_owned();
        (cause.contains("SASLprep"), text.contains("hunter2"))
    };
    assert_eq!(first_cause("hunter2\u{a0}hunter2"), (true, false));
    // The KMS trims it.
    assert_eq!(first_cause("hunter2\u{a0}"), (false, false));
    assert_eq!(first_cause("hünter2"), (false, false));
}

fn database_refused(message: &str) -> Error {
    let reply = reply(400, "BadRequest", &format!("Unable to validate connection: {message}"));
    Error::DatabaseRefused { step: DatabaseStep::Login, message: message.to_owned(), reply }
}

#[test]
fn what_the_service_does_not_accept() {
    let issue = |path: &[&str], message: &str| Issue {
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        message: message.to_owned(),
    };
    let issues = vec![
        issue(&["credentials", "host"], "Host required"),
        issue(&["gatewayId"], "Invalid uuid."),
        issue(&[], "Unrecognized key"),
    ];
    check(
        &Error::Invalid { issues, reply: reply(422, "ValidationFailure", "") },
        expect![[r#"
        Error: The KMS does not accept a value
        at host

        `orders-db` could not be updated: the KMS does not accept this value: Host required.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 422 `ValidationFailure` (request id `req-1`).
        ----
        Error: The KMS does not accept a value
        at gateway_id

        `orders-db` could not be updated: the KMS does not accept this value: Invalid uuid.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 422 `ValidationFailure` (request id `req-1`).
        ----
        Error: The KMS does not accept a value
        at the whole block

        `orders-db` could not be updated: the KMS does not accept the request: Unrecognized key.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 422 `ValidationFailure` (request id `req-1`).
    "#]],
    );
    check(
        &Error::Invalid { issues: Vec::new(), reply: reply(422, "ValidationFailure", "") },
        expect![[r#"
        Error: The KMS does not accept a value
        at the whole block

        `orders-db` could not be updated: the KMS does not accept the request.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 422 `ValidationFailure` (request id `req-1`).

        It does not say which. The request id leads to its log.
    "#]],
    );
}

#[test]
fn each_field_of_the_service_is_an_argument() {
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
        let error = Error::Invalid { issues: vec![issue], reply: reply(422, "ValidationFailure", "") };
        let paths: Vec<_> = service(ATTEMPT, &error).into_iter().map(|diagnostic| diagnostic.path).collect();
        assert_eq!(paths, [expected.map(Path::from)], "{path:?}");
    }
}

#[test]
fn what_the_database_said_to_the_service() {
    told(
        "password authentication failed for user \"kms_role\"",
        expect![[r#"
        Error: The KMS could not log in to the database
        at password_wo

        `db.example.com:5432` refused the password of role `kms_role`.
        The KMS said: password authentication failed for user "kms_role".
        Asked: `db.example.com:5432` as role `kms_role` for database `orders`.
        When: 2026-01-02 03:04:05 UTC, from the KMS at `app.kms.hanzo.ai`.
        Connection: `orders-db`, with the password from `password_wo`.
        Nothing was stored: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest` (request id `req-1`).

        Check, likeliest first:
          - The password.
          - Whether role `kms_role` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
          - When the login from this machine succeeds, the difference is the way: a firewall, another DNS view, another network.

        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

        If this same run creates the role or the database, or changes this password, it has to come first: refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`.
    "#]],
    );
    told(
        "Private IP addresses (db.example.com) are not allowed. If you are self-hosting, you can allow private IP addresses by \
         setting the ''ALLOW_INTERNAL_IP_CONNECTIONS'' environment variable to 'true' on your instance.",
        expect![[r#"
            Error: The KMS could not log in to the database
            at host

            The KMS does not connect to the internal address of `db.example.com`.
            The KMS said: Private IP addresses (db.example.com) are not allowed. If you are self-hosting, you can allow private IP addresses by setting the ''ALLOW_INTERNAL_IP_CONNECTIONS'' environment variable to 'true' on your instance.
            Asked: `db.example.com:5432` as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from the KMS at `app.kms.hanzo.ai`.
            Connection: `orders-db`, with the password from `password_wo`.
            Nothing was stored: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest` (request id `req-1`).

            Check, likeliest first:
              - Use a public name or address of the database, or a gateway (`gateway_id`).
              - A KMS of your own can be told to allow them: `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.
              - When the login from this machine succeeds, the difference is the way: a firewall, another DNS view, another network.
        "#]],
    );
    told(
        "something new",
        expect![[r#"
        Error: The KMS could not log in to the database
        at host

        The KMS could not log in to `db.example.com:5432`.
        The KMS said: something new.
        Asked: `db.example.com:5432` as role `kms_role` for database `orders`.
        When: 2026-01-02 03:04:05 UTC, from the KMS at `app.kms.hanzo.ai`.
        Connection: `orders-db`, with the password from `password_wo`.
        Nothing was stored: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest` (request id `req-1`).

        Check, likeliest first:
          - What the KMS said, and the log of the database.
          - When the login from this machine succeeds, the difference is the way: a firewall, another DNS view, another network.
    "#]],
    );
    let error = Error::DatabaseRefused {
        step: DatabaseStep::ChangePassword,
        message: "ALTER USER failed".to_owned(),
        reply: reply(400, "BadRequest", "ALTER USER failed"),
    };
    check(
        &error,
        expect![[r#"
            Error: The KMS could not change the password of the role
            at the whole block

            `orders-db` could not be updated: the KMS could not change the password of the role: ALTER USER failed.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest` (request id `req-1`).

            The login succeeded, but this role may not change its own password, or the database refuses to. Look at the database's log, and at the connection in the KMS.
        "#]],
    );
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

//! Values that the KMS, or the database that it asks, does not accept: each is said at its argument.

use expect_test::expect;

use super::service::{ATTEMPT, check, reply};
use crate::kms::{Error, Issue, Step};
use crate::provider::diagnose::service::service;
use crate::terraform::diagnostic::Path;

fn database_refused(message: &str) -> Error {
    let reply = reply(400, "BadRequest", &format!("Unable to validate connection: {message}"));
    Error::DatabaseRefused { step: Step::Login, message: message.to_owned(), reply }
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
    check(
        &database_refused("password authentication failed for user \"kms_role\""),
        expect![[r#"
            Error: The KMS could not log in to the database
            at password_wo

            `orders-db` could not be updated: the KMS could not log in to the database: password authentication failed for user "kms_role".
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest` (request id `req-1`).

            This is what the KMS found from its own network; nothing was stored. When the login from this machine succeeds, the difference is the way: a firewall, another DNS view, or an address that the KMS refuses to contact (a self-hosted KMS contacts private addresses only with `ALLOW_INTERNAL_IP_CONNECTIONS=true`).
        "#]],
    );
    let error = Error::DatabaseRefused {
        step: Step::ChangePassword,
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
        ("connect ECONNREFUSED 192.0.2.1:5432", "host"),
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
        let paths: Vec<_> =
            service(ATTEMPT, &database_refused(message)).into_iter().map(|diagnostic| diagnostic.path).collect();
        assert_eq!(paths, [Some(Path::from(expected))], "{message}");
    }
}

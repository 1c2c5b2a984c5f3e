//! What databases say.

use expect_test::{Expect, expect};
use time::macros::datetime;

use super::shown;
use crate::postgres::{
    Address, Certainty, CertificateProblem, Endpoint, Fault, Link, Presented, Reason, Refusal, ServerError, Stage,
    Trust,
};
use crate::provider::config::validation::Mode;
use crate::provider::messages::login_refused::{LoginContext, refusal};
use crate::terraform::diagnostic::Severity;

pub(super) fn refused(reason: Reason, said: Option<(&str, &str)>) -> Refusal {
    Refusal {
        reason,
        said: said.map(|(sqlstate, message)| ServerError {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            detail: None,
            by_pooler: false,
        }),
        endpoint: Endpoint {
            host: "db.example.com".to_owned(),
            port: 5432,
            address: Some("192.0.2.10:5432".parse().unwrap()),
            local: Some("198.51.100.7:50123".parse().unwrap()),
            overridden: None,
        },
        passed_over: Vec::new(),
        answered: true,
        password_unanswered: false,
        database: "orders".to_owned(),
        username: "kms_role".to_owned(),
        stage: Stage::Login,
        at: datetime!(2026-01-02 03:04:05 UTC),
    }
}

pub(super) fn wrong_password() -> Refusal {
    refused(Reason::PasswordRefused, Some(("28P01", "password authentication failed for user \"kms_role\"")))
}

pub(super) fn in_plan() -> LoginContext<'static> {
    LoginContext {
        connection: "orders-db",
        password_argument: "password_wo",
        password_was_trimmed: false,
        in_plan: true,
        would_stop_the_apply: false,
        lowered_from: None,
        class: Certainty::Conclusive,
        moved: None,
        first_reporter: None,
    }
}

fn in_apply() -> LoginContext<'static> {
    LoginContext { in_plan: false, ..in_plan() }
}

fn check(severity: Severity, about: &Refusal, login: &LoginContext<'_>, expected: Expect) {
    let login = LoginContext { class: about.certainty(), moved: None, first_reporter: None, ..*login };
    expected.assert_eq(&shown(&refusal(severity, about, &login)));
}

#[test]
fn a_wrong_password_in_a_plan() {
    check(
        Severity::Error,
        &wrong_password(),
        &in_plan(),
        expect![[r#"
            Error: The database refused the login
            at password_wo

            `db.example.com:5432` refused the password of role `kms_role` (28P01).
            The server said: 28P01 password authentication failed for user "kms_role"
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the answer is the same when it does not.
              - Upper and lower case of the role's name: they matter once it was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this same run creates the role or the database, or changes this password, this login comes too early. In a plan, set `validation { mode = "warn" }` here, or run once with `KMS_VALIDATION=warn`; in an apply, refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`. An ephemeral generator gives another value in every plan: use `mode = "apply"` for that.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn a_wrong_password_in_an_apply() {
    check(
        Severity::Error,
        &wrong_password(),
        &in_apply(),
        expect![[r#"
            Error: The database refused the login
            at password_wo

            `db.example.com:5432` refused the password of role `kms_role` (28P01).
            The server said: 28P01 password authentication failed for user "kms_role"
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the answer is the same when it does not.
              - Upper and lower case of the role's name: they matter once it was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this same run creates the role or the database, or changes this password, it has to come first: refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`.

            To apply without this check: `KMS_VALIDATION=off terraform apply`.
        "#]],
    );
}

#[test]
fn a_wrong_password_that_only_warns() {
    let login = LoginContext { would_stop_the_apply: true, password_was_trimmed: true, ..in_plan() };
    check(
        Severity::Warning,
        &wrong_password(),
        &login,
        expect![[r#"
            Warning: This would stop the apply: orders-db cannot log in
            at password_wo

            `db.example.com:5432` refused the password of role `kms_role` (28P01).
            The server said: 28P01 password authentication failed for user "kms_role"
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`; white space around it was cut off, as the KMS does.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the answer is the same when it does not.
              - Upper and lower case of the role's name: they matter once it was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this same run creates the role or the database, or changes this password, the apply finds it done if it comes first: refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`.
        "#]],
    );
}

#[test]
fn a_wrong_password_through_a_tunnel_with_a_lowered_mode() {
    let mut about = wrong_password();
    about.endpoint.host = "2001:db8::1".to_owned();
    about.endpoint.address = Some("127.0.0.1:15432".parse().unwrap());
    about.endpoint.overridden = Some(Address { host: "localhost".to_owned(), port: 15432 });
    let login = LoginContext { lowered_from: Some(Mode::Plan), would_stop_the_apply: true, ..in_plan() };
    check(
        Severity::Warning,
        &about,
        &login,
        expect![[r#"
            Warning: This would stop the apply: orders-db cannot log in
            at password_wo

            `[2001:db8::1]:5432` refused the password of role `kms_role` (28P01).
            The server said: 28P01 password authentication failed for user "kms_role"
            Asked: `[2001:db8::1]:5432`, dialled as `localhost:15432` (address 127.0.0.1:15432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the answer is the same when it does not.
              - Upper and lower case of the role's name: they matter once it was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this same run creates the role or the database, or changes this password, the apply finds it done if it comes first: refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. (The configuration says `mode = "plan"`; `KMS_VALIDATION` lowered it.)
        "#]],
    );
}

#[test]
fn a_missing_database() {
    let about = refused(Reason::NoSuchDatabase, Some(("3D000", "database \"orders\" does not exist")));
    check(
        Severity::Error,
        &about,
        &in_plan(),
        expect![[r#"
            Error: The database refused the login
            at database

            `db.example.com:5432` has no database `orders` (3D000).
            The server said: 3D000 database "orders" does not exist
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check:
              - The name of the database, upper and lower case included.

            Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
              CREATE DATABASE "orders" OWNER "kms_role";

            If this same run creates the role or the database, or changes this password, this login comes too early. In a plan, set `validation { mode = "warn" }` here, or run once with `KMS_VALIDATION=warn`; in an apply, refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`. An ephemeral generator gives another value in every plan: use `mode = "apply"` for that.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn an_unreachable_server_in_a_plan() {
    let mut about = refused(Reason::TimedOut { stage: Stage::Tcp }, None);
    about.endpoint.local = None;
    check(
        Severity::Warning,
        &about,
        &in_plan(),
        expect![[r#"
            Warning: The credentials could not be checked from this machine
            at host

            `db.example.com:5432` did not answer in time (opening the connection).
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC.
            Connection: `orders-db`, with the password from `password_wo`.
            The KMS connects from its own network and judges for itself when the change is applied.

            Check, likeliest first:
              - A firewall, security group or allow-list that drops connections from this machine.
              - The host name and the address that it has from here.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To hear nothing of it: `validation { unreachable = "ignore" }`.
        "#]],
    );
}

#[test]
fn an_unreachable_server_in_an_apply() {
    let mut about = refused(Reason::ConnectionRefused, None);
    about.endpoint.local = None;
    check(
        Severity::Warning,
        &about,
        &in_apply(),
        expect![[r#"
        Warning: The credentials could not be checked from this machine
        at port

        Nothing accepts connections at `db.example.com:5432`.
        Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
        When: 2026-01-02 03:04:05 UTC.
        Connection: `orders-db`, with the password from `password_wo`.
        The KMS connects from its own network and judges for itself when the change is applied.

        Check, likeliest first:
          - The port, and whether the server runs.
          - `listen_addresses` of the server: by default it listens on its own machine only.

        To apply without this check: `KMS_VALIDATION=off terraform apply`.
    "#]],
    );
}

#[test]
fn an_unreachable_server_that_stops_the_plan() {
    let mut about = refused(Reason::DnsFailed { detail: "Name or service not known".to_owned() }, None);
    about.endpoint.local = None;
    about.endpoint.address = None;
    check(
        Severity::Error,
        &about,
        &in_plan(),
        expect![[r#"
            Error: The credentials could not be checked from this machine
            at host

            The name `db.example.com` does not resolve on this machine: Name or service not known.
            Asked: `db.example.com:5432` as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - The spelling of the name.
              - Whether the name exists only in a private zone or VPN that this machine does not see.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To hear nothing of it: `validation { unreachable = "ignore" }`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn no_tls() {
    check(
        Severity::Error,
        &refused(Reason::TlsNotOffered, None),
        &in_plan(),
        expect![[r#"
            Error: The database refused the login
            at ssl_enabled

            `db.example.com:5432` does not offer TLS.
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - Turn TLS on there: `ssl = on` with a certificate and a key; PgBouncer: `client_tls_sslmode`.
              - Or set `ssl_enabled = false`, if everybody on the way may read the data.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

pub(super) fn certificate(fault: Fault, trust: Trust) -> Refusal {
    let presented = Presented {
        subject: "CN=db.internal".to_owned(),
        issuer: "CN=Example Root CA".to_owned(),
        names: vec!["db.internal".to_owned(), "10.0.0.5".to_owned()],
        by_common_name: false,
        not_before: datetime!(2024-01-01 0:00 UTC),
        not_after: datetime!(2025-12-31 0:00 UTC),
        fingerprint: "AB:CD:EF".to_owned(),
    };
    let problem = CertificateProblem { fault, link: Link::Server, trust, presented: Some(presented), culprit: None };
    refused(Reason::Certificate(Box::new(problem)), None)
}

#[test]
fn an_unknown_authority() {
    check(
        Severity::Error,
        &certificate(Fault::UnknownIssuer, Trust::Public),
        &in_plan(),
        expect![[r#"
            Error: The database refused the login
            at ssl_certificate

            The certificate of `db.example.com:5432` is not trusted: its issuer `CN=Example Root CA` is not a public authority.
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - Set `ssl_certificate` to the certificate of `CN=Example Root CA` (PEM) if it is a root; else to the root above it, with `CN=Example Root CA` as well unless the server sends it.
              - The server's certificate: for `CN=db.internal`, issued by `CN=Example Root CA`, names `db.internal`, `10.0.0.5`, valid 2024-01-01 to 2025-12-31, SHA-256 AB:CD:EF.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn a_certificate_for_another_name() {
    check(
        Severity::Error,
        &certificate(Fault::WrongName, Trust::Given),
        &in_plan(),
        expect![[r#"
            Error: The database refused the login
            at host

            The certificate of `db.example.com:5432` is not for `db.example.com` but for `db.internal`, `10.0.0.5`.
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - Use one of those names as `host`, or give the server a certificate with this one.
              - The server's certificate: for `CN=db.internal`, issued by `CN=Example Root CA`, names `db.internal`, `10.0.0.5`, valid 2024-01-01 to 2025-12-31, SHA-256 AB:CD:EF.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

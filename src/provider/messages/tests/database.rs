//! Diagnostics about failed logins.

use expect_test::{Expect, expect};
use time::macros::datetime;

use super::styled as shown;
use crate::postgres::{
    Address, Certainty, CertificateProblem, Endpoint, Fault, Link, Presented, Reason, Refusal, ServerError, Stage,
    Trust,
};
use crate::provider::config::validation::Mode;
use crate::provider::messages::login_refused::{LoginContext, refusal};
use crate::terraform::diagnostic::Severity;

pub(super) fn refused(reason: Reason, error: Option<(&str, &str)>) -> Refusal {
    Refusal {
        reason,
        server_error: error.map(|(sqlstate, message)| ServerError {
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
        unreachable_addresses: Vec::new(),
        responded: true,
        password_pending: false,
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
fn reports_wrong_password_in_a_plan() {
    check(
        Severity::Error,
        &wrong_password(),
        &in_plan(),
        expect![[r#"
            Error: PostgreSQL login failed: password rejected
            at password_wo

            Password authentication failed for role `kms_role` at `db.example.com:5432` (SQLSTATE 28P01).
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Server message: password authentication failed for user "kms_role"
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS.

            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `kms_role` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this run creates the role or the database, or changes this password, this login is too early. In a plan, set `validation { mode = "warn" }` or use `KMS_VALIDATION=warn`; in an apply, refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`. For an ephemeral password, which differs in every plan, use `mode = "apply"`.
            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn reports_wrong_password_in_an_apply() {
    check(
        Severity::Error,
        &wrong_password(),
        &in_apply(),
        expect![[r#"
            Error: PostgreSQL login failed: password rejected
            at password_wo

            Password authentication failed for role `kms_role` at `db.example.com:5432` (SQLSTATE 28P01).
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Server message: password authentication failed for user "kms_role"
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS.

            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `kms_role` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this run creates the role or the database, or changes this password, that must come first: refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`.
            To proceed without this check: `KMS_VALIDATION=off terraform apply`.
        "#]],
    );
}

#[test]
fn warns_of_wrong_password_in_mode_warn() {
    let login = LoginContext { would_stop_the_apply: true, password_was_trimmed: true, ..in_plan() };
    check(
        Severity::Warning,
        &wrong_password(),
        &login,
        expect![[r#"
            Warning: PostgreSQL login failed: password rejected (orders-db)
            at password_wo

            Password authentication failed for role `kms_role` at `db.example.com:5432` (SQLSTATE 28P01).
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`; whitespace around it is removed, as the KMS does
            Server message: password authentication failed for user "kms_role"
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS. `mode = "warn"` makes this a warning in the plan; the apply stops with an error.

            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `kms_role` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this run creates the role or the database, or changes this password, the apply succeeds if that comes first: refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`.
            To proceed without this check: `KMS_VALIDATION=apply terraform plan`.
        "#]],
    );
}

#[test]
fn reports_dialled_address_and_lowered_mode() {
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
            Warning: PostgreSQL login failed: password rejected (orders-db)
            at password_wo

            Password authentication failed for role `kms_role` at `[2001:db8::1]:5432` (SQLSTATE 28P01).
            Server: `[2001:db8::1]:5432`, dialled as `localhost:15432` (address 127.0.0.1:15432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Server message: password authentication failed for user "kms_role"
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS. `mode = "warn"` makes this a warning in the plan; the apply stops with an error.

            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `kms_role` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this run creates the role or the database, or changes this password, the apply succeeds if that comes first: refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`.
            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. (`KMS_VALIDATION` lowered `mode`, which is "plan" in the configuration.)
        "#]],
    );
}

#[test]
fn reports_missing_database() {
    let about = refused(Reason::NoSuchDatabase, Some(("3D000", "database \"orders\" does not exist")));
    check(
        Severity::Error,
        &about,
        &in_plan(),
        expect![[r#"
            Error: PostgreSQL login failed: database not found
            at database

            Database `orders` does not exist on `db.example.com:5432` (SQLSTATE 3D000).
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Server message: database "orders" does not exist
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS.

            Possible cause:
              - The name of the database is wrong; it is case-sensitive.

            Run as a superuser, or as a role with CREATEDB that is a member of the new owner:
              CREATE DATABASE "orders" OWNER "kms_role";

            If this run creates the role or the database, or changes this password, this login is too early. In a plan, set `validation { mode = "warn" }` or use `KMS_VALIDATION=warn`; in an apply, refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`. For an ephemeral password, which differs in every plan, use `mode = "apply"`.
            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn warns_of_unreachable_server_in_a_plan() {
    let mut about = refused(Reason::TimedOut { stage: Stage::Tcp }, None);
    about.endpoint.local = None;
    check(
        Severity::Warning,
        &about,
        &in_plan(),
        expect![[r#"
            Warning: PostgreSQL server not reachable: connection timed out
            at host

            Connection to `db.example.com:5432` timed out (TCP connection).
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Time: 2026-01-02 03:04:05 UTC
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            Possible causes, most likely first:
              - A firewall, security group or allow list drops connections from this machine.
              - The host name is wrong, or resolves to another address on this machine.

            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To ignore unreachable servers: `validation { unreachable = "ignore" }`.
        "#]],
    );
}

#[test]
fn warns_of_unreachable_server_in_an_apply() {
    let mut about = refused(Reason::ConnectionRefused, None);
    about.endpoint.local = None;
    check(
        Severity::Warning,
        &about,
        &in_apply(),
        expect![[r#"
            Warning: PostgreSQL server not reachable: connection refused
            at port

            Connection refused by `db.example.com:5432`.
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Time: 2026-01-02 03:04:05 UTC
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            Possible causes, most likely first:
              - The server is not running, or the port is wrong.
              - The server listens on its own machine only, the default of `listen_addresses`.

            To proceed without this check: `KMS_VALIDATION=off terraform apply`.
        "#]],
    );
}

#[test]
fn unreachable_server_can_stop_the_plan() {
    let mut about = refused(Reason::DnsFailed { detail: "Name or service not known".to_owned() }, None);
    about.endpoint.local = None;
    about.endpoint.address = None;
    check(
        Severity::Error,
        &about,
        &in_plan(),
        expect![[r#"
            Error: PostgreSQL server not reachable: host not found
            at host

            Host not found: `db.example.com` does not resolve on this machine: Name or service not known.
            Server: `db.example.com:5432`
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Time: 2026-01-02 03:04:05 UTC
            No credentials were sent to the KMS.

            Possible causes, most likely first:
              - The name is misspelled.
              - The name exists only in a private DNS zone or a VPN that this machine does not use.

            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To ignore unreachable servers: `validation { unreachable = "ignore" }`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn reports_server_without_tls() {
    check(
        Severity::Error,
        &refused(Reason::TlsNotOffered, None),
        &in_plan(),
        expect![[r#"
            Error: TLS to PostgreSQL failed: not enabled on server
            at ssl_enabled

            TLS is not enabled on the server `db.example.com:5432`.
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS.

            Possible causes, most likely first:
              - The server has `ssl = off`: set it to `on`, with a certificate and a key (PgBouncer: `client_tls_sslmode`).
              - TLS is not wanted: set `ssl_enabled = false`. Others on the network can then read the data.

            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
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
fn reports_unknown_issuer() {
    check(
        Severity::Error,
        &certificate(Fault::UnknownIssuer, Trust::Public),
        &in_plan(),
        expect![[r#"
            Error: TLS to PostgreSQL failed: unknown issuer
            at ssl_certificate

            The certificate of `db.example.com:5432` is not trusted: unknown issuer `CN=Example Root CA`, which is not a public certificate authority.
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            Certificate: `CN=db.internal`, issuer `CN=Example Root CA`, names `db.internal`, `10.0.0.5`, valid 2024-01-01 to 2025-12-31, SHA-256 AB:CD:EF
            No credentials were sent to the KMS.

            Possible cause:
              - The issuer is a private authority: set `ssl_certificate` to the certificate of `CN=Example Root CA` (PEM) if that is a root. If it is an intermediate, set its root, and add `CN=Example Root CA` if the server does not send it.

            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn reports_host_name_mismatch() {
    check(
        Severity::Error,
        &certificate(Fault::WrongName, Trust::Given),
        &in_plan(),
        expect![[r#"
            Error: TLS to PostgreSQL failed: host name mismatch
            at host

            The certificate of `db.example.com:5432` does not match the host name: it is not for `db.example.com` but for `db.internal`, `10.0.0.5`.
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            Certificate: `CN=db.internal`, issuer `CN=Example Root CA`, names `db.internal`, `10.0.0.5`, valid 2024-01-01 to 2025-12-31, SHA-256 AB:CD:EF
            No credentials were sent to the KMS.

            Possible causes, most likely first:
              - `host` is another name of the server: use a name of the certificate.
              - The certificate lacks this name: create one that has it.

            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

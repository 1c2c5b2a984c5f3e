//! What databases say.

use expect_test::{Expect, expect};
use time::macros::datetime;

use super::shown;
use crate::postgres::{
    Address, CertificateProblem, Endpoint, Fault, Insecure, Presented, Reason, Refusal, Scope, ServerError, Stage,
    Trust,
};
use crate::provider::diagnose::database::{Login, refusal};
use crate::provider::validation::Mode;
use crate::terraform::diagnostic::Severity;

fn refused(reason: Reason, said: Option<(&str, &str)>) -> Refusal {
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
        database: "orders".to_owned(),
        username: "kms_role".to_owned(),
        stage: Stage::Login,
        at: datetime!(2026-01-02 03:04:05 UTC),
    }
}

fn wrong_password() -> Refusal {
    refused(Reason::PasswordRefused, Some(("28P01", "password authentication failed for user \"kms_role\"")))
}

fn in_plan() -> Login<'static> {
    Login {
        connection: "orders-db",
        password_argument: "password_wo",
        password_was_trimmed: false,
        in_plan: true,
        would_stop_the_apply: false,
        lowered_from: None,
    }
}

fn in_apply() -> Login<'static> {
    Login { in_plan: false, ..in_plan() }
}

fn check(severity: Severity, about: &Refusal, login: &Login<'_>, expected: Expect) {
    expected.assert_eq(&shown(&refusal(severity, about, login)));
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
            Nothing was sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the server gives the same answer when it does not.
              - Upper and lower case of the role's name: they differ once the name was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it is stored as MD5 while the server asks for SCRAM: set it again, then it is not.

            To be run by a superuser, or a role with CREATEROLE (PostgreSQL 16 and later: and ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this same run creates the role or the database, or changes this password, the plan comes too early: set `validation { mode = "warn" }` here, or run once with `KMS_VALIDATION=warn`. An ephemeral generator gives another value in every plan: use `mode = "apply"` for that.

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
        Nothing was sent to the KMS.

        Check, likeliest first:
          - The password.
          - Whether role `kms_role` exists: the server gives the same answer when it does not.
          - Upper and lower case of the role's name: they differ once the name was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it is stored as MD5 while the server asks for SCRAM: set it again, then it is not.

        To be run by a superuser, or a role with CREATEROLE (PostgreSQL 16 and later: and ADMIN OPTION on this role):
          ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

        If this same run creates the role or the database, or changes this password, it has to come first: refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`.

        To apply without this check: `KMS_VALIDATION=off terraform apply`.
    "#]],
    );
}

#[test]
fn a_wrong_password_that_only_warns() {
    let login = Login { would_stop_the_apply: true, password_was_trimmed: true, ..in_plan() };
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
            Nothing was sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the server gives the same answer when it does not.
              - Upper and lower case of the role's name: they differ once the name was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it is stored as MD5 while the server asks for SCRAM: set it again, then it is not.

            To be run by a superuser, or a role with CREATEROLE (PostgreSQL 16 and later: and ADMIN OPTION on this role):
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
    let login = Login { lowered_from: Some(Mode::Plan), would_stop_the_apply: true, ..in_plan() };
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
        Nothing was sent to the KMS.

        Check, likeliest first:
          - The password.
          - Whether role `kms_role` exists: the server gives the same answer when it does not.
          - Upper and lower case of the role's name: they differ once the name was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it is stored as MD5 while the server asks for SCRAM: set it again, then it is not.

        To be run by a superuser, or a role with CREATEROLE (PostgreSQL 16 and later: and ADMIN OPTION on this role):
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
            Nothing was sent to the KMS.

            Check:
              - The name of the database, upper and lower case included.

            To be run by a superuser or a role with CREATEDB:
              CREATE DATABASE "orders" OWNER "kms_role";

            If this same run creates the role or the database, or changes this password, the plan comes too early: set `validation { mode = "warn" }` here, or run once with `KMS_VALIDATION=warn`. An ephemeral generator gives another value in every plan: use `mode = "apply"` for that.

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
            Warning: The database could not be reached from this machine
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
        Warning: The database could not be reached from this machine
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
        Error: The database could not be reached from this machine
        at host

        The name `db.example.com` does not resolve on this machine: Name or service not known.
        Asked: `db.example.com:5432` as role `kms_role` for database `orders`.
        When: 2026-01-02 03:04:05 UTC.
        Connection: `orders-db`, with the password from `password_wo`.
        Nothing was sent to the KMS.

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
        Nothing was sent to the KMS.

        Check, likeliest first:
          - Set `ssl_enabled = false` when the network in between may see the data.
          - Else turn TLS on there: `ssl = on` with a certificate and a key.
          - A pooler has TLS settings of its own.

        To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
    "#]],
    );
}

fn certificate(fault: Fault, trust: Trust) -> Refusal {
    let presented = Presented {
        subject: "CN=db.internal".to_owned(),
        issuer: "CN=Example Root CA".to_owned(),
        names: vec!["db.internal".to_owned(), "10.0.0.5".to_owned()],
        by_common_name: false,
        not_before: datetime!(2024-01-01 0:00 UTC),
        not_after: datetime!(2025-12-31 0:00 UTC),
        fingerprint: "AB:CD:EF".to_owned(),
    };
    let problem = CertificateProblem { fault, trust, presented: Some(presented) };
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
        Nothing was sent to the KMS.

        Check, likeliest first:
          - Set `ssl_certificate` to the certificate of `CN=Example Root CA` (PEM), the root itself.
          - The certificate: issued by `CN=Example Root CA`, SHA-256 AB:CD:EF.

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
        Nothing was sent to the KMS.

        Check, likeliest first:
          - Use one of those names as `host`, or give the server a certificate with this one.
          - The certificate: issued by `CN=Example Root CA`, SHA-256 AB:CD:EF.

        To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
    "#]],
    );
}

/// The first line alone tells the case, and each case blames an argument.
#[test]
fn first_lines() {
    let text = |detail: &str| detail.to_owned();
    let reasons = [
        Reason::ForbiddenAddress {
            address: "169.254.169.254".parse().unwrap(),
            kind: "a link-local address, where clouds keep the credentials of their machines",
        },
        Reason::UnusableHost,
        Reason::DnsFailed { detail: text("Name or service not known") },
        Reason::ConnectionRefused,
        Reason::Unreachable { detail: text("No route to host (os error 113)") },
        Reason::TimedOut { stage: Stage::Dns },
        Reason::TimedOut { stage: Stage::Tcp },
        Reason::TimedOut { stage: Stage::SslRequest },
        Reason::TimedOut { stage: Stage::Login },
        Reason::Closed { stage: Stage::SslRequest, reset: true },
        Reason::Closed { stage: Stage::Login, reset: false },
        Reason::TlsNotOffered,
        Reason::NotPostgres { protocol: Some("HTTP"), first: b"HTTP/1.1".to_vec() },
        Reason::NotPostgres { protocol: None, first: vec![1, 2, 3] },
        certificate(Fault::UnknownIssuer, Trust::Given).reason,
        certificate(Fault::WrongName, Trust::Public).reason,
        certificate(Fault::Expired, Trust::Public).reason,
        certificate(Fault::NotYetValid, Trust::Public).reason,
        certificate(Fault::Other(text("bad signature")), Trust::Public).reason,
        certificate(Fault::Unjudged(text("version 1")), Trust::Public).reason,
        Reason::TlsClientCertificate,
        Reason::TlsLegacy { detail: text("received fatal alert: ProtocolVersion") },
        Reason::TlsFailed { detail: text("received corrupt message") },
        Reason::PasswordRefused,
        Reason::NoSuchRole,
        Reason::RoleMayNotLogIn,
        Reason::NoAccessRule { encrypted: true },
        Reason::NoAccessRule { encrypted: false },
        Reason::RejectedByRule { encrypted: true },
        Reason::RejectedByRule { encrypted: false },
        Reason::ClientCertificateNeeded,
        Reason::RoleRefused,
        Reason::NoSuchTenant,
        Reason::NoSuchDatabase,
        Reason::NoConnectPrivilege,
        Reason::DatabaseNotAccepting,
        Reason::TooManyConnections(Scope::Role),
        Reason::TooManyConnections(Scope::Database),
        Reason::TooManyConnections(Scope::Server),
        Reason::TooManyConnections(Scope::Pooler),
        Reason::Starting,
        Reason::Terminated,
        Reason::PoolerWantsTls,
        Reason::PoolerWithoutServer,
        Reason::ImpostorServer,
        Reason::UnsupportedAuthentication { method: text("GSSAPI") },
        Reason::InsecureAuthentication { how: Insecure::ClearText, encrypted: false },
        Reason::InsecureAuthentication { how: Insecure::Md5, encrypted: true },
        Reason::InsecureAuthentication { how: Insecure::WeakScram(1), encrypted: true },
        Reason::TooManyIterations { count: 1_000_000 },
        Reason::OtherServerError { sqlstate: text("22023"), message: text("odd") },
        Reason::OtherServerError { sqlstate: text("58000"), message: text("disk failed.") },
        Reason::Protocol { detail: text("more data than any login takes") },
    ];
    let lines = reasons.into_iter().map(|reason| {
        let diagnostic = refusal(Severity::Error, &refused(reason, None), &in_plan());
        let whole = shown(&diagnostic);
        let first = diagnostic.detail.lines().next().unwrap_or_default().to_owned();
        assert!(whole.contains("kms_role") && first.ends_with('.'), "{whole}");
        format!("{}: {first}\n", diagnostic.path.unwrap())
    });
    expect![[r#"
        host: `db.example.com` leads to 169.254.169.254, a link-local address, where clouds keep the credentials of their machines: it is never contacted.
        host: `db.example.com` is neither a DNS name nor an IP address.
        host: The name `db.example.com` does not resolve on this machine: Name or service not known.
        port: Nothing accepts connections at `db.example.com:5432`.
        host: There is no way to `db.example.com:5432`: No route to host (os error 113).
        host: `db.example.com:5432` did not answer in time (looking up the name).
        host: `db.example.com:5432` did not answer in time (opening the connection).
        port: `db.example.com:5432` accepted the connection and then fell silent (asking for TLS).
        host: `db.example.com:5432` did not finish the login in time.
        host: `db.example.com:5432` reset the connection without a word (asking for TLS).
        host: `db.example.com:5432` closed the connection without a word (the login).
        ssl_enabled: `db.example.com:5432` does not offer TLS.
        port: What answers at `db.example.com:5432` is not a PostgreSQL server: it speaks HTTP.
        port: What answers at `db.example.com:5432` is not a PostgreSQL server: its answer begins with the bytes 01 02 03.
        ssl_certificate: The certificate of `db.example.com:5432` is not trusted: its issuer `CN=Example Root CA` is not among the given certificates.
        host: The certificate of `db.example.com:5432` is not for `db.example.com` but for `db.internal`, `10.0.0.5`.
        ssl_certificate: The certificate of `db.example.com:5432` has expired (2025-12-31).
        ssl_certificate: The certificate of `db.example.com:5432` is not valid before 2024-01-01.
        ssl_certificate: The certificate of `db.example.com:5432` cannot be accepted: bad signature.
        ssl_certificate: The certificate of `db.example.com:5432` has an unusual form: version 1.
        ssl_enabled: `db.example.com:5432` wants a client certificate, which the KMS cannot show.
        ssl_enabled: `db.example.com:5432` offers only TLS that this program does not speak: received fatal alert: ProtocolVersion.
        ssl_enabled: TLS with `db.example.com:5432` failed: received corrupt message.
        password_wo: `db.example.com:5432` refused the password of role `kms_role` (28P01).
        username: `db.example.com:5432` has no role `kms_role` (28000).
        username: Role `kms_role` may not log in at `db.example.com:5432` (28000): it is NOLOGIN.
        host: `db.example.com:5432` has no access rule for role `kms_role` from here (28000).
        ssl_enabled: `db.example.com:5432` has no access rule for a connection without TLS (28000).
        host: An access rule of `db.example.com:5432` rejects role `kms_role` (28000).
        ssl_enabled: An access rule of `db.example.com:5432` rejects role `kms_role` without TLS (28000).
        username: `db.example.com:5432` wants a client certificate for role `kms_role`, which the KMS cannot show (28000).
        username: `db.example.com:5432` refused role `kms_role` (28000).
        username: The pooler at `db.example.com:5432` knows nobody behind role `kms_role`.
        database: `db.example.com:5432` has no database `orders` (3D000).
        database: Role `kms_role` may not connect to database `orders` (42501).
        database: Database `orders` accepts no connections (55000).
        username: Role `kms_role` has no connection left at `db.example.com:5432` (53300).
        database: Database `orders` has no connection left at `db.example.com:5432` (53300).
        host: `db.example.com:5432` has no connection left (53300).
        host: The pooler at `db.example.com:5432` has no connection left (08P01).
        host: `db.example.com:5432` takes no logins right now (57P03).
        host: `db.example.com:5432` ended the session (57P01).
        ssl_enabled: The pooler at `db.example.com:5432` wants TLS (08P01).
        host: The pooler at `db.example.com:5432` does not reach its own server (08P01).
        host: `db.example.com:5432` does not know the password of role `kms_role` itself.
        username: `db.example.com:5432` asks role `kms_role` for something other than a password (GSSAPI).
        ssl_enabled: `db.example.com:5432` asks for the password in clear text, where others could read it: it was not sent.
        ssl_certificate: `db.example.com:5432` asks for the password as an MD5 hash, where others could read it: it was not sent.
        ssl_certificate: `db.example.com:5432` asks for the password with only 1 SCRAM iterations, where others could read it: it was not sent.
        host: `db.example.com:5432` asks for 1000000 SCRAM iterations; 100000 is the most that is calculated.
        host: `db.example.com:5432` refused the login: odd (22023).
        host: `db.example.com:5432` refused the login: disk failed. (58000).
        host: `db.example.com:5432` answered the login with something that makes no sense: more data than any login takes.
    "#]].assert_eq(&lines.collect::<String>());
}

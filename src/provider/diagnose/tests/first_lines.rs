//! The first line of each reason of a database, and the argument that it blames.

use expect_test::expect;

use super::database::{certificate, in_plan, refused};
use super::shown;
use crate::postgres::{Fault, Insecure, Reason, Scope, Stage, Trust};
use crate::provider::diagnose::database::refusal;
use crate::terraform::diagnostic::Severity;

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

//! The first line of each reason of a database, and the argument that it blames.

use expect_test::expect;

use super::database::{certificate, in_plan, refused};
use super::shown;
use crate::postgres::{Fault, Insecure, Reason, Scope, Stage, Trust};
use crate::provider::messages::login_refused::refusal;
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
        Reason::TlsNotNegotiated,
        Reason::NotPostgres { protocol: Some("HTTP"), first: b"HTTP/1.1".to_vec() },
        Reason::NotPostgres { protocol: None, first: vec![1, 2, 3] },
        certificate(Fault::UnknownIssuer, Trust::Given).reason,
        certificate(Fault::WrongName, Trust::Public).reason,
        certificate(Fault::Expired, Trust::Public).reason,
        certificate(Fault::NotYetValid, Trust::Public).reason,
        certificate(Fault::NotSignedByIssuer, Trust::Given).reason,
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
        Reason::ServiceSuspended,
        Reason::NoPool,
        Reason::AccountExpired,
        Reason::RoleWithoutServer,
        Reason::NoSuchDatabase,
        Reason::NoConnectPrivilege,
        Reason::DatabaseNotAccepting,
        Reason::TooManyConnections(Scope::Role),
        Reason::TooManyConnections(Scope::Database),
        Reason::TooManyConnections(Scope::Server),
        Reason::TooManyConnections(Scope::Pooler),
        Reason::Starting,
        Reason::Terminated,
        Reason::TlsRequired,
        Reason::PoolerRefused,
        Reason::DirectoryRefused { directory: "PAM" },
        Reason::UnknownToProxy,
        Reason::HostNotTold { encrypted: true },
        Reason::HostNotTold { encrypted: false },
        Reason::Throttled,
        Reason::DatabaseInvalid,
        Reason::TooManyConnections(Scope::Ordinary),
        Reason::UnknownAuthentication { number: 13 },
        Reason::DnsFailed {
            detail: text("failed to lookup address information: Temporary failure in name resolution"),
        },
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
        ssl_enabled: TLS could not be negotiated with `db.example.com:5432`: it sent an error instead.
        port: What answers at `db.example.com:5432` is not a PostgreSQL server: it speaks HTTP.
        port: What answers at `db.example.com:5432` is not a PostgreSQL server: its answer begins with the bytes 01 02 03.
        ssl_certificate: The certificate of `db.example.com:5432` is not trusted: its issuer `CN=Example Root CA` is not among the given certificates.
        host: The certificate of `db.example.com:5432` is not for `db.example.com` but for `db.internal`, `10.0.0.5`.
        ssl_certificate: The certificate of `db.example.com:5432` has expired (2025-12-31).
        ssl_certificate: The certificate of `db.example.com:5432` is not valid before 2024-01-01.
        ssl_certificate: The certificate of `db.example.com:5432` is not trusted: `CN=Example Root CA` is there, but the key that signed is another.
        ssl_certificate: The certificate of `db.example.com:5432` has an unusual form: version 1.
        ssl_enabled: `db.example.com:5432` wants a client certificate, which the KMS cannot show.
        ssl_enabled: `db.example.com:5432` offers only TLS that this program does not speak: received fatal alert: ProtocolVersion.
        ssl_enabled: TLS with `db.example.com:5432` failed: received corrupt message.
        password_wo: `db.example.com:5432` refused the password of role `kms_role`.
        username: `db.example.com:5432` has no role `kms_role`.
        username: Role `kms_role` may not log in at `db.example.com:5432`: it is NOLOGIN.
        host: `db.example.com:5432` has no access rule for role `kms_role` from here.
        ssl_enabled: `db.example.com:5432` has no access rule for a connection without TLS.
        host: An access rule of `db.example.com:5432` rejects role `kms_role`.
        ssl_enabled: An access rule of `db.example.com:5432` rejects role `kms_role` without TLS.
        username: `db.example.com:5432` wants a client certificate for role `kms_role`, which the KMS cannot show.
        username: `db.example.com:5432` refused role `kms_role`.
        username: The pooler at `db.example.com:5432` knows no project behind role `kms_role`.
        host: The service at `db.example.com:5432` has suspended this database.
        username: The pooler at `db.example.com:5432` has no pool for role `kms_role` and database `orders`.
        username: The account of role `kms_role` at `db.example.com:5432` has expired or is locked.
        username: `db.example.com:5432` wants the server's name behind role `kms_role`.
        database: `db.example.com:5432` has no database `orders`.
        database: Role `kms_role` may not connect to database `orders`.
        database: Database `orders` accepts no connections.
        username: Role `kms_role` has reached its connection limit at `db.example.com:5432`.
        database: Database `orders` has reached its connection limit at `db.example.com:5432`.
        host: `db.example.com:5432` has no connection left.
        host: The pooler at `db.example.com:5432` has no connection left.
        host: `db.example.com:5432` takes no logins right now.
        host: `db.example.com:5432` ended the session.
        ssl_enabled: `db.example.com:5432` admits encrypted connections only.
        username: The pooler at `db.example.com:5432` refused role `kms_role` by rules of its own.
        password_wo: `db.example.com:5432` refused the password of role `kms_role`, which PAM judges, not the database.
        username: The proxy at `db.example.com:5432` has no password for role `kms_role`.
        host: `db.example.com:5432` picks the database by host name, and the connection did not carry one.
        ssl_enabled: `db.example.com:5432` picks the database by host name, and the connection did not carry one.
        host: `db.example.com:5432` is blocking logins for now, after too many failed attempts.
        database: Database `orders` is broken: a `DROP DATABASE` was interrupted.
        host: `db.example.com:5432` has only its reserved connection slots left.
        host: `db.example.com:5432` asks for login method 13, which no PostgreSQL has.
        host: This machine's DNS gave no answer about `db.example.com`: Temporary failure in name resolution.
        host: The pooler at `db.example.com:5432` gets no connection to the server behind it.
        host: `db.example.com:5432` does not know the password of role `kms_role` itself.
        username: `db.example.com:5432` lets role `kms_role` in by GSSAPI only, not by a password.
        ssl_enabled: `db.example.com:5432` asks for the password in clear text, and others could listen: it was not sent.
        ssl_certificate: `db.example.com:5432` asks for the password as an MD5 hash, and others could listen: it was not sent.
        ssl_certificate: `db.example.com:5432` asks for the password with a single SCRAM iteration, and others could listen: it was not sent.
        host: `db.example.com:5432` asks for 1000000 SCRAM iterations; the KMS calculates 100000 at most.
        host: `db.example.com:5432` refused the login: odd.
        host: `db.example.com:5432` refused the login: disk failed.
        host: `db.example.com:5432` gave an answer that makes no sense in a login: more data than any login takes.
    "#]].assert_eq(&lines.collect::<String>());
}

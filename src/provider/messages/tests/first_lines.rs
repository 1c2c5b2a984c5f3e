//! The summary, the argument and the first line of each reason for a failed login.

use expect_test::expect;

use super::database::{certificate, in_plan, refused};
use super::styled as shown;
use crate::postgres::{AddressKind, Channel, Fault, Insecure, Reason, Scope, Stage, Trust};
use crate::provider::messages::login_refused::refusal;
use crate::terraform::diagnostic::Severity;

/// The summary and the first line explain the case on their own.
#[test]
fn each_reason_has_a_summary_an_argument_and_a_sentence() {
    let text = |detail: &str| detail.to_owned();
    let reasons = [
        Reason::ForbiddenAddress { address: "169.254.169.254".parse().unwrap(), kind: AddressKind::Metadata },
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
        certificate(Fault::Unverifiable(text("version 1")), Trust::Public).reason,
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
        Reason::HostNameMissing { encrypted: true },
        Reason::HostNameMissing { encrypted: false },
        Reason::Throttled,
        Reason::DatabaseInvalid,
        Reason::TooManyConnections(Scope::Ordinary),
        Reason::UnknownAuthentication { number: 13 },
        Reason::DnsFailed {
            detail: text("failed to lookup address information: Temporary failure in name resolution"),
        },
        Reason::PoolerWithoutServer,
        Reason::ServerNotAuthenticated,
        Reason::UnsupportedAuthentication { method: text("GSSAPI") },
        Reason::InsecureAuthentication { how: Insecure::ClearText, channel: Channel::Plain },
        Reason::InsecureAuthentication { how: Insecure::Md5, channel: Channel::Unverified },
        Reason::InsecureAuthentication { how: Insecure::WeakScram(1), channel: Channel::LenientlyVerified },
        Reason::TooManyIterations { count: 1_000_000 },
        Reason::OtherServerError { sqlstate: text("22023"), message: text("odd") },
        Reason::OtherServerError { sqlstate: text("58000"), message: text("disk failed.") },
        Reason::Protocol { detail: text("more data than any login takes") },
    ];
    let lines = reasons.into_iter().map(|reason| {
        let diagnostic = refusal(Severity::Error, &refused(reason, None), &in_plan());
        let whole = shown(&diagnostic);
        let first = diagnostic.detail.lines().next().unwrap_or_default();
        assert!(whole.contains("kms_role") && first.ends_with('.'), "{whole}");
        format!("{} | {}\n    {first}\n", diagnostic.summary, diagnostic.path.unwrap())
    });
    expect![[r#"
        PostgreSQL server not reachable: address not allowed | host
            `db.example.com` resolves to 169.254.169.254, a metadata address, where clouds serve the credentials of their machines. The provider never contacts such an address.
        PostgreSQL server not reachable: invalid host | host
            `db.example.com` is neither a DNS name nor an IP address.
        PostgreSQL server not reachable: host not found | host
            Host not found: `db.example.com` does not resolve on this machine: Name or service not known.
        PostgreSQL server not reachable: connection refused | port
            Connection refused by `db.example.com:5432`.
        PostgreSQL server not reachable: network error | host
            No connection to `db.example.com:5432`: No route to host (os error 113).
        PostgreSQL server not reachable: DNS lookup timed out | host
            Connection to `db.example.com:5432` timed out (DNS lookup).
        PostgreSQL server not reachable: connection timed out | host
            Connection to `db.example.com:5432` timed out (TCP connection).
        PostgreSQL server not reachable: response timed out | port
            `db.example.com:5432` accepted the connection and then did not respond (TLS request).
        PostgreSQL login failed: timed out | host
            `db.example.com:5432` did not complete the login in time.
        PostgreSQL server not reachable: connection reset | host
            `db.example.com:5432` reset the connection (TLS request).
        PostgreSQL server not reachable: connection closed | host
            `db.example.com:5432` closed the connection (login).
        TLS to PostgreSQL failed: not enabled on server | ssl_enabled
            TLS is not enabled on the server `db.example.com:5432`.
        TLS to PostgreSQL failed: error before handshake | ssl_enabled
            `db.example.com:5432` sent an error instead of starting TLS.
        PostgreSQL login failed: not a PostgreSQL server | port
            `db.example.com:5432` is not a PostgreSQL server: it uses HTTP.
        PostgreSQL login failed: not a PostgreSQL server | port
            `db.example.com:5432` is not a PostgreSQL server: its response begins with the bytes 01 02 03.
        TLS to PostgreSQL failed: unknown issuer | ssl_certificate
            The certificate of `db.example.com:5432` is not trusted: unknown issuer `CN=Example Root CA`, which is not in `ssl_certificate`.
        TLS to PostgreSQL failed: host name mismatch | host
            The certificate of `db.example.com:5432` does not match the host name: it is not for `db.example.com` but for `db.internal`, `10.0.0.5`.
        TLS to PostgreSQL failed: certificate has expired | ssl_certificate
            The certificate of `db.example.com:5432` has expired (2025-12-31).
        TLS to PostgreSQL failed: certificate not yet valid | ssl_certificate
            The certificate of `db.example.com:5432` is not yet valid (valid from 2024-01-01).
        TLS to PostgreSQL failed: issuer key mismatch | ssl_certificate
            The certificate of `db.example.com:5432` is not trusted: it names `CN=Example Root CA` as its issuer, but another key signed it.
        TLS to PostgreSQL failed: certificate cannot be verified | ssl_certificate
            The certificate of `db.example.com:5432` has an unusual form: version 1.
        TLS to PostgreSQL failed: client certificate required | ssl_enabled
            `db.example.com:5432` requires a client certificate, which the KMS does not support.
        TLS to PostgreSQL failed: version or cipher unsupported | ssl_enabled
            `db.example.com:5432` offers no TLS version and cipher that the provider supports: received fatal alert: ProtocolVersion.
        TLS to PostgreSQL failed: handshake failed | ssl_enabled
            The TLS handshake with `db.example.com:5432` failed: received corrupt message.
        PostgreSQL login failed: password rejected | password_wo
            Password authentication failed for role `kms_role` at `db.example.com:5432`.
        PostgreSQL login failed: role not found | username
            Role `kms_role` does not exist on `db.example.com:5432`.
        PostgreSQL login failed: role has NOLOGIN | username
            Role `kms_role` is not permitted to log in at `db.example.com:5432` (NOLOGIN).
        PostgreSQL login failed: no pg_hba.conf entry | host
            No pg_hba.conf entry of `db.example.com:5432` allows role `kms_role` from this address.
        PostgreSQL login failed: no pg_hba.conf entry without TLS | ssl_enabled
            No pg_hba.conf entry of `db.example.com:5432` allows a connection without TLS.
        PostgreSQL login failed: rejected by pg_hba.conf | host
            A pg_hba.conf entry of `db.example.com:5432` rejects role `kms_role`.
        PostgreSQL login failed: rejected by pg_hba.conf | ssl_enabled
            A pg_hba.conf entry of `db.example.com:5432` rejects role `kms_role` without TLS.
        PostgreSQL login failed: client certificate required | username
            `db.example.com:5432` requires a client certificate for role `kms_role`, which the KMS does not support.
        PostgreSQL login failed: role rejected | username
            `db.example.com:5432` rejected role `kms_role`.
        PostgreSQL login failed: tenant not found | username
            The pooler at `db.example.com:5432` has no project for role `kms_role`.
        PostgreSQL login failed: database suspended | host
            The service at `db.example.com:5432` has suspended this database.
        PostgreSQL login failed: no pool at pooler | username
            The pooler at `db.example.com:5432` has no pool for role `kms_role` and database `orders`.
        PostgreSQL login failed: account expired or locked | username
            The account of role `kms_role` at `db.example.com:5432` has expired or is locked.
        PostgreSQL login failed: server name missing in role | username
            `db.example.com:5432` requires the name of the server after role `kms_role`.
        PostgreSQL login failed: database not found | database
            Database `orders` does not exist on `db.example.com:5432`.
        PostgreSQL login failed: permission denied for database | database
            Permission denied for database `orders`: role `kms_role` may not connect to it.
        PostgreSQL login failed: database accepts no connections | database
            Database `orders` does not accept connections.
        PostgreSQL login failed: too many connections for role | username
            Too many connections for role `kms_role` at `db.example.com:5432`.
        PostgreSQL login failed: too many connections for database | database
            Too many connections for database `orders` at `db.example.com:5432`.
        PostgreSQL login failed: too many connections | host
            Too many connections at `db.example.com:5432`.
        PostgreSQL login failed: too many connections at pooler | host
            Too many connections at the pooler `db.example.com:5432`.
        PostgreSQL login failed: server not ready | host
            `db.example.com:5432` does not accept logins at the moment.
        PostgreSQL login failed: session terminated | host
            `db.example.com:5432` terminated the session.
        PostgreSQL login failed: TLS required | ssl_enabled
            `db.example.com:5432` accepts only connections with TLS.
        PostgreSQL login failed: rejected by pooler | username
            The pooler at `db.example.com:5432` rejected role `kms_role`.
        PostgreSQL login failed: password rejected by PAM | password_wo
            PAM authentication failed for role `kms_role` at `db.example.com:5432`.
        PostgreSQL login failed: role unknown to proxy | username
            The proxy at `db.example.com:5432` has no password for role `kms_role`.
        PostgreSQL login failed: host name missing | host
            `db.example.com:5432` selects the database by host name, and the connection did not send one.
        PostgreSQL login failed: host name missing | ssl_enabled
            `db.example.com:5432` selects the database by host name, and the connection did not send one.
        PostgreSQL login failed: too many failed attempts | host
            `db.example.com:5432` blocks logins at the moment, after too many failed attempts.
        PostgreSQL login failed: database is invalid | database
            Database `orders` is invalid: a `DROP DATABASE` was interrupted.
        PostgreSQL login failed: too many connections | host
            Too many connections at `db.example.com:5432`: it has only reserved connection slots left.
        PostgreSQL login failed: unknown authentication method | host
            `db.example.com:5432` requires authentication method 13, which PostgreSQL does not have.
        PostgreSQL server not reachable: DNS lookup failed | host
            The DNS lookup of `db.example.com` failed on this machine: Temporary failure in name resolution.
        PostgreSQL login failed: pooler without server | host
            The pooler at `db.example.com:5432` has no connection to its server.
        PostgreSQL login failed: server signature is wrong | host
            `db.example.com:5432` does not have the password of role `kms_role`: its SCRAM signature is wrong.
        PostgreSQL login failed: no password authentication | username
            `db.example.com:5432` authenticates role `kms_role` by GSSAPI, not by a password.
        PostgreSQL login failed: password not sent | ssl_enabled
            `db.example.com:5432` requested the password in clear text without TLS. The password was not sent.
        PostgreSQL login failed: password not sent | ssl_certificate
            `db.example.com:5432` requested the password as an MD5 hash over TLS without a verified certificate. The password was not sent.
        PostgreSQL login failed: password not sent | ssl_certificate
            `db.example.com:5432` requested the password with a single SCRAM iteration over TLS with a certificate that strict rules reject. The password was not sent.
        PostgreSQL login failed: too many SCRAM iterations | host
            `db.example.com:5432` requires 1000000 SCRAM iterations, and the KMS computes at most 100000.
        PostgreSQL login failed: SQLSTATE 22023 | host
            `db.example.com:5432` rejected the login: odd.
        PostgreSQL login failed: SQLSTATE 58000 | host
            `db.example.com:5432` rejected the login: disk failed.
        PostgreSQL login failed: unexpected message | host
            `db.example.com:5432` sent an unexpected message during login: more data than any login takes.
    "#]].assert_eq(&lines.collect::<String>());
}

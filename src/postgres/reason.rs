//! Every reason for a failed login, as the protocol shows it.

use std::net::IpAddr;

use super::{AddressKind, CertificateProblem};

/// Whether the outcome depends on the machine that logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The server itself rejects the login, or is none: a login from another machine fails too.
    Conclusive,
    /// The outcome may differ for another machine.
    Unreachable,
}

/// The stage of a login attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Dns,
    /// Opening the TCP connection.
    Tcp,
    /// Requesting TLS.
    SslRequest,
    /// Encrypting.
    Tls,
    /// Logging in.
    Login,
    /// The first query.
    Query,
}

/// Forms of a password that an eavesdropper or a false server could use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insecure {
    /// As it is.
    ClearText,
    /// As an MD5 hash.
    Md5,
    /// SCRAM with this many iterations, fewer than PostgreSQL has ever used.
    WeakScram(u32),
}

/// The protection of a connection that is not safe for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// No encryption.
    Plain,
    /// Encryption; the certificate was not verified.
    Unverified,
    /// Encryption with a certificate that OpenSSL accepts and webpki, which is stricter, does not.
    LenientlyVerified,
}

/// The limit of connections that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `CONNECTION LIMIT` of the role.
    Role,
    /// `CONNECTION LIMIT` of the database.
    Database,
    /// `max_connections` of the server.
    Server,
    /// The connection slots that are not reserved. The server checks the password first.
    Ordinary,
    /// The pooler's limits.
    Pooler,
}

/// Why a login did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "a variant's line covers its fields")]
pub enum Reason {
    /// The name leads to an address that is never contacted.
    ForbiddenAddress { address: IpAddr, kind: AddressKind },
    /// The text can be neither a DNS name nor an address.
    UnusableHost,
    /// The name does not resolve here.
    DnsFailed { detail: String },
    /// Connection refused.
    ConnectionRefused,
    /// No route.
    Unreachable { detail: String },
    /// The deadline passed.
    TimedOut { stage: Stage },
    /// The server closed the connection.
    Closed { stage: Stage, reset: bool },
    /// The server responded that it has no TLS.
    TlsNotOffered,
    /// An error came instead of the response to the TLS request. The server is not authenticated by then, so the text
    /// is not kept (CVE-2024-10977).
    TlsNotNegotiated,
    /// The other side does not speak PostgreSQL.
    NotPostgres { protocol: Option<&'static str>, first: Vec<u8> },
    /// The server's certificate.
    Certificate(Box<CertificateProblem>),
    /// A TLS proxy wants a client certificate.
    TlsClientCertificate,
    /// Only encryption that is older than TLS 1.2, or without forward secrecy.
    TlsLegacy { detail: String },
    /// Anything else about TLS.
    TlsFailed { detail: String },
    /// 28P01.
    PasswordRefused,
    /// 28000: no such role.
    NoSuchRole,
    /// 28000: NOLOGIN.
    RoleMayNotLogIn,
    /// 28000: no line of `pg_hba.conf` matches.
    NoAccessRule { encrypted: bool },
    /// 28000: a `reject` line of `pg_hba.conf`.
    RejectedByRule { encrypted: bool },
    /// 28000: the role needs a client certificate.
    ClientCertificateNeeded,
    /// 28000: a directory outside the database rejected the password.
    DirectoryRefused { directory: &'static str },
    /// 28000, anything else.
    RoleRefused,
    /// A pooler that selects the project by the name of the role (Supabase) found none.
    NoSuchTenant,
    /// A proxy that logs in with passwords of its own (Amazon RDS Proxy) has none for this role.
    UnknownToProxy,
    /// A managed service has reached a quota of the account, or its endpoint is disabled.
    ServiceSuspended,
    /// A pooler (pgcat, Odyssey) has no pool for this role and database.
    NoPool,
    /// The account of the role has expired or is locked.
    AccountExpired,
    /// A service requires the name of the server after that of the role (Azure Database, single server).
    RoleWithoutServer,
    /// A service that selects the database by the TLS server name (Neon, CockroachDB) received none.
    HostNameMissing { encrypted: bool },
    /// The server blocks logins for a while, after failed attempts.
    Throttled,
    /// 3D000.
    NoSuchDatabase,
    /// 42501: no CONNECT privilege.
    NoConnectPrivilege,
    /// 55000: a template.
    DatabaseNotAccepting,
    /// 55000: what an interrupted `DROP DATABASE` left.
    DatabaseInvalid,
    /// 53300.
    TooManyConnections(Scope),
    /// 57P03: starting up, shutting down, or a standby that allows no queries.
    Starting,
    /// 57P01 or 57P02: the session was terminated.
    Terminated,
    /// A pooler or another product requires TLS. PostgreSQL itself reports a missing access rule.
    TlsRequired,
    /// The pooler's own rules reject the login.
    PoolerRefused,
    /// The pooler cannot reach the server behind it.
    PoolerWithoutServer,
    /// The server's SCRAM signature is wrong: it does not have the password.
    ServerNotAuthenticated,
    /// The server uses an authentication method without a password.
    UnsupportedAuthentication { method: String },
    /// A way to authenticate that no PostgreSQL has.
    UnknownAuthentication { number: u32 },
    /// The server requested the password in a form that is not safe over this connection.
    InsecureAuthentication { how: Insecure, channel: Channel },
    /// More SCRAM iterations than the client calculates.
    TooManyIterations { count: u32 },
    /// Any other error of the server.
    OtherServerError { sqlstate: String, message: String },
    /// An unexpected message.
    Protocol { detail: String },
}

impl Reason {
    /// Returns whether a login from another machine would fail in the same way.
    pub fn certainty(&self) -> Certainty {
        use Certainty::{Conclusive, Unreachable};
        match self {
            Self::ForbiddenAddress { .. }
            | Self::UnusableHost
            | Self::TlsNotOffered
            | Self::NotPostgres { .. }
            | Self::TlsClientCertificate
            | Self::PasswordRefused
            | Self::NoSuchRole
            | Self::RoleMayNotLogIn
            | Self::ClientCertificateNeeded
            | Self::DirectoryRefused { .. }
            | Self::RoleRefused
            | Self::NoSuchTenant
            | Self::UnknownToProxy
            | Self::NoPool
            | Self::AccountExpired
            | Self::RoleWithoutServer
            | Self::HostNameMissing { .. }
            | Self::NoSuchDatabase
            | Self::NoConnectPrivilege
            | Self::DatabaseNotAccepting
            | Self::DatabaseInvalid
            | Self::TlsRequired
            | Self::PoolerRefused
            | Self::ServerNotAuthenticated
            | Self::UnsupportedAuthentication { .. } => Conclusive,
            Self::Certificate(problem) if problem.fault.is_conclusive() => Conclusive,
            // Out of resources, stopped by an operator, broken, or a matter of the connection.
            Self::OtherServerError { sqlstate, .. }
                if !["08", "53", "57", "58", "XX"].iter().any(|class| sqlstate.starts_with(class)) =>
            {
                Conclusive
            }
            Self::DnsFailed { .. }
            | Self::ConnectionRefused
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Closed { .. }
            | Self::TlsNotNegotiated
            | Self::Certificate(_)
            | Self::TlsLegacy { .. }
            | Self::TlsFailed { .. }
            | Self::NoAccessRule { .. }
            | Self::RejectedByRule { .. }
            | Self::ServiceSuspended
            | Self::Throttled
            | Self::TooManyConnections(_)
            | Self::Starting
            | Self::Terminated
            | Self::PoolerWithoutServer
            | Self::UnknownAuthentication { .. }
            | Self::InsecureAuthentication { .. }
            | Self::TooManyIterations { .. }
            | Self::OtherServerError { .. }
            | Self::Protocol { .. } => Unreachable,
        }
    }
}

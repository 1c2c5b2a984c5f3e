//! Every reason why a login does not come about. Their words are in `words`.

use std::net::IpAddr;

use super::CertificateProblem;

/// Whether the answer depends on where one stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The server itself said no, or is none: the service will not get in either.
    Conclusive,
    /// This machine could not find out; the service may.
    Unreachable,
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Dns,
    /// Opening the TCP connection.
    Tcp,
    /// Asking whether the server can encrypt.
    SslRequest,
    /// Encrypting.
    Tls,
    /// Logging in.
    Login,
    /// The first query.
    Query,
}

/// Ways to ask for a password that a listener or a false server could use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insecure {
    /// As it is.
    ClearText,
    /// As an MD5 hash.
    Md5,
    /// SCRAM with this many iterations, fewer than PostgreSQL has ever used.
    WeakScram(u32),
}

/// What has too many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `CONNECTION LIMIT` of the role.
    Role,
    /// `CONNECTION LIMIT` of the database.
    Database,
    /// `max_connections` of the server.
    Server,
    /// The places of the server that are not kept for administrators. It judges the password first.
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
    ForbiddenAddress { address: IpAddr, kind: &'static str },
    /// The text can be neither a DNS name nor an address.
    UnusableHost,
    /// The name does not resolve here.
    DnsFailed { detail: String },
    /// Nothing listens there.
    ConnectionRefused,
    /// No route.
    Unreachable { detail: String },
    /// The time was over.
    TimedOut { stage: Stage },
    /// The other side ended the connection without a word.
    Closed { stage: Stage, reset: bool },
    /// The server answered that it has no TLS.
    TlsNotOffered,
    /// An error came in place of the answer to the request for TLS. Nobody has proved to be the server by then, so its text
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
    /// 28000: no such role, said openly.
    NoSuchRole,
    /// 28000: NOLOGIN.
    RoleMayNotLogIn,
    /// 28000: no line of `pg_hba.conf` matches.
    NoAccessRule { encrypted: bool },
    /// 28000: a line of `pg_hba.conf` says `reject`.
    RejectedByRule { encrypted: bool },
    /// 28000: the role needs a client certificate.
    ClientCertificateNeeded,
    /// 28000: a directory outside the database judges the password, and said no.
    DirectoryRefused { directory: &'static str },
    /// 28000, anything else.
    RoleRefused,
    /// A pooler that finds its customers by the name of the role (Supabase) found none.
    NoSuchTenant,
    /// A proxy that logs in with passwords of its own (Amazon RDS Proxy) has none for this role.
    UnknownToProxy,
    /// A managed service has reached a quota of the account, or its endpoint is disabled.
    ServiceSuspended,
    /// A pooler (pgcat, Odyssey) has no pool for this role and database.
    NoPool,
    /// The account of the role has expired or is locked.
    AccountExpired,
    /// A service wants the name of the server behind that of the role (Azure Database, single server).
    RoleWithoutServer,
    /// A service that finds its customers by the name that TLS asks for (Neon, CockroachDB) was not told one.
    HostNotTold { encrypted: bool },
    /// The server lets nobody from here try for a while, after failed logins.
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
    /// 57P03: starting up, shutting down, or a standby that answers no queries.
    Starting,
    /// 57P01 or 57P02: somebody ended the session.
    Terminated,
    /// A pooler or another product says openly that it wants TLS. PostgreSQL itself has no access rule then.
    TlsRequired,
    /// The pooler's own rules say no.
    PoolerRefused,
    /// The pooler cannot reach the server behind it.
    PoolerWithoutServer,
    /// The server could not prove that it knows the password.
    ImpostorServer,
    /// No password can answer what the server asks.
    UnsupportedAuthentication { method: String },
    /// A way to authenticate that no PostgreSQL has.
    UnknownAuthentication { number: u32 },
    /// The password was asked for in a way that is not answered over this connection.
    InsecureAuthentication { how: Insecure, encrypted: bool },
    /// More SCRAM iterations than the client calculates.
    TooManyIterations { count: u32 },
    /// Any other error of the server.
    OtherServerError { sqlstate: String, message: String },
    /// An answer that makes no sense.
    Protocol { detail: String },
}

impl Reason {
    /// Returns whether a login from elsewhere would fail in the same way.
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
            | Self::HostNotTold { .. }
            | Self::NoSuchDatabase
            | Self::NoConnectPrivilege
            | Self::DatabaseNotAccepting
            | Self::DatabaseInvalid
            | Self::TlsRequired
            | Self::PoolerRefused
            | Self::ImpostorServer
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

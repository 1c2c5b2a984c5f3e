//! Why the service's own login to a database failed, read from the texts of its driver (Node's `pg`) and of its address
//! rules. Only what depends on the network or the trust store of the service: refusals by PostgreSQL are the same for every
//! client.

/// Why the service could not log in to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseProblem {
    /// The service finds no address for the host.
    HostNotFound,
    /// The service does not connect to internal addresses.
    InternalAddress,
    /// The host is the database or the cache of the service itself.
    OwnHost,
    /// No process listens on the port.
    ConnectionRefused,
    /// No response in time.
    TimedOut,
    /// No network route.
    NoRoute,
    /// The server closed the connection.
    ConnectionReset,
    /// No `pg_hba.conf` entry for connections without TLS.
    NoEntryWithoutTls,
    /// No `pg_hba.conf` entry for the address of the service.
    NoEntry,
    /// The certificate is for another host name.
    HostMismatch,
    /// A certificate has expired, or is not yet valid.
    CertificateDates,
    /// A certificate is not trusted.
    CertificateNotTrusted,
    /// The TLS handshake failed for another reason.
    TlsFailed,
    /// Anything else.
    Other,
}

impl DatabaseProblem {
    /// Parses the message of [`super::ErrorKind::DatabaseRefused`].
    pub fn parse(message: &str) -> Self {
        // Names in quotes are skipped: a role may be called `timeout`.
        let plain: String = message.split('"').step_by(2).collect();
        let has = |parts: &[&str]| parts.iter().any(|part| plain.contains(part));
        let rows: [(&[&str], Self); 11] = [
            (&["ENOTFOUND", "EAI_AGAIN"], Self::HostNotFound),
            (&["IP addresses (", "IPs not allowed"], Self::InternalAddress),
            (&["belongs to a service"], Self::OwnHost),
            (&["ECONNREFUSED"], Self::ConnectionRefused),
            (&["timeout", "ETIMEDOUT"], Self::TimedOut),
            (&["EHOSTUNREACH", "ENETUNREACH"], Self::NoRoute),
            (&["ECONNRESET", "terminated unexpectedly", "EPIPE"], Self::ConnectionReset),
            (&["pg_hba.conf"], Self::NoEntry),
            (&["altnames"], Self::HostMismatch),
            (&["certificate has expired", "certificate is not yet valid"], Self::CertificateDates),
            (&["certificate"], Self::CertificateNotTrusted),
        ];
        match rows.into_iter().find(|(parts, _)| has(parts)) {
            Some((_, Self::NoEntry)) if has(&["no encryption", "SSL off"]) => Self::NoEntryWithoutTls,
            Some((_, problem)) => problem,
            None if has(&["SSL", "TLS", "EPROTO"]) => Self::TlsFailed,
            None => Self::Other,
        }
    }
}

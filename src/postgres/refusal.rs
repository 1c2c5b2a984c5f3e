//! A reason with the endpoint, the role and the time: all facts that a message needs. Holds no secret.

use std::net::SocketAddr;

use time::OffsetDateTime;

use super::{Address, Certainty, Reason, ServerError, Stage, Target, Trust};
use crate::postgres::address::written_host;

/// The endpoint of a login, as far as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As given.
    pub host: String,
    /// As given.
    pub port: u16,
    /// The address that was tried last or that responded.
    pub address: Option<SocketAddr>,
    /// The local address of the connection, as a firewall and the server's log show it.
    pub local: Option<SocketAddr>,
    /// The address that was dialled instead of host and port.
    pub overridden: Option<Address>,
}

/// A failed login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The server's own error, if it sent one.
    pub server_error: Option<ServerError>,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Addresses of the name that could not be reached, in the order in which they were tried, each with its error.
    pub unreachable_addresses: Vec<(SocketAddr, String)>,
    /// Whether the server sent anything.
    pub responded: bool,
    /// Whether the server received the password, or a hash of it, and sent no result. A server that delays its rejection
    /// counts such a login as failed.
    pub password_pending: bool,
    /// The database.
    pub database: String,
    /// The role.
    pub username: String,
    /// The stage that failed.
    pub stage: Stage,
    /// The start of the login.
    pub at: OffsetDateTime,
}

impl Refusal {
    /// Returns a login that another program made and reported.
    pub fn from_report(
        reason: Reason,
        host: &str,
        port: u16,
        database: &str,
        username: &str,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            reason,
            server_error: None,
            endpoint: Endpoint { host: host.to_owned(), port, address: None, local: None, overridden: None },
            unreachable_addresses: Vec::new(),
            responded: true,
            password_pending: false,
            database: database.to_owned(),
            username: username.to_owned(),
            stage: Stage::Login,
            at,
        }
    }

    /// Returns the outcome for another login that would fail in the same way.
    #[must_use]
    pub fn as_for(&self, target: &Target) -> Self {
        let target = target.trimmed();
        let endpoint = Endpoint {
            host: target.host,
            port: target.port,
            overridden: target.address,
            address: self.endpoint.address,
            local: self.endpoint.local,
        };
        Self { endpoint, database: target.database, username: target.username, ..self.clone() }
    }

    /// Returns whether a login from another machine would fail in the same way.
    pub fn certainty(&self) -> Certainty {
        self.reason.certainty()
    }

    /// Returns whether no server responded, which holds for each login at the endpoint.
    pub fn is_unreachable(&self) -> bool {
        let no_server = matches!(
            self.reason,
            Reason::DnsFailed { .. } | Reason::ConnectionRefused | Reason::Unreachable { .. } | Reason::TimedOut { .. }
        );
        no_server && !self.responded
    }

    /// Returns whether the only problem is an issuer that is not a public authority, where no certificates were given.
    pub fn lacks_public_trust(&self) -> bool {
        let Reason::Certificate(problem) = &self.reason else { return false };
        problem.lacks_trust_only() && problem.trust == Trust::Public
    }

    /// Returns whether the server has no free connection and may have one soon.
    pub fn is_at_capacity(&self) -> bool {
        matches!(self.reason, Reason::TooManyConnections(_) | Reason::Starting)
    }

    /// Returns whether servers and directories that lock a role count the login as a failed attempt.
    pub fn counts_as_failed_attempt(&self) -> bool {
        self.password_pending
            || matches!(self.reason, Reason::PasswordRefused | Reason::NoSuchRole | Reason::RoleRefused)
    }

    /// Returns whether the password itself was rejected, by the server or by the directory that it uses.
    pub fn rejects_the_password(&self) -> bool {
        matches!(self.reason, Reason::PasswordRefused | Reason::DirectoryRefused { .. })
    }
}

impl Endpoint {
    /// Returns `host:port`, with brackets around IPv6. An international name stands as a user writes it.
    pub fn name(&self) -> String {
        Address { host: self.written_host(), port: self.port }.to_string()
    }

    /// Returns the host as a user writes it.
    pub fn written_host(&self) -> String {
        written_host(&self.host)
    }
}

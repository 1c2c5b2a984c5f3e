//! A reason together with where, when and as whom: everything that a message needs. Holds no secret.

use std::net::SocketAddr;

use time::OffsetDateTime;

use super::{Address, Certainty, Reason, ServerError, Stage, Target, Trust};
use crate::postgres::address::written_host;

/// Which server was asked, as far as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As given.
    pub host: String,
    /// As given.
    pub port: u16,
    /// The address that was tried last or answered.
    pub address: Option<SocketAddr>,
    /// Our own end of the connection: what a firewall and the server's log show.
    pub local: Option<SocketAddr>,
    /// What was dialled instead of `host` and `port`.
    pub overridden: Option<Address>,
}

/// A login that did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What the server itself said, when it said something.
    pub said: Option<ServerError>,
    /// Who was asked.
    pub endpoint: Endpoint,
    /// Addresses of the name that could not be reached, in the order in which they were tried, each with what the system
    /// said.
    pub passed_over: Vec<(SocketAddr, String)>,
    /// Whether the other side said anything at all.
    pub answered: bool,
    /// Whether it was sent the password, or a proof of it, and never said what it thinks of it. A server that delays its
    /// "no" counts such a login as refused.
    pub password_unanswered: bool,
    /// For which database.
    pub database: String,
    /// As which role.
    pub username: String,
    /// How far the attempt came.
    pub stage: Stage,
    /// When it began.
    pub at: OffsetDateTime,
}

impl Refusal {
    /// A login that somebody else made and told of.
    pub fn told(reason: Reason, host: &str, port: u16, database: &str, username: &str, at: OffsetDateTime) -> Self {
        Self {
            reason,
            said: None,
            endpoint: Endpoint { host: host.to_owned(), port, address: None, local: None, overridden: None },
            passed_over: Vec::new(),
            answered: true,
            password_unanswered: false,
            database: database.to_owned(),
            username: username.to_owned(),
            stage: Stage::Login,
            at,
        }
    }

    /// The same answer to another login that would get it too.
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

    /// Returns whether a login from elsewhere would fail in the same way.
    pub fn certainty(&self) -> Certainty {
        self.reason.certainty()
    }

    /// Whether it says only that there was nobody to talk to, so that it holds for every login there.
    pub fn is_silence(&self) -> bool {
        let nobody = matches!(
            self.reason,
            Reason::DnsFailed { .. } | Reason::ConnectionRefused | Reason::Unreachable { .. } | Reason::TimedOut { .. }
        );
        nobody && !self.answered
    }

    /// Whether all that is wrong is an authority that is not among the public ones, where no others were given.
    pub fn is_unknown_to_the_public(&self) -> bool {
        let Reason::Certificate(problem) = &self.reason else { return false };
        problem.is_for_want_of_trust() && problem.trust == Trust::Public
    }

    /// Whether the server had no place for it, and may have one soon.
    pub fn is_crowding(&self) -> bool {
        matches!(self.reason, Reason::TooManyConnections(_) | Reason::Starting)
    }

    /// Whether it counts as a failed attempt where failed attempts are counted and the role is locked in the end.
    pub fn counts_against_the_role(&self) -> bool {
        self.password_unanswered
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

//! A reason together with where, when and as whom: everything that a message needs. Holds no secret.

use std::fmt;
use std::net::SocketAddr;

use time::OffsetDateTime;
use time::macros::format_description;

use super::{Address, Argument, Certainty, Reason, ServerError, Stage, Statement, Target, Trust};
use crate::postgres::address::written_host;
use crate::text::shown;

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

    /// Whether the answer would be the same from anywhere.
    pub fn class(&self) -> Certainty {
        self.reason.row(self).class
    }

    /// The input that is most likely wrong.
    pub fn argument(&self) -> Argument {
        self.reason.row(self).argument
    }

    /// One sentence that tells the case on its own.
    pub fn headline(&self) -> String {
        self.reason.row(self).headline
    }

    /// What the server said: SQLSTATE and text.
    pub fn server_said(&self) -> Option<String> {
        let said = self.said.as_ref()?;
        let who = if said.by_pooler { "The pooler" } else { "The server" };
        let detail = said.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        Some(format!("{who} said: {} {}{detail}", said.sqlstate, said.message))
    }

    /// Who was asked as which role for which database.
    pub fn asked(&self) -> String {
        let (role, database) = (shown(&self.username), shown(&self.database));
        format!("Asked: {} as role `{role}` for database `{database}`.", self.endpoint)
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

    /// What each address of the name answered, where several were tried.
    pub fn every_address(&self) -> Option<String> {
        let lines: Vec<_> = self.passed_over.iter().map(|(address, said)| format!("{address}: {said}")).collect();
        (lines.len() > 1).then(|| format!("Tried all addresses of the name: {}.", lines.join("; ")))
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

    /// When (UTC) and from which address.
    pub fn when_and_where(&self) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        let when = self.at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default();
        match self.endpoint.local {
            Some(local) => format!("When: {when}, from {local}."),
            None => format!("When: {when}."),
        }
    }

    /// What to check, likeliest first.
    pub fn what_to_check(&self) -> Vec<String> {
        self.reason.row(self).check
    }

    /// The statement that cures it, and who may run it.
    pub fn statement(&self) -> Option<Statement> {
        self.reason.row(self).statement
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.headline())
    }
}

impl std::error::Error for Refusal {}

impl Endpoint {
    /// `host:port`, with brackets around IPv6. An international name stands as a user writes it.
    pub fn name(&self) -> String {
        Address { host: written_host(&self.host), port: self.port }.to_string()
    }
}

impl fmt::Display for Endpoint {
    /// The name, what was dialled instead, and the address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.name())?;
        if written_host(&self.host) != self.host {
            write!(formatter, ", in DNS and certificates `{}`", shown(&self.host))?;
        }
        if let Some(dialled) = &self.overridden {
            write!(formatter, ", dialled as `{dialled}`")?;
        }
        match self.address {
            Some(address) => write!(formatter, " (address {address})"),
            None => Ok(()),
        }
    }
}

//! What a server says with an error, and what it means: SQLSTATE to reason. Knows nothing of streams.
//!
//! The SQLSTATE decides, because texts follow the language of the server. Texts decide only for poolers, which have one
//! SQLSTATE for everything and English texts, and between cases of equal SQLSTATE.

use super::reason::{Reason, Scope};
use super::text::masked;

/// An ErrorResponse, its texts fit to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Five characters; see appendix A of the PostgreSQL manual.
    pub sqlstate: String,
    /// The server's words.
    pub message: String,
    /// More of them.
    pub detail: Option<String>,
    /// Whether a pooler said it: PostgreSQL itself always adds a severity that is not translated, PgBouncer never does.
    pub by_pooler: bool,
}

impl ServerError {
    /// From what the client library read.
    pub(super) fn from_client(error: &tokio_postgres::error::DbError, password: &str) -> Self {
        Self {
            sqlstate: masked(error.code().code(), password),
            message: masked(error.message(), password),
            detail: error.detail().map(|detail| masked(detail, password)),
            by_pooler: error.parsed_severity().is_none(),
        }
    }

    /// From the body of an ErrorResponse: a letter, a text and a zero byte per field.
    pub(super) fn from_body(body: &[u8]) -> Option<Self> {
        let mut fields = body.split(|byte| *byte == 0).filter_map(|field| field.split_first());
        let field = |wanted: u8| {
            let found = fields.clone().find(|(letter, _)| **letter == wanted);
            found.map(|(_, text)| masked(&String::from_utf8_lossy(text), ""))
        };
        let error = Self {
            sqlstate: field(b'C')?,
            message: field(b'M')?,
            detail: field(b'D'),
            by_pooler: field(b'V').is_none(),
        };
        fields.next().map(|_| error)
    }

    /// What it means for a login; `encrypted` tells how the login came.
    pub(super) fn reason(&self, encrypted: bool) -> Reason {
        let says = |part: &str| self.message.contains(part);
        match self.sqlstate.as_str() {
            "28P01" => Reason::PasswordRefused,
            "28000" if says("pg_hba.conf rejects") => Reason::RejectedByRule { encrypted },
            // The name of the file is the same in every language.
            "28000" if says("pg_hba.conf") => Reason::NoAccessRule { encrypted },
            "28000" if says("client certificate") => Reason::ClientCertificateNeeded,
            "28000" if says("not permitted to log in") => Reason::RoleMayNotLogIn,
            "28000" if says("does not exist") => Reason::NoSuchRole,
            "28000" => Reason::RoleRefused,
            "3D000" => Reason::NoSuchDatabase,
            "42501" => Reason::NoConnectPrivilege,
            "55000" => Reason::DatabaseNotAccepting,
            "53300" if says("for role") => Reason::TooManyConnections(Scope::Role),
            "53300" if says("for database") => Reason::TooManyConnections(Scope::Database),
            "53300" => Reason::TooManyConnections(Scope::Server),
            "57P03" => Reason::Starting,
            "57P01" | "57P02" => Reason::Terminated,
            "08P01" => self.reason_of_pooler(),
            "XX000" if self.message.to_lowercase().contains("tenant") => Reason::NoSuchTenant,
            _ => self.other(),
        }
    }

    /// PgBouncer's texts.
    fn reason_of_pooler(&self) -> Reason {
        let says = |parts: &[&str]| parts.iter().any(|part| self.message.contains(part));
        if says(&["no such database"]) || says(&["database"]) && says(&["does not exist"]) {
            Reason::NoSuchDatabase
        } else if says(&["authentication failed", "no such user", "empty password returned"])
            && !says(&["certificate authentication failed"])
        {
            Reason::PasswordRefused
        } else if says(&["SSL required"]) {
            Reason::PoolerWantsTls
        } else if says(&["no more connections allowed", "client connections exceeded"]) {
            Reason::TooManyConnections(Scope::Pooler)
        } else if says(&["query_wait_timeout", "server login", "server conn crashed", "pgbouncer cannot connect"]) {
            Reason::PoolerWithoutServer
        } else {
            self.other()
        }
    }

    fn other(&self) -> Reason {
        Reason::OtherServerError { sqlstate: self.sqlstate.clone(), message: self.message.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sqlstate: &str, message: &str) -> ServerError {
        ServerError { sqlstate: sqlstate.to_owned(), message: message.to_owned(), detail: None, by_pooler: false }
    }

    #[test]
    fn what_servers_and_poolers_say_has_a_meaning() {
        for (sqlstate, message, reason) in [
            ("28P01", "password authentication failed for user \"x\"", Reason::PasswordRefused),
            ("28P01", "Passwort-Authentifizierung fehlgeschlagen", Reason::PasswordRefused),
            ("28000", "role \"x\" is not permitted to log in", Reason::RoleMayNotLogIn),
            ("28000", "role \"x\" does not exist", Reason::NoSuchRole),
            ("28000", "connection requires a valid client certificate", Reason::ClientCertificateNeeded),
            ("28000", "no pg_hba.conf entry for host \"::1\", SSL off", Reason::NoAccessRule { encrypted: false }),
            ("28000", "kein pg_hba.conf-Eintrag für Host", Reason::NoAccessRule { encrypted: false }),
            ("28000", "pg_hba.conf rejects connection for host", Reason::RejectedByRule { encrypted: false }),
            ("28000", "PAM authentication failed for user", Reason::RoleRefused),
            ("53300", "sorry, too many clients already", Reason::TooManyConnections(Scope::Server)),
            ("53300", "too many connections for role \"x\"", Reason::TooManyConnections(Scope::Role)),
            ("53300", "too many connections for database \"x\"", Reason::TooManyConnections(Scope::Database)),
            ("57P03", "the database system is starting up", Reason::Starting),
            ("08P01", "SASL authentication failed", Reason::PasswordRefused),
            ("08P01", "\"trust\" authentication failed", Reason::PasswordRefused),
            ("08P01", "no such user: x", Reason::PasswordRefused),
            ("08P01", "no such database: x", Reason::NoSuchDatabase),
            ("08P01", "database \"x\" does not exist", Reason::NoSuchDatabase),
            ("08P01", "SSL required", Reason::PoolerWantsTls),
            ("08P01", "no more connections allowed (max_client_conn)", Reason::TooManyConnections(Scope::Pooler)),
            ("08P01", "query_wait_timeout", Reason::PoolerWithoutServer),
            ("08P01", "login rejected", error("08P01", "login rejected").other()),
            ("XX000", "Tenant or user not found", Reason::NoSuchTenant),
            ("22023", "odd", error("22023", "odd").other()),
        ] {
            assert_eq!(error(sqlstate, message).reason(false), reason, "{sqlstate} {message}");
        }
    }

    #[test]
    fn a_body_without_sqlstate_or_text_is_no_error_of_postgresql() {
        let body = b"SFATAL\0VFATAL\0C53300\0Msorry\0\0";
        assert_eq!(ServerError::from_body(body), Some(error("53300", "sorry")));
        assert!(ServerError::from_body(b"SFATAL\0C53300\0Msorry\0\0").unwrap().by_pooler);
        assert_eq!(ServerError::from_body(b"Msorry\0\0"), None);
        assert_eq!(ServerError::from_body(b""), None);
    }
}

//! The errors that a server sends, and the conversion of their SQLSTATEs to reasons. Does not depend on streams.
//!
//! The SQLSTATE decides, because texts follow the language of the server. Texts decide only for poolers, which have one
//! SQLSTATE for everything and English texts, and between cases of equal SQLSTATE.

use crate::postgres::reason::{Reason, Scope};
use crate::postgres::text::{decoded, masked};

/// An ErrorResponse with sanitized texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Five characters; see appendix A of the PostgreSQL manual.
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// The detail.
    pub detail: Option<String>,
    /// Whether a pooler sent it: PostgreSQL itself always adds a severity that is not translated, PgBouncer never does.
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
    pub(super) fn from_body(body: &[u8], password: &str) -> Option<Self> {
        let field = |wanted: u8| field(body, wanted, password);
        Some(Self {
            sqlstate: field(b'C')?,
            message: field(b'M')?,
            detail: field(b'D'),
            by_pooler: field(b'V').is_none(),
        })
    }

    /// The text of an ErrorResponse that is not complete.
    pub(super) fn text_of(body: &[u8], password: &str) -> Option<String> {
        field(body, b'M', password)
    }

    /// Returns the reason for a failed login; `encrypted` is whether the connection used TLS.
    pub fn reason(&self, encrypted: bool) -> Reason {
        let text = without_names(&self.message);
        let has = |part: &str| text.contains(part);
        if let Some(reason) = reason_of_service(&text, encrypted) {
            return reason;
        }
        match self.sqlstate.as_str() {
            "28P01" => Reason::PasswordRefused,
            "28000" if has("pg_hba.conf rejects") => Reason::RejectedByRule { encrypted },
            // The name of the file is the same in every language, and so are those of the methods below.
            "28000" if has("pg_hba.conf") => Reason::NoAccessRule { encrypted },
            "28000" if has("client certificate") => Reason::ClientCertificateNeeded,
            "28000" if has("certificate authentication failed") => Reason::ClientCertificateNeeded,
            // A rule that requires a client certificate, on a server without a root certificate to check one.
            "F0000" if has("client certificates") => Reason::ClientCertificateNeeded,
            "28000" if has("not permitted to log in") || has("does not have login privilege") => {
                Reason::RoleMayNotLogIn
            }
            "28000" if has("does not exist") => Reason::NoSuchRole,
            "28000" => reason_of_method(&text),
            "3D000" => Reason::NoSuchDatabase,
            "42501" => Reason::NoConnectPrivilege,
            "55000" if has("invalid database") => Reason::DatabaseInvalid,
            "55000" => Reason::DatabaseNotAccepting,
            // First, because the roles that they are reserved for are named too.
            "53300" if has("reserved") => Reason::TooManyConnections(Scope::Ordinary),
            "53300" if has("for role") => Reason::TooManyConnections(Scope::Role),
            "53300" if has("for database") => Reason::TooManyConnections(Scope::Database),
            "53300" => Reason::TooManyConnections(Scope::Server),
            "57P03" => Reason::Starting,
            "57P01" | "57P02" => Reason::Terminated,
            "08P01" => self.reason_of_pooler(&text),
            _ => self.other(),
        }
    }

    /// PgBouncer's texts, which do not put names in quotes, and those of the server behind it, which it passes on.
    fn reason_of_pooler(&self, text: &str) -> Reason {
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if has(&["query_wait_timeout", "server login", "server conn crashed", "cannot connect to server"])
            // The server behind the pooler does not let the pooler in.
            || has(&["pg_hba.conf"])
        {
            Reason::PoolerWithoutServer
        } else if has(&["not permitted to log in"]) {
            Reason::RoleMayNotLogIn
        } else if has(&["permission denied for database"]) {
            Reason::NoConnectPrivilege
        } else if has(&["not currently accepting connections"]) {
            Reason::DatabaseNotAccepting
        } else if has(&["too many connections for role"]) {
            Reason::TooManyConnections(Scope::Role)
        } else if has(&["too many connections for database"]) {
            Reason::TooManyConnections(Scope::Database)
        } else if has(&["too many clients", "connection slots are reserved"]) {
            Reason::TooManyConnections(Scope::Server)
        } else if has(&["shutting down", "starting up", "not accepting connections", "in recovery mode"]) {
            Reason::Starting
        } else if text.starts_with("role ") && has(&["does not exist"]) {
            Reason::NoSuchRole
        } else if text.starts_with("no such database") || text.starts_with("database ") && has(&["does not exist"]) {
            Reason::NoSuchDatabase
        } else if has(&["certificate authentication failed"]) {
            Reason::ClientCertificateNeeded
        } else if has(&["authentication failed", "no such user", "empty password returned"]) {
            Reason::PasswordRefused
        } else if has(&["no more connections allowed", "client connections exceeded"]) {
            Reason::TooManyConnections(Scope::Pooler)
        } else if has(&["login rejected", "bouncer config error", "does not allow connections", "is disabled"]) {
            Reason::PoolerRefused
        } else {
            self.other()
        }
    }

    fn other(&self) -> Reason {
        Reason::OtherServerError { sqlstate: self.sqlstate.clone(), message: self.message.clone() }
    }
}

/// Returns a field of an ErrorResponse, sanitized.
fn field(body: &[u8], wanted: u8, password: &str) -> Option<String> {
    let mut fields = body.split(|byte| *byte == 0).filter_map(|field| field.split_first());
    let found = fields.find(|(letter, _)| **letter == wanted);
    found.map(|(_, text)| masked(&decoded(text), password))
}

/// Returns the reason for 28000 of authentication methods without a password in the database.
fn reason_of_method(text: &str) -> Reason {
    for directory in ["PAM", "LDAP", "RADIUS"] {
        if text.contains(directory) {
            return Reason::DirectoryRefused { directory };
        }
    }
    for method in ["Ident", "Peer", "GSSAPI", "SSPI"] {
        if text.starts_with(method) {
            return Reason::UnsupportedAuthentication { method: method.to_owned() };
        }
    }
    Reason::RoleRefused
}

/// Texts of managed services and other products, whose SQLSTATEs vary between versions.
fn reason_of_service(text: &str, encrypted: bool) -> Option<Reason> {
    let low = text.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| low.contains(part));
    if has(&["tenant or user not found", "tenant/user ", "(enotfound)", "(enoidentifier)", "no tenant identifier"]) {
        Some(Reason::NoSuchTenant)
    } else if has(&["endpoint id is not specified", "missing cluster"]) {
        Some(Reason::HostNameMissing { encrypted })
    } else if has(&[
        "time quota",
        "data quota",
        "size quota",
        "transfer quota",
        "exceeded the quota",
        "endpoint is disabled",
        "endpoint has been disabled",
    ]) {
        Some(Reason::ServiceSuspended)
    } else if has(&[
        "max client connections reached",
        "max clients reached",
        "emaxconn",
        "number of client connections to the proxy exceeded",
        "too many active clients",
    ]) || low.contains("odyssey") && low.contains("too many")
    {
        Some(Reason::TooManyConnections(Scope::Pooler))
    } else if has(&["no pool configured"]) || has(&["route for"]) && has(&["not found"]) {
        Some(Reason::NoPool)
    } else if has(&[
        "could not get connection from the pool",
        "failed to get remote server",
        "timed-out waiting to acquire database connection",
    ]) {
        Some(Reason::PoolerWithoutServer)
    } else if has(&["iam authentication", "iam is allowed", "only iam"]) {
        Some(Reason::UnsupportedAuthentication { method: "an IAM token".to_owned() })
    } else if has(&["access token", "user token for role", "aadsts"]) {
        Some(Reason::UnsupportedAuthentication { method: "a Microsoft Entra token".to_owned() })
    } else if has(&["username should be in"]) {
        Some(Reason::RoleWithoutServer)
    } else if has(&[
        "account has expired",
        "account is expired",
        "account expired",
        "password has expired",
        "account is locked",
    ]) {
        Some(Reason::AccountExpired)
    } else if has(&["password that was provided for the role"]) {
        Some(Reason::PasswordRefused)
    } else if has(&["has no credentials for the role"]) {
        Some(Reason::UnknownToProxy)
    } else if has(&[
        "connection throttled",
        "connection attempt throttled",
        "too many login attempts",
        "too many authentication",
        "circuit breaker",
        "rate of connection to proxy",
    ]) {
        Some(Reason::Throttled)
    } else if !encrypted
        && (text.starts_with("SSL required")
            || has(&[
                "ssl connection required",
                "ssl connection is required",
                "requires tls connections",
                "connection is insecure",
                "server requires encryption",
            ]))
    {
        Some(Reason::TlsRequired)
    } else {
        None
    }
}

/// Returns the message without the names in quotes: a role can be called `pg_hba.conf`.
pub fn without_names(message: &str) -> String {
    message.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sqlstate: &str, message: &str) -> ServerError {
        ServerError { sqlstate: sqlstate.to_owned(), message: message.to_owned(), detail: None, by_pooler: false }
    }

    #[test]
    fn converts_errors_of_servers_and_poolers_to_reasons() {
        for (sqlstate, message, reason) in [
            ("28P01", "password authentication failed for user \"x\"", Reason::PasswordRefused),
            ("28P01", "Passwort-Authentifizierung fehlgeschlagen", Reason::PasswordRefused),
            ("28000", "role \"x\" is not permitted to log in", Reason::RoleMayNotLogIn),
            ("28000", "role \"x\" does not exist", Reason::NoSuchRole),
            ("28000", "connection requires a valid client certificate", Reason::ClientCertificateNeeded),
            ("28000", "no pg_hba.conf entry for host \"::1\", SSL off", Reason::NoAccessRule { encrypted: false }),
            ("28000", "kein pg_hba.conf-Eintrag für Host", Reason::NoAccessRule { encrypted: false }),
            ("28000", "pg_hba.conf rejects connection for host", Reason::RejectedByRule { encrypted: false }),
            ("28000", "PAM authentication failed for user \"x\"", Reason::DirectoryRefused { directory: "PAM" }),
            (
                "28000",
                "LDAP-Authentifizierung für Benutzer »x« fehlgeschlagen",
                Reason::DirectoryRefused { directory: "LDAP" },
            ),
            ("28000", "RADIUS authentication failed for user \"x\"", Reason::DirectoryRefused { directory: "RADIUS" }),
            (
                "28000",
                "Ident authentication failed for user \"x\"",
                Reason::UnsupportedAuthentication { method: "Ident".to_owned() },
            ),
            ("28000", "certificate authentication failed for user \"x\"", Reason::ClientCertificateNeeded),
            (
                "F0000",
                "client certificates can only be checked if a root certificate store is available",
                Reason::ClientCertificateNeeded,
            ),
            ("28000", "Invalid Username specified.", Reason::RoleRefused),
            ("28000", "role \"pg_hba.conf rejects\" is not permitted to log in", Reason::RoleMayNotLogIn),
            ("28P01", "password authentication failed for user \"tenant or user not found\"", Reason::PasswordRefused),
            ("55000", "database \"x\" is not currently accepting connections", Reason::DatabaseNotAccepting),
            ("55000", "cannot connect to invalid database \"x\"", Reason::DatabaseInvalid),
            (
                "53300",
                "remaining connection slots are reserved for roles with the SUPERUSER attribute",
                Reason::TooManyConnections(Scope::Ordinary),
            ),
            ("53300", "sorry, too many clients already", Reason::TooManyConnections(Scope::Server)),
            ("53300", "too many connections for role \"x\"", Reason::TooManyConnections(Scope::Role)),
            ("53300", "too many connections for database \"x\"", Reason::TooManyConnections(Scope::Database)),
            ("57P03", "the database system is starting up", Reason::Starting),
            ("08P01", "SASL authentication failed", Reason::PasswordRefused),
            ("08P01", "\"trust\" authentication failed", Reason::PasswordRefused),
            ("08P01", "no such user: x", Reason::PasswordRefused),
            ("08P01", "no such database: x", Reason::NoSuchDatabase),
            ("08P01", "database \"x\" does not exist", Reason::NoSuchDatabase),
            ("08P01", "SSL required", Reason::TlsRequired),
            ("08P01", "node is running secure mode, SSL connection required", Reason::TlsRequired),
            ("28000", "This RDS Proxy requires TLS connections", Reason::TlsRequired),
            (
                "28000",
                "This RDS proxy has no credentials for the role x. Check the credentials.",
                Reason::UnknownToProxy,
            ),
            ("08P01", "no more connections allowed (max_client_conn)", Reason::TooManyConnections(Scope::Pooler)),
            ("08P01", "query_wait_timeout", Reason::PoolerWithoutServer),
            (
                "08P01",
                "client connections exceeded (max_db_client_connections)",
                Reason::TooManyConnections(Scope::Pooler),
            ),
            (
                "08P01",
                "server login has been failing, try again later (server_login_retry)",
                Reason::PoolerWithoutServer,
            ),
            (
                "08P01",
                "server login failed: FATAL password authentication failed for user \"x\"",
                Reason::PoolerWithoutServer,
            ),
            ("08P01", "login rejected", Reason::PoolerRefused),
            ("08P01", "bouncer config error", Reason::PoolerRefused),
            ("08P01", "role \"x\" is not permitted to log in", Reason::RoleMayNotLogIn),
            ("08P01", "role \"x\" does not exist", Reason::NoSuchRole),
            ("08P01", "permission denied for database \"x\"", Reason::NoConnectPrivilege),
            ("08P01", "too many connections for role \"x\"", Reason::TooManyConnections(Scope::Role)),
            ("08P01", "sorry, too many clients already", Reason::TooManyConnections(Scope::Server)),
            ("08P01", "the database system is starting up", Reason::Starting),
            ("08P01", "no pg_hba.conf entry for host \"x\"", Reason::PoolerWithoutServer),
            ("08P01", "no such user: SSL required", Reason::PasswordRefused),
            ("08P01", "unsupported startup parameter: x", error("08P01", "unsupported startup parameter: x").other()),
            ("XX000", "Tenant or user not found", Reason::NoSuchTenant),
            ("XX000", "(ENOTFOUND) tenant/user x.y not found", Reason::NoSuchTenant),
            ("08006", "(ENOIDENTIFIER) no tenant identifier provided", Reason::NoSuchTenant),
            ("XX000", "The endpoint ID is not specified. Either upgrade", Reason::HostNameMissing { encrypted: false }),
            ("53300", "connection throttled from IP address \"192.0.2.1\": too many login attempts", Reason::Throttled),
            ("28000", "connection is insecure (try using `sslmode=require`)", Reason::TlsRequired),
            ("XX000", "Max client connections reached", Reason::TooManyConnections(Scope::Pooler)),
            (
                "XX000",
                "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size",
                Reason::TooManyConnections(Scope::Pooler),
            ),
            (
                "08P01",
                "codeParamsRoutingFailed: missing cluster identifier",
                Reason::HostNameMissing { encrypted: false },
            ),
            (
                "XX000",
                "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.",
                Reason::ServiceSuspended,
            ),
            ("XX000", "The endpoint has been disabled. Enable it using Neon API and retry.", Reason::ServiceSuspended),
            (
                "28000",
                "IAM authentication failed for user x. Check the IAM token for this user and try again.",
                Reason::UnsupportedAuthentication { method: "an IAM token".to_owned() },
            ),
            ("08P01", "Timed-out waiting to acquire database connection", Reason::PoolerWithoutServer),
            (
                "28000",
                "Invalid Username specified. The Username should be in <username@hostname> format.",
                Reason::RoleWithoutServer,
            ),
            (
                "28P01",
                "The access token has an invalid signature.",
                Reason::UnsupportedAuthentication { method: "a Microsoft Entra token".to_owned() },
            ),
            ("58000", "No pool configured for database: \"a\", user: \"x\"", Reason::NoPool),
            (
                "28000",
                "IAM is allowed only with SSL connections.",
                Reason::UnsupportedAuthentication { method: "an IAM token".to_owned() },
            ),
            ("28P01", "The password that was provided for the role x is wrong.", Reason::PasswordRefused),
            (
                "53300",
                "The maximum number of client connections to the proxy exceeded the limit",
                Reason::TooManyConnections(Scope::Pooler),
            ),
            ("53300", "Rate of connection to proxy exceeded the limit", Reason::Throttled),
            (
                "28P01",
                "Azure AD user token for role[x] is neither an AAD_AUTH_TOKENTYPE_APP_USER",
                Reason::UnsupportedAuthentication { method: "a Microsoft Entra token".to_owned() },
            ),
            ("XX000", "(ECIRCUITBREAKER) too many authentication failures", Reason::Throttled),
            ("08004", "codeParamsRoutingFailed: server requires encryption", Reason::TlsRequired),
            ("58000", "could not get connection from the pool", Reason::PoolerWithoutServer),
            ("08006", "odyssey: ce91d23e: route for 'a.x' is not found", Reason::NoPool),
            ("53300", "odyssey: c1: too many tcp connections", Reason::TooManyConnections(Scope::Pooler)),
            ("28000", "the account has expired", Reason::AccountExpired),
            ("28000", "x does not have login privilege", Reason::RoleMayNotLogIn),
            (
                "08004",
                "codeParamsRoutingFailed: invalid database param",
                error("08004", "codeParamsRoutingFailed: invalid database param").other(),
            ),
            ("XX000", "Circuit breaker open: Failed to retrieve database credentials", Reason::Throttled),
            ("28P01", "password authentication failed for user \"access token\"", Reason::PasswordRefused),
            ("XX000", "disk failed", error("XX000", "disk failed").other()),
            ("22023", "odd", error("22023", "odd").other()),
        ] {
            assert_eq!(error(sqlstate, message).reason(false), reason, "{sqlstate} {message}");
        }
    }

    #[test]
    fn rejects_body_without_sqlstate_or_message() {
        let body = b"SFATAL\0VFATAL\0C53300\0Msorry\0\0";
        assert_eq!(ServerError::from_body(body, ""), Some(error("53300", "sorry")));
        assert!(ServerError::from_body(b"SFATAL\0C53300\0Msorry\0\0", "").unwrap().by_pooler);
        assert_eq!(ServerError::from_body(b"Msorry\0\0", ""), None);
        assert_eq!(ServerError::from_body(b"", ""), None);
    }
}

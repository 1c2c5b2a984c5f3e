//! The messages of the KMS's own PostgreSQL driver (Node's `pg`), which have no SQLSTATE. Only reasons that are the same for
//! every client are parsed: failures of networks and certificates are a matter of the KMS's machine.

use crate::postgres::{Reason, ServerError, without_names};

/// The SQLSTATE that belongs to a text; the first row that fits. Names stand in quotes and are removed before.
const SQLSTATES: [(&str, &str); 14] = [
    ("client password must be", "28P01"),
    ("password authentication failed", "28P01"),
    ("too many", "53300"),
    ("connection slots are reserved", "53300"),
    ("pg_hba.conf", "28000"),
    ("client certificate", "28000"),
    ("authentication failed for user", "28000"),
    ("role \"\"", "28000"),
    ("permission denied for database", "42501"),
    ("not currently accepting connections", "55000"),
    ("cannot connect to invalid database", "55000"),
    ("database \"\" does not exist", "3D000"),
    ("the database system is", "57P03"),
    ("terminating connection", "57P01"),
];

/// The SQLSTATE of all errors of PgBouncer.
const PROTOCOL_VIOLATION: &str = "08P01";

/// Returns the reason of a message of the driver; none if it depends on the machine of the KMS. `encrypted` is whether the
/// login used TLS.
///
/// The texts are PostgreSQL's and PgBouncer's in English; those of a server in another language are not recognized.
pub(super) fn reason_of_driver(text: &str, encrypted: bool) -> Option<Reason> {
    let plain = without_names(text);
    if plain.contains("The server does not support SSL connections") {
        return Some(Reason::TlsNotOffered);
    }
    if plain.contains("SCRAM-SERVER-FINAL-MESSAGE") {
        return Some(Reason::ServerNotAuthenticated);
    }
    let sqlstate =
        SQLSTATES.iter().find(|(part, _)| plain.contains(part)).map_or(PROTOCOL_VIOLATION, |(_, state)| state);
    let error = ServerError { sqlstate: sqlstate.to_owned(), message: text.to_owned(), detail: None, by_pooler: false };
    match error.reason(encrypted) {
        Reason::OtherServerError { .. } | Reason::NoAccessRule { .. } | Reason::RejectedByRule { .. } => None,
        reason => Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Scope;

    #[test]
    fn maps_driver_texts_to_reasons_of_own_logins() {
        for (text, expected) in [
            ("password authentication failed for user \"kms\"", Some(Reason::PasswordRefused)),
            ("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string", Some(Reason::PasswordRefused)),
            ("SASL authentication failed", Some(Reason::PasswordRefused)),
            ("no such user: kms", Some(Reason::PasswordRefused)),
            ("SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature is missing", Some(Reason::ServerNotAuthenticated)),
            ("role \"database \" does not exist", Some(Reason::NoSuchRole)),
            ("role \"kms\" is not permitted to log in", Some(Reason::RoleMayNotLogIn)),
            ("connection requires a valid client certificate", Some(Reason::ClientCertificateNeeded)),
            ("LDAP authentication failed for user \"kms\"", Some(Reason::DirectoryRefused { directory: "LDAP" })),
            ("database \"orders\" does not exist", Some(Reason::NoSuchDatabase)),
            ("no such database: orders", Some(Reason::NoSuchDatabase)),
            ("permission denied for database \"orders\"", Some(Reason::NoConnectPrivilege)),
            ("database \"template0\" is not currently accepting connections", Some(Reason::DatabaseNotAccepting)),
            ("too many connections for role \"kms\"", Some(Reason::TooManyConnections(Scope::Role))),
            ("too many connections for database \"orders\"", Some(Reason::TooManyConnections(Scope::Database))),
            ("sorry, too many clients already", Some(Reason::TooManyConnections(Scope::Server))),
            (
                "remaining connection slots are reserved for roles with the SUPERUSER attribute",
                Some(Reason::TooManyConnections(Scope::Ordinary)),
            ),
            ("no more connections allowed (max_client_conn)", Some(Reason::TooManyConnections(Scope::Pooler))),
            ("the database system is starting up", Some(Reason::Starting)),
            ("terminating connection due to administrator command", Some(Reason::Terminated)),
            ("The server does not support SSL connections", Some(Reason::TlsNotOffered)),
            ("Tenant or user not found", Some(Reason::NoSuchTenant)),
            // Depends on the machine of the KMS.
            ("no pg_hba.conf entry for host \"192.0.2.1\", user \"kms\", database \"orders\", no encryption", None),
            ("pg_hba.conf rejects connection for host \"192.0.2.1\", user \"x\", database \"y\", SSL encryption", None),
            ("getaddrinfo ENOTFOUND db.test", None),
            ("connect ECONNREFUSED 192.0.2.1:5432", None),
            ("timeout expired", None),
            ("self-signed certificate in certificate chain", None),
            ("Hostname/IP does not match certificate's altnames: Host: role. is not in the cert's altnames", None),
            ("Private IP addresses (role) are not allowed.", None),
            ("verify credentials", None),
            ("", None),
        ] {
            assert_eq!(reason_of_driver(text, true), expected, "{text}");
        }
    }
}

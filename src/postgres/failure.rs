//! Conversion of errors of sockets, the TLS library, the PostgreSQL client and the guard into a reason.

use std::error::Error as _;
use std::io;

use super::{CertificateProblem, Reason, ServerError, Stage, Target, Tls};
use crate::postgres::guard::Violation;
use crate::postgres::text::printable;

/// A reason, and the stage in which it occurred.
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) reason: Reason,
    pub(super) server_error: Option<ServerError>,
}

impl Stage {
    pub(super) fn failed(self, reason: Reason) -> Failure {
        Failure { stage: self, reason, server_error: None }
    }

    pub(super) fn server_error(self, error: ServerError, encrypted: bool) -> Failure {
        Failure { stage: self, reason: error.reason(encrypted), server_error: Some(error) }
    }

    /// An error of the socket.
    pub(super) fn broken(self, error: &io::Error) -> Failure {
        use io::ErrorKind as Kind;
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return self.failed(tls_reason(error));
        }
        self.failed(match error.kind() {
            Kind::ConnectionRefused => Reason::ConnectionRefused,
            Kind::TimedOut => Reason::TimedOut { stage: self },
            Kind::UnexpectedEof => Reason::Closed { stage: self, reset: false },
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected => {
                Reason::Closed { stage: self, reset: true }
            }
            _ => Reason::Unreachable { detail: printable(&error.to_string()) },
        })
    }
}

/// TLS could not even begin.
pub(super) fn tls_failure(error: &rustls::Error) -> Failure {
    Stage::Tls.failed(tls_reason(error))
}

/// Converts an error of the client library. Its kind is private; its sources are not.
pub(super) fn client_failure(stage: Stage, error: &tokio_postgres::Error, target: &Target) -> Failure {
    let encrypted = target.tls != Tls::Off;
    if let Some(error) = error.as_db_error() {
        return stage.server_error(ServerError::from_client(error, target.password.expose()), encrypted);
    }
    let Some(cause) = error.source() else {
        return if error.is_closed() {
            stage.failed(Reason::Closed { stage, reset: false })
        } else {
            stage.failed(Reason::Protocol { detail: printable(&error.to_string()) })
        };
    };
    // The client reports a SCRAM message that it cannot read as the end of a file.
    let scram = error.to_string().starts_with("authentication error");
    if let Some(cause) = cause.downcast_ref::<io::Error>() {
        match cause.get_ref().and_then(|inner| inner.downcast_ref::<Violation>()) {
            Some(Violation::Unreadable(body)) => return unreadable(stage, body, target),
            Some(violation) => return stage.failed(violation_reason(violation)),
            None => {}
        }
        let failure = stage.broken(cause);
        if !scram && !matches!(failure.reason, Reason::Unreachable { .. }) {
            return failure;
        }
    }
    let detail = cause.to_string();
    stage.failed(match detail.as_str() {
        // The library has no type for it; a test with a false server keeps this text true.
        "SCRAM verification error" => Reason::ServerNotAuthenticated,
        _ if scram => Reason::Protocol { detail: format!("a false SCRAM message, {}", printable(&detail)) },
        _ => Reason::Protocol { detail: printable(&detail) },
    })
}

/// Converts an error that the client library cannot read.
fn unreadable(stage: Stage, body: &[u8], target: &Target) -> Failure {
    match ServerError::from_body(body, target.password.expose()) {
        Some(error) => stage.server_error(error, target.tls != Tls::Off),
        None => stage.failed(Reason::Protocol {
            detail: match ServerError::text_of(body, target.password.expose()) {
                Some(text) => format!("an error without SQLSTATE, {text}"),
                None => "an error without a text".to_owned(),
            },
        }),
    }
}

fn violation_reason(violation: &Violation) -> Reason {
    match violation {
        Violation::NotPostgres(bytes) => foreign(bytes.clone()),
        Violation::Insecure(how, channel) => Reason::InsecureAuthentication { how: *how, channel: *channel },
        Violation::Unsupported(method) => Reason::UnsupportedAuthentication { method: printable(method) },
        Violation::Unknown(number) => Reason::UnknownAuthentication { number: *number },
        Violation::Unreadable(_) | Violation::Truncated(_) => Reason::Protocol { detail: violation.to_string() },
        Violation::TooManyIterations(count) => Reason::TooManyIterations { count: *count },
        Violation::TooMuch => Reason::Protocol { detail: "more data than any login takes".to_owned() },
    }
}

fn tls_reason(error: &rustls::Error) -> Reason {
    use rustls::AlertDescription as Alert;
    use rustls::Error as E;
    if let Some(problem) = CertificateProblem::within(error) {
        return Reason::Certificate(Box::new(problem.clone()));
    }
    let detail = printable(&error.to_string());
    match error {
        E::AlertReceived(Alert::CertificateRequired) => Reason::TlsClientCertificate,
        E::AlertReceived(Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity)
        | E::PeerIncompatible(_) => Reason::TlsLegacy { detail },
        // The server accepted TLS and then sent something that is not TLS.
        E::InvalidMessage(_) => foreign(b"S".to_vec()),
        _ => Reason::TlsFailed { detail },
    }
}

/// Returns the reason for a response that is not PostgreSQL's.
pub(super) fn foreign(mut first: Vec<u8>) -> Reason {
    first.truncate(32);
    Reason::NotPostgres { protocol: protocol(&first), first }
}

/// Returns the protocol whose messages begin like this.
fn protocol(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] => Some("HTTP"),
        [b'S', b'S', b'H', b'-', ..] => Some("SSH"),
        [0x14..=0x17, 3, 0..=4, ..] => Some("TLS at once, without PostgreSQL's request"),
        [_, _, _, 0, 0x0a | 0xff, ..] => Some("MySQL"),
        [b'-', b'E' | b'N', ..] | [b'+', b'P' | b'O', ..] => Some("Redis"),
        [b'2', b'2', b'0', b' ' | b'-', ..] => Some("SMTP or FTP"),
        _ => None,
    }
}

//! What sockets, the TLS library, the PostgreSQL client and our guard report, turned into a reason.

use std::error::Error as _;
use std::io;

use super::{CertificateProblem, Reason, ServerError, Stage, Target, Tls};
use crate::postgres::guard::Violation;
use crate::postgres::text::printable;

/// A reason, and the stage that it came in.
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) reason: Reason,
    pub(super) said: Option<ServerError>,
}

impl Stage {
    pub(super) fn failed(self, reason: Reason) -> Failure {
        Failure { stage: self, reason, said: None }
    }

    pub(super) fn said(self, error: ServerError, encrypted: bool) -> Failure {
        Failure { stage: self, reason: error.reason(encrypted), said: Some(error) }
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

/// What the client library reports, whose kinds are hidden: the causes tell.
pub(super) fn client_failure(stage: Stage, error: &tokio_postgres::Error, target: &Target) -> Failure {
    let encrypted = target.tls != Tls::Off;
    if let Some(said) = error.as_db_error() {
        return stage.said(ServerError::from_client(said, target.password.expose()), encrypted);
    }
    let Some(cause) = error.source() else {
        return if error.is_closed() {
            stage.failed(Reason::Closed { stage, reset: false })
        } else {
            stage.failed(Reason::Protocol { detail: printable(&error.to_string()) })
        };
    };
    // What the client cannot read of a SCRAM message it reports as the end of a file.
    let scram = error.to_string().starts_with("authentication error");
    if let Some(cause) = cause.downcast_ref::<io::Error>() {
        match cause.get_ref().and_then(|inner| inner.downcast_ref::<Violation>()) {
            Some(Violation::Unreadable(body)) => return unreadable(stage, body, target),
            Some(violation) => return stage.failed(violation_reason(violation, encrypted)),
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
        "SCRAM verification error" => Reason::ImpostorServer,
        _ if scram => Reason::Protocol { detail: format!("a false SCRAM message, {}", printable(&detail)) },
        _ => Reason::Protocol { detail: printable(&detail) },
    })
}

/// An error that only we can read, or nobody.
fn unreadable(stage: Stage, body: &[u8], target: &Target) -> Failure {
    match ServerError::from_body(body, target.password.expose()) {
        Some(error) => stage.said(error, target.tls != Tls::Off),
        None => stage.failed(Reason::Protocol {
            detail: match ServerError::text_of(body, target.password.expose()) {
                Some(text) => format!("an error without SQLSTATE, {text}"),
                None => "an error without a text".to_owned(),
            },
        }),
    }
}

fn violation_reason(violation: &Violation, encrypted: bool) -> Reason {
    match violation {
        Violation::NotPostgres(bytes) => foreign(bytes.clone()),
        Violation::Insecure(how) => Reason::InsecureAuthentication { how: *how, encrypted },
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
        // It said yes to TLS and then something that is not TLS.
        E::InvalidMessage(_) => foreign(b"S".to_vec()),
        _ => Reason::TlsFailed { detail },
    }
}

/// An answer that is not PostgreSQL's.
pub(super) fn foreign(mut first: Vec<u8>) -> Reason {
    first.truncate(32);
    Reason::NotPostgres { protocol: protocol(&first), first }
}

/// Which protocol begins like this.
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

//! The summaries of all diagnostics about the KMS. The constant part stands in front, for `grep`; the variable part stands last.

use crate::kms::{AuthRefusal, TransportFailure};

pub(in super::super) const SETUP_FAILED: &str = "KMS client setup failed";
pub(in super::super) const NOT_CHECKED: &str = "KMS not reachable: plan not checked";
pub(in super::super) const INVALID_ID: &str = "KMS request failed: invalid id";
pub(in super::super) const DENIED: &str = "KMS request failed: permission denied";
pub(in super::super) const INVALID_VALUE: &str = "KMS request failed: invalid value";
pub(in super::super) const OTHER_APP: &str = "KMS request failed: not a PostgreSQL connection";
pub(in super::super) const CONNECTION_NOT_FOUND: &str = "KMS request failed: connection not found";
pub(in super::super) const PROJECT_NOT_FOUND: &str = "KMS request failed: project not found";
pub(in super::super) const GATEWAY_REFUSED: &str = "KMS request failed: gateway rejected";
pub(in super::super) const REFUSED: &str = "KMS request failed: request rejected";
pub(in super::super) const RATE_LIMITED: &str = "KMS request failed: rate limit exceeded";
pub(in super::super) const UNAVAILABLE: &str = "KMS request failed: internal server error";
pub(in super::super) const BAD_GATEWAY: &str = "KMS request failed: bad gateway";
pub(in super::super) const REDIRECTED: &str = "KMS request failed: redirected";
pub(in super::super) const UNEXPECTED: &str = "KMS request failed: unexpected response";
pub(in super::super) const CANCELLED: &str = "KMS request failed: cancelled";
pub(in super::super) const LOST: &str = "KMS response lost, connection created";
pub(in super::super) const UNREADABLE: &str = "KMS list incomplete: unreadable connections";
pub(in super::super) const INTERRUPTED: &str = "Interrupted";
pub(in super::super) const DATABASE_REFUSED: &str = "KMS login to PostgreSQL failed";
pub(in super::super) const PASSWORD_NOT_CHANGED: &str = "KMS password change failed";
pub(in super::super) const NAME_EXISTS: &str = "Connection name already exists";
pub(in super::super) const IN_USE: &str = "Connection is in use";
pub(in super::super) const MANAGED: &str = "Connection credentials are platform-managed";
pub(in super::super) const GONE: &str = "Connection deleted outside of Terraform";
pub(in super::super) const NO_CREDENTIALS: &str = "KMS authentication failed: no credentials";
pub(in super::super) const AWS_REFUSED: &str = "KMS authentication failed: AWS request failed";
pub(in super::super) const IMPORT_ID: &str = "Import id not valid";
pub(in super::super) const IMPORT_NOT_FOUND: &str = "Import failed: connection not found";
pub(in super::super) const IMPORT_AMBIGUOUS: &str = "Import failed: connection name is ambiguous";
pub(in super::super) const MOVE_NOT_SUPPORTED: &str = "Move not supported for this object";
pub(in super::super) const MOVE_INCOMPLETE: &str = "Move failed: object is incomplete";

pub(in super::super) fn auth_refused(reason: AuthRefusal) -> String {
    let reason = match reason {
        AuthRefusal::Locked => "identity locked",
        AuthRefusal::NoSuchMethod => "method not found for identity",
        AuthRefusal::NoSuchOrganization => "organization not found",
        AuthRefusal::AddressNotAllowed => "address not allowed",
        _ => "unauthorized",
    };
    format!("KMS authentication failed: {reason}")
}

/// The summary of a request without a response. One that was sent has reached the KMS, or may have.
pub(in super::super) fn no_response(failure: &TransportFailure, sent: bool) -> String {
    let reason = match failure {
        TransportFailure::ConnectRefused => "connection refused",
        TransportFailure::Dns => "host not found",
        TransportFailure::Proxy(_) => "proxy failed",
        TransportFailure::UnknownAuthority => "unknown issuer",
        TransportFailure::Tls(_) => "TLS failed",
        TransportFailure::Timeout => "timed out",
        TransportFailure::Reset => "connection reset",
        TransportFailure::Cut | TransportFailure::NotProcessed => "connection closed",
        TransportFailure::NotHttp => "not an HTTP server",
        _ => "no connection",
    };
    format!("KMS {}: {reason}", if sent { "request failed" } else { "not reachable" })
}

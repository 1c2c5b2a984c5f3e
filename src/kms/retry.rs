//! What is worth another try. A read may be repeated whenever it failed for a reason that passes; a write only when it is
//! certain that the service did not run it, because a second one may do harm.

use std::time::Duration;

use super::{Error, ErrorKind, TransportFailure};
use crate::kms::http::Request;
use crate::kms::response::ApiResponse;

/// A reason to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryReason {
    pub(super) why: &'static str,
    /// How often at most, where a further try promises little.
    pub(super) at_most: u32,
    /// How long the other side wants to be left alone.
    pub(super) not_before: Option<Duration>,
    /// Whether the service itself, or the way to it, seems to be down.
    pub(super) is_outage: bool,
}

/// Whether an exchange is to be repeated. `is_known` says that the service has answered this client before: then it is there,
/// and will be again.
pub(super) fn retry_reason(
    request: &Request,
    outcome: &Result<ApiResponse, Error>,
    is_known: bool,
) -> Option<RetryReason> {
    let retry_reason = |why| RetryReason { why, at_most: u32::MAX, not_before: None, is_outage: true };
    match outcome {
        Ok(answer) if answer.status() == 429 => Some(RetryReason {
            not_before: answer.retry_after(),
            is_outage: false,
            ..retry_reason("the KMS allows no more requests for now")
        }),
        Ok(answer) if answer.status() >= 500 && request.is_repeatable() => {
            Some(RetryReason { not_before: answer.retry_after(), ..retry_reason("the KMS failed") })
        }
        Err(Error { kind: ErrorKind::NoResponse { failure, sent, .. }, .. }) if !sent || request.is_repeatable() => {
            match failure {
                // It stays so until somebody changes something.
                TransportFailure::Tls(_) | TransportFailure::UnknownAuthority | TransportFailure::NotHttp => None,
                TransportFailure::Proxy(proxy) if !proxy.problem.is_passing() => None,
                // Another try may cost the caller all its time.
                TransportFailure::Timeout => {
                    Some(RetryReason { at_most: 1, ..retry_reason("the KMS did not answer in time") })
                }
                // A wrong address most often, when nobody has answered there yet.
                TransportFailure::Dns
                | TransportFailure::ConnectRefused
                | TransportFailure::Connect(_)
                | TransportFailure::Proxy(_) => Some(RetryReason {
                    at_most: if is_known { u32::MAX } else { 2 },
                    ..retry_reason("the KMS cannot be reached")
                }),
                TransportFailure::NotProcessed => Some(retry_reason("the KMS did not process the request")),
                TransportFailure::Reset | TransportFailure::Cut => {
                    Some(retry_reason("the connection to the KMS broke"))
                }
            }
        }
        _ => None,
    }
}

//! Which requests are repeated. A read is repeated whenever the failure may pass; a write only if the service certainly did
//! not run it, because a second one may do harm.

use std::time::Duration;

use super::{Error, ErrorKind, TransportFailure};
use crate::kms::http::Request;
use crate::kms::response::ApiResponse;

/// Why and when a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryReason {
    pub(super) why: &'static str,
    /// How often at most, where a further attempt rarely helps.
    pub(super) at_most: u32,
    /// The earliest time that the service accepts.
    pub(super) not_before: Option<Duration>,
    /// Whether the service, or the network to it, seems to be down.
    pub(super) is_outage: bool,
}

/// Returns why an exchange is repeated; none if it is not. `has_responded` is whether the service has responded to this client
/// before: then an outage is likely to pass.
pub(super) fn retry_reason(
    request: &Request,
    outcome: &Result<ApiResponse, Error>,
    has_responded: bool,
) -> Option<RetryReason> {
    let retry_reason = |why| RetryReason { why, at_most: u32::MAX, not_before: None, is_outage: true };
    match outcome {
        Ok(response) if response.status() == 429 => Some(RetryReason {
            not_before: response.retry_after(),
            is_outage: false,
            ..retry_reason("the rate limit of the KMS is exceeded")
        }),
        Ok(response) if response.status() >= 500 && request.is_repeatable() => {
            Some(RetryReason { not_before: response.retry_after(), ..retry_reason("the KMS failed") })
        }
        Err(Error { kind: ErrorKind::NoResponse { failure, sent, .. }, .. }) if !sent || request.is_repeatable() => {
            match failure {
                // Lasts until a setting is changed.
                TransportFailure::Tls(_) | TransportFailure::UnknownAuthority | TransportFailure::NotHttp => None,
                TransportFailure::Proxy(proxy) if !proxy.problem.is_passing() => None,
                // Another attempt may take all the time of the caller.
                TransportFailure::Timeout => Some(RetryReason { at_most: 1, ..retry_reason("the request timed out") }),
                // Most often a wrong address, if no response has come from there yet.
                TransportFailure::Dns
                | TransportFailure::ConnectRefused
                | TransportFailure::Connect(_)
                | TransportFailure::Proxy(_) => Some(RetryReason {
                    at_most: if has_responded { u32::MAX } else { 2 },
                    ..retry_reason("the KMS cannot be reached")
                }),
                TransportFailure::NotProcessed => Some(retry_reason("the KMS did not process the request")),
                TransportFailure::Reset | TransportFailure::Cut => {
                    Some(retry_reason("the connection to the KMS was reset or closed"))
                }
            }
        }
        _ => None,
    }
}

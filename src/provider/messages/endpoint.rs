//! Texts of the probe of an endpoint.

use crate::postgres::Refusal;
use crate::provider::login_check::kms_location::NotAllowed;
use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::capitalized;
use super::{postgres, sentence};

/// Returns why a probe, or its TLS handshake, ended, in one sentence.
pub(crate) fn reason(refusal: &Refusal) -> String {
    sentence(&capitalized(&postgres::explain(refusal).sentence))
}

/// Returns the diagnostic for an endpoint that is not on the allow list. `dialled` is the argument that says where to connect.
pub(crate) fn not_allowed(why: &NotAllowed, host: &str, dialled: &'static str) -> Diagnostic {
    let (what, path) = match why {
        NotAllowed::Addresses(addresses) => {
            let addresses: Vec<_> = addresses.iter().map(|address| format!("`{address}`")).collect();
            (format!("Addresses: {}", addresses.join(", ")), dialled)
        }
        NotAllowed::Host | NotAllowed::Loopback => (format!("Host: `{}`", shown(host)), "host"),
    };
    Diagnostic::error(
        "Endpoint not allowed by KMS_VALIDATION_HOSTS",
        format!(
            "The environment variable `KMS_VALIDATION_HOSTS` does not list this endpoint, so the provider did not connect to \
             it.\n{what}\n\nIf the endpoint is the right one, add it to the variable. Both the host and its address must be listed."
        ),
    )
    .at(path)
}

/// Returns the diagnostic for an address that the provider never contacts.
pub(crate) fn never_contacted(refusal: &Refusal, dialled: &'static str) -> Diagnostic {
    Diagnostic::error("Endpoint cannot be probed: forbidden address", reason(refusal)).at(dialled)
}

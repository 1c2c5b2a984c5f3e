//! The texts about an `ssl_certificate` that cannot be used: the problem, and how to correct the configuration.

use crate::postgres::{CertificateError, NotPem};

/// How to give a block that cannot be read.
pub(crate) const DAMAGED: &str = "Give the file as it is, for example with `file(\"ca.pem\")`; a heredoc needs `<<-`.";

/// Returns the detail for an `ssl_certificate` that cannot be used.
pub(crate) fn unusable(error: &CertificateError) -> String {
    let remedy = match error {
        CertificateError::NoCertificate(NotPem::Empty) => {
            " Remove the line, or set it to `null`, to trust the public authorities."
        }
        CertificateError::NoCertificate(NotPem::Html) => {
            " Download the file again: it must begin with `-----BEGIN CERTIFICATE-----`."
        }
        CertificateError::NoCertificate(NotPem::Url) => {
            " Download the certificate and give its content, for example with `file(\"ca.pem\")`."
        }
        CertificateError::NoCertificate(NotPem::Path) => {
            " Give the content of the file: `file(\"…\")` around the path."
        }
        CertificateError::NoCertificate(NotPem::EncodedPem) => " Decode it: `base64decode(…)` around it.",
        CertificateError::Broken(_) => &format!(" {DAMAGED}"),
        _ => "",
    };
    format!("`ssl_certificate` cannot be used: {error}.{remedy}")
}

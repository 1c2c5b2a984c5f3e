//! The fields of a certificate, sanitized. Does not depend on trust.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::postgres::text::{hex, printable};

/// The fields of a certificate, sanitized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The subject.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// The DNS names and addresses that it is for. The common name, if it has no DNS name.
    pub names: Vec<String>,
    /// Whether `names` holds the common name for want of a DNS name.
    pub by_common_name: bool,
    /// Valid from here.
    pub not_before: OffsetDateTime,
    /// Valid up to here.
    pub not_after: OffsetDateTime,
    /// SHA-256 of the certificate, in hex with colons, as `openssl x509 -fingerprint -sha256` prints it.
    pub fingerprint: String,
}

impl Presented {
    /// Reads a certificate; `None` when it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let alternatives = alternatives.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let mut names: Vec<String> = alternatives.iter().filter_map(name).collect();
        let by_common_name = !alternatives.iter().any(|name| matches!(name, GeneralName::DNSName(_)));
        if by_common_name {
            names.extend(certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(printable));
        }
        Some(Self {
            subject: printable(&certificate.subject().to_string()),
            issuer: printable(&certificate.issuer().to_string()),
            names,
            by_common_name,
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            fingerprint: hex(&Sha256::digest(der), ":").to_uppercase(),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(printable(name)),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        },
        _ => None,
    }
}

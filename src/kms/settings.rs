//! What a client is made from. Everything in it is parsed already, so that making a client cannot fail.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};

use super::{AuthRequest, BaseUrl, Proxies};
use crate::secret::Secret;

/// What a client is made from.
#[derive(Clone)]
pub struct Settings {
    /// Where the KMS is.
    pub base: BaseUrl,
    /// How to authenticate.
    pub auth: AuthRequest,
    /// The sub-organization to authenticate to.
    pub organization_slug: Option<String>,
    /// Sent with every request, authentication included.
    pub headers: Vec<Header>,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// Trusted in addition to the certificates of the system.
    pub ca_certificates: Option<CaCertificates>,
    /// How long one request may take in all, from the connection to the last byte of the response.
    pub request_timeout: Duration,
    /// How often a request is repeated at most.
    pub max_retries: u32,
    /// The wait before the first repetition; each further one is about twice as long.
    pub first_pause: Duration,
    /// How long a credential source that failed is not called again.
    pub source_pause: Duration,
    /// The maximum number of reads, and of writes, per minute; none is the limit of the service.
    pub max_requests_per_minute: Option<u32>,
    /// The value of the `User-Agent` header.
    pub user_agent: String,
}

impl Settings {
    /// The service may log in to a database twice, ten seconds each, before it responds.
    pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
    /// About 15 seconds of waiting, in which a service restarts.
    pub const DEFAULT_MAX_RETRIES: u32 = 5;

    /// Returns the default settings.
    pub fn new(base: BaseUrl, auth: AuthRequest) -> Self {
        Self {
            base,
            auth,
            organization_slug: None,
            headers: Vec::new(),
            proxies: Proxies::default(),
            ca_certificates: None,
            request_timeout: Self::DEFAULT_REQUEST_TIMEOUT,
            max_retries: Self::DEFAULT_MAX_RETRIES,
            first_pause: Duration::from_millis(500),
            source_pause: Duration::from_secs(10),
            max_requests_per_minute: None,
            user_agent: user_agent(),
        }
    }
}

/// The name and version that requests carry.
pub(super) fn user_agent() -> String {
    format!("{}/{}", env!("CARGO_PKG_NAME"), crate::VERSION)
}

/// A header of the user, for a proxy in front of the KMS.
#[derive(Debug, Clone)]
pub struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    pub(super) secret: Secret,
}

/// Why a header cannot be sent. Never holds its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not a name by the rules of HTTP. Not repeated: a whole header with its value may stand there.
    #[error("the name of a header is not one that HTTP allows: it has letters, digits and `-`, and no colon or space")]
    Name,
    /// A line break, most often.
    #[error("the value of the header `{0}` holds characters that HTTP does not allow, such as a line break")]
    Value(String),
    /// Belongs to the client.
    #[error("the header `{0}` is set by the provider itself")]
    Reserved(String),
}

impl Header {
    /// Checks name and value.
    pub fn parse(name: &str, value: Secret) -> Result<Self, HeaderError> {
        let parsed = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| HeaderError::Name)?;
        // Whitespace around a value is not part of it in HTTP; a file or a secret store often ends with a line break.
        let value = value.trimmed();
        if RESERVED.contains(&parsed.as_str()) {
            return Err(HeaderError::Reserved(parsed.to_string()));
        }
        let mut bytes = HeaderValue::from_str(value.expose()).map_err(|_| HeaderError::Value(parsed.to_string()))?;
        bytes.set_sensitive(true);
        Ok(Self { name: parsed, value: bytes, secret: value })
    }
}

/// Certificates of authorities, to be trusted in addition to those of the system.
#[derive(Clone)]
pub struct CaCertificates(pub(super) Vec<reqwest::Certificate>);

/// Why a text holds no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaCertificatesError {
    /// No `BEGIN CERTIFICATE` block.
    #[error("there is no certificate in it{0}; PEM certificates begin with `-----BEGIN CERTIFICATE-----`")]
    Empty(&'static str),
    /// The line breaks were lost, in a variable or in JSON.
    #[error("its line breaks became spaces or `\\n`; give the text of the file unchanged, as `file(\"ca.pem\")` does")]
    OneLine,
    /// The armour or its base64 is broken.
    #[error("its PEM armour is broken")]
    Pem,
    /// A block holds something else.
    #[error("certificate {0} of it cannot be read")]
    Certificate(usize),
}

impl CaCertificates {
    /// Reads one or more certificates in PEM. Other blocks and text between them are skipped.
    pub fn parse(pem: &str) -> Result<Self, CaCertificatesError> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};

        let first = pem.trim().split_once("-----BEGIN CERTIFICATE-----").map(|(_, rest)| rest.trim_end());
        if first.is_some_and(|rest| rest.contains("-----END CERTIFICATE-----") && !rest.contains('\n')) {
            return Err(CaCertificatesError::OneLine);
        }
        let mut certificates = Vec::new();
        for (index, der) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
            let der = der.map_err(|_| CaCertificatesError::Pem)?;
            let unreadable = CaCertificatesError::Certificate(index + 1);
            let certificate = reqwest::Certificate::from_der(&der).map_err(|_| unreadable.clone())?;
            rustls::RootCertStore::empty().add(der).map_err(|_| unreadable)?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(CaCertificatesError::Empty(kind(pem.trim())));
        }
        Ok(Self(certificates))
    }
}

/// What a text without certificates is instead, where that shows.
fn kind(text: &str) -> &'static str {
    let is_line = !text.contains('\n');
    if text.contains("PRIVATE KEY-----") {
        ", but a private key, which must never leave its machine"
    } else if text.starts_with('<') {
        ", but an HTML page"
    } else if text.starts_with("http://") || text.starts_with("https://") {
        ", but an address; download the certificate from there"
    } else if is_line
        && (text.starts_with(['/', '~', '.']) || [".pem", ".crt", ".cer"].iter().any(|end| text.ends_with(end)))
    {
        ", but a path, which belongs in `ca_certificate_file`"
    } else {
        ""
    }
}

const RESERVED: [&str; 7] =
    ["authorization", "connection", "content-length", "content-type", "host", "transfer-encoding", "upgrade"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_headers_that_cannot_be_sent() {
        for (name, value, expected) in [
            ("X-Team", "a b", None),
            (" X-Team ", "v", None),
            ("X-Team", " v\r\n", None),
            ("x y", "v", Some(HeaderError::Name)),
            ("X-Team: hunter2", "", Some(HeaderError::Name)),
            ("", "v", Some(HeaderError::Name)),
            ("X-Team", "a\r\nb", Some(HeaderError::Value("x-team".to_owned()))),
            ("AUTHORIZATION", "v", Some(HeaderError::Reserved("authorization".to_owned()))),
            ("Host", "v", Some(HeaderError::Reserved("host".to_owned()))),
        ] {
            assert_eq!(Header::parse(name, Secret::new(value)).err(), expected, "{name}");
        }
        let trimmed = Header::parse("X-Team", Secret::new("v\n")).unwrap();
        assert_eq!((trimmed.value.as_bytes(), trimmed.secret.expose()), (&b"v"[..], "v"));
        let printed = format!("{:?}", Header::parse("X-Team", Secret::new("hunter2")).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn rejects_texts_without_valid_certificates() {
        use base64::{Engine, prelude::BASE64_STANDARD};

        let certificate = rcgen::generate_simple_self_signed(["kms.test".to_owned()]).unwrap().cert;
        let body = BASE64_STANDARD.encode(certificate.der());
        let good = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let not_one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert_eq!(CaCertificates::parse(&format!("{good}text\n{good}")).unwrap().0.len(), 2);
        for (pem, expected) in [
            ("", CaCertificatesError::Empty("")),
            ("hello", CaCertificatesError::Empty("")),
            ("<!DOCTYPE html>\n<html>", CaCertificatesError::Empty(", but an HTML page")),
            (
                "https://pki.test/ca.pem",
                CaCertificatesError::Empty(", but an address; download the certificate from there"),
            ),
            ("~/ca.pem", CaCertificatesError::Empty(", but a path, which belongs in `ca_certificate_file`")),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                CaCertificatesError::Empty(", but a private key, which must never leave its machine"),
            ),
            (&good.replace('\n', " "), CaCertificatesError::OneLine),
            (&good.replace('\n', "\\n"), CaCertificatesError::OneLine),
            (&format!("{good}{not_one}"), CaCertificatesError::Certificate(2)),
            (broken, CaCertificatesError::Pem),
        ] {
            assert_eq!(CaCertificates::parse(pem).err(), Some(expected), "{pem}");
        }
    }
}

//! Certificates as a person gives them (PEM) and as a server shows them. Knows nothing of connections.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::text::{hex, printable};

/// The certificates that are trusted in place of the public ones: at least one, each readable, at least one of them a
/// root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates(Vec<CertificateDer<'static>>);

/// Why a text is not a set of certificates to trust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No block of the right kind. The service would then trust nothing.
    #[error("it has no `-----BEGIN CERTIFICATE-----` block")]
    NoCertificate,
    /// A key among the certificates would be stored where everybody who may read the connection reads it.
    #[error("it contains a private key, which must never leave its machine: give certificates only")]
    PrivateKey,
    /// A block that ends nowhere, is not base64, or is no certificate.
    #[error("its certificate block number {block} is damaged: {problem}")]
    Broken {
        /// Which block, from 1.
        block: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A certificate that others vouch for is trusted only through theirs.
    #[error(
        "`{subject}` is not a root: it was issued by `{issuer}`. Give the certificate of `{issuer}`, or of the authority \
         above it that signed itself"
    )]
    NoRoot {
        /// Whom the first certificate is for.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
}

impl Certificates {
    /// Reads PEM; text around the blocks is ignored.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence that begins with its name.
    pub fn parse(pem: &str) -> Result<Self, CertificateError> {
        let mut found = Vec::new();
        let mut rest = pem;
        while let Some((_, after)) = rest.split_once("-----BEGIN ") {
            let block = found.len() + 1;
            let broken = |problem| CertificateError::Broken { block, problem };
            let (label, body) = after.split_once("-----").ok_or(broken("its first line is cut off"))?;
            if label.contains("PRIVATE KEY") {
                return Err(CertificateError::PrivateKey);
            }
            let end = format!("-----END {label}-----");
            let (base64, after) = body.split_once(&end).ok_or(broken("its `-----END` line is missing"))?;
            if matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
                let base64: String = base64.split_whitespace().collect();
                let der = STANDARD.decode(base64).map_err(|_| broken("it is not base64"))?;
                // A "trusted" certificate has notes of OpenSSL behind it.
                let (notes, _) =
                    X509Certificate::from_der(&der).map_err(|_| broken("it is not an X.509 certificate"))?;
                let der = der.get(..der.len() - notes.len()).unwrap_or_default();
                found.push(CertificateDer::from(der.to_vec()));
            }
            rest = after;
        }
        Self(found).with_a_root()
    }

    /// The end of the last root to expire, when that is known.
    pub fn expire_at(&self) -> Option<OffsetDateTime> {
        self.0
            .iter()
            .filter_map(|der| Presented::read(der))
            .filter(Presented::is_self_signed)
            .map(|root| root.not_after)
            .max()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }

    fn with_a_root(self) -> Result<Self, CertificateError> {
        let known: Vec<Presented> = self.0.iter().filter_map(|der| Presented::read(der)).collect();
        match known.first() {
            None => Err(CertificateError::NoCertificate),
            Some(_) if known.iter().any(Presented::is_self_signed) => Ok(self),
            Some(first) => {
                Err(CertificateError::NoRoot { subject: first.subject.clone(), issuer: first.issuer.clone() })
            }
        }
    }
}

/// What a certificate says of itself, fit to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Whom it is for.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The DNS names and addresses that it is for. The common name, when there is no DNS name.
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
    pub(super) fn read(der: &[u8]) -> Option<Self> {
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

    /// Whether it names itself as its issuer.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pem_of(params: &rcgen::CertificateParams) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
    }

    #[test]
    fn pem_is_read_as_people_paste_it() {
        let root = pem_of(&rcgen::CertificateParams::new(vec!["db.test".to_owned()]).unwrap());
        let cases = [
            ("one", root.clone(), 1),
            ("two", format!("{root}{root}"), 2),
            ("text around it", format!("subject: db\n{root}\nend"), 1),
            ("windows", root.replace('\n', "\r\n"), 1),
            ("another kind of block", format!("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n{root}"), 1),
            ("of OpenSSL", root.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), 1),
        ];
        for (name, pem, count) in cases {
            assert_eq!(Certificates::parse(&pem).map(|certificates| certificates.iter().count()), Ok(count), "{name}");
        }
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        use CertificateError::{Broken, NoCertificate, PrivateKey};
        let root = pem_of(&rcgen::CertificateParams::new(vec!["db.test".to_owned()]).unwrap());
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let cases = [
            ("nothing", String::new(), NoCertificate),
            ("base64 alone", "MIIB".to_owned(), NoCertificate),
            ("key after", format!("{root}{key}"), PrivateKey),
            ("key before", format!("{key}{root}"), PrivateKey),
            ("old kind of key", key.replace("PRIVATE", "RSA PRIVATE"), PrivateKey),
            (
                "cut off",
                format!("{root}{}", &root[..60]),
                Broken { block: 2, problem: "its `-----END` line is missing" },
            ),
            ("not base64", root.replacen("MII", "!!!", 1), Broken { block: 1, problem: "it is not base64" }),
            (
                "not a certificate",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(),
                Broken { block: 1, problem: "it is not an X.509 certificate" },
            ),
        ];
        for (name, pem, error) in cases {
            assert_eq!(Certificates::parse(&pem), Err(error), "{name}");
        }
    }

    #[test]
    fn a_certificate_that_others_vouch_for_is_no_root() {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "root");
        let issuer = rcgen::Issuer::new(params, rcgen::KeyPair::generate().unwrap());
        let key = rcgen::KeyPair::generate().unwrap();
        let mut leaf = rcgen::CertificateParams::new(vec!["db.test".to_owned()]).unwrap();
        leaf.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
        let der = leaf.signed_by(&key, &issuer).unwrap().der().to_vec();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        let error = Certificates::parse(&pem).unwrap_err();
        assert!(
            matches!(&error, CertificateError::NoRoot { subject, issuer } if subject.contains("leaf") && issuer.contains("root")),
            "{error}"
        );
    }
}

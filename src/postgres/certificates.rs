//! Certificates as a person gives them (PEM). The reading is OpenSSL's, which the service uses; what that would pass over
//! in silence is an error here. Knows nothing of connections.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Presented;
use super::judgement::Certificate;
use super::text::day;

/// The certificates that are trusted in place of the public ones: at least one, each readable, at least one of them a
/// root whose time is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates(Vec<CertificateDer<'static>>);

/// Why a text is not a set of certificates to trust. Each text is the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No block of the right kind. The service would then trust nothing.
    #[error("it has no `-----BEGIN CERTIFICATE-----` block")]
    NoCertificate,
    /// A key among the certificates would be stored where everybody who may read the connection reads it.
    #[error("it contains a private key, which must never leave its machine: give certificates only")]
    PrivateKey,
    /// A block that ends nowhere, is not base64, or is no certificate. The service would pass over it and all that
    /// follows without a word.
    #[error("its block number {block} is damaged: {problem}")]
    Broken {
        /// Which block, from 1.
        block: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A certificate that others vouch for is trusted only through theirs.
    #[error(
        "`{subject}` is {}, not a root: it was issued by `{issuer}`. Give the certificate of the authority that signed \
         itself: `{issuer}`, or one above it",
        if *.authority { "an intermediate authority" } else { "the own certificate of a server" }
    )]
    NoRoot {
        /// Whom the first certificate is for.
        subject: String,
        /// Who issued it.
        issuer: String,
        /// Whether it may issue others itself.
        authority: bool,
    },
    /// The time of every root is over.
    #[error("the root `{subject}` expired on {}. Give its successor", day(*.ended))]
    Expired {
        /// The root that expired last.
        subject: String,
        /// When.
        ended: OffsetDateTime,
    },
}

impl Certificates {
    /// Reads PEM; text between the blocks is ignored. Roots are measured by the clock of this machine.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence that begins with its name.
    pub fn parse(pem: &str) -> Result<Self, CertificateError> {
        Self::parse_at(pem, OffsetDateTime::now_utc())
    }

    fn parse_at(pem: &str, now: OffsetDateTime) -> Result<Self, CertificateError> {
        let mut found = Vec::new();
        // The service trims the value, a byte order mark included.
        let pem = pem.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let mut lines = pem.lines().map(|line| line.trim_end_matches(|c: char| c <= ' '));
        let mut block = 0;
        while let Some(line) = lines.next() {
            if !line.contains("-----BEGIN ") {
                continue;
            }
            block += 1;
            let label = label(line).map_err(|problem| CertificateError::Broken { block, problem })?;
            if label.contains("PRIVATE KEY") {
                return Err(CertificateError::PrivateKey);
            }
            let broken = |problem| CertificateError::Broken { block, problem };
            let end = format!("-----END {label}-----");
            let mut base64 = String::new();
            loop {
                match lines.next() {
                    Some(line) if line == end => break,
                    Some(line) if line.trim_start() == end => return Err(broken(INDENTED)),
                    Some(line) if !line.contains("-----") => base64.extend(line.split_whitespace()),
                    _ => return Err(broken("its `-----END` line is missing")),
                }
            }
            let der = STANDARD.decode(base64).map_err(|_| broken("it is not base64"))?;
            if matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
                // A "trusted" certificate has notes of OpenSSL behind it.
                let (notes, _) =
                    X509Certificate::from_der(&der).map_err(|_| broken("it is not an X.509 certificate"))?;
                let der = der.get(..der.len() - notes.len()).unwrap_or_default();
                found.push(CertificateDer::from(der.to_vec()));
            }
        }
        Self(found).with_a_root(now)
    }

    /// The end of the last root to expire, when that is known.
    pub fn expire_at(&self) -> Option<OffsetDateTime> {
        self.last_root().map(|root| root.not_after)
    }

    pub(super) fn as_slice(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    fn with_a_root(self, now: OffsetDateTime) -> Result<Self, CertificateError> {
        let Some(first) = self.0.first().and_then(|der| Presented::read(der)) else {
            return Err(CertificateError::NoCertificate);
        };
        match self.last_root() {
            Some(root) if root.not_after < now => {
                Err(CertificateError::Expired { subject: root.subject, ended: root.not_after })
            }
            Some(_) => Ok(self),
            None => Err(CertificateError::NoRoot {
                subject: first.subject,
                issuer: first.issuer,
                authority: self
                    .0
                    .first()
                    .and_then(|der| Certificate::read(der))
                    .is_some_and(|first| first.is_authority()),
            }),
        }
    }

    /// The root that expires last.
    fn last_root(&self) -> Option<Presented> {
        let roots = self.0.iter().filter(|der| Certificate::read(der).is_some_and(|root| root.is_self_signed()));
        roots.filter_map(|der| Presented::read(der)).max_by_key(|root| root.not_after)
    }
}

const INDENTED: &str = "its first and last line must begin at the start of a line (a heredoc needs `<<-`)";

/// What the first line of a block announces.
fn label(line: &str) -> Result<&str, &'static str> {
    if line.contains("\\n") {
        return Err("it is one line with `\\n` in it instead of real line ends");
    }
    let Some(label) = line.strip_prefix("-----BEGIN ") else {
        return Err(INDENTED);
    };
    let label = label.strip_suffix("-----").filter(|label| !label.contains("-----"));
    label.ok_or("its first line does not end in `-----`")
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
            assert_eq!(
                Certificates::parse(&pem).map(|certificates| certificates.as_slice().len()),
                Ok(count),
                "{name}"
            );
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
            matches!(&error, CertificateError::NoRoot { subject, issuer, authority: false } if subject.contains("leaf") && issuer.contains("root")),
            "{error}"
        );
    }
}

//! Certificates that a user gives (PEM), read as OpenSSL reads them. Blocks that OpenSSL ignores silently are reported. Does not
//! depend on connections.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::not_pem::NotPem;
use super::verify::Certificate;
use crate::postgres::Presented;
use crate::postgres::text::day;

/// The certificates that are trusted in place of the public ones: at least one, each readable, at least one of them a
/// root that has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    trusted: Vec<CertificateDer<'static>>,
    damage: Option<Damage>,
}

/// A block of a bundle that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its block number {block} is damaged: {problem}")]
pub struct Damage {
    /// Which block, from 1.
    pub block: usize,
    /// The problem.
    pub problem: &'static str,
    /// Whether OpenSSL reads nothing after it. It skips a block that it does not recognise as one.
    pub ends_reading: bool,
}

/// Why a text is not a set of certificates to trust. Each text is the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No block of the right kind.
    #[error(transparent)]
    NoCertificate(#[from] NotPem),
    /// A private key, which would be stored where each reader of the connection sees it.
    #[error("it contains a private key, which must never leave its machine: give certificates only")]
    PrivateKey,
    /// A block that cannot be read, and no root before it that can be trusted.
    #[error(transparent)]
    Broken(#[from] Damage),
    /// A certificate that another one signed is trusted only through that one.
    #[error(
        "`{subject}` is {}, not a root: it was issued by `{issuer}`. Give the certificate of the authority that signed \
         itself: `{issuer}`, or one above it",
        if *.authority { "an intermediate authority" } else { "a server's own certificate" }
    )]
    NoRoot {
        /// The subject of the first certificate.
        subject: String,
        /// The issuer of the first certificate.
        issuer: String,
        /// Whether it may issue others itself.
        authority: bool,
    },
    /// Every root has expired.
    #[error("the root `{subject}` expired on {}. Use the current bundle", day(*.ended))]
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
    /// The problem of the text, as the end of a sentence that begins with its name.
    pub fn parse(pem: &str) -> Result<Self, CertificateError> {
        Self::parse_at(pem, OffsetDateTime::now_utc())
    }

    fn parse_at(pem: &str, now: OffsetDateTime) -> Result<Self, CertificateError> {
        // Whitespace and a byte order mark around the text are ignored.
        let pem = pem.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if pem.lines().any(|line| line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----")) {
            return Err(CertificateError::PrivateKey);
        }
        let (mut trusted, mut damage, mut other) = (Vec::new(), None, None);
        let mut lines = pem.lines().map(|line| line.trim_end_matches(|c: char| c <= ' '));
        let mut block = 0;
        while let Some(line) = lines.next() {
            if !line.contains("-----BEGIN ") {
                continue;
            }
            block += 1;
            let read =
                label(line).map_err(|problem| Damage { block, problem, ends_reading: false }).and_then(|label| {
                    let damaged = |problem| Damage { block, problem, ends_reading: true };
                    let der = body(&mut lines, label).map_err(damaged)?;
                    if matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
                        // A "trusted" certificate has trust settings of OpenSSL behind it.
                        let (settings, _) =
                            X509Certificate::from_der(&der).map_err(|_| damaged("it is not an X.509 certificate"))?;
                        Ok(der.get(..der.len() - settings.len()).map(<[u8]>::to_vec))
                    } else {
                        other.get_or_insert_with(|| label.to_owned());
                        Ok(None)
                    }
                });
            match read {
                Ok(der) => trusted.extend(der.map(CertificateDer::from)),
                Err(found) => {
                    let ends = found.ends_reading;
                    damage.get_or_insert(found);
                    if ends {
                        break;
                    }
                }
            }
        }
        let damaged = damage.clone();
        match (Self { trusted, damage }.with_a_root(now), damaged) {
            (Ok(Some(read)), _) => Ok(read),
            // What was lost may be the root.
            (_, Some(damage)) => Err(damage.into()),
            (Ok(None), None) => Err(NotPem::of(pem, other).into()),
            (Err(error), None) => Err(error),
        }
    }

    /// The first block that could not be read, where certificates before it are trusted.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// The end of the last root to expire, when that is known.
    pub fn expire_at(&self) -> Option<OffsetDateTime> {
        self.last_root().map(|root| root.not_after)
    }

    pub(crate) fn as_slice(&self) -> &[CertificateDer<'static>] {
        &self.trusted
    }

    /// How many certificates are trusted.
    pub fn count(&self) -> usize {
        self.trusted.len()
    }

    /// Returns `None` without a certificate.
    fn with_a_root(self, now: OffsetDateTime) -> Result<Option<Self>, CertificateError> {
        let Some(first) = self.trusted.first() else { return Ok(None) };
        match self.last_root() {
            Some(root) if root.not_after < now => {
                Err(CertificateError::Expired { subject: root.subject, ended: root.not_after })
            }
            Some(_) => Ok(Some(self)),
            None => {
                let presented = Presented::read(first);
                let (subject, issuer) = presented.map(|first| (first.subject, first.issuer)).unwrap_or_default();
                let authority = Certificate::read(first).is_some_and(|first| first.is_authority());
                Err(CertificateError::NoRoot { subject, issuer, authority })
            }
        }
    }

    /// The root that expires last.
    fn last_root(&self) -> Option<Presented> {
        let roots = self.trusted.iter().filter(|der| Certificate::read(der).is_some_and(|root| root.is_self_signed()));
        roots.filter_map(|der| Presented::read(der)).max_by_key(|root| root.not_after)
    }
}

const INDENTED: &str = "its first and last line must begin at the start of a line";

const EMPTY_LINE: &str = "it has an empty line";

/// Returns the label in the first line of a block.
fn label(line: &str) -> Result<&str, &'static str> {
    if line.contains("\\n") {
        return Err("it is one line with `\\n` in it instead of real line ends");
    }
    if line.contains('\r') {
        return Err("its line ends are carriage returns alone: save it with line feeds");
    }
    if line.contains("----- ") && line.contains("-----END ") {
        return Err("it is one line: its line ends became spaces");
    }
    let Some(label) = line.strip_prefix("-----BEGIN ") else {
        return Err(INDENTED);
    };
    let label = label.strip_suffix("-----").filter(|label| !label.contains("-----"));
    label.ok_or("its first line does not end in `-----`")
}

/// Reads the bytes of a block after its first line.
fn body<'l>(lines: &mut impl Iterator<Item = &'l str>, label: &str) -> Result<Vec<u8>, &'static str> {
    /// OpenSSL's, for blocks with headers, which an empty line ends.
    const MAX_LINE_LENGTH: usize = 64;
    let end = format!("-----END {label}-----");
    let mut base64 = String::new();
    let (mut after_headers, mut short) = (false, false);
    for line in lines {
        if line == end {
            return STANDARD.decode(base64).map_err(|_| "it is not base64");
        } else if line.trim_start() == end {
            return Err(INDENTED);
        } else if line.starts_with(&end) {
            return Err("something else follows on the line of its `-----END`: begin a new line there");
        } else if line.contains("-----") {
            break;
        } else if line.is_empty() && base64.is_empty() && !after_headers {
            after_headers = true;
        } else if line.is_empty() || after_headers && (short || line.len() > MAX_LINE_LENGTH) {
            return Err(EMPTY_LINE);
        } else {
            short = line.len() < MAX_LINE_LENGTH;
            base64.extend(line.split_whitespace());
        }
    }
    Err("its `-----END` line is missing")
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
    fn reads_pem_with_text_around_it() {
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
        use CertificateError::PrivateKey;
        let broken = |block, problem| Damage { block, problem, ends_reading: true }.into();
        let root = pem_of(&rcgen::CertificateParams::new(vec!["db.test".to_owned()]).unwrap());
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let cases = [
            ("nothing", String::new(), NotPem::Empty.into()),
            ("base64 alone", "MIIB".to_owned(), NotPem::Text.into()),
            (
                "another kind",
                "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----".to_owned(),
                NotPem::Block("X509 CRL".to_owned()).into(),
            ),
            ("key after damage", format!("{}{key}", root.replacen("MII", "!!!", 1)), PrivateKey),
            (
                "spaces for line ends",
                root.trim().replace('\n', " "),
                Damage { block: 1, problem: label(&root.replace('\n', " ")).unwrap_err(), ends_reading: false }.into(),
            ),
            ("empty line", root.replacen('\n', "\n\n", 3), broken(1, EMPTY_LINE)),
            ("key after", format!("{root}{key}"), PrivateKey),
            ("key before", format!("{key}{root}"), PrivateKey),
            ("old kind of key", key.replace("PRIVATE", "RSA PRIVATE"), PrivateKey),
            ("truncated", root[..60].to_owned(), broken(1, "its `-----END` line is missing")),
            ("not base64", root.replacen("MII", "!!!", 1), broken(1, "it is not base64")),
            (
                "not a certificate",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(),
                broken(1, "it is not an X.509 certificate"),
            ),
        ];
        for (name, pem, error) in cases {
            assert_eq!(Certificates::parse(&pem), Err(error), "{name}");
        }
    }

    #[test]
    fn trusts_certificates_before_a_damaged_block() {
        let root = pem_of(&rcgen::CertificateParams::new(vec!["db.test".to_owned()]).unwrap());
        let indented = root.replace("-----BEGIN", "  -----BEGIN");
        for (name, pem, count, damage) in [
            ("not base64", format!("{root}{}{root}", root.replacen("MII", "!!!", 1)), 1, (2, "it is not base64", true)),
            ("truncated", format!("{root}{}", &root[..60]), 1, (2, "its `-----END` line is missing", true)),
            ("indented", format!("{root}{indented}{root}"), 2, (2, INDENTED, false)),
        ] {
            let read = Certificates::parse(&pem).unwrap();
            let (block, problem, ends_reading) = damage;
            assert_eq!(read.count(), count, "{name}");
            assert_eq!(read.damage(), Some(&Damage { block, problem, ends_reading }), "{name}");
        }
        // Nothing usable before it.
        let leading = format!("{}{root}", root.replacen("MII", "!!!", 1));
        assert!(matches!(Certificates::parse(&leading), Err(CertificateError::Broken(_))));
    }

    #[test]
    fn rejects_certificate_that_another_one_signed() {
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

//! Certificates for test servers: an authority and what it issues.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Since yesterday, for a year.
    Now,
    /// For ten days that ended yesterday.
    Past,
    /// For ten days that begin tomorrow.
    Future,
}

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    /// The certificate.
    pub(crate) certificate_pem: String,
    /// Its private key, PKCS #8.
    pub(crate) key_pem: String,
    /// The certificate in DER.
    pub(crate) certificate_der: Vec<u8>,
    /// The private key in DER.
    pub(crate) key_der: Vec<u8>,
}

/// A certificate authority with a self-signed certificate.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Makes one; its key exists only here.
    pub(crate) fn new(common_name: &str) -> Self {
        let mut params = params(common_name, &[], Validity::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = pem("CERTIFICATE", params.self_signed(&key).unwrap().der());
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Returns its certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns its certificate in DER.
    pub(crate) fn der(&self) -> Vec<u8> {
        let body: String = self.pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).unwrap()
    }

    /// Issues a server certificate for DNS names and addresses.
    pub(crate) fn issue(&self, names: &[&str], validity: Validity) -> Issued {
        self.issue_to(names.first().copied().unwrap_or("server"), names, validity)
    }

    /// Returns the same for a common name of its own.
    pub(crate) fn issue_to(&self, common_name: &str, names: &[&str], validity: Validity) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params(common_name, names, validity).signed_by(&key, &self.issuer).unwrap();
        issued(certificate.der(), &key)
    }

    /// Returns a self-signed certificate.
    pub(crate) fn self_signed(names: &[&str], is_ca: bool) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names.first().copied().unwrap_or("server"), names, Validity::Now);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        issued(params.self_signed(&key).unwrap().der(), &key)
    }
}

fn params(common_name: &str, names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = match validity {
        Validity::Now => (now - Duration::DAY, now + Duration::days(365)),
        Validity::Past => (now - Duration::days(11), now - Duration::DAY),
        Validity::Future => (now + Duration::DAY, now + Duration::days(11)),
    };
    params
}

fn issued(certificate: &[u8], key: &KeyPair) -> Issued {
    Issued {
        certificate_pem: pem("CERTIFICATE", certificate),
        key_pem: pem("PRIVATE KEY", key.serialized_der()),
        certificate_der: certificate.to_vec(),
        key_der: key.serialized_der().to_vec(),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

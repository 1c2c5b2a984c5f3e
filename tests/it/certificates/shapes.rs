//! Certificates of every shape, made on the spot: by rcgen, by cutting its work down to version 1, and by `openssl` what
//! no library makes any more.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SigningKey as _};
use time::{Duration, OffsetDateTime};
use x509_parser::asn1_rs::{Any, FromDer};

/// A certificate with its key, and what is needed to issue others with it.
pub(crate) struct Made {
    pub(crate) der: Vec<u8>,
    pub(crate) key_der: Vec<u8>,
    own: Option<(CertificateParams, KeyPair)>,
}

/// What a certificate is made from: valid from yesterday for a year.
pub(crate) fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !common_name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, common_name);
    }
    (params.not_before, params.not_after) = days(-1, 365);
    params
}

/// A time that begins and ends so many days from now.
pub(crate) fn days(from: i64, to: i64) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now + Duration::days(from), now + Duration::days(to))
}

/// An authority's.
pub(crate) fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
}

/// Leaves everything as it is.
pub(crate) fn plain(_: &mut CertificateParams) {}

impl Made {
    /// A self-signed authority.
    pub(crate) fn root(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::self_signed(params(name, &[]), KeyPair::generate().unwrap(), |params| {
            authority(params);
            change(params);
        })
    }

    /// A self-signed certificate.
    pub(crate) fn self_signed(
        mut params: CertificateParams,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        change(&mut params);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, key_der: key.serialize_der(), own: Some((params, key)) }
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        self.sign(params(name, &[]), KeyPair::generate().unwrap(), |params| {
            authority(params);
            change(params);
        })
    }

    /// A server's certificate, for `db.test` if nothing changes that.
    pub(crate) fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        self.sign(params("db.test", &["db.test"]), KeyPair::generate().unwrap(), change)
    }

    /// Any certificate below this one.
    pub(crate) fn sign(
        &self,
        mut params: CertificateParams,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        change(&mut params);
        let (own, own_key) = self.own();
        let der = params.signed_by(&key, &Issuer::from_params(own, own_key)).unwrap().der().to_vec();
        Self { der, key_der: key.serialize_der(), own: Some((params, key)) }
    }

    /// Another certificate for this one's key.
    pub(crate) fn again(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (own, _) = self.own();
        Self::self_signed(own.clone(), self.key(), change)
    }

    /// This one's name and key, issued by another.
    pub(crate) fn cross_signed_by(&self, other: &Self) -> Self {
        other.sign(self.own().0.clone(), self.key(), plain)
    }

    /// The key once more.
    pub(crate) fn key(&self) -> KeyPair {
        KeyPair::try_from(self.key_der.as_slice()).unwrap()
    }

    /// The same without version and extensions, signed anew by `issuer` (itself when `None`).
    pub(crate) fn version_1(self, issuer: Option<&Self>) -> Self {
        let (_, whole) = Any::from_der(&self.der).unwrap();
        let (rest, signed_part) = Any::from_der(whole.data).unwrap();
        let (_, algorithm) = element(rest);
        let mut kept = Vec::new();
        let mut rest = signed_part.data;
        while !rest.is_empty() {
            let (after, bytes) = element(rest);
            // [0] is the version, [3] the extensions.
            if !matches!(bytes[0], 0xa0 | 0xa3) {
                kept.extend_from_slice(bytes);
            }
            rest = after;
        }
        let signed_part = wrap(0x30, &kept);
        let signature = issuer.unwrap_or(&self).own().1.sign(&signed_part).unwrap();
        let signature = wrap(0x03, &[&[0], signature.as_slice()].concat());
        let der = wrap(0x30, &[&signed_part, algorithm, &signature].concat());
        Self { der, ..self }
    }

    /// The same with one bit of its signature changed.
    pub(crate) fn tampered(mut self) -> Self {
        let last = self.der.len() - 1;
        self.der[last] ^= 1;
        self
    }

    /// The same, presented with another key.
    pub(crate) fn with_key_of(self, other: &Self) -> Self {
        Self { key_der: other.key_der.clone(), ..self }
    }

    fn own(&self) -> (&CertificateParams, &KeyPair) {
        let (params, key) = self.own.as_ref().expect("made by rcgen");
        (params, key)
    }

    /// By the command-line tool: `arguments` of `openssl req -x509`, signed by `issuer` or by itself.
    pub(crate) fn by_openssl(subject: &str, arguments: &[&str], issuer: Option<&Self>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "30", "-subj", subject]).args(arguments);
        command.args(["-keyout", &file("key.pem"), "-out", &file("certificate.pem")]);
        if let Some(issuer) = issuer {
            std::fs::write(file("ca.pem"), pem(&[issuer])).unwrap();
            std::fs::write(file("ca.key"), armour("PRIVATE KEY", &issuer.key_der)).unwrap();
            command.args(["-CA", &file("ca.pem"), "-CAkey", &file("ca.key")]);
        }
        let output = command.output().expect("`openssl` (3.0 or newer) must be installed: it makes old kinds of keys");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| {
            let text = std::fs::read_to_string(file(name)).unwrap();
            let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
            STANDARD.decode(lines).unwrap()
        };
        Self { der: read("certificate.pem"), key_der: read("key.pem"), own: None }
    }
}

/// The first element and what follows it.
fn element(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (rest, _) = Any::from_der(bytes).unwrap();
    (rest, &bytes[..bytes.len() - rest.len()])
}

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut wrapped = vec![tag];
    match length {
        0..0x80 => wrapped.push(u8::try_from(length).unwrap()),
        0x80..0x100 => wrapped.extend([0x81, u8::try_from(length).unwrap()]),
        _ => {
            wrapped.push(0x82);
            wrapped.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    wrapped.extend_from_slice(content);
    wrapped
}

/// Certificates, one after the other.
pub(crate) fn pem(certificates: &[&Made]) -> String {
    certificates.iter().map(|certificate| armour("CERTIFICATE", &certificate.der)).collect()
}

pub(crate) fn armour(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

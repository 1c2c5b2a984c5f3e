//! The permitted purposes and the strength of each certificate of a chain. The rules are those of OpenSSL for a client
//! that checks a server; does not depend on dates, signatures and host names.

use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry as oid;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::SignatureAlgorithm;

use super::certificate::Certificate;
use super::{Fault, Finding};

/// Critical extensions that are understood, or at least known: key usage, names, basic and name constraints, policies,
/// revocation, extended key usage, Netscape's type, address blocks.
const UNDERSTOOD: [&str; 15] = [
    "2.16.840.1.113730.1.1",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.36",
    "2.5.29.37",
    "2.5.29.54",
    "1.3.6.1.5.5.7.1.7",
    "1.3.6.1.5.5.7.1.8",
    "1.3.6.1.5.5.7.1.14",
    "1.3.6.1.5.5.7.48.1.5",
];
/// "Server gated cryptography" of Microsoft and Netscape: old names of a TLS server.
const OLD_SERVER_PURPOSES: [&str; 2] = ["1.3.6.1.4.1.311.10.3.3", "2.16.840.1.113730.4.1"];
/// The least that Node 24 accepts of RSA.
const RSA_BITS: usize = 2048;
/// The least that Node 20 and 22 accept of RSA.
const OLD_RSA_BITS: usize = 1024;

/// The first certificate from the bottom that may not be where it is.
pub(crate) fn check(chain: &[&Certificate<'_>]) -> Result<(), Finding> {
    let mut below = 0;
    for (at, certificate) in chain.iter().enumerate() {
        let is_last = at + 1 == chain.len();
        let finding = |fault| Finding::new(fault, at, certificate);
        if let Some(kind) = unknown_critical(certificate) {
            return Err(finding(Fault::UnknownCritical(kind)));
        }
        if let Some(kind) = unreadable(certificate) {
            return Err(finding(Fault::Unverifiable(format!("its extension {kind} cannot be read"))));
        }
        if at > 0 {
            let standing = standing(certificate);
            if standing == Standing::None || (standing == Standing::Tolerated && !is_last) {
                return Err(finding(Fault::NotAnAuthority));
            }
            let limit = match certificate.extension(&oid::OID_X509_EXT_BASIC_CONSTRAINTS) {
                ParsedExtension::BasicConstraints(constraints) => constraints.path_len_constraint,
                _ => None,
            };
            if at > 1 && limit.is_some_and(|limit| below > limit) {
                return Err(finding(Fault::PathTooLong));
            }
            if !certificate.is_self_issued() {
                below += 1;
            }
        }
        if !may_serve(certificate, at == 0) {
            return Err(finding(Fault::WrongPurpose));
        }
    }
    Ok(())
}

/// Finds the first certificate from the bottom with a key, or a signature by another one, that is too weak.
pub(crate) fn check_strength(chain: &[&Certificate<'_>]) -> Result<(), Finding> {
    for (at, certificate) in chain.iter().enumerate() {
        let finding = |fault| Finding::new(fault, at, certificate);
        if let Some(bits) = rsa_bits(certificate).filter(|bits| *bits < RSA_BITS) {
            return Err(finding(Fault::WeakKey { bits, everywhere: bits < OLD_RSA_BITS }));
        }
        // The signature of a trusted self-signed certificate does not count.
        if let (Some(hash), true) = (weak_hash(certificate), at + 1 < chain.len()) {
            return Err(finding(Fault::WeakHash(hash)));
        }
    }
    Ok(())
}

/// The status of a certificate as an issuer.
#[derive(PartialEq, Eq)]
enum Standing {
    None,
    /// Not declared, and let through at the top of a chain.
    Tolerated,
    Authority,
}

fn standing(certificate: &Certificate<'_>) -> Standing {
    let usage = key_usage(certificate);
    if usage.is_some_and(|usage| usage & KEY_CERT_SIGN == 0) {
        return Standing::None;
    }
    match certificate.extension(&oid::OID_X509_EXT_BASIC_CONSTRAINTS) {
        ParsedExtension::BasicConstraints(constraints) if constraints.ca => Standing::Authority,
        ParsedExtension::BasicConstraints(_) => Standing::None,
        _ if certificate.is_version_1() && certificate.is_self_signed() => Standing::Tolerated,
        _ if usage.is_some() => Standing::Tolerated,
        _ => match certificate.extension(&oid::OID_X509_EXT_CERT_TYPE) {
            ParsedExtension::NSCertType(kind) if kind.ssl_ca() => Standing::Tolerated,
            _ => Standing::None,
        },
    }
}

const DIGITAL_SIGNATURE: u16 = 1;
const KEY_ENCIPHERMENT: u16 = 1 << 2;
const KEY_AGREEMENT: u16 = 1 << 4;
const KEY_CERT_SIGN: u16 = 1 << 5;

fn key_usage(certificate: &Certificate<'_>) -> Option<u16> {
    match certificate.extension(&oid::OID_X509_EXT_KEY_USAGE) {
        ParsedExtension::KeyUsage(usage) => Some(usage.flags),
        _ => None,
    }
}

/// Returns whether it may belong to a TLS server, or to an issuer of one.
fn may_serve(certificate: &Certificate<'_>, is_leaf: bool) -> bool {
    let purposes = match certificate.extension(&oid::OID_X509_EXT_EXTENDED_KEY_USAGE) {
        // "Any purpose" is not taken at its word.
        ParsedExtension::ExtendedKeyUsage(usage) => {
            usage.server_auth
                || usage.other.iter().any(|other| OLD_SERVER_PURPOSES.contains(&other.to_id_string().as_str()))
        }
        _ => true,
    };
    let old_type = match certificate.extension(&oid::OID_X509_EXT_CERT_TYPE) {
        ParsedExtension::NSCertType(kind) => kind.ssl_server(),
        _ => true,
    };
    let usages = DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | KEY_AGREEMENT;
    purposes && (!is_leaf || (old_type && key_usage(certificate).is_none_or(|usage| usage & usages != 0)))
}

/// Whether its key may sign a handshake. Before TLS 1.3 this is required of elliptic curves alone.
pub(in crate::postgres) fn may_sign_handshake(certificate: &Certificate<'_>) -> bool {
    certificate.x509.public_key().algorithm.algorithm != oid::OID_KEY_TYPE_EC_PUBLIC_KEY
        || key_usage(certificate).is_none_or(|usage| usage & DIGITAL_SIGNATURE != 0)
}

fn unknown_critical(certificate: &Certificate<'_>) -> Option<String> {
    let critical = certificate.x509.extensions().iter().filter(|extension| extension.critical);
    critical.map(|extension| extension.oid.to_id_string()).find(|kind| !UNDERSTOOD.contains(&kind.as_str()))
}

/// An extension that counts here and cannot be read, or stands there twice.
fn unreadable(certificate: &Certificate<'_>) -> Option<String> {
    let counts = ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.35", "2.5.29.37"];
    let mut seen = Vec::new();
    for extension in certificate.x509.extensions() {
        let kind = extension.oid.to_id_string();
        let broken = extension.parsed_extension().error().is_some();
        if counts.contains(&kind.as_str()) && (broken || seen.contains(&kind)) {
            return Some(kind);
        }
        seen.push(kind);
    }
    None
}

/// The length of an RSA key.
pub(crate) fn rsa_bits(certificate: &Certificate<'_>) -> Option<usize> {
    match certificate.x509.public_key().parsed().ok()? {
        PublicKey::RSA(key) => {
            let modulus = key.modulus.iter().position(|byte| *byte != 0).and_then(|start| key.modulus.get(start..))?;
            Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
        }
        _ => None,
    }
}

fn weak_hash(certificate: &Certificate<'_>) -> Option<&'static str> {
    let algorithm = &certificate.x509.signature_algorithm;
    if let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) = SignatureAlgorithm::try_from(algorithm) {
        return (*parameters.hash_algorithm_oid() == oid::OID_HASH_SHA1).then_some("SHA-1");
    }
    match algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => Some("SHA-1"),
        "1.2.840.113549.1.1.4" => Some("MD5"),
        "1.2.840.113549.1.1.2" => Some("MD2"),
        _ => None,
    }
}

//! Signatures of certificates and of TLS 1.2 handshakes, checked with the key of a certificate of any version.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::{Any, FromDer};

use super::certificate::Certificate;
use super::{Fault, purpose};

/// The kinds of signatures that the algorithms below can check.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Whether one certificate is signed by the key of another.
pub(crate) fn check(
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Fault> {
    let x509 = &certificate.x509;
    if x509.signature_algorithm != x509.tbs_certificate.signature {
        return Err(Fault::NotSignedByIssuer);
    }
    let kind = signature_kind(certificate.der);
    let unknown =
        || Fault::Unverifiable(format!("its signature is of the kind {}", x509.signature_algorithm.algorithm));
    let mut fitting = algorithms
        .all
        .iter()
        .filter(|algorithm| key_fits(issuer, **algorithm) && kind == Some(algorithm.signature_alg_id().as_ref()))
        .peekable();
    fitting.peek().ok_or_else(unknown)?;
    if purpose::rsa_bits(issuer).is_some_and(|bits| !RSA_BITS.contains(&bits)) {
        return Err(Fault::Unverifiable("its issuer's RSA key has an unusual length".to_owned()));
    }
    let signature = &x509.signature_value.data;
    let is_signed = fitting
        .any(|algorithm| algorithm.verify_signature(key(issuer), x509.tbs_certificate.as_ref(), signature).is_ok());
    if is_signed { Ok(()) } else { Err(Fault::NotSignedByIssuer) }
}

/// Whether the algorithms of this process can check signatures of the certificate's key.
pub(in crate::postgres) fn has_checkable_key(certificate: &Certificate<'_>) -> bool {
    purpose::rsa_bits(certificate).is_none_or(|bits| RSA_BITS.contains(&bits))
}

/// Whether a message is signed by the key of a certificate, in one of these ways.
pub(in crate::postgres) fn is_signed_by(
    certificate: &Certificate<'_>,
    message: &[u8],
    signature: &[u8],
    ways: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    ways.iter()
        .any(|way| key_fits(certificate, *way) && way.verify_signature(key(certificate), message, signature).is_ok())
}

fn key<'c>(certificate: &'c Certificate<'_>) -> &'c [u8] {
    &certificate.x509.public_key().subject_public_key.data
}

fn key_fits(certificate: &Certificate<'_>, algorithm: &dyn SignatureVerificationAlgorithm) -> bool {
    let within = || {
        let (_, info) = Any::from_der(certificate.x509.public_key().raw).ok()?;
        let (_, kind) = Any::from_der(info.data).ok()?;
        Some(kind.data)
    };
    within() == Some(algorithm.public_key_alg_id().as_ref())
}

/// The algorithm identifier of a certificate's signature, without its outer tag.
fn signature_kind(der: &[u8]) -> Option<&[u8]> {
    let (_, whole) = Any::from_der(der).ok()?;
    let (after, _signed_part) = Any::from_der(whole.data).ok()?;
    let (_, kind) = Any::from_der(after).ok()?;
    Some(kind.data)
}

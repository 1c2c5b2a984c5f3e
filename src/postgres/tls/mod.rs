//! TLS settings of a login: which certificates are trusted, and how handshake signatures are checked. [`verify`] decides what
//! OpenSSL accepts; webpki decides whether the connection is safe for a password in clear text.

pub(crate) mod not_pem;
pub(crate) mod pem;
pub(crate) mod presented;
pub(crate) mod problem;
pub(super) mod recorder;
pub(crate) mod verify;

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, NamedGroup, OtherError, RootCertStore, SignatureScheme,
};

use self::verify::{Case, Certificate, Finding, has_checkable_key, is_signed_by, may_sign_handshake};
use super::{CertificateProblem, Certificates, Fault, Link, Presented, Trust};
use crate::crypto::crypto_provider;

/// Returns the settings of a connection that encrypts and accepts any certificate.
pub(super) fn unverified() -> Result<ClientConfig, rustls::Error> {
    config(unverified_verifier())
}

/// Returns the settings of a connection to a server whose certificate must be trusted for its name.
pub(super) fn verified(ca: Option<&Certificates>) -> Result<ClientConfig, rustls::Error> {
    config(verifier(ca))
}

/// Returns whether a verified connection is safe for a password in clear text: whether webpki accepts the certificates, or
/// the server's own is one of the given ones.
///
/// [`verify`] predicts what OpenSSL accepts, which is more. A mistake there must not disclose a password.
pub(super) fn is_strictly_verified(
    ca: Option<&Certificates>,
    chain: &[CertificateDer<'_>],
    host: &ServerName<'_>,
) -> bool {
    let Some((leaf, intermediates)) = chain.split_first() else { return false };
    let mut roots = RootCertStore::empty();
    match ca {
        Some(given) if given.as_slice().contains(leaf) => return true,
        Some(given) => roots.add_parsable_certificates(given.as_slice().iter().cloned()),
        None => roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned()),
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto_provider()).build();
    verifier.is_ok_and(|verifier| verifier.verify_server_cert(leaf, intermediates, host, &[], UnixTime::now()).is_ok())
}

fn unverified_verifier() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Verifier { roots: Roots::Any, provider: crypto_provider() })
}

fn verifier(ca: Option<&Certificates>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Verifier { roots: ca.cloned().map_or(Roots::Public, Roots::Given), provider: crypto_provider() })
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, rustls::Error> {
    let mut provider = CryptoProvider::clone(&crypto_provider());
    // A client guesses which curve the server takes, with the first of these, and pays for a wrong guess with one more round
    // trip. PostgreSQL accepts P-256 alone by default (before 18, `ssl_ecdh_curve`), and always accepts it.
    provider.kx_groups.sort_by_key(|group| group.name() != NamedGroup::secp256r1);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The certificates that are trusted.
#[derive(Debug)]
enum Roots {
    /// Any certificate is accepted.
    Any,
    /// The public authorities of Mozilla, with which Node is built. The list of this machine does not count.
    Public,
    /// The given certificates *instead of* the public ones.
    Given(Certificates),
}

/// Verifies a server as OpenSSL and Node do. The handshake must be signed with the key of its certificate, whatever
/// certificates are trusted.
#[derive(Debug)]
struct Verifier {
    roots: Roots,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn trusted(&self) -> Option<(Trust, &[CertificateDer<'static>])> {
        match &self.roots {
            Roots::Any => None,
            Roots::Public => Some((Trust::Public, webpki_root_certs::TLS_SERVER_ROOT_CERTS)),
            Roots::Given(given) => Some((Trust::Given, given.as_slice())),
        }
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }

    /// Returns the certificate whose key must have signed the handshake. Where any certificate is accepted, so is a key that
    /// only OpenSSL can check: `None` then.
    fn signer<'c>(&self, leaf: &'c CertificateDer<'_>) -> Result<Option<Certificate<'c>>, rustls::Error> {
        match (Certificate::read(leaf), &self.roots) {
            (certificate, Roots::Any) => Ok(certificate.filter(has_checkable_key)),
            (None, _) => Err(CertificateError::BadEncoding.into()),
            (certificate, _) => Ok(certificate),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some((trust, trusted)) = self.trusted() else { return Ok(ServerCertVerified::assertion()) };
        let sent: Vec<_> = std::iter::once(leaf).chain(intermediates).collect();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let case = Case { sent: &sent, trusted, trust, host, now, algorithms: self.algorithms() };
        case.verify().map(|()| ServerCertVerified::assertion()).map_err(|finding| refused(finding, trust, leaf))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let trust = self.trusted().map_or(Trust::Given, |(trust, _)| trust);
        match self.signer(leaf)? {
            Some(certificate) => verify_tls12(&certificate, message, signed, self.algorithms(), trust),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.signer(leaf)? {
            Some(certificate) => verify_tls13(&certificate, message, signed, self.algorithms()),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// Checks that a TLS 1.2 handshake is signed with the key of its certificate.
fn verify_tls12(
    certificate: &Certificate<'_>,
    message: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    trust: Trust,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let leaf = CertificateDer::from(certificate.der);
    if !may_sign_handshake(certificate) {
        let finding = Finding { fault: Fault::WrongPurpose, at: 0, der: leaf.to_vec() };
        return Err(refused(finding, trust, &leaf));
    }
    let ways = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).map(|(_, ways)| *ways);
    match is_signed_by(certificate, message, signed.signature(), ways.unwrap_or_default()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// Checks that a TLS 1.3 handshake is signed with the key of its certificate.
fn verify_tls13(
    certificate: &Certificate<'_>,
    message: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    // The key alone: the library reads no certificate of version 1.
    let key = SubjectPublicKeyInfoDer::from(certificate.x509.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}

fn refused(finding: Finding, trust: Trust, leaf: &CertificateDer<'_>) -> rustls::Error {
    let culprit = if finding.at == 0 { None } else { Presented::read(&finding.der) };
    let is_root = || Certificate::read(&finding.der).is_some_and(|certificate| certificate.is_self_signed());
    let link = match finding.at {
        0 => Link::Server,
        _ if is_root() => Link::Root,
        _ => Link::Intermediate,
    };
    let problem = CertificateProblem { fault: finding.fault, link, trust, presented: Presented::read(leaf), culprit };
    CertificateError::Other(OtherError(Arc::new(problem))).into()
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConnection, HandshakeKind, ServerConfig, ServerConnection};

    use super::*;

    /// In memory, with a server that takes one curve, as PostgreSQL does.
    #[test]
    fn needs_no_second_round_trip_for_the_curve() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let mut one_curve = CryptoProvider::clone(&crypto_provider());
        one_curve.kx_groups.retain(|group| group.name() == NamedGroup::secp256r1);
        let server = ServerConfig::builder_with_provider(Arc::new(one_curve))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.into()], key)
            .unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let client = unverified().unwrap();
        assert_eq!(client.crypto_provider().kx_groups.len(), crypto_provider().kx_groups.len());
        let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        while client.is_handshaking() {
            let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
            while client.wants_write() {
                client.write_tls(&mut to_server).unwrap();
            }
            server.read_tls(&mut &*to_server).unwrap();
            server.process_new_packets().unwrap();
            while server.wants_write() {
                server.write_tls(&mut to_client).unwrap();
            }
            client.read_tls(&mut &*to_client).unwrap();
            client.process_new_packets().unwrap();
        }
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
    }
}

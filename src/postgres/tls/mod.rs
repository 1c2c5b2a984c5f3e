//! TLS settings of a login: which certificates are trusted, and how handshake signatures are checked. The verification of
//! certificates is in [`verify`].

pub(crate) mod not_pem;
pub(crate) mod pem;
pub(crate) mod presented;
pub(crate) mod problem;
pub(super) mod recorder;
pub(crate) mod verify;

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, NamedGroup, OtherError, SignatureScheme};

use self::verify::{Case, Certificate, Finding, has_checkable_key, is_signed_by, may_sign_handshake};
use super::{CertificateProblem, Certificates, Fault, Link, Presented, Trust};
use crate::crypto::crypto_provider;

/// The settings of a connection that encrypts and asks nothing.
pub(super) fn unverified() -> Result<ClientConfig, rustls::Error> {
    config(unverified_verifier())
}

fn unverified_verifier() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Anything { provider: crypto_provider() })
}

/// The settings of a connection to a server that must prove its name.
pub(super) fn verified(ca: Option<&Certificates>) -> Result<ClientConfig, rustls::Error> {
    config(verifier(ca))
}

fn verifier(ca: Option<&Certificates>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Judge { given: ca.cloned(), provider: crypto_provider() })
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, rustls::Error> {
    let mut provider = CryptoProvider::clone(&crypto_provider());
    // A client guesses which curve the server takes, with the first of these, and pays for a wrong guess with one more round
    // trip. PostgreSQL takes P-256 alone unless `ssl_ecdh_curve` says otherwise (before 18), and takes it anyhow.
    provider.kx_groups.sort_by_key(|group| group.name() != NamedGroup::secp256r1);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Judges a certificate as the service does, which trusts the given certificates *instead of* the public ones.
#[derive(Debug)]
struct Judge {
    given: Option<Certificates>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    /// The public authorities are those that Node is built with, which come from Mozilla; the list of this machine does
    /// not count.
    fn trusted(&self) -> (Trust, &[CertificateDer<'static>]) {
        match &self.given {
            Some(given) => (Trust::Given, given.as_slice()),
            None => (Trust::Public, webpki_root_certs::TLS_SERVER_ROOT_CERTS),
        }
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sent: Vec<_> = std::iter::once(leaf).chain(intermediates).collect();
        let (trust, trusted) = self.trusted();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let case = Case { sent: &sent, trusted, trust, host, now, algorithms: self.algorithms() };
        case.judge().map(|()| ServerCertVerified::assertion()).map_err(|finding| refused(finding, trust, leaf))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let certificate = Certificate::read(leaf).ok_or(CertificateError::BadEncoding)?;
        verify_tls12(&certificate, message, signed, self.algorithms(), self.trusted().0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let certificate = Certificate::read(leaf).ok_or(CertificateError::BadEncoding)?;
        verify_tls13(&certificate, message, signed, self.algorithms())
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

/// `ssl_reject_unauthorized = false`: any certificate is accepted. The handshake must be signed with its key all the same:
/// Node, which the service runs on, checks that too.
#[derive(Debug)]
struct Anything {
    provider: Arc<CryptoProvider>,
}

impl Anything {
    /// The certificate, when its key is one that the algorithms of this process can check. OpenSSL checks others too; they
    /// are accepted unchecked, as their certificates are.
    fn checkable<'c>(leaf: &'c CertificateDer<'_>) -> Option<Certificate<'c>> {
        Certificate::read(leaf).filter(has_checkable_key)
    }
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match Self::checkable(leaf) {
            Some(certificate) => verify_tls12(&certificate, message, signed, algorithms, Trust::Given),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match Self::checkable(leaf) {
            Some(certificate) => {
                verify_tls13(&certificate, message, signed, &self.provider.signature_verification_algorithms)
            }
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConnection, HandshakeKind, ServerConfig, ServerConnection};

    use super::*;

    /// In memory, with a server that takes one curve, as PostgreSQL does.
    #[test]
    fn the_first_guess_of_a_curve_is_right() {
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

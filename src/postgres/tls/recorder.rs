//! A certificate verifier that records what it finds instead of ending the handshake.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::{Certificates, config, unverified_verifier, verifier};

/// The certificates and the problem of a handshake.
pub(crate) struct Recorded {
    /// The certificates that the server presented, its own first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Why they are not trusted.
    pub(crate) problem: Option<rustls::Error>,
}

/// Verifies as a login does, accepts every certificate, and keeps the result. Handshake signatures are checked as they
/// are for a connection that does not verify certificates.
#[derive(Debug)]
pub(crate) struct Recorder {
    verifier: Arc<dyn ServerCertVerifier>,
    signatures: Arc<dyn ServerCertVerifier>,
    recorded: Mutex<Option<(Vec<CertificateDer<'static>>, Option<rustls::Error>)>>,
}

/// Returns the settings of one connection together with the record of its handshake.
///
/// # Errors
/// When the crypto provider supports no version of TLS.
pub(crate) fn recording(ca: Option<&Certificates>) -> Result<(ClientConfig, Arc<Recorder>), rustls::Error> {
    let recorder =
        Arc::new(Recorder { verifier: verifier(ca), signatures: unverified_verifier(), recorded: Mutex::new(None) });
    Ok((config(Arc::<Recorder>::clone(&recorder))?, recorder))
}

impl Recorder {
    /// Returns the record, once.
    pub(crate) fn take(&self) -> Option<Recorded> {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner).take();
        recorded.map(|(chain, problem)| Recorded { chain, problem })
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let problem = self.verifier.verify_server_cert(leaf, intermediates, host, ocsp, now).err();
        let chain = std::iter::once(leaf).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = Some((chain, problem));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}

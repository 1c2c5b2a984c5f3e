//! Whose certificates are trusted, and what exactly is wrong with the others.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::{Certificates, Presented};
use crate::tls::crypto_provider;

/// What is wrong with a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's certificate is not trusted: {fault:?}")]
pub struct CertificateProblem {
    /// The first thing that is wrong.
    pub fault: Fault,
    /// What was trusted.
    pub trust: Trust,
    /// The certificate, when it can be read at all.
    pub presented: Option<Presented>,
}

/// One thing that can be wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody who is trusted has issued it.
    UnknownIssuer,
    /// It is for other names.
    WrongName,
    /// Its time, or that of one above it, is over.
    Expired,
    /// Its time, or that of one above it, has not begun.
    NotYetValid,
    /// Something else, in the words of the TLS library.
    Other(String),
    /// A form that this judgement does not know and the service may accept.
    Unjudged(String),
}

/// Whose word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The given certificates alone.
    Given,
    /// The public authorities of Mozilla's list.
    Public,
}

/// The settings of a connection that encrypts and asks nothing.
pub(super) fn unverified() -> Result<ClientConfig, rustls::Error> {
    config(Arc::new(Anything { provider: crypto_provider() }))
}

/// The settings of a connection to a server that must prove its name.
pub(super) fn verified(ca: Option<&Certificates>) -> Result<ClientConfig, rustls::Error> {
    config(Arc::new(Judge::new(ca)?))
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(crypto_provider())
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
    trust: Trust,
    /// A self-signed server certificate may be given as its own authority.
    given: Vec<CertificateDer<'static>>,
    webpki: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    fn new(ca: Option<&Certificates>) -> Result<Self, rustls::Error> {
        let provider = crypto_provider();
        let given: Vec<_> = ca.into_iter().flat_map(Certificates::iter).cloned().collect();
        let (trust, roots) = match ca {
            None => (Trust::Public, RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
            Some(_) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(given.iter().cloned());
                (Trust::Given, roots)
            }
        };
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self { trust, given, webpki, provider })
    }

    /// The judgement: the one function to replace by an exact one.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        now: UnixTime,
        presented: Option<&Presented>,
    ) -> Result<(), Fault> {
        let own_authority = presented.filter(|presented| presented.is_self_signed() && self.given.contains(leaf));
        let result = match own_authority {
            // WebPKI refuses a server certificate that is also an authority, the form that `openssl req -x509` makes.
            Some(presented) => {
                in_time(presented, now)?;
                ParsedCertificate::try_from(leaf).and_then(|leaf| verify_server_name(&leaf, host))
            }
            None => self.webpki.verify_server_cert(leaf, intermediates, host, &[], now).map(|_verified| ()),
        };
        result.map_err(|error| fault(&error, host, presented))
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
        let presented = Presented::read(leaf);
        match self.judge(leaf, intermediates, host, now, presented.as_ref()) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(fault) => {
                let problem = CertificateProblem { fault, trust: self.trust, presented };
                Err(rustls::CertificateError::Other(OtherError(Arc::new(problem))).into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn in_time(presented: &Presented, now: UnixTime) -> Result<(), Fault> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > presented.not_after.unix_timestamp() {
        Err(Fault::Expired)
    } else if now < presented.not_before.unix_timestamp() {
        Err(Fault::NotYetValid)
    } else {
        Ok(())
    }
}

fn fault(error: &rustls::Error, host: &ServerName<'_>, presented: Option<&Presented>) -> Fault {
    use rustls::CertificateError as E;
    let rustls::Error::InvalidCertificate(error) = error else { return Fault::Other(error.to_string()) };
    match error {
        E::UnknownIssuer => Fault::UnknownIssuer,
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            let host = host.to_str();
            match presented.filter(|presented| presented.by_common_name) {
                Some(presented) if presented.names.iter().any(|name| name.eq_ignore_ascii_case(&host)) => {
                    Fault::Unjudged("its only name is the common name".to_owned())
                }
                _ => Fault::WrongName,
            }
        }
        E::Expired | E::ExpiredContext { .. } => Fault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Fault::NotYetValid,
        E::BadSignature
        | E::Other(_)
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Fault::Unjudged(error.to_string()),
        _ => Fault::Other(error.to_string()),
    }
}

/// `ssl_reject_unauthorized = false`: the service looks at nothing, not even the signature of the handshake.
#[derive(Debug)]
struct Anything {
    provider: Arc<CryptoProvider>,
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
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl CertificateProblem {
    /// The problem inside what the TLS library reports, when it is one of ours.
    pub(super) fn within(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other.0.downcast_ref(),
            _ => None,
        }
    }
}

//! TLS to a database with the rules and the error texts of the runtime of the KMS: a given certificate replaces the
//! trusted ones, and a given certificate is trusted by itself, whatever its issuer.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Secures a connection. The error is the runtime's text.
pub(super) async fn secure(
    stream: TcpStream,
    host: &str,
    reject_unauthorized: bool,
    certificate: Option<&str>,
) -> Result<TlsStream<TcpStream>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(provider.clone(), host, reject_unauthorized, certificate);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // A host that is no name at all was refused by the resolver before.
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| text(&error))
}

fn text(error: &io::Error) -> String {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(text)))) => text.to_string(),
        Some(other) => other.to_string(),
        None => "Client network socket disconnected before secure TLS connection was established".to_owned(),
    }
}

#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    host: String,
    /// The certificates that were given, byte for byte.
    given: Vec<CertificateDer<'static>>,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    AcceptAll,
    /// `None` when the given text holds no certificate: nothing is trusted then.
    Verify(Option<Arc<WebPkiServerVerifier>>),
}

/// The runtime's error text for a certificate that it does not accept.
#[derive(Debug)]
struct RuntimeText(String);

impl std::fmt::Display for RuntimeText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for RuntimeText {}

fn refuse(text: impl Into<String>) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(RuntimeText(text.into())))))
}

impl Verifier {
    fn new(provider: Arc<CryptoProvider>, host: &str, reject_unauthorized: bool, certificate: Option<&str>) -> Self {
        let given: Vec<_> = certificate
            .map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect())
            .unwrap_or_default();
        let mut roots = RootCertStore::empty();
        match certificate {
            Some(_) => _ = roots.add_parsable_certificates(given.iter().cloned()),
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let rule = if reject_unauthorized {
            Rule::Verify(WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build().ok())
        } else {
            Rule::AcceptAll
        };
        Self { provider, host: host.to_owned(), given, rule }
    }

    /// Returns the text for a chain that does not lead to a trusted certificate.
    fn unknown_issuer(leaf: &X509Certificate<'_>, chain: &[CertificateDer<'_>]) -> &'static str {
        let is_own_issuer = |certificate: &X509Certificate<'_>| certificate.issuer() == certificate.subject();
        if is_own_issuer(leaf) {
            return "self-signed certificate";
        }
        let last = chain.last().and_then(|der| X509Certificate::from_der(der).ok());
        match last {
            Some((_, last)) if is_own_issuer(&last) => "self-signed certificate in certificate chain",
            Some(_) => "unable to get local issuer certificate",
            None => "unable to verify the first certificate",
        }
    }

    fn check_name(&self, leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        verify_server_name(&parsed, name).map_err(|_| {
            let names = alternative_names(leaf);
            let problem = match self.host.parse::<IpAddr>() {
                Ok(_) => format!("IP: {} is not in the cert's list: {names}", self.host),
                Err(_) => format!("Host: {}. is not in the cert's altnames: {names}", self.host),
            };
            refuse(format!("Hostname/IP does not match certificate's altnames: {problem}"))
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Rule::Verify(verifier) = &self.rule else { return Ok(ServerCertVerified::assertion()) };
        let (_, leaf) = X509Certificate::from_der(end_entity).map_err(|error| refuse(error.to_string()))?;
        let outcome = match verifier {
            _ if self.given.iter().any(|given| given == end_entity) => trust_itself(&leaf, now),
            Some(verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(|_| ())
            }
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        match outcome {
            // The chain first, then the name: the runtime reports a wrong name only for a valid chain.
            Ok(()) => {}
            Err(Error::InvalidCertificate(problem)) => match problem {
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {}
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    return Err(refuse("certificate has expired"));
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    return Err(refuse("certificate is not yet valid"));
                }
                _ => return Err(refuse(Self::unknown_issuer(&leaf, intermediates))),
            },
            Err(other) => return Err(other),
        }
        self.check_name(end_entity, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks a certificate that was given as trusted: only its validity period counts.
fn trust_itself(leaf: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > leaf.validity().not_after.timestamp() {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    if now < leaf.validity().not_before.timestamp() {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    Ok(())
}

fn alternative_names(leaf: &CertificateDer<'_>) -> String {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return String::new() };
    let Ok(Some(names)) = leaf.subject_alternative_name() else { return String::new() };
    let names = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(format!("DNS:{name}")),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok()
            .map(|address| format!("IP Address:{address}")),
        _ => None,
    });
    names.collect::<Vec<_>>().join(", ")
}

//! A probe of an endpoint without credentials: TCP, SSLRequest and the TLS handshake, then goodbye.
//!
//! The certificate is verified as for a login, but a problem does not end the handshake: the report names it beside the
//! chain and the TLS version.

use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{DialAttempt, GOODBYE, ResolvedHost, ask_for_tls};
use crate::crypto::crypto_provider;
use crate::postgres::failure::{Failure, tls_failure};
use crate::postgres::tls::recorder::{Recorded, recording};
use crate::postgres::tls::verify::{Case, Certificate};
use crate::postgres::{Fault, Presented, Reason, Refusal, Stage, Target, Tls, Trust};

/// The state of an endpoint, as far as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointReport {
    /// Why the probe ended before the TLS handshake; `None` if it came that far.
    pub error: Option<Refusal>,
    /// Whether a TCP connection was established.
    pub reachable: bool,
    /// Whether the server responded as PostgreSQL does.
    pub is_postgresql: bool,
    /// Whether the server offers TLS; `None` if it sent no response.
    pub tls_offered: Option<bool>,
    /// The result of the TLS handshake; `None` without one.
    pub tls: Option<TlsReport>,
}

/// The result of a TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsReport {
    /// Why the certificate is not trusted, or why the handshake failed.
    pub error: Option<Refusal>,
    /// The negotiated version, such as `TLSv1.3`.
    pub version: Option<&'static str>,
    /// The certificates that the server presented (DER), its own first.
    pub chain: Vec<Vec<u8>>,
    /// The fields of the server's own certificate.
    pub certificate: Option<Presented>,
    /// The certificate to trust (DER): the root of the chain if the server sends it, or its own if it is self-signed.
    pub root: Option<Vec<u8>>,
}

impl EndpointReport {
    /// A report about an endpoint that was not reached.
    pub fn unreachable(refusal: Refusal) -> Self {
        Self { error: Some(refusal), reachable: false, is_postgresql: false, tls_offered: None, tls: None }
    }
}

impl ResolvedHost {
    /// Probes the endpoint. The time that [`resolve`](super::resolve) was given limits all of it.
    pub async fn probe(self) -> EndpointReport {
        let Self { target, addresses, mut attempt } = self;
        let mut socket = match attempt.dial(addresses).await {
            Ok(socket) => socket,
            Err(failure) => return EndpointReport::unreachable(attempt.refusal(&target, failure)),
        };
        match attempt.wait(Stage::SslRequest, ask_for_tls(&mut socket)).await.flatten() {
            Ok(()) => handshake(attempt, &target, socket).await,
            Err(failure) => {
                let is_postgresql = matches!(failure.reason, Reason::TlsNotOffered | Reason::TlsNotNegotiated);
                let only_tls_missing = matches!(failure.reason, Reason::TlsNotOffered);
                let is_without_tls = only_tls_missing || is_other_protocol(&failure);
                let refusal = attempt.refusal(&target, failure);
                EndpointReport {
                    error: (!only_tls_missing).then_some(refusal),
                    reachable: true,
                    is_postgresql,
                    tls_offered: is_without_tls.then_some(false),
                    tls: None,
                }
            }
        }
    }
}

/// The TLS handshake with a server that has offered TLS.
async fn handshake(mut attempt: DialAttempt, target: &Target, socket: TcpStream) -> EndpointReport {
    let given = match &target.tls {
        Tls::Verified { ca } => ca.as_ref(),
        Tls::Off | Tls::Unverified => None,
    };
    let (shaken, recorded) = match (recording(given), attempt.server_name(target)) {
        (Ok((config, recorder)), Some(name)) => {
            let connector = TlsConnector::from(Arc::new(config));
            let connected = attempt.wait(Stage::Tls, connector.connect(name.clone(), socket)).await;
            let shaken = match connected {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(Stage::Tls.broken(&error)),
                Err(failure) => Err(failure),
            };
            (shaken, recorder.take().map(|recorded| (recorded, name)))
        }
        (Err(error), _) => (Err(tls_failure(&error)), None),
        (Ok(_), None) => (Err(Stage::Tls.failed(Reason::UnusableHost)), None),
    };
    let (version, failure) = match shaken {
        Ok(mut stream) => {
            let version = stream.get_ref().1.protocol_version().and_then(version);
            let _closed = timeout(GOODBYE, stream.shutdown()).await;
            (version, None)
        }
        // Not TLS: an `S` that another protocol begins with.
        Err(failure) if recorded.is_none() && is_other_protocol(&failure) => {
            return EndpointReport {
                error: Some(attempt.refusal(target, failure)),
                reachable: true,
                is_postgresql: false,
                tls_offered: Some(false),
                tls: None,
            };
        }
        Err(failure) => (None, Some(failure)),
    };
    let (chain, problem, root) = match recorded {
        Some((Recorded { chain, problem }, name)) => {
            let root = root_of(&chain, &name);
            (chain, problem, root)
        }
        None => (Vec::new(), None, None),
    };
    let error = failure.or_else(|| problem.map(|error| tls_failure(&error)));
    EndpointReport {
        error: None,
        reachable: true,
        is_postgresql: true,
        tls_offered: Some(true),
        tls: Some(TlsReport {
            error: error.map(|failure| attempt.refusal(target, failure)),
            version,
            certificate: chain.first().and_then(|leaf| Presented::read(leaf)),
            chain: chain.into_iter().map(|certificate| certificate.to_vec()).collect(),
            root,
        }),
    }
}

fn is_other_protocol(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::NotPostgres { .. })
}

fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

/// Returns the self-signed certificate of the chain under which the server's own certificate would be trusted, its name
/// and dates aside.
fn root_of(chain: &[CertificateDer<'static>], host: &ServerName<'_>) -> Option<Vec<u8>> {
    let provider = crypto_provider();
    let sent: Vec<_> = chain.iter().collect();
    let is_root = |der: &&CertificateDer<'static>| Certificate::read(der).is_some_and(|read| read.is_self_signed());
    let root = chain.iter().filter(is_root).find(|root| {
        let case = Case {
            sent: &sent,
            trusted: std::slice::from_ref(*root),
            trust: Trust::Given,
            host,
            now: OffsetDateTime::now_utc().unix_timestamp(),
            algorithms: &provider.signature_verification_algorithms,
        };
        match case.verify() {
            Ok(()) => true,
            Err(finding) => matches!(finding.fault, Fault::WrongName | Fault::Expired | Fault::NotYetValid),
        }
    });
    root.map(|root| root.to_vec())
}

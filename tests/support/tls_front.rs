//! TLS in front of a server of this process that speaks none.

#![allow(dead_code, reason = "each program that includes this file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test fixture")]

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use terraform_provider_kms::crypto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::postgres::{Authority, Validity};

/// Listens on a port of this machine, with a certificate for `localhost`, and passes everything on to the port `target`.
/// Returns its own port. Ends with the runtime.
pub(crate) async fn start(authority: &Authority, target: u16) -> u16 {
    let issued = authority.issue(&["localhost"], Validity::Now);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = ServerConfig::builder_with_provider(crypto::crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(issued.certificate_der)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key_der)),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
                let _closed = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    port
}

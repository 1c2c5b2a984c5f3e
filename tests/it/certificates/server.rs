//! A scripted server: accepts PostgreSQL's request for TLS, presents a chain, and closes.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme};
use terraform_provider_kms::crypto::crypto_provider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::shapes::{Made, armour};

/// Starts one; its port on 127.0.0.1.
pub(crate) async fn serve(chain: &[&Made], only_tls12: bool) -> u16 {
    let certificates = chain.iter().map(|made| CertificateDer::from(made.der.clone())).collect();
    let key = PrivateKeyDer::try_from(chain[0].key_der.clone()).unwrap();
    let key: Arc<dyn SigningKey> = match crypto_provider().key_provider.load_private_key(key) {
        Ok(key) => key,
        // Too short for the library.
        Err(_) => Arc::new(ShortRsa { pem: armour("PRIVATE KEY", &chain[0].key_der) }),
    };
    let versions: &[_] = if only_tls12 { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
    // Nothing is checked here: version 1 and broken signatures are what the client must see.
    let config = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(certificates, key))));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut request = [0; 8];
                socket.read_exact(&mut request).await?;
                socket.write_all(b"S").await?;
                acceptor.accept(socket).await?.shutdown().await
            });
        }
    });
    port
}

/// An RSA key that signs by way of the command-line tool.
#[derive(Clone, Debug)]
struct ShortRsa {
    pem: String,
}

impl SigningKey for ShortRsa {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::RSA_PSS_SHA256).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for ShortRsa {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        std::fs::write(&key, &self.pem).unwrap();
        let mut signing = Command::new("openssl")
            .args(["dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sign"])
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`openssl` (3.0 or newer) must be installed: it signs with short keys");
        signing.stdin.take().unwrap().write_all(message).unwrap();
        Ok(signing.wait_with_output().unwrap().stdout)
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}

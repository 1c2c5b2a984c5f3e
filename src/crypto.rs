//! The crypto provider of the process. The only file that names aws-lc-rs.
//!
//! aws-lc-rs rather than ring: Terraform's one-time certificate has a P-521 key, and databases have certificates signed
//! with ECDSA and SHA-512; ring supports neither.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Returns the algorithms of all TLS connections of this process.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Returns random bytes of the operating system; `None` if it fails to supply them.
pub fn random<const LENGTH: usize>() -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    crypto_provider().secure_random.fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Makes [`crypto_provider`] the default of the process, which the HTTP client uses. Later calls change nothing.
pub fn install_default() {
    let _already_installed = aws_lc_rs::default_provider().install_default();
}

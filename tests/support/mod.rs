//! What tests, the demo and `cargo kms` share: a real PostgreSQL, a faithful KMS, the real Terraform.

pub(crate) mod dns;
pub(crate) mod kms;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod registry;
pub(crate) mod scene;
pub(crate) mod scripted_postgres;
pub(crate) mod terraform;
pub(crate) mod tls_front;
pub(crate) mod web_proxy;

use std::path::Path;
use std::sync::LazyLock;

/// The block that a configuration needs to use the provider.
pub(crate) const REQUIRED_PROVIDERS: &str =
    "terraform {\n  required_providers {\n    kms = {\n      source = \"hanzoai/kms\"\n    }\n  }\n}\n";

/// Returns the provider that is tested: the build of this test run, or another one that `PROVIDER_UNDER_TEST` names.
pub(crate) fn provider() -> &'static str {
    static PROVIDER: LazyLock<String> = LazyLock::new(|| {
        std::env::var("PROVIDER_UNDER_TEST").unwrap_or_else(|_| env!("CARGO_BIN_EXE_terraform-provider-kms").to_owned())
    });
    &PROVIDER
}

/// Returns how many objects a slow test uses: the first number, or the second one with `KMS_TEST_SCALE=large`.
pub(crate) fn scale(small: usize, large: usize) -> usize {
    match std::env::var("KMS_TEST_SCALE").as_deref() {
        Ok("large") => large,
        Ok(other) => panic!("`KMS_TEST_SCALE` can only be `large`, not `{other}`"),
        Err(_) => small,
    }
}

/// Returns an empty directory for Terraform with the provider that is tested.
pub(crate) fn workspace() -> terraform::Workspace {
    terraform::Workspace::new(Path::new(provider()))
}

/// A certificate for examples that read one from a file.
pub(crate) const CA_CERTIFICATE: &str = include_str!("ca.pem");

//! What tests, the demo and `cargo kms` share: a real PostgreSQL, a faithful KMS, the real Terraform.

pub(crate) mod fakes;
pub(crate) mod kms;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod registry;
pub(crate) mod scene;
pub(crate) mod terraform;
pub(crate) mod web_proxy;

use std::path::Path;

/// The block that a configuration needs to use the provider.
pub(crate) const REQUIRED_PROVIDERS: &str =
    "terraform {\n  required_providers {\n    kms = {\n      source = \"hanzoai/kms\"\n    }\n  }\n}\n";

/// An empty directory for Terraform with the provider that was built for this test run.
pub(crate) fn workspace() -> terraform::Workspace {
    terraform::Workspace::new(Path::new(env!("CARGO_BIN_EXE_terraform-provider-kms")))
}

/// A certificate for examples that read one from a file.
pub(crate) const CA_CERTIFICATE: &str = include_str!("ca.pem");

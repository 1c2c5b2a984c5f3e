//! Terraform provider for PostgreSQL app connections of Hanzo KMS.
pub mod crash;
pub mod env;
pub mod kms;
pub mod plugin;
pub mod postgres;
pub mod provider;
pub mod secret;
pub mod terraform;
pub mod tls;

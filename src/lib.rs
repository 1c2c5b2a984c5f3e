//! Terraform provider for PostgreSQL app connections of Hanzo KMS.
pub mod crash;
pub mod env;
pub mod plugin;
pub mod secret;
pub mod terraform;
pub mod tls;
pub mod postgres;

//! Terraform provider for PostgreSQL app connections of Hanzo KMS.
pub mod secret;
pub mod tls;
pub mod crash;
pub mod terraform;

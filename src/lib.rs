//! Terraform provider for PostgreSQL app connections of Hanzo KMS.
pub mod secret;
pub mod tls;

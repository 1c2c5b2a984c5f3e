//! The integration tests: one binary, real Terraform, real PostgreSQL, real TLS.

mod docs;
mod process;
mod tidy;

#[path = "../support/mod.rs"]
mod support;

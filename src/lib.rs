//! The provider `kms` of Terraform and OpenTofu: PostgreSQL app connections of Hanzo KMS, whose credentials
//! `terraform plan` itself tries at the database. This page is the map of the crate.
//!
//! # The path of a call
//!
//! ```text
//! Terraform ── socket, TLS ──► plugin ──► terraform::server     decodes by the schema (terraform::wire)
//!                                           │ terraform::plan    what follows from the schema alone; pure
//!                                           ▼
//!                                         provider::resources    what is particular to a resource
//!                                           │
//!                                 kms ◄─────┴─────► postgres     effects: the HTTP API, the login at a database
//!                                           │
//!                                           ▼ provider::messages errors become diagnostics
//!                                         terraform::server      checks as a core would, encodes
//! ```
//!
//! Imports go one way: [`kms`] and [`postgres`] do not depend on Terraform values, and [`terraform`] does not depend on
//! HTTP or databases. `tests/it/tidy.rs` checks this, and the other rules of the source tree that no compiler checks.
//!
//! # The folders
//!
//! * [`plugin`]: a process that a plugin host can start, talk to and end. Sockets, TLS, handshake, log.
//! * [`terraform`]: protocol 5 for any provider. [`value`](terraform::value), [`schema`](terraform::schema),
//!   [`plan`](terraform::plan), and the traits [`Provider`](terraform::provider::Provider) and
//!   [`Resource`](terraform::resource::Resource) that a provider implements.
//! * [`kms`]: the client of the app-connections API. JSON and status codes.
//! * [`postgres`]: one login at a PostgreSQL server, in stages that each have their own error. SQLSTATE and TLS.
//! * [`provider`]: the only folder that depends on both sides. Its `mod.rs` lists its modules.
//! * [`secret`], [`redact`], [`text`]: the type of a secret, the removal of secrets from foreign texts, and the form in which
//!   foreign texts are shown.
//! * [`mod@env`], [`os`], [`crypto`], [`panic_hook`]: the names of environment variables, bounded reads of files, the crypto
//!   provider, the report of a panic.
//!
//! # Invariants
//!
//! * A user's mistake is a diagnostic with the argument's path, never a gRPC status. So is a panic in a call.
//! * From the moment the service has answered a create with an id, an apply ends without an error: a core taints
//!   whatever is returned with one. An apply returns the plan, with its unknown values filled.
//! * One function logs in to databases (`database_login::log_in`); clippy's `disallowed-methods` keeps other code out.
//! * A response of the service is used only when it is about the object that was asked for (`kms::app_connection`).
//! * Nothing happens before the handshake but the handshake. `Configure` makes no network call.
//! * Every wait has an end and ends when the run is interrupted. Only a write that was sent is waited for a little longer.
//! * Only `plugin::handshake` writes to standard output. Only `plugin::log` and [`panic_hook`] write to standard error.
//! * The memory of a run belongs to the [`provider::Session`], and goes with the next `Configure`.
//!
//! # Why not a framework
//!
//! The one that exists for Rust, `tf-provider`, speaks protocol 6 only and has no write-only attributes, identities or
//! moves; it accepts clients whose certificate it did not check, listens on TCP, needs `protoc`, and leaves plan logic to
//! each resource. What a provider needs of protocol 5 is small enough to be right here.

pub mod crypto;
pub mod env;
pub mod kms;
pub mod os;
pub mod panic_hook;
pub mod plugin;
pub mod postgres;
pub mod provider;
pub mod redact;
pub mod secret;
pub mod terraform;
pub mod text;

/// The version of this build: that of the crate, marked as `-dev` unless it is a release build.
pub const VERSION: &str =
    if cfg!(debug_assertions) { concat!(env!("CARGO_PKG_VERSION"), "-dev") } else { env!("CARGO_PKG_VERSION") };

//! The provider `kms` of Terraform and OpenTofu: PostgreSQL app connections of Hanzo KMS, whose credentials
//! `terraform plan` itself tries at the database. This page is the map of the crate.
//!
//! # The path of a call
//!
//! ```text
//! Terraform ── socket, TLS ──► plugin ──► terraform::server     decodes by the schema (terraform::wire)
//!                                           │ terraform::plan    what follows from the schema alone; pure
//!                                           ▼
//!                                         provider               resources, data sources, functions
//!                                           │
//!                                 kms ◄─────┴─────► postgres     effects: the HTTP API, the login to a database
//!                                           │
//!                                           ▼ provider::messages errors become diagnostics
//!                                         terraform::server      checks by the rules of a core, encodes
//! ```
//!
//! Imports go one way: [`kms`] and [`postgres`] do not depend on Terraform values, and [`terraform`] does not depend on
//! HTTP or databases. `tests/it/tidy.rs` checks this, and the other rules of the source tree that no compiler checks.
//!
//! # The folders
//!
//! * [`plugin`]: the process of a plugin. Sockets, TLS, handshake, log, shutdown.
//! * [`terraform`]: protocol 5 for any provider. [`value`](terraform::value), [`schema`](terraform::schema),
//!   [`plan`](terraform::plan), and the traits, such as [`Provider`](terraform::provider::Provider) and
//!   [`Resource`](terraform::resource::Resource), that a provider implements.
//! * [`kms`]: the client of the app-connections API. JSON and status codes.
//! * [`postgres`]: one login to a PostgreSQL server, in stages that each have their own error. SQLSTATE and TLS.
//! * [`provider`]: the only folder that depends on both sides. Its `mod.rs` lists its modules.
//! * [`secret`], [`redact`], [`text`]: the type of a secret, the removal of secrets from texts of servers, and the escapes in
//!   such texts.
//! * [`mod@env`], [`os`], [`crypto`], [`panic_hook`]: the names of environment variables, bounded reads of files, the crypto
//!   provider, the report of a panic.
//!
//! # Where to look
//!
//! | Change | Files |
//! |---|---|
//! | The default port changes | `src/provider/resources/postgres_connection/attributes.rs`: the row `port`; in URLs `src/provider/functions/postgres_url.rs`; of an endpoint `src/provider/data_sources/postgres_endpoint.rs` |
//! | The KMS gets a new error text | `src/kms/response.rs` recognises it, `src/kms/error.rs` has the kinds, `src/provider/messages/kms/refused.rs` describes them; for the logins of the KMS itself `src/kms/database_problem.rs` and `src/provider/messages/kms/database_refused.rs` |
//! | A new SQLSTATE | `src/postgres/server_error.rs` maps it to a reason of `src/postgres/reason.rs`, `src/provider/messages/postgres/mod.rs` describes that |
//! | A new auth method | `src/kms/auth/method.rs` has the methods and their requests, `src/provider/config/auth_inputs.rs` the table of their arguments, `src/provider/messages/kms/auth.rs` their messages |
//! | A new attribute | `src/provider/resources/postgres_connection/attributes.rs` has the table and the typed fields, `src/provider/attribute.rs` the field of the API, `src/provider/resources/postgres_connection/request.rs` and `src/kms/app_connection.rs` the requests |
//! | A message is wrong | `src/provider/messages/mod.rs` lists the files by subject; messages about the protocol are in `src/terraform/server/mod.rs` and beside it |
//!
//! # Invariants
//!
//! * No call returns a gRPC status: every error, even a panic, is a diagnostic (`terraform::server::response`).
//! * After a create or an update has taken effect, an apply returns the plan with its unknown values resolved, and no error: a
//!   core taints an object that is returned with one (`terraform::server::change`).
//! * One function logs in to databases (`database_login::log_in`); clippy's `disallowed-methods` keeps other code out.
//! * The provider uses a response of the KMS only if it is about the requested object (`kms::app_connection`).
//! * `Configure` makes no network call.
//! * An interrupt ends all waits but the wait for the response to a write that was sent (`provider::deadline`).
//! * While the plugin serves, only `plugin::handshake` writes to standard output, and only `plugin::log` and [`panic_hook`]
//!   write to standard error.
//! * No generated message and no type that may hold a password derives `Debug`. The strings of a value are cleared on drop.
//! * The memory of a run belongs to the [`provider::Session`], which the next `Configure` replaces.
//!
//! # Why not a framework
//!
//! The one that exists for Rust, `tf-provider`, supports only protocol 6 and has no write-only attributes, identities or
//! moves; it accepts clients without verifying their certificate, listens on TCP, needs `protoc`, and leaves plan logic to
//! each resource. The part of protocol 5 that a provider needs is small enough to implement here.

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

//! The provider `kms` of Terraform and OpenTofu: PostgreSQL app connections of Hanzo KMS, whose credentials
//! `terraform plan` itself tries at the database. This page is the map of the crate.
//!
//! # The way of a call
//!
//! ```text
//! Terraform ── socket, TLS ──► plugin ──► terraform::server     decodes by the schema (terraform::wire)
//!                                           │ terraform::plan    what follows from the schema alone; pure
//!                                           ▼
//!                                         provider::…            what is particular to a resource
//!                                           │
//!                                 kms ◄─────┴─────► postgres     effects: the HTTP API, the login at a database
//!                                           │
//!                                           ▼ provider::diagnose errors become diagnostics
//!                                         terraform::server      checks as a core would, encodes
//! ```
//!
//! No step reaches back: [`kms`] and [`postgres`] never see a Terraform value, [`terraform`] never sees a URL, [`provider`]
//! never sees a byte of a wire format or a status code.
//!
//! # The folders
//!
//! * [`plugin`]: a process that a plugin host can start, talk to and end. Sockets, TLS, handshake, log; nothing of what
//!   it serves.
//! * [`terraform`]: protocol 5 for any provider. [`value`](terraform::value), [`schema`](terraform::schema),
//!   [`plan`](terraform::plan), and the traits [`Provider`](terraform::provider::Provider) and
//!   [`Resource`](terraform::resource::Resource) that a provider implements.
//! * [`kms`]: the client of the app-connections API. JSON and status codes.
//! * [`postgres`]: one login at a PostgreSQL server, in stages that each have their own error. SQLSTATE and TLS.
//! * [`provider`]: the only folder that sees both sides. The settings, the resource, the diagnostics.
//! * [`secret`], [`redact`], [`text`]: the one type of a secret, the one function that hides secrets in foreign texts, the
//!   one that makes foreign texts fit to be shown.
//! * [`mod@env`], [`os`], [`tls`], [`crash`]: every environment variable by name, files within bounds, the crypto provider,
//!   the panic hook.
//!
//! A second resource is a file in `provider`, a line in its list of resources, a folder of examples and a module of
//! tests. An attribute is named three times: in the schema, in the model, in the API's type.
//!
//! # What always holds
//!
//! * A person's mistake is a diagnostic with the argument's path, never a gRPC status. A panic in one call is one, too.
//! * From the moment the service has answered a create with an id, an apply ends without an error: a core taints
//!   whatever comes back with one. An apply returns the plan, with its unknown values filled.
//! * A text from outside (a value of a connection, a word of a server) stands in a message, log line or printed
//!   configuration only as [`text`] shows it: on one line, without control, bidirectional or invisible characters. Every
//!   diagnostic passes it once more on its way out.
//! * A secret exists only as [`secret::Secret`], or inside a [`terraform::value::Value`], which prints kinds and sizes.
//! * Nothing happens before the handshake but the handshake. `Configure` makes no call; the login waits for its first use.
//! * Every wait has an end and ends when the run is interrupted. Only a write that was sent is waited for a little longer.
//! * Only `plugin::handshake` writes to standard output. Only `plugin::log` and [`crash`] write to standard error.
//! * Memory of a run belongs to the [`provider::Session`], and goes with the next `Configure`.
//!
//! `tests/it/tidy.rs` holds the walls between the folders, and the other rules that no compiler checks.
//!
//! # Why not a framework
//!
//! The one that exists for Rust, `tf-provider`, speaks protocol 6 only and has no write-only attributes, identities or
//! moves; it lets clients in whose certificate it did not check, listens on TCP, needs `protoc`, and leaves plan logic to
//! each resource. What a provider needs of protocol 5 is small enough to be right here.

pub mod crash;
pub mod env;
pub mod kms;
pub mod os;
pub mod plugin;
pub mod postgres;
pub mod provider;
pub mod redact;
pub mod secret;
pub mod terraform;
pub mod text;
pub mod tls;

/// The version of this build: that of the crate, marked as `-dev` unless it is a release build.
pub const VERSION: &str =
    if cfg!(debug_assertions) { concat!(env!("CARGO_PKG_VERSION"), "-dev") } else { env!("CARGO_PKG_VERSION") };

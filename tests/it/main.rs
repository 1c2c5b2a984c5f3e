//! The integration tests, one binary so that they share servers and compile once: real Terraform, real PostgreSQL, real
//! TLS.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests look at databases in their own way, too")]

mod bad_network;
mod certificates;
mod dist;
mod docs;
mod drift;
mod endpoint_probe;
mod failures;
mod features;
mod guides;
mod hostile_answers;
mod import;
mod installation;
mod kills;
mod kms_client;
mod kms_server;
mod lifecycle;
mod logins;
mod lost_answers;
mod managed;
mod moving;
mod newer_core;
mod polite;
mod postgres_fixture;
mod privileges;
mod privileges_truth;
mod probe;
mod probe_fakes;
mod process;
mod recipes;
mod refresh;
mod secrets;
mod settings;
mod soak;
mod standby;
mod static_root;
mod tidy;
mod validation;
mod way;
mod write_only;

#[path = "../support/mod.rs"]
mod support;

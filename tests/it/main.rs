//! The integration tests, one binary so that they share servers and compile once: real Terraform, real PostgreSQL, real
//! TLS.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests look at databases in their own way, too")]

mod bad_network;
mod certificates;
mod data_sources;
mod dist;
mod docs;
mod drift;
mod endpoint_probe;
mod failures;
mod features;
mod functions;
mod guides;
mod hostile_responses;
mod http_transport;
mod identity_and_list;
mod import;
mod installation;
mod kills;
mod kms_auth;
mod kms_client;
mod kms_server;
mod lifecycle;
mod login_limits;
mod lost_responses;
mod managed;
mod move_state;
mod postgres_fixture;
mod postgres_login;
mod postgres_login_scripted;
mod privileges;
mod privileges_by_version;
mod process;
mod recipes;
mod refresh;
mod secrets;
mod settings;
mod soak;
mod standby;
mod static_archive;
mod tidy;
mod validation;
mod write_only;

#[path = "../support/mod.rs"]
mod support;

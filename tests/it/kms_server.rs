//! The local KMS server keeps the contract: what other tests learn from it would be worth nothing otherwise.

mod auth_methods;
mod client;
mod database_logins;
mod fault_control;
mod faults;
mod proxy;
mod refusals;
mod stored_connections;

//! The local KMS server keeps the contract: what other tests learn from it would be worth nothing otherwise.

mod client;
mod faults;
mod laboratory;
mod logins;
mod proxy;
mod refusals;
mod rows;
mod vouchers;

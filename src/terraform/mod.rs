//! Protocol 5 for any provider: values, schemas, plans, and the server that joins them. Knows nothing of KMS, HTTP or
//! databases.
//!
//! The way of a call: [`server`] decodes the request by the [`schema`] ([`wire`]), [`plan`] says what follows from the
//! schema alone, the [`resource`] says the rest, [`check`] judges the result as a core would, [`server`] encodes it.

pub mod check;
pub mod diagnostic;
pub mod duration;
pub mod generate;
pub mod identity;
pub mod model;
pub mod moving;
#[cfg(test)]
mod notation;
pub mod number;
pub mod plan;
pub mod private;
mod proto;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod server;
pub mod types;
pub mod value;
pub mod wire;

//! Protocol 5 for any provider: values, schemas, plans, and the gRPC server. Does not depend on the KMS, HTTP or databases.
//!
//! A request passes these steps: [`server`] decodes it by the [`schema`] (using [`wire`]), [`plan`] derives what follows
//! from the schema alone, the [`resource`] adds the rest, [`check`] verifies the result by the rules of a core, and
//! [`server`] encodes the response.

pub mod check;
pub mod data_source;
pub mod diagnostic;
pub mod duration;
pub mod ephemeral_resource;
pub mod function;
pub mod generate;
pub mod identity;
pub mod model;
pub mod move_state;
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

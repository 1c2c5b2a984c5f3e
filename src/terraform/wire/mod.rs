//! Encodes and decodes values by their type. Does not depend on schemas or RPCs.
//!
//! [`msgpack`] and [`json`] parse their formats; one walk for both matches the parsed nodes with the type.

mod error;
pub mod json;
pub mod msgpack;
mod walk;

#[cfg(test)]
mod tests;

pub use error::{ActualKind, Error, Problem};

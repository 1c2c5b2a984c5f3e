//! Values as bytes, in both directions, guided by their type. Knows nothing of schemas, and nothing of who sends what.
//!
//! The two formats, [`msgpack`] and [`json`], only say what their nodes are; what fits which type is one walk for both.

mod error;
pub mod json;
pub mod msgpack;
mod walk;

#[cfg(test)]
mod tests;

pub use error::{ActualKind, Error, Problem};

//! App connections of the KMS, as any resource or data source needs them: the cached list of each scope, names that are in
//! use, the search for an object after a lost response, and the platform-managed connections of the state.
//!
//! Depends on the client of the KMS only, not on a session or on the model of a resource.

pub(crate) mod cache;
pub(crate) mod lost_answer;
pub(crate) mod managed_registry;
pub(crate) mod name_check;

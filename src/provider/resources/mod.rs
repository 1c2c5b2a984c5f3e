//! The resources of the provider, one folder each.

pub(crate) mod postgres_connection;

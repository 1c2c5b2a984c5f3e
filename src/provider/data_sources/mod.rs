//! The data sources, one file each.

use crate::provider::session::Session;
use crate::terraform::data_source::DataSource;

mod postgres_endpoint;

/// Returns all of them.
pub(crate) fn all() -> Vec<Box<dyn DataSource<Session>>> {
    vec![Box::new(postgres_endpoint::PostgresEndpoint)]
}

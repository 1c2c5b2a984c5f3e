//! The KMS provider: the only folder that depends on Terraform, on the KMS and on PostgreSQL.
//!
//! | module | content |
//! |---|---|
//! | [`config`] | the provider block: settings, authentication, limits, defaults of the login check |
//! | [`arguments`] | rules of arguments that several kinds of objects have |
//! | [`session`] | the result of one `Configure`: client, caches, outcomes of logins |
//! | [`login_check`] | scheduling and sharing of database logins, allowed hosts, the location of the KMS |
//! | [`connections`] | cached lists, name checks and lost responses of app connections |
//! | [`data_sources`] | the data sources, one file each |
//! | [`functions`] | the functions |
//! | [`resources`] | the resources, one folder each |
//! | [`messages`] | diagnostics for errors of the KMS and of databases |
//! | [`deadline`], [`timeouts`] | limits of operations and the `timeouts` block |
//! | [`fingerprint`] | Argon2id fingerprints of write-only passwords |

mod arguments;
mod connections;
mod resources;
pub(crate) mod timeouts;

mod attribute;
mod config;
mod data_sources;
mod deadline;
mod fingerprint;
mod functions;
mod login_check;
pub mod messages;
#[cfg(test)]
mod properties;
mod session;

use crate::env;
use crate::terraform::data_source::DataSource;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::function::Function;
use crate::terraform::provider::{Configured, Provider};
use crate::terraform::resource::Resource;
use crate::terraform::schema::Schema;
use crate::terraform::value::Object;

use crate::provider::resources::postgres_connection::PostgresConnection;
pub use crate::provider::session::Session;

/// The source address, under which debug mode offers the provider.
pub const ADDRESS: &str = "registry.terraform.io/hanzoai/kms";

/// The provider.
pub struct Kms;

impl Provider for Kms {
    type Session = Session;

    fn schema(&self) -> Schema {
        config::schema()
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        config::parse(config).map_or_else(messages::settings::config_errors, |_| Diagnostics::new())
    }

    fn configure(&self, config: &Object, core_version: &str) -> Result<Configured<Session>, Diagnostics> {
        let resolved = config::parse(config).and_then(|arguments| arguments.resolve(&env::text));
        let resolved = resolved.map_err(messages::settings::config_errors)?;
        let session = Session::new(resolved, core_version);
        Ok(Configured { session, warnings: Diagnostics::new() })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Session>>> {
        vec![Box::new(PostgresConnection)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Session>>> {
        data_sources::all()
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        functions::all()
    }
}

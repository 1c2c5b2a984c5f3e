//! The KMS provider: the only folder that sees both Terraform and the two services.
//!
//! [`settings`] and [`validation`] turn the provider block into a [`session`]; [`postgres_connection`] is the resource;
//! [`logins`] shares verdicts of database logins between connections, and [`standpoint`] (with [`allowed_hosts`]) says
//! which make sense from here; [`diagnose`] is the only place where errors of
//! the KMS and refusals of databases become diagnostics.

mod allowed_hosts;
mod diagnose;
mod fingerprint;
mod logins;
mod managed;
mod postgres_connection;
#[cfg(test)]
mod properties;
mod scopes;
mod session;
mod settings;
mod standpoint;
mod validation;
mod wait;

use crate::env;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::provider::{Configured, Provider};
use crate::terraform::resource::Resource;
use crate::terraform::schema::Schema;
use crate::terraform::value::Object;

use self::postgres_connection::PostgresConnection;
pub use self::session::Session;

/// The source address, under which debug mode offers the provider.
pub const ADDRESS: &str = "registry.terraform.io/hanzoai/kms";

/// The provider.
pub struct Kms;

impl Provider for Kms {
    type Session = Session;

    fn schema(&self) -> Schema {
        settings::schema()
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        settings::validate(config)
    }

    fn configure(&self, config: &Object, core_version: &str) -> Result<Configured<Session>, Diagnostics> {
        let resolved = settings::resolve(config, &env::text)?;
        let session = Session::new(resolved, core_version);
        Ok(Configured { session, warnings: Diagnostics::new() })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Session>>> {
        vec![Box::new(PostgresConnection)]
    }
}

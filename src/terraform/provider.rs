//! The trait of a provider: the schema of its block, the session that `Configure` creates, and its resources.

use crate::terraform::data_source::DataSource;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::ephemeral_resource::EphemeralResource;
use crate::terraform::function::Function;
use crate::terraform::resource::Resource;
use crate::terraform::schema::Schema;
use crate::terraform::value::Object;

/// A provider.
///
/// One object for the lifetime of the process. Each `Configure` creates a [`Provider::Session`]: a process in debug mode
/// serves many runs, each with its own session.
pub trait Provider: Send + Sync + 'static {
    /// The result of `configure` that the resources use: clients and the caches of one walk.
    type Session: Send + Sync + 'static;

    /// Returns the schema of the provider block.
    fn schema(&self) -> Schema;

    /// Validates the provider block offline. Values may be unknown.
    fn validate(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Creates a session without any network call: most processes never need one.
    ///
    /// # Errors
    /// When the settings are invalid. An unknown value is an error only for the operation that needs it.
    fn configure(&self, config: &Object, core_version: &str) -> Result<Configured<Self::Session>, Diagnostics>;

    /// Returns the resources.
    fn resources(&self) -> Vec<Box<dyn Resource<Self::Session>>>;

    /// Returns the data sources.
    fn data_sources(&self) -> Vec<Box<dyn DataSource<Self::Session>>> {
        Vec::new()
    }

    /// Returns the ephemeral resources.
    fn ephemeral_resources(&self) -> Vec<Box<dyn EphemeralResource<Self::Session>>> {
        Vec::new()
    }

    /// Returns the functions.
    fn functions(&self) -> Vec<Box<dyn Function>> {
        Vec::new()
    }
}

/// A session, and warnings about its settings.
pub struct Configured<S> {
    /// The session.
    pub session: S,
    /// Warnings for the user.
    pub warnings: Diagnostics,
}

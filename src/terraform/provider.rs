//! What a provider is: a block of settings, a session made of them, and the things it offers.

use super::diagnostic::Diagnostics;
use super::resource::Resource;
use super::schema::Schema;
use super::value::Object;

/// A provider.
///
/// It is one object for the life of the process. What a configuration makes of it is a [`Provider::Session`]: a process
/// in debug mode serves many runs, each with its own.
pub trait Provider: Send + Sync + 'static {
    /// What `configure` makes and the resources use: clients and whatever is remembered during one walk.
    type Session: Send + Sync + 'static;

    /// The provider block.
    fn schema(&self) -> Schema;

    /// Checks the provider block without any IO; it may hold unknown values.
    fn validate(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Makes a session. Calls no network: most runs of a provider never need one.
    ///
    /// # Errors
    /// What is wrong with the settings. Unknown values are not: they are an error only for who needs them.
    fn configure(&self, config: &Object, core_version: &str) -> Result<Configured<Self::Session>, Diagnostics>;

    /// The resources.
    fn resources(&self) -> Vec<Box<dyn Resource<Self::Session>>>;
}

/// A session, and warnings about the settings it was made of.
pub struct Configured<S> {
    /// The session.
    pub session: S,
    /// Shown to the person.
    pub warnings: Diagnostics,
}

//! The trait of a data source.

use async_trait::async_trait;

use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;
use crate::terraform::schema::Schema;
use crate::terraform::value::Object;

/// A data source type.
///
/// The server decodes, fills in defaults, returns the arguments as they were configured and checks the result by the rules
/// of a core. A data source implements what it reads.
#[async_trait]
pub trait DataSource<S: Send + Sync + 'static>: Send + Sync {
    /// Returns the type name, with the provider's prefix.
    fn name(&self) -> &'static str;

    /// Returns the schema.
    fn schema(&self) -> Schema;

    /// Validates a configuration offline. Values may be unknown; each violated rule is a diagnostic of its own.
    fn validate(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Returns the computed values for a configuration, which is wholly known and has its defaults.
    ///
    /// # Errors
    /// When there is nothing to return. Terraform then stops.
    async fn read(&self, call: &RpcContext<S>, config: &Object) -> Result<Object, Diagnostics>;
}

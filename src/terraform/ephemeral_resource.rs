//! The trait of an ephemeral resource: its values exist during one run and are never stored.

use async_trait::async_trait;

use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;
use crate::terraform::schema::Schema;
use crate::terraform::value::Object;

/// An ephemeral resource type that holds nothing open: it needs neither renewal nor an end.
///
/// The server decodes, fills in defaults, returns the arguments as they were configured and checks the result by the rules
/// of a core.
#[async_trait]
pub trait EphemeralResource<S: Send + Sync + 'static>: Send + Sync {
    /// Returns the type name, with the provider's prefix.
    fn name(&self) -> &'static str;

    /// Returns the schema.
    fn schema(&self) -> Schema;

    /// Validates a configuration offline. Values may be unknown; each violated rule is a diagnostic of its own.
    fn validate(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Returns the computed values for a configuration, which is wholly known and has its defaults. A core calls this in the
    /// plan and again in the apply.
    ///
    /// # Errors
    /// When there is nothing to return. Terraform then stops.
    async fn open(&self, call: &RpcContext<S>, config: &Object) -> Result<Object, Diagnostics>;
}

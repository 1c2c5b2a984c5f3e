//! The trait of a resource. A resource implements schema, create, read, update and delete; the rest has a default.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::generate;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::terraform::identity::IdentitySchema;
use crate::terraform::move_state::{MoveSource, Moved};
use crate::terraform::private::Private;
use crate::terraform::schema::Schema;
use crate::terraform::value::{Object, Value};

/// A resource type.
///
/// The server decodes and encodes, plans by the schema, returns the planned values from an apply, keeps the user's spelling,
/// and checks the result by the rules of a core. A resource implements only what is particular to it.
#[async_trait]
pub trait Resource<S: Send + Sync + 'static>: Send + Sync {
    /// Returns the full type name, such as `kms_postgres_connection`.
    fn name(&self) -> &'static str;

    /// Returns the schema.
    fn schema(&self) -> Schema;

    /// Returns whether two values of an attribute are semantically equal: the user's spelling then stays in the state.
    fn same(&self, _attribute: &str, a: &Value, b: &Value) -> bool {
        a == b
    }

    /// Called with each object that the core loads from the state, before any other call for it. For a tainted object this
    /// may be the only call with its state: the core plans it like a new one.
    fn state_loaded(&self, _session: &S, _state: &Object) {}

    /// Validates a configuration offline. Values may be unknown; each violated rule is a diagnostic of its own.
    fn validate(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Adjusts the plan that follows from the schema, and rejects what cannot succeed.
    async fn plan(&self, _call: &RpcContext<S>, _change: &mut PlannedChange) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Warns about the consequences of destroying the object, or rejects it.
    async fn plan_destroy(
        &self,
        _call: &RpcContext<S>,
        _state: &Object,
        _private: &Private,
    ) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Creates the object and returns it in the form that the service reports.
    ///
    /// # Errors
    /// Only while no object exists: a core taints every object that is returned with an error. A later failure is a
    /// warning.
    async fn create(&self, call: &RpcContext<S>, change: &mut AppliedChange) -> Result<Object, Diagnostics>;

    /// Reads the object; `None` when the service itself reports that it does not exist.
    async fn read(
        &self,
        call: &RpcContext<S>,
        state: &Object,
        private: &Private,
    ) -> Result<Option<Object>, Diagnostics>;

    /// Updates the object and returns it in the form that the service reports.
    ///
    /// # Errors
    /// Only while nothing has changed: the core then keeps the prior state and private data.
    async fn update(&self, call: &RpcContext<S>, change: &mut AppliedChange) -> Result<Object, Diagnostics>;

    /// Deletes the object. An object that does not exist counts as deleted.
    async fn delete(&self, call: &RpcContext<S>, state: &Object, private: &Private) -> Result<(), Diagnostics>;

    /// Returns the schema of the identity, if the resource has one.
    fn identity(&self) -> Option<IdentitySchema> {
        None
    }

    /// Finds the object to import. The core reads the complete object afterwards.
    async fn import(&self, _call: &RpcContext<S>, _target: ImportTarget<'_>) -> Result<Object, Diagnostics> {
        Err(Diagnostic::error(
            "Import is not supported",
            format!("Objects of type `{}` cannot be imported. Nothing was changed.", self.name()),
        )
        .into())
    }

    /// Converts an object of another resource type or provider. Runs offline and without a session.
    fn move_from(&self, source: &MoveSource) -> Result<Moved, Diagnostics> {
        Err(Diagnostic::error(
            "This object cannot be moved",
            format!(
                "A `{}` of the provider `{}` cannot become a `{}`, and neither can an object of any other type. Nothing was \
                 changed. Remove the `moved` block.",
                source.type_name,
                source.provider,
                self.name()
            ),
        )
        .into())
    }

    /// Returns the configuration that a user would write for an object. It must be valid.
    fn generate(&self, state: &Object) -> Object {
        generate::config(&self.schema().block, state)
    }

    /// Returns the schema of a `list` block; `None` when objects cannot be listed. Requires an identity.
    fn list_schema(&self) -> Option<Schema> {
        None
    }

    /// Validates the configuration of a `list` block offline. Values may be unknown.
    fn validate_list(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Returns the objects that a `list` block selects, each as [`Resource::read`] would return it.
    async fn list(&self, _call: &RpcContext<S>, _config: &Object) -> Result<Vec<Listed>, Diagnostics> {
        Ok(Vec::new())
    }
}

/// The argument of an import.
#[derive(Clone, Copy)]
pub enum ImportTarget<'a> {
    /// A text, in a form that the resource defines.
    Id(&'a str),
    /// A complete identity.
    Identity(&'a Object),
}

/// An object of a list.
pub struct Listed {
    /// The object.
    pub object: Object,
    /// The display name.
    pub title: String,
}

/// The plan of a create or an update.
pub struct PlannedChange {
    /// The state before; `None` for an object to be created.
    pub prior: Option<Object>,
    /// The configuration, write-only values included. Values may be unknown.
    pub config: Object,
    /// The planned state.
    pub planned: Object,
    /// Changes that need a new object.
    pub replace: Vec<Path>,
    /// The private data of the prior state, to which the plan adds its own entries.
    pub private: Private,
}

/// A planned create or update to apply.
pub struct AppliedChange {
    /// The state before; empty for an object to be created.
    pub prior: Object,
    /// The configuration, which holds the write-only values.
    pub config: Object,
    /// The planned state, which holds all other values.
    pub planned: Object,
    /// The private data of the plan. Its stored entries stay with the object.
    pub private: Private,
}

/// The context of one call: the session, the capabilities of the core, and the stop signal.
pub struct RpcContext<S> {
    session: Arc<S>,
    stop: CancellationToken,
    write_only_allowed: bool,
    diagnostics: Mutex<Diagnostics>,
}

impl<S> RpcContext<S> {
    pub(super) fn new(session: Arc<S>, stop: CancellationToken, write_only_allowed: bool) -> Self {
        Self { session, stop, write_only_allowed, diagnostics: Mutex::default() }
    }

    /// Returns the session that `Configure` created.
    pub fn session(&self) -> &S {
        &self.session
    }

    /// Returns whether the core supports write-only attributes. Set only in a plan.
    pub fn write_only_allowed(&self) -> bool {
        self.write_only_allowed
    }

    /// Adds a diagnostic to the response: a warning. An error has the effect of an `Err` of the call, except after a create
    /// or an update, which has taken effect: the server then reports a warning in its place.
    pub fn warn(&self, diagnostic: Diagnostic) {
        self.diagnostics.lock().unwrap_or_else(PoisonError::into_inner).push(diagnostic);
    }

    /// Resolves when the user interrupts the run.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Returns whether the user has interrupted the run.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Returns the cancellation token, for work that ends its own waits.
    pub fn stop_signal(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Returns the result of the work, or `None` when the user interrupts the run first. The work must be safe to drop.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            result = work => Some(result),
        }
    }

    pub(super) fn into_diagnostics(self) -> Diagnostics {
        self.diagnostics.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

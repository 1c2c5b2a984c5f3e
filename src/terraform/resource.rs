//! What a resource is. A new one implements schema, create, read, update and delete; everything else has a default.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::diagnostic::{Diagnostic, Diagnostics, Path, Severity};
use super::generate;
use super::identity::IdentitySchema;
use super::moving::{MoveSource, Moved};
use super::private::Private;
use super::schema::Schema;
use super::value::{Object, Value};

/// A kind of managed object.
///
/// The framework around it decodes and encodes, plans by the schema, returns the plan's values from an apply, keeps the
/// user's spelling, and checks the result against the rules of a core. A resource only says what is particular to it.
#[async_trait]
pub trait Resource<S: Send + Sync + 'static>: Send + Sync {
    /// The full type name, such as `kms_postgres_connection`.
    fn name(&self) -> &'static str;

    /// What a person may write.
    fn schema(&self) -> Schema;

    /// Whether two values of an attribute mean the same to the service, so that the user's spelling stays.
    fn same(&self, _attribute: &str, a: &Value, b: &Value) -> bool {
        a == b
    }

    /// Takes notice of an object as the state has it: when it is loaded, and when it was read. A tainted object is planned
    /// as if it had never been there, and only this tells of it.
    fn seen(&self, _session: &S, _state: &Object) {}

    /// Checks a configuration without any IO. Values may be unknown; each broken rule is a message of its own.
    fn validate(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// Corrects the plan that follows from the schema, and refuses what cannot succeed.
    async fn plan(&self, _call: &Call<S>, _change: &mut PlannedChange) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Says what destroying the object means, or refuses to.
    async fn plan_destroy(&self, _call: &Call<S>, _state: &Object, _private: &Private) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Creates the object and returns what the service says it is now.
    ///
    /// # Errors
    /// Only while there is no object: a core marks everything that comes with an error as tainted. What goes wrong
    /// afterwards is a warning of the call.
    async fn create(&self, call: &Call<S>, change: &mut Change) -> Result<Object, Diagnostics>;

    /// Reads the object; `None` when the service itself says that it does not exist.
    async fn read(&self, call: &Call<S>, state: &Object, private: &Private) -> Result<Option<Object>, Diagnostics>;

    /// Changes the object and returns what the service says it is now.
    ///
    /// # Errors
    /// Only while nothing has changed: the core then keeps the prior state and private data.
    async fn update(&self, call: &Call<S>, change: &mut Change) -> Result<Object, Diagnostics>;

    /// Deletes the object. One that is gone already is a success.
    async fn delete(&self, call: &Call<S>, state: &Object, private: &Private) -> Result<(), Diagnostics>;

    /// What tells one object from all others.
    fn identity(&self) -> Option<IdentitySchema> {
        None
    }

    /// Finds an object that is to be managed from now on. What is not returned here is read afterwards.
    async fn import(&self, _call: &Call<S>, _target: ImportTarget<'_>) -> Result<Object, Diagnostics> {
        Err(Diagnostic::error(
            "Import is not supported",
            format!("Objects of type `{}` cannot be imported. Nothing was changed.", self.name()),
        )
        .into())
    }

    /// Takes over an object of another type or provider. Runs without settings and without any IO.
    fn move_from(&self, source: &MoveSource) -> Result<Moved, Diagnostics> {
        Err(Diagnostic::error(
            "This object cannot be moved",
            format!(
                "A `{}` of the provider `{}` cannot become a `{}`: objects of no other type can. Nothing was changed. Remove \
                 the `moved` block.",
                source.type_name,
                source.provider,
                self.name()
            ),
        )
        .into())
    }

    /// The configuration that a person would write for an object. It must be a valid one.
    fn generate(&self, state: &Object) -> Object {
        generate::config(&self.schema().block, state)
    }

    /// What a person may write in a `list` block of this type; `None` where objects cannot be listed. Needs an identity.
    fn list_schema(&self) -> Option<Schema> {
        None
    }

    /// Checks the configuration of a `list` block without any IO. Values may be unknown.
    fn validate_list(&self, _config: &Object) -> Diagnostics {
        Diagnostics::new()
    }

    /// The objects that a `list` block asks for, each as [`Resource::read`] would return it.
    async fn list(&self, _call: &Call<S>, _config: &Object) -> Result<Vec<Listed>, Diagnostics> {
        Ok(Vec::new())
    }
}

/// What a person gave to find an object by.
#[derive(Clone, Copy)]
pub enum ImportTarget<'a> {
    /// Any text; which forms it may have is the resource's to say.
    Id(&'a str),
    /// A complete identity.
    Identity(&'a Object),
}

/// An object that was found.
pub struct Listed {
    /// The object.
    pub object: Object,
    /// What a person knows it by.
    pub title: String,
}

/// A plan for an object that is created or updated.
pub struct PlannedChange {
    /// The state before; `None` for an object to be created.
    pub prior: Option<Object>,
    /// The configuration, write-only values included. Values may be unknown.
    pub config: Object,
    /// The planned state.
    pub planned: Object,
    /// Changes that need a new object.
    pub replace: Vec<Path>,
    /// Notes: those of the prior state, to which the plan adds its own.
    pub private: Private,
}

/// A change to be made.
pub struct Change {
    /// The state before; empty for an object to be created.
    pub prior: Object,
    /// The configuration: the place of write-only values.
    pub config: Object,
    /// The planned state: the place of all other values.
    pub planned: Object,
    /// Notes as the plan left them; what is kept in them is stored with the object.
    pub private: Private,
}

/// The surroundings of one call: the session, what the core supports, and how the call is told to end.
pub struct Call<S> {
    session: Arc<S>,
    stop: CancellationToken,
    write_only_allowed: bool,
    warnings: Mutex<Diagnostics>,
}

impl<S> Call<S> {
    pub(super) fn new(session: Arc<S>, stop: CancellationToken, write_only_allowed: bool) -> Self {
        Self { session, stop, write_only_allowed, warnings: Mutex::default() }
    }

    /// What the provider block made.
    pub fn session(&self) -> &S {
        &self.session
    }

    /// Whether the core knows write-only attributes. Only told in a plan.
    pub fn write_only_allowed(&self) -> bool {
        self.write_only_allowed
    }

    /// Shows the person something that does not stop the run, even if it was made as an error.
    pub fn warn(&self, message: Diagnostic) {
        let warning = Diagnostic { severity: Severity::Warning, ..message };
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    /// Resolves when the person interrupts the run.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the person has interrupted the run.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The signal itself, for work that ends its own waits.
    pub fn stop_signal(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The result of the work, or `None` when the person interrupts the run first. The work must be safe to drop.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            result = work => Some(result),
        }
    }

    pub(super) fn into_warnings(self) -> Diagnostics {
        self.warnings.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The `timeouts` block: the limit of each operation, its waits included.

use std::time::Duration;

use crate::terraform::duration;
use crate::terraform::schema::{Block, optional};
use crate::terraform::types::Type;
use crate::terraform::value::Value;

const DEFAULT: Duration = Duration::from_secs(5 * 60);

/// An operation that has a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Read,
    Update,
    Delete,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Update, Self::Delete];

    /// Returns the name of the argument.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The timeouts of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts([Duration; 4]);

impl Default for Timeouts {
    fn default() -> Self {
        Self([DEFAULT; 4])
    }
}

impl Timeouts {
    /// Parses a block. An argument that is null or unknown has the default.
    ///
    /// # Errors
    /// The operations whose timeout is not a duration.
    pub(crate) fn parse(block: &Value) -> Result<Self, Vec<Operation>> {
        let mut invalid = Vec::new();
        let Some(object) = block.as_object() else { return Ok(Self::default()) };
        let timeouts = Operation::ALL.map(|operation| match object.get(operation.name()).as_str() {
            None => DEFAULT,
            Some(text) => duration::parse(text).unwrap_or_else(|| {
                invalid.push(operation);
                DEFAULT
            }),
        });
        if invalid.is_empty() { Ok(Self(timeouts)) } else { Err(invalid) }
    }

    /// Returns the timeout of an operation.
    pub(crate) fn of(self, operation: Operation) -> Duration {
        let Self([create, read, update, delete]) = self;
        match operation {
            Operation::Create => create,
            Operation::Read => read,
            Operation::Update => update,
            Operation::Delete => delete,
        }
    }
}

/// Returns the schema of the block.
pub(crate) fn block() -> Block {
    let block = Block::new("Limits of the operations, waits included, such as `30s`, `5m` or `1h30m`.");
    Operation::ALL.iter().fold(block, |block, operation| {
        let name = operation.name();
        block.attribute(optional(name, Type::String, format!("Limit of `{name}`. Defaults to `5m`.")))
    })
}

/// Returns the timeout of an operation. Read and delete have no configuration: theirs is that of the state.
pub(crate) fn limit(block: &Value, operation: Operation) -> Duration {
    Timeouts::parse(block).unwrap_or_default().of(operation)
}

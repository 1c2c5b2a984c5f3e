//! The `timeouts` block: how long each operation may take in all, its waits included.

use std::time::Duration;

use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::terraform::duration;
use crate::terraform::schema::{Block, optional};
use crate::terraform::types::Type;
use crate::terraform::value::Value;

const DEFAULT: Duration = Duration::from_secs(5 * 60);

/// What a timeout limits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Create,
    Read,
    Update,
    Delete,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Update, Self::Delete];

    /// As it is written in the block.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The block.
pub(crate) fn block() -> Block {
    Operation::ALL.iter().fold(
        Block::new("How long operations may take in all, such as `30s`, `5m` or `1h30m`."),
        |block, operation| {
            let name = operation.name();
            block.attribute(optional(name, Type::String, format!("Limit for `{name}`. Default: `5m`.")))
        },
    )
}

/// Checks the block as it is written.
pub(crate) fn check(block: &Value) -> Diagnostics {
    let Some(object) = block.as_object() else { return Diagnostics::new() };
    let broken = Operation::ALL
        .iter()
        .filter(|operation| object.get(operation.name()).as_str().is_some_and(|text| duration::parse(text).is_none()));
    broken
        .map(|operation| {
            let name = operation.name();
            Diagnostic::error(
                "Invalid duration",
                format!(
                    "`{name}` takes a duration such as {}. Change the value, or remove the line.",
                    duration::EXAMPLES
                ),
            )
            .at(Path::from("timeouts").attribute(name))
        })
        .collect()
}

/// The limit in force. Read and delete see no configuration: theirs is that of the state.
pub(crate) fn limit(block: &Value, operation: Operation) -> Duration {
    block
        .as_object()
        .and_then(|object| object.get(operation.name()).as_str().and_then(duration::parse))
        .unwrap_or(DEFAULT)
}

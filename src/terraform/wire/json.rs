//! The JSON form of values, in which states are stored. Only read: what a provider returns is MessagePack.

use serde_json::Value as Json;

use super::error::{ActualKind, Error, Problem};
use super::walk;
use super::walk::{AttributeSet, Source};
use crate::terraform::diagnostic::Path;
use crate::terraform::number::Number;
use crate::terraform::types::Type;
use crate::terraform::value::Value;

/// Reads a value that has exactly the attributes of its type.
///
/// # Errors
/// When the bytes are not JSON, or when the value does not fit the type.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    walk::decode(parse(bytes)?, ty, AttributeSet::Exact)
}

/// Reads a value that another version may have stored: missing attributes are null, unknown ones are ignored.
///
/// # Errors
/// When the bytes are not JSON, or when the value does not fit the type.
pub fn decode_state(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    walk::decode(parse(bytes)?, ty, AttributeSet::Any)
}

fn parse(bytes: &[u8]) -> Result<Json, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error {
        path: Path::root(),
        problem: Problem::NotJson { line: error.line(), column: error.column() },
    })
}

impl Source for Json {
    fn typeless(&self) -> Result<Option<Value>, Problem> {
        Ok(self.is_null().then_some(Value::Null))
    }

    fn bool(self) -> Result<bool, Problem> {
        self.as_bool().ok_or_else(|| mismatch("a bool", &self))
    }

    fn number(self) -> Result<Number, Problem> {
        match &self {
            Self::Number(number) => Ok(number.to_string().parse()?),
            other => Err(mismatch("a number", other)),
        }
    }

    fn string(self) -> Result<String, Problem> {
        match self {
            Self::String(text) => Ok(text),
            other => Err(mismatch("a string", &other)),
        }
    }

    fn elements(self) -> Result<Vec<Self>, Problem> {
        match self {
            Self::Array(elements) => Ok(elements),
            other => Err(mismatch("an array", &other)),
        }
    }

    fn entries(self) -> Result<Vec<(String, Self)>, Problem> {
        match self {
            Self::Object(entries) => Ok(entries.into_iter().collect()),
            other => Err(mismatch("an object", &other)),
        }
    }
}

fn mismatch(expected: &'static str, json: &Json) -> Problem {
    Problem::Mismatch { expected, found: found(json) }
}

fn found(json: &Json) -> ActualKind {
    match json {
        Json::Null => ActualKind::Null,
        Json::Bool(_) => ActualKind::Bool,
        Json::Number(_) => ActualKind::Number,
        Json::String(text) => ActualKind::String(text.len()),
        Json::Array(elements) => ActualKind::List(elements.len()),
        Json::Object(entries) => ActualKind::Object(entries.len()),
    }
}

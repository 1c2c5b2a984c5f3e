//! The JSON form of values: how states are stored. Knows nothing of which attribute fits which type (see `walk`).

use serde_json::Value as Json;

use super::super::diagnostic::Path;
use super::super::number::Number;
use super::super::types::Type;
use super::super::value::{Unknown, Value};
use super::error::{Error, Found, Problem};
use super::walk::{self, Attributes, Source, Target};

/// Reads a value that has exactly the attributes of its type.
///
/// # Errors
/// When the bytes are not JSON, or what they say does not fit the type.
pub fn decode(bytes: &[u8], of: &Type) -> Result<Value, Error> {
    walk::decode(parse(bytes)?, of, Attributes::Exact)
}

/// Reads a value that another version may have stored: missing attributes are null, unknown ones are ignored.
///
/// # Errors
/// When the bytes are not JSON, or what they say does not fit the type.
pub fn decode_state(bytes: &[u8], of: &Type) -> Result<Value, Error> {
    walk::decode(parse(bytes)?, of, Attributes::Any)
}

/// Writes a value with all the attributes of its type; those that it does not have are null.
///
/// # Errors
/// When the value does not fit the type, is not wholly known, or holds an infinity.
pub fn encode(value: &Value, of: &Type) -> Result<Vec<u8>, Error> {
    walk::encode::<Json>(value, of).map(|json| json.to_string().into_bytes())
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
        match self {
            Self::Number(number) => Ok(number.as_str().parse()?),
            other => Err(mismatch("a number", &other)),
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

    fn dynamic(self) -> Result<(Type, Self), Problem> {
        let found = found(&self);
        if let Self::Object(mut entries) = self
            && let (Some(value), Some(of), true) = (entries.remove("value"), entries.remove("type"), entries.is_empty())
        {
            return Ok((Type::from_value(of)?, value));
        }
        Err(Problem::Mismatch { expected: "an object of `value` and `type`", found })
    }
}

impl Target for Json {
    fn null() -> Self {
        Self::Null
    }

    fn unknown(_: &Unknown) -> Result<Self, Problem> {
        Err(Problem::UnknownInJson)
    }

    fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn number(number: &Number) -> Result<Self, Problem> {
        number.to_string().parse().map(Self::Number).map_err(|_| Problem::InfinityInJson)
    }

    fn string(text: &str) -> Self {
        Self::from(text)
    }

    fn list(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }

    fn object(entries: Vec<(&str, Self)>) -> Self {
        entries.into_iter().collect()
    }

    fn dynamic(of: &Type, value: Self) -> Self {
        Self::object(vec![("value", value), ("type", of.to_value())])
    }
}

fn mismatch(expected: &'static str, json: &Json) -> Problem {
    Problem::Mismatch { expected, found: found(json) }
}

fn found(json: &Json) -> Found {
    match json {
        Json::Null => Found::Null,
        Json::Bool(_) => Found::Bool,
        Json::Number(_) => Found::Number,
        Json::String(text) => Found::String(text.len()),
        Json::Array(elements) => Found::List(elements.len()),
        Json::Object(entries) => Found::Object(entries.len()),
    }
}

//! The MessagePack form of values: what travels between core and provider. Knows nothing of which attribute fits which
//! type (see `walk`).

use rmpv::decode::read_value_ref_with_max_depth;
use rmpv::{Utf8StringRef, Value as Tree, ValueRef};

use super::super::diagnostic::Path;
use super::super::number::Number;
use super::super::types::Type;
use super::super::value::{Unknown, Value};
use super::error::{Error, Found, Problem};
use super::walk::{self, Attributes, MAX_DEPTH, Source, Target};

/// The extension of an unknown value with a refinement. Unknown values without one are written as an extension of type 0
/// with one zero byte, and read from any extension of at most one byte.
const REFINED: i8 = 12;

const NEVER_USED: u8 = 0xc1;

/// The longest body of a refinement in the protocol.
const MAX_REFINEMENT: usize = 1024;

/// The reader takes up to two of its levels for an array or map, and three for what is innermost.
const MAX_READ_DEPTH: usize = 2 * MAX_DEPTH + 3;

/// Reads a value that has exactly the attributes of its type.
///
/// # Errors
/// When the bytes are not one MessagePack value, or what they say does not fit the type.
pub fn decode(bytes: &[u8], of: &Type) -> Result<Value, Error> {
    let at_root = |problem| Error { path: Path::root(), problem };
    // The reader takes this byte, which MessagePack never uses, for null: at the root that would mean "no object".
    if bytes.first() == Some(&NEVER_USED) {
        return Err(at_root(Problem::NotMessagePack));
    }
    let mut rest = bytes;
    // Borrows texts and bodies from `bytes`, and allocates nothing ahead of what it has seen.
    let tree = read_value_ref_with_max_depth(&mut rest, MAX_READ_DEPTH).map_err(|error| {
        at_root(match error {
            rmpv::decode::Error::DepthLimitExceeded => Problem::TooDeep,
            _ => Problem::NotMessagePack,
        })
    })?;
    if !rest.is_empty() {
        return Err(at_root(Problem::TrailingBytes(rest.len())));
    }
    walk::decode(tree, of, Attributes::Exact)
}

/// Writes a value with all the attributes of its type; those that it does not have are null.
///
/// # Errors
/// When the value does not fit the type.
pub fn encode(value: &Value, of: &Type) -> Result<Vec<u8>, Error> {
    let tree: Tree = walk::encode(value, of)?;
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    match rmpv::encode::write_value(&mut bytes, &tree) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Error { path: Path::root(), problem: Problem::NotMessagePack }),
    }
}

impl Source for ValueRef<'_> {
    fn typeless(&self) -> Result<Option<Value>, Problem> {
        match self {
            Self::Nil => Ok(Some(Value::Null)),
            Self::Ext(kind, body) => unknown(*kind, body).map(|unknown| Some(Value::Unknown(unknown))),
            _ => Ok(None),
        }
    }

    fn bool(self) -> Result<bool, Problem> {
        match self {
            Self::Boolean(value) => Ok(value),
            other => Err(mismatch("a bool", &other)),
        }
    }

    fn number(self) -> Result<Number, Problem> {
        match self {
            Self::Integer(integer) => match (integer.as_i64(), integer.as_u64()) {
                (Some(integer), _) => Ok(Number::from(integer)),
                (None, Some(integer)) => Ok(Number::from(integer)),
                (None, None) => Err(mismatch("a number", &self)),
            },
            Self::F32(number) => Ok(Number::try_from(f64::from(number))?),
            Self::F64(number) => Ok(Number::try_from(number)?),
            Self::String(text) => Ok(utf8(text)?.parse()?),
            other => Err(mismatch("a number", &other)),
        }
    }

    fn string(self) -> Result<String, Problem> {
        match self {
            Self::String(text) => utf8(text).map(str::to_owned),
            Self::Binary(bytes) => str::from_utf8(bytes).map(str::to_owned).map_err(|_| Problem::NotUtf8),
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
            Self::Map(entries) => entries.into_iter().map(|(name, node)| Ok((name.string()?, node))).collect(),
            other => Err(mismatch("a map", &other)),
        }
    }

    fn dynamic(self) -> Result<(Type, Self), Problem> {
        let found = found(&self);
        let parts = self.elements().unwrap_or_default();
        match <[Self; 2]>::try_from(parts) {
            Ok([Self::Binary(of), node]) => Ok((Type::from_json(of)?, node)),
            Ok([Self::String(of), node]) => Ok((Type::from_json(of.as_bytes())?, node)),
            _ => Err(Problem::Mismatch { expected: "an array of a type and a value", found }),
        }
    }
}

fn unknown(kind: i8, body: &[u8]) -> Result<Unknown, Problem> {
    match (kind, body.len()) {
        (_, 0 | 1) => Ok(Unknown::default()),
        (REFINED, ..=MAX_REFINEMENT) => Ok(Unknown { refinement: Some(body.to_vec()) }),
        (REFINED, length) => Err(Problem::RefinementTooLong(length)),
        (kind, length) => Err(Problem::Extension { kind, length }),
    }
}

fn utf8(text: Utf8StringRef<'_>) -> Result<&str, Problem> {
    text.into_str().ok_or(Problem::NotUtf8)
}

fn mismatch(expected: &'static str, node: &ValueRef<'_>) -> Problem {
    Problem::Mismatch { expected, found: found(node) }
}

fn found(node: &ValueRef<'_>) -> Found {
    match node {
        ValueRef::Nil => Found::Null,
        ValueRef::Boolean(_) => Found::Bool,
        ValueRef::Integer(_) | ValueRef::F32(_) | ValueRef::F64(_) => Found::Number,
        ValueRef::String(text) => Found::String(text.as_bytes().len()),
        ValueRef::Binary(bytes) => Found::Bytes(bytes.len()),
        ValueRef::Array(elements) => Found::List(elements.len()),
        ValueRef::Map(entries) => Found::Object(entries.len()),
        ValueRef::Ext(..) => Found::Unknown,
    }
}

impl Target for Tree {
    fn null() -> Self {
        Self::Nil
    }

    fn unknown(unknown: &Unknown) -> Result<Self, Problem> {
        Ok(match &unknown.refinement {
            Some(body) => Self::Ext(REFINED, body.clone()),
            None => Self::Ext(0, vec![0]),
        })
    }

    fn bool(value: bool) -> Self {
        Self::Boolean(value)
    }

    /// What the core would choose: an integer where one of 64 bits holds it, else a float for fractions (and infinities)
    /// that one holds exactly, else text.
    fn number(number: &Number) -> Result<Self, Problem> {
        Ok(match (number.as_i64(), number.as_exact_f64()) {
            (Some(integer), _) => Self::from(integer),
            (None, Some(float)) if !number.is_integer() => Self::F64(float),
            _ => Self::from(number.to_string()),
        })
    }

    fn string(text: &str) -> Self {
        Self::from(text)
    }

    fn list(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }

    fn object(entries: Vec<(&str, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(name, value)| (Self::from(name), value)).collect())
    }

    fn dynamic(of: &Type, value: Self) -> Self {
        Self::Array(vec![Self::Binary(of.to_json()), value])
    }
}

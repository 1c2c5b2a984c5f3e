//! The MessagePack form of values, which travels between core and provider.

use rmpv::decode::read_value_ref_with_max_depth;
use rmpv::{Utf8StringRef, ValueRef};

use super::error::{ActualKind, Error, Problem};
use super::walk;
use super::walk::{AttributeSet, Location, Source, WalkStep};
use crate::terraform::diagnostic::Path;
use crate::terraform::number::Number;
use crate::terraform::types::Type;
use crate::terraform::value::{Unknown, Value};

/// The extension of an unknown value with a refinement. Unknown values without one are written as an extension of type 0
/// with one zero byte, and read from any extension of at most one byte.
const REFINED: i8 = 12;

const NEVER_USED: u8 = 0xc1;

/// The maximum length of the body of a refinement in the protocol.
const MAX_REFINEMENT: usize = 1024;

/// The maximum nesting of the bytes. The reader uses up to two of its levels for an array or map.
const MAX_READ_DEPTH: usize = 200;

/// Reads a value that has exactly the attributes of its type.
///
/// # Errors
/// When the bytes are not one MessagePack value, or when the value does not fit the type.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    let at_root = |problem| Error { path: Path::root(), problem };
    // The reader takes this byte, which MessagePack never uses, for null: at the root that would mean "no object".
    if bytes.first() == Some(&NEVER_USED) {
        return Err(at_root(Problem::NotMessagePack));
    }
    let mut rest = bytes;
    // Borrows texts and bodies from `bytes`, and allocates nothing ahead of what it has read.
    let tree = read_value_ref_with_max_depth(&mut rest, MAX_READ_DEPTH).map_err(|error| {
        at_root(match error {
            rmpv::decode::Error::DepthLimitExceeded => Problem::TooDeep,
            _ => Problem::NotMessagePack,
        })
    })?;
    if !rest.is_empty() {
        return Err(at_root(Problem::TrailingBytes(rest.len())));
    }
    walk::decode(tree, ty, AttributeSet::Exact)
}

/// Writes a value with all the attributes of its type; those that it does not have are null.
///
/// # Errors
/// When the value does not fit the type.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Error> {
    // Borrows texts from the value, so that no further copy of a secret is made.
    let tree = tree(&Location::ROOT, value, ty)?;
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    match rmpv::encode::write_value_ref(&mut bytes, &tree) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Error { path: Path::root(), problem: Problem::NotMessagePack }),
    }
}

fn tree<'a>(location: &Location<'_>, value: &'a Value, ty: &'a Type) -> Result<ValueRef<'a>, Error> {
    match (value, ty) {
        (Value::Null, _) => Ok(ValueRef::Nil),
        (Value::Unknown(Unknown { refinement: Some(body) }), _) => Ok(ValueRef::Ext(REFINED, body)),
        (Value::Unknown(Unknown { refinement: None }), _) => Ok(ValueRef::Ext(0, &[0])),
        (Value::Bool(value), Type::Bool) => Ok(ValueRef::Boolean(*value)),
        (Value::Number(number), Type::Number) => Ok(number_tree(number)),
        (Value::String(text), Type::String) => Ok(ValueRef::from(text.as_str())),
        (Value::List(elements), Type::List(ty)) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, value)| tree(&location.step(WalkStep::Index(index)), value, ty))
                .collect::<Result<_, _>>()
                .map(ValueRef::Array)
        }
        (Value::Object(object), Type::Map(ty)) => {
            let entries = object.iter();
            entries
                .map(|(key, value)| Ok((key.as_str().into(), tree(&location.step(WalkStep::Key(key)), value, ty)?)))
                .collect::<Result<_, _>>()
                .map(ValueRef::Map)
        }
        (Value::Object(object), Type::Object(types)) => {
            if let Some((name, _)) = object.iter().find(|(name, _)| !types.contains_key(*name)) {
                return Err(location.step(WalkStep::Attribute(name)).error(Problem::UnexpectedAttribute));
            }
            let entries = types.iter();
            entries
                .map(|(name, ty)| {
                    let location = location.step(WalkStep::Attribute(name));
                    Ok((name.as_str().into(), tree(&location, object.get(name), ty)?))
                })
                .collect::<Result<_, _>>()
                .map(ValueRef::Map)
        }
        (value, ty) => Err(location.error(walk::mismatch(value, ty))),
    }
}

/// Returns the form that the core would choose: an integer where 64 bits hold it, a float for a fraction (or an infinity) that a
/// float holds exactly, else text.
fn number_tree(number: &Number) -> ValueRef<'_> {
    match (number, number.as_exact_fraction()) {
        (Number::Integer(integer), _) => ValueRef::from(*integer),
        (Number::Other(_), Some(float)) => ValueRef::F64(float),
        (Number::Other(text), None) => ValueRef::from(&**text),
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

fn found(node: &ValueRef<'_>) -> ActualKind {
    match node {
        ValueRef::Nil => ActualKind::Null,
        ValueRef::Boolean(_) => ActualKind::Bool,
        ValueRef::Integer(_) | ValueRef::F32(_) | ValueRef::F64(_) => ActualKind::Number,
        ValueRef::String(text) => ActualKind::String(text.as_bytes().len()),
        ValueRef::Binary(bytes) => ActualKind::Bytes(bytes.len()),
        ValueRef::Array(elements) => ActualKind::List(elements.len()),
        ValueRef::Map(entries) => ActualKind::Object(entries.len()),
        ValueRef::Ext(..) => ActualKind::Unknown,
    }
}

//! What fits which type: the one walk along a type that both formats share. Knows nothing of bytes.

use std::collections::BTreeMap;

use super::super::diagnostic::Path;
use super::super::number::Number;
use super::super::types::Type;
use super::super::value::{Dynamic, Object, Unknown, Value};
use super::error::{Error, Found, Problem};

/// How deep values may be nested. Parsers of both formats go deeper than that before they give up themselves.
pub(super) const MAX_DEPTH: usize = 100;

/// A node of a parsed format. Each method is asked only where the type calls for it, and says what else was found.
pub(super) trait Source: Sized {
    /// Null or unknown, which fit every type.
    fn typeless(&self) -> Result<Option<Value>, Problem>;
    fn bool(self) -> Result<bool, Problem>;
    fn number(self) -> Result<Number, Problem>;
    fn string(self) -> Result<String, Problem>;
    fn elements(self) -> Result<Vec<Self>, Problem>;
    /// In any order; a name may be there twice.
    fn entries(self) -> Result<Vec<(String, Self)>, Problem>;
    fn dynamic(self) -> Result<(Type, Self), Problem>;
}

/// A node of a format that is to be written.
pub(super) trait Target: Sized {
    fn null() -> Self;
    fn unknown(unknown: &Unknown) -> Result<Self, Problem>;
    fn bool(value: bool) -> Self;
    fn number(number: &Number) -> Result<Self, Problem>;
    fn string(text: &str) -> Self;
    fn list(elements: Vec<Self>) -> Self;
    /// The entries come in the order of their names' bytes.
    fn object(entries: Vec<(&str, Self)>) -> Self;
    fn dynamic(of: &Type, value: Self) -> Self;
}

/// Which attributes an object has to have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attributes {
    /// Those of the type.
    Exact,
    /// Any, as in what another version has stored: missing ones are null, others are ignored.
    Any,
}

pub(super) fn decode<S: Source>(node: S, of: &Type, rule: Attributes) -> Result<Value, Error> {
    decode_at(&Place::ROOT, node, of, rule)
}

pub(super) fn encode<T: Target>(value: &Value, of: &Type) -> Result<T, Error> {
    encode_at(&Place::ROOT, value, of)
}

fn decode_at<S: Source>(place: &Place<'_>, node: S, of: &Type, rule: Attributes) -> Result<Value, Error> {
    let at = |problem| place.error(problem);
    if let Some(value) = node.typeless().map_err(at)? {
        return Ok(value);
    }
    match of {
        Type::Bool => node.bool().map(Value::Bool).map_err(at),
        Type::Number => node.number().map(Value::Number).map_err(at),
        Type::String => node.string().map(Value::String).map_err(at),
        Type::List(element) => {
            let elements = node.elements().map_err(at)?.into_iter().enumerate();
            elements
                .map(|(index, node)| decode_at(&place.step(Step::Index(index))?, node, element, rule))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Type::Set(element) => {
            let elements = node.elements().map_err(at)?.into_iter();
            elements
                .map(|node| decode_at(&place.step(Step::Inside)?, node, element, rule))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Type::Tuple(types) => {
            let elements = node.elements().map_err(at)?;
            check_length(types, elements.len()).map_err(at)?;
            let elements = elements.into_iter().zip(types).enumerate();
            elements
                .map(|(index, (node, of))| decode_at(&place.step(Step::Index(index))?, node, of, rule))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Type::Map(element) => {
            let entries = node.entries().and_then(unique).map_err(at)?.into_iter();
            entries
                .map(|(key, node)| {
                    let value = decode_at(&place.step(Step::Key(&key))?, node, element, rule)?;
                    Ok((key, value))
                })
                .collect::<Result<_, _>>()
                .map(Value::Object)
        }
        Type::Object(types) => {
            let entries = node.entries().and_then(unique).map_err(at)?;
            decode_attributes(place, entries, types, rule).map(Value::Object)
        }
        Type::Dynamic => {
            let (of, node) = node.dynamic().map_err(at)?;
            let value = decode_at(&place.step(Step::Inside)?, node, &of, rule)?;
            Ok(Value::Dynamic(Box::new(Dynamic { of, value })))
        }
    }
}

fn decode_attributes<S: Source>(
    place: &Place<'_>,
    mut entries: BTreeMap<String, S>,
    types: &BTreeMap<String, Type>,
    rule: Attributes,
) -> Result<Object, Error> {
    let mut object = Object::new();
    for (name, of) in types {
        let place = place.step(Step::Attribute(name))?;
        let value = match entries.remove(name) {
            Some(node) => decode_at(&place, node, of, rule)?,
            None if rule == Attributes::Any => Value::Null,
            None => return Err(place.error(Problem::MissingAttribute)),
        };
        object.set(name, value);
    }
    match entries.keys().next() {
        Some(name) if rule == Attributes::Exact => {
            Err(place.step(Step::Attribute(name))?.error(Problem::UnexpectedAttribute))
        }
        _ => Ok(object),
    }
}

fn unique<S>(entries: Vec<(String, S)>) -> Result<BTreeMap<String, S>, Problem> {
    let count = entries.len();
    let by_name: BTreeMap<_, _> = entries.into_iter().collect();
    if by_name.len() == count { Ok(by_name) } else { Err(Problem::Duplicate) }
}

fn encode_at<T: Target>(place: &Place<'_>, value: &Value, of: &Type) -> Result<T, Error> {
    let at = |problem| place.error(problem);
    match (value, of) {
        (Value::Null, _) => Ok(T::null()),
        (Value::Unknown(unknown), _) => T::unknown(unknown).map_err(at),
        (Value::Bool(value), Type::Bool) => Ok(T::bool(*value)),
        (Value::Number(number), Type::Number) => T::number(number).map_err(at),
        (Value::String(text), Type::String) => Ok(T::string(text)),
        (Value::List(elements), Type::List(of)) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, value)| encode_at(&place.step(Step::Index(index))?, value, of))
                .collect::<Result<_, _>>()
                .map(T::list)
        }
        (Value::List(elements), Type::Set(of)) => {
            let elements = elements.iter();
            elements
                .map(|value| encode_at(&place.step(Step::Inside)?, value, of))
                .collect::<Result<_, _>>()
                .map(T::list)
        }
        (Value::List(elements), Type::Tuple(types)) => {
            check_length(types, elements.len()).map_err(at)?;
            let elements = elements.iter().zip(types).enumerate();
            elements
                .map(|(index, (value, of))| encode_at(&place.step(Step::Index(index))?, value, of))
                .collect::<Result<_, _>>()
                .map(T::list)
        }
        (Value::Object(object), Type::Map(of)) => {
            let entries = object.iter();
            entries
                .map(|(key, value)| Ok((key.as_str(), encode_at(&place.step(Step::Key(key))?, value, of)?)))
                .collect::<Result<_, _>>()
                .map(T::object)
        }
        (Value::Object(object), Type::Object(types)) => {
            if let Some((name, _)) = object.iter().find(|(name, _)| !types.contains_key(*name)) {
                return Err(place.step(Step::Attribute(name))?.error(Problem::UnexpectedAttribute));
            }
            let entries = types.iter();
            entries
                .map(|(name, of)| {
                    let place = place.step(Step::Attribute(name))?;
                    Ok((name.as_str(), encode_at(&place, object.get(name), of)?))
                })
                .collect::<Result<_, _>>()
                .map(T::object)
        }
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            let value = encode_at(&place.step(Step::Inside)?, &dynamic.value, &dynamic.of)?;
            Ok(T::dynamic(&dynamic.of, value))
        }
        (value, of) => Err(at(Problem::Mismatch { expected: expected(of), found: found(value) })),
    }
}

fn check_length(types: &[Type], found: usize) -> Result<(), Problem> {
    let expected = types.len();
    if found == expected { Ok(()) } else { Err(Problem::TupleLength { expected, found }) }
}

fn expected(of: &Type) -> &'static str {
    match of {
        Type::Bool => "a bool",
        Type::Number => "a number",
        Type::String => "a string",
        Type::List(_) => "a list",
        Type::Set(_) => "a set",
        Type::Tuple(_) => "a tuple",
        Type::Map(_) => "a map",
        Type::Object(_) => "an object",
        Type::Dynamic => "a value that carries its type",
    }
}

fn found(value: &Value) -> Found {
    match value {
        Value::Null => Found::Null,
        Value::Unknown(_) => Found::Unknown,
        Value::Bool(_) => Found::Bool,
        Value::Number(_) => Found::Number,
        Value::String(text) => Found::String(text.len()),
        Value::List(elements) => Found::List(elements.len()),
        Value::Object(object) => Found::Object(object.len()),
        Value::Dynamic(_) => Found::Dynamic,
    }
}

/// Where the walk is. Lives on the stack and becomes a [`Path`] only when something is wrong.
struct Place<'a> {
    way: Option<(&'a Self, Step<'a>)>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Attribute(&'a str),
    Key(&'a str),
    Index(usize),
    /// To what has no address of its own: an element of a set, the value in a `dynamic` one.
    Inside,
}

impl Place<'_> {
    const ROOT: Self = Self { way: None, depth: 0 };

    fn step<'a>(&'a self, step: Step<'a>) -> Result<Place<'a>, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(Problem::TooDeep));
        }
        Ok(Place { way: Some((self, step)), depth: self.depth.saturating_add(1) })
    }

    fn error(&self, problem: Problem) -> Error {
        Error { path: self.path(), problem }
    }

    fn path(&self) -> Path {
        match self.way {
            None => Path::root(),
            Some((parent, Step::Attribute(name))) => parent.path().attribute(name),
            Some((parent, Step::Key(key))) => parent.path().key(key),
            Some((parent, Step::Index(index))) => parent.path().index(index),
            Some((parent, Step::Inside)) => parent.path(),
        }
    }
}

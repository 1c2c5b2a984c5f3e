//! Decodes a parsed tree by a type: the one walk that MessagePack and JSON share. Does not depend on either format.

use std::collections::BTreeMap;

use super::error::{ActualKind, Error, Problem};
use crate::terraform::diagnostic::Path;
use crate::terraform::number::Number;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

/// A node of a parsed format. Each method is called only where the type requires its kind; its error names the kind found.
pub(super) trait Source: Sized {
    /// Returns null or unknown, which fit every type; `None` for another value.
    fn typeless(&self) -> Result<Option<Value>, Problem>;
    fn bool(self) -> Result<bool, Problem>;
    fn number(self) -> Result<Number, Problem>;
    fn string(self) -> Result<String, Problem>;
    fn elements(self) -> Result<Vec<Self>, Problem>;
    /// Returns the entries in any order; a name may occur twice.
    fn entries(self) -> Result<Vec<(String, Self)>, Problem>;
}

/// Which attributes an object must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AttributeSet {
    /// Those of the type.
    Exact,
    /// Any, as in an object that another version stored: missing ones are null, others are ignored.
    Any,
}

/// Decodes a node. The recursion is as deep as the type, whatever the node holds.
pub(super) fn decode<S: Source>(node: S, ty: &Type, rule: AttributeSet) -> Result<Value, Error> {
    decode_at(&Location::ROOT, node, ty, rule)
}

fn decode_at<S: Source>(location: &Location<'_>, node: S, ty: &Type, rule: AttributeSet) -> Result<Value, Error> {
    let at = |problem| location.error(problem);
    if let Some(value) = node.typeless().map_err(at)? {
        return Ok(value);
    }
    match ty {
        Type::Bool => node.bool().map(Value::Bool).map_err(at),
        Type::Number => node.number().map(Value::Number).map_err(at),
        Type::String => node.string().map(Value::from).map_err(at),
        Type::List(element) => {
            let elements = node.elements().map_err(at)?.into_iter().enumerate();
            elements
                .map(|(index, node)| decode_at(&location.step(WalkStep::Index(index)), node, element, rule))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Type::Map(element) => {
            let entries = node.entries().and_then(unique).map_err(at)?.into_iter();
            entries
                .map(|(key, node)| {
                    let value = decode_at(&location.step(WalkStep::Key(&key)), node, element, rule)?;
                    Ok((key, value))
                })
                .collect::<Result<_, _>>()
                .map(Value::Object)
        }
        Type::Object(types) => {
            let entries = node.entries().and_then(unique).map_err(at)?;
            decode_attributes(location, entries, types, rule).map(Value::Object)
        }
    }
}

fn decode_attributes<S: Source>(
    location: &Location<'_>,
    mut entries: BTreeMap<String, S>,
    types: &BTreeMap<String, Type>,
    rule: AttributeSet,
) -> Result<Object, Error> {
    let mut object = Object::new();
    for (name, ty) in types {
        let location = location.step(WalkStep::Attribute(name));
        let value = match entries.remove(name) {
            Some(node) => decode_at(&location, node, ty, rule)?,
            None if rule == AttributeSet::Any => Value::Null,
            None => return Err(location.error(Problem::MissingAttribute)),
        };
        object.set(name, value);
    }
    match entries.keys().next() {
        Some(name) if rule == AttributeSet::Exact => {
            Err(location.step(WalkStep::Attribute(name)).error(Problem::UnexpectedAttribute))
        }
        _ => Ok(object),
    }
}

fn unique<S>(entries: Vec<(String, S)>) -> Result<BTreeMap<String, S>, Problem> {
    let count = entries.len();
    let by_name: BTreeMap<_, _> = entries.into_iter().collect();
    if by_name.len() == count { Ok(by_name) } else { Err(Problem::Duplicate) }
}

/// Returns the problem of a value that does not match its type.
pub(super) fn mismatch(value: &Value, ty: &Type) -> Problem {
    let expected = match ty {
        Type::Bool => "a bool",
        Type::Number => "a number",
        Type::String => "a string",
        Type::List(_) => "a list",
        Type::Map(_) => "a map",
        Type::Object(_) => "an object",
    };
    let found = match value {
        Value::Null => ActualKind::Null,
        Value::Unknown(_) => ActualKind::Unknown,
        Value::Bool(_) => ActualKind::Bool,
        Value::Number(_) => ActualKind::Number,
        Value::String(text) => ActualKind::String(text.len()),
        Value::List(elements) => ActualKind::List(elements.len()),
        Value::Object(object) => ActualKind::Object(object.len()),
    };
    Problem::Mismatch { expected, found }
}

/// A position in a value. Lives on the stack and becomes a [`Path`] only for an error.
pub(super) struct Location<'a> {
    parent: Option<(&'a Self, WalkStep<'a>)>,
}

/// One step into a value.
#[derive(Clone, Copy)]
pub(super) enum WalkStep<'a> {
    Attribute(&'a str),
    Key(&'a str),
    Index(usize),
}

impl Location<'_> {
    pub(super) const ROOT: Self = Self { parent: None };

    pub(super) fn step<'a>(&'a self, step: WalkStep<'a>) -> Location<'a> {
        Location { parent: Some((self, step)) }
    }

    pub(super) fn error(&self, problem: Problem) -> Error {
        Error { path: self.path(), problem }
    }

    fn path(&self) -> Path {
        match self.parent {
            None => Path::root(),
            Some((parent, WalkStep::Attribute(name))) => parent.path().attribute(name),
            Some((parent, WalkStep::Key(key))) => parent.path().key(key),
            Some((parent, WalkStep::Index(index))) => parent.path().index(index),
        }
    }
}

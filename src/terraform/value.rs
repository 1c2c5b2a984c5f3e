//! Terraform values, each of which may be null or unknown. Their encoding is in [`super::wire`].
//!
//! The memory of a string is cleared when the value is dropped, as are the bytes that a request held. Not cleared are the
//! buffers of the gRPC library (the request before it was decoded, the response after it was encoded) and of the JSON reader.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;

use zeroize::Zeroizing;

use crate::terraform::number::Number;

/// A value of a type that schemas of this provider use. The type is in the schema.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Not set.
    Null,
    /// Known only after an apply.
    Unknown(Unknown),
    /// True or false.
    Bool(bool),
    /// A number of any size.
    Number(Number),
    /// A string, normalized to NFC by the core. Cleared when it is dropped.
    String(Zeroizing<String>),
    /// The elements of a list.
    List(Vec<Self>),
    /// The attributes of an object or block, the elements of a map.
    Object(Object),
}

/// A value that is known only after an apply, with its refinement (such as "not null").
///
/// The refinement is kept unchanged: an unknown block must be returned byte for byte.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The MessagePack extension body of a refinement; `None` without one.
    pub(super) refinement: Option<Vec<u8>>,
}

/// Named values: the attributes and blocks of an object, or the elements of a map.
#[derive(Clone, Default, PartialEq)]
pub struct Object(BTreeMap<String, Value>);

impl Value {
    /// Creates an unknown value without a refinement.
    pub fn unknown() -> Self {
        Self::Unknown(Unknown::default())
    }

    /// Returns whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns whether it is unknown as a whole. See [`Value::is_wholly_known`] for its content.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Returns whether nothing in it, at any depth, is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
            Self::List(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Object(object) => object.values().all(Self::is_wholly_known),
        }
    }

    /// Returns the text; `None` if it is not a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the object or map; `None` if it is not a known one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Returns whether two values are equal, apart from refinements of unknown values.
    pub fn equals_without_refinements(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown(_), Self::Unknown(_)) => true,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals_without_refinements(b))
            }
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|((name_a, a), (name_b, b))| name_a == name_b && a.equals_without_refinements(b))
            }
            (a, b) => a == b,
        }
    }
}

impl Object {
    /// Creates an object without attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value of that name; null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// Sets the value of `name`.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// Returns whether there is an entry of that name, even a null one.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an iterator over names and values, in the byte order of the names.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Value> {
        self.0.iter()
    }

    /// Returns an iterator over the values, in the byte order of their names.
    pub fn values(&self) -> btree_map::Values<'_, String, Value> {
        self.0.values()
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = btree_map::IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned().into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Number::from(number))
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Vec<Self>> for Value {
    fn from(elements: Vec<Self>) -> Self {
        Self::List(elements)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Prints kinds and sizes only: any value may be a password.
impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Unknown(_) => formatter.write_str("unknown"),
            Self::Bool(_) => formatter.write_str("bool"),
            Self::Number(_) => formatter.write_str("number"),
            Self::String(text) => write!(formatter, "string({} bytes)", text.len()),
            Self::List(elements) => write!(formatter, "list({} elements)", elements.len()),
            Self::Object(object) => object.fmt(formatter),
        }
    }
}

/// Prints names, kinds and sizes only.
impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.0.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn clears_strings_on_drop() {
        fn is_cleared(_: &impl ZeroizeOnDrop) -> bool {
            true
        }
        let Value::String(text) = Value::from("hunter2") else { panic!("a string") };
        assert!(is_cleared(&text));
    }

    #[test]
    fn debug_shows_kinds_and_sizes_only() {
        let mut object = Object::new();
        object.set("password", "hunter2");
        object.set("list", vec![Value::from("hunter2"), Value::unknown(), Value::Null]);
        let shown = format!("{object:?}");
        assert_eq!(shown, r#"{"list": list(3 elements), "password": string(7 bytes)}"#);
    }
}

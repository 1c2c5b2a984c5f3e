//! Converts objects to Rust structs and back: each attribute is a field of a model.
//!
//! ```
//! use terraform_provider_kms::terraform::model::{Field, Model, model};
//! use terraform_provider_kms::terraform::value::Object;
//!
//! model! {
//!     /// A toy.
//!     pub struct Toy {
//!         name: String,
//!         size: i64,
//!     }
//! }
//!
//! let mut object = Object::new();
//! object.set("name", "ball");
//! let toy = Toy::from_object(&object);
//! assert_eq!(toy.name.known().map(String::as_str), Some("ball"));
//! assert!(matches!(toy.size, Field::Null));
//! ```

use std::num::NonZeroU16;

use crate::terraform::number::Number;
use crate::terraform::value::{Object, Value};

/// The value of an attribute, which may be null or unknown.
#[derive(Clone, Default, PartialEq)]
pub enum Field<T> {
    /// Not set.
    #[default]
    Null,
    /// Known only after an apply.
    Unknown,
    /// A value.
    Known(T),
    /// A value that the type cannot hold, such as `1e30` for an integer. It is neither "not set" nor usable.
    Invalid(Value),
}

impl<T> Field<T> {
    /// Returns the value, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown | Self::Invalid(_) => None,
        }
    }

    /// Returns the value, if there is one.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown | Self::Invalid(_) => None,
        }
    }

    /// Returns whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns whether it is a value that the type cannot hold.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_))
    }

    /// Returns whether it is known only after an apply.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

/// A Rust type that the value of an attribute converts to.
pub trait FromValue: Sized {
    /// Converts a value that is neither null nor unknown. `None` when the type cannot hold it.
    fn from_value(value: &Value) -> Option<Self>;
}

/// A struct with a field for each attribute and block of a schema. Declared by [`model!`].
pub trait Model: Sized {
    /// The names of its fields, which are those of the schema.
    const FIELDS: &'static [&'static str];

    /// Reads an object.
    fn from_object(object: &Object) -> Self;

    /// Writes an object.
    fn into_object(self) -> Object;

    /// Writes the fields that differ from the object into it. All other values stay exactly as they are: an unknown value
    /// has a refinement that a field does not hold, and a core requires it unchanged.
    fn write_into(self, object: &mut Object);
}

/// Reads a value as a field.
pub fn field<T: FromValue>(value: &Value) -> Field<T> {
    match value {
        Value::Null => Field::Null,
        Value::Unknown(_) => Field::Unknown,
        known => T::from_value(known).map_or_else(|| Field::Invalid(known.clone()), Field::Known),
    }
}

/// Writes a field as a value.
pub fn value<T: Into<Value>>(field: Field<T>) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Unknown => Value::unknown(),
        Field::Known(known) => known.into(),
        Field::Invalid(value) => value,
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().map(ToOwned::to_owned)
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }
}

impl FromValue for NonZeroU16 {
    fn from_value(value: &Value) -> Option<Self> {
        u16::try_from(i64::from_value(value)?).ok()?.try_into().ok()
    }
}

impl From<NonZeroU16> for Value {
    fn from(number: NonZeroU16) -> Self {
        i64::from(number.get()).into()
    }
}

impl FromValue for Number {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(number.clone()),
            _ => None,
        }
    }
}

/// For values that a model passes through unchanged: blocks and lists.
impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

/// Declares a struct of [`Field`]s together with its [`Model`].
#[macro_export]
macro_rules! model {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq)]
        $visibility struct $name {
            $( $(#[$field_meta])* pub(crate) $field: $crate::terraform::model::Field<$type>, )*
        }

        impl $crate::terraform::model::Model for $name {
            const FIELDS: &'static [&'static str] = &[$( stringify!($field), )*];

            fn from_object(object: &$crate::terraform::value::Object) -> Self {
                Self { $( $field: $crate::terraform::model::field(object.get(stringify!($field))), )* }
            }

            fn into_object(self) -> $crate::terraform::value::Object {
                let mut object = $crate::terraform::value::Object::new();
                $( object.set(stringify!($field), $crate::terraform::model::value(self.$field)); )*
                object
            }

            fn write_into(self, object: &mut $crate::terraform::value::Object) {
                $(
                    if $crate::terraform::model::field::<$type>(object.get(stringify!($field))) != self.$field {
                        object.set(stringify!($field), $crate::terraform::model::value(self.$field));
                    }
                )*
            }
        }
    };
}
pub use crate::model;

#[cfg(test)]
mod tests {
    use super::*;

    model! {
        /// A toy.
        struct Toy {
            name: String,
            size: i64,
        }
    }

    #[test]
    fn keeps_a_value_that_does_not_convert() {
        let huge = || Value::from("1e30".parse::<Number>().unwrap());
        let object: Object = [("size".to_owned(), huge())].into_iter().collect();
        let toy = Toy::from_object(&object);
        assert!(toy.size == Field::Invalid(huge()) && !toy.size.is_null() && toy.size.known().is_none());
        assert!(toy.into_object().get("size") == &huge());
    }

    #[test]
    fn writes_only_what_differs() {
        use crate::terraform::value::Unknown;
        let refined = || Value::Unknown(Unknown { refinement: Some(vec![1, 2]) });
        let mut object: Object = [("name".to_owned(), refined()), ("size".to_owned(), 1.into())].into_iter().collect();
        let toy = Toy { size: Field::Known(2), ..Toy::from_object(&object) };
        toy.write_into(&mut object);
        assert!(object.get("name") == &refined() && object.get("size") == &Value::from(2));
    }
}

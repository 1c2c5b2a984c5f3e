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

use crate::terraform::number::Number;
use crate::terraform::value::{Object, Value};

/// The value of an attribute, which may be null or unknown.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not set.
    #[default]
    Null,
    /// Known only after an apply.
    Unknown,
    /// A value.
    Known(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// The value, if there is one.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// Returns whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
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
    /// The value, or `None` where it is null, unknown or of another type. (The codec has checked the type.)
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
}

/// Reads a value as a field.
pub fn field<T: FromValue>(value: &Value) -> Field<T> {
    match value {
        Value::Null => Field::Null,
        Value::Unknown(_) => Field::Unknown,
        known => T::from_value(known).map_or(Field::Null, Field::Known),
    }
}

/// Writes a field as a value.
pub fn value<T: Into<Value>>(field: Field<T>) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Unknown => Value::unknown(),
        Field::Known(known) => known.into(),
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
        #[derive(Clone, Default)]
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
        }
    };
}
pub use crate::model;

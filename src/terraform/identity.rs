//! Resource identities: the attributes that identify an object without a state.

use crate::terraform::schema::Block;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

/// The schema of an identity: some attributes of the object, under their own names and types.
///
/// All of them are needed to import by identity.
#[derive(Clone, Debug, Default)]
pub struct IdentitySchema {
    /// Incremented only when a stored identity must be converted. Starts at 0, which a core assumes for a state that
    /// was stored without identities.
    pub version: i64,
    /// The attributes.
    pub attributes: Vec<IdentityAttribute>,
}

/// One attribute of an identity.
#[derive(Clone, Debug)]
pub struct IdentityAttribute {
    /// The name of the attribute in the object.
    pub name: &'static str,
    /// Plain text.
    pub description: &'static str,
}

impl IdentitySchema {
    /// Creates a schema of version 0 without attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, description: &'static str) -> Self {
        self.attributes.push(IdentityAttribute { name, description });
        self
    }

    /// Returns the type of identities of objects with that schema.
    pub fn object_type(&self, block: &Block) -> Type {
        let of = |name| block.find(name).map_or(Type::String, |attribute| attribute.ty.clone());
        Type::Object(self.attributes.iter().map(|attribute| (attribute.name.to_owned(), of(attribute.name))).collect())
    }

    /// Returns the identity of an object; `None` while a part of it is null or unknown.
    pub fn of(&self, object: &Object) -> Option<Object> {
        let part = |name: &str| Some(object.get(name)).filter(|value| !value.is_null() && value.is_wholly_known());
        let parts =
            self.attributes.iter().map(|attribute| Some((attribute.name.to_owned(), part(attribute.name)?.clone())));
        parts.collect()
    }

    /// Returns the first attribute in which an identity and an object differ. An attribute that is null in one of them
    /// is no contradiction.
    pub fn contradiction(&self, identity: &Object, object: &Object) -> Option<&'static str> {
        let contradicts = |name| {
            let (claimed, actual): (&Value, &Value) = (identity.get(name), object.get(name));
            !claimed.is_null() && !actual.is_null() && claimed != actual
        };
        self.attributes.iter().map(|attribute| attribute.name).find(|name| contradicts(name))
    }
}

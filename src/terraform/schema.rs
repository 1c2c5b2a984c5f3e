//! Schemas of blocks. The registry pages are generated from them.
//!
//! A resource lists its attributes as rows of a table:
//!
//! ```
//! use terraform_provider_kms::terraform::schema::{Schema, computed, optional, required};
//! use terraform_provider_kms::terraform::types::Type;
//!
//! let schema = Schema::new("A toy.")
//!     .attribute(computed("id", Type::String, "Identifier.").use_state_for_unknown())
//!     .attribute(required("name", Type::String, "Name."))
//!     .attribute(optional("size", Type::Number, "Size in centimetres.").default(10));
//! # assert_eq!(schema.block.attributes.len(), 3);
//! ```

use crate::terraform::diagnostic::Path;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

/// The schema of a provider block, a resource or a data source.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Incremented only when a stored object must be converted; new optional arguments keep the version.
    pub version: i64,
    /// The content.
    pub block: Block,
}

/// The content of a block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Markdown, in full sentences.
    pub description: String,
    /// In the order of the registry page.
    pub attributes: Vec<Attribute>,
    /// Blocks inside it.
    pub blocks: Vec<NestedBlock>,
}

/// One attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name in a configuration.
    pub name: &'static str,
    /// The type of its value.
    pub ty: Type,
    /// Markdown: what it means, its unit, its default.
    pub description: String,
    /// Whether the configuration or the provider sets it.
    pub presence: Presence,
    /// The value when the configuration does not set it. Only with [`Presence::OptionalComputed`].
    pub default: Option<Value>,
    /// Whether plans hide the value.
    pub sensitive: bool,
    /// Whether the provider receives the value and Terraform does not store it.
    pub write_only: bool,
    /// Whether the plan of an update keeps the prior value.
    pub use_state_for_unknown: bool,
    /// Whether a change replaces the object.
    pub requires_replace: bool,
}

/// Whether the configuration or the provider gives an attribute its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The configuration, always.
    Required,
    /// The configuration; null otherwise.
    Optional,
    /// The configuration; the provider otherwise.
    OptionalComputed,
    /// Only the provider.
    Computed,
}

/// A block inside a block: at most one, null when absent.
#[derive(Clone, Debug)]
pub struct NestedBlock {
    /// The name in a configuration.
    pub name: &'static str,
    /// The content.
    pub block: Block,
}

/// Creates an attribute that a configuration must set.
pub fn required(name: &'static str, ty: Type, description: impl Into<String>) -> Attribute {
    Attribute::new(name, ty, Presence::Required, description)
}

/// Creates an attribute that a configuration may set.
pub fn optional(name: &'static str, ty: Type, description: impl Into<String>) -> Attribute {
    Attribute::new(name, ty, Presence::Optional, description)
}

/// Creates an attribute that only the provider sets.
pub fn computed(name: &'static str, ty: Type, description: impl Into<String>) -> Attribute {
    Attribute::new(name, ty, Presence::Computed, description)
}

impl Attribute {
    fn new(name: &'static str, ty: Type, presence: Presence, description: impl Into<String>) -> Self {
        Self {
            name,
            ty,
            description: description.into(),
            presence,
            default: None,
            sensitive: false,
            write_only: false,
            use_state_for_unknown: false,
            requires_replace: false,
        }
    }

    /// Sets the value for a configuration without this attribute. (In the protocol such an attribute is optional and
    /// computed: one that is only optional must stay null.)
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.presence = Presence::OptionalComputed;
        self.default = Some(value.into());
        self
    }

    /// Lets the provider decide when the configuration does not set it.
    #[must_use]
    pub fn or_computed(mut self) -> Self {
        self.presence = Presence::OptionalComputed;
        self
    }

    /// Hides the value in plans and output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Makes Terraform not store the value. Cores before 1.11 do not support such attributes.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Keeps the prior value in the plan of an update instead of an unknown one.
    #[must_use]
    pub fn use_state_for_unknown(mut self) -> Self {
        self.use_state_for_unknown = true;
        self
    }

    /// Makes a change replace the object. Only for attributes of the resource itself, not of its blocks.
    #[must_use]
    pub fn requires_replace(mut self) -> Self {
        self.requires_replace = true;
        self
    }

    /// Returns whether the provider may set it.
    pub fn is_computed(&self) -> bool {
        matches!(self.presence, Presence::Computed | Presence::OptionalComputed)
    }
}

impl Schema {
    /// Creates a schema of version 0 without content.
    pub fn new(description: impl Into<String>) -> Self {
        Self { version: 0, block: Block::new(description) }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.block = self.block.attribute(attribute);
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, name: &'static str, block: Block) -> Self {
        self.block = self.block.block(name, block);
        self
    }

    /// Returns the type of the objects that it describes.
    pub fn object_type(&self) -> Type {
        self.block.object_type()
    }

    /// Returns an object with all attributes and blocks null.
    pub fn empty_object(&self) -> Object {
        self.block.complete(Object::new())
    }
}

impl Block {
    /// Creates a block without content.
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), attributes: Vec::new(), blocks: Vec::new() }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Adds a block inside.
    #[must_use]
    pub fn block(mut self, name: &'static str, block: Self) -> Self {
        self.blocks.push(NestedBlock { name, block });
        self
    }

    /// Returns the type of the objects that it describes.
    pub fn object_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|attribute| (attribute.name.to_owned(), attribute.ty.clone()));
        let blocks = self.blocks.iter().map(|nested| (nested.name.to_owned(), nested.block.object_type()));
        Type::Object(attributes.chain(blocks).collect())
    }

    /// Returns the attribute of that name.
    pub fn find(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Returns the object with missing attributes and blocks as null, and without names outside of the schema.
    pub fn complete(&self, object: Object) -> Object {
        let attributes =
            self.attributes.iter().map(|attribute| (attribute.name.to_owned(), object.get(attribute.name).clone()));
        let blocks = self.blocks.iter().map(|nested| {
            (
                nested.name.to_owned(),
                nested.map(object.get(nested.name).clone(), |object| nested.block.complete(object)),
            )
        });
        attributes.chain(blocks).collect()
    }

    /// Returns the object with every write-only attribute null, also in blocks.
    pub fn without_write_only(&self, mut object: Object) -> Object {
        for attribute in self.attributes.iter().filter(|attribute| attribute.write_only) {
            object.set(attribute.name, Value::Null);
        }
        for nested in &self.blocks {
            let value = object.get(nested.name).clone();
            object.set(nested.name, nested.map(value, |object| nested.block.without_write_only(object)));
        }
        object
    }

    /// Returns the write-only values of an object that are not null, with their paths.
    pub fn write_only_values<'a>(&self, object: &'a Object) -> Vec<(Path, &'a Value)> {
        self.values_where(object, |attribute| attribute.write_only)
    }

    /// Returns the values of the wanted attributes that are not null, with their paths.
    pub fn values_where<'a>(
        &self,
        object: &'a Object,
        is_wanted: impl Fn(&Attribute) -> bool,
    ) -> Vec<(Path, &'a Value)> {
        let mut found = Vec::new();
        self.find_values(object, &is_wanted, &Path::root(), &mut found);
        found
    }

    fn find_values<'a>(
        &self,
        object: &'a Object,
        is_wanted: &dyn Fn(&Attribute) -> bool,
        path: &Path,
        found: &mut Vec<(Path, &'a Value)>,
    ) {
        for attribute in self.attributes.iter().filter(|attribute| is_wanted(attribute)) {
            let value = object.get(attribute.name);
            if !value.is_null() {
                found.push((path.attribute(attribute.name), value));
            }
        }
        for nested in &self.blocks {
            if let Some(object) = object.get(nested.name).as_object() {
                nested.block.find_values(object, is_wanted, &path.attribute(nested.name), found);
            }
        }
    }
}

impl NestedBlock {
    /// Applies a change to the block in a value; null and unknown stay unchanged.
    fn map(&self, value: Value, change: impl FnOnce(Object) -> Object) -> Value {
        match value {
            Value::Object(object) => Value::Object(change(object)),
            other => other,
        }
    }
}

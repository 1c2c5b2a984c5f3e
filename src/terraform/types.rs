//! Types of values, and the JSON form in which schemas carry them.
//!
//! Only the types that a schema of this provider uses. Sets, tuples and `dynamic` are missing on purpose: an attribute of
//! such a type does not compile.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Box<Self>),
    /// `map(T)`
    Map(Box<Self>),
    /// `object({...})`
    Object(BTreeMap<String, Self>),
}

impl Type {
    /// Creates a list type.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// Creates a map type.
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// Creates an object type.
    pub fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect())
    }

    /// Returns the JSON form: compact, byte for byte what a core writes.
    pub fn to_json(&self) -> Vec<u8> {
        // Cores escape these so that the text can stand in HTML and JavaScript; only names of attributes contain them.
        const ESCAPES: [(char, &str); 5] =
            [('&', "\\u0026"), ('<', "\\u003c"), ('>', "\\u003e"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
        let text = self.to_value().to_string();
        ESCAPES.iter().fold(text, |text, (from, to)| text.replace(*from, to)).into_bytes()
    }

    fn to_value(&self) -> Json {
        let compound = |kind: &str, inner: Json| Json::Array(vec![Json::from(kind), inner]);
        match self {
            Self::Bool => Json::from("bool"),
            Self::Number => Json::from("number"),
            Self::String => Json::from("string"),
            Self::List(element) => compound("list", element.to_value()),
            Self::Map(element) => compound("map", element.to_value()),
            Self::Object(attributes) => {
                compound("object", attributes.iter().map(|(name, ty)| (name.clone(), ty.to_value())).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_types_as_cores_do() {
        let nested = Type::object([("x<y&z>", Type::Bool), ("b", Type::map(Type::list(Type::String)))]);
        for (ty, json) in [
            (Type::Bool, r#""bool""#),
            (Type::Number, r#""number""#),
            (Type::String, r#""string""#),
            (Type::list(Type::map(Type::Number)), r#"["list",["map","number"]]"#),
            (Type::object([]), r#"["object",{}]"#),
            (nested, r#"["object",{"b":["map",["list","string"]],"x\u003cy\u0026z\u003e":"bool"}]"#),
        ] {
            assert_eq!(String::from_utf8(ty.to_json()).unwrap(), json);
        }
    }
}

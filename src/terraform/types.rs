//! Types of values, and their JSON form in schemas and in values of the type `dynamic`.

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
    /// Any type; the value carries it.
    Dynamic,
    /// `list(T)`
    List(Box<Self>),
    /// `set(T)`
    Set(Box<Self>),
    /// `map(T)`
    Map(Box<Self>),
    /// `object({...})`
    Object(BTreeMap<String, Self>),
    /// `tuple([...])`
    Tuple(Vec<Self>),
}

/// Why some bytes are not the JSON form of a [`Type`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// Not JSON at all, or nested too deeply (more than about 120 brackets).
    #[error("not valid JSON at line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 before the first character of a line.
        column: usize,
    },
    /// JSON that is not the form of a type.
    #[error("{0}")]
    NotAType(&'static str),
}

impl Type {
    /// The JSON form: compact, byte for byte what a core writes.
    pub fn to_json(&self) -> Vec<u8> {
        // Cores escape these so that the text can stand in HTML and JavaScript; only names of attributes have them.
        const ESCAPES: [(char, &str); 5] =
            [('&', "\\u0026"), ('<', "\\u003c"), ('>', "\\u003e"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
        let text = self.to_value().to_string();
        ESCAPES.iter().fold(text, |text, (from, to)| text.replace(*from, to)).into_bytes()
    }

    /// Reads the JSON form. Which attributes of an object are optional (an optional third element) is read over: it
    /// says something about the conversion of values, not about values.
    ///
    /// # Errors
    /// When the bytes are not JSON, or no type.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TypeError> {
        let json = serde_json::from_slice(bytes)
            .map_err(|error| TypeError::NotJson { line: error.line(), column: error.column() })?;
        Self::from_value(json)
    }

    pub(super) fn to_value(&self) -> Json {
        let of = |kind: &str, inner: Json| Json::Array(vec![Json::from(kind), inner]);
        match self {
            Self::Bool => Json::from("bool"),
            Self::Number => Json::from("number"),
            Self::String => Json::from("string"),
            Self::Dynamic => Json::from("dynamic"),
            Self::List(element) => of("list", element.to_value()),
            Self::Set(element) => of("set", element.to_value()),
            Self::Map(element) => of("map", element.to_value()),
            Self::Object(attributes) => {
                of("object", attributes.iter().map(|(name, of)| (name.clone(), of.to_value())).collect())
            }
            Self::Tuple(elements) => of("tuple", elements.iter().map(Self::to_value).collect()),
        }
    }

    /// The parser of the JSON has bounded the depth.
    pub(super) fn from_value(json: Json) -> Result<Self, TypeError> {
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Self::Bool),
                "number" => Ok(Self::Number),
                "string" => Ok(Self::String),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(TypeError::NotAType("not the name of a primitive type")),
            },
            Json::Array(parts) => Self::from_parts(parts),
            _ => Err(TypeError::NotAType("a type is a name or an array")),
        }
    }

    fn from_parts(parts: Vec<Json>) -> Result<Self, TypeError> {
        let mut parts = parts.into_iter();
        let (kind, inner, optional) = (parts.next(), parts.next(), parts.next());
        let (Some(Json::String(kind)), Some(inner), None) = (kind, inner, parts.next()) else {
            return Err(TypeError::NotAType("a compound type is an array of its kind and what it holds"));
        };
        if optional.is_some_and(|names| kind != "object" || !is_array_of_strings(&names)) {
            return Err(TypeError::NotAType("only objects have a third part, the names of optional attributes"));
        }
        match (kind.as_str(), inner) {
            ("list", inner) => Ok(Self::List(Box::new(Self::from_value(inner)?))),
            ("set", inner) => Ok(Self::Set(Box::new(Self::from_value(inner)?))),
            ("map", inner) => Ok(Self::Map(Box::new(Self::from_value(inner)?))),
            ("object", Json::Object(attributes)) => {
                let attributes = attributes.into_iter().map(|(name, of)| Ok((name, Self::from_value(of)?)));
                attributes.collect::<Result<_, _>>().map(Self::Object)
            }
            ("tuple", Json::Array(elements)) => {
                elements.into_iter().map(Self::from_value).collect::<Result<_, _>>().map(Self::Tuple)
            }
            ("object", _) => Err(TypeError::NotAType("the attributes of an object type are a JSON object")),
            ("tuple", _) => Err(TypeError::NotAType("the elements of a tuple type are an array")),
            _ => Err(TypeError::NotAType("not the name of a compound type")),
        }
    }
}

fn is_array_of_strings(json: &Json) -> bool {
    json.as_array().is_some_and(|elements| elements.iter().all(Json::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_they_are_read() {
        for json in [
            r#""bool""#,
            r#""number""#,
            r#""string""#,
            r#""dynamic""#,
            r#"["list","string"]"#,
            r#"["set",["map","number"]]"#,
            r#"["object",{}]"#,
            r#"["object",{"a":"bool","b":["tuple",["number",["tuple",[]]]],"x\u003cy\u0026z\u003e":"dynamic"}]"#,
        ] {
            let of = Type::from_json(json.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(of.to_json()).unwrap(), json);
        }
    }

    #[test]
    fn optional_attributes_and_whitespace_are_read_over() {
        let of = Type::from_json(b" [ \"object\", {\"b\": \"bool\", \"a\": \"string\"}, [\"a\"] ] ").unwrap();
        assert_eq!(of.to_json(), br#"["object",{"a":"string","b":"bool"}]"#);
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for json in [
            "",
            "null",
            "1",
            "{}",
            "[]",
            "\"text\"",
            "[\"list\"]",
            "[\"string\",\"string\"]",
            "[1,\"string\"]",
            "[\"list\",\"string\",[]]",
            "[\"list\",[]]",
            "[\"object\",[]]",
            "[\"tuple\",{}]",
            "[\"tuple\",[null]]",
            "[\"object\",{},[1]]",
            "[\"object\",{},\"a\"]",
            "[\"object\",{},[],[]]",
            "\"bool\" x",
        ] {
            assert!(Type::from_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(Type::from_json(b"\"\xff\"").is_err());
        let bomb = format!("{}\"bool\"{}", "[\"list\",".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(Type::from_json(bomb.as_bytes()), Err(TypeError::NotJson { .. })));
    }
}

//! A short notation for schemas and values in test tables, and the merge that a core proposes.
//!
//! A schema: `name!` required, `owner?` optional, `zone?~` optional and computed, `id~` computed, `size?=10` with a
//! default, followed by any of `+kept`, `+replaces`, `+wo`; blocks as `block s { a! }`. All attributes are strings.
//!
//! A value: `name=x zone=? id=?! s={ a=1 } l=[ { a=1 } { a=? } ]`; `?` is unknown, `?!` unknown but not null, `-` nothing
//! at all. Names that are missing are null or absent.

use std::iter::Peekable;
use std::str::SplitWhitespace;

use crate::terraform::schema::{Attribute, Block, NestedBlock, computed, optional, required};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Unknown, Value};

pub(super) fn schema(text: &'static str) -> Block {
    let mut tokens = text.split_whitespace();
    let block = parse_block(&mut tokens);
    assert!(tokens.next().is_none(), "{text}");
    block
}

/// Parses an object and completes it by the schema.
pub(super) fn object(block: &Block, text: &str) -> Object {
    block.complete(entries(text))
}

/// Parses an object; `None` for `-`.
pub(super) fn state(block: &Block, text: &str) -> Option<Object> {
    (text != "-").then(|| object(block, text))
}

/// Parses an object without completing it.
pub(super) fn entries(text: &str) -> Object {
    let mut tokens = text.split_whitespace().peekable();
    let object = parse_entries(&mut tokens);
    assert!(tokens.next().is_none(), "{text}");
    object
}

pub(super) fn refined() -> Value {
    Value::Unknown(Unknown { refinement: Some(vec![0x81, 1, 0xc2]) })
}

pub(super) fn show(object: &Object) -> String {
    let entries = object.iter().filter(|(_, value)| !value.is_null());
    entries.map(|(name, value)| format!("{name}={}", show_value(value))).collect::<Vec<_>>().join(" ")
}

/// Returns the merge of configuration and prior state that a core sends as the proposed state.
pub(super) fn proposed(block: &Block, prior: Option<&Object>, config: &Object) -> Object {
    let attributes = block.attributes.iter().map(|attribute| {
        let before = prior.map_or(&Value::Null, |prior| prior.get(attribute.name));
        let config = config.get(attribute.name);
        let value = if config.is_null() && attribute.is_computed() { before } else { config };
        (attribute.name.to_owned(), value.clone())
    });
    let blocks = block.blocks.iter().map(|nested| {
        let before = prior.map_or(&Value::Null, |prior| prior.get(nested.name));
        (nested.name.to_owned(), proposed_block(nested, before, config.get(nested.name)))
    });
    attributes.chain(blocks).collect()
}

fn proposed_block(nested: &NestedBlock, prior: &Value, config: &Value) -> Value {
    match config {
        Value::Object(config) => Value::Object(proposed(&nested.block, prior.as_object(), config)),
        other => other.clone(),
    }
}

fn parse_block(tokens: &mut SplitWhitespace<'static>) -> Block {
    let mut block = Block::new("");
    while let Some(token) = tokens.next() {
        match token {
            "}" => break,
            "block" => {
                let name = tokens.next().unwrap();
                assert_eq!(tokens.next(), Some("{"), "after {name}");
                block = block.block(name, parse_block(tokens));
            }
            attribute => block = block.attribute(parse_attribute(attribute)),
        }
    }
    block
}

fn parse_attribute(token: &'static str) -> Attribute {
    let mut parts = token.split('+');
    let row = parts.next().unwrap();
    let (name, kind) = row.split_at(row.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap());
    let attribute = match (kind, kind.strip_prefix("?=")) {
        (_, Some(default)) => optional(name, Type::String, "").default(default),
        ("!", _) => required(name, Type::String, ""),
        ("?", _) => optional(name, Type::String, ""),
        ("?~", _) => optional(name, Type::String, "").or_computed(),
        ("~", _) => computed(name, Type::String, ""),
        _ => panic!("{token}"),
    };
    parts.fold(attribute, |attribute, flag| match flag {
        "kept" => attribute.use_state_for_unknown(),
        "replaces" => attribute.requires_replace(),
        "wo" => attribute.write_only(),
        _ => panic!("{token}"),
    })
}

fn parse_entries(tokens: &mut Peekable<SplitWhitespace<'_>>) -> Object {
    let mut object = Object::new();
    while let Some(token) = tokens.next_if(|token| *token != "}") {
        let (name, value) = token.split_once('=').unwrap_or_else(|| panic!("{token}"));
        object.set(name, parse_value(value, tokens));
    }
    object
}

fn parse_value(token: &str, tokens: &mut Peekable<SplitWhitespace<'_>>) -> Value {
    match token {
        "?" => Value::unknown(),
        "?!" => refined(),
        "null" => Value::Null,
        "{" => {
            let object = parse_entries(tokens);
            assert_eq!(tokens.next(), Some("}"));
            Value::Object(object)
        }
        "[" => {
            let mut elements = Vec::new();
            while let Some(token) = tokens.next().filter(|token| *token != "]") {
                elements.push(parse_value(token, tokens));
            }
            Value::List(elements)
        }
        text => Value::from(text.replace('_', " ")),
    }
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Unknown(Unknown { refinement: None }) => "?".to_owned(),
        Value::Unknown(_) => "?!".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.replace(' ', "_"),
        Value::List(elements) => {
            format!("[ {} ]", elements.iter().map(show_value).collect::<Vec<_>>().join(" "))
        }
        Value::Object(object) => format!("{{ {} }}", show(object)),
    }
}

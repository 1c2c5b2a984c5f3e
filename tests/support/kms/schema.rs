//! Reads JSON objects the way Zod 3 does, with its issues. Does not depend on connections.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// The issues found so far in one request.
#[derive(Default)]
pub(super) struct Issues(Vec<Value>);

/// A JSON object that is being read, and where it is in the body.
pub(super) struct Object<'a> {
    fields: &'a Map<String, Value>,
    path: Vec<&'static str>,
}

/// What a field of text must be; lengths are in UTF-16 units, of the trimmed text.
pub(super) struct Text {
    pub(super) trim: bool,
    pub(super) at_least_one: Option<&'static str>,
    pub(super) at_most: Option<(usize, &'static str)>,
}

/// Text that is taken as it is.
pub(super) const PLAIN: Text = Text { trim: false, at_least_one: None, at_most: None };
/// Text without whitespace around it.
pub(super) const TRIMMED: Text = Text { trim: true, ..PLAIN };

impl Text {
    /// Returns the rule for a text that must not be empty, with the message for an empty one.
    pub(super) const fn required(message: &'static str) -> Self {
        Self { at_least_one: Some(message), ..TRIMMED }
    }
}

impl Issues {
    /// Returns an error if there are issues.
    pub(super) fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::invalid(self.0)) }
    }

    pub(super) fn push(&mut self, issue: Value) {
        self.0.push(issue);
    }

    /// Returns the whole body as an object; `None` is a request without a body.
    pub(super) fn body<'a>(&mut self, body: Option<&'a Value>) -> Option<Object<'a>> {
        self.object_at(body, Vec::new())
    }

    fn object_at<'a>(&mut self, value: Option<&'a Value>, path: Vec<&'static str>) -> Option<Object<'a>> {
        match value {
            Some(Value::Object(fields)) => Some(Object { fields, path }),
            other => {
                self.wrong_type("object", other, &path);
                None
            }
        }
    }

    fn wrong_type(&mut self, expected: &str, value: Option<&Value>, path: &[&str]) {
        let received = type_name(value);
        let message =
            if value.is_none() { "Required".to_owned() } else { format!("Expected {expected}, received {received}") };
        self.push(json!({
            "code": "invalid_type", "expected": expected, "received": received, "path": path, "message": message,
        }));
    }
}

impl<'a> Object<'a> {
    /// Returns the field as it came; `None` when absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name)
    }

    /// Returns whether the field is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn path(&self, name: &'static str) -> Vec<&'static str> {
        self.path.iter().copied().chain([name]).collect()
    }

    /// Returns an object that must be there.
    pub(super) fn object(&self, name: &'static str, issues: &mut Issues) -> Option<Self> {
        issues.object_at(self.raw(name), self.path(name))
    }

    /// Returns a text that must be there.
    pub(super) fn text(&self, name: &'static str, rule: &Text, issues: &mut Issues) -> Option<String> {
        let value = self.raw(name);
        let Some(text) = value.and_then(Value::as_str) else {
            issues.wrong_type("string", value, &self.path(name));
            return None;
        };
        let text = if rule.trim { trim(text) } else { text };
        let length = text.encode_utf16().count();
        if let Some(message) = rule.at_least_one.filter(|_| length == 0) {
            issues.push(json!({
                "code": "too_small", "minimum": 1, "type": "string", "inclusive": true, "exact": false,
                "message": message, "path": self.path(name),
            }));
        }
        if let Some((most, message)) = rule.at_most.filter(|(most, _)| length > *most) {
            issues.push(json!({
                "code": "too_big", "maximum": most, "type": "string", "inclusive": true, "exact": false,
                "message": message, "path": self.path(name),
            }));
        }
        Some(text.to_owned())
    }

    /// Returns a text that may be absent, but not null.
    pub(super) fn optional_text(&self, name: &'static str, rule: &Text, issues: &mut Issues) -> Option<String> {
        self.raw(name)?;
        self.text(name, rule, issues)
    }

    /// Returns a truth value that must be there.
    pub(super) fn truth(&self, name: &'static str, issues: &mut Issues) -> Option<bool> {
        let value = self.raw(name);
        let truth = value.and_then(Value::as_bool);
        if truth.is_none() {
            issues.wrong_type("boolean", value, &self.path(name));
        }
        truth
    }

    /// Returns a truth value that may be absent, but not null.
    pub(super) fn optional_truth(&self, name: &'static str, issues: &mut Issues) -> Option<bool> {
        self.raw(name)?;
        self.truth(name, issues)
    }

    /// Returns a number, from every value that JavaScript converts to one.
    pub(super) fn number(&self, name: &'static str, issues: &mut Issues) -> Option<f64> {
        let number = self.raw(name).and_then(to_number);
        if number.is_none() {
            issues.push(json!({
                "code": "invalid_type", "expected": "number", "received": "nan", "path": self.path(name),
                "message": "Expected number, received nan",
            }));
        }
        number
    }
}

/// Returns whether a text is a UUID in the lenient sense of Zod 3: the version and variant bits do not matter.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(index, character)| match index {
            8 | 13 | 18 | 23 => character == '-',
            _ => character.is_ascii_hexdigit(),
        })
}

/// Returns the issue for a text that is no UUID.
pub(super) fn invalid_uuid(path: &[&str]) -> Value {
    json!({"validation": "uuid", "code": "invalid_string", "message": "Invalid uuid", "path": path})
}

/// Trims like `String.prototype.trim`: the byte order mark is whitespace to it, the next-line control character is not.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}'))
}

/// Converts like JavaScript's `Number()`; `None` is not-a-number.
fn to_number(value: &Value) -> Option<f64> {
    match value {
        Value::Null | Value::Bool(false) => Some(0.0),
        Value::Bool(true) => Some(1.0),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match trim(text) {
            "" => Some(0.0),
            text if text.starts_with("0x") => {
                i64::from_str_radix(text.trim_start_matches("0x"), 16).ok().map(|n| n as f64)
            }
            // The names for infinity and not-a-number that Rust parses are no numbers in JavaScript.
            text if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => text.parse().ok(),
            _ => None,
        },
        Value::Array(items) => match items.as_slice() {
            [] => Some(0.0),
            [only] => to_number(only),
            _ => None,
        },
        Value::Object(_) => None,
    }
}

fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

//! Errors of decoding and encoding. They hold kinds, lengths and names, never values.

use std::fmt;

use crate::terraform::diagnostic::Path;
use crate::terraform::number::NumberError;

/// A value that could not be decoded or encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes are not MessagePack, or are truncated.
    #[error("the bytes are not MessagePack or end too early")]
    NotMessagePack,
    /// The bytes are not JSON.
    #[error("the bytes are not JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 before the first character of a line.
        column: usize,
    },
    /// Bytes follow the value.
    #[error("{0} more bytes follow the value")]
    TrailingBytes(usize),
    /// Bytes or value are nested too deeply.
    #[error("values are nested too deeply")]
    TooDeep,
    /// The value is of another kind than its type.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// The kind that the type requires, with its article.
        expected: &'static str,
        /// The kind of the value.
        found: ActualKind,
    },
    /// An attribute of the type is not in the object.
    #[error("the attribute is missing")]
    MissingAttribute,
    /// An attribute of the object is not in the type.
    #[error("the type has no such attribute")]
    UnexpectedAttribute,
    /// An attribute or key occurs twice.
    #[error("an attribute or key occurs twice")]
    Duplicate,
    /// A string is not UTF-8.
    #[error("the string is not UTF-8")]
    NotUtf8,
    /// A number cannot be decoded.
    #[error("{0}")]
    Number(#[from] NumberError),
    /// A MessagePack extension without a meaning in the protocol.
    #[error("unknown MessagePack extension of type {kind} and {length} bytes")]
    Extension {
        /// Its type.
        kind: i8,
        /// The length of its body.
        length: usize,
    },
    /// The body of a refinement is longer than the protocol allows.
    #[error("the refinement of an unknown value has {0} bytes, more than the protocol allows")]
    RefinementTooLong(usize),
}

/// The kind of a value, and its length where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActualKind {
    /// Null.
    Null,
    /// A bool.
    Bool,
    /// A number.
    Number,
    /// A string of that many bytes.
    String(usize),
    /// That many bytes of binary data.
    Bytes(usize),
    /// A list of that many elements.
    List(usize),
    /// An object or map of that many entries.
    Object(usize),
    /// An unknown value.
    Unknown,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.steps().is_empty() {
            write!(formatter, "{}", self.problem)
        } else {
            write!(formatter, "at `{}`: {}", self.path, self.problem)
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for ActualKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool => formatter.write_str("a bool"),
            Self::Number => formatter.write_str("a number"),
            Self::String(length) => write!(formatter, "a string of {length} bytes"),
            Self::Bytes(length) => write!(formatter, "{length} bytes of binary data"),
            Self::List(length) => write!(formatter, "a list of {length} elements"),
            Self::Object(length) => write!(formatter, "an object or map of {length} entries"),
            Self::Unknown => formatter.write_str("an unknown value"),
        }
    }
}

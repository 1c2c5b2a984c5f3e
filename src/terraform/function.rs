//! The trait of a function: pure, offline, without a session.

use crate::terraform::types::Type;
use crate::terraform::value::Value;

/// A function of the provider.
///
/// The server decodes the arguments by the signature. A core passes no unknown and no null argument.
pub trait Function: Send + Sync {
    /// Returns the name, without a prefix.
    fn name(&self) -> &'static str;

    /// Returns the signature.
    fn signature(&self) -> Signature;

    /// Returns the result: equal for equal arguments, of the type of the signature.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError>;
}

/// The signature of a function.
#[derive(Clone, Debug)]
pub struct Signature {
    /// One line.
    pub summary: String,
    /// Markdown.
    pub description: String,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The type of the result.
    pub returns: Type,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As documents name it.
    pub name: &'static str,
    /// The type of its values.
    pub ty: Type,
    /// Markdown.
    pub description: String,
}

/// The error of a function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What is wrong.
    pub text: String,
    /// The argument that it is about, counted from 0.
    pub argument: Option<usize>,
}

impl FunctionError {
    /// Returns an error at an argument.
    pub fn at(argument: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(argument) }
    }
}

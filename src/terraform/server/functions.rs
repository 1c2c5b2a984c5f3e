//! The RPCs of functions. An error is a text and the argument that it is about.

use std::panic::AssertUnwindSafe;

use super::{Server, convert, find, response};
use crate::terraform::function::{Function, FunctionError, Parameter, Signature};
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::value::Value;
use crate::text;

impl<P: Provider> Server<P> {
    pub(super) fn function_signatures(&self) -> impl Iterator<Item = (String, proto::Function)> {
        self.functions.iter().map(|(name, function)| ((*name).to_owned(), signature(&function.signature())))
    }

    pub(super) fn run_function(&self, request: proto::call_function::Request) -> proto::call_function::Response {
        let called = match find(&self.functions, "function", &request.name) {
            Ok(function) => std::panic::catch_unwind(AssertUnwindSafe(|| call(&**function, request.arguments)))
                .unwrap_or_else(|_payload_may_hold_a_secret| {
                    let panicked = response::panicked("CallFunction");
                    Err(FunctionError { text: format!("{}. {}", panicked.summary, panicked.detail), argument: None })
                }),
            Err(missing) => Err(internal(missing)),
        };
        match called {
            Ok(result) => proto::call_function::Response { result: Some(result), error: None },
            Err(error) => proto::call_function::Response {
                result: None,
                error: Some(proto::FunctionError {
                    text: text::lines(&error.text).into_owned(),
                    function_argument: error.argument.and_then(|argument| i64::try_from(argument).ok()),
                }),
            },
        }
    }
}

fn call(function: &dyn Function, arguments: Vec<proto::DynamicValue>) -> Result<proto::DynamicValue, FunctionError> {
    let signature = function.signature();
    if arguments.len() != signature.parameters.len() {
        let (given, wanted) = (arguments.len(), signature.parameters.len());
        return Err(FunctionError { text: format!("takes {wanted} arguments; {given} were given."), argument: None });
    }
    let pairs = signature.parameters.iter().zip(arguments).enumerate();
    let arguments: Result<Vec<_>, _> =
        pairs.map(|(index, (parameter, value))| argument(index, parameter, value)).collect();
    let result = function.call(&arguments?)?;
    convert::encode_value(&result, &signature.returns).map_err(internal)
}

fn argument(index: usize, parameter: &Parameter, value: proto::DynamicValue) -> Result<Value, FunctionError> {
    match convert::decode(Some(value), &parameter.ty) {
        Ok(value) if !value.is_wholly_known() => Err(FunctionError::at(index, "must be known.")),
        Ok(value) if has_null(&value) => Err(FunctionError::at(index, "must not be null.")),
        Ok(value) => Ok(value),
        Err(errors) => Err(FunctionError { argument: Some(index), ..internal(errors) }),
    }
}

/// Returns whether the value, or an element of it, is null.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(elements) => elements.iter().any(has_null),
        _ => false,
    }
}

fn internal(errors: crate::terraform::diagnostic::Diagnostics) -> FunctionError {
    let text = errors.into_iter().map(|error| error.detail).collect::<Vec<_>>().join("\n");
    FunctionError { text, argument: None }
}

fn signature(signature: &Signature) -> proto::Function {
    let parameter = |parameter: &Parameter| proto::function::Parameter {
        name: parameter.name.to_owned(),
        r#type: parameter.ty.to_json(),
        description: parameter.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        ..Default::default()
    };
    proto::Function {
        parameters: signature.parameters.iter().map(parameter).collect(),
        r#return: Some(proto::function::Return { r#type: signature.returns.to_json() }),
        summary: signature.summary.clone(),
        description: signature.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        ..Default::default()
    }
}

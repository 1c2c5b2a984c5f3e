//! Errors of the provider block and of the environment. Their texts are in `messages::settings`.

use std::ops::RangeInclusive;

use crate::env;
use crate::env::Variable;
use crate::kms::{AuthMethod, BaseUrlError, CaCertificatesError, HeaderError, ProxyError};
use crate::os::FileError;
use crate::provider::login_check::allowed_hosts::AllowedHostsError;
use crate::terraform::value::Object;

use super::auth_inputs::Input;
use super::validation::InvalidSetting;

/// A mistake in the provider block or in the environment.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The value of one argument or variable is not valid.
    Invalid(SettingSource, InvalidValue),
    /// A setting of the `validation` block is not valid.
    ValidationSetting(InvalidSetting),
    /// Both arguments of which one may be set are set.
    MutuallyExclusive([&'static str; 2]),
    /// An authentication method lacks credentials.
    IncompleteCredentials {
        method: AuthMethod,
        /// The argument or variable that selects the method.
        selected_by: &'static str,
        /// The inputs of the method that are set.
        set: Vec<&'static str>,
        missing: Vec<MissingInput>,
    },
    /// The inputs belong to several methods, none of which uses all of them.
    ConflictingMethods {
        in_block: bool,
        /// For each group of methods, the inputs that they use.
        groups: Vec<(Vec<AuthMethod>, Vec<&'static str>)>,
    },
    /// A variable selects a method that does not use an argument of the block.
    UnusedArgument { method: AuthMethod, variable: &'static str, argument: &'static str },
    /// The inputs fit several methods.
    AmbiguousMethod { inputs: Vec<&'static str>, methods: Vec<AuthMethod> },
}

/// The argument or the variable that a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingSource {
    Argument(&'static str),
    Variable(&'static str),
}

/// Why a value is not valid. Does not hold the value, which may be a misplaced secret.
#[derive(Debug)]
pub(crate) enum InvalidValue {
    Host(BaseUrlError),
    AuthMethod,
    Duration,
    Number(RangeInclusive<u32>),
    Header(HeaderError),
    /// A variable that is not a list of `name=value`.
    HeaderList,
    CaCertificate(CaCertificatesError),
    CaCertificateFile(FileError),
    /// A certificate instead of the path of a file.
    CertificateAsPath,
    Proxy(ProxyError),
    ValidationMode,
    ValidationHosts(AllowedHostsError),
    /// A value in quotation marks.
    Quoted,
    /// A token instead of the path of a file.
    TokenAsPath,
    /// The path of a file instead of a token.
    PathAsToken,
    Token,
}

/// A credential that an authentication method lacks.
#[derive(Debug)]
pub(crate) enum MissingInput {
    /// One of these inputs.
    Inputs(&'static [Input]),
    /// One of these inputs, or the token of a GitHub Actions job.
    InputsOrGitHubActions(&'static [Input]),
    /// The variable whose name `named_by` holds. The name is `None` if it may be a misplaced token.
    NamedVariable { named_by: &'static str, name: Option<String> },
}

impl SettingSource {
    /// Returns an error at this argument or variable.
    pub(super) fn error(self, problem: InvalidValue) -> ConfigError {
        ConfigError::Invalid(self, problem)
    }
}

/// Errors in the order in which they were found.
#[derive(Default)]
pub(super) struct Errors(Vec<ConfigError>);

impl Errors {
    /// Records an error.
    pub(super) fn push(&mut self, error: ConfigError) {
        self.0.push(error);
    }

    /// Returns the value, or records the error.
    pub(super) fn take<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Parses an argument that is set.
    pub(super) fn argument<T>(
        &mut self,
        config: &Object,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let text = argument(config, name)?;
        self.take(parse(text).map_err(|problem| SettingSource::Argument(name).error(problem)))
    }

    /// Returns the argument, or else parses the first variable that is set.
    pub(super) fn or_variable<T>(
        &mut self,
        argument: Option<T>,
        variables: &[Variable],
        lookup: env::Lookup<'_>,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        if argument.is_some() {
            return argument;
        }
        self.take(first_variable(variables, lookup, parse)).flatten().map(|(_, value)| value)
    }

    /// Returns whether no error was found.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value if there is no error.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<ConfigError>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// Returns the text of an argument. An empty text counts as not set, like an empty variable.
pub(super) fn argument<'a>(config: &'a Object, name: &str) -> Option<&'a str> {
    config.get(name).as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// Parses the first variable that is set, and returns its name and value.
pub(super) fn first_variable<T>(
    variables: &[Variable],
    lookup: env::Lookup<'_>,
    parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
) -> Result<Option<(&'static str, T)>, ConfigError> {
    let Some((name, text)) = env::first(variables, lookup) else { return Ok(None) };
    parse(&text).map(|value| Some((name, value))).map_err(|problem| SettingSource::Variable(name).error(problem))
}

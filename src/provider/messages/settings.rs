//! Diagnostics about the provider block, the environment, the `validation` and `timeouts` blocks, and operations that
//! reached their limit. No text repeats a value that may be a misplaced secret.

use std::time::Duration;

use crate::env;
use crate::kms::{AuthMethod, BaseUrlError};
use crate::provider::config::NoClient;
use crate::provider::config::auth_inputs::Input;
use crate::provider::config::error::{ConfigError, InvalidValue, MissingInput, SettingSource};
use crate::provider::config::validation::{InvalidSetting, Mode};
use crate::provider::login_check::allowed_hosts::AllowedHostsError;
use crate::provider::timeouts::Operation;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::terraform::duration;

use super::sentence;

const SELECT_METHOD: &str = "the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`";

/// Returns the errors of the provider block and the environment.
pub(crate) fn config_errors(errors: Vec<ConfigError>) -> Diagnostics {
    errors.iter().map(config_error).collect()
}

fn config_error(error: &ConfigError) -> Diagnostic {
    match error {
        ConfigError::Invalid(source, problem) => invalid_value(*source, problem),
        ConfigError::ValidationSetting(setting) => invalid_setting(*setting, &Path::from("validation")),
        ConfigError::MutuallyExclusive([first, second]) => Diagnostic::error(
            format!("Conflicting arguments: `{first}` and `{second}`"),
            format!("`{first}` and `{second}` are mutually exclusive. Remove one of them."),
        )
        .at(*second),
        ConfigError::IncompleteCredentials { method, selected_by, set, missing } => {
            incomplete_credentials(*method, selected_by, set, missing)
        }
        ConfigError::ConflictingMethods { in_block, groups } => conflicting_methods(*in_block, groups),
        ConfigError::UnusedArgument { method, variable, argument } => Diagnostic::error(
            "Conflicting authentication methods",
            format!(
                "The environment variable `{variable}` selects the method `{method}`, which does not use the argument \
                 `{argument}`.\n\nRemove one of them, or select the method with the argument `auth_method`."
            ),
        )
        .at(*argument),
        ConfigError::AmbiguousMethod { inputs, methods } => Diagnostic::error(
            "Ambiguous authentication method",
            format!(
                "Several authentication methods use the credentials that are set.\nSet: {}\nMethods: {}\n\nSelect one with \
                 {SELECT_METHOD}.",
                list(inputs.iter().copied()),
                methods_or(methods)
            ),
        )
        .at("auth_method"),
    }
}

fn invalid_value(source: SettingSource, problem: &InvalidValue) -> Diagnostic {
    let (name, kind) = match source {
        SettingSource::Argument(name) => (name, "argument"),
        SettingSource::Variable(name) => (name, "environment variable"),
    };
    let invalid = |rule: String| format!("The {kind} `{name}` is not valid: {}", sentence(&rule));
    let (class, detail) = match problem {
        InvalidValue::Host(error) => {
            let is_insecure = matches!(error, BaseUrlError::Insecure(_));
            let allow =
                if is_insecure { "\nTo use the address without TLS, set `allow_insecure_host = true`." } else { "" };
            ("Invalid KMS address", format!("{}{allow}", invalid(error.to_string())))
        }
        InvalidValue::AuthMethod => (
            "Unknown authentication method",
            format!(
                "The provider does not support the method in the {kind} `{name}`.\nValid values: {}",
                list(AuthMethod::ALL.map(AuthMethod::name))
            ),
        ),
        InvalidValue::Duration => {
            ("Invalid duration", invalid(format!("it must be a duration such as {}", duration::EXAMPLES)))
        }
        InvalidValue::Number(range) => (
            "Invalid number",
            invalid(format!("it must be a whole number from {} to {}", range.start(), range.end())),
        ),
        InvalidValue::Header(error) => ("Invalid HTTP header", invalid(error.to_string())),
        InvalidValue::HeaderList => (
            "Invalid HTTP header",
            invalid(
                "it must have the form `name=value name=value`, without spaces in names and values. Set other values with the \
                 argument `headers`"
                    .to_owned(),
            ),
        ),
        InvalidValue::CaCertificate(error) => ("Invalid CA certificate", invalid(error.to_string())),
        InvalidValue::CaCertificateFile(error) => ("CA certificate file not readable", invalid(error.to_string())),
        InvalidValue::CertificateAsPath => (
            "CA certificate file not readable",
            format!(
                "The {kind} `{name}` holds a certificate instead of the path of a file. Set the certificate with the argument \
                 `ca_certificate`."
            ),
        ),
        InvalidValue::Proxy(error) => ("Invalid proxy URL", invalid(error.to_string())),
        InvalidValue::ValidationMode => (
            "Invalid validation mode",
            format!(
                "The environment variable `{name}` does not hold a mode of the login check.\nValid values: {}\n\nChange \
                 the value, or unset the variable.",
                Mode::VALID
            ),
        ),
        InvalidValue::ValidationHosts(error) => ("Invalid list of hosts", allowed_hosts(name, error)),
        InvalidValue::Quoted => (
            "Invalid credentials",
            format!(
                "The value of the {kind} `{name}` is in quotation marks, which are part of the value. Remove them."
            ),
        ),
        InvalidValue::TokenAsPath => (
            "Invalid token file",
            format!(
                "The {kind} `{name}` holds a token instead of the path of a file. Set the token with the argument `jwt`."
            ),
        ),
        InvalidValue::PathAsToken => (
            "Invalid token",
            format!(
                "The {kind} `{name}` holds the path of a file instead of a token. Set the path with the argument `jwt_file`."
            ),
        ),
        InvalidValue::Token => (
            "Invalid token",
            invalid("it has spaces, line breaks or other characters that a token cannot have".to_owned()),
        ),
    };
    let diagnostic = Diagnostic::error(format!("{class}: `{name}`"), detail);
    match source {
        SettingSource::Argument(name) => diagnostic.at(name),
        SettingSource::Variable(_) => diagnostic,
    }
}

fn allowed_hosts(variable: &str, error: &AllowedHostsError) -> String {
    let problem = match error {
        AllowedHostsError::Empty => "has no entry".to_owned(),
        AllowedHostsError::Entry(entry) => format!("has an entry that is not valid: `{entry}`"),
        AllowedHostsError::Position(position) => format!("has an entry that is not valid, at position {position}"),
    };
    format!(
        "The environment variable `{variable}` {problem}.\nValid entries: names (`db.example.com`), names below a domain \
         (`*.example.com`), addresses and networks (`10.0.0.0/8`), separated by commas or spaces\n\nChange the value, or unset \
         the variable to allow all hosts."
    )
}

fn incomplete_credentials(
    method: AuthMethod,
    selected_by: &str,
    set: &[&'static str],
    missing: &[MissingInput],
) -> Diagnostic {
    let set = if set.is_empty() { "none".to_owned() } else { list(set.iter().copied()) };
    let lines: String = missing.iter().map(|missing| format!("\n  - {}", missing_input(missing))).collect();
    let github = if missing.iter().any(|missing| matches!(missing, MissingInput::InputsOrGitHubActions(_))) {
        "\n\nA GitHub Actions job needs no token: grant the job the permission `id-token: write`."
    } else {
        ""
    };
    let detail = format!(
        "The authentication method `{method}` lacks credentials.\nMethod selected by: `{selected_by}`\nSet: \
         {set}\nMissing:{lines}{github}"
    );
    let diagnostic = Diagnostic::error(format!("Incomplete KMS credentials: `{method}`"), detail);
    match missing.iter().find_map(argument_of) {
        Some(argument) => diagnostic.at(argument),
        None => diagnostic,
    }
}

fn missing_input(missing: &MissingInput) -> String {
    match missing {
        MissingInput::Inputs(inputs) | MissingInput::InputsOrGitHubActions(inputs) => {
            let arguments = one_of(inputs.iter().filter_map(|input| input.argument()));
            let variables = inputs.iter().flat_map(|input| input.variables()).map(|variable| variable.name);
            format!("{arguments}, or one of the environment variables {}", list(variables))
        }
        MissingInput::NamedVariable { named_by, name: Some(name) } => {
            format!("the environment variable `{name}`, which `{named_by}` names")
        }
        MissingInput::NamedVariable { named_by, name: None } => {
            format!("the token: `{named_by}` must hold the name of an environment variable that is set")
        }
    }
}

fn argument_of(missing: &MissingInput) -> Option<&'static str> {
    match missing {
        MissingInput::Inputs(inputs) | MissingInput::InputsOrGitHubActions(inputs) => {
            inputs.iter().find_map(|input: &Input| input.argument())
        }
        MissingInput::NamedVariable { .. } => None,
    }
}

fn conflicting_methods(in_block: bool, groups: &[(Vec<AuthMethod>, Vec<&'static str>)]) -> Diagnostic {
    let lines: String = groups
        .iter()
        .map(|(methods, inputs)| format!("\n  - {}: {}", methods_or(methods), list(inputs.iter().copied())))
        .collect();
    let (place, inputs) = if in_block { ("provider block", "arguments") } else { ("environment", "variables") };
    let diagnostic = Diagnostic::error(
        "Conflicting authentication methods",
        format!(
            "The {place} configures more than one authentication method:{lines}\n\nRemove the {inputs} of all but one, or select \
             a method with {SELECT_METHOD}."
        ),
    );
    if in_block { diagnostic.at("auth_method") } else { diagnostic }
}

/// Returns the errors for an operation that needs a client, when there is none.
pub(crate) fn no_client(reason: &NoClient) -> Diagnostics {
    match reason {
        NoClient::Unknown(arguments) => arguments.iter().map(|name| unknown_argument(name)).collect(),
        NoClient::NoCredentials => no_credentials().into(),
    }
}

fn unknown_argument(name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Unknown provider argument: `{name}`"),
        format!(
            "The value of the provider argument `{name}` is known only after an apply, and this operation needs the \
             KMS.\n\nApply what the argument depends on first, with `-target`, or plan without reading existing connections, with \
             `-refresh=false`."
        ),
    )
}

fn no_credentials() -> Diagnostic {
    let names = |inputs: [Input; 2]| {
        let argument = |input: Input| {
            let variables = input.variables().first().map_or("", |variable| variable.name);
            format!("`{}` (`{variables}`)", input.argument().unwrap_or_default())
        };
        inputs.map(argument)
    };
    let [id, secret] = names([Input::ClientId, Input::ClientSecret]);
    let [token, identity] = names([Input::Token, Input::IdentityId]);
    let [method, _] = env::AUTH_METHOD;
    Diagnostic::error(
        "No KMS credentials",
        format!(
            "The provider has no credentials for the KMS. Set one of these combinations of arguments (or environment \
             variables):\n  - {id} and {secret}\n  - {token}\n  - {identity} and `auth_method` (`{}`): `oidc`, `kubernetes`, \
             `aws_iam`, `jwt`, `azure` or `gcp`",
            method.name
        ),
    )
}

/// Returns the error for an argument of the `validation` block at `path`.
pub(crate) fn invalid_setting(setting: InvalidSetting, path: &Path) -> Diagnostic {
    let InvalidSetting { name, valid } = setting;
    Diagnostic::error(
        format!("Invalid validation setting: `{name}`"),
        format!(
            "The value of `{name}` is not valid.\nValid values: {valid}\n\nChange the value, or remove the line (in a module: set \
             it to `null`) to use the default."
        ),
    )
    .at(path.attribute(name))
}

/// Returns the error for an element of `rotation_roles`.
pub(crate) fn invalid_rotation_role(index: usize, problem: &str, path: &Path) -> Diagnostic {
    Diagnostic::error(
        "Invalid rotation role",
        format!(
            "Element {} of `rotation_roles` is not a role whose password can be rotated: {problem}. A valid name is `app_user`.",
            index + 1
        ),
    )
    .at(path.attribute("rotation_roles").index(index))
}

/// Returns the errors for the operations whose timeout is not a duration.
pub(crate) fn invalid_timeouts(operations: Vec<Operation>) -> Diagnostics {
    let error = |operation: Operation| {
        let name = operation.name();
        Diagnostic::error(
            format!("Invalid duration: `{name}`"),
            format!(
                "The value of `{name}` must be a duration such as {}. Change the value, or remove the line.",
                duration::EXAMPLES
            ),
        )
        .at(Path::from("timeouts").attribute(name))
    };
    operations.into_iter().map(error).collect()
}

/// Returns the error for an operation that reached its limit.
pub(crate) fn timed_out(limit: Duration) -> Diagnostic {
    Diagnostic::error(
        "Operation timed out",
        format!(
            "The operation reached its limit of {} seconds.\n\nIncrease the limit in the `timeouts` block if the KMS is slow, or \
             run the command again.",
            limit.as_secs_f64()
        ),
    )
}

/// Returns the error for work that an interrupt ended.
pub(crate) fn interrupted() -> Diagnostic {
    Diagnostic::error(
        "Interrupted",
        "The run was interrupted before the operation was complete. Run the command again.",
    )
}

fn methods_or(methods: &[AuthMethod]) -> String {
    one_of(methods.iter().map(|method| method.name()))
}

/// Returns names as a list: "`a`, `b`".
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Returns names as alternatives: "`a`, `b` or `c`".
fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

//! The authentication method and its credentials, from arguments and variables. Does not depend on how the KMS authenticates.
//!
//! [`auth_inputs`](super::auth_inputs) has the table of methods and their inputs. A further method is a row of it.

use std::path::PathBuf;

use crate::env;
use crate::kms::{AZURE_METADATA, AuthMethod, AuthRequest, Aws, CredentialSource, GOOGLE_METADATA};
use crate::secret::Secret;

use super::auth_inputs::{IdentitySource, Input, InputRow, InputValue, Inputs, METHODS};
use super::error::{ConfigError, InvalidValue, MissingInput, first_variable};

/// The file in which Kubernetes stores the token of a pod's service account.
pub(super) const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Returns the authentication that arguments and variables configure. None is no error: not each run needs the KMS.
pub(super) fn resolve(
    method: Option<AuthMethod>,
    inputs: &Inputs,
    variable: env::Lookup<'_>,
) -> Result<Option<AuthRequest>, ConfigError> {
    match select(method, inputs, variable)? {
        Some((row, selected_by)) => complete(row, selected_by, inputs, variable).map(Some),
        None => Ok(None),
    }
}

/// Parses the name of a method. It is not case-sensitive, and hyphens and a final `auth` are accepted, as in related tools.
pub(super) fn parse(text: &str) -> Result<AuthMethod, InvalidValue> {
    let name = text.trim().to_ascii_lowercase().replace('-', "_");
    let name = name.strip_suffix("_auth").unwrap_or(&name);
    let name = match name {
        "aws" => "aws_iam",
        "gcp_id_token" => "gcp",
        name => name,
    };
    AuthMethod::ALL.into_iter().find(|method| method.name() == name).ok_or(InvalidValue::AuthMethod)
}

/// Selects the method, and returns the argument or variable that selects it: the block if it is sufficient, else the variable
/// that names a method, else the block together with the inputs of the environment.
fn select(
    method: Option<AuthMethod>,
    inputs: &Inputs,
    variable: env::Lookup<'_>,
) -> Result<Option<(&'static InputRow, &'static str)>, ConfigError> {
    if let Some(method) = method {
        return Ok(InputRow::of(method).map(|row| (row, "auth_method")));
    }
    let of_block = possible(METHODS.iter().collect(), &inputs.block);
    if let ([row], Some(set)) = (of_block.as_slice(), inputs.block.first()) {
        return Ok(Some((row, set.name())));
    }
    if let Some((variable, method)) = first_variable(&env::AUTH_METHOD, variable, parse)? {
        let fits = of_block.is_empty() || of_block.iter().any(|row| row.method == method);
        return match (fits, inputs.block.first()) {
            (false, Some(set)) => Err(ConfigError::UnusedArgument { method, variable, argument: set.name() }),
            _ => Ok(InputRow::of(method).map(|row| (row, variable))),
        };
    }
    if of_block.is_empty() {
        return Err(conflicting_methods(&inputs.block, true));
    }
    // An input of the environment that no remaining method uses is not meant for this provider block.
    let relevant: Vec<&InputValue> =
        inputs.environment.iter().filter(|set| of_block.iter().any(|row| row.uses(set.input))).collect();
    let all = possible(of_block, relevant.iter().copied());
    match (all.as_slice(), relevant.first().copied().or(inputs.block.first())) {
        (_, None) => Ok(None),
        ([], _) => Err(conflicting_methods(relevant, false)),
        ([row], Some(set)) => Ok(Some((row, set.name()))),
        (several, Some(_)) => Err(ConfigError::AmbiguousMethod {
            inputs: inputs.block.iter().chain(relevant).map(InputValue::name).collect(),
            methods: several.iter().map(|row| row.method).collect(),
        }),
    }
}

/// Returns the methods that use each of the inputs.
fn possible<'a>(
    methods: Vec<&'static InputRow>,
    inputs: impl IntoIterator<Item = &'a InputValue>,
) -> Vec<&'static InputRow> {
    inputs.into_iter().fold(methods, |rows, set| rows.into_iter().filter(|row| row.uses(set.input)).collect())
}

fn conflicting_methods<'a>(inputs: impl IntoIterator<Item = &'a InputValue>, in_block: bool) -> ConfigError {
    // Inputs that one method can use belong to one group.
    let mut groups: Vec<(Vec<&'static InputRow>, Vec<&'static str>)> = Vec::new();
    for set in inputs {
        match groups.iter_mut().find(|(rows, _)| rows.iter().any(|row| row.uses(set.input))) {
            Some((rows, names)) => {
                rows.retain(|row| row.uses(set.input));
                names.push(set.name());
            }
            None => groups.push((possible(METHODS.iter().collect(), [set]), vec![set.name()])),
        }
    }
    let groups = groups.into_iter().map(|(rows, names)| (rows.iter().map(|row| row.method).collect(), names));
    ConfigError::ConflictingMethods { in_block, groups: groups.collect() }
}

/// Returns the authentication with all that it needs.
fn complete(
    row: &'static InputRow,
    selected_by: &'static str,
    inputs: &Inputs,
    variable: env::Lookup<'_>,
) -> Result<AuthRequest, ConfigError> {
    let (id, credential) = (row.id.and_then(|id| inputs.get(id)), inputs.first(row.credential));
    for set in [id, credential].into_iter().flatten() {
        set.check()?;
    }
    let credential = match credential {
        Some(set) => set.credential(row.method, variable)?,
        None => from_machine(row, variable),
    };
    let id = match (row.id, id) {
        (None, _) => Ok(None),
        (Some(_), Some(set)) => Ok(Some(set.value.expose().to_owned())),
        (Some(Input::ClientId), None) => Err(MissingInput::Inputs(&[Input::ClientId])),
        (Some(_), None) => Err(MissingInput::Inputs(&[Input::IdentityId])),
    };
    match (row.method, id, credential) {
        (AuthMethod::Universal, Ok(Some(id)), Ok(CredentialSource::Given(secret))) => {
            Ok(AuthRequest::universal(id, secret))
        }
        (AuthMethod::Token, Ok(None), Ok(CredentialSource::Given(token))) => Ok(AuthRequest::token(token)),
        (method, Ok(Some(id)), Ok(source)) => Ok(AuthRequest::identity(method, id, source)),
        (method, id, credential) => {
            let set = inputs.block.iter().chain(&inputs.environment).filter(|set| row.uses(set.input));
            Err(ConfigError::IncompleteCredentials {
                method,
                selected_by,
                set: set.map(InputValue::name).collect(),
                missing: [id.err(), credential.err()].into_iter().flatten().collect(),
            })
        }
    }
}

impl InputValue {
    /// Checks the rules for the value of each input.
    fn check(&self) -> Result<(), ConfigError> {
        let value = self.value.expose();
        let ends = [value.chars().next(), value.chars().next_back()];
        if matches!(ends, [Some('"'), Some('"')] | [Some('\''), Some('\'')]) {
            return Err(self.error(InvalidValue::Quoted));
        }
        if self.input.is_file() && (value.contains('\n') || value.starts_with("eyJ")) {
            return Err(self.error(InvalidValue::TokenAsPath));
        }
        Ok(())
    }

    /// Returns the credential, or `Err(MissingInput)` inside if the variable that it names is not set.
    fn credential(
        &self,
        method: AuthMethod,
        variable: env::Lookup<'_>,
    ) -> Result<Result<CredentialSource, MissingInput>, ConfigError> {
        let token = match self.input {
            Input::NamedVariable => match named_variable(self, variable) {
                Ok(token) => token,
                Err(missing) => return Ok(Err(missing)),
            },
            input if input.is_file() => return Ok(Ok(CredentialSource::File(PathBuf::from(self.value.expose())))),
            _ if method == AuthMethod::Universal => return Ok(Ok(CredentialSource::Given(self.value.clone()))),
            _ => self.value.clone(),
        };
        if token.expose().starts_with(['/', '~', '.']) {
            return Err(self.error(InvalidValue::PathAsToken));
        }
        CredentialSource::token(token.expose()).map(Ok).ok_or_else(|| self.error(InvalidValue::Token))
    }
}

/// Returns the token in the variable that `set` names.
fn named_variable(set: &InputValue, variable: env::Lookup<'_>) -> Result<Secret, MissingInput> {
    let name = set.value.expose();
    // A value that is not a name may be the token itself.
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let token = variable(name).map(|token| Secret::new(token.trim())).filter(|token| is_name && !token.is_empty());
    token.ok_or_else(|| {
        // A token of letters and digits has the form of a name, too.
        let is_shown = is_name && !name.contains(|c: char| c.is_ascii_lowercase());
        MissingInput::NamedVariable { named_by: set.name(), name: is_shown.then(|| name.to_owned()) }
    })
}

/// Returns the identity source of this machine.
fn from_machine(row: &InputRow, variable: env::Lookup<'_>) -> Result<CredentialSource, MissingInput> {
    Ok(match row.otherwise.ok_or(MissingInput::Inputs(row.credential))? {
        IdentitySource::GitHubActions => {
            let set = |name| variable(name).filter(|value| !value.trim().is_empty());
            let request = set(env::ACTIONS_ID_TOKEN_REQUEST_URL).zip(set(env::ACTIONS_ID_TOKEN_REQUEST_TOKEN));
            let (url, token) = request.ok_or(MissingInput::InputsOrGitHubActions(row.credential))?;
            CredentialSource::GitHubActions { url, token: Secret::new(token) }
        }
        IdentitySource::ServiceAccount => CredentialSource::File(PathBuf::from(SERVICE_ACCOUNT_TOKEN)),
        IdentitySource::Azure => CredentialSource::Azure {
            address: variable(env::AZURE_POD_IDENTITY_AUTHORITY_HOST).unwrap_or(AZURE_METADATA.to_owned()),
        },
        IdentitySource::Google => {
            CredentialSource::Google { host: variable(env::GCE_METADATA_HOST).unwrap_or(GOOGLE_METADATA.to_owned()) }
        }
        IdentitySource::Aws => CredentialSource::Aws(Aws::new(variable)),
    })
}

#[cfg(test)]
mod tests;

//! The table of authentication methods: the inputs of each method, and the arguments and variables that set them.

use crate::env;
use crate::env::Variable;
use crate::kms::AuthMethod;
use crate::secret::Secret;
use crate::terraform::value::Object;

use super::error::{ConfigError, InvalidValue, SettingSource, argument};

/// A value that an authentication method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    ClientId,
    ClientSecret,
    Token,
    IdentityId,
    Jwt,
    JwtFile,
    /// The token in the variable that another variable names.
    NamedVariable,
    ServiceAccountToken,
    ServiceAccountPath,
}

/// The identity source of this machine, which a method uses when no input is set.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdentitySource {
    GitHubActions,
    ServiceAccount,
    Azure,
    Google,
    Aws,
}

/// An authentication method and its inputs.
pub(super) struct InputRow {
    pub(super) method: AuthMethod,
    /// The input with the id of the client or identity.
    pub(super) id: Option<Input>,
    /// The inputs with the credential, the most specific first. One of them is enough.
    pub(super) credential: &'static [Input],
    pub(super) otherwise: Option<IdentitySource>,
}

const fn identity(method: AuthMethod, credential: &'static [Input], otherwise: Option<IdentitySource>) -> InputRow {
    InputRow { method, id: Some(Input::IdentityId), credential, otherwise }
}

pub(super) const METHODS: [InputRow; AuthMethod::ALL.len()] = {
    use AuthMethod as Method;
    use Input::{ClientId, ClientSecret, Jwt, JwtFile, NamedVariable, ServiceAccountPath, ServiceAccountToken, Token};
    [
        InputRow { method: Method::Universal, id: Some(ClientId), credential: &[ClientSecret], otherwise: None },
        InputRow { method: Method::Token, id: None, credential: &[Token], otherwise: None },
        identity(Method::Oidc, &[NamedVariable, Jwt, JwtFile], Some(IdentitySource::GitHubActions)),
        identity(
            Method::Kubernetes,
            &[ServiceAccountToken, ServiceAccountPath, Jwt, JwtFile],
            Some(IdentitySource::ServiceAccount),
        ),
        identity(Method::AwsIam, &[], Some(IdentitySource::Aws)),
        identity(Method::Jwt, &[Jwt, JwtFile], None),
        identity(Method::Azure, &[Jwt, JwtFile], Some(IdentitySource::Azure)),
        identity(Method::Gcp, &[Jwt, JwtFile], Some(IdentitySource::Google)),
    ]
};

const INPUTS: [Input; 9] = [
    Input::ClientId,
    Input::ClientSecret,
    Input::Token,
    Input::IdentityId,
    Input::Jwt,
    Input::JwtFile,
    Input::NamedVariable,
    Input::ServiceAccountToken,
    Input::ServiceAccountPath,
];

impl Input {
    /// Returns the argument that sets the input.
    pub(crate) fn argument(self) -> Option<&'static str> {
        Some(match self {
            Self::ClientId => "client_id",
            Self::ClientSecret => "client_secret",
            Self::Token => "token",
            Self::IdentityId => "identity_id",
            Self::Jwt => "jwt",
            Self::JwtFile => "jwt_file",
            Self::NamedVariable | Self::ServiceAccountToken | Self::ServiceAccountPath => return None,
        })
    }

    /// Returns the variables that set the input, the first one of which takes precedence.
    pub(crate) fn variables(self) -> &'static [Variable] {
        match self {
            Self::ClientId => &env::CLIENT_ID,
            Self::ClientSecret => &env::CLIENT_SECRET,
            Self::Token => &env::TOKEN,
            Self::IdentityId => &env::IDENTITY_ID,
            Self::Jwt => &env::JWT,
            Self::JwtFile => &[],
            Self::NamedVariable => &env::OIDC_TOKEN_NAME,
            Self::ServiceAccountToken => &env::SERVICE_ACCOUNT_TOKEN,
            Self::ServiceAccountPath => &env::SERVICE_ACCOUNT_TOKEN_PATH,
        }
    }

    pub(super) fn is_file(self) -> bool {
        matches!(self, Self::JwtFile | Self::ServiceAccountPath)
    }
}

impl InputRow {
    pub(super) fn of(method: AuthMethod) -> Option<&'static Self> {
        METHODS.iter().find(|row| row.method == method)
    }

    pub(super) fn uses(&self, input: Input) -> bool {
        self.id == Some(input) || self.credential.contains(&input)
    }
}

/// An input that is set, and the argument or the variable that sets it. Each value may be a misplaced secret.
#[derive(Clone)]
pub(super) struct InputValue {
    pub(super) input: Input,
    pub(super) source: SettingSource,
    pub(super) value: Secret,
}

impl InputValue {
    /// Returns the name of the argument or variable.
    pub(super) fn name(&self) -> &'static str {
        match self.source {
            SettingSource::Argument(name) | SettingSource::Variable(name) => name,
        }
    }

    /// Returns an error at the argument or variable.
    pub(super) fn error(&self, problem: InvalidValue) -> ConfigError {
        self.source.error(problem)
    }
}

/// The inputs that are set. Those of the block take precedence.
pub(super) struct Inputs {
    pub(super) block: Vec<InputValue>,
    pub(super) environment: Vec<InputValue>,
}

/// Returns the inputs that the provider block sets.
pub(super) fn of_block(config: &Object) -> Vec<InputValue> {
    let inputs = INPUTS.iter().filter_map(|&input| {
        let name = input.argument()?;
        let value = argument(config, name).map(Secret::new)?;
        Some(InputValue { input, source: SettingSource::Argument(name), value })
    });
    inputs.collect()
}

impl Inputs {
    /// Adds the inputs of the environment to those of the block.
    pub(super) fn new(block: Vec<InputValue>, variable: env::Lookup<'_>) -> Self {
        let environment = INPUTS.iter().filter_map(|&input| {
            let (name, value) = env::first(input.variables(), variable)?;
            Some(InputValue { input, source: SettingSource::Variable(name), value: Secret::new(value) })
        });
        Self { block, environment: environment.collect() }
    }

    /// Returns the value of an input.
    pub(super) fn get(&self, input: Input) -> Option<&InputValue> {
        self.block.iter().chain(&self.environment).find(|set| set.input == input)
    }

    /// Returns the first of some inputs that is set. Each input of the block takes precedence over each of the environment.
    pub(super) fn first(&self, inputs: &[Input]) -> Option<&InputValue> {
        let first =
            |set: &'_ [InputValue]| inputs.iter().find_map(|input| set.iter().position(|one| one.input == *input));
        first(&self.block)
            .and_then(|at| self.block.get(at))
            .or_else(|| first(&self.environment).and_then(|at| self.environment.get(at)))
    }
}

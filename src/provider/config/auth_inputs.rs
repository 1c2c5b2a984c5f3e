//! The methods, what each of them is made from, and where that stands. Knows nothing of which method is in use.

use crate::env;
use crate::env::Variable;
use crate::kms::AuthMethod;
use crate::terraform::model::Field;

use super::{ProviderBlock, argument};

/// What somebody sets to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    ClientId,
    ClientSecret,
    Token,
    IdentityId,
    Jwt,
    JwtFile,
    /// The variable that another variable names.
    NamedVariable,
    ServiceAccountToken,
    ServiceAccountPath,
}

/// Who tells about this machine when nothing is set that proves the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Environment {
    GitHubActions,
    ServiceAccount,
    Azure,
    Google,
    Aws,
}

/// A method and what it is made from.
pub(crate) struct InputRow {
    pub(crate) method: AuthMethod,
    /// Who logs in.
    pub(crate) who: Option<Input>,
    /// What proves it, the most particular first.
    pub(crate) proof: &'static [Input],
    pub(crate) otherwise: Option<Environment>,
}

const fn identity(method: AuthMethod, proof: &'static [Input], otherwise: Option<Environment>) -> InputRow {
    InputRow { method, who: Some(Input::IdentityId), proof, otherwise }
}

pub(crate) const METHODS: [InputRow; AuthMethod::ALL.len()] = {
    use AuthMethod as Method;
    use Input::{ClientId, ClientSecret, Jwt, JwtFile, NamedVariable, ServiceAccountPath, ServiceAccountToken, Token};
    [
        InputRow { method: Method::Universal, who: Some(ClientId), proof: &[ClientSecret], otherwise: None },
        InputRow { method: Method::Token, who: None, proof: &[Token], otherwise: None },
        identity(Method::Oidc, &[NamedVariable, Jwt, JwtFile], Some(Environment::GitHubActions)),
        identity(
            Method::Kubernetes,
            &[ServiceAccountToken, ServiceAccountPath, Jwt, JwtFile],
            Some(Environment::ServiceAccount),
        ),
        identity(Method::AwsIam, &[], Some(Environment::Aws)),
        identity(Method::Jwt, &[Jwt, JwtFile], None),
        identity(Method::Azure, &[Jwt, JwtFile], Some(Environment::Azure)),
        identity(Method::Gcp, &[Jwt, JwtFile], Some(Environment::Google)),
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

    fn field(self, block: &ProviderBlock) -> &Field<String> {
        match self {
            Self::ClientId => &block.client_id,
            Self::ClientSecret => &block.client_secret,
            Self::Token => &block.token,
            Self::IdentityId => &block.identity_id,
            Self::Jwt => &block.jwt,
            Self::JwtFile => &block.jwt_file,
            Self::NamedVariable | Self::ServiceAccountToken | Self::ServiceAccountPath => &Field::Null,
        }
    }

    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::JwtFile | Self::ServiceAccountPath)
    }
}

impl InputRow {
    pub(crate) fn of(method: AuthMethod) -> Option<&'static Self> {
        METHODS.iter().find(|row| row.method == method)
    }

    pub(crate) fn uses(&self, input: Input) -> bool {
        self.who == Some(input) || self.proof.contains(&input)
    }
}

/// An input that is set, and the argument or the variable that sets it.
pub(crate) struct InputValue {
    pub(crate) input: Input,
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// What is set where.
pub(crate) struct Inputs {
    pub(crate) block: Vec<InputValue>,
    pub(crate) environment: Vec<InputValue>,
}

impl Inputs {
    pub(crate) fn find(block: &ProviderBlock, variable: env::Lookup<'_>) -> Self {
        let of_block = INPUTS.iter().filter_map(|&input| {
            let value = argument(input.field(block))?;
            Some(InputValue { input, name: input.argument()?, value })
        });
        let of_environment = INPUTS.iter().filter_map(|&input| {
            let (name, value) = env::first(input.variables(), variable)?;
            Some(InputValue { input, name, value })
        });
        Self { block: of_block.collect(), environment: of_environment.collect() }
    }

    /// The one that is set for an input; the block beats the environment.
    pub(crate) fn get(&self, input: Input) -> Option<&InputValue> {
        self.block.iter().chain(&self.environment).find(|found| found.input == input)
    }

    /// The first that is set of some; any of the block beats the environment.
    pub(crate) fn first(&self, inputs: &[Input]) -> Option<&InputValue> {
        let among =
            |found: &[InputValue]| inputs.iter().find_map(|input| found.iter().position(|one| one.input == *input));
        among(&self.block)
            .and_then(|at| self.block.get(at))
            .or_else(|| among(&self.environment).and_then(|at| self.environment.get(at)))
    }
}

//! Who logs in to the service: from arguments and variables to one method with all its inputs. Knows nothing of the login
//! itself.

use crate::env::{self, Variable};
use crate::kms::Login;
use crate::secret::Secret;
use crate::terraform::diagnostic::Diagnostic;

use super::{Block, Source, argument, found};

/// The login that arguments or variables describe. None at all is no error: not every run needs one.
pub(super) fn login(block: &Block, variable: env::Lookup<'_>) -> Result<Option<Login>, Diagnostic> {
    let (id, secret, token) = (argument(&block.client_id), argument(&block.client_secret), argument(&block.token));
    let of_variables = Inputs {
        universal: present(&env::CLIENT_ID, variable).or_else(|| present(&env::CLIENT_SECRET, variable)),
        token: present(&env::TOKEN, variable),
    };
    let of_block = Inputs {
        universal: id.as_ref().map(|_| "client_id").or_else(|| secret.as_ref().map(|_| "client_secret")),
        token: token.as_ref().map(|_| "token"),
    };
    let Some((method, because)) = method(block, &of_block, &of_variables, variable)? else { return Ok(None) };
    match method {
        Method::Universal => {
            let client_id = id
                .or_else(|| found(&env::CLIENT_ID, variable))
                .ok_or_else(|| incomplete("universal", because, "client_id", &env::CLIENT_ID))?;
            let client_secret = secret
                .or_else(|| found(&env::CLIENT_SECRET, variable))
                .ok_or_else(|| incomplete("universal", because, "client_secret", &env::CLIENT_SECRET))?;
            Ok(Some(Login::Universal { client_id, client_secret: Secret::new(client_secret) }))
        }
        Method::Token => {
            let token = token
                .or_else(|| found(&env::TOKEN, variable))
                .ok_or_else(|| incomplete("token", because, "token", &env::TOKEN))?;
            Ok(Some(Login::Token(Secret::new(token))))
        }
    }
}

/// How to log in.
#[derive(Clone, Copy)]
pub(super) enum Method {
    Universal,
    Token,
}

impl Method {
    /// Reads the name of a method.
    pub(super) fn parse(text: &str, source: Source) -> Result<Self, Diagnostic> {
        match text.trim().to_ascii_lowercase().as_str() {
            "universal" | "universal-auth" => Ok(Self::Universal),
            "token" => Ok(Self::Token),
            _ => Err(source.diagnostic(
                "Unknown authentication method",
                "this is not a method that the provider knows. It takes `universal` (with `client_id` and \
                 `client_secret`) or `token` (with `token`).",
            )),
        }
    }
}

/// For each method an argument, or a variable, that belongs to it.
struct Inputs {
    universal: Option<&'static str>,
    token: Option<&'static str>,
}

/// The method in use, and the argument or variable that says so: the block alone if it can tell, else the variable that
/// names a method, else the inputs among the variables.
fn method(
    block: &Block,
    of_block: &Inputs,
    of_variables: &Inputs,
    variable: env::Lookup<'_>,
) -> Result<Option<(Method, &'static str)>, Diagnostic> {
    if let Some(method) = argument(&block.auth_method) {
        return Ok(Some((Method::parse(&method, Source::Argument("auth_method"))?, "auth_method")));
    }
    let named = env::first(&env::AUTH_METHOD, variable);
    match (of_block, named, of_variables) {
        (Inputs { universal: Some(argument), token: None }, ..) => Ok(Some((Method::Universal, argument))),
        (Inputs { universal: None, token: Some(argument) }, ..) => Ok(Some((Method::Token, argument))),
        (_, Some((name, method)), _) => Ok(Some((Method::parse(&method, Source::Variable(name))?, name))),
        (Inputs { universal: Some(one), token: Some(other) }, None, _) => {
            Err(two_methods(one, other, "in the provider block", "`auth_method`").at("auth_method"))
        }
        (_, None, Inputs { universal: Some(one), token: Some(other) }) => {
            let [method, _] = env::AUTH_METHOD;
            Err(two_methods(one, other, "in the environment", &format!("`auth_method` or `{}`", method.name)))
        }
        (_, None, Inputs { universal: Some(variable), token: None }) => Ok(Some((Method::Universal, variable))),
        (_, None, Inputs { universal: None, token: Some(variable) }) => Ok(Some((Method::Token, variable))),
        (_, None, Inputs { universal: None, token: None }) => Ok(None),
    }
}

fn two_methods(universal: &str, token: &str, place: &str, chooser: &str) -> Diagnostic {
    Diagnostic::error(
        "Two authentication methods",
        format!(
            "Both `universal` (because of `{universal}`) and `token` (because of `{token}`) are configured {place}. Remove the \
             inputs of one of them, or say which one to use with {chooser}."
        ),
    )
}

fn incomplete(method: &str, because: &str, missing: &'static str, variables: &[Variable]) -> Diagnostic {
    let variables: Vec<_> = variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
    Diagnostic::error(
        "Incomplete credentials for the KMS",
        format!(
            "The method `{method}` is in use (because of `{because}`), but `{missing}` is not set. Set the argument \
             `{missing}` or one of the environment variables {}.",
            variables.join(", ")
        ),
    )
    .at(missing)
}

/// The first of the variables that is set.
fn present(variables: &[Variable], variable: env::Lookup<'_>) -> Option<&'static str> {
    env::first(variables, variable).map(|(name, _)| name)
}

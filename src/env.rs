//! Every environment variable that the provider reads, by its name.
//!
//! The variables of the incumbent providers are honoured: each `KMS_X` has the fallback `INFISICAL_X`.

/// An environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
}

/// Looks up a variable; a parameter, so that tests need not change the environment of the process.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

const fn variable(name: &'static str) -> Variable {
    Variable { name }
}

/// Address of the service.
pub const HOST: [Variable; 4] =
    [variable("KMS_HOST"), variable("KMS_API_URL"), variable("INFISICAL_HOST"), variable("INFISICAL_API_URL")];
/// Authentication method.
pub const AUTH_METHOD: [Variable; 2] = pair("KMS_AUTH_METHOD", "INFISICAL_AUTH_METHOD");
/// Client id of universal auth.
pub const CLIENT_ID: [Variable; 2] = pair("KMS_UNIVERSAL_AUTH_CLIENT_ID", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID");
/// Client secret of universal auth.
pub const CLIENT_SECRET: [Variable; 2] =
    pair("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET");
/// Access token.
pub const TOKEN: [Variable; 2] = pair("KMS_TOKEN", "INFISICAL_TOKEN");
/// Sub-organisation.
pub const ORGANIZATION_SLUG: [Variable; 2] = pair("KMS_AUTH_ORGANIZATION_SLUG", "INFISICAL_AUTH_ORGANIZATION_SLUG");
/// Further HTTP headers.
pub const HEADERS: [Variable; 2] = pair("KMS_CUSTOM_HEADERS", "INFISICAL_CUSTOM_HEADERS");
/// File with certificates to trust.
pub const CA_CERTIFICATE_FILE: [Variable; 2] = pair("KMS_CA_CERTIFICATE_FILE", "INFISICAL_CA_CERTIFICATE_FILE");
/// Limit for one request.
pub const REQUEST_TIMEOUT: [Variable; 2] = pair("KMS_REQUEST_TIMEOUT", "INFISICAL_REQUEST_TIMEOUT");
/// Upper bound of the validation mode.
pub const VALIDATION: [Variable; 2] = pair("KMS_VALIDATION", "INFISICAL_VALIDATION");

const fn pair(name: &'static str, fallback: &'static str) -> [Variable; 2] {
    [variable(name), variable(fallback)]
}

/// The first of the variables that is set to something, with its name.
pub fn first(variables: &[Variable], lookup: Lookup<'_>) -> Option<(&'static str, String)> {
    variables.iter().find_map(|variable| {
        let value = lookup(variable.name)?.trim().to_owned();
        (!value.is_empty()).then_some((variable.name, value))
    })
}

/// The environment of the process. A value that is not UTF-8 counts as absent.
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

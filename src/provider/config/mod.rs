//! Parses the provider block and the environment: first the block alone ([`Arguments`]), then the block with the environment
//! ([`ResolvedConfig`]).
//!
//! An argument takes precedence over the environment, and the first variable that is set over the others; an empty variable
//! counts as not set. An unknown argument is an error only for an operation that needs the KMS.

pub(crate) mod auth_inputs;
pub(crate) mod error;
pub(crate) mod validation;

mod auth;
mod limits;

use crate::env;
use crate::env::Variable;
use crate::kms::{AuthMethod, BaseUrl, CaCertificates, Header, HeaderError, Proxies, Settings};
use crate::os;
use crate::provider::login_check::allowed_hosts::AllowedHosts;
use crate::provider::login_check::kms_location::{KmsLocation, VantagePoint};
use crate::secret::Secret;
use crate::terraform::model::field;
use crate::terraform::schema::{Schema, optional};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use self::auth::SERVICE_ACCOUNT_TOKEN;
use self::auth_inputs::{InputValue, Inputs};
use self::error::{ConfigError, Errors, InvalidValue, SettingSource, argument};
use self::limits::Limits;

const DEFAULT_HOST: &str = "https://app.kms.hanzo.ai";

/// Ten times the size of a bundle of all public certificate authorities.
const MAX_CERTIFICATE_FILE: u64 = 4 * 1024 * 1024;

/// The arguments of the provider block that are set. Those that are unknown are not.
pub(crate) struct Arguments {
    unknown: Vec<&'static str>,
    host: Option<BaseUrl>,
    allow_insecure_host: bool,
    auth_method: Option<AuthMethod>,
    inputs: Vec<InputValue>,
    organization_slug: Option<String>,
    headers: Option<Vec<Header>>,
    ca_certificates: Option<CaCertificates>,
    ca_certificate_file: Option<String>,
    limits: Limits,
    validation: validation::Defaults,
}

/// The provider block with the environment.
pub(crate) struct ResolvedConfig {
    /// The settings of the client, or why there is no client. That is an error only for an operation that needs the KMS.
    pub(crate) client: Result<Settings, NoClient>,
    /// Defaults for the `validation` blocks of resources.
    pub(crate) validation: validation::Defaults,
    /// The location of the KMS and the hosts that the provider may log in to.
    pub(crate) vantage_point: VantagePoint,
}

/// Why the provider block and the environment configure no client.
pub(crate) enum NoClient {
    /// These arguments are unknown.
    Unknown(Vec<&'static str>),
    /// No authentication method is configured.
    NoCredentials,
}

/// Returns the schema of the provider block.
pub(crate) fn schema() -> Schema {
    let schema = Schema::new(
        "Manages PostgreSQL app connections of Hanzo KMS. Every argument is optional and falls back to its environment \
         variables; the first of them that is set and not empty takes precedence. Configuring the provider sends no request: the \
         provider authenticates when an operation first needs the KMS. Guides: [authentication](guides/authentication.md), [Terraform in \
         CI](guides/ci.md), [how credentials are validated](guides/validation.md).",
    )
    .attribute(optional(
        "host",
        Type::String,
        format!(
            "Address of the KMS, without a path. Defaults to `{DEFAULT_HOST}`. Environment: {}.",
            variables(&env::HOST)
        ),
    ))
    .attribute(optional(
        "allow_insecure_host",
        Type::Bool,
        "Allows `http://` to a host other than this machine. Credentials are then sent unencrypted. Defaults to `false`.",
    ))
    .attribute(optional(
        "auth_method",
        Type::String,
        format!(
            "Authentication method. Valid values are `universal` (`client_id` and `client_secret` of a machine identity), `token` \
             (an access token), and, for the machine identity `identity_id` with an external identity source, `oidc`, \
             `kubernetes`, `aws_iam`, `jwt`, `azure` and `gcp`. Required only if several methods use the credentials that are \
             set. Environment: {}.",
            variables(&env::AUTH_METHOD)
        ),
    ))
    .attribute(optional(
        "client_id",
        Type::String,
        format!("Client id of a machine identity's universal auth. Environment: {}.", variables(&env::CLIENT_ID)),
    ))
    .attribute(
        optional(
            "client_secret",
            Type::String,
            format!(
                "Client secret of a machine identity's universal auth. Environment: {}.",
                variables(&env::CLIENT_SECRET)
            ),
        )
        .sensitive(),
    )
    .attribute(
        optional(
            "token",
            Type::String,
            format!("Access token of a machine identity. It is not renewed. Environment: {}.", variables(&env::TOKEN)),
        )
        .sensitive(),
    )
    .attribute(optional(
        "identity_id",
        Type::String,
        format!(
            "Id of a machine identity, for every method but `universal` and `token`. Environment: {}.",
            variables(&env::IDENTITY_ID)
        ),
    ))
    .attribute(
        optional(
            "jwt",
            Type::String,
            format!(
                "Token of the identity source, for `oidc`, `jwt` and `kubernetes`, and for `azure` and `gcp` instead of the token \
                 of this machine. Conflicts with `jwt_file`. Environment: {}; for `oidc` first the variable that {} \
                 names; for `kubernetes` first {}.",
                variables(&env::JWT),
                variables(&env::OIDC_TOKEN_NAME),
                variables(&env::SERVICE_ACCOUNT_TOKEN)
            ),
        )
        .sensitive(),
    )
    .attribute(optional(
        "jwt_file",
        Type::String,
        format!(
            "Path of a file with such a token, which the provider reads for each authentication. For `kubernetes` defaults to \
             `{SERVICE_ACCOUNT_TOKEN}`. Environment, for `kubernetes` only: {}.",
            variables(&env::SERVICE_ACCOUNT_TOKEN_PATH)
        ),
    ))
    .attribute(optional(
        "organization_slug",
        Type::String,
        format!(
            "Slug of the sub-organization to authenticate to, if it is not the organization of the identity. Environment: {}.",
            variables(&env::ORGANIZATION_SLUG)
        ),
    ))
    .attribute(
        optional(
            "headers",
            Type::Map(Box::new(Type::String)),
            format!(
                "Further HTTP headers for each request, for example for an access proxy in front of the KMS. \
                 Environment: {} in the form `name=value name=value`.",
                variables(&env::HEADERS)
            ),
        )
        .sensitive(),
    )
    .attribute(optional(
        "ca_certificate",
        Type::String,
        "Certificates (PEM) of authorities to trust for the KMS, in addition to those of the system. Conflicts with \
         `ca_certificate_file`.",
    ))
    .attribute(optional(
        "ca_certificate_file",
        Type::String,
        format!("Path of a file with such certificates. Environment: {}.", variables(&env::CA_CERTIFICATE_FILE)),
    ));
    limits::describe(schema).block("validation", validation::provider_block())
}

/// Parses the provider block alone.
///
/// # Errors
/// One for each mistake.
pub(crate) fn parse(config: &Object) -> Result<Arguments, Vec<ConfigError>> {
    let mut errors = Errors::default();
    // An unknown value may turn out to be true.
    let allow_insecure_host = !matches!(config.get("allow_insecure_host"), Value::Null | Value::Bool(false));
    let host = errors.argument(config, "host", |text| parse_host(text, allow_insecure_host));
    let auth_method = errors.argument(config, "auth_method", auth::parse);
    let limits = Limits::parse(config, &mut errors);
    let ca_certificates = errors.argument(config, "ca_certificate", parse_certificates);
    // An unknown value may turn out to be null.
    for exclusive in [["jwt", "jwt_file"], ["ca_certificate", "ca_certificate_file"]] {
        if exclusive.iter().all(|name| argument(config, name).is_some()) {
            errors.push(ConfigError::MutuallyExclusive(exclusive));
        }
    }
    let headers = errors.take(parse_header_map(config.get("headers"))).flatten();
    let validation = validation::Defaults::parse(&field(config.get("validation")), &mut errors);
    let names = schema().block.attributes.into_iter().map(|attribute| attribute.name);
    errors.finish(Arguments {
        unknown: names.filter(|name| !config.get(name).is_wholly_known()).collect(),
        host,
        allow_insecure_host,
        auth_method,
        inputs: auth_inputs::of_block(config),
        organization_slug: argument(config, "organization_slug").map(ToOwned::to_owned),
        headers,
        ca_certificates,
        ca_certificate_file: argument(config, "ca_certificate_file").map(ToOwned::to_owned),
        limits,
        validation,
    })
}

impl Arguments {
    /// Adds the environment, whose variables `variable` looks up.
    ///
    /// # Errors
    /// One for each mistake.
    pub(crate) fn resolve(self, variable: env::Lookup<'_>) -> Result<ResolvedConfig, Vec<ConfigError>> {
        let mut errors = Errors::default();
        let validation = self.validation.with_environment(variable, &mut errors);
        let parse_hosts = |text: &str| AllowedHosts::parse(text).map_err(InvalidValue::ValidationHosts);
        let allowed = errors.or_variable(None, &env::VALIDATION_HOSTS, variable, parse_hosts);
        let (validation, allowed) = errors.finish((validation, allowed))?;
        let vantage_point = |place| VantagePoint { place, allowed };

        let mut errors = Errors::default();
        let parse = |text: &str| parse_host(text, self.allow_insecure_host);
        let host = errors.or_variable(self.host, &env::HOST, variable, parse);
        let host = host.or_else(|| parse(DEFAULT_HOST).ok().filter(|_| errors.is_empty()));
        if !self.unknown.is_empty() {
            // An invalid variable is an error only when all arguments are known.
            let place = match &host {
                Some(host) if !self.unknown.contains(&"host") => KmsLocation::of(host.host()),
                _ => KmsLocation::Unknown,
            };
            let client = Err(NoClient::Unknown(self.unknown));
            return Ok(ResolvedConfig { client, validation, vantage_point: vantage_point(place) });
        }
        let inputs = Inputs::new(self.inputs, variable);
        let login = errors.take(auth::resolve(self.auth_method, &inputs, variable)).flatten();
        let headers = errors.or_variable(self.headers, &env::HEADERS, variable, parse_header_list);
        let ca_certificates = self.ca_certificates.or_else(|| {
            let file = match self.ca_certificate_file {
                Some(file) => Some((SettingSource::Argument("ca_certificate_file"), file)),
                None => env::first(&env::CA_CERTIFICATE_FILE, variable)
                    .map(|(name, file)| (SettingSource::Variable(name), file)),
            };
            let (source, file) = file?;
            errors.take(read_certificates(&file).map_err(|problem| source.error(problem)))
        });
        let proxies = Proxies::from_environment(variable);
        let checked = host.as_ref().map_or(Ok(()), |host| proxies.check(host));
        errors.take(checked.map_err(|error| {
            let source = SettingSource::Variable(error.variable);
            source.error(InvalidValue::Proxy(error))
        }));
        let organization_slug =
            self.organization_slug.or_else(|| env::first(&env::ORGANIZATION_SLUG, variable).map(|(_, slug)| slug));
        let place = host.as_ref().map_or(KmsLocation::Unknown, |host| KmsLocation::of(host.host()));
        let mut settings = host.zip(login).map(|(host, login)| Settings {
            organization_slug,
            headers: headers.unwrap_or_default(),
            proxies,
            ca_certificates,
            ..Settings::new(host, login)
        });
        self.limits.resolve(variable, &mut errors, settings.as_mut());
        let client = settings.ok_or(NoClient::NoCredentials);
        errors.finish(ResolvedConfig { client, validation, vantage_point: vantage_point(place) })
    }
}

/// Returns the names of variables for the description of an argument.
fn variables(variables: &[Variable]) -> String {
    variables.iter().map(|variable| format!("`{}`", variable.name)).collect::<Vec<_>>().join(", ")
}

fn parse_host(text: &str, allow_insecure: bool) -> Result<BaseUrl, InvalidValue> {
    BaseUrl::parse(text, allow_insecure).map_err(InvalidValue::Host)
}

/// Parses the known headers of a map; `None` if it is not set.
fn parse_header_map(map: &Value) -> Result<Option<Vec<Header>>, ConfigError> {
    let Value::Object(map) = map else { return Ok(None) };
    let known = map.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let parsed: Result<_, _> = known.map(|(name, value)| Header::parse(name, Secret::new(value))).collect();
    parsed.map(Some).map_err(|error| SettingSource::Argument("headers").error(InvalidValue::Header(error)))
}

/// Parses `name=value name=value`.
fn parse_header_list(text: &str) -> Result<Vec<Header>, InvalidValue> {
    let parse = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or(InvalidValue::HeaderList)?;
        Header::parse(name, Secret::new(value)).map_err(|error| match error {
            HeaderError::Reserved(_) => InvalidValue::Header(error),
            // A value with a space is several pairs here: an invalid name may be a part of a secret.
            _ => InvalidValue::HeaderList,
        })
    };
    text.split_whitespace().map(parse).collect()
}

fn read_certificates(file: &str) -> Result<CaCertificates, InvalidValue> {
    if file.contains("-----BEGIN") {
        return Err(InvalidValue::CertificateAsPath);
    }
    let pem = os::read_text(file.as_ref(), MAX_CERTIFICATE_FILE).map_err(InvalidValue::CaCertificateFile)?;
    parse_certificates(&pem)
}

fn parse_certificates(pem: &str) -> Result<CaCertificates, InvalidValue> {
    CaCertificates::parse(pem).map_err(InvalidValue::CaCertificate)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

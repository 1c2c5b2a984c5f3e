//! From the provider block and the environment to settings. First as written ([`ProviderBlock`]), then resolved ([`Settings`]).
//!
//! An argument beats the environment; the first variable found wins; an empty variable counts as absent. An unknown
//! argument is no error here: it is remembered, and said to whoever needs the service.

pub(crate) mod auth_inputs;
pub(crate) mod validation;

use crate::env;
use crate::env::Variable;
use crate::kms::{BaseUrl, CaCertificates, Header, HeaderError, Proxies, Settings};
use crate::model;
use crate::os;
use crate::secret::Secret;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::model::{Field, Model as _};
use crate::terraform::number::Number;
use crate::terraform::schema::{Schema, optional};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use self::auth::{SERVICE_ACCOUNT_TOKEN, login};
use self::limits::Limits;
use crate::provider::login_check::allowed_hosts::AllowedHosts;
use crate::provider::login_check::kms_location::{KmsLocation, VantagePoint};

mod auth;
mod limits;

/// Where the service is when nobody says.
const DEFAULT_HOST: &str = "https://app.kms.hanzo.ai";

/// Ten times the bundle of all public authorities.
const MAX_CERTIFICATE_FILE: u64 = 4 * 1024 * 1024;

model! {
    /// The provider block as it is written.
    pub(crate) struct ProviderBlock {
        host: String,
        allow_insecure_host: bool,
        auth_method: String,
        client_id: String,
        client_secret: String,
        token: String,
        identity_id: String,
        jwt: String,
        jwt_file: String,
        organization_slug: String,
        headers: Value,
        ca_certificate: String,
        ca_certificate_file: String,
        request_timeout: String,
        max_retries: Number,
        max_requests_per_minute: Number,
        validation: Value,
    }
}

/// The provider block with the environment.
pub(crate) struct ResolvedConfig {
    /// What a client is made from, or why there is none. That is no error until somebody needs one.
    pub(crate) client: Result<Settings, NoClient>,
    /// Defaults for the `validation` blocks of resources.
    pub(crate) validation: validation::Defaults,
    /// Where the service is and where logins may go.
    pub(crate) vantage_point: VantagePoint,
}

/// Why the provider block and the environment make no client.
pub(crate) enum NoClient {
    /// These arguments are unknown.
    Unknown(Vec<&'static str>),
    /// Nobody says how to log in.
    NoCredentials,
}

/// The provider block.
pub(crate) fn schema() -> Schema {
    let schema = Schema::new(
        "Manages PostgreSQL app connections of Hanzo KMS. Every argument is optional and falls back to its environment \
         variables; of these the first one that is set and not empty wins. Configuring the provider makes no call: it \
         logs in when something first needs the service. Guides: [authentication](guides/authentication.md), [Terraform in \
         CI](guides/ci.md), [how credentials are validated](guides/validation.md).",
    )
    .attribute(optional(
        "host",
        Type::String,
        format!(
            "Address of the KMS, without a path. Default: `{DEFAULT_HOST}`. Environment: {}.",
            variables(&env::HOST)
        ),
    ))
    .attribute(optional(
        "allow_insecure_host",
        Type::Bool,
        "Allows `http://` to a host other than this machine. Credentials then travel unencrypted. Default: `false`.",
    ))
    .attribute(optional(
        "auth_method",
        Type::String,
        format!(
            "How to log in: `universal` (`client_id` and `client_secret` of a machine identity), `token` (an access token), or as \
             the machine identity `identity_id`, which a third party proves: `oidc`, `kubernetes`, `aws_iam`, `jwt`, `azure` or \
             `gcp`. Needed only where what is set can serve several. Environment: {}.",
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
                "Token that proves the identity, for `oidc`, `jwt` and `kubernetes`, and for `azure` and `gcp` where this machine \
                 is not to be asked for one. Conflicts with `jwt_file`. Environment: {}; for `oidc` first the variable that {} \
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
            "Path of a file with such a token, which is read anew for each login. For `kubernetes` the default is \
             `{SERVICE_ACCOUNT_TOKEN}`. Environment, for `kubernetes` only: {}.",
            variables(&env::SERVICE_ACCOUNT_TOKEN_PATH)
        ),
    ))
    .attribute(optional(
        "organization_slug",
        Type::String,
        format!(
            "Sub-organisation to log in to, if not the identity's own organisation. Environment: {}.",
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

/// Checks what can be said of the block alone. Values may be unknown.
pub(crate) fn validate(config: &Object) -> Diagnostics {
    let block = ProviderBlock::from_object(config);
    let mut diagnostics = Diagnostics::new();
    let allow_insecure = !matches!(block.allow_insecure_host, Field::Null | Field::Known(false));
    if let Some(host) = argument(&block.host) {
        diagnostics.extend(host_url(&host, allow_insecure, SettingSource::Argument("host")).err());
    }
    if let Some(method) = argument(&block.auth_method) {
        diagnostics.extend(auth::parse(&method, SettingSource::Argument("auth_method")).err());
    }
    diagnostics.extend(limits::check(&block));
    if let Some(pem) = argument(&block.ca_certificate) {
        diagnostics.extend(certificates(&pem, SettingSource::Argument("ca_certificate")).err());
    }
    // What is unknown may turn out to be null.
    if argument(&block.jwt).is_some() && argument(&block.jwt_file).is_some() {
        diagnostics.push(
            Diagnostic::error("Two tokens", "`jwt` and `jwt_file` exclude each other. Remove one of them.")
                .at("jwt_file"),
        );
    }
    if argument(&block.ca_certificate).is_some() && argument(&block.ca_certificate_file).is_some() {
        diagnostics.push(
            Diagnostic::error(
                "Two certificate arguments",
                "`ca_certificate` and `ca_certificate_file` exclude each other. Remove one of them.",
            )
            .at("ca_certificate_file"),
        );
    }
    diagnostics.extend(headers(&block.headers, None).err());
    diagnostics.extend(validation::Defaults::parse(&block.validation).err().into_iter().flatten());
    diagnostics
}

/// The block with the environment, which `variable` looks up.
pub(crate) fn resolve(config: &Object, variable: env::Lookup<'_>) -> Result<ResolvedConfig, Diagnostics> {
    validate(config).into_result()?;
    let block = ProviderBlock::from_object(config);
    let validation = validation::Defaults::parse(&block.validation)?.with_environment(variable)?;
    let allowed = AllowedHosts::resolve(variable)?;
    let unknown = unknown_arguments(config);
    if !unknown.is_empty() {
        // A bad address is said when all is known.
        let base = if block.host.is_unknown() { None } else { host(&block, variable).ok() };
        let vantage_point = VantagePoint { place: base.as_ref().map_or(KmsLocation::Elsewhere, place), allowed };
        return Ok(ResolvedConfig { client: Err(NoClient::Unknown(unknown)), validation, vantage_point });
    }
    let mut problems = Diagnostics::new();
    let mut note = |problem: Diagnostic| problems.push(problem);
    let base = host(&block, variable).map_err(&mut note).ok();
    let login = login(&block, variable).map_err(&mut note).ok();
    let headers = headers(&block.headers, Some(variable)).map_err(&mut note).ok();
    let ca_certificates = ca_certificates(&block, variable).map_err(&mut note).ok();
    let proxies = Proxies::from_environment(variable);
    if let Some(Err(error)) = base.as_ref().map(|base| proxies.check(base)) {
        note(SettingSource::Variable(error.variable).diagnostic("Invalid proxy URL", &format!("{error}.")));
    }
    let limits = limits::resolve(&block, variable).map_err(|found| problems.extend(found)).ok();
    if !problems.is_empty() {
        return Err(problems);
    }
    let (Some(base), Some(login), Some(headers), Some(ca_certificates), Some(limits)) =
        (base, login, headers, ca_certificates, limits)
    else {
        return Err(problems);
    };
    let organization_slug = argument(&block.organization_slug).or_else(|| found(&env::ORGANIZATION_SLUG, variable));
    let vantage_point = VantagePoint { place: place(&base), allowed };
    let Limits { request_timeout, max_retries, max_requests_per_minute } = limits;
    let client = login.ok_or(NoClient::NoCredentials).map(|login| Settings {
        organization_slug,
        headers,
        proxies,
        ca_certificates,
        request_timeout,
        max_retries,
        max_requests_per_minute,
        ..Settings::new(base, login)
    });
    Ok(ResolvedConfig { client, validation, vantage_point })
}

fn place(base: &BaseUrl) -> KmsLocation {
    KmsLocation::of(base.host())
}

/// Where a value came from: what a message has to name.
#[derive(Clone, Copy)]
enum SettingSource {
    Argument(&'static str),
    Variable(&'static str),
}

impl SettingSource {
    fn diagnostic(self, summary: &str, rule: &str) -> Diagnostic {
        match self {
            Self::Argument(name) => Diagnostic::error(summary, format!("`{name}`: {rule}")).at(name),
            Self::Variable(name) => Diagnostic::error(summary, format!("The environment variable `{name}`: {rule}")),
        }
    }
}

/// An argument that is set to something. Empty texts count as absent, as empty variables do.
fn argument(field: &Field<String>) -> Option<String> {
    field.known().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Names of variables, for the description of an argument.
fn variables(variables: &[Variable]) -> String {
    variables.iter().map(|variable| format!("`{}`", variable.name)).collect::<Vec<_>>().join(", ")
}

fn found(variables: &[Variable], variable: env::Lookup<'_>) -> Option<String> {
    env::first(variables, variable).map(|(_, value)| value)
}

fn unknown_arguments(config: &Object) -> Vec<&'static str> {
    ProviderBlock::FIELDS
        .iter()
        .copied()
        .filter(|name| *name != "validation" && !config.get(name).is_wholly_known())
        .collect()
}

fn host(block: &ProviderBlock, variable: env::Lookup<'_>) -> Result<BaseUrl, Diagnostic> {
    let allow_insecure = block.allow_insecure_host.known().copied().unwrap_or(false);
    if let Some(host) = argument(&block.host) {
        return host_url(&host, allow_insecure, SettingSource::Argument("host"));
    }
    match env::first(&env::HOST, variable) {
        Some((name, host)) => host_url(&host, allow_insecure, SettingSource::Variable(name)),
        None => host_url(DEFAULT_HOST, allow_insecure, SettingSource::Argument("host")),
    }
}

fn host_url(text: &str, allow_insecure: bool, source: SettingSource) -> Result<BaseUrl, Diagnostic> {
    BaseUrl::parse(text, allow_insecure).map_err(|error| source.diagnostic("Invalid KMS address", &format!("{error}.")))
}

fn headers(field: &Field<Value>, variable: Option<env::Lookup<'_>>) -> Result<Vec<Header>, Diagnostic> {
    const SUMMARY: &str = "Invalid HTTP headers";
    let parse = |(name, value): (&str, &str)| Header::parse(name, Secret::new(value));
    match (field, variable) {
        (Field::Known(Value::Object(map)), _) => {
            let pairs = map.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            let source = SettingSource::Argument("headers");
            pairs.map(parse).collect::<Result<_, _>>().map_err(|error| source.diagnostic(SUMMARY, &format!("{error}.")))
        }
        (Field::Null, Some(variable)) => {
            let Some((name, text)) = env::first(&env::HEADERS, variable) else { return Ok(Vec::new()) };
            // A value with a space in it falls apart here: what looks like a name may be half of a secret.
            let rule = "it must have the form `name=value name=value`, where neither names nor values have spaces in them. Set \
                        other values with the argument `headers`.";
            let wrong = || SettingSource::Variable(name).diagnostic(SUMMARY, rule);
            let pairs = text.split_whitespace().map(|pair| pair.split_once('=').ok_or_else(wrong));
            let parse = |pair| match parse(pair) {
                Err(error @ HeaderError::Reserved(_)) => {
                    Err(SettingSource::Variable(name).diagnostic(SUMMARY, &format!("{error}.")))
                }
                parsed => parsed.map_err(|_| wrong()),
            };
            pairs.map(|pair| parse(pair?)).collect()
        }
        _ => Ok(Vec::new()),
    }
}

fn ca_certificates(block: &ProviderBlock, variable: env::Lookup<'_>) -> Result<Option<CaCertificates>, Diagnostic> {
    if let Some(pem) = argument(&block.ca_certificate) {
        return certificates(&pem, SettingSource::Argument("ca_certificate")).map(Some);
    }
    let (file, source) = match argument(&block.ca_certificate_file) {
        Some(file) => (file, SettingSource::Argument("ca_certificate_file")),
        None => match env::first(&env::CA_CERTIFICATE_FILE, variable) {
            Some((name, file)) => (file, SettingSource::Variable(name)),
            None => return Ok(None),
        },
    };
    if file.contains("-----BEGIN") {
        let rule =
            "it takes the path of a file, not the certificate itself. That goes into the argument `ca_certificate`.";
        return Err(source.diagnostic("Unreadable certificate file", rule));
    }
    let pem = os::read_text(file.as_ref(), MAX_CERTIFICATE_FILE)
        .map_err(|error| source.diagnostic("Unreadable certificate file", &format!("{error}.")))?;
    certificates(&pem, source).map(Some)
}

fn certificates(pem: &str, source: SettingSource) -> Result<CaCertificates, Diagnostic> {
    CaCertificates::parse(pem).map_err(|error| source.diagnostic("Invalid CA certificate", &format!("{error}.")))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

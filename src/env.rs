//! The environment variables that the provider reads. Does not depend on the use of their values. No other file reads the
//! environment.
//!
//! Arguments of the provider block fall back to `KMS_X`, and then to `INFISICAL_X`, the names of related tools.

use std::path::PathBuf;

/// The magic cookie, which shows that a plugin host started the process, see [`crate::plugin`]. Set by Terraform and OpenTofu.
pub const TF_PLUGIN_MAGIC_COOKIE: &str = "TF_PLUGIN_MAGIC_COOKIE";

/// Protocol versions that the host supports, separated by commas, in any order. Set by the host.
pub const PLUGIN_PROTOCOL_VERSIONS: &str = "PLUGIN_PROTOCOL_VERSIONS";

/// The host's one-time certificate as PEM. Set by the host to encrypt the connection; without it the provider serves in
/// plain text.
pub const PLUGIN_CLIENT_CERT: &str = "PLUGIN_CLIENT_CERT";

/// The directory of the socket. Most hosts do not set it; the default is the system's directory for temporary files.
pub const PLUGIN_UNIX_SOCKET_DIR: &str = "PLUGIN_UNIX_SOCKET_DIR";

/// The lowest TCP port to listen on, on systems without Unix sockets (Windows). Set by the host.
pub const PLUGIN_MIN_PORT: &str = "PLUGIN_MIN_PORT";

/// The highest TCP port to listen on, on systems without Unix sockets (Windows). Set by the host.
pub const PLUGIN_MAX_PORT: &str = "PLUGIN_MAX_PORT";

/// The lowest level that the provider logs: `trace`, `debug`, `info`, `warn`, `error` or `off`. Defaults to `trace`, because
/// the host filters again (`TF_LOG`).
pub const TF_LOG_PROVIDER_KMS: &str = "TF_LOG_PROVIDER_KMS";

/// For maintainers: `1` also logs the events of libraries that use `tracing` (gRPC, HTTP/2). They may contain passwords and
/// tokens.
pub const KMS_LOG_DEPENDENCIES: &str = "KMS_LOG_DEPENDENCIES";

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

/// Address of the KMS.
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
/// Id of a machine identity.
pub const IDENTITY_ID: [Variable; 2] = pair("KMS_MACHINE_IDENTITY_ID", "INFISICAL_MACHINE_IDENTITY_ID");
/// Token of the identity source of a machine identity.
pub const JWT: [Variable; 4] =
    [variable("KMS_AUTH_JWT"), variable("KMS_JWT"), variable("INFISICAL_AUTH_JWT"), variable("INFISICAL_JWT")];
/// Name of a further variable that holds such a token. The documentation of related tools names the last one.
pub const OIDC_TOKEN_NAME: [Variable; 3] = [
    variable("KMS_OIDC_AUTH_TOKEN_NAME"),
    variable("INFISICAL_OIDC_AUTH_TOKEN_NAME"),
    variable("INFISICAL_OIDC_AUTH_TOKEN_KEY_NAME"),
];
/// Token of a Kubernetes service account.
pub const SERVICE_ACCOUNT_TOKEN: [Variable; 2] =
    pair("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN", "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN");
/// File that holds the token of a Kubernetes service account.
pub const SERVICE_ACCOUNT_TOKEN_PATH: [Variable; 2] =
    pair("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH");
/// Slug of the sub-organization.
pub const ORGANIZATION_SLUG: [Variable; 2] = pair("KMS_AUTH_ORGANIZATION_SLUG", "INFISICAL_AUTH_ORGANIZATION_SLUG");
/// Further HTTP headers.
pub const HEADERS: [Variable; 2] = pair("KMS_CUSTOM_HEADERS", "INFISICAL_CUSTOM_HEADERS");
/// File with certificates to trust.
pub const CA_CERTIFICATE_FILE: [Variable; 2] = pair("KMS_CA_CERTIFICATE_FILE", "INFISICAL_CA_CERTIFICATE_FILE");
/// Limit for one request.
pub const REQUEST_TIMEOUT: [Variable; 2] = pair("KMS_REQUEST_TIMEOUT", "INFISICAL_REQUEST_TIMEOUT");
/// Maximum number of times that a request is repeated.
pub const MAX_RETRIES: [Variable; 2] = pair("KMS_MAX_RETRIES", "INFISICAL_MAX_RETRIES");
/// Maximum rate of requests.
pub const MAX_REQUESTS_PER_MINUTE: [Variable; 2] =
    pair("KMS_MAX_REQUESTS_PER_MINUTE", "INFISICAL_MAX_REQUESTS_PER_MINUTE");
/// Upper bound of the validation mode.
pub const VALIDATION: [Variable; 2] = pair("KMS_VALIDATION", "INFISICAL_VALIDATION");
/// The hosts and addresses that the provider may log in to.
pub const VALIDATION_HOSTS: [Variable; 2] = pair("KMS_VALIDATION_HOSTS", "INFISICAL_VALIDATION_HOSTS");

/// Proxy for `https://`.
pub const HTTPS_PROXY: [Variable; 4] =
    [variable("HTTPS_PROXY"), variable("https_proxy"), variable("ALL_PROXY"), variable("all_proxy")];
/// Proxy for `http://`.
pub const HTTP_PROXY: [Variable; 4] =
    [variable("HTTP_PROXY"), variable("http_proxy"), variable("ALL_PROXY"), variable("all_proxy")];
/// Hosts and networks that are reached without a proxy.
pub const NO_PROXY: [Variable; 2] = pair("NO_PROXY", "no_proxy");

/// File with the certificates of the system, if it is not the default one. Read by a library.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// URL of the endpoint that issues the token of a GitHub Actions job. Set by GitHub when the job has the permission `id-token: write`.
pub const ACTIONS_ID_TOKEN_REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// Token for requests to that endpoint.
pub const ACTIONS_ID_TOKEN_REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// Host of Google's metadata server, if it is not the default one.
pub const GCE_METADATA_HOST: &str = "GCE_METADATA_HOST";
/// Address of Azure's metadata server, if it is not the default one.
pub const AZURE_POD_IDENTITY_AUTHORITY_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

/// Variables of AWS, as its own tools read them. Used only by the authentication method `aws_iam`.
pub mod aws {
    /// Id of an access key.
    pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
    /// Secret of an access key.
    pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
    /// Session token of temporary credentials.
    pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
    /// Region.
    pub const REGION: &str = "AWS_REGION";
    /// Region, if the other one is not set.
    pub const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
    /// Profile in the files.
    pub const PROFILE: &str = "AWS_PROFILE";
    /// The file with settings.
    pub const CONFIG_FILE: &str = "AWS_CONFIG_FILE";
    /// The file with keys.
    pub const SHARED_CREDENTIALS_FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
    /// The file with a token that AWS exchanges for temporary credentials.
    pub const WEB_IDENTITY_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
    /// The role of those credentials.
    pub const ROLE_ARN: &str = "AWS_ROLE_ARN";
    /// The name of the role's session.
    pub const ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
    /// Path of the endpoint for a container's credentials, on the default host.
    pub const CONTAINER_CREDENTIALS_RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    /// URL of the endpoint for a container's credentials.
    pub const CONTAINER_CREDENTIALS_FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    /// Authorization token for that endpoint.
    pub const CONTAINER_AUTHORIZATION_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    /// The file with that authorization token.
    pub const CONTAINER_AUTHORIZATION_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    /// `true` if the metadata server must not be used.
    pub const EC2_METADATA_DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
    /// Address of the metadata server, if it is not the default one.
    pub const EC2_METADATA_SERVICE_ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    /// Address of the service that issues temporary credentials, if it is not the default one.
    pub const ENDPOINT_URL_STS: &str = "AWS_ENDPOINT_URL_STS";
    /// The home directory, which holds the files.
    pub const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

    /// All of them.
    pub const ALL: [&str; 19] = [
        ACCESS_KEY_ID,
        SECRET_ACCESS_KEY,
        SESSION_TOKEN,
        REGION,
        DEFAULT_REGION,
        PROFILE,
        CONFIG_FILE,
        SHARED_CREDENTIALS_FILE,
        WEB_IDENTITY_TOKEN_FILE,
        ROLE_ARN,
        ROLE_SESSION_NAME,
        CONTAINER_CREDENTIALS_RELATIVE_URI,
        CONTAINER_CREDENTIALS_FULL_URI,
        CONTAINER_AUTHORIZATION_TOKEN,
        CONTAINER_AUTHORIZATION_TOKEN_FILE,
        EC2_METADATA_DISABLED,
        EC2_METADATA_SERVICE_ENDPOINT,
        ENDPOINT_URL_STS,
        HOME,
    ];
}

const fn pair(name: &'static str, fallback: &'static str) -> [Variable; 2] {
    [variable(name), variable(fallback)]
}

/// Returns the first of the variables that is set and not empty, with its name.
pub fn first(variables: &[Variable], lookup: Lookup<'_>) -> Option<(&'static str, String)> {
    variables.iter().find_map(|variable| {
        let value = lookup(variable.name)?.trim().to_owned();
        (!value.is_empty()).then_some((variable.name, value))
    })
}

/// Returns the text of a variable. An empty variable counts as not set. Bytes that are not Unicode become `U+FFFD`, so that
/// the parser of the value rejects them.
pub fn text(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
}

/// Returns a variable as a path, which need not be Unicode. An empty variable counts as not set.
pub fn path(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| PathBuf::from(value))
}

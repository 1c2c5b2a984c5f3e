//! Keys that a container or a machine of AWS gives to whatever runs on it.

use std::net::IpAddr;

use reqwest::{Method, Url};

use super::{Aws, AwsKey};
use crate::env::aws as names;
use crate::kms::auth::credential_source::{from_file, secret_field};
use crate::kms::auth::metadata_http::{Fetch, Fetched, ProxyUse, SourceState};
use crate::kms::auth::source::SourceError;
use crate::secret::Secret;

const CONTAINER: &str = "the credentials endpoint of the container";
const MACHINE: &str = "the metadata server of AWS";
const CONTAINER_HOST: &str = "http://169.254.170.2";
/// Where clear text is allowed: nobody else can be there.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
const MACHINE_HOST: &str = "http://169.254.169.254";
const ROLES: &str = "latest/meta-data/iam/security-credentials";

/// The key of the container, if this is one that has a key.
pub(super) async fn container(aws: &Aws, state: &SourceState) -> Result<Option<AwsKey>, SourceError> {
    let relative = aws.get(names::CONTAINER_CREDENTIALS_RELATIVE_URI).map(|path| format!("{CONTAINER_HOST}{path}"));
    let Some(url) = relative.or_else(|| aws.get(names::CONTAINER_CREDENTIALS_FULL_URI).map(str::to_owned)) else {
        return Ok(None);
    };
    if !is_safe(&url) {
        return Err(SourceError::settings(format!(
            "`{}` leads over the network in clear text, which would give the key to everybody there",
            names::CONTAINER_CREDENTIALS_FULL_URI
        )));
    }
    let token = match aws.path(names::CONTAINER_AUTHORIZATION_TOKEN_FILE) {
        Some(file) => Some(from_file(&file).await?),
        None => aws.get(names::CONTAINER_AUTHORIZATION_TOKEN).map(Secret::new),
    };
    let reach = if url.starts_with("https:") { ProxyUse::Internet } else { ProxyUse::Machine };
    let mut fetch = Fetch::get(CONTAINER, &url, reach);
    if let Some(token) = token {
        fetch = fetch.secret_header("authorization", "", &token);
    }
    key(&fetch.send(state).await?).map(Some)
}

fn is_safe(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    let local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && (local || CONTAINER_HOSTS.contains(&host)))
}

/// The key of the machine's role.
pub(super) async fn instance(aws: &Aws, state: &SourceState) -> Result<AwsKey, SourceError> {
    let session = session(aws, state).await?;
    let roles = session.get(ROLES).await?;
    let Some(role) = roles.text().lines().map(str::trim).find(|role| !role.is_empty()) else {
        return Err(SourceError::settings("this machine of AWS has no role"));
    };
    key(&session.get(&format!("{ROLES}/{role}")).await?)
}

/// The region that the machine is in.
pub(super) async fn region(aws: &Aws, state: &SourceState) -> Option<String> {
    let answer = session(aws, state).await.ok()?.get("latest/meta-data/placement/region").await.ok()?;
    Some(answer.text().trim().to_owned())
}

/// Leave to ask the metadata server.
struct ImdsSession<'a> {
    address: String,
    token: Secret,
    state: &'a SourceState,
}

async fn session<'a>(aws: &Aws, state: &'a SourceState) -> Result<ImdsSession<'a>, SourceError> {
    if aws.get(names::EC2_METADATA_DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(SourceError::settings(format!("{MACHINE} is switched off by `{}`", names::EC2_METADATA_DISABLED)));
    }
    let address =
        aws.get(names::EC2_METADATA_SERVICE_ENDPOINT).unwrap_or(MACHINE_HOST).trim_end_matches('/').to_owned();
    let fetch = Fetch::new(Method::PUT, MACHINE, &format!("{address}/latest/api/token"), ProxyUse::Machine);
    let answer = fetch.header("x-aws-ec2-metadata-token-ttl-seconds", "60").send(state).await?;
    Ok(ImdsSession { address, token: Secret::new(answer.text().trim()), state })
}

impl ImdsSession<'_> {
    async fn get(&self, path: &str) -> Result<Fetched, SourceError> {
        let fetch = Fetch::get(MACHINE, &format!("{}/{path}", self.address), ProxyUse::Machine);
        fetch.secret_header("x-aws-ec2-metadata-token", "", &self.token).send(self.state).await
    }
}

/// The key in an answer.
fn key(answer: &Fetched) -> Result<AwsKey, SourceError> {
    let object = answer.json().unwrap_or_default();
    let field = |name: &str| secret_field(&object, name);
    let key = || {
        let id = field("AccessKeyId")?.expose().to_owned();
        Some(AwsKey { id, secret: field("SecretAccessKey")?, session_token: field("Token") })
    };
    key().ok_or_else(|| answer.not_understood())
}

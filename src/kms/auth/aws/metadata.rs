//! Keys that a container or a machine of AWS issues to the programs on it.

use std::net::IpAddr;

use reqwest::{Method, Url};
use serde::Deserialize;

use super::{Aws, AwsError, AwsKey};
use crate::env::aws as names;
use crate::kms::auth::metadata_http::{Fetch, Fetched, ProxyUse, SourceState};
use crate::kms::auth::source::SourceError;
use crate::kms::auth::token;
use crate::secret::Secret;

const CONTAINER: &str = "the credentials endpoint of the container";
const MACHINE: &str = "the metadata server of AWS";
const CONTAINER_HOST: &str = "http://169.254.170.2";
/// The hosts to which clear text is allowed: only the container itself reaches them.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
const MACHINE_HOST: &str = "http://169.254.169.254";
const ROLES: &str = "latest/meta-data/iam/security-credentials";

/// Returns the key of the container, if there is one.
pub(super) async fn container(aws: &Aws, state: &SourceState) -> Result<Option<AwsKey>, SourceError> {
    let relative = aws.get(names::CONTAINER_CREDENTIALS_RELATIVE_URI).map(|path| format!("{CONTAINER_HOST}{path}"));
    let Some(url) = relative.or_else(|| aws.get(names::CONTAINER_CREDENTIALS_FULL_URI).map(str::to_owned)) else {
        return Ok(None);
    };
    if !is_safe(&url) {
        return Err(AwsError::ClearText.into());
    }
    let token = match aws.path(names::CONTAINER_AUTHORIZATION_TOKEN_FILE) {
        Some(file) => Some(token::from_file(&file).await?),
        None => aws.get(names::CONTAINER_AUTHORIZATION_TOKEN).map(Secret::new),
    };
    let proxy_use = if url.starts_with("https:") { ProxyUse::Internet } else { ProxyUse::Machine };
    let mut fetch = Fetch::get(CONTAINER, &url, proxy_use);
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

/// Returns the key of the machine's role.
pub(super) async fn instance(aws: &Aws, state: &SourceState) -> Result<AwsKey, SourceError> {
    let session = session(aws, state).await?;
    let roles = session.get(ROLES).await?;
    let Some(role) = roles.text().lines().map(str::trim).find(|role| !role.is_empty()) else {
        return Err(AwsError::NoRole.into());
    };
    key(&session.get(&format!("{ROLES}/{role}")).await?)
}

/// Returns the region of the machine.
pub(super) async fn region(aws: &Aws, state: &SourceState) -> Option<String> {
    let response = session(aws, state).await.ok()?.get("latest/meta-data/placement/region").await.ok()?;
    Some(response.text().trim().to_owned())
}

/// A session of the metadata server (IMDSv2).
struct ImdsSession<'a> {
    address: String,
    token: Secret,
    state: &'a SourceState,
}

async fn session<'a>(aws: &Aws, state: &'a SourceState) -> Result<ImdsSession<'a>, SourceError> {
    if aws.get(names::EC2_METADATA_DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(AwsError::MetadataDisabled.into());
    }
    let address =
        aws.get(names::EC2_METADATA_SERVICE_ENDPOINT).unwrap_or(MACHINE_HOST).trim_end_matches('/').to_owned();
    let fetch = Fetch::new(Method::PUT, MACHINE, &format!("{address}/latest/api/token"), ProxyUse::Machine);
    let response = fetch.header("x-aws-ec2-metadata-token-ttl-seconds", "60").send(state).await?;
    Ok(ImdsSession { address, token: Secret::new(response.text().trim()), state })
}

impl ImdsSession<'_> {
    async fn get(&self, path: &str) -> Result<Fetched, SourceError> {
        let fetch = Fetch::get(MACHINE, &format!("{}/{path}", self.address), ProxyUse::Machine);
        fetch.secret_header("x-aws-ec2-metadata-token", "", &self.token).send(self.state).await
    }
}

/// Parses the key in a response.
fn key(response: &Fetched) -> Result<AwsKey, SourceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Issued {
        access_key_id: Secret,
        secret_access_key: Secret,
        token: Option<Secret>,
    }
    let issued: Issued = response.json()?;
    let part = |secret: &Secret| response.token(secret.expose());
    Ok(AwsKey {
        id: part(&issued.access_key_id)?.expose().to_owned(),
        secret: part(&issued.secret_access_key)?,
        session_token: issued.token.filter(|token| !token.is_empty()),
    })
}

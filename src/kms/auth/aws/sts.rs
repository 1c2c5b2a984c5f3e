//! The security token service of AWS: keys for roles.

use std::path::Path;
use std::time::SystemTime;

use super::{Aws, AwsKey, sign};
use crate::env::aws as names;
use crate::kms::auth::metadata_http::{Fetch, Fetched, ProxyUse, SourceState};
use crate::kms::auth::source::SourceError;
use crate::kms::auth::token::{form, from_file};
use crate::secret::Secret;

/// The form that returns the identity of its signer.
pub(super) const GET_CALLER_IDENTITY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const VERSION: &str = "2011-06-15";
const SERVER: &str = "the security token service of AWS";
const SESSION: &str = "terraform-provider-kms";

/// Returns a key for a role that trusts the issuer of a token.
pub(super) async fn with_web_identity(
    aws: &Aws,
    region: &str,
    role: &str,
    session: Option<&str>,
    file: &Path,
    state: &SourceState,
) -> Result<AwsKey, SourceError> {
    let token = from_file(file).await?;
    let body = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", session.unwrap_or(SESSION)),
        ("WebIdentityToken", token.expose()),
    ]);
    let response = Fetch::post(SERVER, &url(aws, region), ProxyUse::Internet, body).secret(&token).send(state).await?;
    key(&response)
}

/// Returns a key for a role that another key may assume.
pub(super) async fn with_key(
    aws: &Aws,
    region: &str,
    role: &str,
    session: Option<&str>,
    external_id: Option<&str>,
    own: &AwsKey,
    state: &SourceState,
) -> Result<AwsKey, SourceError> {
    let mut fields = vec![
        ("Action", "AssumeRole"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", session.unwrap_or(SESSION)),
    ];
    fields.extend(external_id.map(|id| ("ExternalId", id)));
    let (url, body) = (url(aws, region), form(&fields));
    let headers = sign::headers(&url, &body, region, own, SystemTime::now())?;
    let mut fetch = Fetch::post(SERVER, &url, ProxyUse::Internet, body).secret(&own.secret);
    for name in ["x-amz-date", "x-amz-security-token", "authorization"] {
        if let Some(value) = headers.get(name) {
            fetch = fetch.secret_header(name, "", value);
        }
    }
    key(&fetch.send(state).await?)
}

fn url(aws: &Aws, region: &str) -> String {
    let set = aws.get(names::ENDPOINT_URL_STS).map(|url| format!("{}/", url.trim_end_matches('/')));
    set.unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com/"))
}

/// Parses the key in a response, which is XML with one text per element.
fn key(response: &Fetched) -> Result<AwsKey, SourceError> {
    let text = |name: &str| {
        let (_, rest) = response.text().split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| Secret::new(text.trim()))
    };
    let key = || {
        let (id, secret) = (text("AccessKeyId")?.expose().to_owned(), text("SecretAccessKey")?);
        Some(AwsKey { id, secret, session_token: text("SessionToken") })
    };
    key().ok_or_else(|| response.without_token())
}

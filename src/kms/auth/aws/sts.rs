//! AWS's security token service: keys for roles.

use std::path::Path;
use std::time::SystemTime;

use super::{Aws, AwsKey, sign};
use crate::env::aws as names;
use crate::kms::auth::credential_source::{from_file, urlencoded};
use crate::kms::auth::metadata_http::{Fetch, Fetched, ProxyUse, SourceState};
use crate::kms::auth::source::SourceError;
use crate::secret::Secret;

/// The form that asks who somebody is.
pub(super) const WHO_AM_I: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const VERSION: &str = "2011-06-15";
const WHO: &str = "the security token service of AWS";
const SESSION: &str = "terraform-provider-kms";

/// A key for a role, for a token of somebody whom the role trusts.
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
    let answer = Fetch::post(WHO, &url(aws, region), ProxyUse::Internet, body).secret(&token).send(state).await?;
    key(&answer)
}

/// A key for a role that another key may have.
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
    let mut fetch = Fetch::post(WHO, &url, ProxyUse::Internet, body).secret(&own.secret);
    for name in ["x-amz-date", "x-amz-security-token", "authorization"] {
        if let Some(value) = headers.get(name) {
            fetch = fetch.secret_header(name, "", &Secret::new(value));
        }
    }
    key(&fetch.send(state).await?)
}

fn url(aws: &Aws, region: &str) -> String {
    let set = aws.get(names::ENDPOINT_URL_STS).map(|url| format!("{}/", url.trim_end_matches('/')));
    set.unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com/"))
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", urlencoded(value))).collect();
    fields.join("&")
}

/// The key in an answer, which is XML with one text per element.
fn key(answer: &Fetched) -> Result<AwsKey, SourceError> {
    let text = |name: &str| {
        let (_, rest) = answer.text().split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim().to_owned())
    };
    let key = || {
        let (id, secret) = (text("AccessKeyId")?, Secret::new(text("SecretAccessKey")?));
        Some(AwsKey { id, secret, session_token: text("SessionToken").map(Secret::new) })
    };
    key().ok_or_else(|| answer.not_understood())
}

//! The signature of AWS, version 4, over a form that is sent to its security token service.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Url;

use super::AwsKey;
use crate::kms::auth::metadata_http::FORM;
use crate::kms::auth::source::SourceError;

/// All headers of a POST of a form. The signature covers the host, the kind of the body, the time and the session token.
pub(super) fn headers(
    url: &str,
    body: &str,
    region: &str,
    key: &AwsKey,
    now: SystemTime,
) -> Result<BTreeMap<String, String>, SourceError> {
    let failed = || SourceError::settings("the request to AWS cannot be signed");
    let token = key.session_token.as_ref().map(|token| token.expose().to_owned());
    let identity = Credentials::new(&key.id, key.secret.expose(), token, None, "terraform-provider-kms").into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed())?
        .into();
    let request =
        SignableRequest::new("POST", url, [("content-type", FORM)].into_iter(), SignableBody::Bytes(body.as_bytes()));
    let signed = sign(request.map_err(|_| failed())?, &parameters).map_err(|_| failed())?;
    let (instructions, _) = signed.into_parts();
    let mut headers: BTreeMap<String, String> =
        instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.insert("content-type".to_owned(), FORM.to_owned());
    headers.insert("content-length".to_owned(), body.len().to_string());
    let host = Url::parse(url).ok().map(|url| url.authority().to_owned()).ok_or_else(failed)?;
    headers.insert("host".to_owned(), host);
    Ok(headers)
}

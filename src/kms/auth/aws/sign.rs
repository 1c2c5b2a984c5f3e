//! The signature of AWS, version 4, of a form for its security token service.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Url;

use super::{AwsError, AwsKey};
use crate::kms::auth::token::FORM;
use crate::secret::Secret;

/// Returns all headers of a POST of a form. The signature covers the host, the media type, the time and the session token.
///
/// The libraries of AWS keep copies of the key while they sign, and clear their own type of it.
pub(super) fn headers(
    url: &str,
    body: &[u8],
    region: &str,
    key: &AwsKey,
    now: SystemTime,
) -> Result<BTreeMap<String, Secret>, AwsError> {
    let failed = || AwsError::NotSigned;
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
    let request = SignableRequest::new("POST", url, [("content-type", FORM)].into_iter(), SignableBody::Bytes(body));
    let signed = sign(request.map_err(|_| failed())?, &parameters).map_err(|_| failed())?;
    let (instructions, _) = signed.into_parts();
    let mut headers: BTreeMap<_, _> =
        instructions.headers().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
    headers.insert("content-type".to_owned(), Secret::new(FORM));
    headers.insert("content-length".to_owned(), Secret::new(body.len().to_string()));
    let host = Url::parse(url).map_err(|_| failed())?;
    headers.insert("host".to_owned(), Secret::new(host.authority()));
    Ok(headers)
}

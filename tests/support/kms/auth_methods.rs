//! The machine identity auth methods. Where the real server calls a token's issuer, a cluster or AWS, this one compares
//! with values of the test. Does not depend on connections.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::refusal::{Handled, Refusal};
use super::schema::{Issues, PLAIN, TRIMMED, Text};
use super::store::Identity;
use super::tokens::{Tokens, hmac};

/// A machine identity auth method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AuthMethod {
    Oidc,
    Jwt,
    Kubernetes,
    Azure,
    Gcp,
    Aws,
}

impl AuthMethod {
    /// Returns the method of a part of the path.
    pub(super) fn of(part: &str) -> Option<Self> {
        Some(match part {
            "oidc-auth" => Self::Oidc,
            "jwt-auth" => Self::Jwt,
            "kubernetes-auth" => Self::Kubernetes,
            "azure-auth" => Self::Azure,
            "gcp-auth" => Self::Gcp,
            "aws-auth" => Self::Aws,
            _ => return None,
        })
    }

    /// Returns the refusal for an identity that does not have this method.
    fn not_configured(self) -> Refusal {
        let (name, again) = match self {
            Self::Oidc => ("OIDC", "OIDC auth"),
            Self::Jwt => ("JWT", "JWT auth"),
            Self::Kubernetes => ("Kubernetes", "Kubernetes auth"),
            Self::Azure => ("Azure", "Azure Auth"),
            Self::Gcp => ("GCP", "GCP auth"),
            Self::Aws => ("AWS", "AWS auth"),
        };
        Refusal::not_found(format!("{name} auth method not found for identity, did you configure {again}?"))
    }

    /// Returns the refusal for a token that is not trusted.
    fn not_trusted(self) -> Refusal {
        match self {
            Self::Oidc => Refusal::new(403, "ForbiddenError", "Access denied: OIDC subject not allowed."),
            Self::Jwt => Refusal::unauthorized("Access denied: token audience not allowed"),
            Self::Kubernetes => Refusal::new(401, "KubernetesTokenReviewError", "Kubernetes token not authenticated"),
            Self::Azure => Refusal::token("invalid signature"),
            Self::Gcp => Refusal::unauthorized("Access denied: GCP service account not allowed."),
            // The real server does not handle a refusal by AWS.
            Self::Aws => Refusal::unforeseen(),
        }
    }
}

/// The tokens and keys that are trusted.
#[derive(Default)]
pub(super) struct Logins {
    jwts: HashMap<AuthMethod, String>,
    key: Option<(String, String)>,
}

impl Logins {
    /// Trusts this token from now on, and no other of its kind.
    pub(super) fn trust_jwt(&mut self, method: AuthMethod, jwt: &str) {
        self.jwts.insert(method, jwt.to_owned());
    }

    /// Trusts this key of AWS.
    pub(super) fn trust_key(&mut self, id: &str, secret: &str) {
        self.key = Some((id.to_owned(), secret.to_owned()));
    }

    pub(super) fn log_in(
        &self,
        method: AuthMethod,
        identity: &Identity,
        tokens: &mut Tokens,
        body: Option<&Value>,
    ) -> Handled {
        let given = Given::read(method, body)?;
        if given.identity_id != identity.identity_id {
            return Err(method.not_configured());
        }
        match (method, &self.key, self.jwts.get(&method)) {
            (AuthMethod::Aws, Some((id, secret)), _) => given.call_of_aws()?.check(id, secret)?,
            (_, _, Some(trusted)) if *trusted == given.credential => {}
            (_, _, Some(_)) => return Err(method.not_trusted()),
            _ => return Err(method.not_configured()),
        }
        match given.slug {
            // There are no sub-organisations here.
            Some(slug) => Err(Refusal::not_found(format!("Sub organization with name {slug} not found"))),
            None => Ok(tokens.issue()),
        }
    }
}

/// The body of a login.
struct Given {
    identity_id: String,
    /// The token, or the headers of the call of AWS.
    credential: String,
    form: String,
    method: String,
    slug: Option<String>,
}

impl Given {
    fn read(method: AuthMethod, body: Option<&Value>) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let trims = matches!(method, AuthMethod::Oidc | AuthMethod::Jwt | AuthMethod::Kubernetes);
        let rule = || if trims { TRIMMED } else { PLAIN };
        let given = issues.body(body).map(|body| {
            let identity_id = body.text("identityId", &TRIMMED, &mut issues).unwrap_or_default();
            let mut text = |name| body.text(name, &rule(), &mut issues).unwrap_or_default();
            let (credential, form) = match method {
                AuthMethod::Aws => (text("iamRequestHeaders"), text("iamRequestBody")),
                _ => (text("jwt"), String::new()),
            };
            let method = body.optional_text("iamHttpRequestMethod", &PLAIN, &mut issues);
            let slug = body.optional_text("organizationSlug", &Text { ..TRIMMED }, &mut issues);
            Self { identity_id, credential, form, method: method.unwrap_or_else(|| "POST".to_owned()), slug }
        });
        issues.into_result()?;
        given.ok_or_else(Refusal::unforeseen)
    }

    fn call_of_aws(&self) -> Result<Call, Refusal> {
        let decoded = |text: &str| STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let headers =
            decoded(&self.credential).and_then(|json| serde_json::from_str::<BTreeMap<String, String>>(&json).ok());
        let (Some(headers), Some(form)) = (headers, decoded(&self.form)) else { return Err(Refusal::unforeseen()) };
        let headers = headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        Ok(Call { method: self.method.clone(), headers, form })
    }
}

/// The request to AWS that the server sends with the signature of the client.
struct Call {
    method: String,
    headers: BTreeMap<String, String>,
    form: String,
}

impl Call {
    /// Checks what the server verifies, then what AWS verifies.
    fn check(&self, id: &str, secret: &str) -> Result<(), Refusal> {
        let header = |name: &str| self.headers.get(name).map(String::as_str).unwrap_or_default();
        let authorization = header("authorization");
        let part = |name: &str| {
            let parts = authorization.split([' ', ',']).find_map(|part| part.strip_prefix(name));
            parts.and_then(|part| part.strip_prefix('=')).unwrap_or_default()
        };
        let scope: Vec<&str> = part("Credential").split('/').collect();
        let region = scope.get(2).copied().unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || region.len() > 20 || !region.chars().all(plain) {
            return Err(Refusal::bad_request("Invalid AWS region"));
        }
        let date = header("x-amz-date");
        let day = date.get(..8).unwrap_or_default();
        let signed = part("SignedHeaders");
        let must = ["host", "x-amz-date", "x-amz-security-token"];
        let covered = must
            .iter()
            .filter(|name| self.headers.contains_key(**name))
            .all(|name| signed.split(';').any(|signed| signed == *name));
        let good = authorization.starts_with("AWS4-HMAC-SHA256 ")
            && scope == [id, day, region, "sts", "aws4_request"]
            && header("host") == format!("sts.{region}.amazonaws.com")
            && header("content-type").starts_with("application/x-www-form-urlencoded")
            && self.method == "POST"
            && self.form == "Action=GetCallerIdentity&Version=2011-06-15"
            && covered
            && is_now(date)
            && part("Signature") == self.signature(&scope, signed, date, secret);
        if good { Ok(()) } else { Err(AuthMethod::Aws.not_trusted()) }
    }

    fn signature(&self, scope: &[&str], signed: &str, date: &str, secret: &str) -> String {
        let headers: String = signed
            .split(';')
            .map(|name| format!("{name}:{}\n", self.headers.get(name).map(|value| value.trim()).unwrap_or_default()))
            .collect();
        let hash = |text: &str| hex(&Sha256::digest(text));
        let request = format!("{}\n/\n\n{headers}\n{signed}\n{}", self.method, hash(&self.form));
        let scope = &scope[1..];
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{}\n{}", scope.join("/"), hash(&request));
        let key = scope.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
        hex(&hmac(&key, text.as_bytes()))
    }
}

/// Returns whether a time is within the 15 minutes that AWS allows clocks to differ.
fn is_now(date: &str) -> bool {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let now = OffsetDateTime::now_utc();
    PrimitiveDateTime::parse(date, form).is_ok_and(|date| (date.assume_utc() - now).abs() < time::Duration::minutes(15))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

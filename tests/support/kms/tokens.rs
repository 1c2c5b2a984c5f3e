//! Universal auth and the access tokens it gives: JSON web tokens signed with HMAC-SHA256. Does not depend on
//! connections.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::refusal::{Handled, Refusal};
use super::schema::{Issues, TRIMMED, Text};
use super::store::Identity;

/// The number of failures that lock the identity, the time after which they no longer count, and the time of the lock.
const MAX_FAILURES: u32 = 3;
const FORGET_AFTER: Duration = Duration::from_secs(30);
const LOCKED_FOR: Duration = Duration::from_secs(300);
const UNKNOWN: &str = "No identity access token found";
/// The maximum lifetime after renewals, in seconds.
const MAX_TTL: u64 = 2_592_000;

/// The tokens that are valid, and the failed logins.
pub(super) struct Tokens {
    key: [u8; 32],
    ttl: Duration,
    valid: HashSet<String>,
    failures: u32,
    last_failure: Option<Instant>,
    locked_until: Option<Instant>,
}

impl Tokens {
    /// Creates the tokens. `ttl` counts in whole seconds; with zero, tokens never expire.
    pub(super) fn new(ttl: Duration) -> Self {
        Self { key: rand::random(), ttl, valid: HashSet::new(), failures: 0, last_failure: None, locked_until: None }
    }

    /// Handles a universal auth login.
    pub(super) fn log_in(&mut self, identity: &Identity, body: Option<&Value>) -> Handled {
        let mut issues = Issues::default();
        let read = issues.body(body).map(|body| {
            let id = body.text("clientId", &TRIMMED, &mut issues);
            let secret = body.text("clientSecret", &TRIMMED, &mut issues);
            let slug = body.optional_text("organizationSlug", &Text { ..TRIMMED }, &mut issues);
            (id, secret, slug)
        });
        issues.into_result()?;
        let (id, secret, slug) = read.ok_or_else(Refusal::unforeseen)?;
        if id.as_deref() != Some(&identity.client_id) {
            return Err(Refusal::unauthorized("Invalid credentials"));
        }
        let now = Instant::now();
        if self.locked_until.is_some_and(|until| now < until) {
            let message = "This identity auth method is temporarily locked, please try again later";
            return Err(Refusal::unauthorized(message));
        }
        if secret.as_deref() != Some(&identity.client_secret) {
            self.count_failure(now);
            return Err(Refusal::unauthorized("Invalid credentials"));
        }
        self.failures = 0;
        if let Some(slug) = slug {
            // There are no sub-organisations here.
            return Err(Refusal::not_found(format!("Sub organization with name {slug} not found")));
        }
        Ok(self.issue())
    }

    fn count_failure(&mut self, now: Instant) {
        if self.last_failure.is_none_or(|last| now - last > FORGET_AFTER) {
            self.failures = 0;
        }
        self.last_failure = Some(now);
        self.failures += 1;
        if self.failures >= MAX_FAILURES {
            self.failures = 0;
            self.locked_until = Some(now + LOCKED_FOR);
        }
    }

    /// Makes a fresh token out of a valid one, which stays valid.
    pub(super) fn renew(&mut self, body: Option<&Value>) -> Handled {
        let token = access_token(body)?;
        self.check(&token)?;
        Ok(self.issue())
    }

    /// Makes a token invalid.
    pub(super) fn revoke(&mut self, body: Option<&Value>) -> Handled {
        let token = access_token(body)?;
        let id = self.check(&token)?;
        self.valid.remove(&id);
        Ok(json!({"message": "Successfully revoked access token"}))
    }

    /// Makes all tokens invalid.
    pub(super) fn revoke_all(&mut self) {
        self.valid.clear();
    }

    /// Returns the id of a valid token.
    pub(super) fn check(&self, token: &str) -> Result<String, Refusal> {
        const MALFORMED: &str =
            "The provided access token is malformed. Please use a valid token or generate a new one and try again.";
        const ALGORITHM: &str =
            "The access token is signed with an invalid algorithm. Please provide a valid token and try again.";
        if token.is_empty() {
            return Err(Refusal::token("jwt must be provided"));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [head, claims, signature] = parts.as_slice() else { return Err(Refusal::token(MALFORMED)) };
        let read = |part: &str| {
            URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        };
        let (Some(header), Some(payload)) = (read(head), read(claims)) else { return Err(Refusal::token(MALFORMED)) };
        if header["alg"] != "HS256" {
            return Err(Refusal::token(ALGORITHM));
        }
        if *signature != self.signature(&format!("{head}.{claims}")) {
            return Err(Refusal::token("invalid signature"));
        }
        if payload["exp"].as_i64().is_some_and(|end| OffsetDateTime::now_utc().unix_timestamp() >= end) {
            return Err(Refusal::expired_token());
        }
        let id = payload["identityAccessTokenId"].as_str().unwrap_or_default();
        if self.valid.contains(id) { Ok(id.to_owned()) } else { Err(Refusal::unauthorized(UNKNOWN)) }
    }

    /// Returns the response to a login, with a token that is valid from now on.
    pub(super) fn issue(&mut self) -> Value {
        let id = Uuid::new_v4().to_string();
        let ttl = self.ttl.as_secs();
        let mut claims = json!({"identityAccessTokenId": id, "authTokenType": "identityAccessToken"});
        let now = OffsetDateTime::now_utc().unix_timestamp().unsigned_abs();
        claims["iat"] = now.into();
        if ttl > 0 {
            claims["exp"] = (now + ttl).into();
        }
        self.valid.insert(id);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
        let token = format!("{signed}.{}", self.signature(&signed));
        json!({
            "accessToken": token, "expiresIn": ttl, "accessTokenMaxTTL": MAX_TTL.max(ttl), "tokenType": "Bearer",
        })
    }

    fn signature(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac(&self.key, text.as_bytes()))
    }
}

fn access_token(body: Option<&Value>) -> Result<String, Refusal> {
    let mut issues = Issues::default();
    let token = issues.body(body).and_then(|body| body.text("accessToken", &TRIMMED, &mut issues));
    issues.into_result()?;
    token.ok_or_else(Refusal::unforeseen)
}

/// Returns the HMAC-SHA256 with a key that is not longer than a block.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

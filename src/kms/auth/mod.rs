//! Authentication: at the first request, once for all concurrent callers, again shortly before the token expires, and never
//! again after a refusal. Does not depend on connections.
//!
//! [`method`] has a row for each authentication method. [`credential_source`] resolves its credentials, for example with a
//! request to a metadata server ([`metadata_http`]) or a signature with a key of [`aws`]; [`source`] has the errors of that.

mod aws;
mod credential_source;
mod metadata_http;
mod method;
mod source;
mod token;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::{AuthFailure, Error, ErrorKind, Settings};
use crate::kms::response::ApiResponse;
use crate::kms::transport::Transport;
use crate::secret::Secret;

pub use aws::{Aws, AwsError};
pub use credential_source::{AZURE_METADATA, CredentialSource, GOOGLE_METADATA};
pub use method::{AuthMethod, AuthRequest};
pub use source::{ServerProblem, SourceError};

use metadata_http::SourceState;

/// An access token, and the authentication that issued it.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: Secret,
    attempt: u64,
    renew_at: Option<Instant>,
}

impl Token {
    fn is_fresh(&self) -> bool {
        self.renew_at.is_none_or(|at| Instant::now() < at)
    }
}

/// The authentication that all calls of a client share.
pub(super) struct AuthSession {
    auth: AuthRequest,
    organization_slug: Option<String>,
    /// Shared by all errors, so that one message explains it in full.
    failure: Arc<AuthFailure>,
    /// Locked while the client authenticates: other callers wait for the outcome.
    state: Mutex<State>,
    attempts: AtomicU64,
    source: SourceState,
    /// How long a source that failed is not called again.
    source_pause: Duration,
}

enum State {
    New,
    Open(Token),
    /// Final: refused, or there are no credentials.
    Over(Error),
    /// The outcome for the callers that waited for this attempt. A caller after `until` tries again.
    Failed {
        attempt: u64,
        until: Instant,
        error: Error,
    },
}

impl AuthSession {
    pub(super) fn new(settings: &Settings) -> Self {
        let (auth, organization_slug) = (settings.auth.clone(), settings.organization_slug.clone());
        let host = settings.base.host();
        let failure = Arc::new(AuthFailure::new(auth.method(), auth.described(), host.to_owned()));
        let state = auth
            .ready_token()
            .map_or(State::New, |secret| State::Open(Token { secret, attempt: READY, renew_at: None }));
        Self {
            auth,
            organization_slug,
            failure,
            state: Mutex::new(state),
            attempts: AtomicU64::new(READY),
            source: SourceState::new(settings.proxies.clone()),
            source_pause: settings.source_pause,
        }
    }

    /// Returns a token that should be valid; authenticates if there is none.
    pub(super) async fn token(&self, transport: &Transport) -> Result<Token, Error> {
        self.token_other_than(None, transport).await
    }

    /// Returns a token in the place of one that was refused.
    ///
    /// # Errors
    /// When there can be no other token.
    pub(super) async fn replacement(
        &self,
        stale: &Token,
        refused: &ApiResponse,
        transport: &Transport,
    ) -> Result<Token, Error> {
        if self.auth.ready_token().is_none() {
            return self.token_other_than(Some(stale.attempt), transport).await;
        }
        let mut state = self.state.lock().await;
        let error = match &*state {
            State::Over(error) => error.clone(),
            _ => self.refusal(refused),
        };
        *state = State::Over(error.clone());
        Err(error)
    }

    fn refusal(&self, response: &ApiResponse) -> Error {
        response.auth_refused(Arc::clone(&self.failure))
    }

    /// Returns the error for a refused token that had just replaced another one. No further authentication is tried, for
    /// none of the callers that would get the same token.
    pub(super) async fn refused(&self, token: &Token, response: &ApiResponse) -> Error {
        let error = self.refusal(response);
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Open(current) if current.attempt == token.attempt) {
            *state = State::Over(error.clone());
        }
        error
    }

    async fn token_other_than(&self, stale: Option<u64>, transport: &Transport) -> Result<Token, Error> {
        let seen = self.attempts.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        match &*state {
            State::Open(token) if token.is_fresh() && stale != Some(token.attempt) => return Ok(token.clone()),
            State::Over(error) => return Err(error.clone()),
            State::Failed { attempt, until, error } if *attempt > seen || Instant::now() < *until => {
                return Err(error.clone());
            }
            _ => {}
        }
        let outcome = self.authenticate(transport).await;
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let (next, result) = match outcome {
            Ok((secret, lifetime)) => {
                let renew_at = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime - margin(lifetime)));
                let token = Token { secret, attempt, renew_at };
                (State::Open(token.clone()), Ok(token))
            }
            // The next caller may wait longer.
            Err(error) if error.is_give_up() => return Err(error),
            Err(error) if error.ends_auth() => (State::Over(error.clone()), Err(error)),
            Err(error) => {
                // The source was called several times already: a thousand connections must not each wait for it.
                let is_source = matches!(error.kind, ErrorKind::NoCredentials { .. });
                let pause = if is_source { self.source_pause } else { Duration::ZERO };
                (State::Failed { attempt, until: Instant::now() + pause, error: error.clone() }, Err(error))
            }
        };
        *state = next;
        result
    }

    async fn authenticate(&self, transport: &Transport) -> Result<(Secret, Option<Duration>), Error> {
        let request = self.auth.request(self.organization_slug.as_deref(), &self.source).await;
        let request = request
            .map_err(|reason| ErrorKind::NoCredentials { auth: Arc::clone(&self.failure), reason: Box::new(reason) })?;
        let response = transport.send(&request, None).await?.confidential();
        if response.refuses_auth() {
            return Err(self.refusal(&response));
        }
        let AuthResponse { access_token, expires_in } = response.decode()?;
        let lifetime = expires_in.filter(|seconds| *seconds > 0.0);
        Ok((access_token, lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())))
    }
}

/// The attempt of a token that was given ready.
const READY: u64 = 0;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthResponse {
    access_token: Secret,
    /// Seconds; 0 is a token that never expires.
    expires_in: Option<f64>,
}

/// Returns how long before its expiry a token is replaced.
fn margin(lifetime: Duration) -> Duration {
    (lifetime / 10).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margin_is_a_tenth_of_a_short_lifetime() {
        for (lifetime, expected) in [(10, 1), (100, 10), (2_592_000, 60)] {
            assert_eq!(margin(Duration::from_secs(lifetime)), Duration::from_secs(expected));
        }
    }
}

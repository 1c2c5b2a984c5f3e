//! Logging in: lazily, once for all concurrent callers, again shortly before the token expires, and never again after a
//! refusal. Knows nothing of connections.
//!
//! [`method`] has the ways to log in, a row for each; [`credential_source`] gets what proves who logs in, which may be a question to a
//! metadata server ([`metadata_http`]), or a signature with a key of [`aws`].

mod aws;
mod credential_source;
mod metadata_http;
mod method;
mod source;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::{Error, LoginFailure, Settings};
use crate::kms::response::ApiResponse;
use crate::kms::transport::Transport;
use crate::secret::Secret;

pub use aws::Aws;
pub use credential_source::{AZURE_METADATA, GOOGLE_METADATA, Proof};
pub use method::{AuthMethod, AuthRequest};
pub use source::{ServerProblem, SourceError};

use metadata_http::SourceState;

/// A token and which login it came from.
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

/// The one login that all calls of a client share.
pub(super) struct AuthSession {
    login: AuthRequest,
    organization_slug: Option<String>,
    /// Shared by all errors, so that one message tells it in full.
    failure: Arc<LoginFailure>,
    /// Held during a login: whoever comes meanwhile waits for its outcome.
    state: Mutex<State>,
    attempts: AtomicU64,
    source: SourceState,
    /// How long an identity source that failed is left alone.
    source_pause: Duration,
}

enum State {
    New,
    Open(Token),
    /// Final: refused, or there is nothing to log in with.
    Over(Error),
    /// The outcome for those who waited for this attempt; who comes later than `until` tries anew.
    Failed {
        attempt: u64,
        until: Instant,
        error: Error,
    },
}

impl AuthSession {
    pub(super) fn new(settings: &Settings) -> Self {
        let (login, organization_slug) = (settings.login.clone(), settings.organization_slug.clone());
        let host = settings.base.host();
        let failure = Arc::new(LoginFailure::new(login.method(), login.described(), host.to_owned()));
        let state = login
            .ready_token()
            .map_or(State::New, |secret| State::Open(Token { secret, attempt: READY, renew_at: None }));
        Self {
            login,
            organization_slug,
            failure,
            state: Mutex::new(state),
            attempts: AtomicU64::new(READY),
            source: SourceState::new(settings.proxies.clone()),
            source_pause: settings.source_pause,
        }
    }

    /// A token that should be good; logs in if there is none.
    pub(super) async fn token(&self, transport: &Transport) -> Result<Token, Error> {
        self.token_other_than(None, transport).await
    }

    /// A token in the place of one that an answer refuses.
    ///
    /// # Errors
    /// When this login can get no other.
    pub(super) async fn replacement(
        &self,
        stale: &Token,
        refused: &ApiResponse,
        transport: &Transport,
    ) -> Result<Token, Error> {
        if self.login.ready_token().is_none() {
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

    /// The error for an answer that refuses the login, or a token that is as good as this login can get.
    pub(super) fn refusal(&self, answer: &ApiResponse) -> Error {
        Error::LoginRefused { login: Arc::clone(&self.failure), reply: Box::new(answer.reply()) }
    }

    /// The error for an answer that refuses a token which replaced another one. No other is to be had, so the login is over
    /// for all who would get the same token.
    pub(super) async fn refused(&self, token: &Token, answer: &ApiResponse) -> Error {
        let error = self.refusal(answer);
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
        let outcome = self.log_in(transport).await;
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let (next, result) = match outcome {
            Ok((secret, lifetime)) => {
                let renew_at = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime - margin(lifetime)));
                let token = Token { secret, attempt, renew_at };
                (State::Open(token.clone()), Ok(token))
            }
            // The next caller may wait longer.
            Err(error) if error.is_impatience() => return Err(error),
            Err(error) if error.is_login_over() => (State::Over(error.clone()), Err(error)),
            Err(error) => {
                // The source has been asked several times already: a thousand connections must not each wait for it.
                let pause = if matches!(error, Error::NoProof { .. }) { self.source_pause } else { Duration::ZERO };
                (State::Failed { attempt, until: Instant::now() + pause, error: error.clone() }, Err(error))
            }
        };
        *state = next;
        result
    }

    async fn log_in(&self, transport: &Transport) -> Result<(Secret, Option<Duration>), Error> {
        let request = self.login.request(self.organization_slug.as_deref(), &self.source).await;
        let no_proof = |reason| Error::NoProof { login: Arc::clone(&self.failure), reason: Box::new(reason) };
        let request = request.map_err(no_proof)?;
        let answer = transport.send(&request, None).await?.confidential();
        if answer.refuses_login() {
            return Err(self.refusal(&answer));
        }
        let LoginAnswer { access_token, expires_in } = answer.decode()?;
        let lifetime = expires_in.filter(|seconds| *seconds > 0.0);
        Ok((Secret::new(access_token), lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())))
    }
}

/// The attempt that a token is from that nobody logged in for.
const READY: u64 = 0;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginAnswer {
    access_token: String,
    /// Seconds; 0 is a token that never expires.
    expires_in: Option<f64>,
}

/// How long before its end a token is replaced.
fn margin(lifetime: Duration) -> Duration {
    (lifetime / 10).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_a_part_of_a_short_life() {
        for (lifetime, expected) in [(10, 1), (100, 10), (2_592_000, 60)] {
            assert_eq!(margin(Duration::from_secs(lifetime)), Duration::from_secs(expected));
        }
    }
}

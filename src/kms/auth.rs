//! Logging in: lazily, once for all concurrent callers, again shortly before the token expires, and never again after a
//! refusal. Knows nothing of connections.
//!
//! A further login method costs a variant of [`Login`] and an arm in its functions.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use super::{Error, answer::Answer, http::Request, transport::Transport};
use crate::secret::Secret;

/// How to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// Universal auth: a client id and a client secret of a machine identity.
    Universal {
        /// The client id.
        client_id: String,
        /// The client secret.
        client_secret: Secret,
    },
    /// An access token that somebody else got.
    Token(Secret),
}

impl Login {
    /// The name of the method, as the argument `auth_method` takes it.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Universal { .. } => "universal",
            Self::Token(_) => "token",
        }
    }

    /// What must never come back in a message.
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Self::Universal { client_secret, .. } => client_secret,
            Self::Token(token) => token,
        }
    }

    fn client_id(&self) -> Option<&str> {
        match self {
            Self::Universal { client_id, .. } => Some(client_id),
            Self::Token(_) => None,
        }
    }

    /// The request that logs in; a ready token needs none.
    fn request(&self, organization_slug: Option<&str>) -> Option<Request> {
        match self {
            Self::Universal { client_id, client_secret } => {
                let mut body = json!({ "clientId": client_id, "clientSecret": client_secret.expose() });
                if let (Some(slug), Some(fields)) = (organization_slug, body.as_object_mut()) {
                    fields.insert("organizationSlug".to_owned(), slug.into());
                }
                Some(Request::login(["auth", "universal-auth", "login"]).json(&body))
            }
            Self::Token(_) => None,
        }
    }
}

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
pub(super) struct Session {
    login: Login,
    organization_slug: Option<String>,
    /// Held during a login: whoever comes meanwhile waits for its outcome.
    state: Mutex<State>,
    attempts: AtomicU64,
}

enum State {
    New,
    Open(Token),
    /// Final.
    Refused(Error),
    /// The outcome for those who waited for this attempt; who comes later tries anew.
    Failed {
        attempt: u64,
        error: Error,
    },
}

impl Session {
    pub(super) fn new(login: Login, organization_slug: Option<String>) -> Self {
        Self { login, organization_slug, state: Mutex::new(State::New), attempts: AtomicU64::new(0) }
    }

    /// A token that should be good; logs in if there is none.
    pub(super) async fn token(&self, transport: &Transport) -> Result<Token, Error> {
        self.token_other_than(None, transport).await
    }

    /// A token in the place of one that the service did not take; none if this login cannot get another.
    pub(super) async fn replacement(&self, stale: &Token, transport: &Transport) -> Result<Option<Token>, Error> {
        match self.login {
            Login::Token(_) => Ok(None),
            Login::Universal { .. } => self.token_other_than(Some(stale.attempt), transport).await.map(Some),
        }
    }

    /// The error for an answer that refuses the login, or a token that is as good as this login can get.
    pub(super) fn refusal(&self, answer: &Answer) -> Error {
        Error::LoginRefused {
            method: self.login.method(),
            client_id: self.login.client_id().map(str::to_owned),
            reply: Box::new(answer.reply()),
        }
    }

    async fn token_other_than(&self, stale: Option<u64>, transport: &Transport) -> Result<Token, Error> {
        let request = match (&self.login, self.login.request(self.organization_slug.as_deref())) {
            (_, Some(request)) => request,
            (login, None) => return Ok(Token { secret: login.secret().trimmed(), attempt: 0, renew_at: None }),
        };
        let seen = self.attempts.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        match &*state {
            State::Open(token) if token.is_fresh() && stale != Some(token.attempt) => return Ok(token.clone()),
            State::Refused(error) => return Err(error.clone()),
            State::Failed { attempt, error } if *attempt > seen => return Err(error.clone()),
            _ => {}
        }
        let outcome = self.log_in(&request, transport).await;
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let (next, result) = match outcome {
            Ok((secret, lifetime)) => {
                let renew_at = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime - margin(lifetime)));
                let token = Token { secret, attempt, renew_at };
                (State::Open(token.clone()), Ok(token))
            }
            Err(error @ Error::LoginRefused { .. }) => (State::Refused(error.clone()), Err(error)),
            Err(error) => (State::Failed { attempt, error: error.clone() }, Err(error)),
        };
        *state = next;
        result
    }

    async fn log_in(&self, request: &Request, transport: &Transport) -> Result<(Secret, Option<Duration>), Error> {
        let answer = transport.send(request, None).await?.confidential();
        if answer.refuses_login() {
            return Err(self.refusal(&answer));
        }
        let LoginAnswer { access_token, expires_in } = answer.decode()?;
        let lifetime = expires_in.filter(|seconds| *seconds > 0.0);
        Ok((Secret::new(access_token), lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())))
    }
}

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
    fn a_login_sends_what_is_set() {
        let login = Login::Universal { client_id: "me".to_owned(), client_secret: Secret::new("s\"s") };
        for (slug, expected) in [
            (None, r#"{"clientId":"me","clientSecret":"s\"s"}"#),
            (Some("team"), r#"{"clientId":"me","clientSecret":"s\"s","organizationSlug":"team"}"#),
        ] {
            let request = login.request(slug).unwrap();
            assert_eq!(request.body_text(), expected);
        }
        assert!(Login::Token(Secret::new("t")).request(Some("team")).is_none());
        assert!(!format!("{login:?}").contains("s\\\"s"));
    }

    #[test]
    fn the_margin_is_a_part_of_a_short_life() {
        for (lifetime, expected) in [(10, 1), (100, 10), (2_592_000, 60)] {
            assert_eq!(margin(Duration::from_secs(lifetime)), Duration::from_secs(expected));
        }
    }
}

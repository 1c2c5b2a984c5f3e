//! Client of the app-connections HTTP API of the KMS. Does not depend on Terraform or PostgreSQL.
//!
//! The steps of one call, top-down: `app_connection` has the requests and responses, `Client` adds a token and replaces it
//! once (`auth`), `transport` waits for the rate limit (`rate_limit`) and repeats what may be repeated (`retry`), `http` does
//! the exchange, `response` tells a result, an error of the service and the response of something else apart, `error` has
//! the typed errors.
//!
//! Every call may be cancelled by dropping its future. Between requests it waits no longer than its [`Deadline`].

mod app_connection;
mod auth;
mod base_url;
mod database_problem;
mod deadline;
mod error;
mod header;
mod http;
#[cfg(test)]
mod properties;
mod proxy;
mod rate_limit;
mod response;
mod retry;
mod settings;
mod transport;

pub use app_connection::{
    AppConnection, ConnectionUpdate, Deleted, List, Lookup, Method, NewConnection, NewCredentials, Patch,
    StoredCredentials,
};
pub use auth::{
    AZURE_METADATA, AuthMethod, AuthRequest, Aws, AwsError, CredentialSource, GOOGLE_METADATA, ServerProblem,
    SourceError,
};
pub use base_url::{BaseUrl, BaseUrlError};
pub use database_problem::DatabaseProblem;
pub use deadline::{Deadline, GiveUpReason};
pub use error::{
    AuthFailure, AuthRefusal, DatabaseStep, Error, ErrorKind, Issue, Mismatch, Permission, RequestInfo, ServiceError,
    TransportFailure, UnexpectedResponse,
};
pub use proxy::{Proxies, ProxyError, ProxyFailure, ProxyProblem};
pub use settings::{CaCertificates, CaCertificatesError, Header, HeaderError, Settings};

use std::sync::Arc;

use auth::AuthSession;
use http::Request;
use response::ApiResponse;
use transport::Transport;

/// A client of one KMS with one login; made once, shared, and cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    session: Arc<AuthSession>,
}

impl Client {
    /// Makes no network call: the login, and even the loading of root certificates, wait for the first call.
    pub fn new(settings: Settings) -> Self {
        let session = AuthSession::new(&settings);
        Self { transport: Transport::new(settings), session: Arc::new(session) }
    }

    /// The same client for a caller that waits only so long.
    pub fn within(&self, patience: Deadline) -> Self {
        Self { transport: self.transport.within(patience), session: Arc::clone(&self.session) }
    }

    /// Whether a request of this caller may have changed something: one was sent, and no response says that it was not run.
    pub fn may_have_written(&self) -> bool {
        self.transport.may_have_written()
    }

    /// The error of a request of this caller that was dropped; none if it cannot have changed anything.
    pub fn cancelled(&self) -> Option<Error> {
        self.may_have_written().then(|| ErrorKind::Cancelled.into())
    }

    /// The host, and the port where it is not the default, for messages.
    pub fn host(&self) -> &str {
        self.transport.host()
    }

    /// One call with a token. A token that the service no longer takes is replaced once.
    async fn call(&self, request: Request) -> Result<ApiResponse, Error> {
        let token = self.session.token(&self.transport).await.map_err(Error::before_request)?;
        let answer = self.transport.send(&request, Some(&token.secret)).await?;
        if !answer.refuses_token() {
            return Ok(answer);
        }
        let replacement = self.session.replacement(&token, &answer, &self.transport).await;
        let token = replacement.map_err(Error::before_request)?;
        let answer = self.transport.send(&request, Some(&token.secret)).await?;
        if answer.refuses_token() {
            return Err(self.session.refused(&token, &answer).await);
        }
        Ok(answer)
    }
}

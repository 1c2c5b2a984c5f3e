//! Client of the app-connections HTTP API of the KMS. Does not depend on Terraform or PostgreSQL.
//!
//! The steps of one call, top-down: `app_connection` has the requests and responses, `Client` adds a token and replaces it
//! once (`auth`), `transport` waits for the rate limit (`rate_limit`) and repeats what may be repeated (`retry`), `http` does
//! the exchange, `response` parses a result, an error of the service, or the response of another server, `error` has
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

/// A client of one KMS with one authentication; made once, shared, and cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    session: Arc<AuthSession>,
}

impl Client {
    /// Makes no network call: the client authenticates and loads root certificates at the first call.
    pub fn new(settings: Settings) -> Self {
        let session = AuthSession::new(&settings);
        Self { transport: Transport::new(settings), session: Arc::new(session) }
    }

    /// Returns the client for a caller with a deadline.
    pub fn within(&self, deadline: Deadline) -> Self {
        Self { transport: self.transport.within(deadline), session: Arc::clone(&self.session) }
    }

    /// Returns whether a request of this caller may have changed something: a write was sent, and no response shows that it was
    /// not run.
    pub fn may_have_written(&self) -> bool {
        self.transport.may_have_written()
    }

    /// Returns the error of a request of this caller that was dropped; none if the request cannot have changed anything.
    pub fn cancelled(&self) -> Option<Error> {
        self.may_have_written().then(|| ErrorKind::Cancelled.into())
    }

    /// Returns the host, and the port where it is not the default, for messages.
    pub fn host(&self) -> &str {
        self.transport.host()
    }

    /// Sends a request with a token. A token that the service refuses is replaced once.
    async fn call(&self, request: Request) -> Result<ApiResponse, Error> {
        let token = self.session.token(&self.transport).await.map_err(Error::before_request)?;
        let response = self.transport.send(&request, Some(&token.secret)).await?;
        if !response.refuses_token() {
            return Ok(response);
        }
        let replacement = self.session.replacement(&token, &response, &self.transport).await;
        let token = replacement.map_err(Error::before_request)?;
        let response = self.transport.send(&request, Some(&token.secret)).await?;
        if response.refuses_token() {
            return Err(self.session.refused(&token, &response).await);
        }
        Ok(response)
    }
}

//! The errors of a credential source: what failed, and whether it is lasting or passing.

use std::path::PathBuf;

use super::aws::AwsError;
use crate::kms::{ProxyError, TransportFailure};
use crate::os::{self, FileError};

/// Why a source gives no credentials. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file with something else in it.
    #[error("the file {} does not hold one token and nothing else", os::shown(.0))]
    NotOneToken(PathBuf),
    /// A server that did not return what was requested.
    #[error("{server} {problem}")]
    Server {
        /// Which server: its role, and its host.
        server: String,
        /// What was wrong.
        problem: ServerProblem,
        /// Whether a later attempt may succeed.
        passing: bool,
    },
    /// A variable that names a proxy holds something else.
    #[error("the environment variable `{}`: {}", .0.variable, .0)]
    Proxy(ProxyError),
    /// The settings of AWS lead to no key.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// None of the places of AWS has a key; the error is that of the last place.
    #[error("no AWS key was found in the environment, in a profile, as a web identity or in a container; and {0}")]
    NoKey(Box<Self>),
}

/// What was wrong with a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerProblem {
    /// A header cannot be sent.
    #[error("cannot be called: the token to present there holds a line break")]
    Header,
    /// No HTTP client.
    #[error("cannot be called: no HTTP client can be made on this machine")]
    NoClient,
    /// No complete response.
    #[error("did not respond: {0}")]
    NoResponse(TransportFailure),
    /// A status other than success.
    #[error("returned {status}{}{text}", if text.is_empty() { "" } else { ": " })]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the response.
        text: String,
    },
    /// More than any response with a token has.
    #[error("returned a response that is too long")]
    TooLong,
    /// Nothing of the response is shown: there may be half a token in it.
    #[error("returned a response without a token")]
    NoToken,
}

impl SourceError {
    /// Returns whether a later attempt may succeed. Files and settings stay as they are until the user changes them.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Server { passing, .. } => *passing,
            Self::NoKey(last) => last.is_passing(),
            Self::File(_) | Self::NotOneToken(_) | Self::Proxy(_) | Self::Aws(_) => false,
        }
    }
}

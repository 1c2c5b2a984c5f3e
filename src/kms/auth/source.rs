//! Why an identity source gives nothing to log in with, and whether that may pass.

use std::path::PathBuf;

use crate::kms::{ProxyError, TransportFailure};
use crate::os;
use crate::os::FileError;

/// Why there is nothing to log in with. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file with something else in it.
    #[error("the file {} does not hold one token and nothing else", os::shown(.0))]
    NotOneToken(PathBuf),
    /// A server that did not give what it was asked for.
    #[error("{server} {problem}")]
    Server {
        /// Which server: its role, and its host.
        server: String,
        /// What was wrong.
        problem: ServerProblem,
        /// Whether another try, some time later, may succeed.
        passing: bool,
    },
    /// The proxy on the way is none.
    #[error("the environment variable `{}`: {}", .0.variable, .0)]
    Proxy(ProxyError),
    /// What is set leads to no credentials.
    #[error("{0}")]
    Settings(String),
    /// The last place where a key of AWS is looked for has none either.
    #[error("no key of AWS was found in the environment, in a profile, as a web identity or in a container; and {0}")]
    NoKey(Box<Self>),
}

/// What was wrong with the answer of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerProblem {
    /// The request cannot be made.
    #[error("cannot be asked: what is to be shown there holds a line break")]
    Header,
    /// No HTTP client.
    #[error("cannot be asked: no HTTP client can be made on this machine")]
    NoClient,
    /// No whole answer.
    #[error("gave no answer: {0}")]
    NoAnswer(TransportFailure),
    /// An answer other than success.
    #[error("answered {status}{}{text}", if text.is_empty() { "" } else { ": " })]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the answer.
        text: String,
    },
    /// More than any answer with a token has.
    #[error("gave an answer that is far too long")]
    TooLong,
    /// Says nothing of the answer: there may be half a token in it.
    #[error("gave an answer that holds no token")]
    NoToken,
}

impl SourceError {
    /// What is set leads to no credentials, for this reason.
    pub(super) fn settings(reason: impl Into<String>) -> Self {
        Self::Settings(reason.into())
    }

    /// Whether another try, some time later, may succeed. What is wrong with files and settings stays until somebody
    /// changes them.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Server { passing, .. } => *passing,
            Self::NoKey(last) => last.is_passing(),
            Self::File(_) | Self::NotOneToken(_) | Self::Proxy(_) | Self::Settings(_) => false,
        }
    }
}

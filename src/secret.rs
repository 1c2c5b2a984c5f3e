//! The one type a password, token or client secret may have. Knows nothing of what the secret is for.
//!
//! It has no `Display`, its `Debug` shows only that it is a secret, and its memory is cleared when it is dropped. What
//! it cannot promise: the libraries that send it (HTTP, PostgreSQL) make copies that nobody clears.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A text that must never be printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, to be sent to whom it is meant for and to nobody else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Without white space at both ends, as the service stores it.
    pub fn trimmed(&self) -> Self {
        Self::new(self.expose().trim())
    }

    /// Whether there is anything in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

/// Returns whether a piece of what a user wrote may be quoted in a message.
///
/// It holds nothing that separates the parts of a URL or of a connection string, so it does not end in the middle of a
/// password that was pasted with them. Everything else that may be a pasted URL is described instead of quoted.
pub fn is_quotable(input: &str) -> bool {
    !input.is_empty() && input.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl PartialEq for Secret {
    /// Takes the same time wherever two texts of equal length differ.
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

//! The types of a secret: a text, and bytes with a secret in them. Does not depend on what the secret is for.
//!
//! Neither has a `Display`, their `Debug` shows only that there is a secret, and their memory is cleared when they are
//! dropped. Not cleared: the copies that libraries make while they send a secret or receive one (HTTP headers, the read
//! and write buffers of HTTP and TLS, the messages of the PostgreSQL driver).

use std::fmt;
use std::io;
use std::ops::Deref;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize as _, Zeroizing};

/// A text that must never be printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Returns the text as a secret. A buffer that is larger than its text is cleared.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.capacity() > text.len() {
            let exact = text.as_str().to_owned();
            text.zeroize();
            text = exact;
        }
        Self(SecretString::from(text))
    }

    /// Returns the text itself, to be sent to its recipient and to no other.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the text without whitespace at both ends, as the service stores it.
    pub fn trimmed(&self) -> Self {
        Self::new(self.expose().trim())
    }

    /// Returns whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

/// Bytes that may hold a secret: the body of a request or of a response. Their memory is also cleared when they outgrow it.
#[derive(Clone, Default)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.0.capacity())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }
}

impl io::Write for SecretBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        self
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

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn bytes_keep_their_content_when_they_grow() {
        let mut bytes = SecretBytes::default();
        for part in ["hun", "", "ter", "2"] {
            bytes.write_all(part.as_bytes()).unwrap();
        }
        assert_eq!(&bytes[..], b"hunter2");
        assert_eq!(format!("{bytes:?} {:?}", Secret::new("hunter2")), "SecretBytes Secret");
        assert_eq!(serde_json::from_str::<Secret>(r#""a\"b""#).unwrap().expose(), "a\"b");
    }
}

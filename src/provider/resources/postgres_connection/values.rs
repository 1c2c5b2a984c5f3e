//! The types of a connection's attributes. Each type defines its equality and the value that the KMS stores.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::postgres::{CertificateError, Certificates};
use crate::secret::Secret;
use crate::terraform::model::FromValue;
use crate::terraform::value::Value;

/// A text that the KMS stores without leading and trailing whitespace. It dereferences to the trimmed text; only Terraform
/// receives the text as written.
#[derive(Clone)]
pub(crate) struct TrimmedText(String);

/// A password. The KMS removes leading and trailing whitespace.
#[derive(Clone)]
pub(crate) struct Password(Secret);

/// A case-insensitive UUID. The KMS stores it in lower case.
#[derive(Clone)]
pub(crate) struct CaseInsensitiveId(String);

/// The version of a write-only password: a whole number, 0 or more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordVersion(i64);

/// Certificates in PEM, parsed at most once. Whitespace at the ends of lines is not significant.
#[derive(Clone)]
pub(crate) struct CertificateBundle {
    pem: String,
    parsed: OnceLock<Result<Certificates, CertificateError>>,
}

impl TrimmedText {
    /// Returns the text with leading and trailing whitespace.
    pub(crate) fn as_written(&self) -> &str {
        &self.0
    }
}

impl Deref for TrimmedText {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.trim()
    }
}

impl PartialEq for TrimmedText {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Password {
    /// Returns the password as the KMS stores it.
    pub(crate) fn stored(&self) -> Secret {
        self.0.trimmed()
    }

    /// Returns whether the KMS removes whitespace from it.
    pub(crate) fn has_outer_whitespace(&self) -> bool {
        self.0.expose().trim() != self.0.expose()
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.stored() == other.stored()
    }
}

impl PasswordVersion {
    /// Returns the next version.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the version of the first password.
    pub(crate) fn first() -> Self {
        Self(1)
    }
}

impl CaseInsensitiveId {
    /// Returns the id as written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for CaseInsensitiveId {
    fn eq(&self, other: &Self) -> bool {
        self.0.trim().eq_ignore_ascii_case(other.0.trim())
    }
}

impl CertificateBundle {
    /// Returns the text as the KMS stores it, or `None` for an empty text, which means "no certificate".
    pub(crate) fn stored(&self) -> Option<String> {
        Some(self.pem.trim().to_owned()).filter(|pem| !pem.is_empty())
    }

    /// Returns the certificates, or the error of parsing them.
    pub(crate) fn certificates(&self) -> Result<&Certificates, &CertificateError> {
        self.parsed.get_or_init(|| Certificates::parse(&self.pem)).as_ref()
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.pem.trim().lines().map(str::trim_end)
    }
}

impl PartialEq for CertificateBundle {
    fn eq(&self, other: &Self) -> bool {
        self.lines().eq(other.lines())
    }
}

impl From<String> for TrimmedText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<String> for CaseInsensitiveId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<String> for CertificateBundle {
    fn from(pem: String) -> Self {
        Self { pem, parsed: OnceLock::new() }
    }
}

impl FromValue for TrimmedText {
    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

impl FromValue for Password {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().map(|password| Self(Secret::new(password)))
    }
}

impl FromValue for PasswordVersion {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).filter(|version| *version >= 0).map(Self)
    }
}

impl FromValue for CaseInsensitiveId {
    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

impl FromValue for CertificateBundle {
    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }
}

impl From<TrimmedText> for Value {
    fn from(text: TrimmedText) -> Self {
        text.0.into()
    }
}

impl From<Password> for Value {
    fn from(password: Password) -> Self {
        password.0.expose().into()
    }
}

impl From<PasswordVersion> for Value {
    fn from(version: PasswordVersion) -> Self {
        version.0.into()
    }
}

impl From<CaseInsensitiveId> for Value {
    fn from(id: CaseInsensitiveId) -> Self {
        id.0.into()
    }
}

impl From<CertificateBundle> for Value {
    fn from(bundle: CertificateBundle) -> Self {
        bundle.pem.into()
    }
}

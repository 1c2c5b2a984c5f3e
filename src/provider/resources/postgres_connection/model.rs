//! The connection in messages, requests and responses. Its fields are the rows of [`super::attributes`].

use std::num::NonZeroU16;

use crate::kms;
use crate::provider::deadline::Limit;
use crate::provider::timeouts::{self, Operation};
use crate::provider::{attribute, messages};
use crate::secret::Secret;
use crate::terraform::model::{Field, field};
use crate::terraform::number::Number;
use crate::terraform::value::Value;

pub(crate) use super::attributes::ConnectionModel;
use super::values::{CertificateBundle, Password, TrimmedText};

impl ConnectionModel {
    /// Returns the name for messages.
    pub(crate) fn title(&self) -> &str {
        let id = self.id.known().map(String::as_str);
        self.name.known().map(|name| &**name).or(id).unwrap_or("the connection")
    }

    /// Returns `host:port` as the KMS uses it, with `(unknown)` for an unknown part.
    pub(crate) fn endpoint(&self) -> String {
        let port = self.port.known().map_or_else(|| "(unknown)".to_owned(), ToString::to_string);
        match self.host.known() {
            Some(host) if host.contains(':') => format!("[{}]:{port}", &**host),
            Some(host) => format!("{}:{port}", &**host),
            None => format!("(unknown):{port}"),
        }
    }

    /// Returns the project; `None` is the organization.
    pub(crate) fn project(&self) -> Option<&str> {
        self.project_id.known().map(String::as_str)
    }

    /// Returns whether the credentials are platform-managed.
    pub(crate) fn is_managed(&self) -> bool {
        self.is_platform_managed_credentials.known() == Some(&true)
    }

    /// Converts a connection from the KMS. Values that the KMS does not return (passwords, blocks) are those of `known`.
    pub(crate) fn read(remote: kms::AppConnection, known: Self) -> Self {
        let credentials = remote.credentials;
        Self {
            id: Field::Known(remote.id),
            name: Field::Known(remote.name.into()),
            description: remote.description.map(Into::into).into(),
            project_id: remote.project_id.into(),
            method: Field::Known(remote.method),
            host: Field::Known(credentials.host.into()),
            port: port(credentials.port),
            database: Field::Known(credentials.database.into()),
            username: Field::Known(credentials.username.into()),
            password: known.password,
            password_wo: Field::Null,
            password_wo_version: known.password_wo_version,
            ssl_enabled: Field::Known(credentials.ssl_enabled),
            ssl_reject_unauthorized: Field::Known(credentials.ssl_reject_unauthorized),
            ssl_certificate: credentials.ssl_certificate.map(Into::into).into(),
            is_platform_managed_credentials: Field::Known(remote.is_platform_managed.unwrap_or(false)),
            gateway_id: remote.gateway_id.map(Into::into).into(),
            org_id: remote.org_id.into(),
            created_at: remote.created_at.into(),
            credentials_hash: remote.credentials_hash.into(),
            validation: known.validation,
            timeouts: known.timeouts,
        }
    }

    /// Returns the configured password, from either argument. `password_wo` takes precedence over a `password` that
    /// `ignore_changes` retains from the state.
    pub(crate) fn password(&self, config: &Self) -> Option<Secret> {
        let given = if config.password_wo.is_null() { &self.password } else { &config.password_wo };
        given.known().map(Password::stored)
    }

    /// Returns the complete `credentials` object, or `None` while a part of it is unknown or missing.
    pub(crate) fn credentials(&self, password: Secret) -> Option<kms::NewCredentials> {
        let text = |field: &Field<TrimmedText>| field.known().map(|text| text.to_string());
        if self.ssl_certificate.is_unknown() {
            return None;
        }
        Some(kms::NewCredentials {
            host: text(&self.host)?,
            port: self.port.known()?.get(),
            database: text(&self.database)?,
            username: text(&self.username)?,
            password,
            ssl_enabled: *self.ssl_enabled.known()?,
            ssl_reject_unauthorized: *self.ssl_reject_unauthorized.known()?,
            ssl_certificate: self.ssl_certificate.known().and_then(CertificateBundle::stored),
        })
    }

    /// Returns the description as the KMS stores it.
    pub(crate) fn description(&self) -> Option<String> {
        self.description.known().map(|text| text.to_string())
    }

    /// Returns the context of a request for this connection, for messages.
    pub(crate) fn context(&self, verb: messages::Verb) -> messages::RequestContext<'_> {
        let (title, password_argument) = (self.title(), self.password_argument(&Self::default()));
        messages::RequestContext {
            verb,
            title,
            project: self.project(),
            password_argument,
            credentials: None,
            first_reporter: None,
        }
    }

    /// Returns the argument that sets the password. (A planned state never contains a write-only password.)
    pub(super) fn password_argument(&self, config: &Self) -> &'static str {
        if self.password.is_null() || !config.password_wo.is_null() {
            attribute::PASSWORD_WO
        } else {
            attribute::PASSWORD
        }
    }

    /// Returns the time limit of an operation, which begins now.
    pub(super) fn limit(&self, operation: Operation) -> Limit {
        Limit::new(timeouts::limit(self.timeouts.known().unwrap_or(&Value::Null), operation))
    }

    /// Returns whether the KMS connects through a gateway, or may do so.
    pub(super) fn has_gateway(&self) -> bool {
        !matches!(self.gateway_id, Field::Null)
    }
}

/// Converts a port from the KMS, which stores ports without a check.
fn port(stored: f64) -> Field<NonZeroU16> {
    Number::try_from(stored).map_or(Field::Null, |number| field(&number.into()))
}

#[cfg(test)]
mod tests;

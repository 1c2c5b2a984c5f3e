//! The connection as the schema has it, as the service has it, and what differs between two of them.

use crate::kms;
use crate::model;
use crate::provider::messages;
use crate::secret::Secret;
use crate::terraform::model::Field;
use crate::terraform::number::Number;
use crate::terraform::value::Value;

model! {
    /// One `kms_postgres_connection`.
    pub(crate) struct ConnectionModel {
        id: String,
        name: String,
        description: String,
        project_id: String,
        method: String,
        host: String,
        port: Number,
        database: String,
        username: String,
        password: String,
        password_wo: String,
        password_wo_version: i64,
        ssl_enabled: bool,
        ssl_reject_unauthorized: bool,
        ssl_certificate: String,
        is_platform_managed_credentials: bool,
        gateway_id: String,
        org_id: String,
        created_at: String,
        credentials_hash: String,
        validation: Value,
        timeouts: Value,
    }
}

/// The arguments that together are the service's `credentials` object, but for the password. All of them are read back.
pub(crate) const CREDENTIALS: [&str; 7] =
    ["host", "port", "database", "username", "ssl_enabled", "ssl_reject_unauthorized", "ssl_certificate"];

/// Whether two values mean the same to the service, which cuts white space off at both ends and keeps "no description"
/// and an empty one apart only in its own database.
pub(crate) fn same(attribute: &str, a: &Value, b: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Null if attribute == "description" => Some(String::new()),
        _ => None,
    };
    match attribute {
        "name" | "description" | "host" | "database" | "username" | "password" => {
            matches!((text(a), text(b)), (Some(a), Some(b)) if a == b)
        }
        // Files end in a newline, and some in CR LF.
        "ssl_certificate" => {
            let lines = |text: String| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
            matches!((text(a).map(lines), text(b).map(lines)), (Some(a), Some(b)) if a == b)
        }
        "gateway_id" => matches!((text(a), text(b)), (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b)),
        _ => a == b,
    }
}

impl ConnectionModel {
    /// The name for messages.
    pub(crate) fn title(&self) -> &str {
        self.name.known().or_else(|| self.id.known()).map_or("the connection", String::as_str)
    }

    /// `host:port` as the service will use it, as far as it is known.
    pub(crate) fn endpoint(&self) -> String {
        let port = self.port.known().map_or_else(|| "(unknown)".to_owned(), ToString::to_string);
        match self.host.known().map(|host| host.trim()) {
            Some(host) if host.contains(':') => format!("[{host}]:{port}"),
            Some(host) => format!("{host}:{port}"),
            None => format!("(unknown):{port}"),
        }
    }

    /// The project for the service; `None` is the organisation.
    pub(crate) fn project(&self) -> Option<&str> {
        self.project_id.known().map(String::as_str)
    }

    /// Whether only the service knows the role's password.
    pub(crate) fn is_managed(&self) -> bool {
        self.is_platform_managed_credentials.known() == Some(&true)
    }

    /// What the service says, with what it cannot say (passwords, blocks) taken from `known`.
    pub(crate) fn read(remote: kms::AppConnection, known: Self) -> Self {
        let credentials = remote.credentials;
        Self {
            id: Field::Known(remote.id),
            name: Field::Known(remote.name),
            description: remote.description.into(),
            project_id: remote.project_id.into(),
            method: Field::Known(remote.method),
            host: Field::Known(credentials.host),
            port: Number::try_from(credentials.port).ok().into(),
            database: Field::Known(credentials.database),
            username: Field::Known(credentials.username),
            password: known.password,
            password_wo: Field::Null,
            password_wo_version: known.password_wo_version,
            ssl_enabled: Field::Known(credentials.ssl_enabled),
            ssl_reject_unauthorized: Field::Known(credentials.ssl_reject_unauthorized),
            ssl_certificate: credentials.ssl_certificate.into(),
            is_platform_managed_credentials: Field::Known(remote.is_platform_managed.unwrap_or(false)),
            gateway_id: remote.gateway_id.into(),
            org_id: remote.org_id.into(),
            created_at: remote.created_at.into(),
            credentials_hash: remote.credentials_hash.into(),
            validation: known.validation,
            timeouts: known.timeouts,
        }
    }

    /// The password that the configuration gives, from either argument. `password_wo` wins over a `password` that
    /// `ignore_changes` retains from the state.
    pub(crate) fn password(&self, config: &Self) -> Option<Secret> {
        let given = if config.password_wo.is_null() { &self.password } else { &config.password_wo };
        given.known().map(|password| Secret::new(password.trim()))
    }

    /// The complete `credentials` object, or `None` while a part of it is unknown or missing.
    pub(crate) fn credentials(&self, password: Secret) -> Option<kms::NewCredentials> {
        let trimmed = |field: &Field<String>| field.known().map(|text| text.trim().to_owned());
        if self.ssl_certificate.is_unknown() {
            return None;
        }
        Some(kms::NewCredentials {
            host: trimmed(&self.host)?,
            port: u16::try_from(self.port.known()?.as_i64()?).ok()?,
            database: trimmed(&self.database)?,
            username: trimmed(&self.username)?,
            password,
            ssl_enabled: *self.ssl_enabled.known()?,
            ssl_reject_unauthorized: *self.ssl_reject_unauthorized.known()?,
            ssl_certificate: trimmed(&self.ssl_certificate).filter(|pem| !pem.is_empty()),
        })
    }

    /// The description as the service is to store it.
    pub(crate) fn description(&self) -> Option<String> {
        self.description.known().map(|text| text.trim().to_owned())
    }

    /// What is being done to it, for a message.
    pub(crate) fn attempt(&self, verb: messages::Verb) -> messages::RequestContext<'_> {
        let (title, password_argument) = (self.title(), self.password_argument(&Self::default()));
        messages::RequestContext { verb, title, project: self.project(), password_argument, credentials: None }
    }

    /// The argument that gives the password. (A write-only one is never in a planned state.)
    pub(super) fn password_argument(&self, config: &Self) -> &'static str {
        if self.password.is_null() || !config.password_wo.is_null() { "password_wo" } else { "password" }
    }

    /// Whether the KMS connects through a gateway, or may do so.
    pub(super) fn has_gateway(&self) -> bool {
        !matches!(self.gateway_id, Field::Null)
    }
}

#[cfg(test)]
mod tests;

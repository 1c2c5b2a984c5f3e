//! The offline rules of the arguments: one message per violated rule, at its own argument, with an example.
//!
//! The limits are those of the KMS, or of PostgreSQL where the KMS has none. Unknown values are checked again once they are
//! known.

pub(crate) mod certificate;

use crate::postgres::Damage;
use crate::postgres::MAX_IDENTIFIER_LENGTH;
use crate::provider::attribute;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::model::Model as _;
use crate::terraform::value::{Object, Value};

use super::attributes;
use super::attributes::METHOD;
use super::model::ConnectionModel;
use super::validation_block::ValidationBlock;
use super::values::{CaseInsensitiveId, Password};
use crate::provider::messages;
use crate::provider::timeouts::Timeouts;

/// The limit of the KMS for names.
const MAX_NAME_LENGTH: usize = 64;

/// The KMS accepts 256 characters, of which its database stores 255.
const MAX_DESCRIPTION_LENGTH: usize = 255;

/// A server that requests the password in clear text reads a message of `PG_MAX_AUTH_TOKEN_LENGTH` (65535 bytes,
/// `src/backend/libpq/auth.c`), which includes the length field and the terminating zero byte. (SCRAM never sends the password
/// and has no such limit; neither has the KMS.)
const MAX_PASSWORD_LENGTH: usize = 65_530;

/// The rule of `port`.
pub(super) const PORT: &str =
    "A TCP port is a whole number from 1 to 65535. PostgreSQL usually listens on `5432`, PgBouncer on `6432`.";

/// The rule of `password_wo_version`.
pub(super) const PASSWORD_VERSION: &str =
    "`password_wo_version` takes a whole number, 0 or more, such as `1`. Each change of it sends the password again.";

/// Checks a configuration and returns one diagnostic for each violated rule.
pub(super) fn check(config: &Object) -> Diagnostics {
    let connection = ConnectionModel::from_object(config);
    let mut found: Diagnostics = attributes::table().iter().filter_map(|row| (row.check)(&connection)).collect();
    found.extend(password_arguments(&connection));
    found.extend(certificate_rule(&connection));
    found.extend(ValidationBlock::parse(&connection.validation).err().into_iter().flatten());
    let timeouts = Timeouts::parse(connection.timeouts.known().unwrap_or(&Value::Null));
    found.extend(timeouts.err().map(messages::settings::invalid_timeouts).into_iter().flatten());
    found
}

/// Returns the error of an invalid name.
pub(super) fn name_rule(name: &str) -> Option<String> {
    let is_valid = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let slug = name.len() <= MAX_NAME_LENGTH && name.split('-').all(is_valid);
    let problem = match name.chars().count() {
        _ if slug => return None,
        0 => "is empty".to_owned(),
        length if length > MAX_NAME_LENGTH => format!("has {length} characters"),
        _ => "has other characters or misplaced hyphens".to_owned(),
    };
    Some(format!(
        "A name has 1 to {MAX_NAME_LENGTH} characters: lowercase letters, digits, and single hyphens between them. This one \
         {problem}. Example: `orders-db`."
    ))
}

pub(super) fn description_rule(description: &str) -> Option<String> {
    let length = description.trim().chars().count();
    (length > MAX_DESCRIPTION_LENGTH).then(|| {
        format!(
            "The KMS stores descriptions of up to {MAX_DESCRIPTION_LENGTH} characters; this one has {length}. Shorten it."
        )
    })
}

/// Returns the error of an invalid project id.
pub(super) fn project_rule(project: &str) -> Option<String> {
    (project.is_empty() || project.trim() != project).then(|| {
        "`project_id` takes the UUID of a project, such as `7ffbb072-2575-495a-b5b0-127f88caef78`, without spaces. For a \
         connection of the organization remove the line, or set it to `null`."
            .to_owned()
    })
}

pub(super) fn method_rule(method: &str) -> Option<String> {
    (method != METHOD).then(|| format!("The only method is `{METHOD}`, which is also the default. Remove the line."))
}

pub(super) fn database_rule(database: &str) -> Option<String> {
    identifier_rule(database, "database name", "orders")
}

pub(super) fn username_rule(username: &str) -> Option<String> {
    identifier_rule(username, "role name", "kms_role")
}

fn identifier_rule(text: &str, kind: &str, example: &str) -> Option<String> {
    let text = text.trim();
    let problem = if text.is_empty() {
        "it is empty".to_owned()
    } else if text.contains('\0') {
        "it contains a NUL character".to_owned()
    } else if text.contains("://") {
        "it is a URL, and each part of a URL has its own argument".to_owned()
    } else if text.len() > MAX_IDENTIFIER_LENGTH {
        format!("it has {} bytes, and a name in PostgreSQL has at most {MAX_IDENTIFIER_LENGTH}", text.len())
    } else {
        return None;
    };
    Some(format!("This is not a valid {kind}: {problem}. Example: `{example}`."))
}

pub(super) fn password_rule(password: &Password) -> Option<String> {
    let password = password.stored();
    let password = password.expose();
    let problem = if password.is_empty() {
        "it is empty, and the KMS refuses empty passwords"
    } else if password.contains('\0') {
        "it contains a NUL character, which PostgreSQL does not accept"
    } else if password.len() > MAX_PASSWORD_LENGTH {
        "it is longer than 65530 bytes, the maximum that PostgreSQL reads when a login sends the password in clear text"
    } else {
        return None;
    };
    Some(format!(
        "This cannot be the password of a role: {problem}. Check the variable or the secret that it comes from."
    ))
}

pub(super) fn gateway_rule(gateway: &CaseInsensitiveId) -> Option<String> {
    let gateway = gateway.as_str();
    // The KMS accepts only the form with hyphens.
    let is_valid = uuid::Uuid::try_parse(gateway).is_ok() && gateway.len() == uuid::fmt::Hyphenated::LENGTH;
    (!is_valid).then(|| {
        "`gateway_id` takes the UUID of a gateway, such as `3c90c3cc-0d44-4b50-8888-8dd25736052a`. To connect directly remove \
         the line, or set it to `null`."
            .to_owned()
    })
}

fn password_arguments(connection: &ConnectionModel) -> Diagnostics {
    let mut found = Diagnostics::new();
    if connection.password.known().is_some() && connection.password_wo.known().is_some() {
        found.push(
            Diagnostic::error(
                "Conflicting password arguments",
                "`password` and `password_wo` conflict. Keep `password_wo`, which is never stored, or keep \
                 `password` where Terraform or OpenTofu is older than 1.11.",
            )
            .at(attribute::PASSWORD_WO),
        );
    }
    let version = &connection.password_wo_version;
    if !version.is_null() && !version.is_unknown() && connection.password_wo.is_null() {
        found.push(
            Diagnostic::error(
                "Password version without a password",
                "`password_wo_version` decides when `password_wo` is sent again, but `password_wo` is not set. Set it, or \
                 remove `password_wo_version`. (A change of `password` needs no version.)",
            )
            .at(attribute::PASSWORD_WO_VERSION),
        );
    }
    found
}

fn certificate_rule(connection: &ConnectionModel) -> Option<Diagnostic> {
    let certificates = match connection.ssl_certificate.known()?.certificates() {
        Ok(certificates) => certificates,
        Err(error) => {
            let detail = messages::postgres::pem::unusable(error);
            return Some(Diagnostic::error("Invalid certificate", detail).at(attribute::SSL_CERTIFICATE));
        }
    };
    let (argument, means) = if connection.ssl_enabled.known() == Some(&false) {
        (attribute::SSL_ENABLED, "the connection uses no TLS at all")
    } else if connection.ssl_reject_unauthorized.known() == Some(&false) {
        (attribute::SSL_REJECT_UNAUTHORIZED, "any certificate is accepted")
    } else {
        return certificates.damage().map(|damage| damaged(damage, certificates.count()));
    };
    Some(
        Diagnostic::warning(
            "`ssl_certificate` is not used",
            format!(
                "With `{argument} = false` {means}, so `ssl_certificate` has no effect. Remove one of the two lines."
            ),
        )
        .at(attribute::SSL_CERTIFICATE),
    )
}

/// Returns the warning about a bundle that the KMS ignores in part.
fn damaged(damage: &Damage, count: usize) -> Diagnostic {
    let certificates = if count == 1 { "1 usable certificate" } else { &format!("{count} usable certificates") };
    let ignored = if damage.ends_reading { "that block and everything after it" } else { "that block" };
    Diagnostic::warning(
        "Part of `ssl_certificate` is ignored",
        format!(
            "`ssl_certificate` has {certificates}, but {damage}. The KMS ignores {ignored} without an error, and so does the \
             login check.\n\nDownload the bundle again, or remove the block if no server needs it. {}",
            messages::postgres::pem::DAMAGED
        ),
    )
    .at(attribute::SSL_CERTIFICATE)
}

#[cfg(test)]
mod tests;

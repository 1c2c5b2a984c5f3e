//! The attribute table of `kms_postgres_connection`. Each attribute is one row: its name and Rust type, the schema, the
//! offline rule, and whether it is a credential or moves with a `moved` block.
//!
//! The struct [`ConnectionModel`], the schema and the registry page, semantic equality, the comparison of credentials, drift,
//! and `moved` blocks are derived from the table; [`attribute`](crate::provider::attribute) has the field of the KMS API for each
//! name. The type of an attribute defines when
//! two values are equal.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use crate::model;
use crate::provider::arguments::host;
use crate::provider::timeouts;
use crate::terraform::diagnostic::Diagnostic;
use crate::terraform::model::{field, value};
use crate::terraform::schema::{Attribute, Schema, computed, optional, required};
use crate::terraform::types::Type;
use crate::terraform::value::Value;

use super::values::{CaseInsensitiveId, CertificateBundle, Password, PasswordVersion, TrimmedText};
use super::{validate, validation_block};

/// The only method with which the KMS logs in to PostgreSQL.
pub(super) const METHOD: &str = "username-and-password";

/// One row of the table.
pub(super) struct Row {
    /// The attribute in the schema.
    pub(super) attribute: Attribute,
    /// Whether it is part of the KMS's `credentials` object and returned by the KMS.
    pub(super) is_credential: bool,
    /// Whether the other providers store it under the same name, outside their `credentials`.
    pub(super) is_moved: bool,
    /// The text that is equal to null.
    null_is: Option<&'static str>,
    /// Checks the value offline.
    pub(super) check: fn(&ConnectionModel) -> Option<Diagnostic>,
    /// Returns whether two connections have the same value.
    pub(super) equal: fn(&ConnectionModel, &ConnectionModel) -> bool,
    /// Copies the value from the second connection to the first.
    pub(super) copy: fn(&mut ConnectionModel, &ConnectionModel),
    /// Returns the value for Terraform.
    pub(super) value: fn(&ConnectionModel) -> Value,
    /// Returns whether two values for Terraform are equal.
    values_equal: fn(&Value, &Value) -> bool,
}

impl Row {
    fn credential(mut self) -> Self {
        self.is_credential = true;
        self
    }

    fn moved(mut self) -> Self {
        self.is_moved = true;
        self
    }

    fn null_is(mut self, text: &'static str) -> Self {
        self.null_is = Some(text);
        self
    }

    /// Returns the name in a configuration.
    pub(super) fn name(&self) -> &'static str {
        self.attribute.name
    }
}

/// The Rust type of an attribute and its type in the schema.
trait AttributeType {
    const TYPE: Type;
}

macro_rules! attribute_types {
    ($( $rust:ty => $terraform:ident; )*) => {
        $( impl AttributeType for $rust { const TYPE: Type = Type::$terraform; } )*
    };
}

attribute_types! {
    String => String;
    TrimmedText => String;
    Password => String;
    CaseInsensitiveId => String;
    CertificateBundle => String;
    NonZeroU16 => Number;
    PasswordVersion => Number;
    bool => Bool;
}

/// The offline rule of a row: `check` applies a function to a known value, `expects` describes the values that the type holds.
macro_rules! rule {
    ($field:ident) => {
        |_| None
    };
    ($field:ident check $summary:expr, $rule:expr) => {
        |connection| {
            let broken = connection.$field.known().and_then(|value| $rule(value));
            broken.map(|detail| Diagnostic::error($summary, detail).at(stringify!($field)))
        }
    };
    ($field:ident expects $summary:expr, $detail:expr) => {
        |connection| {
            let broken = connection.$field.is_invalid();
            broken.then(|| Diagnostic::error($summary, $detail).at(stringify!($field)))
        }
    };
}

macro_rules! table {
    (attributes {
        $(
            $field:ident: $type:ty = $kind:ident($description:expr $(,)?) $(.$schema:ident($($argument:expr)?))*
            $(, $rule:ident($summary:expr, $detail:expr))?
            $(=> $($property:ident($($text:expr)?)),*)?;
        )*
    } blocks {
        $( $block:ident = $content:expr; )*
    }) => {
        model! {
            /// One `kms_postgres_connection`.
            pub(crate) struct ConnectionModel {
                $( $field: $type, )*
                $( $block: Value, )*
            }
        }

        fn rows() -> Vec<Row> {
            vec![$(
                Row {
                    attribute: $kind(stringify!($field), <$type as AttributeType>::TYPE, $description)
                        $(.$schema($($argument)?))*,
                    is_credential: false,
                    is_moved: false,
                    null_is: None,
                    check: rule!($field $($rule $summary, $detail)?),
                    equal: |a, b| a.$field == b.$field,
                    copy: |to, from| to.$field = from.$field.clone(),
                    value: |connection| value(connection.$field.clone()),
                    values_equal: |a, b| field::<$type>(a) == field::<$type>(b),
                }
                $($(.$property($($text)?))*)?,
            )*]
        }

        fn with_blocks(schema: Schema) -> Schema {
            schema $( .block(stringify!($block), $content) )*
        }
    };
}

table! {
    attributes {
        id: String = computed("UUID of the connection.").use_state_for_unknown()
            => moved();
        name: TrimmedText = required(
            "Name of the connection: 1 to 64 lowercase letters, digits and single hyphens between them, unique in its scope. \
             Renaming changes neither the credentials nor the database.",
        ), check("Invalid connection name", |name: &TrimmedText| validate::name_rule(name.as_written()))
            => moved();
        description: TrimmedText = optional("Free text, up to 255 characters. Removing it clears it in the KMS."),
            check("Description too long", validate::description_rule)
            => moved(), null_is("");
        project_id: String = optional(
            "UUID of the project that the connection belongs to. Without it the connection belongs to the organization. \
             Changing it replaces the connection.",
        ).requires_replace(), check("Invalid project", validate::project_rule)
            => moved();
        method: String = optional(format!(
            "How the KMS logs in. Defaults to `{METHOD}`, which is the only valid value.",
        )).default(METHOD), check("Unknown method", validate::method_rule)
            => moved();
        host: TrimmedText = required(
            "Host name or IP address of the PostgreSQL server, as the KMS reaches it: without scheme, port or brackets.",
        ), check("Invalid database host", host::rule)
            => credential();
        port: NonZeroU16 = optional("TCP port of the server. Valid values are 1 to 65535. Defaults to `5432`.").default(5432),
            expects("Invalid port", validate::PORT)
            => credential();
        database: TrimmedText = required("Name of the database. Case-sensitive."),
            check("Invalid database name", validate::database_rule)
            => credential();
        username: TrimmedText = required("Role that the KMS logs in as. Case-sensitive."),
            check("Invalid role name", validate::username_rule)
            => credential();
        password: Password = optional(
            "Password of the role. It is stored in the state; `password_wo` is not. Required when the connection is created and \
             when its credentials change. The KMS removes leading and trailing whitespace. Conflicts with `password_wo`.",
        ).sensitive(), check("Invalid password", validate::password_rule);
        password_wo: Password = optional(
            "Password of the role, never stored in state or plan. Requires Terraform or OpenTofu 1.11. It is sent when the \
             connection is created, when another credential changes, and when `password_wo_version` changes. The KMS removes \
             leading and trailing whitespace. Conflicts with `password`.",
        ).sensitive().write_only(), check("Invalid password", validate::password_rule);
        password_wo_version: PasswordVersion = optional(
            "Leave it unset when the password changes outside of this configuration: the provider then detects another \
             `password_wo` by a fingerprint and increments the number itself. Set it when this configuration rotates the \
             password, and change it with each rotation: then only a change of this number (0 or more) sends `password_wo`, and \
             no fingerprint is kept.",
        ).or_computed(), expects("Invalid password version", validate::PASSWORD_VERSION);
        ssl_enabled: bool = optional("Whether the KMS uses TLS for the database. Defaults to `true`.").default(true)
            => credential();
        ssl_reject_unauthorized: bool = optional(
            "Whether the KMS verifies the certificate chain and the host name of the server. Defaults to `true`.",
        ).default(true)
            => credential();
        ssl_certificate: CertificateBundle = optional(
            "Certificate (PEM) of the certificate authority that issued the server's certificate, or the server's own \
             certificate if it is self-signed. It replaces the public certificate authorities. May contain several certificates \
             (a PEM bundle).",
        )
            => credential();
        is_platform_managed_credentials: bool = optional(
            "Whether the password of the role is platform-managed. Setting it to `true` makes the KMS give the role a new \
             password at once, which the KMS never returns: everything else that logs in as that role stops working. It cannot \
             be set back to `false`, and host, port, database, username, password and TLS arguments cannot be changed \
             afterwards. Defaults to `false` for a new connection, and to the value in the KMS for an existing one.",
        ).or_computed().use_state_for_unknown();
        gateway_id: CaseInsensitiveId = optional(
            "UUID of the gateway through which the KMS reaches the database. Removing it makes the KMS connect directly.",
        ), check("Invalid gateway", validate::gateway_rule);
        org_id: String = computed("UUID of the organization.").use_state_for_unknown();
        created_at: String = computed("When the connection was created (RFC 3339, UTC).").use_state_for_unknown();
        credentials_hash: String = computed(
            "The KMS's fingerprint of the stored credentials. It changes with each write of the credentials, even of the same \
             ones, and reveals nothing about their value.",
        ).use_state_for_unknown()
            => moved();
    }
    blocks {
        validation = validation_block::schema();
        timeouts = timeouts::block();
    }
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(rows);

/// Returns all rows, in the order of the registry page.
pub(super) fn table() -> &'static [Row] {
    &TABLE
}

/// Returns the row of an attribute.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    table().iter().find(|row| row.name() == name)
}

/// Returns the rows of the KMS's `credentials` object, without the password. The KMS returns all of them.
pub(super) fn credentials() -> impl Iterator<Item = &'static Row> {
    table().iter().filter(|row| row.is_credential)
}

/// Returns the schema of the resource.
pub(super) fn schema() -> Schema {
    let schema = Schema::new(
        "A PostgreSQL app connection: the credentials with which the KMS logs in to a database to rotate and sync secrets. \
         `terraform plan` itself logs in with the planned credentials and reports what is wrong before anything is stored.",
    );
    with_blocks(table().iter().fold(schema, |schema, row| schema.attribute(row.attribute.clone())))
}

/// Returns whether the KMS treats two values of an attribute as equal.
pub(crate) fn semantically_equal(attribute: &str, a: &Value, b: &Value) -> bool {
    let Some(row) = row(attribute) else { return a == b };
    let or_null = |value: &Value| match (row.null_is, value) {
        (Some(text), Value::Null) => text.into(),
        _ => value.clone(),
    };
    (row.values_equal)(&or_null(a), &or_null(b))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::provider::attribute;

    #[test]
    fn has_a_row_for_each_name_in_messages() {
        let blocks = ["validation", "timeouts"];
        for (name, _) in attribute::all() {
            assert!(row(name).is_some() || blocks.contains(&name), "{name}");
        }
    }

    #[test]
    fn lists_the_credentials_of_the_kms() {
        let field = |row: &Row| attribute::all().find(|(name, _)| *name == row.attribute.name).map(|(_, field)| field);
        let sent: Vec<_> = credentials().filter_map(field).collect();
        let kms = ["host", "port", "database", "username", "sslEnabled", "sslRejectUnauthorized", "sslCertificate"];
        assert_eq!(sent, kms);
    }

    /// The paths that may contain an attribute's name as text, with the reason.
    const NAMED_AS_TEXT: [(&str, &str); 11] = [
        ("src/provider/resources/postgres_connection/attributes.rs", "the table; its tests name the blocks"),
        ("src/provider/attribute.rs", "the names for messages, and the fields of the KMS API"),
        ("src/provider/messages/settings.rs", "the provider block has blocks of its own"),
        ("src/provider/messages/endpoint.rs", "another object with arguments of the same name"),
        ("src/provider/messages/functions.rs", "the parts of a URL"),
        ("src/provider/arguments", "the parts of a URL"),
        ("src/provider/config", "the provider block has a `host` of its own"),
        ("src/provider/data_sources", "other objects with arguments of the same name"),
        ("src/provider/functions", "the attributes of a parsed URL"),
        ("src/kms", "HTTP headers"),
        ("src/postgres", "columns of a query"),
    ];

    #[test]
    fn contains_attribute_names_only_in_listed_files() {
        fn files(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
                match entry.is_dir() {
                    true => files(&entry, found),
                    false => found.push(entry),
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        ["src/provider", "src/kms", "src/postgres"].iter().for_each(|folder| files(&root.join(folder), &mut found));
        let is_listed = |path: &Path| NAMED_AS_TEXT.iter().any(|(listed, _)| path.starts_with(root.join(listed)));
        let is_test = |path: &Path| {
            path.ends_with("tests.rs")
                || path.ends_with("properties.rs")
                || path.components().any(|part| part.as_os_str() == "tests")
        };
        for path in found.iter().filter(|path| !is_listed(path) && !is_test(path)) {
            let text = fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for name in table().iter().map(Row::name) {
                let is_named = code.contains(&format!("\"{name}\""));
                assert!(!is_named, "{} contains `{name}` as text", path.display());
            }
        }
    }
}

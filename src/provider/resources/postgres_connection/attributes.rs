//! The table of `kms_postgres_connection`: what a person may write, in the order of the registry page.

use crate::terraform::schema::{Schema, computed, optional, required};
use crate::terraform::types::Type;

use super::validation_block;
use crate::provider::timeouts;

/// The only way in which the service logs in to PostgreSQL.
pub(super) const METHOD: &str = "username-and-password";

pub(super) fn schema() -> Schema {
    Schema::new(
        "A PostgreSQL app connection: the credentials with which the KMS logs in to a database to rotate and sync secrets. \
         `terraform plan` itself logs in with the planned credentials and says what is wrong before anything is stored.",
    )
    .attribute(computed("id", Type::String, "UUID of the connection.").use_state_for_unknown())
    .attribute(required(
        "name",
        Type::String,
        "Name of the connection: 1 to 64 lower-case letters, digits and single hyphens between them, unique in its scope. \
         A rename touches neither credentials nor database.",
    ))
    .attribute(optional(
        "description",
        Type::String,
        "Free text, up to 255 characters. Removing it clears it in the KMS.",
    ))
    .attribute(
        optional(
            "project_id",
            Type::String,
            "UUID of the project that the connection belongs to. Without it the connection belongs to the organisation. \
             A change replaces the connection.",
        )
        .requires_replace(),
    )
    .attribute(
        optional(
            "method",
            Type::String,
            format!("How the KMS logs in. The only value, and the default, is `{METHOD}`."),
        )
        .default(METHOD),
    )
    .attribute(required(
        "host",
        Type::String,
        "Name or IP address of the PostgreSQL server, as the KMS reaches it: without scheme, port or brackets.",
    ))
    .attribute(
        optional("port", Type::Number, "TCP port of the server, 1 to 65535. Default: `5432`.").default(5432),
    )
    .attribute(required("database", Type::String, "Name of the database. Upper and lower case matter."))
    .attribute(required("username", Type::String, "Role that the KMS logs in as. Upper and lower case matter."))
    .attribute(
        optional(
            "password",
            Type::String,
            "Password of the role. It is stored in the state; `password_wo` is not. Needed when the connection is created \
             and when its credentials change. White space at both ends is cut off by the KMS. Conflicts with \
             `password_wo`.",
        )
        .sensitive(),
    )
    .attribute(
        optional(
            "password_wo",
            Type::String,
            "Password of the role, never stored in state or plan. Needs Terraform or OpenTofu 1.11. It is sent when the \
             connection is created, when another credential changes, and when `password_wo_version` changes. White space at \
             both ends is cut off by the KMS. Conflicts with `password`.",
        )
        .sensitive()
        .write_only(),
    )
    .attribute(
        optional(
            "password_wo_version",
            Type::Number,
            "Leave it unset when the password changes outside of this configuration: the provider then notices another \
             `password_wo` by a fingerprint and raises the number itself. Set it, to the number that makes the source change, \
             when this configuration rotates the password itself: then only a change of the number (0 or more) sends the \
             password, and no fingerprint is kept.",
        )
        .or_computed(),
    )
    .attribute(
        optional("ssl_enabled", Type::Bool, "Whether the KMS uses TLS for the database. Default: `true`.")
            .default(true),
    )
    .attribute(
        optional(
            "ssl_reject_unauthorized",
            Type::Bool,
            "Whether the certificate of the server must be trusted and carry the name in `host`. Default: `true`.",
        )
        .default(true),
    )
    .attribute(optional(
        "ssl_certificate",
        Type::String,
        "Certificate (PEM) of the authority that issued the server's certificate, or the server's own if it is \
         self-signed. It replaces the public authorities. Several may follow each other.",
    ))
    .attribute(
        optional(
            "is_platform_managed_credentials",
            Type::Bool,
            "Whether only the KMS shall know the password of the role. Turning it on makes the KMS give the role a new \
             password at once, which it never shows: whatever else logs in as that role stops working. There is no way back, \
             and host, port, database, username, password and TLS arguments cannot be changed afterwards. Left out, it is \
             `false` for a new connection, and for an existing one whatever the KMS says.",
        )
        .or_computed()
        .use_state_for_unknown(),
    )
    .attribute(optional(
        "gateway_id",
        Type::String,
        "UUID of the gateway through which the KMS reaches the database. Removing it makes the KMS connect directly.",
    ))
    .attribute(computed("org_id", Type::String, "UUID of the organisation.").use_state_for_unknown())
    .attribute(computed("created_at", Type::String, "When the connection was created (RFC 3339, UTC).").use_state_for_unknown())
    .attribute(
        computed(
            "credentials_hash",
            Type::String,
            "The KMS's fingerprint of what it stores. It changes whenever somebody writes the credentials, be it the same \
             ones; it says nothing about their value.",
        )
        .use_state_for_unknown(),
    )
    .block("validation", validation_block::schema())
    .block("timeouts", timeouts::block())
}

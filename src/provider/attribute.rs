//! The names of a PostgreSQL connection's arguments, and the fields of the KMS API for them. The attribute table of the
//! resource defines the arguments; messages and request errors refer to them by these names. A test checks that each of
//! them is in the table.

/// An argument without a field of the API.
const NONE: &str = "";

macro_rules! names {
    ($( $constant:ident = $name:literal => $field:expr, )*) => {
        $( pub(crate) const $constant: &str = $name; )*

        /// Each name with its field of the API.
        const ALL: &[(&str, &str)] = &[$( ($constant, $field), )*];
    };
}

names! {
    ID = "id" => NONE,
    NAME = "name" => "name",
    DESCRIPTION = "description" => "description",
    PROJECT_ID = "project_id" => "projectId",
    METHOD = "method" => "method",
    HOST = "host" => "host",
    PORT = "port" => "port",
    DATABASE = "database" => "database",
    USERNAME = "username" => "username",
    PASSWORD = "password" => "password",
    PASSWORD_WO = "password_wo" => NONE,
    PASSWORD_WO_VERSION = "password_wo_version" => NONE,
    SSL_ENABLED = "ssl_enabled" => "sslEnabled",
    SSL_REJECT_UNAUTHORIZED = "ssl_reject_unauthorized" => "sslRejectUnauthorized",
    SSL_CERTIFICATE = "ssl_certificate" => "sslCertificate",
    IS_PLATFORM_MANAGED_CREDENTIALS = "is_platform_managed_credentials" => "isPlatformManagedCredentials",
    GATEWAY_ID = "gateway_id" => "gatewayId",
    VALIDATION = "validation" => NONE,
}

/// Returns the argument for a field of the API.
pub(crate) fn of_api_field(field: &str) -> Option<&'static str> {
    ALL.iter().find(|(_, known)| *known == field && *known != NONE).map(|(name, _)| *name)
}

#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied()
}

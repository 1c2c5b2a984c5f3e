//! The names of arguments of a PostgreSQL connection, for messages. The attribute table of the resource defines the
//! arguments; a test checks that each of these names is in the table.

macro_rules! names {
    ($( $constant:ident = $name:literal, )*) => {
        $( pub(crate) const $constant: &str = $name; )*

        #[cfg(test)]
        pub(crate) const ALL: &[&str] = &[$( $constant, )*];
    };
}

names! {
    ID = "id",
    PROJECT_ID = "project_id",
    PASSWORD = "password",
    PASSWORD_WO = "password_wo",
    PASSWORD_WO_VERSION = "password_wo_version",
    SSL_ENABLED = "ssl_enabled",
    SSL_REJECT_UNAUTHORIZED = "ssl_reject_unauthorized",
    SSL_CERTIFICATE = "ssl_certificate",
}

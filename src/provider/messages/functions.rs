//! Errors of the provider's functions. Terraform names the function and the argument.

use crate::postgres::MAX_IDENTIFIER_LENGTH;
use crate::provider::functions::grants::{GrantError, NameProblem};
use crate::provider::functions::postgres_url::{UrlError, UrlPart};

/// Returns the sentence for a URL that cannot be used. It holds no text of the URL.
pub(crate) fn url(error: UrlError) -> String {
    match error {
        UrlError::Scheme => "must begin with `postgres://` or `postgresql://`.".to_owned(),
        UrlError::Character(found) => format!(
            "contains `{}` unencoded. Percent-encode it (`urlencode()` does): `#` is `%23`, a space is `%20`.",
            found.escape_debug()
        ),
        UrlError::Escape(part) => format!(
            "has an invalid escape in its {}: `%` must be followed by two hexadecimal digits, and the bytes must be UTF-8. \
             A `%` itself is `%25`.",
            name(part)
        ),
        UrlError::Nul(part) => {
            format!("contains a NUL character in its {}, which PostgreSQL does not allow.", name(part))
        }
        UrlError::Missing(part) => format!("has no {}: `postgres://user:password@host:5432/database`.", name(part)),
        UrlError::UnencodedSeparator => {
            "contains an `@`, `/` or `?` in its user or password unencoded. Percent-encode both \
             (`urlencode()` does): `@` is `%40`, `/` is `%2F`, `?` is `%3F`."
                .to_owned()
        }
        UrlError::SeveralHosts => "lists several hosts. A connection has one: use the writer endpoint.".to_owned(),
        UrlError::Socket => {
            "names a Unix socket. The KMS connects over the network: use a host name or an IP address.".to_owned()
        }
        UrlError::Host => {
            "has an invalid host: use a host name, an IPv4 address, or an IPv6 address in brackets.".to_owned()
        }
        UrlError::Port => "has an invalid port: use a whole number from 1 to 65535.".to_owned(),
        UrlError::SslMode("verify-ca") => {
            "has `sslmode=verify-ca`. The KMS cannot verify the issuer of a certificate without the \
             host name: use `verify-full`, or `require` for no verification."
                .to_owned()
        }
        UrlError::SslMode(mode) => format!(
            "has `sslmode={mode}`. The KMS does not fall back between TLS and clear text: use `verify-full`, `require` or \
             `disable`."
        ),
        UrlError::UnknownSslMode => {
            "has an unknown `sslmode`. Valid values are `verify-full`, `require` and `disable`.".to_owned()
        }
        UrlError::RootCertificate => {
            "has an `sslrootcert` other than `system`. Remove it and set `ssl_certificate` to the \
             content of that file."
                .to_owned()
        }
        UrlError::RepeatsPart(parameter) => format!(
            "has the query parameter `{parameter}`. Give this part in front of the `?`: \
             `postgres://user:password@host:5432/database`."
        ),
        UrlError::Unsupported("options") => {
            "has the query parameter `options`. The KMS sends no start-up options: for Neon, use \
             the host name that begins with the endpoint."
                .to_owned()
        }
        UrlError::Unsupported(parameter) => format!(
            "has the query parameter `{parameter}`. The KMS logs in with a password and has no client certificate."
        ),
        UrlError::Repeated(parameter) => format!("has the query parameter `{parameter}` more than once. Keep one."),
    }
}

fn name(part: UrlPart) -> &'static str {
    match part {
        UrlPart::User => "user",
        UrlPart::Password => "password",
        UrlPart::Host => "host",
        UrlPart::Database => "database",
        UrlPart::Query => "query",
    }
}

/// Returns the sentence for a name that PostgreSQL cannot have.
pub(crate) fn grant(error: GrantError) -> String {
    match error {
        GrantError::Role(problem) | GrantError::Database(problem) => name_problem(problem),
        GrantError::RotationRole { index, problem } => format!("element {index}: {}", name_problem(problem)),
    }
}

fn name_problem(problem: NameProblem) -> String {
    match problem {
        NameProblem::Empty => "the name is empty.".to_owned(),
        NameProblem::Nul => "the name contains a NUL character.".to_owned(),
        NameProblem::TooLong(bytes) => {
            format!("the name has {bytes} bytes. PostgreSQL stores names of at most {MAX_IDENTIFIER_LENGTH} bytes.")
        }
        NameProblem::Reserved => {
            "PostgreSQL reserves `public`, `none` and role names that begin with `pg_`.".to_owned()
        }
    }
}

/// The sentence for a text without a letter or digit.
pub(crate) const EMPTY_SLUG: &str = "contains no letter or digit that a connection name can have (a-z, 0-9).";

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::provider::functions::grants::grant_sql;
    use crate::provider::functions::postgres_url::parse;

    #[test]
    fn describes_each_url_error_without_text_of_the_url() {
        let sentences = [
            "mysql://s3cret:s3cret@s3cret/s3cret",
            "postgres://s3cret:s3cret#@s3cret/s3cret",
            "postgres://s3cret:s3cret%@s3cret/s3cret",
            "postgres://s3cret:s3cret%00@s3cret/s3cret",
            "postgres://s3cret:s3cret@s3cret",
            "postgres://s3cret:s3cret/s3cret@s3cret/s3cret",
            "postgres://s3cret:s3cret@s3cret,s3cret/s3cret",
            "postgres://s3cret:s3cret@%2Fs3cret/s3cret",
            "postgres://s3cret:s3cret@[s3cret]/s3cret",
            "postgres://s3cret:s3cret@s3cret:s3cret/s3cret",
            "postgres://s3cret:s3cret@s3cret/s3cret?sslmode=verify-ca",
            "postgres://s3cret:s3cret@s3cret/s3cret?sslmode=prefer",
            "postgres://s3cret:s3cret@s3cret/s3cret?sslmode=s3cret",
            "postgres://s3cret:s3cret@s3cret/s3cret?sslrootcert=s3cret",
            "postgres://s3cret:s3cret@s3cret/s3cret?password=s3cret",
            "postgres://s3cret:s3cret@s3cret/s3cret?options=s3cret",
            "postgres://s3cret:s3cret@s3cret/s3cret?sslcert=s3cret",
            "postgres://s3cret:s3cret@s3cret/s3cret?sslmode=require&sslmode=require",
        ]
        .map(|text| parse(text).err().map(url).unwrap_or_default());
        assert!(!sentences.concat().contains("s3cret"));
        expect![[r#"
            must begin with `postgres://` or `postgresql://`.
            contains `#` unencoded. Percent-encode it (`urlencode()` does): `#` is `%23`, a space is `%20`.
            has an invalid escape in its password: `%` must be followed by two hexadecimal digits, and the bytes must be UTF-8. A `%` itself is `%25`.
            contains a NUL character in its password, which PostgreSQL does not allow.
            has no database: `postgres://user:password@host:5432/database`.
            contains an `@`, `/` or `?` in its user or password unencoded. Percent-encode both (`urlencode()` does): `@` is `%40`, `/` is `%2F`, `?` is `%3F`.
            lists several hosts. A connection has one: use the writer endpoint.
            names a Unix socket. The KMS connects over the network: use a host name or an IP address.
            has an invalid host: use a host name, an IPv4 address, or an IPv6 address in brackets.
            has an invalid port: use a whole number from 1 to 65535.
            has `sslmode=verify-ca`. The KMS cannot verify the issuer of a certificate without the host name: use `verify-full`, or `require` for no verification.
            has `sslmode=prefer`. The KMS does not fall back between TLS and clear text: use `verify-full`, `require` or `disable`.
            has an unknown `sslmode`. Valid values are `verify-full`, `require` and `disable`.
            has an `sslrootcert` other than `system`. Remove it and set `ssl_certificate` to the content of that file.
            has the query parameter `password`. Give this part in front of the `?`: `postgres://user:password@host:5432/database`.
            has the query parameter `options`. The KMS sends no start-up options: for Neon, use the host name that begins with the endpoint.
            has the query parameter `sslcert`. The KMS logs in with a password and has no client certificate.
            has the query parameter `sslmode` more than once. Keep one."#]].assert_eq(&sentences.join("\n"));
    }

    #[test]
    fn describes_each_grant_error() {
        let long = "x".repeat(64);
        let sentences = ["", "a\0b", &long, "pg_monitor"].map(|name| grant_sql(name, "orders", &[]));
        let of_role = [grant_sql("kms", "orders", &["app", ""]), grant_sql("kms", "\0", &[])];
        let sentences: Vec<_> = sentences.into_iter().chain(of_role).map(|result| result.err().map(grant)).collect();
        let sentences: Option<Vec<_>> = sentences.into_iter().collect();
        expect![[r#"
            the name is empty.
            the name contains a NUL character.
            the name has 64 bytes. PostgreSQL stores names of at most 63 bytes.
            PostgreSQL reserves `public`, `none` and role names that begin with `pg_`.
            element 1: the name is empty.
            the name contains a NUL character."#]]
        .assert_eq(&sentences.unwrap_or_default().join("\n"));
    }
}

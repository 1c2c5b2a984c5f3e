//! `parse_postgres_url(url)`: the parts of a PostgreSQL URL, under the names of a connection's arguments.
//!
//! The syntax is that of libpq (PostgreSQL documentation, "Connection URIs"). A part that a connection of the KMS cannot
//! have is an error; a parameter that concerns only the client which reads the URL is left out.

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// What PostgreSQL listens on, unless it is configured.
const DEFAULT_PORT: u16 = 5432;

/// The parts of a URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PostgresUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) username: String,
    pub(crate) password: Option<Secret>,
    pub(crate) ssl_enabled: bool,
    pub(crate) ssl_reject_unauthorized: bool,
}

/// Why a URL cannot be used. No variant holds text of the URL: any piece of it may be one of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It does not begin with `postgres://` or `postgresql://`.
    Scheme,
    /// A character that a URL cannot have, such as a space or `#`.
    Character(char),
    /// `%` without two hexadecimal digits, or bytes that are not UTF-8.
    Escape(UrlPart),
    /// A NUL character (`%00`).
    Nul(UrlPart),
    /// The part is missing.
    Missing(UrlPart),
    /// An `@`, `/` or `?` of the password or the user that is not percent-encoded.
    UnencodedSeparator,
    /// Several hosts, separated by commas.
    SeveralHosts,
    /// The path of a socket instead of a host.
    Socket,
    /// A host that is neither a name nor an address.
    Host,
    /// Not a whole number from 1 to 65535.
    Port,
    /// An `sslmode` that the KMS has no setting for.
    SslMode(&'static str),
    /// An `sslmode` that libpq does not have.
    UnknownSslMode,
    /// `sslrootcert` with another value than `system`.
    RootCertificate,
    /// A query parameter that repeats, or overrides, another part of the URL.
    RepeatsPart(&'static str),
    /// A query parameter that a connection of the KMS cannot have.
    Unsupported(&'static str),
    /// A query parameter that matters, more than once.
    Repeated(&'static str),
}

/// A part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlPart {
    User,
    Password,
    Host,
    Database,
    Query,
}

/// Parses a URL.
///
/// # Errors
/// The first part that a connection cannot have.
pub(crate) fn parse(url: &str) -> Result<PostgresUrl, UrlError> {
    let url = url.trim();
    let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.ok_or(UrlError::Scheme)?;
    if let Some(found) = rest.chars().find(|c| *c == '#' || c.is_whitespace() || c.is_control()) {
        return Err(UrlError::Character(found));
    }
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    let Some((login, server)) = authority.split_once('@') else {
        let encoded_wrongly = path.contains('@') || query.contains('@');
        return Err(if encoded_wrongly { UrlError::UnencodedSeparator } else { UrlError::Missing(UrlPart::User) });
    };
    if server.contains('@') {
        return Err(UrlError::UnencodedSeparator);
    }
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let password = decode(password, UrlPart::Password)?;
    let (host, port) = server_parts(server)?;
    let (ssl_enabled, ssl_reject_unauthorized) = tls(query)?;
    Ok(PostgresUrl {
        host,
        port,
        database: required(path, UrlPart::Database)?,
        username: required(user, UrlPart::User)?,
        password: (!password.is_empty()).then(|| Secret::new(password)),
        ssl_enabled,
        ssl_reject_unauthorized,
    })
}

fn required(encoded: &str, part: UrlPart) -> Result<String, UrlError> {
    let text = decode(encoded, part)?;
    if text.trim().is_empty() { Err(UrlError::Missing(part)) } else { Ok(text) }
}

fn decode(encoded: &str, part: UrlPart) -> Result<String, UrlError> {
    let hex = |digits: &str| digits.len() >= 2 && digits.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    if !encoded.split('%').skip(1).all(hex) {
        return Err(UrlError::Escape(part));
    }
    let text = percent_decode_str(encoded).decode_utf8().map_err(|_| UrlError::Escape(part))?;
    if text.contains('\0') { Err(UrlError::Nul(part)) } else { Ok(text.into_owned()) }
}

fn server_parts(server: &str) -> Result<(String, u16), UrlError> {
    if server.contains(',') {
        return Err(UrlError::SeveralHosts);
    }
    let (host, port) = match server.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, port))) if address.parse::<std::net::Ipv6Addr>().is_ok() => (address.to_owned(), port),
        Some(_) => return Err(UrlError::Host),
        None => {
            let (host, _) = server.split_once(':').unwrap_or((server, ""));
            (required(host, UrlPart::Host)?, server.get(host.len()..).unwrap_or_default())
        }
    };
    if host.starts_with(['/', '@']) {
        return Err(UrlError::Socket);
    }
    if host.contains([',', ' ', '[', ']', '/', '?', '@']) {
        return Err(UrlError::Host);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => DEFAULT_PORT,
        Some("") => DEFAULT_PORT,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?
        }
        _ => return Err(UrlError::Port),
    };
    Ok((host, port))
}

/// The query parameters that name what stands in the URL already.
const REPEATS: [&str; 7] = ["user", "password", "host", "hostaddr", "port", "dbname", "service"];

/// The query parameters that the KMS has no setting for.
const UNSUPPORTED: [&str; 3] = ["sslcert", "sslkey", "options"];

/// Returns `ssl_enabled` and `ssl_reject_unauthorized`.
fn tls(query: &str) -> Result<(bool, bool), UrlError> {
    let (mut mode, mut has_root) = (None, false);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (decode(name, UrlPart::Query)?, decode(value, UrlPart::Query)?);
        if let Some(name) = REPEATS.iter().find(|known| **known == name) {
            return Err(UrlError::RepeatsPart(name));
        }
        if let Some(name) = UNSUPPORTED.iter().find(|known| **known == name) {
            return Err(UrlError::Unsupported(name));
        }
        match name.as_str() {
            "sslmode" if mode.is_some() => return Err(UrlError::Repeated("sslmode")),
            "sslmode" => mode = Some(ssl_mode(&value)?),
            "sslrootcert" if has_root => return Err(UrlError::Repeated("sslrootcert")),
            "sslrootcert" if value != "system" => return Err(UrlError::RootCertificate),
            "sslrootcert" => has_root = true,
            _ => {}
        }
    }
    Ok(mode.unwrap_or((true, true)))
}

fn ssl_mode(mode: &str) -> Result<(bool, bool), UrlError> {
    match mode {
        "disable" => Ok((false, true)),
        "require" => Ok((true, false)),
        "verify-full" => Ok((true, true)),
        "verify-ca" => Err(UrlError::SslMode("verify-ca")),
        "prefer" => Err(UrlError::SslMode("prefer")),
        "allow" => Err(UrlError::SslMode("allow")),
        _ => Err(UrlError::UnknownSslMode),
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn shown(url: &PostgresUrl) -> String {
        let password = url.password.as_ref().map_or("null", Secret::expose);
        let (enabled, verified) = (url.ssl_enabled, url.ssl_reject_unauthorized);
        format!("{} {} {} {} {password} {enabled} {verified}", url.host, url.port, url.database, url.username)
    }

    #[test]
    fn parses_each_form_of_a_url() {
        for (url, expected) in [
            ("postgres://kms:pw@db.test:6432/orders", "db.test 6432 orders kms pw true true"),
            ("postgresql://kms@db.test/orders", "db.test 5432 orders kms null true true"),
            ("postgres://kms:@db.test:/orders?", "db.test 5432 orders kms null true true"),
            ("postgres://k%40s:p%2Fw%3A@db.test/a%20b", "db.test 5432 a b k@s p/w: true true"),
            ("postgres://kms:p:w@[2001:db8::1]:6432/orders", "2001:db8::1 6432 orders kms p:w true true"),
            ("postgres://kms:pw@db.test/orders?sslmode=disable", "db.test 5432 orders kms pw false true"),
            ("postgres://kms:pw@db.test/orders?sslmode=require", "db.test 5432 orders kms pw true false"),
            (
                "postgres://kms:pw@db.test/orders?sslmode=verify-full&sslrootcert=system&application_name=x&schema=y",
                "db.test 5432 orders kms pw true true",
            ),
            ("\tpostgres://kms:pw@db.test/orders\n", "db.test 5432 orders kms pw true true"),
        ] {
            let parsed = parse(url).unwrap_or_else(|error| panic!("{url}: {error:?}"));
            assert_eq!(shown(&parsed), expected, "{url}");
        }
    }

    #[test]
    fn names_the_part_that_a_connection_cannot_have() {
        for (url, expected) in [
            ("", UrlError::Scheme),
            ("mysql://kms:pw@db.test/orders", UrlError::Scheme),
            ("postgres://db.test/orders", UrlError::Missing(UrlPart::User)),
            ("postgres://:pw@db.test/orders", UrlError::Missing(UrlPart::User)),
            ("postgres://kms:pw@/orders", UrlError::Missing(UrlPart::Host)),
            ("postgres://kms:pw@db.test", UrlError::Missing(UrlPart::Database)),
            ("postgres://kms:pw@db.test/", UrlError::Missing(UrlPart::Database)),
            ("postgres://kms:p@w@db.test/orders", UrlError::UnencodedSeparator),
            ("postgres://kms:p/w@db.test/orders", UrlError::UnencodedSeparator),
            ("postgres://kms:p?w@db.test/orders", UrlError::UnencodedSeparator),
            ("postgres://kms:p#w@db.test/orders", UrlError::Character('#')),
            ("postgres://kms:p w@db.test/orders", UrlError::Character(' ')),
            ("postgres://kms:100%@db.test/orders", UrlError::Escape(UrlPart::Password)),
            ("postgres://kms:%ff@db.test/orders", UrlError::Escape(UrlPart::Password)),
            ("postgres://kms:p%00w@db.test/orders", UrlError::Nul(UrlPart::Password)),
            ("postgres://kms:pw@a.test,b.test/orders", UrlError::SeveralHosts),
            ("postgres://kms:pw@a.test:1,b.test:2/orders", UrlError::SeveralHosts),
            ("postgres://kms:pw@%2Fvar%2Frun/orders", UrlError::Socket),
            ("postgres://kms:pw@[::1/orders", UrlError::Host),
            ("postgres://kms:pw@[db.test]/orders", UrlError::Host),
            ("postgres://kms:pw@db.test:0/orders", UrlError::Port),
            ("postgres://kms:pw@db.test:65536/orders", UrlError::Port),
            ("postgres://kms:pw@db.test:+1/orders", UrlError::Port),
            ("postgres://kms:pw@[::1]5432/orders", UrlError::Port),
            ("postgres://kms:pw@db.test/orders?sslmode=verify-ca", UrlError::SslMode("verify-ca")),
            ("postgres://kms:pw@db.test/orders?sslmode=prefer", UrlError::SslMode("prefer")),
            ("postgres://kms:pw@db.test/orders?sslmode=allow", UrlError::SslMode("allow")),
            ("postgres://kms:pw@db.test/orders?sslmode=", UrlError::UnknownSslMode),
            ("postgres://kms:pw@db.test/orders?sslrootcert=ca.pem", UrlError::RootCertificate),
            ("postgres://kms:pw@db.test/orders?sslmode=require&sslmode=disable", UrlError::Repeated("sslmode")),
            ("postgres://kms:pw@db.test/orders?dbname=x", UrlError::RepeatsPart("dbname")),
            ("postgres://kms:pw@db.test/orders?host%61ddr=x", UrlError::RepeatsPart("hostaddr")),
            ("postgres://kms:pw@db.test/orders?sslcert=x", UrlError::Unsupported("sslcert")),
            ("postgres://kms:pw@db.test/orders?options=endpoint%3Dx", UrlError::Unsupported("options")),
        ] {
            assert_eq!(parse(url).err(), Some(expected), "{url}");
        }
    }

    fn format(url: &PostgresUrl) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let password = url.password.as_ref().map(|password| format!(":{}", encoded(password.expose())));
        let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
        let mode = match (url.ssl_enabled, url.ssl_reject_unauthorized) {
            (false, _) => "disable",
            (true, false) => "require",
            (true, true) => "verify-full",
        };
        format!(
            "postgresql://{}{}@{host}:{}/{}?sslmode={mode}",
            encoded(&url.username),
            password.unwrap_or_default(),
            url.port,
            encoded(&url.database)
        )
    }

    proptest! {
        #[test]
        fn parses_what_it_formats(
            host in "[a-z][a-z0-9.-]{0,20}|10\\.0\\.0\\.[1-9]|2001:db8::[1-9]",
            port in 1u16..,
            database in "[^\0 ][^\0]{0,20}",
            username in "[^\0 ][^\0]{0,20}",
            password in proptest::option::of("[^\0]{1,30}"),
            tls in prop_oneof![Just((false, true)), Just((true, false)), Just((true, true))],
        ) {
            prop_assume!(!database.trim().is_empty() && !username.trim().is_empty());
            let (ssl_enabled, ssl_reject_unauthorized) = tls;
            let password = password.map(Secret::new);
            let url = PostgresUrl { host, port, database, username, password, ssl_enabled, ssl_reject_unauthorized };
            let parsed = parse(&format(&url));
            prop_assert!(parsed.is_ok_and(|parsed| parsed == url));
        }
    }
}

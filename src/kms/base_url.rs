//! The address of a KMS, parsed once. Does not depend on requests.

use std::{fmt, net::IpAddr};

use reqwest::Url;

/// Where the KMS is: scheme, host, port and perhaps a path in front of `/api`.
///
/// Never holds a password, a query or a fragment, so it may be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    host: String,
}

/// Why a text is not the address of a KMS. Repeats nothing of the text but a host without anything before it, because
/// people paste addresses with passwords in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// Nothing there.
    #[error("the address of the KMS is empty; it looks like `https://app.kms.hanzo.ai`")]
    Empty,
    /// A bare host name, most often.
    #[error("the address of the KMS must begin with `https://` (`http://` is fine for this machine)")]
    NoScheme,
    /// The quotes of a shell or of an `.env` file, most often.
    #[error("the address of the KMS must begin with `https://`; it begins with a quote")]
    Quoted,
    /// Neither `https` nor `http`. Not repeated: what stands in front of `://` may be anything.
    #[error("the address of the KMS must begin with `https://`; it begins with another scheme")]
    Scheme,
    /// Not a URL at all.
    #[error("the address of the KMS is not a URL: {0}")]
    Malformed(String),
    /// `https://user:password@host`.
    #[error(
        "the address of the KMS must not hold a user name or a password; the provider has arguments for credentials"
    )]
    UserInfo,
    /// `?` or `#` in it.
    #[error("the address of the KMS must not hold a query (`?`) or a fragment (`#`)")]
    Query,
    /// Clear text to another machine.
    #[error("the address of the KMS, `http://{0}`, would send secrets over the network in clear text; use `https://`")]
    Insecure(String),
}

impl BaseUrl {
    /// Parses an address such as `https://app.kms.hanzo.ai`. Slashes and one `/api` or `/api/v1` at the end are dropped.
    ///
    /// `http://` is accepted only for this machine itself, unless `allow_insecure` is set.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BaseUrlError::Empty);
        }
        if text.starts_with(['"', '\'', '`', '\u{201c}', '\u{2018}']) {
            return Err(BaseUrlError::Quoted);
        }
        // Before anything is parsed: a `/`, `?` or `#` in a password would make its beginning the host.
        if text.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        if text.contains(['?', '#']) {
            return Err(BaseUrlError::Query);
        }
        if !text.contains("://") {
            return Err(BaseUrlError::NoScheme);
        }
        let mut url = Url::parse(text).map_err(|error| BaseUrlError::Malformed(error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BaseUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::UserInfo);
        }
        let path = without_api(url.path()).to_owned();
        url.set_path(&path);

        let name = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let parsed = Self { url, host };
        if parsed.url.scheme() == "http" && !allow_insecure && !parsed.is_loopback() {
            return Err(BaseUrlError::Insecure(parsed.host));
        }
        Ok(parsed)
    }

    /// Returns the host, and the port where it is not the default.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns whether requests stay on this machine. Then no proxy is used.
    pub fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        matches!(host, "localhost" | "localhost.") || address.is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether requests go to this machine in clear text, without a proxy.
    pub(super) fn never_needs_tls(&self) -> bool {
        self.url.scheme() == "http" && self.is_loopback()
    }

    /// Returns the URL of a path below it. Each segment is escaped, so none can lead out of it; a segment `.` or `..` would
    /// vanish and must not get here.
    pub(super) fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>, query: Option<(&str, &str)>) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }
}

/// Returns a path without the part that the client adds.
fn without_api(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let version =
        |last: &str| last.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let unversioned = path.rsplit_once('/').filter(|(rest, last)| version(last) && rest.ends_with("/api"));
    let path = unversioned.map_or(path, |(rest, _)| rest);
    path.strip_suffix("/api").unwrap_or(path).trim_end_matches('/')
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_addresses() {
        for (text, expected, host) in [
            ("https://app.kms.hanzo.ai", "https://app.kms.hanzo.ai", "app.kms.hanzo.ai"),
            (" https://app.kms.hanzo.ai/ ", "https://app.kms.hanzo.ai", "app.kms.hanzo.ai"),
            ("https://APP.kms.hanzo.ai/api", "https://app.kms.hanzo.ai", "app.kms.hanzo.ai"),
            ("https://app.kms.hanzo.ai:443/api///", "https://app.kms.hanzo.ai", "app.kms.hanzo.ai"),
            ("https://kms.test:8443//api/", "https://kms.test:8443", "kms.test:8443"),
            ("https://corp.test/kms/api/", "https://corp.test/kms", "corp.test"),
            ("https://corp.test/kms/api/v1/", "https://corp.test/kms", "corp.test"),
            ("https://app.kms.hanzo.ai/api/v3", "https://app.kms.hanzo.ai", "app.kms.hanzo.ai"),
            ("https://corp.test/v1", "https://corp.test/v1", "corp.test"),
            ("https://corp.test/api/vault", "https://corp.test/api/vault", "corp.test"),
            ("https://corp.test/myapi", "https://corp.test/myapi", "corp.test"),
            ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9", "127.9.9.9"),
            ("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080"),
            ("http://localhost:8080", "http://localhost:8080", "localhost:8080"),
        ] {
            let base = BaseUrl::parse(text, false).expect(text);
            assert_eq!(base.to_string(), expected, "{text}");
            assert_eq!(base.host(), host, "{text}");
        }
    }

    #[test]
    fn rejects_invalid_addresses_without_echoing_them() {
        let insecure = |host: &str| BaseUrlError::Insecure(host.to_owned());
        for (text, expected) in [
            ("", BaseUrlError::Empty),
            ("  ", BaseUrlError::Empty),
            ("app.kms.hanzo.ai", BaseUrlError::NoScheme),
            ("localhost:8080", BaseUrlError::NoScheme),
            ("ftp://kms.test", BaseUrlError::Scheme),
            ("hunter2://kms.test", BaseUrlError::Scheme),
            ("\"https://kms.test\"", BaseUrlError::Quoted),
            ("'https://kms.test'", BaseUrlError::Quoted),
            ("https://hunter2:12/34@kms.test", BaseUrlError::UserInfo),
            ("http://hunter2:1?2@kms.test", BaseUrlError::UserInfo),
            ("postgres://me:hun#ter2@kms.test", BaseUrlError::UserInfo),
            ("https://", BaseUrlError::Malformed("empty host".to_owned())),
            ("https://kms.test:99999", BaseUrlError::Malformed("invalid port number".to_owned())),
            ("https://me:hunter2@kms.test", BaseUrlError::UserInfo),
            ("https://me@kms.test", BaseUrlError::UserInfo),
            ("https://kms.test/?token=hunter2", BaseUrlError::Query),
            ("https://kms.test/#x", BaseUrlError::Query),
            ("http://kms.test", insecure("kms.test")),
            ("http://10.0.0.1:8080", insecure("10.0.0.1:8080")),
            ("http://localhost.evil.test", insecure("localhost.evil.test")),
            ("http://127.0.0.1.evil.test", insecure("127.0.0.1.evil.test")),
        ] {
            let error = BaseUrl::parse(text, false).expect_err(text);
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert!(BaseUrl::parse("http://kms.test", true).is_ok());
    }

    #[test]
    fn escapes_path_segments() {
        let base = BaseUrl::parse("https://corp.test/kms/", false).unwrap();
        let url = base.join(["api", "v1", "a/../b?c#d %2F"], Some(("projectId", "a&b=c")));
        assert_eq!(url.as_str(), "https://corp.test/kms/api/v1/a%2F..%2Fb%3Fc%23d%20%252F?projectId=a%26b%3Dc");
    }
}

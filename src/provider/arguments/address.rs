//! `address`: the host and port of a database for this machine.

use crate::postgres;

/// The host and port to connect to instead of `host` and `port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressOverride {
    /// Name or IP address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

impl AddressOverride {
    /// The valid values, as part of a sentence.
    pub(crate) const VALID: &'static str =
        "one host and port, such as `127.0.0.1:15432`, `bastion.example.com:5432` or `[::1]:5432`";

    /// Parses `host:port` or `[IPv6]:port`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let plain = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@,[]".contains(c));
        let port = port.parse().ok().filter(|port| *port > 0)?;
        plain.then(|| Self { host: host.to_owned(), port })
    }
}

impl From<AddressOverride> for postgres::Address {
    fn from(address: AddressOverride) -> Self {
        Self { host: postgres::ascii_host(&address.host), port: address.port }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_addresses() {
        for (text, host, port) in
            [("localhost:5432", "localhost", 5432), ("[::1]:5432", "::1", 5432), (" 127.0.0.1:1 ", "127.0.0.1", 1)]
        {
            assert_eq!(AddressOverride::parse(text), Some(AddressOverride { host: host.to_owned(), port }), "{text}");
        }
        for text in
            ["", "localhost", "::1:5432", "a:0", "a:70000", ":5432", "[::1]5432", "a b:1", "http://a:1", "a,b:1"]
        {
            assert_eq!(AddressOverride::parse(text), None, "{text}");
        }
    }
}

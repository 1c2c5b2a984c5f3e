//! `KMS_VALIDATION_HOSTS`: the hosts that the provider may log in to. The list is set where Terraform runs, because a
//! configuration could name any host and send the password there.
//!
//! A login needs two entries: one for `host`, as a name or an address, and one for the address of the connection. A name in the
//! list does not allow an address, because DNS decides which addresses a name has.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::postgres::ascii_host;

/// The hosts and addresses that the provider may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Vec<HostPattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Name(String),
    /// Each name with this suffix, which begins with a dot.
    Below(String),
    Network(IpNet),
}

/// Why a list of hosts is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedHostsError {
    /// The list has no entry.
    Empty,
    /// This entry is not valid.
    Entry(String),
    /// The entry at this position, counted from 1, is not valid and may be a part of a URL with a password.
    Position(usize),
}

impl AllowedHosts {
    /// Parses names, `*.suffix`, addresses and networks, separated by commas or whitespace.
    ///
    /// # Errors
    /// For the first entry that is not valid.
    pub(crate) fn parse(text: &str) -> Result<Self, AllowedHostsError> {
        let entries = text.split([',', ' ', '\t', '\n', '\r']).filter(|entry| !entry.is_empty());
        let parsed: Result<Vec<_>, _> =
            entries.enumerate().map(|(index, entry)| HostPattern::parse(entry).ok_or((index, entry))).collect();
        match parsed {
            Ok(entries) if entries.is_empty() => Err(AllowedHostsError::Empty),
            Ok(entries) => Ok(Self(entries)),
            Err((_, entry)) if is_quotable(entry) && !text.contains("://") => {
                Err(AllowedHostsError::Entry(entry.to_owned()))
            }
            Err((index, _)) => Err(AllowedHostsError::Position(index + 1)),
        }
    }

    /// Returns whether the list has the host of a configuration.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        if let Ok(address) = host.parse() {
            return self.has_address(address);
        }
        let host = plain(host);
        self.0.iter().any(|entry| match entry {
            HostPattern::Name(name) => *name == host,
            HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            HostPattern::Network(_) => false,
        })
    }

    /// Returns whether the list has an address. An IPv4 address in the form of IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|entry| matches!(entry, HostPattern::Network(network) if network.contains(&address)))
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let unbracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let network = unbracketed.parse().or_else(|_| unbracketed.parse::<IpAddr>().map(IpNet::from));
        if let Ok(network) = network {
            return Some(Self::Network(network));
        }
        match text.strip_prefix("*.") {
            Some(suffix) => is_name(suffix).then(|| Self::Below(format!(".{}", plain(suffix)))),
            None => is_name(text).then(|| Self::Name(plain(text))),
        }
    }
}

/// Returns the comparable form of a name: in lower case, in ASCII, and without the dot of the root.
fn plain(name: &str) -> String {
    let name = ascii_host(name);
    name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase()
}

/// Returns whether a text is a host name. One of digits and dots only is an invalid address.
fn is_name(text: &str) -> bool {
    let good = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = plain(text);
    name.split('.').all(good) && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Returns whether an entry may be quoted. A URL may hold a password, which a space or a comma in it would have split.
fn is_quotable(entry: &str) -> bool {
    entry.contains('.') && entry.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_*/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_names_by_name_and_addresses_by_network() {
        let list = "db.example.com., *.Corp.test 10.0.0.0/8,\n2001:db8::/32 [::1] 192.0.2.7";
        let hosts = AllowedHosts::parse(list).unwrap();
        for (host, found) in [
            ("db.example.com", true),
            ("DB.example.COM.", true),
            ("other.example.com", false),
            ("x.db.example.com", false),
            ("a.corp.test", true),
            ("a.b.corp.test", true),
            ("corp.test", false),
            ("notcorp.test", false),
            ("a.corp.test.evil.test", false),
            ("10.2.3.4", true),
            ("11.2.3.4", false),
            ("2001:db8::5", true),
            ("2001:db9::5", false),
            ("::1", true),
            ("", false),
        ] {
            assert_eq!(hosts.has_host(host), found, "{host}");
        }
        for (address, found) in
            [("10.9.9.9", true), ("::ffff:10.9.9.9", true), ("192.0.2.7", true), ("192.0.2.8", false), ("::2", false)]
        {
            assert_eq!(hosts.has_address(address.parse().unwrap()), found, "{address}");
        }
    }

    #[test]
    fn finds_both_forms_of_an_international_name() {
        for list in ["bücher.test *.Größe.test", "xn--bcher-kva.test *.xn--gre-6ka8i.test"] {
            let hosts = AllowedHosts::parse(list).unwrap();
            for host in ["bücher.test", "BÜCHER.test.", "xn--bcher-kva.test", "a.größe.test", "a.xn--gre-6ka8i.test"]
            {
                assert!(hosts.has_host(host), "{host} in {list}");
            }
            assert!(!hosts.has_host("bucher.test"), "{list}");
        }
    }

    #[test]
    fn rejects_invalid_entries_without_quoting_urls() {
        use AllowedHostsError::{Empty, Position};
        let entry = |entry: &str| AllowedHostsError::Entry(entry.to_owned());
        for (text, expected) in [
            ("10.0.0.0/33", entry("10.0.0.0/33")),
            ("10.0.0", entry("10.0.0")),
            ("db.example.com,*", Position(2)),
            ("*example.com", entry("*example.com")),
            ("db.*.com", entry("db.*.com")),
            ("https://db", Position(1)),
            ("a.test postgres://me:hunter2 x@db", Position(2)),
            ("db:5432", Position(1)),
            ("a..b", entry("a..b")),
            ("db.test,postgres://me:hunter2@db", Position(2)),
            (",", Empty),
        ] {
            assert_eq!(AllowedHosts::parse(text), Err(expected), "{text}");
        }
    }
}

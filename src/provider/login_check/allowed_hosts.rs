//! `KMS_VALIDATION_HOSTS`: where logins may go. It belongs to whoever runs the plan: a configuration could name any host
//! and use the password there.
//!
//! A login needs both: `host` stands in the list, by name or as an address, and so does the address that is dialled. A
//! name in the list vouches for no address, because whoever answers for the name decides where it leads.

use std::net::IpAddr;

use crate::env;
use crate::postgres::{Network, ascii_host};
use crate::terraform::diagnostic::Diagnostic;

/// What may be contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Vec<HostPattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    /// This name.
    Name(String),
    /// Every name that ends in this, with a dot in front.
    Below(String),
    /// These addresses.
    Network(Network),
}

impl AllowedHosts {
    /// Reads the variable; `None` when it is not set, and everything is allowed.
    ///
    /// # Errors
    /// An entry that is none. It names the variable.
    pub(crate) fn resolve(variable: env::Lookup<'_>) -> Result<Option<Self>, Diagnostic> {
        let Some((name, text)) = env::first(&env::VALIDATION_HOSTS, variable) else { return Ok(None) };
        let entries = text.split([',', ' ', '\t', '\n', '\r']).filter(|entry| !entry.is_empty());
        let parsed: Result<Vec<_>, _> =
            entries.enumerate().map(|(index, entry)| HostPattern::parse(entry).ok_or((index, entry))).collect();
        match parsed {
            Ok(entries) if !entries.is_empty() => Ok(Some(Self(entries))),
            Ok(_) => Err(invalid(name, "it holds no entry")),
            Err((_, entry)) if is_harmless(entry) && !text.contains("://") => {
                Err(invalid(name, &format!("`{entry}` is no such entry")))
            }
            Err((index, _)) => Err(invalid(name, &format!("its entry number {} is none of these", index + 1))),
        }
    }

    /// Whether a host, as it is configured, stands in the list.
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

    /// Whether an address stands in the list.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.0.iter().any(|entry| matches!(entry, HostPattern::Network(network) if network.contains(address)))
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let unbracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(network) = unbracketed.parse() {
            return Some(Self::Network(network));
        }
        match text.strip_prefix("*.") {
            Some(suffix) => is_name(suffix).then(|| Self::Below(format!(".{}", plain(suffix)))),
            None => is_name(text).then(|| Self::Name(plain(text))),
        }
    }
}

/// Names are the same in upper and lower case, with and without the dot of the root, and in both forms of an international
/// name.
fn plain(name: &str) -> String {
    let name = ascii_host(name);
    name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase()
}

/// What is all digits and dots was meant to be an address.
fn is_name(text: &str) -> bool {
    let good = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = plain(text);
    name.split('.').all(good) && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether an entry may be repeated: a URL may hold a password, which a space or comma in it would have cut in two.
fn is_harmless(entry: &str) -> bool {
    entry.contains('.') && entry.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_*/".contains(&byte))
}

fn invalid(variable: &str, problem: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid environment variable",
        format!(
            "`{variable}` takes names (`db.example.com`), names below a domain (`*.example.com`), addresses and networks \
             (`10.0.0.0/8`), separated by commas or spaces; {problem}. Change its value, or unset it to allow every host."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<AllowedHosts>, Diagnostic> {
        AllowedHosts::resolve(&|name| (name == "KMS_VALIDATION_HOSTS").then(|| text.to_owned()))
    }

    #[test]
    fn hosts_and_addresses_are_found_by_their_own_kind() {
        let hosts = read("db.example.com., *.Corp.test 10.0.0.0/8,\n2001:db8::/32 [::1] 192.0.2.7").unwrap().unwrap();
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
            let hosts = read(list).unwrap().unwrap();
            for host in ["bücher.test", "BÜCHER.test.", "xn--bcher-kva.test", "a.größe.test", "a.xn--gre-6ka8i.test"]
            {
                assert!(hosts.has_host(host), "{host} in {list}");
            }
            assert!(!hosts.has_host("bucher.test"), "{list}");
        }
    }

    #[test]
    fn an_entry_that_is_none_is_named_with_its_variable() {
        for (text, named) in [
            ("10.0.0.0/33", "`10.0.0.0/33`"),
            ("10.0.0", "`10.0.0`"),
            ("db.example.com,*", "its entry number 2 is none"),
            ("*example.com", "`*example.com`"),
            ("db.*.com", "`db.*.com`"),
            ("https://db", "its entry number 1 is none"),
            ("a.test postgres://me:hunter2 x@db", "its entry number 2 is none"),
            ("db:5432", "its entry number 1 is none"),
            ("a..b", "`a..b`"),
            ("db.test,postgres://me:hunter2@db", "its entry number 2 is none"),
            (",", "no entry"),
        ] {
            let detail = read(text).unwrap_err().detail;
            assert!(detail.starts_with("`KMS_VALIDATION_HOSTS`") && detail.contains(named), "{text}: {detail}");
        }
        assert_eq!(read("").unwrap(), None);
    }
}

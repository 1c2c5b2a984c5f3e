//! `NO_PROXY`: the hosts without a proxy. Parsed as Go's `httpproxy` parses it, port and network included.

use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::Url;

/// The entries of the variable.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions(Vec<ExceptionEntry>);

#[derive(Clone, Debug)]
struct ExceptionEntry {
    host: Host,
    /// None is every port. A text that is not a number matches no port.
    port: Option<String>,
}

#[derive(Clone, Debug)]
enum Host {
    All,
    Network(IpNet),
    Address(IpAddr),
    /// Names below this one, which begins with a dot; `itself` is the name without it.
    Below {
        suffix: String,
        itself: bool,
    },
}

impl Exceptions {
    pub(super) fn parse(text: &str) -> Self {
        Self(text.split(',').filter_map(ExceptionEntry::parse).collect())
    }

    /// Returns whether a URL is reached without a proxy, as this machine always is.
    pub(super) fn contain(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let port = url.port_or_known_default().unwrap_or_default().to_string();
        let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        is_here || self.0.iter().any(|entry| entry.matches(&host, address, &port))
    }
}

impl ExceptionEntry {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text == "*" {
            return Some(Self { host: Host::All, port: None });
        }
        if let Ok(network) = text.parse() {
            return Some(Self { host: Host::Network(network), port: None });
        }
        let (name, port) = with_port(&text);
        if let Ok(address) = name.parse::<IpAddr>() {
            return Some(Self { host: Host::Address(address.to_canonical()), port });
        }
        let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
        let (itself, name) = (!name.starts_with('.'), name.strip_prefix('.').unwrap_or(name));
        // Names of other alphabets in the form in which the URL has them.
        let ascii = Url::parse(&format!("http://{name}")).ok().filter(|_| !name.is_ascii());
        let name = ascii.as_ref().and_then(Url::host_str).unwrap_or(name);
        (!name.is_empty()).then(|| Self { host: Host::Below { suffix: format!(".{name}"), itself }, port })
    }

    fn matches(&self, host: &str, address: Option<IpAddr>, port: &str) -> bool {
        let is_host = match &self.host {
            Host::All => true,
            Host::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Host::Address(own) => address == Some(*own),
            Host::Below { suffix, itself } => {
                host.ends_with(suffix.as_str()) || (*itself && suffix.strip_prefix('.') == Some(host))
            }
        };
        is_host && self.port.as_deref().is_none_or(|own| own == port)
    }
}

/// `host:port` or `[IPv6]:port`, apart; everything else is a host.
fn with_port(text: &str) -> (&str, Option<String>) {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some(parts) => parts,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, port),
            _ => return (text, None),
        },
    };
    (host, Some(port.to_owned()).filter(|port| !port.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases follow from Go's `httpproxy`, which Terraform uses.
    #[test]
    fn reads_ports_networks_and_names_as_terraform_does() {
        for (text, url, direct) in [
            ("", "https://kms.test", false),
            ("", "https://localhost:8443", true),
            ("", "https://127.9.9.9", true),
            ("", "https://[::1]:8443", true),
            ("*", "https://kms.test", true),
            (" a.test , kms.test ", "https://kms.test", true),
            ("a.test kms.test", "https://kms.test", false),
            ("kms.test", "https://eu.kms.test", true),
            ("kms.test", "https://notkms.test", false),
            ("KMS.test", "https://kms.TEST", true),
            (".kms.test", "https://kms.test", false),
            (".kms.test", "https://eu.kms.test", true),
            ("*.kms.test", "https://eu.kms.test", true),
            ("*.kms.test", "https://kms.test", false),
            ("kms.test:443", "https://kms.test", true),
            ("kms.test:443", "https://kms.test:8443", false),
            ("kms.test:8443", "https://eu.kms.test:8443", true),
            ("kms.test:", "https://kms.test:8443", true),
            ("kms.test:https", "https://kms.test", false),
            (":443", "https://kms.test", false),
            ("10.0.0.0/8", "https://10.2.3.4:8443", true),
            ("10.0.0.0/8", "https://11.2.3.4", false),
            ("10.0.0.0/8", "https://kms.test", false),
            ("10.2.3.4", "https://10.2.3.4", true),
            ("10.2.3.4:8443", "https://10.2.3.4", false),
            ("10.2.3.4:443", "https://10.2.3.4", true),
            ("fd00::/8", "https://[fd12::1]", true),
            ("fd12::1", "https://[fd12::1]", true),
            ("[fd12::1]:443", "https://[fd12::1]", true),
            ("[fd12::1]:444", "https://[fd12::1]", false),
            ("b\u{fc}cher.test", "https://b\u{fc}cher.test", true),
            (".b\u{fc}cher.test", "https://kms.xn--bcher-kva.test", true),
        ] {
            assert_eq!(Exceptions::parse(text).contain(&Url::parse(url).unwrap()), direct, "{text} {url}");
        }
    }
}

//! Whether a certificate is for a host. The rules are Node's own, which are not quite those of the web's standards:
//! the common name counts if it has no DNS name, and an asterisk may stand for a part of the first label.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use x509_parser::extensions::GeneralName;

use super::certificate::Certificate;

/// Whether it is.
pub(crate) fn matches(certificate: &Certificate<'_>, host: &ServerName<'_>) -> bool {
    let alternatives = certificate.alternatives();
    let host = match host {
        ServerName::IpAddress(address) => {
            let wanted = IpAddr::from(*address);
            return alternatives.iter().filter_map(address_of).any(|address| address == wanted);
        }
        host => host.to_str(),
    };
    let dns: Vec<String> = alternatives
        .iter()
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None })
        .collect();
    let names = if dns.is_empty() { certificate.common_names() } else { dns };
    names.iter().any(|name| covers(name, &host))
}

fn address_of(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    match bytes.len() {
        4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
    }
}

/// Whether a name in a certificate, which may hold an asterisk, covers a host.
fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (plain(pattern), plain(host));
    let split = |name: &str| -> Vec<String> { name.split('.').map(str::to_owned).collect() };
    let (pattern, host) = (split(&pattern), split(&host));
    let is_bad = |label: &String| label.is_empty() || label.chars().any(|c| !('\u{21}'..='\u{7f}').contains(&c));
    if pattern.len() != host.len() || pattern.iter().any(is_bad) {
        return false;
    }
    let (Some((first, rest)), Some((host_first, host_rest))) = (pattern.split_first(), host.split_first()) else {
        return false;
    };
    if rest != host_rest {
        return false;
    }
    match first.split_once('*') {
        // Within an internationalised label an asterisk is only a character.
        None => first == host_first,
        Some(_) if first.contains("xn--") => first == host_first,
        Some((before, after)) => {
            !after.contains('*')
                && rest.len() >= 2
                && before.len() + after.len() <= host_first.len()
                && host_first.starts_with(before)
                && host_first.ends_with(after)
        }
    }
}

/// Lower case, without the final dot.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn names_are_compared_as_node_does() {
        #[rustfmt::skip]
        let cases = [
            ("db.test", "db.test", true),
            ("DB.Test.", "db.test", true),
            ("db.test", "DB.TEST.", true),
            ("db.test", "db.test.example", false),
            ("*.db.test", "a.db.test", true),
            ("*.db.test", "db.test", false),
            ("*.db.test", "a.b.db.test", false),
            ("*.test", "db.test", false),
            ("*", "localhost", false),
            ("a*.db.test", "ab.db.test", true),
            ("a*.db.test", "a.db.test", true),
            ("a*b.db.test", "ab.db.test", true),
            ("ab*ba.db.test", "aba.db.test", false),
            ("*a*.db.test", "bab.db.test", false),
            ("**.db.test", "a.db.test", false),
            ("xn--*.db.test", "xn--a.db.test", false),
            ("a.*.db.test", "a.b.db.test", false),
            ("db..test", "db..test", false),
            ("db test", "db test", false),
            ("dB_1.test", "db_1.test", true),
            ("", "", false),
        ];
        for (pattern, host, expected) in cases {
            assert_eq!(covers(pattern, host), expected, "{pattern} for {host}");
        }
    }
}

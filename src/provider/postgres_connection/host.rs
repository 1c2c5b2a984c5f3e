//! What may stand in `host`, and what people write there by mistake.

/// The sentence for a host that the KMS could not use; `None` for a good one.
pub(super) fn rule(text: &str) -> Option<String> {
    let host = text.trim();
    if host.is_empty() {
        return Some("`host` is empty. A good one is `db.example.com`.".to_owned());
    }
    if let Some((scheme, rest)) = host.split_once("://") {
        return Some(url(scheme, rest));
    }
    if host.starts_with('/') {
        return Some(
            "This is the path of a socket, and the KMS connects over the network. Give the name or IP address of the server, \
             such as `db.example.com`."
                .to_owned(),
        );
    }
    if host.contains(',') {
        return Some(
            "This is a list, and the KMS takes one host: give the writer endpoint (the primary), such as `db.example.com`."
                .to_owned(),
        );
    }
    if host.contains('[') || host.contains(']') {
        return Some(
            "An IPv6 address is written without brackets here, such as `2001:db8::1`; the port goes into `port`."
                .to_owned(),
        );
    }
    if is_ipv6(host) {
        return None;
    }
    let parts: Vec<&str> = host.split(':').collect();
    if parts.len() == 3 && parts.iter().all(|part| !part.is_empty()) {
        return Some(
            "This looks like the connection name of a Cloud SQL instance (`project:region:instance`), which only Google's own \
             connectors understand. Give the IP address or DNS name of the instance."
                .to_owned(),
        );
    }
    if let [name, port] = parts[..]
        && port.parse::<u16>().is_ok()
    {
        return Some(format!("The port goes into its own argument: write `host = \"{name}\"` and `port = {port}`."));
    }
    let strange = host.chars().find(|c| !(c.is_alphanumeric() || ".-_".contains(*c)));
    strange.map(|c| {
        format!(
            "`host` is a name or an IP address; it cannot contain `{}`. A good one is `db.example.com`.",
            c.escape_debug()
        )
    })
}

fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, ""));
    zone.is_empty() && address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// The arguments that a URL would be. Its password is left out: it must not appear in a message.
fn url(scheme: &str, rest: &str) -> String {
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user = login.split(':').next().unwrap_or_default();
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (address, ""),
    };
    let arguments =
        [("host", host, true), ("port", port, false), ("database", database, true), ("username", user, true)];
    let written: Vec<String> = arguments
        .iter()
        .filter(|(_, value, _)| !value.is_empty())
        .map(
            |(name, value, quoted)| {
                if *quoted { format!("`{name} = {value:?}`") } else { format!("`{name} = {value}`") }
            },
        )
        .collect();
    if !scheme.starts_with("postgres") || written.is_empty() {
        return "`host` is a name or an IP address, not a URL. A good one is `db.example.com`.".to_owned();
    }
    format!("This is a URL; its parts go into arguments of their own: {}, and the password.", written.join(", "))
}

#[cfg(test)]
mod tests {
    use super::rule;

    #[test]
    fn good_hosts() {
        for host in [
            "db.example.com",
            "::1",
            "localhost.",
            "db_1.test",
            "DB.TEST",
            "10.0.0.1",
            "2001:db8::1",
            " db.test ",
            "bücher.example",
        ] {
            assert_eq!(rule(host), None, "{host}");
        }
    }

    #[test]
    fn each_wrong_form_has_its_own_sentence() {
        for (host, words) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("a.test,b.test", "writer endpoint"),
            ("/var/run/postgresql", "path of a socket"),
            ("proj:europe-west1:main", "Cloud SQL"),
            ("db.test:5432", "`host = \"db.test\"` and `port = 5432`"),
            ("[::1]", "without brackets"),
            ("a::b::c", "cannot contain `:`"),
            ("db.test:", "cannot contain `:`"),
            ("db test", "cannot contain ` `"),
            ("http://db.test", "not a URL"),
            (
                "postgresql://kms:s3cret@db.test:6432/orders?sslmode=require",
                "`host = \"db.test\"`, `port = 6432`, `database = \"orders\"`, `username = \"kms\"`",
            ),
        ] {
            let sentence = rule(host).unwrap();
            assert!(sentence.contains(words), "{host}: {sentence}");
            assert!(!sentence.contains("s3cret"), "{sentence}");
        }
    }
}

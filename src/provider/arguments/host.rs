//! The rule for `host`, and the common mistakes in the argument.

use crate::postgres::ascii_host;
use crate::secret::is_quotable;

/// Returns the sentence for a host that the KMS cannot use; `None` for a valid host.
pub(crate) fn rule(text: &str) -> Option<String> {
    let host = text.trim();
    if host.is_empty() {
        return Some("`host` is empty. Example: `db.example.com`.".to_owned());
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
        && is_quotable(name)
    {
        return Some(format!("The port goes into its own argument: write `host = \"{name}\"` and `port = {port}`."));
    }
    // International names are converted, as Node does it.
    let name = ascii_host(host);
    let strange = name.chars().find(|c| !(c.is_ascii_alphanumeric() || ".-_".contains(*c)));
    strange.map(|c| {
        format!(
            "`host` is a name or an IP address; it cannot contain `{}`. Example: `db.example.com`.",
            c.escape_debug()
        )
    })
}

fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, ""));
    zone.is_empty() && address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Returns the sentence for a URL. A URL may hold a password, and a password may hold every character that separates the
/// parts of a URL: parts are quoted only where it is certain which of them is the password.
fn url(scheme: &str, rest: &str) -> String {
    if !scheme.starts_with("postgres") {
        return "`host` is a name or an IP address, not a URL. Example: `db.example.com`.".to_owned();
    }
    match arguments(rest) {
        Some(arguments) => {
            format!("This is a URL; its parts go into arguments of their own: {arguments}, and the password.")
        }
        None => {
            "This is a URL; its parts go into arguments of their own: `host` takes only the name of the server, such \
                 as `db.example.com`, and `port`, `database`, `username` and the password stand beside it."
                .to_owned()
        }
    }
}

/// Returns the arguments for the parts of `user:password@host:port/database?parameters`, without the password.
fn arguments(rest: &str) -> Option<String> {
    let (login, server) = rest.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    if !is_quotable(user) || password.is_empty() || password.contains(['/', '?', '#', '@']) {
        return None;
    }
    let server = server.split(['?', '#']).next().unwrap_or(server);
    let (address, database) = server.split_once('/').unwrap_or((server, ""));
    let (host, port) = address.split_once(':').unwrap_or((address, ""));
    if !is_quotable(host) {
        return None;
    }
    let mut arguments = vec![format!("`host = \"{host}\"`")];
    arguments.extend(port.parse::<u16>().ok().map(|port| format!("`port = {port}`")));
    for (name, value) in [("database", database), ("username", user)] {
        arguments.extend(is_quotable(value).then(|| format!("`{name} = \"{value}\"`")));
    }
    Some(arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::rule;

    #[test]
    fn accepts_valid_hosts() {
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
    fn rejects_each_invalid_form_with_its_own_sentence() {
        for (host, expected) in [
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
            ("postgres://db.test/orders", "`host` takes only the name of the server"),
            ("postgres://kms:s3cret/x@db.test:5432/orders", "`host` takes only the name of the server"),
            (
                "postgresql://kms:s3cret@db.test:6432/orders?sslmode=require",
                "`host = \"db.test\"`, `port = 6432`, `database = \"orders\"`, `username = \"kms\"`",
            ),
        ] {
            let sentence = rule(host).unwrap();
            assert!(sentence.contains(expected), "{host}: {sentence}");
            assert!(!sentence.contains("s3cret"), "{sentence}");
        }
    }
}

//! What the server does to databases: logs in before it stores, with its driver's error texts, and changes passwords.

use serde_json::{Value, json};

use super::client::{Client, POSTGRES, ServiceError, create_body};
use crate::support::kms::{Kms, Options};
use crate::support::postgres::{Authority, Postgres, Validity};

const PREFIX: &str = "Unable to validate connection: ";

/// A create request for a role of a fixture server, without TLS.
fn body(name: &str, postgres: &Postgres, role: &str, password: &str) -> Value {
    json!({
        "name": name,
        "method": "username-and-password",
        "credentials": {
            "host": postgres.host(), "port": postgres.port(), "database": "postgres", "username": role,
            "password": password, "sslEnabled": false, "sslRejectUnauthorized": false,
        },
    })
}

fn message(reply: &ServiceError) -> (u16, &str) {
    (reply.status, reply.body["message"].as_str().unwrap_or("a connection"))
}

#[test]
fn reports_failed_database_logins() {
    let postgres = Postgres::shared();
    postgres.create_role("kms_login", "authentication");
    let no_tls = Postgres::start(crate::support::postgres::Options::without_tls());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = format!("connect ECONNREFUSED 127.0.0.1:{free}");
    let kms = Kms::start(Options::default());
    let client = Client::of(&kms);
    let cases: [(&str, Value, &str); 8] = [
        ("password", json!("wrong"), "password authentication failed for user \"kms_login\""),
        ("username", json!("kms_nobody"), "password ******************** failed for user \"kms_nobody\""),
        ("database", json!("none"), "database \"none\" does not exist"),
        ("port", json!(free), &refused),
        ("port", json!(70000), "Port should be >= 0 and < 65536. Received type number (70000)."),
        ("port", json!("1.5"), "Port should be >= 0 and < 65536. Received type number (1.5)."),
        ("host", json!("nowhere.invalid"), "getaddrinfo ENOTFOUND nowhere.invalid"),
        ("port", json!(no_tls.port()), "The server does not support SSL connections"),
    ];
    for (field, value, expected) in cases {
        let mut body = body("a", postgres, "kms_login", "authentication");
        body["credentials"]["sslEnabled"] = (expected.contains("SSL")).into();
        body["credentials"][field] = value;
        let reply = client.send("POST", POSTGRES, Some(&body));
        assert_eq!(message(&reply), (400, &*format!("{PREFIX}{expected}")));
    }
    assert!(kms.connections().is_empty());

    // The name is looked at only when the database has been.
    let body = body("a", postgres, "kms_login", "authentication");
    let id = client.ok("POST", POSTGRES, Some(&body))["appConnection"]["id"].clone();
    let mut wrong = body.clone();
    wrong["credentials"]["password"] = "wrong".into();
    assert!(message(&client.send("POST", POSTGRES, Some(&wrong))).1.starts_with(PREFIX));
    // Changing them logs in as well, changing anything else does not.
    let path = format!("{POSTGRES}/{}", id.as_str().unwrap());
    let before = kms.connections();
    let reply = client.send("PATCH", &path, Some(&json!({"credentials": wrong["credentials"]})));
    assert!(message(&reply).1.starts_with(PREFIX));
    assert_eq!(kms.connections(), before);
    kms.edit(id.as_str().unwrap(), |row| row["credentials"]["password"] = "wrong".into());
    assert_eq!(client.send("PATCH", &path, Some(&json!({"description": "d"}))).status, 200);
}

#[test]
fn reports_logins_that_pg_hba_rejects() {
    let postgres = Postgres::start(crate::support::postgres::Options::default());
    postgres.create_role("app", "secret");
    postgres.set_access_rules("hostssl all all 127.0.0.1/32 scram-sha-256");
    let kms = Kms::start(Options::default());
    let reply = Client::of(&kms).send("POST", POSTGRES, Some(&body("a", &postgres, "app", "secret")));
    let expected = "no pg_hba.conf entry for host \"127.0.0.1\", user \"app\", database \"postgres\", no encryption";
    assert_eq!(message(&reply), (400, &*format!("{PREFIX}{expected}")));
}

#[test]
fn verifies_database_certificates() {
    let postgres = Postgres::start(crate::support::postgres::Options::default());
    postgres.create_role("app", "secret");
    let authority = postgres.authority();
    let other = Authority::new("Other CA");
    let here = ["localhost", "127.0.0.1"];
    let kms = Kms::start(Options::default());
    let client = Client::of(&kms);
    let attempt = |host: &str, certificate: Option<&str>, reject: bool| {
        let mut body = body("a", &postgres, "app", "secret");
        let credentials = &mut body["credentials"];
        credentials["host"] = host.into();
        credentials["sslEnabled"] = true.into();
        credentials["sslRejectUnauthorized"] = reject.into();
        if let Some(pem) = certificate {
            credentials["sslCertificate"] = pem.into();
        }
        let reply = client.send("POST", POSTGRES, Some(&body));
        for row in kms.connections() {
            kms.remove(row["id"].as_str().unwrap());
        }
        message(&reply).1.trim_start_matches(PREFIX).to_owned()
    };
    const ACCEPTED: &str = "a connection";

    for host in here {
        assert_eq!(attempt(host, Some(authority.pem()), true), ACCEPTED);
    }
    let bundle = format!("{}{}", other.pem(), authority.pem());
    assert_eq!(attempt("localhost", Some(&bundle), true), ACCEPTED);
    assert_eq!(attempt("localhost", None, false), ACCEPTED);
    for useless in [None, Some(other.pem()), Some("no certificate")] {
        assert_eq!(attempt("localhost", useless, true), "unable to verify the first certificate");
    }

    for is_ca in [false, true] {
        let own = Authority::self_signed(&here, is_ca);
        postgres.set_certificate(&own);
        assert_eq!(attempt("localhost", Some(&own.certificate_pem), true), ACCEPTED, "CA:{is_ca}");
        assert_eq!(attempt("localhost", None, true), "self-signed certificate");
        assert_eq!(attempt("localhost", None, false), ACCEPTED);
    }

    postgres.set_certificate(&authority.issue(&["db.example.com", "10.0.0.1"], Validity::Now));
    let mismatch = |problem: &str| {
        format!("Hostname/IP does not match certificate's altnames: {problem}: DNS:db.example.com, IP Address:10.0.0.1")
    };
    let named = mismatch("Host: localhost. is not in the cert's altnames");
    assert_eq!(attempt("localhost", Some(authority.pem()), true), named);
    let addressed = mismatch("IP: 127.0.0.1 is not in the cert's list");
    assert_eq!(attempt("127.0.0.1", Some(authority.pem()), true), addressed);
    assert_eq!(attempt("localhost", Some(authority.pem()), false), ACCEPTED);

    for (validity, expected) in
        [(Validity::Past, "certificate has expired"), (Validity::Future, "certificate is not yet valid")]
    {
        let issued = authority.issue(&here, validity);
        postgres.set_certificate(&issued);
        assert_eq!(attempt("localhost", Some(authority.pem()), true), expected);
        assert_eq!(attempt("localhost", Some(&issued.certificate_pem), true), expected);
    }
}

#[test]
fn stores_new_password_of_platform_managed_connection() {
    let postgres = Postgres::shared();
    postgres.create_role("kms_managed", "first");
    let kms = Kms::start(Options::default());
    let client = Client::of(&kms);
    let body = |name: &str, password: &str, managed: bool| {
        let mut body = body(name, postgres, "kms_managed", password);
        body["isPlatformManagedCredentials"] = managed.into();
        body
    };
    let logs_in = |password: &str| {
        let reply = client.send("POST", POSTGRES, Some(&body("probe", password, false)));
        if let Some(id) = reply.body["appConnection"]["id"].as_str() {
            kms.remove(id);
        }
        reply.status == 200
    };
    let stored = |id: &str| {
        let row = kms.connections().into_iter().find(|row| row["id"] == id).unwrap();
        row["credentials"]["password"].as_str().unwrap().to_owned()
    };
    assert!(logs_in("first"));

    // A name that is taken is found after the role was altered, and takes that back.
    kms.insert(json!({"name": "taken", "app": "rabbitmq", "credentials": {}}));
    let reply = client.send("POST", POSTGRES, Some(&body("taken", "first", true)));
    assert_eq!(message(&reply), (400, "An App Connection with the name \"taken\" already exists"));
    assert!(logs_in("first"));

    let made = client.ok("POST", POSTGRES, Some(&body("made", "first", true)))["appConnection"].clone();
    let second = stored(made["id"].as_str().unwrap());
    assert_eq!(made["isPlatformManagedCredentials"], true);
    assert!(second.len() == 32 && second.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(!logs_in("first") && logs_in(&second));

    // Once managed, for ever managed.
    let path = format!("{POSTGRES}/{}", made["id"].as_str().unwrap());
    let credentials = body("x", &second, false)["credentials"].clone();
    let locked = "Cannot update credentials or management status for platform managed connections";
    let required = "Credentials required to transition to platform managed credentials";
    for (change, expected) in [
        (json!({"credentials": credentials}), locked),
        (json!({"credentials": credentials, "isPlatformManagedCredentials": true}), locked),
        (json!({"isPlatformManagedCredentials": false}), locked),
        (json!({"isPlatformManagedCredentials": true}), required),
    ] {
        assert_eq!(message(&client.send("PATCH", &path, Some(&change))), (400, expected), "{change}");
    }
    client.ok("PATCH", &path, Some(&json!({"name": "renamed", "description": "d", "gatewayId": null})));
    // Nothing gives the role its password back.
    client.ok("DELETE", &path, None);
    assert!(logs_in(&second));

    // From unmanaged to managed.
    let plain = client.ok("POST", POSTGRES, Some(&body("plain", &second, false)))["appConnection"].clone();
    let path = format!("{POSTGRES}/{}", plain["id"].as_str().unwrap());
    let reply = client.send("PATCH", &path, Some(&json!({"isPlatformManagedCredentials": true})));
    assert_eq!(message(&reply), (400, required));
    let change = json!({"isPlatformManagedCredentials": true, "credentials": credentials});
    let after = client.ok("PATCH", &path, Some(&change))["appConnection"].clone();
    let third = stored(plain["id"].as_str().unwrap());
    assert_eq!(after["isPlatformManagedCredentials"], true);
    assert_ne!(after["credentialsHash"], plain["credentialsHash"]);
    assert!(!logs_in(&second) && logs_in(&third));
}

#[test]
fn reports_role_that_cannot_be_altered() {
    let postgres = Postgres::shared();
    postgres.create_role("kms.dotted", "secret");
    let kms = Kms::start(Options::default());
    let mut body = body("a", postgres, "kms.dotted", "secret");
    body["isPlatformManagedCredentials"] = true.into();
    let reply = Client::of(&kms).send("POST", POSTGRES, Some(&body));
    let expected =
        "ALTER USER \"kms\".\"dotted\" WITH PASSWORD '********************'; - syntax error at or near \".\"";
    assert_eq!(message(&reply), (400, expected));
    assert!(kms.connections().is_empty());
}

#[test]
fn rejects_internal_hosts() {
    let kms = Kms::start(Options { log_in: false, allow_internal: false, ..Options::default() });
    let client = Client::of(&kms);
    let refusal = |kind: &str, kind_again: &str, host: &str| {
        format!(
            "{PREFIX}{kind} IP addresses ({host}) are not allowed. If you are self-hosting, you can allow {kind_again} IP \
             addresses by setting the ''ALLOW_INTERNAL_IP_CONNECTIONS'' environment variable to 'true' on your instance."
        )
    };
    for (host, allowed) in [
        ("10.1.2.3", false),
        ("100.127.0.1", false),
        ("100.128.0.1", true),
        ("172.31.255.255", false),
        ("172.32.0.0", true),
        ("203.0.113.9", false),
        ("8.8.8.8", true),
        ("::1", false),
        ("fd00::1", false),
        ("::ffff:8.8.8.8", false),
        ("2606:4700::1", true),
    ] {
        let mut body = create_body(&format!("n{}", kms.connections().len()));
        body["credentials"]["host"] = host.into();
        let reply = client.send("POST", POSTGRES, Some(&body));
        let text = refusal("Private", "private", host);
        let expected = if allowed { (200, "a connection") } else { (400, &*text) };
        assert_eq!(message(&reply), expected, "{host}");
    }
    for host in ["LocalHost", "host.docker.internal"] {
        let mut body = create_body("a");
        body["credentials"]["host"] = host.into();
        let reply = client.send("POST", POSTGRES, Some(&body));
        assert_eq!(message(&reply), (400, &*refusal("Local host", "local host", &host.to_lowercase())));
    }
}

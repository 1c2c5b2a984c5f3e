//! What is stored and shown: body rules, names and scopes, PATCH, limits, and what a restart keeps.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Client, POSTGRES, create_body};
use crate::support::kms::{Kms, Options};

fn kms() -> Kms {
    Kms::start(Options { log_in: false, ..Options::default() })
}

/// Applies `"credentials.port": value` to a body; an absent value removes the field.
fn with(mut body: Value, field: &str, value: Option<Value>) -> Value {
    let (object, name) = match field.split_once('.') {
        Some((object, name)) => (&mut body[object], name),
        None => (&mut body, field),
    };
    match value {
        Some(value) => object[name] = value,
        None => _ = object.as_object_mut().unwrap().remove(name),
    }
    body
}

#[test]
fn rejects_invalid_bodies() {
    const NUMBER: &str = "Expected number, received nan";
    let kms = kms();
    let client = Client::of(&kms);
    let long = |length: usize| Some(json!("a".repeat(length)));
    let slug = "name field can only contain lowercase letters, numbers, and hyphens";
    let rotation = "Not supported for PostgreSQL Connections";
    let cases: [(&str, Option<Value>, &str); 35] = [
        ("name", None, "Required"),
        ("name", Some(Value::Null), "Expected string, received null"),
        ("name", Some(json!("  ")), "name field must be at least 1 lowercase character"),
        ("name", long(65), "name field must be at most 64 lowercase characters"),
        ("name", Some(json!("Orders")), slug),
        ("name", Some(json!("a_b")), slug),
        ("name", Some(json!("a.b")), slug),
        ("name", Some(json!("a--b")), slug),
        ("name", Some(json!("-a")), slug),
        ("name", Some(json!("a-")), slug),
        ("name", Some(json!("ä")), slug),
        ("description", long(257), "Description cannot exceed 256 characters"),
        ("description", Some(json!(1)), "Expected string, received number"),
        ("gatewayId", Some(json!("")), "Invalid uuid"),
        ("isPlatformManagedCredentials", Some(Value::Null), "Expected boolean, received null"),
        ("isAutoRotationEnabled", Some(json!(true)), rotation),
        ("rotation", Some(json!({})), rotation),
        ("credentials.host", Some(json!(" ")), "Host required"),
        ("credentials.database", Some(json!("")), "Database required"),
        ("credentials.username", Some(json!("")), "Username required"),
        ("credentials.password", Some(json!("\n")), "Password required"),
        ("credentials.password", None, "Required"),
        ("credentials.host", Some(json!(["h"])), "Expected string, received array"),
        ("credentials.port", None, NUMBER),
        ("credentials.port", Some(json!("abc")), NUMBER),
        ("credentials.port", Some(json!("inf")), NUMBER),
        ("credentials.port", Some(json!({})), NUMBER),
        ("credentials.sslEnabled", None, "Required"),
        ("credentials.sslEnabled", Some(json!("true")), "Expected boolean, received string"),
        ("credentials.sslRejectUnauthorized", None, "Required"),
        ("credentials.sslRejectUnauthorized", Some(json!(1)), "Expected boolean, received number"),
        ("credentials.sslCertificate", Some(Value::Null), "Expected string, received null"),
        ("credentials", Some(Value::Null), "Expected object, received null"),
        ("credentials", Some(json!([])), "Expected object, received array"),
        ("credentials", Some(json!("")), "Expected object, received string"),
    ];
    let id = kms.insert(with(create_body("there"), "app", Some(json!("postgres"))));
    for (field, value, message) in cases {
        let body = with(create_body("fresh"), field, value.clone());
        let reply = client.send("POST", POSTGRES, Some(&body));
        assert_eq!((reply.status, &reply.body["error"]), (422, &json!("ValidationFailure")), "{field} {value:?}");
        let issue = &reply.body["message"][0];
        let path: Vec<&str> = field.split('.').collect();
        assert_eq!((&issue["path"], &issue["message"]), (&json!(path), &json!(message)), "{field} {value:?}");
        // PATCH has the same rules, but a field at the top may be absent.
        if field.contains('.') || value.is_some() {
            let body = with(body, "method", None);
            let reply = client.send("PATCH", &format!("{POSTGRES}/{id}"), Some(&body));
            assert_eq!((reply.status, &reply.body["message"][0]), (422, issue), "PATCH {field} {value:?}");
        }
    }
    // Of POST alone.
    for (field, value, message) in [
        ("method", Some(json!("iam")), "Invalid discriminator value. Expected 'username-and-password'"),
        ("credentials", None, "Required"),
        ("projectId", Some(Value::Null), "Expected string, received null"),
    ] {
        let reply = client.send("POST", POSTGRES, Some(&with(create_body("fresh"), field, value)));
        assert_eq!((reply.status, &reply.body["message"][0]["message"]), (422, &json!(message)), "{field}");
    }
    let reply = client.get(&format!("{POSTGRES}/not-an-id"));
    let issue =
        json!([{"validation": "uuid", "code": "invalid_string", "message": "Invalid uuid", "path": ["connectionId"]}]);
    assert_eq!((reply.status, &reply.body["message"]), (422, &issue));
    assert_eq!(kms.connections().len(), 1);
}

#[test]
fn trims_stored_values_and_never_returns_the_password() {
    let kms = kms();
    let client = Client::of(&kms);
    let body = json!({
        "name": " orders-db ", "description": "  of the shop ", "method": "username-and-password",
        "misspelt": 1, "isAutoRotationEnabled": false, "rotation": null,
        "credentials": {
            "host": " DB.example.com ", "port": " 5432 ", "database": " d ", "username": " U ", "password": " p w ",
            "sslEnabled": true, "sslRejectUnauthorized": false, "sslCertificate": "PEM\n", "misspelt": 2,
        },
    });
    let made = client.ok("POST", POSTGRES, Some(&body))["appConnection"].clone();
    let shown = json!({
        "host": "DB.example.com", "port": 5432, "database": "d", "username": "U",
        "sslEnabled": true, "sslRejectUnauthorized": false, "sslCertificate": "PEM",
    });
    assert_eq!(made["credentials"], shown);
    assert_eq!((&made["name"], &made["description"]), (&json!("orders-db"), &json!("of the shop")));
    let keys: BTreeSet<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "app",
        "createdAt",
        "credentials",
        "credentialsHash",
        "description",
        "gatewayId",
        "id",
        "isPlatformManagedCredentials",
        "method",
        "name",
        "orgId",
        "projectId",
        "updatedAt",
        "version",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!((&made["version"], &made["projectId"], &made["gatewayId"]), (&json!(1), &Value::Null, &Value::Null));
    assert_eq!(made["credentialsHash"].as_str().unwrap().len(), 64);
    let time = made["createdAt"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let id = made["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("{POSTGRES}/{id}")).body["appConnection"], made);
    assert_eq!(client.get(&format!("{POSTGRES}/connection-name/orders-db")).body["appConnection"], made);
    assert_eq!(kms.connections()[0]["credentials"]["password"], "p w");
    assert!(!client.get(POSTGRES).text.contains("p w"));
    let deleted = client.ok("DELETE", &format!("{POSTGRES}/{id}"), None)["appConnection"].clone();
    assert_eq!(deleted, made);
    assert!(kms.connections().is_empty());
}

#[test]
fn converts_port_as_javascript_does() {
    let kms = kms();
    let client = Client::of(&kms);
    let cases =
        [(json!(""), json!(0)), (json!(null), json!(0)), (json!("1.5"), json!(1.5)), (json!(70000), json!(70000))];
    for (index, (sent, stored)) in cases.into_iter().enumerate() {
        let body = with(create_body(&format!("n{index}")), "credentials.port", Some(sent));
        let made = client.ok("POST", POSTGRES, Some(&body));
        assert_eq!(made["appConnection"]["credentials"]["port"].to_string(), stored.to_string());
    }
}

#[test]
fn names_are_unique_in_their_scope() {
    let kms = kms();
    let client = Client::of(&kms);
    let project = kms.project_id();
    let in_project = |name: &str| with(create_body(name), "projectId", Some(json!(project)));
    client.ok("POST", POSTGRES, Some(&create_body("b")));
    client.ok("POST", POSTGRES, Some(&in_project("b")));
    client.ok("POST", POSTGRES, Some(&create_body("a")));
    kms.insert(json!({"name": "queue", "app": "rabbitmq", "credentials": {}}));
    assert_eq!(client.send("POST", POSTGRES, Some(&in_project("b"))).status, 400);

    let names = |path: &str| {
        let list = client.ok("GET", path, None)["appConnections"].clone();
        let item = |row: &Value| {
            format!("{}{}", row["name"].as_str().unwrap(), if row["projectId"].is_null() { "" } else { "@" })
        };
        list.as_array().unwrap().iter().map(item).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(POSTGRES), "a b b@");
    assert_eq!(names("/api/v1/app-connections"), "a b b@ queue");
    assert_eq!(names(&format!("{POSTGRES}?projectId={project}")), "b@");
    assert_eq!(names(&format!("{POSTGRES}/available")), "a b");
    assert_eq!(names(&format!("{POSTGRES}/available?projectId={project}")), "a b b@");
    let by_name = |query: &str| {
        let path = format!("{POSTGRES}/connection-name/b{query}");
        client.ok("GET", &path, None)["appConnection"]["projectId"].clone()
    };
    assert_eq!(by_name(""), Value::Null);
    assert_eq!(by_name(&format!("?projectId={project}")), project);
    // Only lists contain the project.
    let listed = client.ok("GET", &format!("{POSTGRES}?projectId={project}"), None)["appConnections"][0].clone();
    assert_eq!(listed["project"]["id"], project);
    let options = client.ok("GET", "/api/v1/app-connections/options", None);
    assert_eq!(options["appConnectionOptions"][0]["methods"], json!(["username-and-password"]));
}

#[test]
fn patch_changes_only_given_fields() {
    let kms = kms();
    let client = Client::of(&kms);
    let body = with(create_body("a"), "credentials.sslCertificate", Some(json!("PEM")));
    let mut before = client.ok("POST", POSTGRES, Some(&body))["appConnection"].clone();
    let path = format!("{POSTGRES}/{}", before["id"].as_str().unwrap());
    let credentials = create_body("a")["credentials"].clone();
    let cases: [(Value, &[&str]); 7] = [
        (json!({}), &[]),
        (json!({"method": "x", "projectId": "p", "app": "y"}), &[]),
        (json!({"name": "b"}), &["name"]),
        (json!({"description": "d"}), &["description"]),
        (json!({"description": " "}), &["description"]),
        (json!({"description": null, "gatewayId": null, "isPlatformManagedCredentials": false}), &["description"]),
        // The whole object is replaced, so the certificate goes.
        (json!({"credentials": credentials}), &["credentials", "credentialsHash"]),
    ];
    for (change, changed) in cases {
        let after = client.ok("PATCH", &path, Some(&change))["appConnection"].clone();
        let differs = |key: &&str| before[*key] != after[*key];
        let keys: Vec<&str> = before.as_object().unwrap().keys().map(String::as_str).filter(differs).collect();
        assert_eq!(keys, [changed, &["updatedAt"]].concat(), "{change}");
        assert_eq!(client.get(&path).body["appConnection"], after);
        before = after;
    }
    // The hash is of what is encrypted anew: the same credentials give another.
    let again = client.ok("PATCH", &path, Some(&json!({"credentials": credentials})))["appConnection"].clone();
    assert_ne!(again["credentialsHash"], before["credentialsHash"]);
    assert_eq!(again["credentials"], before["credentials"]);
}

#[test]
fn changes_by_others_change_hash_and_time() {
    let kms = kms();
    let client = Client::of(&kms);
    let made = client.ok("POST", POSTGRES, Some(&create_body("a")))["appConnection"].clone();
    let id = made["id"].as_str().unwrap();
    kms.edit(id, |row| row["description"] = "x".into());
    let after = client.get(&format!("{POSTGRES}/{id}")).body["appConnection"].clone();
    assert_eq!(after["credentialsHash"], made["credentialsHash"]);
    assert!(after["updatedAt"].as_str() > made["updatedAt"].as_str());
    kms.edit(id, |row| row["credentials"]["password"] = "other".into());
    assert_ne!(kms.connections()[0]["credentialsHash"], made["credentialsHash"]);
    kms.remove(id);
    assert_eq!(client.get(&format!("{POSTGRES}/{id}")).status, 404);
}

#[test]
fn limits_requests_per_minute() {
    let kms = Kms::start(Options { reads_per_minute: Some(2), writes_per_minute: Some(2), ..Options::default() });
    let client = Client::of(&kms);
    for left in ["1", "0"] {
        let reply = client.get(POSTGRES);
        assert_eq!(reply.status, 200);
        assert!(reply.head.contains("x-ratelimit-limit: 2\r\n"), "{}", reply.head);
        assert!(reply.head.contains(&format!("x-ratelimit-remaining: {left}\r\n")), "{}", reply.head);
    }
    let reply = client.get(POSTGRES);
    let wait = reply.head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    let message = format!("Rate limit exceeded. Please try again in {wait} seconds");
    let said = (reply.status, &reply.body["error"], &reply.body["message"]);
    assert_eq!(said, (429, &json!("RateLimitExceeded"), &json!(message)));
    // Writes have a limit of their own, which the login shares; it is ahead of the rules for bodies.
    assert_eq!(client.send("POST", POSTGRES, Some(&json!({}))).status, 422);
    assert_eq!(client.send("POST", POSTGRES, Some(&json!({}))).status, 429);
}

#[test]
fn restart_keeps_stored_connections() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kms.json");
    let options = Options { log_in: false, data: Some(file.clone()), ..Options::default() };
    let first = Kms::start(options.clone());
    let client = Client::of(&first);
    client.ok("POST", POSTGRES, Some(&create_body("a")));
    let gone = client.ok("POST", POSTGRES, Some(&create_body("b")))["appConnection"]["id"].clone();
    client.ok("DELETE", &format!("{POSTGRES}/{}", gone.as_str().unwrap()), None);
    let rows = first.connections();
    let identity = [first.client_id(), first.client_secret(), first.project_id(), first.org_id()].map(str::to_owned);
    let port = first.port();
    drop(first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let second = Kms::start(Options { port: Some(port), ..options.clone() });
    assert_eq!(second.connections(), rows);
    assert_eq!([second.client_id(), second.client_secret(), second.project_id(), second.org_id()], identity);
    assert_eq!(client.get(POSTGRES).status, 403, "tokens do not survive");
    assert_eq!(Client::of(&second).get(POSTGRES).status, 200);
    std::fs::write(&file, "not ours").unwrap();
    assert!(Kms::try_start(options).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not ours");
}

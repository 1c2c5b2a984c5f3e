use serde_json::json;

use super::*;

fn credentials() -> NewCredentials {
    NewCredentials {
        host: "db.test".to_owned(),
        port: 5432,
        database: "app".to_owned(),
        username: "kms".to_owned(),
        password: Secret::new("p\"w"),
        ssl_enabled: true,
        ssl_reject_unauthorized: false,
        ssl_certificate: None,
    }
}

fn new() -> NewConnection {
    NewConnection {
        name: "main".to_owned(),
        description: None,
        project_id: None,
        method: Method::UsernameAndPassword,
        is_platform_managed: false,
        gateway_id: None,
        credentials: credentials(),
    }
}

const CREDENTIALS: &str = r#"{"host":"db.test","port":5432,"database":"app","username":"kms","password":"p\"w","sslEnabled":true,"sslRejectUnauthorized":false}"#;

#[test]
fn new_connection_holds_only_what_is_set() {
    let sparse = serde_json::to_string(&new()).unwrap();
    assert_eq!(sparse, format!(r#"{{"name":"main","method":"username-and-password","credentials":{CREDENTIALS}}}"#));

    let full = NewConnection {
        description: Some(String::new()),
        project_id: Some("p1".to_owned()),
        is_platform_managed: true,
        gateway_id: Some("g1".to_owned()),
        credentials: NewCredentials { ssl_certificate: Some("PEM".to_owned()), ..credentials() },
        ..new()
    };
    assert_eq!(
        serde_json::to_value(&full).unwrap(),
        json!({
            "name": "main", "description": "", "projectId": "p1", "method": "username-and-password",
            "isPlatformManagedCredentials": true, "gatewayId": "g1",
            "credentials": {
                "host": "db.test", "port": 5432, "database": "app", "username": "kms", "password": "p\"w",
                "sslEnabled": true, "sslRejectUnauthorized": false, "sslCertificate": "PEM",
            },
        })
    );
}

#[test]
fn update_distinguishes_keeping_from_clearing() {
    let set = |text: &str| Patch::Set(text.to_owned());
    for (change, expected) in [
        (ConnectionUpdate::default(), "{}".to_owned()),
        (ConnectionUpdate { name: Some("b".to_owned()), ..ConnectionUpdate::default() }, r#"{"name":"b"}"#.to_owned()),
        (
            ConnectionUpdate { description: Patch::Clear, ..ConnectionUpdate::default() },
            r#"{"description":null}"#.to_owned(),
        ),
        (ConnectionUpdate { description: set(""), ..ConnectionUpdate::default() }, r#"{"description":""}"#.to_owned()),
        (
            ConnectionUpdate { gateway_id: Patch::Clear, ..ConnectionUpdate::default() },
            r#"{"gatewayId":null}"#.to_owned(),
        ),
        (
            ConnectionUpdate {
                is_platform_managed: true,
                gateway_id: set("g1"),
                credentials: Some(credentials()),
                ..ConnectionUpdate::default()
            },
            format!(r#"{{"isPlatformManagedCredentials":true,"gatewayId":"g1","credentials":{CREDENTIALS}}}"#),
        ),
    ] {
        assert_eq!(serde_json::to_string(&change).unwrap(), expected);
    }
}

#[test]
fn requests_do_not_print_their_password() {
    let change = ConnectionUpdate { credentials: Some(credentials()), ..ConnectionUpdate::default() };
    for printed in [format!("{:?}", new()), format!("{change:?}")] {
        assert!(printed.contains("db.test") && !printed.contains("p\\\"w") && !printed.contains("p\"w"), "{printed}");
    }
}

#[test]
fn parses_responses_leniently() {
    let sparse = json!({
        "id": "i", "name": "n", "app": "postgres", "method": "username-and-password", "description": null,
        "somethingNew": {"deep": [1, 2.5e300]},
        "credentials": {"host": "h", "port": 1.5, "database": "d", "username": "u", "sslEnabled": false,
            "sslRejectUnauthorized": true, "sslCertificate": null, "more": 1},
    });
    let connection: AppConnection = serde_json::from_value(sparse).unwrap();
    assert_eq!((connection.credentials.port, connection.credentials.ssl_certificate), (1.5, None));
    let absent = [connection.description, connection.project_id, connection.org_id, connection.created_at];
    assert!(absent.iter().all(Option::is_none));
    assert_eq!(
        (connection.gateway_id, connection.credentials_hash, connection.is_platform_managed),
        (None, None, None)
    );

    let full = r#"{"id":"i","name":"n","app":"postgres","method":"m","description":"","projectId":"p","orgId":"o",
        "createdAt":"2026-01-02T03:04:05.678Z","version":1,"gatewayId":"g","credentialsHash":"h",
        "isPlatformManagedCredentials":true,"project":null,"credentials":{"host":"h","port":70000,"database":"d",
        "username":"u","sslEnabled":true,"sslRejectUnauthorized":true,"sslCertificate":"PEM"}}"#;
    let connection: AppConnection = serde_json::from_str(full).unwrap();
    assert_eq!(connection.description.as_deref(), Some(""));
    assert_eq!((connection.project_id.as_deref(), connection.is_platform_managed), (Some("p"), Some(true)));
    assert_eq!(
        (connection.credentials.port, connection.credentials.ssl_certificate.as_deref()),
        (70000.0, Some("PEM"))
    );
}

#[test]
fn accepts_only_a_uuid_in_a_path() {
    let id = "7f3c1c1e-8f0a-4c55-9d1e-3f2b6a1d0e9c";
    for (text, expected) in [
        (id, Some(id)),
        (&id.to_uppercase(), Some(id)),
        (&format!(" {{{id}}} "), Some(id)),
        ("", None),
        ("..", None),
        ("7f3c1c1e/../x", None),
        ("connection-name/x", None),
    ] {
        assert_eq!(parse_id(text).ok().as_deref(), expected, "{text}");
    }
}

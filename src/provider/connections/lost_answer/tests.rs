use serde_json::{Value as Json, json};

use super::*;
use crate::kms::Method;
use crate::secret::Secret;

const GATEWAY: &str = "7ffbb072-2575-495a-b5b0-127f88caef78";

fn credentials() -> NewCredentials {
    NewCredentials {
        host: "db.example.com".to_owned(),
        port: 5432,
        database: "orders".to_owned(),
        username: "kms_role".to_owned(),
        password: Secret::new("unseen"),
        ssl_enabled: true,
        ssl_reject_unauthorized: true,
        ssl_certificate: Some("PEM".to_owned()),
    }
}

/// Returns the connection that the KMS shows, with another value of one field.
fn shown(pointer: &str, value: &Json) -> AppConnection {
    let mut shown = json!({
        "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "name": "orders-db",
        "description": "Orders",
        "projectId": "7ffbb072-2575-495a-b5b0-127f88caef79",
        "app": "postgres",
        "method": "username-and-password",
        "gatewayId": GATEWAY,
        "credentialsHash": "after",
        "isPlatformManagedCredentials": true,
        "credentials": {
            "host": "db.example.com",
            "port": 5432,
            "database": "orders",
            "username": "kms_role",
            "sslEnabled": true,
            "sslRejectUnauthorized": true,
            "sslCertificate": "PEM",
        },
    });
    if !pointer.is_empty() {
        *shown.pointer_mut(pointer).unwrap() = value.clone();
    }
    serde_json::from_value(shown).unwrap()
}

/// Returns each readable field of the credentials with another value.
fn other_credentials() -> [(&'static str, Json); 7] {
    [
        ("/credentials/host", json!("db.example.org")),
        ("/credentials/port", json!(5433)),
        ("/credentials/database", json!("Orders")),
        ("/credentials/username", json!("kms")),
        ("/credentials/sslEnabled", json!(false)),
        ("/credentials/sslRejectUnauthorized", json!(false)),
        ("/credentials/sslCertificate", Json::Null),
    ]
}

#[test]
fn adopts_only_connection_that_equals_request_in_every_field_for() {
    let request = NewConnection {
        name: "orders-db".to_owned(),
        description: Some("Orders".to_owned()),
        project_id: Some("7ffbb072-2575-495a-b5b0-127f88caef79".to_owned()),
        method: Method::default(),
        is_platform_managed: true,
        gateway_id: Some(GATEWAY.to_owned()),
        credentials: credentials(),
    };
    assert!(equals_request(&shown("", &Json::Null), &request));
    // UUIDs are not case-sensitive.
    let capitals = NewConnection { gateway_id: Some(GATEWAY.to_uppercase()), ..request.clone() };
    assert!(equals_request(&shown("", &Json::Null), &capitals));
    let others = [
        ("/name", json!("orders")),
        ("/description", json!("orders")),
        ("/description", Json::Null),
        ("/projectId", Json::Null),
        ("/gatewayId", Json::Null),
        ("/isPlatformManagedCredentials", json!(false)),
        ("/isPlatformManagedCredentials", Json::Null),
    ];
    for (pointer, value) in others.into_iter().chain(other_credentials()) {
        assert!(!equals_request(&shown(pointer, &value), &request), "{pointer} {value}");
    }
}

#[test]
fn update_is_confirmed_only_by_all_its_fields() {
    let change = ConnectionUpdate {
        name: Some("orders-db".to_owned()),
        description: Patch::Set("Orders".to_owned()),
        is_platform_managed: true,
        gateway_id: Patch::Set(GATEWAY.to_uppercase()),
        credentials: Some(credentials()),
    };
    let shows = |found: &AppConnection| shows_change(found, &change, Some("before"));
    assert!(shows(&shown("", &Json::Null)));
    let others = [
        ("/name", json!("orders")),
        ("/description", Json::Null),
        ("/gatewayId", Json::Null),
        ("/isPlatformManagedCredentials", json!(false)),
        ("/credentialsHash", json!("before")),
        ("/credentialsHash", Json::Null),
    ];
    for (pointer, value) in others.into_iter().chain(other_credentials()) {
        assert!(!shows(&shown(pointer, &value)), "{pointer} {value}");
    }
    let cleared =
        ConnectionUpdate { description: Patch::Clear, gateway_id: Patch::Clear, ..ConnectionUpdate::default() };
    assert!(!shows_change(&shown("", &Json::Null), &cleared, None));
    assert!(!shows_change(&shown("/description", &Json::Null), &cleared, None));
    // Fields that the update does not change may have any value.
    let renamed = ConnectionUpdate { name: Some("orders-db".to_owned()), ..ConnectionUpdate::default() };
    for (pointer, value) in other_credentials() {
        assert!(shows_change(&shown(pointer, &value), &renamed, Some("after")), "{pointer}");
    }
}

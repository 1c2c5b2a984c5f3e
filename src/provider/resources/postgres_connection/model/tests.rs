//! Semantic equality, and the conversion to and from the KMS.

use serde_json::json;

use super::*;
use crate::provider::resources::postgres_connection::attributes::{self, Row, semantically_equal};
use crate::terraform::model::Model as _;
use crate::terraform::value::Object;

#[test]
fn ignores_whitespace_and_case_like_the_kms() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    let text = |text: &str| Value::from(text);
    for (attribute, a, b, expected) in [
        ("name", text("orders"), text(" orders\n"), true),
        ("name", text("orders"), text("Orders"), false),
        ("host", text("db.test"), text("db.test "), true),
        ("host", text("db.test"), text("DB.test"), false),
        ("database", text("a b"), text("a  b"), false),
        ("username", text("\tkms"), text("kms"), true),
        ("password", text("hunter2"), text("hunter2\n"), true),
        ("password", text("hunter2"), text("hunter3"), false),
        ("password", text(""), Value::Null, false),
        ("description", text(""), Value::Null, true),
        ("description", text("  "), Value::Null, true),
        ("description", text("x"), Value::Null, false),
        ("description", Value::unknown(), Value::Null, false),
        ("ssl_certificate", text(pem), text(&format!("{pem}\n")), true),
        ("ssl_certificate", text(pem), text(&format!("\n{}\r\n", pem.replace('\n', " \r\n"))), true),
        ("ssl_certificate", text(pem), text(&pem.replace("AAAA", "AAAB")), false),
        ("ssl_certificate", text(""), Value::Null, false),
        ("gateway_id", text("3C90c3cc"), text("3c90C3CC"), true),
        ("gateway_id", text("3c90c3cc"), Value::Null, false),
        ("project_id", text("a"), text("a "), false),
        ("port", Value::from(5432), "5432.0".parse::<Number>().unwrap().into(), true),
        ("port", Value::from(5432), Value::from(5433), false),
        ("ssl_enabled", Value::from(true), Value::from(false), false),
    ] {
        assert_eq!(semantically_equal(attribute, &a, &b), expected, "{attribute}: {a:?} {b:?}");
        assert_eq!(semantically_equal(attribute, &b, &a), expected, "{attribute}: {b:?} {a:?}");
    }
}

fn remote(port: serde_json::Value) -> kms::AppConnection {
    serde_json::from_value(json!({
        "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "name": "orders-db", "description": "Orders",
        "projectId": "p", "orgId": "o", "app": "postgres", "method": "username-and-password",
        "createdAt": "2026-01-02T03:04:05.678Z", "gatewayId": "g", "credentialsHash": "h",
        "credentials": {
            "host": "db.test", "port": port, "database": "orders", "username": "kms",
            "sslEnabled": false, "sslRejectUnauthorized": true, "sslCertificate": "PEM"
        }
    }))
    .unwrap()
}

/// Returns a prior state: values that the KMS does not return, and two outdated ones.
fn known() -> Object {
    let mut known = Object::new();
    known.set("password", "hunter2");
    known.set("password_wo", "must never be in a state");
    known.set("password_wo_version", 3);
    known.set("validation", Object::new());
    known.set("timeouts", Object::new());
    known.set("host", "of yesterday");
    known.set("description", "of yesterday");
    known
}

#[test]
fn reads_from_the_kms_and_keeps_the_rest_of_the_state() {
    let read = ConnectionModel::read(remote(json!(5433)), ConnectionModel::from_object(&known())).into_object();
    let mut expected = Object::new();
    for (name, text) in [
        ("id", "3c90c3cc-0d44-4b50-8888-8dd25736052a"),
        ("name", "orders-db"),
        ("description", "Orders"),
        ("project_id", "p"),
        ("method", "username-and-password"),
        ("host", "db.test"),
        ("database", "orders"),
        ("username", "kms"),
        ("password", "hunter2"),
        ("ssl_certificate", "PEM"),
        ("gateway_id", "g"),
        ("org_id", "o"),
        ("created_at", "2026-01-02T03:04:05.678Z"),
        ("credentials_hash", "h"),
    ] {
        expected.set(name, text);
    }
    expected.set("port", 5433);
    expected.set("password_wo", Value::Null);
    expected.set("password_wo_version", 3);
    expected.set("ssl_enabled", false);
    expected.set("ssl_reject_unauthorized", true);
    expected.set("is_platform_managed_credentials", false);
    expected.set("validation", Object::new());
    expected.set("timeouts", Object::new());
    for name in ConnectionModel::FIELDS {
        let equal = read.get(name) == expected.get(name);
        assert!(equal, "{name}: {:?}", read.get(name));
    }
}

#[test]
fn reads_invalid_ports_unchanged() {
    for (port, expected) in [(json!(5432), "5432"), (json!(0), "0"), (json!(70000), "70000"), (json!(1.5), "1.5")] {
        let read = ConnectionModel::read(remote(port), ConnectionModel::default());
        assert!(read.into_object().get("port") == &Value::from(expected.parse::<Number>().unwrap()), "{expected}");
    }
    let mut bare = remote(json!(5432));
    (bare.description, bare.project_id, bare.gateway_id, bare.credentials_hash) = (None, None, None, None);
    bare.credentials.ssl_certificate = None;
    let read = ConnectionModel::read(bare, ConnectionModel::default()).into_object();
    for name in ["description", "project_id", "gateway_id", "credentials_hash", "ssl_certificate", "password"] {
        assert!(read.get(name).is_null(), "{name}");
    }
}

/// Returns a planned connection with all arguments set.
fn planned() -> Object {
    let mut planned = ConnectionModel::read(remote(json!(5432)), ConnectionModel::default()).into_object();
    planned.set("host", " db.test\n");
    planned.set("username", "\tkms ");
    planned.set("database", " Orders ");
    planned.set("ssl_certificate", "PEM\n");
    planned
}

#[test]
fn trims_credentials_and_requires_all_of_them() {
    let credentials = |object: &Object| ConnectionModel::from_object(object).credentials(Secret::new("hunter2"));
    assert_eq!(
        serde_json::to_value(credentials(&planned()).unwrap()).unwrap(),
        json!({
            "host": "db.test", "port": 5432, "database": "Orders", "username": "kms", "password": "hunter2",
            "sslEnabled": false, "sslRejectUnauthorized": true, "sslCertificate": "PEM"
        })
    );
    for empty in [Value::Null, Value::from(" \n")] {
        let mut object = planned();
        object.set("ssl_certificate", empty);
        assert_eq!(credentials(&object).unwrap().ssl_certificate, None);
    }
    // One unknown value, the certificate included, makes all credentials unknown.
    for name in attributes::credentials().map(Row::name) {
        let mut object = planned();
        object.set(name, Value::unknown());
        assert!(credentials(&object).is_none(), "{name}");
    }
    for port in ["0.5", "-1", "65536"] {
        let mut object = planned();
        object.set("port", port.parse::<Number>().unwrap());
        assert!(credentials(&object).is_none(), "{port}");
    }
}

#[test]
fn takes_the_password_from_either_argument() {
    let one = |name: &str, value: Value| {
        let mut object = Object::new();
        object.set(name, value);
        ConnectionModel::from_object(&object)
    };
    let none = ConnectionModel::default;
    for (planned, config, expected) in [
        (none(), none(), None),
        (one("password", " a ".into()), none(), Some("a")),
        (none(), one("password_wo", "b\n".into()), Some("b")),
        // `ignore_changes` retains a `password` that the configuration has replaced.
        (one("password", "a".into()), one("password_wo", "b".into()), Some("b")),
        (one("password", "a".into()), one("password_wo", Value::unknown()), None),
        (one("password", Value::unknown()), none(), None),
        (none(), one("password_wo", Value::unknown()), None),
    ] {
        assert_eq!(planned.password(&config), expected.map(Secret::new));
    }
}

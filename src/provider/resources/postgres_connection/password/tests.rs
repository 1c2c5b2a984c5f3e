//! The request that follows from a state and a configuration, through the plan of the resource.

use serde_json::json;

use super::*;
use crate::provider::resources::postgres_connection::attributes::Row;
use crate::provider::resources::postgres_connection::plan::ConnectionPlan;
use crate::provider::resources::postgres_connection::request::update;
use crate::terraform::model::Model as _;
use crate::terraform::plan;
use crate::terraform::value::{Object, Value};

const GATEWAY: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
const OTHER_GATEWAY: &str = "7ffbb072-2575-495a-b5b0-127f88caef78";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";

type Values<'a> = &'a [(&'a str, Value)];

fn text(text: &str) -> Value {
    Value::from(text)
}

fn edited(mut object: Object, values: Values<'_>) -> Object {
    for (name, value) in values {
        object.set(*name, value.clone());
    }
    object
}

/// Returns a configuration without a password.
fn config(values: Values<'_>) -> Object {
    let plain = [("name", "orders-db"), ("host", "db.test"), ("database", "orders"), ("username", "kms")];
    let plain = plain.map(|(name, value)| (name.to_owned(), text(value)));
    edited(plain.into_iter().collect(), values)
}

/// Returns the state after an apply of that configuration.
fn state(values: Values<'_>) -> Object {
    let defaults = edited(
        config(&[]),
        &[
            ("id", text("0d44")),
            ("method", text("username-and-password")),
            ("port", Value::from(5432)),
            ("ssl_enabled", Value::from(true)),
            ("ssl_reject_unauthorized", Value::from(true)),
            ("is_platform_managed_credentials", Value::from(false)),
            ("org_id", text("o")),
            ("created_at", text("2026-01-02T03:04:05.678Z")),
            ("credentials_hash", text("hash")),
        ],
    );
    edited(defaults, values)
}

/// Returns the connection as the resource plans it.
fn planned(prior: &Object, config: &Object) -> ConnectionModel {
    let is_equal = |attribute: &str, a: &Value, b: &Value| attributes::semantically_equal(attribute, a, b);
    let planned = plan::propose(&attributes::schema().block, Some(prior), config, config, &is_equal).state;
    let mut plan = ConnectionPlan {
        prior: Some(ConnectionModel::from_object(prior)),
        config: ConnectionModel::from_object(config),
        planned: ConnectionModel::from_object(&planned),
        is_replaced: false,
        private: Private::default(),
    };
    plan.plan_unset_arguments();
    plan.planned
}

fn recorded(source: Option<&str>) -> Private {
    let mut private = Private::default();
    private.keep(PASSWORD_SOURCE, Json::from(source));
    // A write-only password was sent without a version.
    private.keep(FINGERPRINT, Json::from(source.filter(|source| *source == "password_wo").map(|_| "print")));
    private
}

fn decided(prior: &Object, config: &Object, private: &Private) -> CredentialsPlan {
    let planned = planned(prior, config);
    decide(&ConnectionModel::from_object(prior), &planned, &ConnectionModel::from_object(config), private)
}

/// Returns whether credentials are sent if the password is the recorded one.
fn sends(prior: &Object, config: &Object, private: &Private) -> bool {
    !matches!(decided(prior, config, private), CredentialsPlan::Keep | CredentialsPlan::Compare { .. })
}

/// Returns the body of the request, or null if no request is sent.
fn request(prior: &Object, config: &Object, private: &Private) -> Json {
    let planned = planned(prior, config);
    let written = ConnectionModel::from_object(config);
    let password = planned.password(&written);
    let credentials = sends(prior, config, private).then(|| planned.credentials(password.unwrap()).unwrap());
    serde_json::to_value(update(&ConnectionModel::from_object(prior), &planned, credentials)).unwrap()
}

/// Returns complete credentials with the changes of a case.
fn credentials(changed: Json) -> Json {
    let mut whole = json!({
        "host": "db.test", "port": 5432, "database": "orders", "username": "kms", "password": "hunter2",
        "sslEnabled": true, "sslRejectUnauthorized": true
    });
    whole.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    whole
}

#[test]
fn sends_only_changed_values() {
    let block = || {
        let mut block = Object::new();
        block.set("timeout", "3s");
        Value::Object(block)
    };
    let cases: [(&str, Values<'_>, Values<'_>, Json); 17] = [
        ("nothing", &[], &[], json!(null)),
        ("a rename", &[], &[("name", text("new"))], json!({ "name": "new" })),
        ("a description", &[], &[("description", text(" new "))], json!({ "description": "new" })),
        (
            "another one",
            &[("description", text("old"))],
            &[("description", text("new"))],
            json!({ "description": "new" }),
        ),
        ("none any more", &[("description", text("old"))], &[], json!({ "description": null })),
        ("emptied", &[("description", text("old"))], &[("description", text(""))], json!({ "description": null })),
        ("empty is none", &[("description", text(""))], &[], json!(null)),
        ("none is empty", &[], &[("description", text(" "))], json!(null)),
        ("spaces", &[("description", text("old"))], &[("description", text(" old\n"))], json!(null)),
        ("a gateway", &[], &[("gateway_id", text(GATEWAY))], json!({ "gatewayId": GATEWAY })),
        (
            "another gateway",
            &[("gateway_id", text(GATEWAY))],
            &[("gateway_id", text(OTHER_GATEWAY))],
            json!({ "gatewayId": OTHER_GATEWAY }),
        ),
        ("no gateway any more", &[("gateway_id", text(GATEWAY))], &[], json!({ "gatewayId": null })),
        (
            "the same gateway in capitals",
            &[("gateway_id", text(GATEWAY))],
            &[("gateway_id", text(&GATEWAY.to_uppercase()))],
            json!(null),
        ),
        ("blocks", &[("validation", block())], &[("timeouts", block())], json!(null)),
        (
            "a certificate with a newline",
            &[("ssl_certificate", text(PEM))],
            &[("ssl_certificate", text(&format!("{PEM}\n")))],
            json!(null),
        ),
        (
            "one that was stored with its newline",
            &[("ssl_certificate", text(&format!("{PEM}\n")))],
            &[("ssl_certificate", text(PEM))],
            json!(null),
        ),
        (
            "several",
            &[("description", text("old")), ("gateway_id", text(GATEWAY))],
            &[("name", text("new"))],
            json!({ "name": "new", "description": null, "gatewayId": null }),
        ),
    ];
    for (case, prior, changed, expected) in cases {
        for password in ["password", "password_wo"] {
            let stored = if password == "password" { text("hunter2") } else { Value::Null };
            let prior = edited(state(&[("password", stored)]), prior);
            let config = edited(config(&[(password, text("hunter2"))]), changed);
            assert_eq!(request(&prior, &config, &recorded(Some(password))), expected, "{case}, {password}");
        }
    }
}

#[test]
fn sends_credentials_whole_with_password_and_gateway() {
    let cases: [(&str, Value, Json); 9] = [
        ("host", text(" other.test "), json!({ "host": "other.test" })),
        ("port", Value::from(6432), json!({ "port": 6432 })),
        ("database", text("other"), json!({ "database": "other" })),
        ("username", text("other"), json!({ "username": "other" })),
        ("username", text("KMS"), json!({ "username": "KMS" })),
        ("ssl_enabled", Value::from(false), json!({ "sslEnabled": false })),
        ("ssl_reject_unauthorized", Value::from(false), json!({ "sslRejectUnauthorized": false })),
        ("ssl_certificate", text(&format!("{PEM}\n")), json!({ "sslCertificate": PEM })),
        ("ssl_certificate", Value::Null, json!({})),
    ];
    for (name, value, expected) in cases {
        let certificate = if value.is_null() { text(PEM) } else { Value::Null };
        let prior = state(&[("gateway_id", text(GATEWAY)), ("ssl_certificate", certificate)]);
        let config = config(&[("gateway_id", text(GATEWAY)), ("password_wo", text(" hunter2\n")), (name, value)]);
        let expected = json!({ "gatewayId": GATEWAY, "credentials": credentials(expected) });
        assert_eq!(request(&prior, &config, &recorded(Some("password_wo"))), expected, "{name}");
    }
    // A removed gateway is sent as null, together with the credentials.
    let prior = state(&[("gateway_id", text(GATEWAY)), ("password", text("hunter2"))]);
    let config = config(&[("password", text("hunter2")), ("port", Value::from(1))]);
    let expected = json!({ "gatewayId": null, "credentials": credentials(json!({ "port": 1 })) });
    assert_eq!(request(&prior, &config, &recorded(Some("password"))), expected);
}

#[test]
fn sends_the_flag_only_with_a_transfer() {
    let connection = |managed: bool| {
        let flag = ("is_platform_managed_credentials", Value::from(managed));
        ConnectionModel::from_object(&state(&[("password", text("hunter2")), flag]))
    };
    for (before, after, with_credentials, expected) in [
        (false, true, true, json!(true)),
        (false, true, false, Json::Null),
        (false, false, true, Json::Null),
        (true, true, true, Json::Null),
        (true, false, true, Json::Null),
    ] {
        let planned = connection(after);
        let credentials = planned.password(&planned).and_then(|password| planned.credentials(password));
        let change = update(&connection(before), &planned, credentials.filter(|_| with_credentials));
        let sent = serde_json::to_value(change).unwrap();
        assert_eq!(sent["isPlatformManagedCredentials"], expected, "{before} {after} {with_credentials}");
    }
}

#[test]
fn decides_when_a_password_is_sent() {
    let (none, wo) = (None, Some("password_wo"));
    let one = || text("hunter2");
    let version = |number: i64| ("password_wo_version", Value::from(number));
    let (keep, send, raise) = (CredentialsPlan::Keep, CredentialsPlan::Send, CredentialsPlan::Raise);
    let compare = |otherwise: &CredentialsPlan| CredentialsPlan::Compare {
        fingerprint: "print".to_owned(),
        otherwise: Box::new(otherwise.clone()),
    };
    let unknown = || Value::unknown();
    let cases: [(&str, Values<'_>, Values<'_>, Option<&str>, CredentialsPlan); 29] = [
        ("password equal", &[("password", one())], &[("password", one())], Some("password"), keep.clone()),
        ("password with spaces", &[("password", one())], &[("password", text(" hunter2\n"))], none, keep.clone()),
        ("password changed", &[("password", text("old"))], &[("password", one())], Some("password"), send.clone()),
        ("password unknown", &[("password", one())], &[("password", unknown())], none, send.clone()),
        ("password removed", &[("password", one())], &[], Some("password"), keep.clone()),
        ("password after an import", &[], &[("password", one())], none, send.clone()),
        ("password_wo to password", &[], &[("password", one())], wo, compare(&send)),
        ("password_wo to password, unknown", &[], &[("password", unknown())], wo, send.clone()),
        (
            "password to password_wo, equal",
            &[("password", one())],
            &[("password_wo", text("hunter2 "))],
            none,
            keep.clone(),
        ),
        (
            "password to password_wo, different",
            &[("password", text("old"))],
            &[("password_wo", one())],
            none,
            raise.clone(),
        ),
        (
            "password to password_wo, unknown",
            &[("password", one())],
            &[("password_wo", unknown())],
            none,
            CredentialsPlan::Unknown,
        ),
        ("password to a version", &[("password", one())], &[("password_wo", one()), version(1)], none, send.clone()),
        ("password_wo, no version", &[], &[("password_wo", one())], wo, compare(&raise)),
        ("password_wo unknown, no version", &[], &[("password_wo", unknown())], wo, CredentialsPlan::Unknown),
        ("password_wo after an import", &[], &[("password_wo", one())], none, raise.clone()),
        ("password_wo unknown after an import", &[], &[("password_wo", unknown())], none, CredentialsPlan::Unknown),
        ("password_wo removed", &[], &[], wo, keep.clone()),
        ("version equal", &[version(1)], &[("password_wo", text("new")), version(1)], wo, keep.clone()),
        ("version 0 equal", &[version(0)], &[("password_wo", text("new")), version(0)], wo, keep.clone()),
        ("version raised", &[version(1)], &[("password_wo", one()), version(2)], wo, send.clone()),
        ("version lowered to 0", &[version(1)], &[("password_wo", one()), version(0)], wo, send.clone()),
        ("first version is 0", &[], &[("password_wo", one()), version(0)], wo, send.clone()),
        ("version unset, none recorded", &[version(3)], &[("password_wo", one())], none, raise.clone()),
        ("version unknown", &[version(3)], &[("password_wo", one()), ("password_wo_version", unknown())], wo, send),
        ("password_wo and version removed", &[version(3)], &[], wo, keep),
        (
            "password_wo beside a password that ignore_changes retains",
            &[("password", text("old"))],
            &[("password", text("old")), ("password_wo", one())],
            none,
            CredentialsPlan::Raise,
        ),
        (
            "password_wo beside a retained password, after it was sent",
            &[("password", text("old")), version(1)],
            &[("password", text("old")), ("password_wo", one())],
            wo,
            compare(&CredentialsPlan::Raise),
        ),
        (
            "password_wo and a version beside a retained password",
            &[("password", text("old"))],
            &[("password", text("old")), ("password_wo", one()), version(1)],
            none,
            CredentialsPlan::Send,
        ),
        (
            "transfer",
            &[version(3)],
            &[("password_wo", one()), version(3), ("is_platform_managed_credentials", Value::from(true))],
            wo,
            CredentialsPlan::Send,
        ),
    ];
    for (case, prior, written, source, expected) in cases {
        let (prior, config) = (state(prior), config(written));
        assert_eq!(decided(&prior, &config, &recorded(source)), expected, "{case}");
        let request = |config: &Object| request(&prior, config, &recorded(source));
        if matches!(expected, CredentialsPlan::Keep | CredentialsPlan::Compare { .. }) {
            assert_eq!(request(&config), json!(null), "{case}");
        } else if Value::from(config.clone()).is_wholly_known() {
            let mut expected = json!({ "credentials": credentials(json!({})) });
            if case == "transfer" {
                expected["isPlatformManagedCredentials"] = json!(true);
            }
            assert_eq!(request(&config), expected, "{case}");
        }
    }
}

#[test]
fn keeps_records_of_a_newer_provider() {
    let newer = Private::decode(br#"{"format":2}"#).unwrap();
    let config = config(&[("password_wo", text("hunter2"))]);
    assert_eq!(decided(&state(&[]), &config, &newer), CredentialsPlan::Keep);
}

#[test]
fn counts_versions_from_one() {
    let decided = |values: Values<'_>| decide_create(&ConnectionModel::from_object(&config(values)));
    assert_eq!(decided(&[("password_wo", text("a"))]), CredentialsPlan::Raise);
    assert_eq!(decided(&[("password_wo", Value::unknown())]), CredentialsPlan::Unknown);
    assert_eq!(decided(&[("password_wo", text("a")), ("password_wo_version", Value::from(7))]), CredentialsPlan::Send);
    assert_eq!(decided(&[("password", text("a"))]), CredentialsPlan::Send);
    let raised = |prior: Option<&Object>| {
        crate::terraform::model::value(raised(prior.map(ConnectionModel::from_object).as_ref()))
    };
    assert!(raised(None) == Value::from(1));
    for (version, expected) in [(Value::Null, 1), (Value::from(0), 1), (Value::from(41), 42)] {
        assert!(raised(Some(&state(&[("password_wo_version", version)]))) == Value::from(expected));
    }
}

#[test]
fn sends_unknown_credentials() {
    for name in attributes::credentials().map(Row::name) {
        let config = config(&[("password_wo", text("hunter2")), (name, Value::unknown())]);
        assert!(sends(&state(&[]), &config, &recorded(Some("password_wo"))), "{name}");
    }
}

#[tokio::test]
async fn records_sent_credentials() {
    let connection = |values: Values<'_>| ConnectionModel::from_object(&config(values));
    let password: Values<'_> = &[("password", text("hunter2"))];
    let password_wo: Values<'_> = &[("password_wo", text("hunter2"))];
    let counted: Values<'_> = &[("password_wo", text("hunter2")), ("password_wo_version", Value::from(1))];
    let fingerprints = Fingerprints::default();
    for (written, planned, source, counts) in [
        (password, password, Some("password"), false),
        (password_wo, &[], Some("password_wo"), true),
        (counted, &[], Some("password_wo"), false),
        (password_wo, password, Some("password_wo"), true),
        (&[], &[], None, false),
    ] {
        let mut private = recorded(Some("something old"));
        private.keep(WRITTEN_HASH, Json::from("old"));
        private.keep(FINGERPRINT, Json::from("of the old one"));
        let (config, planned) = (connection(written), connection(planned));
        let record = |hash, sent| SentRecord { config: &config, planned: &planned, hash, sent };
        record(None, false).store(&mut private, &fingerprints).await;
        assert_eq!(private.kept(PASSWORD_SOURCE), source.map(Json::from).as_ref());
        assert_eq!(private.kept(WRITTEN_HASH), Some(&Json::from("old")), "nothing was sent");
        // A fingerprint is stored only where it decides about the next plan.
        assert_eq!(private.kept(FINGERPRINT), counts.then(|| Json::from("of the old one")).as_ref(), "{source:?}");
        record(Some("new"), true).store(&mut private, &fingerprints).await;
        assert_eq!(private.kept(WRITTEN_HASH), Some(&Json::from("new")));
        assert_eq!(private.kept(FINGERPRINT).is_some(), counts, "{source:?}");
        assert_ne!(private.kept(FINGERPRINT), Some(&Json::from("of the old one")));
        let bytes = private.encode();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    }
}

#[test]
fn keeps_an_unset_version() {
    for version in [Value::Null, Value::from(0)] {
        let prior = state(&[("password_wo_version", version)]);
        let expected = ConnectionModel::from_object(&prior).password_wo_version;
        assert!(planned(&prior, &config(&[])).password_wo_version == expected);
    }
}

#[test]
fn treats_an_invalid_version_as_set() {
    let huge = Value::from("1e30".parse::<crate::terraform::number::Number>().unwrap());
    let config = config(&[("password_wo", text("hunter2")), ("password_wo_version", huge)]);
    assert!(!ConnectionModel::from_object(&config).password_wo_version.is_null());
    // An unset version would be compared by fingerprint and incremented.
    assert_eq!(decided(&state(&[]), &config, &recorded(None)), CredentialsPlan::Send);
}

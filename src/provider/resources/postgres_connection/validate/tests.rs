//! Valid values, invalid values, and the messages about them.

use super::*;
use crate::terraform::diagnostic::Severity;
use crate::terraform::number::Number;

const GATEWAY: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";

/// Returns a valid configuration with one password.
fn valid() -> Object {
    let mut config = Object::new();
    for (name, value) in [
        ("name", "orders-db"),
        ("host", "db.example.com"),
        ("database", "orders"),
        ("username", "kms_role"),
        ("password_wo", "hunter2"),
    ] {
        config.set(name, value);
    }
    config
}

fn with(values: &[(&str, Value)]) -> Object {
    let mut config = valid();
    for (name, value) in values {
        config.set(*name, value.clone());
    }
    config
}

fn number(text: &str) -> Value {
    Value::from(text.parse::<Number>().unwrap())
}

fn block(name: &str, value: &str) -> Value {
    let mut object = Object::new();
    object.set(name, value);
    Value::Object(object)
}

fn pem() -> String {
    rcgen::generate_simple_self_signed(["db.example.com".to_owned()]).unwrap().cert.pem()
}

/// Returns the only message about a configuration, as severity, path and text.
fn only(config: &Object) -> (Severity, String, String) {
    let found = check(config);
    let all: Vec<_> = found.iter().map(|one| format!("{:?}: {}", one.path, one.detail)).collect();
    assert_eq!(all.len(), 1, "{config:?}: {all:#?}");
    let one = found.into_iter().next().unwrap();
    let text = one.detail;
    assert!(text.ends_with(['.', ')']) && !text.contains("..") && !text.contains("  "), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    (one.severity, one.path.unwrap().to_string(), text)
}

#[test]
fn accepts_valid_values() {
    for (name, values) in [
        ("name", vec!["a", "0", "orders-db", "a-b-c-1", &"x".repeat(64)]),
        ("description", vec!["", " ", "Grüße\nzwei Zeilen", &"ü".repeat(255), &format!("  {}  ", "x".repeat(255))]),
        ("project_id", vec!["7ffbb072-2575-495a-b5b0-127f88caef78", "any-text"]),
        ("method", vec!["username-and-password"]),
        (
            "host",
            vec![
                "db.example.com",
                "::1",
                "10.0.0.1",
                " db.example.com ",
                "bücher.test",
                "bu\u{308}cher.test",
                "हिन्दी.test",
            ],
        ),
        ("database", vec!["orders", "Orders DB", "ü", &"x".repeat(63)]),
        ("username", vec!["kms_role", "role.project", "Ünï \"quoted\"", &"x".repeat(63)]),
        ("password_wo", vec![" hunter2 ", "ü", "a\nb", &"x".repeat(65_530)]),
        ("gateway_id", vec![GATEWAY, &GATEWAY.to_uppercase()]),
        ("ssl_certificate", vec![&pem(), &format!("{}\n\n", pem().replace('\n', "\r\n"))]),
    ] {
        for value in values {
            assert!(check(&with(&[(name, value.into())])).is_empty(), "{name} = {value:?}");
        }
    }
    for port in ["1", "5432", "65535", "5432.0"] {
        assert!(check(&with(&[("port", number(port))])).is_empty(), "{port}");
    }
    for version in ["0", "1", "9007199254740993"] {
        assert!(check(&with(&[("password_wo_version", number(version))])).is_empty(), "{version}");
    }
    let password = with(&[("password_wo", Value::Null), ("password", "hunter2".into())]);
    assert!(check(&password).is_empty());
    // An import needs no password.
    assert!(check(&with(&[("password_wo", Value::Null)])).is_empty());
}

#[test]
fn reports_each_violated_rule_once_at_its_argument() {
    let long = |count: usize| Value::from("x".repeat(count));
    let key = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
    let damaged = pem().replacen("MII", "!!!", 1);
    let broken_slug = "This one has other characters or misplaced hyphens.";
    for (name, value, phrase) in [
        ("name", "".into(), "This one is empty."),
        ("name", long(65), "This one has 65 characters."),
        ("name", "Orders".into(), broken_slug),
        ("name", "orders_db".into(), broken_slug),
        ("name", "-orders".into(), broken_slug),
        ("name", "orders-".into(), broken_slug),
        ("name", "orders--db".into(), broken_slug),
        ("name", " orders".into(), broken_slug),
        ("name", "örders".into(), broken_slug),
        ("name", "ü".repeat(40).into(), broken_slug),
        ("description", long(256), "this one has 256"),
        ("project_id", "".into(), "remove the line"),
        ("project_id", " x".into(), "without spaces"),
        ("method", "password".into(), "`username-and-password`"),
        ("host", "".into(), "`host` is empty"),
        ("host", "db.example.com:5433".into(), "`port = 5433`"),
        ("host", "postgres://kms:hunter2@db.example.com/orders".into(), "`username = \"kms\"`"),
        ("database", " ".into(), "it is empty"),
        ("database", "a\0b".into(), "NUL"),
        ("database", long(64), "it has 64 bytes"),
        ("database", "ü".repeat(32).into(), "it has 64 bytes"),
        ("username", "".into(), "not a valid role name: it is empty"),
        ("username", long(64), "at most 63"),
        ("password_wo", "".into(), "it is empty"),
        ("password_wo", " \n".into(), "it is empty"),
        ("password_wo", "hunter2\0".into(), "NUL"),
        ("password_wo", "x".repeat(65_531).into(), "longer than 65530 bytes"),
        ("gateway_id", "".into(), "UUID of a gateway"),
        ("gateway_id", "gateway-1".into(), "UUID of a gateway"),
        ("gateway_id", GATEWAY.replace('-', "").into(), "UUID of a gateway"),
        ("gateway_id", format!("{{{GATEWAY}}}").into(), "UUID of a gateway"),
        ("port", number("0"), "1 to 65535"),
        ("port", number("-1"), "1 to 65535"),
        ("port", number("65536"), "1 to 65535"),
        ("port", number("5432.5"), "1 to 65535"),
        ("port", number("1e400"), "1 to 65535"),
        ("password_wo_version", number("-1"), "0 or more"),
        ("password_wo_version", number("1.5"), "0 or more"),
        ("password_wo_version", number("1e30"), "0 or more"),
        ("ssl_certificate", "".into(), "it is empty. Remove the line"),
        ("ssl_certificate", "/etc/ca.pem".into(), "the path of a file"),
        ("ssl_certificate", "<!DOCTYPE html><html></html>".into(), "an HTML page"),
        ("ssl_certificate", "https://example.com/ca.pem".into(), "it is a URL"),
        ("ssl_certificate", pem().replace('\n', " ").into(), "its line ends became spaces"),
        ("ssl_certificate", format!("{}{key}", pem()).into(), "it contains a private key"),
        ("ssl_certificate", damaged.into(), "block number 1 is damaged: it is not base64"),
    ] {
        let shown = format!("{name}: {phrase}");
        let (severity, path, text) = only(&with(&[(name, value)]));
        assert_eq!((severity, path.as_str()), (Severity::Error, name), "{shown}");
        assert!(text.contains(phrase), "{shown}\n{text}");
    }
    for (name, value, path) in [
        ("validation", block("mode", "sometimes"), "validation.mode"),
        ("validation", block("timeout", "10"), "validation.timeout"),
        ("validation", block("address", "localhost"), "validation.address"),
        ("timeouts", block("create", "soon"), "timeouts.create"),
    ] {
        assert_eq!(only(&with(&[(name, value)])).1, path);
    }
}

#[test]
fn reports_all_violated_rules_at_once() {
    let found = check(&with(&[
        ("name", "Orders".into()),
        ("port", number("0")),
        ("host", "".into()),
        ("timeouts", block("read", "x")),
    ]));
    let paths: Vec<_> = found.iter().map(|one| one.path.clone().unwrap().to_string()).collect();
    assert_eq!(paths, ["name", "host", "port", "timeouts.read"]);
}

#[test]
fn reports_nothing_about_unknown_values() {
    let mut config = Object::new();
    for name in <ConnectionModel as crate::terraform::model::Model>::FIELDS {
        config.set(*name, Value::unknown());
    }
    assert!(check(&config).is_empty());
    for name in ["validation", "timeouts"] {
        let mut object = Object::new();
        for setting in ["mode", "unreachable", "timeout", "address", "create", "read"] {
            object.set(setting, Value::unknown());
        }
        assert!(check(&with(&[(name, object.into())])).is_empty(), "{name}");
    }
}

#[test]
fn rejects_two_passwords_and_a_version_without_password_wo() {
    let known = || Value::from("hunter2");
    for (password, password_wo, version, expected) in [
        (known(), known(), Value::Null, Some("password_wo")),
        // One of the two may become null.
        (known(), Value::unknown(), Value::Null, None),
        (Value::unknown(), known(), Value::Null, None),
        (Value::Null, known(), Value::from(0), None),
        (Value::Null, Value::unknown(), Value::from(1), None),
        (Value::Null, Value::Null, Value::from(0), Some("password_wo_version")),
        (known(), Value::Null, Value::from(1), Some("password_wo_version")),
        (Value::Null, Value::Null, Value::unknown(), None),
    ] {
        let config = with(&[("password", password), ("password_wo", password_wo), ("password_wo_version", version)]);
        let found = check(&config);
        let paths: Vec<_> = found.iter().map(|one| one.path.clone().unwrap().to_string()).collect();
        assert_eq!(paths, expected.into_iter().collect::<Vec<_>>(), "{config:?}");
    }
}

#[test]
fn warns_about_damaged_block_after_usable_one() {
    let damaged = format!("{}{}", pem(), pem().replacen("MII", "!!!", 1));
    let (severity, path, text) = only(&with(&[("ssl_certificate", damaged.into())]));
    assert_eq!((severity, path.as_str()), (Severity::Warning, "ssl_certificate"));
    for part in ["1 usable certificate,", "block number 2 is damaged: it is not base64", "everything after it"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn warns_about_certificate_without_effect() {
    let off = || Value::from(false);
    for (enabled, reject, expected) in [
        (Value::Null, Value::Null, None),
        (Value::from(true), Value::from(true), None),
        (Value::unknown(), Value::unknown(), None),
        (off(), Value::Null, Some("`ssl_enabled = false`")),
        (Value::Null, off(), Some("`ssl_reject_unauthorized = false`")),
        (off(), off(), Some("`ssl_enabled = false`")),
    ] {
        let mut config =
            with(&[("ssl_certificate", pem().into()), ("ssl_enabled", enabled), ("ssl_reject_unauthorized", reject)]);
        match expected {
            None => assert!(check(&config).is_empty(), "{config:?}"),
            Some(phrase) => {
                let (severity, path, text) = only(&config);
                assert_eq!((severity, path.as_str()), (Severity::Warning, "ssl_certificate"));
                assert!(text.contains(phrase), "{text}");
            }
        }
        config.set("ssl_certificate", Value::Null);
        assert!(check(&config).is_empty(), "{config:?}");
    }
}

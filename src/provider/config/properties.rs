//! Whatever is written in the provider block and in the environment: nothing panics, and no message shows a secret.

use std::time::Duration;

use proptest::prelude::*;

use super::tests::{arguments, resolve};
use super::*;
use crate::terraform::duration;

const SECRET: &str = "hunter2";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_settings_do_no_harm(
        arguments in prop::collection::btree_map(prop::sample::select(texts()), a_text(), 0..6),
        variables in prop::collection::btree_map(prop::sample::select(names()), a_text(), 0..6),
        headers in prop::option::of(prop::collection::btree_map(".{0,10}", a_secret(), 0..3)),
        secrets in (prop::option::of(a_secret()), prop::option::of(a_secret())),
        variable_headers in prop::option::of((".{0,10}", ".{0,5}", a_secret()).prop_map(|(a, b, s)| format!("{a}={b} {s}"))),
    ) {
        let mut block: Object =
            arguments.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text.as_str()))).collect();
        let mut set = |name: &str, text: Option<&str>| {
            if let Some(text) = text {
                block.set(name, Value::from(text));
            }
        };
        set("client_secret", secrets.0.as_deref());
        set("token", secrets.1.as_deref());
        if let Some(headers) = headers {
            let map = headers.into_iter().map(|(name, text)| (name, Value::from(text.as_str()))).collect();
            block.set("headers", Value::Object(map));
        }
        let lookup = |wanted: &str| match wanted {
            "KMS_CUSTOM_HEADERS" => variable_headers.clone(),
            wanted => variables.get(wanted).cloned(),
        };
        if let Err(problems) = resolve(&block, &lookup) {
            for problem in problems.iter() {
                let printed = format!("{} {}", problem.summary, problem.detail);
                prop_assert!(!printed.contains(SECRET), "{printed}");
            }
        }
    }

    #[test]
    fn no_piece_of_a_pasted_secret_is_shown(secret in a_pasted_secret(), (argument, variable, form) in a_place()) {
        let value = form.replace("SECRET", &secret);
        let mut block = Object::new();
        let mut set = |name: &str, text: &str| block.set(name, Value::from(text));
        set("client_id", "me");
        set("client_secret", "unused");
        match argument {
            "" => {}
            "headers" => block.set("headers", Value::Object([(value.clone(), Value::from(""))].into_iter().collect())),
            name => {
                if login_arguments().contains(&name) {
                    block = [("auth_method", Value::from(if name == "token" { "token" } else { "jwt" }))]
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect();
                    block.set("identity_id", Value::from("id"));
                }
                block.set(name, Value::from(value.as_str()));
            }
        }
        if variable == "KMS_OIDC_AUTH_TOKEN_NAME" {
            block = [("identity_id".to_owned(), Value::from("id"))].into_iter().collect();
        }
        let lookup = |wanted: &str| (wanted == variable).then(|| value.clone());
        if let Err(problems) = resolve(&block, &lookup) {
            for problem in problems.iter() {
                let printed = format!("{} {}", problem.summary, problem.detail).to_lowercase();
                prop_assert!(piece(&secret, &printed).is_none(), "{:?} of {secret} in {printed}", piece(&secret, &printed));
            }
        }
    }

    #[test]
    fn headers_in_order_are_read(pairs in prop::collection::btree_map("x-[a-z]{1,10}", "[!-~]{1,20}", 1..5)) {
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        prop_assert_eq!(parse_header_list(&text.join("  ")).unwrap().len(), pairs.len());
    }

    #[test]
    fn durations_in_order_are_read(hours in 0..99u64, minutes in 0..99u64, seconds in 0..9999u64, milliseconds in 1..9999u64) {
        let text = format!("{hours}h{minutes}m{seconds}s{milliseconds}ms");
        let expected = Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds);
        let read = duration::parse(&text).unwrap();
        prop_assert!(read.abs_diff(expected) < Duration::from_micros(1), "{text}: {read:?}");
    }

    #[test]
    fn any_text_is_a_duration_or_none(text in any::<String>(), number in "[0-9.]{0,400}", unit in "ms|s|m|h|d|") {
        for text in [text, format!("{number}{unit}")] {
            if let Some(read) = duration::parse(&text) {
                prop_assert!(!read.is_zero() && std::time::Instant::now().checked_add(read).is_some());
            }
        }
    }
}

/// Arguments that are texts and no secrets.
fn texts() -> Vec<&'static str> {
    let others = ["client_secret", "token", "headers", "validation", "allow_insecure_host", "ca_certificate_file"];
    arguments().into_iter().filter(|name| !others.contains(name)).collect()
}

fn names() -> Vec<&'static str> {
    let all = [&env::HOST[..], &env::AUTH_METHOD, &env::REQUEST_TIMEOUT, &env::VALIDATION, &env::VALIDATION_HOSTS];
    all.concat().iter().map(|variable| variable.name).collect()
}

fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        ".{0,30}",
        Just("universal".to_owned()),
        Just("token".to_owned()),
        Just("5s".to_owned()),
        "https?://(me:hunter2@)?[a-z.:\\[\\]0-9]{0,20}(/api|\\?hunter2|#hunter2)?",
        Just(format!("-----BEGIN CERTIFICATE-----\n{SECRET}\n-----END CERTIFICATE-----")),
    ]
}

/// A password with the characters that take a URL apart. Its letters stand in no message.
fn a_pasted_secret() -> impl Strategy<Value = String> {
    "[qzxj79]{4,12}([/?#@:%+= ,][qzxj79]{4,8}){0,2}"
}

fn login_arguments() -> [&'static str; 3] {
    ["token", "jwt", "jwt_file"]
}

/// An argument or a variable, and what is given there.
fn a_place() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let addresses = [
        "https://me:SECRET@kms.test",
        "https://SECRET@kms.test/api",
        "http://SECRET@kms.test",
        "http://me:SECRET@kms.test?x",
        "SECRET",
        "postgres://me:SECRET@db.test:5432/app",
        "https://kms.test/?token=SECRET",
        "https://kms.test#SECRET",
        "\"https://me:SECRET@kms.test\"",
        "SECRET://kms.test",
        "me:SECRET@kms.test:443",
    ];
    let of_argument =
        ["host", "auth_method", "request_timeout", "ca_certificate", "headers", "token", "jwt", "jwt_file"];
    let of_variable = [
        "KMS_HOST",
        "KMS_AUTH_METHOD",
        "KMS_REQUEST_TIMEOUT",
        "KMS_MAX_RETRIES",
        "KMS_CUSTOM_HEADERS",
        "KMS_VALIDATION",
        "KMS_VALIDATION_HOSTS",
        "KMS_OIDC_AUTH_TOKEN_NAME",
        "HTTPS_PROXY",
    ];
    let places: Vec<_> =
        of_argument.map(|name| (name, "")).into_iter().chain(of_variable.map(|name| ("", name))).collect();
    (prop::sample::select(places), prop::sample::select(addresses.to_vec())).prop_map(|((a, v), form)| (a, v, form))
}

/// A piece of the secret of four characters that stands in the text, plain or in base64.
fn piece(secret: &str, text: &str) -> Option<String> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    let letters: Vec<char> = secret.to_lowercase().chars().collect();
    let plain = letters.windows(4).map(|four| four.iter().collect::<String>());
    let encoded = (0..3).map(|skip| {
        let encoded = BASE64_STANDARD.encode(format!("{}{secret}", "_".repeat(skip))).to_lowercase();
        encoded.get(4..encoded.len() - 4).unwrap_or_default().to_owned()
    });
    let is_telling =
        |piece: &String| piece.len() >= 4 && piece.chars().filter(|c| c.is_ascii_alphanumeric()).count() >= 3;
    plain.chain(encoded).filter(is_telling).find(|piece| text.contains(piece))
}

fn a_secret() -> impl Strategy<Value = String> {
    (".{0,8}", ".{0,8}").prop_map(|(before, after)| format!("{before}{SECRET}{after}"))
}

//! For any provider block and environment, the parser does not panic and no message shows a secret.

use std::time::Duration;

use proptest::prelude::*;

use super::tests::{arguments, resolve};
use super::*;
use crate::terraform::duration;

const SECRET: &str = "hunter2";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accepts_any_settings_without_showing_secrets(
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
    fn no_piece_of_a_pasted_secret_is_shown(secret in a_pasted_secret(), place in a_place()) {
        let printed = printed(&secret, place);
        // A short piece can occur in the constant text by chance: the messages about a similar secret have it, too.
        let constant = self::printed(&similar(&secret), place);
        let shown = pieces(&secret).into_iter().find(|piece| printed.contains(piece) && !constant.contains(piece));
        prop_assert!(shown.is_none(), "{shown:?} of {secret} in {printed}");
    }

    #[test]
    fn parses_valid_headers(pairs in prop::collection::btree_map("x-[a-z]{1,10}", "[!-~]{1,20}", 1..5)) {
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        prop_assert_eq!(parse_header_list(&text.join("  ")).unwrap().len(), pairs.len());
    }

    #[test]
    fn parses_valid_durations(hours in 0..99u64, minutes in 0..99u64, seconds in 0..9999u64, milliseconds in 1..9999u64) {
        let text = format!("{hours}h{minutes}m{seconds}s{milliseconds}ms");
        let expected = Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds);
        let read = duration::parse(&text).unwrap();
        prop_assert!(read.abs_diff(expected) < Duration::from_micros(1), "{text}: {read:?}");
    }

    #[test]
    fn parses_any_text_as_a_positive_duration_or_none(text in any::<String>(), number in "[0-9.]{0,400}", unit in "ms|s|m|h|d|") {
        for text in [text, format!("{number}{unit}")] {
            if let Some(read) = duration::parse(&text) {
                prop_assert!(!read.is_zero() && std::time::Instant::now().checked_add(read).is_some());
            }
        }
    }
}

/// Returns the arguments that are texts and not secrets.
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

/// A password with the delimiters of URLs. Messages have few of its letters.
fn a_pasted_secret() -> impl Strategy<Value = String> {
    "[qzxj79]{4,12}([/?#@:%+= ,][qzxj79]{4,8}){0,2}"
}

/// Returns an argument or a variable, and the form of its value.
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

/// Returns the messages about a secret at a place, in lower case.
fn printed(secret: &str, (argument, variable, form): (&str, &str, &str)) -> String {
    let value = form.replace("SECRET", secret);
    let object = |arguments: &[(&str, &str)]| -> Object {
        arguments.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect()
    };
    let mut block = match argument {
        "token" => object(&[("auth_method", "token"), ("identity_id", "id")]),
        "jwt" | "jwt_file" => object(&[("auth_method", "jwt"), ("identity_id", "id")]),
        _ if variable == "KMS_OIDC_AUTH_TOKEN_NAME" => object(&[("identity_id", "id")]),
        _ => object(&[("client_id", "me"), ("client_secret", "unused")]),
    };
    match argument {
        "" => {}
        "headers" => block.set("headers", Value::Object(object(&[(&value, "")]))),
        name => block.set(name, Value::from(value.as_str())),
    }
    let lookup = |wanted: &str| (wanted == variable).then(|| value.clone());
    let problems = resolve(&block, &lookup).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{} {}\n", problem.summary, problem.detail).to_lowercase()).collect()
}

/// Returns a secret of the same form with other letters and digits.
fn similar(secret: &str) -> String {
    let other = |c: char| match c {
        c if c.is_ascii_digit() => '5',
        c if c.is_ascii_alphabetic() => 'w',
        c => c,
    };
    secret.chars().map(other).collect()
}

/// Returns the pieces of four characters of a secret, and the secret in base64.
fn pieces(secret: &str) -> Vec<String> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    let letters: Vec<char> = secret.to_lowercase().chars().collect();
    let plain = letters.windows(4).map(|four| four.iter().collect::<String>());
    let encoded = (0..3).map(|skip| {
        let encoded = BASE64_STANDARD.encode(format!("{}{secret}", "_".repeat(skip))).to_lowercase();
        encoded.get(4..encoded.len() - 4).unwrap_or_default().to_owned()
    });
    let is_telling =
        |piece: &String| piece.len() >= 4 && piece.chars().filter(|c| c.is_ascii_alphanumeric()).count() >= 3;
    plain.chain(encoded).filter(is_telling).collect()
}

fn a_secret() -> impl Strategy<Value = String> {
    (".{0,8}", ".{0,8}").prop_map(|(before, after)| format!("{before}{SECRET}{after}"))
}

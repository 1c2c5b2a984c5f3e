//! No message about an argument or a variable quotes a part of a password in its value.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use proptest::prelude::*;

use super::{config, messages};
use crate::env;
use crate::provider::resources::postgres_connection::PostgresConnection;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::Resource as _;
use crate::terraform::value::{Object, Value};

/// Common forms of misplaced values; `*` is the password.
const FORMS: [&str; 16] = [
    "postgres://kms:*@db.test:5432/orders",
    "postgresql://kms:*@db.test/orders?sslmode=require",
    "postgres://kms@db.test/orders?password=*",
    "postgres://db.test:5432/orders?user=kms&password=*",
    "postgres://*@db.test/orders",
    "jdbc:postgresql://db.test/orders?user=kms&password=*",
    "kms:*@db.test:5432",
    "host=db.test user=kms password=*",
    "https://me:*@kms.test/api",
    "http://me:*@kms.test",
    "http://kms.test/?token=*",
    "ftp://me:*@kms.test",
    "*://me@kms.test",
    "X-Token: *",
    "db.test,postgres://kms:*@db.test/orders",
    "*",
];

const ARGUMENTS: [&str; 9] =
    ["name", "description", "project_id", "method", "host", "database", "username", "gateway_id", "ssl_certificate"];

const VALIDATION: [&str; 5] = ["mode", "unreachable", "timeout", "address", "privileges"];

const PROVIDER: [&str; 6] =
    ["host", "auth_method", "request_timeout", "ca_certificate", "organization_slug", "identity_id"];

fn resolve(block: &Object, variable: env::Lookup<'_>) -> Diagnostics {
    let resolved = config::parse(block).and_then(|arguments| arguments.resolve(variable));
    resolved.err().map(messages::settings::config_errors).unwrap_or_default()
}

fn object(values: impl IntoIterator<Item = (&'static str, Value)>) -> Object {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns all messages about this input in each argument and variable.
fn messages(input: &str) -> Vec<String> {
    let text = || Value::from(input);
    let mut found = Vec::new();
    let mut add = |diagnostics: Diagnostics| {
        found.extend(diagnostics.iter().map(|problem| format!("{} {}", problem.summary, problem.detail)));
    };
    for argument in ARGUMENTS {
        add(PostgresConnection.validate(&object([(argument, text())])));
    }
    let roles = [("rotation_roles", Value::List(vec![text(), text()]))];
    for (name, value) in VALIDATION.map(|argument| (argument, text())).into_iter().chain(roles) {
        let block = [("validation", Value::Object(object([(name, value)])))];
        add(PostgresConnection.validate(&object(block)));
    }
    add(PostgresConnection.validate(&object([("timeouts", Value::Object(object([("create", text())])))])));
    for argument in PROVIDER {
        add(resolve(&object([(argument, text())]), &|_| None));
    }
    let headers = [(input.to_owned(), Value::from("x"))].into_iter().collect();
    add(resolve(&object([("headers", Value::Object(headers))]), &|_| None));
    let variables = [
        &env::HOST[..],
        &env::AUTH_METHOD,
        &env::REQUEST_TIMEOUT,
        &env::MAX_RETRIES,
        &env::VALIDATION,
        &env::VALIDATION_HOSTS,
        &env::HEADERS,
    ];
    for variable in variables.concat() {
        let lookup = |name: &str| (name == variable.name).then(|| input.to_owned());
        add(resolve(&Object::new(), &lookup));
    }
    add(messages::import_form(input).into());
    found
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.windows(4).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

/// The text of the messages that does not depend on the password.
static OURS: LazyLock<String> =
    LazyLock::new(|| FORMS.map(|form| messages(&form.replace('*', "s")).join("\n")).concat());

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn quotes_no_piece_of_a_pasted_password(
        form in prop::sample::select(&FORMS[..]),
        // Letters, digits and the delimiters of URLs, as in generated passwords.
        secret in "[QXZJKqxz149/?#@:%\\[\\]&=+,; .'\"\\\\_-]{4,24}",
        encoding in 0..3_usize,
    ) {
        // Without a form the secret may be a valid value: a role can have any name.
        prop_assume!(form != "*" || secret.contains("://"));
        // The text before a colon is then the name of a role, which may be quoted.
        prop_assume!(!form.contains("://*@") || !secret.contains(':'));
        let forms = [secret.clone(), percent_encoded(&secret), BASE64_STANDARD_NO_PAD.encode(&secret)];
        let found = messages(&form.replace('*', &forms[encoding]));
        for piece in forms.iter().flat_map(|form| pieces(form)).filter(|piece| !OURS.contains(piece)) {
            let quoting = found.iter().find(|message| message.contains(&piece));
            prop_assert!(quoting.is_none(), "`{piece}` of `{secret}` in:\n{quoting:?}");
        }
    }
}

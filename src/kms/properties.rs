//! Whatever a server responses and a person configures: nothing panics, no message shows a secret or fills a screen, and what
//! is well formed is read right.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::*;
use crate::redact::Redactor;
use crate::secret::{Secret, SecretBytes};

/// As a server may repeat it, and one that looks different in JSON.
const SECRETS: [&str; 2] = ["hunter2", "hün\"te\\r/3"];
/// Far more than a good message needs, and nothing like an response.
const MAX_MESSAGE_LENGTH: usize = 100_000;

fn response(status: u16, headers: &[(&'static str, String)], bytes: Vec<u8>) -> ApiResponse {
    let mut body = SecretBytes::default();
    body.extend(&bytes);
    let call = RequestInfo { method: "POST", host: "kms.test".to_owned(), path: "/api/v1/x".to_owned(), attempt: 1 };
    let headers: HeaderMap = headers
        .iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)))
        .collect();
    ApiResponse::new(call, status, &headers, body, None, Redactor::new(&SECRETS.map(Secret::new)))
}

/// Calls everything that reads a response.
fn is_harmless(response: &ApiResponse) -> Result<(), TestCaseError> {
    shown(response).map(|_| ())
}

/// [`is_harmless`], and what it shows.
fn shown(response: &ApiResponse) -> Result<String, TestCaseError> {
    let _ = (response.refuses_token(), response.refuses_auth(), response.is_no_such_connection(), response.status());
    let mut printed = vec![response.error().to_string()];
    for error in
        [response.decode::<AppConnection>().err(), response.decode::<Vec<AppConnection>>().err()].into_iter().flatten()
    {
        let _ = (error.may_have_run(), error.is_database_full());
        prop_assert!(!format!("{error:?}").contains(SECRETS[0]), "{error:?}");
        printed.push(error.to_string());
    }
    for text in &printed {
        prop_assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
        prop_assert!(text.chars().all(crate::text::is_plain), "{text:?}");
        prop_assert!(text.len() < MAX_MESSAGE_LENGTH, "{} bytes: {text:.300}", text.len());
    }
    Ok(printed.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_responses_do_no_harm(
        status in a_status(), body in prop::collection::vec(any::<u8>(), 0..300), headers in some_headers(),
    ) {
        is_harmless(&response(status, &headers, body))?;
    }

    #[test]
    fn responses_with_a_secret_anywhere_do_no_harm(
        status in a_status(),
        before in prop_oneof![Just(Vec::new()), prop::collection::vec(any::<u8>(), 0..300)],
        (secret, after) in (prop::sample::select(&SECRETS[..]), prop::collection::vec(any::<u8>(), 0..50)),
        filler in prop_oneof![Just(' '), Just('\n'), Just('\u{200b}'), Just('x')],
        fill in prop_oneof![Just(0usize), 65_500..65_540usize, 21_800..21_860usize],
    ) {
        let filled = filler.to_string().repeat(fill).into_bytes();
        let shown = shown(&response(status, &[], [before, filled, secret.as_bytes().to_vec(), after].concat()))?;
        // Nor a part of it, where the response is cut.
        prop_assert!(!shown.contains(&secret[..4]), "{shown}");
    }

    #[test]
    fn any_json_does_no_harm(status in a_status(), body in a_json(), headers in some_headers()) {
        is_harmless(&response(status, &headers, body.to_string().into_bytes()))?;
    }

    #[test]
    fn error_bodies_of_any_content_do_no_harm(
        status in a_status(), name in a_text(), message in a_message(), details in a_json(), request_id in a_text(),
    ) {
        let body = json!({
            "reqId": request_id, "statusCode": status, "error": name, "message": message, "details": details,
        });
        is_harmless(&response(status, &[], body.to_string().into_bytes()))?;
    }

    #[test]
    fn damaged_error_bodies_do_no_harm(
        status in a_status(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let issues = json!([{"code": "custom", "path": ["credentials", "host"], "message": "Host required hunter2"}]);
        let body = json!({"reqId": "req-1", "statusCode": status, "error": "ValidationFailure", "message": issues});
        let mut bytes = body.to_string().into_bytes();
        for (index, mask) in damage {
            let index = index.index(bytes.len());
            bytes[index] ^= mask;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        is_harmless(&response(status, &[], bytes))?;
    }

    #[test]
    fn parses_issues_of_both_dialects(issues in prop::collection::vec(an_issue(), 1..20)) {
        let message: Vec<&Value> = issues.iter().map(|(json, _)| json).collect();
        let body = json!({"reqId": "req-1", "statusCode": 422, "error": "ValidationFailure", "message": message});
        let error = response(422, &[], body.to_string().into_bytes()).decode::<AppConnection>().unwrap_err();
        let ErrorKind::Invalid { issues: read } = error.kind else { panic!("{error:?}") };
        let mut expected: Vec<Issue> = Vec::new();
        for (_, issue) in issues {
            if !expected.contains(&issue) {
                expected.push(issue);
            }
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn parses_a_wait_in_seconds(seconds in 0..1_000_000u64, reset in 0..1_000_000u64, by_reset in any::<bool>()) {
        let mut headers = vec![("x-ratelimit-reset", reset.to_string())];
        if !by_reset {
            headers.push(("retry-after", seconds.to_string()));
        }
        let error = response(429, &headers, b"{}".to_vec()).decode::<AppConnection>().unwrap_err();
        let ErrorKind::RateLimited { retry_after } = error.kind else { panic!("{error:?}") };
        prop_assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(if by_reset { reset } else { seconds }));
    }

    #[test]
    fn parses_a_wait_until_a_date(seconds in 10..10_000_000u64) {
        let then = SystemTime::now() + Duration::from_secs(seconds);
        let headers = [("retry-after", httpdate::fmt_http_date(then))];
        let wait = response(503, &headers, Vec::new()).retry_after().unwrap().as_secs();
        prop_assert!((seconds - 5..=seconds).contains(&wait), "{wait} and not {seconds}");
    }

    #[test]
    fn parses_a_connection_with_unknown_fields(
        connection in a_connection(), more in prop::collection::btree_map("x[a-z]{1,5}", a_json(), 0..4),
        nulls in any::<bool>(),
    ) {
        let mut body = written(&connection, nulls);
        body.as_object_mut().unwrap().extend(more);
        let read = response(200, &[], body.to_string().into_bytes()).decode::<AppConnection>();
        prop_assert_eq!(read.unwrap(), connection);
    }

    #[test]
    fn rejects_a_connection_with_a_wrong_field(
        connection in a_connection(), field in prop::sample::select(vec!["id", "name", "app", "method", "credentials"]),
        missing in any::<bool>(),
    ) {
        let mut body = written(&connection, false);
        let fields = body.as_object_mut().unwrap();
        if missing { fields.remove(field); } else { fields.insert(field.to_owned(), json!([SECRETS[0]])); }
        let response = response(200, &[], body.to_string().into_bytes());
        prop_assert!(response.decode::<AppConnection>().is_err());
        is_harmless(&response)?;
    }

    #[test]
    fn addresses_show_no_secret_and_do_not_change(
        scheme in prop_oneof![Just("https"), Just("http"), Just("ftp"), Just("HTTPS")],
        user in prop::option::of(Just("me:hunter2@")),
        host in prop_oneof!["[a-z.\\-0-9]{0,20}", "\\PC{0,8}", Just("[::1]".to_owned()), Just("localhost".to_owned())],
        port in prop::option::of(any::<u32>()),
        path in "(/[a-z.%]{0,6}){0,3}",
        end in prop_oneof![Just(""), Just("/"), Just("/api"), Just("?t=hunter2"), Just("#hunter2")],
    ) {
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let text = format!("{scheme}://{}{host}{port}{path}{end}", user.unwrap_or_default());
        match BaseUrl::parse(&text, true) {
            Ok(base) => prop_assert_eq!(BaseUrl::parse(&base.to_string(), true), Ok(base)),
            Err(error) => prop_assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}"),
        }
    }

    #[test]
    fn any_address_header_or_certificate_does_no_harm(text in any::<String>(), name in any::<String>()) {
        let _ = BaseUrl::parse(&text, false).map(|base| base.join(["a", &name], Some(("q", &text))));
        let secret = format!("{text}hunter2{text}");
        if let Err(error) = Header::parse(&name, Secret::new(secret)) {
            let printed = format!("{error} {error:?}");
            prop_assert!(name.contains("hunter2") || !printed.contains("hunter2"));
        }
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        let _ = (CaCertificates::parse(&text), CaCertificates::parse(&pem));
    }

    #[test]
    fn damaged_certificate_does_no_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = include_bytes!("../../tests/support/ca.pem").to_vec();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Err(error) = CaCertificates::parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(error.to_string().len() < 200);
        }
    }
}

fn a_status() -> impl Strategy<Value = u16> {
    let known = vec![200, 204, 301, 304, 307, 400, 401, 403, 404, 409, 418, 422, 429, 500, 502, 503, 504];
    prop_oneof![4 => prop::sample::select(known), 1 => 200..600u16]
}

fn some_headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let names = ["content-type", "location", "retry-after", "x-ratelimit-reset", "x-ratelimit-remaining"];
    let date = Just("Wed, 21 Oct 2099 07:28:00 GMT".to_owned());
    let value = prop_oneof![a_text(), any::<u64>().prop_map(|n| n.to_string()), "-?[0-9.e]{0,30}", date];
    prop::collection::vec((prop::sample::select(names.to_vec()), value), 0..4)
}

/// With secrets in some.
fn a_text() -> impl Strategy<Value = String> {
    let beginnings = [
        "Unable to validate connection: ",
        "An App Connection with the name \"",
        "You are not allowed to ",
        "ALTER USER ",
        "Could not find App Connection with ID ",
        "Rate limit exceeded. Please try again in ",
    ];
    prop_oneof![
        ".{0,40}",
        any::<String>(),
        (prop::sample::select(&SECRETS[..]), ".{0,20}", ".{0,20}").prop_map(|(s, a, b)| format!("{a}{s}{b}")),
        (prop::sample::select(beginnings.to_vec()), ".{0,20}").prop_map(|(a, b)| format!("{a}{b}")),
    ]
}

fn a_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        a_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let keys = prop_oneof![
            prop::sample::select(vec!["message", "error", "reqId", "details", "path", "action", "appConnection", "id"])
                .prop_map(str::to_owned),
            a_text(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((keys, inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A text, or a list of what may be issues.
fn a_message() -> impl Strategy<Value = Value> {
    let issue = (a_json(), a_json(), a_text())
        .prop_map(|(path, message, more)| json!({"path": [path.clone(), path], "message": message, "code": more}));
    prop_oneof![a_text().prop_map(Value::from), prop::collection::vec(issue, 0..5).prop_map(Value::Array), a_json()]
}

/// An issue in one of the dialects, and what is to be read.
fn an_issue() -> impl Strategy<Value = (Value, Issue)> {
    let step = prop_oneof![
        "[a-zA-Z]{1,12}".prop_map(|name| (json!(name), name)),
        (0..99u32).prop_map(|index| (json!(index), index.to_string())),
    ];
    let path = prop::collection::vec(step, 0..4);
    (path, "[!-~][ -~]{0,50}", any::<bool>()).prop_map(|(path, message, third)| {
        let (json, steps): (Vec<Value>, Vec<String>) = path.into_iter().unzip();
        let json = if third {
            json!({"code": "too_small", "minimum": 1, "type": "string", "exact": false, "path": json, "message": message})
        } else {
            json!({"origin": "string", "code": "too_small", "minimum": 1, "path": json, "message": message})
        };
        (json, Issue { path: steps, message: crate::text::sentence(&message, 100) })
    })
}

fn a_connection() -> impl Strategy<Value = AppConnection> {
    let maybe = || prop::option::of(".{0,20}");
    let texts = (".{0,20}", ".{0,20}", maybe(), maybe(), maybe(), maybe(), maybe(), maybe());
    let credentials = (".{0,20}", 0..70_000u32, ".{0,20}", ".{0,20}", any::<bool>(), any::<bool>(), maybe());
    (texts, prop::option::of(any::<bool>()), credentials).prop_map(|(texts, is_platform_managed, credentials)| {
        let (id, name, description, project_id, org_id, created_at, gateway_id, credentials_hash) = texts;
        let (host, port, database, username, ssl_enabled, ssl_reject_unauthorized, ssl_certificate) = credentials;
        let port = f64::from(port);
        AppConnection {
            id,
            name,
            description,
            project_id,
            org_id,
            app: "postgres".to_owned(),
            method: "username-and-password".to_owned(),
            created_at,
            gateway_id,
            credentials_hash,
            is_platform_managed,
            credentials: StoredCredentials {
                host,
                port,
                database,
                username,
                ssl_enabled,
                ssl_reject_unauthorized,
                ssl_certificate,
            },
        }
    })
}

/// A connection as the service writes it; what is not there as null, or not at all.
fn written(connection: &AppConnection, nulls: bool) -> Value {
    let AppConnection { credentials, .. } = connection;
    let mut fields = json!({
        "id": connection.id, "name": connection.name, "app": connection.app, "method": connection.method,
        "description": connection.description, "projectId": connection.project_id, "orgId": connection.org_id,
        "createdAt": connection.created_at, "gatewayId": connection.gateway_id,
        "credentialsHash": connection.credentials_hash, "isPlatformManagedCredentials": connection.is_platform_managed,
        "credentials": {
            "host": credentials.host, "port": credentials.port, "database": credentials.database,
            "username": credentials.username, "sslEnabled": credentials.ssl_enabled,
            "sslRejectUnauthorized": credentials.ssl_reject_unauthorized, "sslCertificate": credentials.ssl_certificate,
        },
    });
    if !nulls {
        fields.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    fields
}

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::secret::Secret;

fn secret_bytes(text: &str) -> SecretBytes {
    let mut bytes = SecretBytes::default();
    bytes.extend(text.as_bytes());
    bytes
}

fn answer_with(status: u16, headers: &[(&'static str, &str)], body: &str) -> ApiResponse {
    let call = RequestInfo { method: "POST", host: "kms.test".to_owned(), path: "/api/v1/x".to_owned(), attempt: 1 };
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    let redactor = Redactor::new(&[Secret::new("hunter2")]);
    ApiResponse::new(call, status, &headers, secret_bytes(body), None, redactor)
}

fn response(status: u16, body: &str) -> ApiResponse {
    answer_with(status, &[], body)
}

/// An error body as the service writes it.
fn own(status: u16, name: &str, message: impl Into<Value>) -> ApiResponse {
    let body = json!({"reqId": "req-12345678901234", "statusCode": status, "error": name, "message": message.into()});
    response(status, &body.to_string())
}

/// The variant's name, and for some what is in it.
fn kind(error: &Error) -> String {
    match &error.kind {
        ErrorKind::NameTaken { name, .. } => format!("NameTaken {name}"),
        ErrorKind::DatabaseRefused { step, message, .. } => format!("DatabaseRefused {step:?} {message}"),
        ErrorKind::Denied { action, subject, .. } => {
            let part = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
            format!("Denied {} {}", part(action), part(subject))
        }
        ErrorKind::RateLimited { retry_after, .. } => format!("RateLimited {retry_after:?}"),
        other => format!("{other:?}").split([' ', '(']).next().unwrap().to_owned(),
    }
}

#[test]
fn maps_each_error_of_the_service_to_its_kind() {
    let connection = "7f3c1c1e-8f0a-4c55-9d1e-3f2b6a1d0e9c";
    // The KMS writes before it builds its response: after its own 5xx the request may have run.
    for (status, name, message, expected, may_have_run) in [
        (403, "Forbidden access to /api", "You are not allowed to access this resource", "Denied - -", false),
        (
            403,
            "ForbiddenError",
            "You are not allowed to access this resource from the current IP address",
            "Denied - -",
            false,
        ),
        (
            403,
            "PermissionDenied",
            "You are not allowed to create on app-connections",
            "Denied create app-connections",
            false,
        ),
        (
            403,
            "PermissionDenied",
            "You are not allowed to read-app-connections on app-connections",
            "Denied read-app-connections app-connections",
            false,
        ),
        (403, "ProjectMembershipNotFound", "You are not a member of this project with ID p.", "Denied - -", false),
        (
            429,
            "RateLimitExceeded",
            "Rate limit exceeded. Please try again in 17 seconds",
            "RateLimited Some(17s)",
            false,
        ),
        (429, "RateLimitExceeded", "Failed to acquire lock: rate limit exceeded", "RateLimited None", false),
        (404, "NotFound", "Could not find App Connection with ID x", "ConnectionNotFound", false),
        (404, "NotFound", "Could not find App Connection with name x in project scope.", "ConnectionNotFound", false),
        (400, "BadRequest", "App Connection with ID x is not for App \"postgres\"", "OtherApp", false),
        (400, "BadRequest", "App Connection with name x is not for App \"postgres\"", "OtherApp", false),
        (404, "NotFound", "Project with ID 'p' not found", "ProjectNotFound", false),
        (404, "NotFound", "Project with p not found", "ProjectNotFound", false),
        (400, "BadRequest", "Could not find project with ID p", "ProjectNotFound", false),
        (400, "BadRequest", "Your current plan does not support gateway usage with app connections.", "Refused", false),
        (404, "NotFound", "Gateway with ID g not found for org", "GatewayRefused", false),
        (
            400,
            "BadRequest",
            "Unable to validate connection: password authentication failed for user \"u\"",
            "DatabaseRefused Login password authentication failed for user \"u\"",
            false,
        ),
        (
            400,
            "BadRequest",
            "ALTER USER \"u\" WITH PASSWORD '********************'; - permission denied to alter role",
            "DatabaseRefused ChangePassword ALTER USER \"u\" WITH PASSWORD '********************'; - permission denied to alter role",
            false,
        ),
        (
            400,
            "BadRequest",
            "Encountered an error transferring credentials to platform",
            "DatabaseRefused ChangePassword Encountered an error transferring credentials to platform",
            false,
        ),
        (400, "BadRequest", "An App Connection with the name \"main\" already exists", "NameTaken main", false),
        (
            400,
            "BadRequest",
            "Cannot update credentials or management status for platform managed connections",
            "PlatformManaged",
            false,
        ),
        (
            400,
            "BadRequest",
            "Credentials required to transition to platform managed credentials",
            "PlatformManaged",
            false,
        ),
        (
            400,
            "BadRequest",
            "Cannot delete App Connection with existing connections. Remove all existing connections and try again.",
            "InUse",
            false,
        ),
        (500, "InternalServerError", "Something went wrong", "Unavailable", true),
        (500, "Create", "Something went wrong", "Unavailable", true),
        (504, "GatewayTimeoutError", "x", "Unavailable", true),
        (410, "Gone", "x", "Refused", false),
        (401, "UnauthorizedError", "No identity access token found", "Refused", false),
    ] {
        let response = own(status, name, message.replace("ID x", &format!("ID {connection}")));
        let error = response.decode::<Value>().expect_err(message);
        assert_eq!(kind(&error), expected, "{message}");
        assert_eq!(error.may_have_run(), may_have_run, "{message}");
        assert_eq!(response.is_no_such_connection(), expected == "ConnectionNotFound");
        let printed = error.to_string();
        for part in ["kms.test", "/api/v1/x", "req-12345678901234", name, &status.to_string()] {
            assert!(printed.contains(part), "{part} in {printed}");
        }
    }
}

#[test]
fn distinguishes_the_service_from_other_servers() {
    let html = "<html><title>404</title>hunter2";
    let fastify = r#"{"message":"Route GET:/api/v2 not found","error":"Not Found","statusCode":404}"#;
    let no_request_id = r#"{"statusCode":404,"error":"NotFound","message":"Could not find App Connection with ID x"}"#;
    let other_name =
        r#"{"reqId":"req-1","statusCode":404,"error":"Missing","message":"Could not find App Connection with ID x"}"#;
    let gateway = r#"{"message":"upstream","error":"Service Unavailable"}"#;
    let deep = "[".repeat(100_000);
    for (status, body, expected, may_have_run) in [
        (404, html, "Unexpected", false),
        (404, "", "Unexpected", false),
        (404, fastify, "Unexpected", false),
        (404, no_request_id, "Unexpected", false),
        (404, other_name, "Unexpected", false),
        (404, r#"{"message":"unauthorized"}"#, "Unexpected", false),
        (403, html, "Unexpected", false),
        (418, "[1,2]", "Unexpected", false),
        (400, &deep, "Unexpected", false),
        (304, "", "Unexpected", false),
        (500, html, "BadGateway", true),
        (502, html, "BadGateway", true),
        (503, gateway, "BadGateway", true),
        (504, "", "BadGateway", true),
        (524, "{}", "BadGateway", true),
        (200, html, "Unexpected", true),
        (200, "", "Unexpected", true),
        (204, "", "Unexpected", true),
        (200, &deep, "Unexpected", true),
        (429, html, "RateLimited None", false),
    ] {
        let response = response(status, body);
        let error = response.decode::<Value>().expect_err(body);
        assert_eq!((kind(&error).as_str(), error.may_have_run()), (expected, may_have_run), "{status} {body:.60}");
        assert!(!response.is_no_such_connection() && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn only_the_service_refuses_an_authentication() {
    for (response, token, login) in [
        (own(401, "UnauthorizedError", "Invalid credentials"), true, true),
        (own(403, "TokenError", "invalid signature"), true, true),
        (own(403, "ForbiddenError", "x"), false, true),
        (own(403, "PermissionDenied", "x"), false, true),
        (own(404, "NotFound", "Sub organization with name x not found"), false, true),
        (own(422, "ValidationFailure", json!([])), false, true),
        (own(400, "BadRequest", "x"), false, true),
        (own(429, "RateLimitExceeded", "x"), false, false),
        (own(500, "InternalServerError", "x"), false, false),
        (response(401, r#"{"message":"unauthorized"}"#), true, true),
        (response(401, "<html>"), false, false),
        (response(403, "<html>"), false, false),
        (response(404, r#"{"message":"x","error":"Not Found"}"#), false, false),
        (response(200, "{}"), false, false),
    ] {
        let shown = response.reply().to_string();
        assert_eq!((response.refuses_token(), response.refuses_auth()), (token, login), "{shown}");
    }
}

#[test]
fn parses_issues_of_both_dialects() {
    let issue = |path: &[&str], message: &str| Issue {
        path: path.iter().map(|key| (*key).to_owned()).collect(),
        message: message.to_owned(),
    };
    let three = json!([
        {"code": "too_small", "minimum": 1, "type": "string", "message": "Host required", "path": ["credentials", "host"]},
        {"code": "too_small", "minimum": 1, "type": "string", "message": "Host required", "path": ["credentials", "host"]},
        {"validation": "uuid", "code": "invalid_string", "message": "Invalid uuid", "path": ["connectionId"]},
        {"code": "invalid_union_discriminator", "options": ["username-and-password"], "path": ["method"], "message": "m"},
    ]);
    let four = json!([
        {"origin": "string", "code": "too_small", "minimum": 1, "inclusive": true, "path": ["name", 0], "message": "short"},
        {"code": "invalid_format", "format": "uuid", "path": [], "message": "Invalid UUID"},
        {"expected": "boolean", "code": "invalid_type", "path": ["credentials", "sslEnabled"],
            "message": "Invalid input: expected boolean, received undefined"},
    ]);
    for (message, expected) in [
        (
            three,
            vec![
                issue(&["credentials", "host"], "Host required"),
                issue(&["connectionId"], "Invalid uuid"),
                issue(&["method"], "m"),
            ],
        ),
        (
            four,
            vec![
                issue(&["name", "0"], "short"),
                issue(&[], "Invalid UUID"),
                issue(&["credentials", "sslEnabled"], "Invalid input: expected boolean, received undefined"),
            ],
        ),
        (json!("not hunter2"), vec![issue(&[], "not ********")]),
        (json!([{"odd": 1}, "hunter2"]), vec![issue(&[], "not accepted"), issue(&[], "********")]),
        (json!([]), vec![]),
    ] {
        let error = own(422, "ValidationFailure", message).decode::<Value>().unwrap_err();
        let ErrorKind::Invalid { issues, .. } = &error.kind else { panic!("{error:?}") };
        assert_eq!(*issues, expected);
    }
    let many: Vec<Value> = (0..10_000).map(|index| json!({"path": [index], "message": "m"})).collect();
    let error = own(422, "ValidationFailure", many).decode::<Value>().unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::Invalid { issues, .. } if issues.len() == MAX_ITEMS));
}

#[test]
fn denial_holds_the_listed_rules() {
    let body = json!({
        "reqId": "req-1", "statusCode": 403, "error": "PermissionDenied",
        "message": "You are not allowed to edit on app-connections",
        "details": [
            {"action": "read", "inverted": false, "subject": "app-connections", "conditions": {"a": 1}},
            {"action": ["edit", "delete"], "inverted": true, "subject": "app-connections"},
            7,
        ],
    });
    let error = response(403, &body.to_string()).decode::<Value>().unwrap_err();
    let ErrorKind::Denied { details, .. } = &error.kind else { panic!("{error:?}") };
    let rules: Vec<_> =
        details.iter().map(|rule| (rule.action.as_str(), rule.subject.as_str(), rule.inverted)).collect();
    assert_eq!(rules, [("read", "app-connections", false), ("edit, delete", "app-connections", true), ("", "", false)]);
}

#[test]
fn parses_the_wait_of_the_service() {
    for (headers, expected) in [
        (vec![("retry-after", "7"), ("x-ratelimit-reset", "9")], Some(7)),
        (vec![("x-ratelimit-reset", "9")], Some(9)),
        (vec![("retry-after", "soon")], Some(3)),
        (vec![("retry-after", "-1"), ("x-ratelimit-reset", "99999999999999999999")], Some(3)),
        (vec![("retry-after", "99999999999999999999999999")], Some(u64::MAX)),
        (vec![], Some(3)),
    ] {
        let body = r#"{"error":"RateLimitExceeded","message":"Please try again in 3 seconds"}"#;
        let error = answer_with(429, &headers, body).decode::<Value>().unwrap_err();
        let ErrorKind::RateLimited { retry_after } = error.kind else { panic!("{error:?}") };
        assert_eq!(retry_after, expected.map(Duration::from_secs), "{headers:?}");
    }
}

#[test]
fn redirect_names_only_its_host() {
    for (location, expected) in [
        ("https://login.test/x?state=hunter2", "login.test"),
        ("https://me:hunter2@other.test:8443/", "other.test:8443"),
        ("/login?next=hunter2", "/login"),
        ("//other.test/x", "//other.test/x"),
    ] {
        let error = answer_with(302, &[("location", location)], "").decode::<Value>().unwrap_err();
        let ErrorKind::Redirected { target, .. } = &error.kind else { panic!("{error:?}") };
        assert_eq!(target, expected);
        assert!(!error.may_have_run());
    }
}

#[test]
fn keeps_secrets_and_escapes_out_of_messages() {
    let error = own(400, "Bad\u{1b}[31m", "Unable to validate connection: hunter2 \u{1b}[2J\nfailed").decode::<Value>();
    let printed = error.unwrap_err().to_string();
    assert!(printed.contains(r"******** \u{1b}[2J failed"), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains(char::is_control), "{printed}");
    assert!(own(400, "BadRequest", "x".repeat(100_000)).reply().message.chars().count() < 1100);
}

#[test]
fn shortens_a_refusal_of_a_thousand_fields() {
    let long = "x".repeat(5000);
    let issue = |index: usize| {
        let mut path = vec![Value::from(long.clone()); 50];
        path[0] = index.into();
        serde_json::json!({"path": path, "message": long})
    };
    let issues: Vec<Value> = (0..1000).map(issue).collect();
    let body = serde_json::json!({"reqId": "r", "error": "ValidationFailure", "message": issues});
    let error = response(422, &body.to_string()).decode::<Value>().unwrap_err();
    let ErrorKind::Invalid { issues, .. } = &error.kind else { panic!("{error:?}") };
    assert_eq!(issues.len(), 20);
    let texts = issues.iter().map(|issue| issue.path.concat().len() + issue.message.len());
    assert!(texts.sum::<usize>() < 50_000 && error.to_string().len() < 50_000);
}

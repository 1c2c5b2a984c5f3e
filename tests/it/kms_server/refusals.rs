//! Status, name and text of every refusal, and what a body must be like.

use serde_json::{Value, json};

use super::client::{Client, LOGIN, POSTGRES, create_body, until};
use crate::support::kms::{Kms, Options};

const UNKNOWN: &str = "6a0f4a3c-0000-0000-0000-000000000000";

fn kms() -> Kms {
    Kms::start(Options { log_in: false, ..Options::default() })
}

/// A refusal that is expected: status, `error`, `message`.
type Refusal<'a> = (u16, &'a str, &'a str);

#[track_caller]
fn assert_refused(client: &Client, method: &str, path: &str, body: Option<&Value>, expected: Refusal<'_>) {
    let reply = client.send(method, path, body);
    let said = (reply.status, reply.body["error"].as_str().unwrap(), reply.body["message"].as_str().unwrap());
    assert_eq!(said, expected, "{method} {path}");
    assert_eq!(reply.body["statusCode"], reply.status);
    let id = reply.body["reqId"].as_str().unwrap_or_default();
    assert!(id.len() == 18 && id.starts_with("req-"), "`{id}` is no id of a request");
}

#[test]
fn returns_documented_errors() {
    let kms = kms();
    let client = Client::of(&kms);
    client.ok("POST", POSTGRES, Some(&create_body("taken")));
    let foreign = kms.insert(json!({"name": "queue", "app": "rabbitmq", "method": "x", "credentials": {}}));
    let used = kms.insert(json!({"name": "used", "app": "postgres", "method": "x", "credentials": {}}));
    kms.use_connection(&used);
    let project = kms.project_id();
    let with = |field: &str, value: Value| {
        let mut body = create_body("fresh");
        body[field] = value;
        body
    };
    let id = |id: &str| format!("{POSTGRES}/{id}");
    let named = |rest: &str| format!("{POSTGRES}/connection-name/{rest}");
    let unknown_id = format!("Could not find App Connection with ID {UNKNOWN}");
    let foreign_id = format!("App Connection with ID {foreign} is not for App \"postgres\"");
    let no_gateway = format!("Gateway with ID {UNKNOWN} not found for org");
    let cases: [(&str, String, Option<Value>, Refusal<'_>); 17] = [
        ("GET", id(UNKNOWN), None, (404, "NotFound", &unknown_id)),
        ("PATCH", id(UNKNOWN), Some(json!({})), (404, "NotFound", &unknown_id)),
        ("DELETE", id(UNKNOWN), None, (404, "NotFound", &unknown_id)),
        ("GET", id(&foreign), None, (400, "BadRequest", &foreign_id)),
        ("DELETE", id(&foreign), None, (400, "BadRequest", &foreign_id)),
        ("PATCH", id(&foreign), Some(json!({})), (500, "InternalServerError", "Something went wrong")),
        (
            "GET",
            named("none"),
            None,
            (404, "NotFound", "Could not find App Connection with name none in organization scope."),
        ),
        (
            "GET",
            named(&format!("taken?projectId={project}")),
            None,
            (404, "NotFound", "Could not find App Connection with name taken in project scope."),
        ),
        (
            "GET",
            named("queue"),
            None,
            (400, "BadRequest", "App Connection with name queue is not for App \"postgres\""),
        ),
        (
            "POST",
            POSTGRES.into(),
            Some(with("projectId", "p".into())),
            (404, "NotFound", "Project with ID 'p' not found"),
        ),
        ("POST", POSTGRES.into(), Some(with("projectId", "".into())), (500, "Create", "Something went wrong")),
        ("POST", POSTGRES.into(), Some(with("gatewayId", UNKNOWN.into())), (404, "NotFound", &no_gateway)),
        (
            "POST",
            POSTGRES.into(),
            Some(create_body("taken")),
            (400, "BadRequest", "An App Connection with the name \"taken\" already exists"),
        ),
        (
            "POST",
            POSTGRES.into(),
            Some(create_body("queue")),
            (400, "BadRequest", "An App Connection with the name \"queue\" already exists"),
        ),
        (
            "PATCH",
            id(&used),
            Some(json!({"name": "taken"})),
            (400, "BadRequest", "An App Connection with the name \"taken\" already exists"),
        ),
        (
            "DELETE",
            id(&used),
            None,
            (
                400,
                "BadRequest",
                "Cannot delete App Connection with existing connections. Remove all existing connections and try again.",
            ),
        ),
        ("GET", format!("{POSTGRES}?projectId=p"), None, (404, "NotFound", "Project with p not found")),
    ];
    for (method, path, body, expected) in cases {
        assert_refused(&client, method, &path, body.as_ref(), expected);
    }
    assert_eq!(kms.connections().len(), 3);
}

#[test]
fn rejects_invalid_tokens() {
    const MALFORMED: &str =
        "The provided access token is malformed. Please use a valid token or generate a new one and try again.";
    let kms = kms();
    let token_of = |kms: &Kms| {
        let body = json!({"clientId": kms.client_id(), "clientSecret": kms.client_secret()});
        Client::without_token(kms).ok("POST", LOGIN, Some(&body))["accessToken"].as_str().unwrap().to_owned()
    };
    let revoked = token_of(&kms);
    let answer =
        Client::without_token(&kms).ok("POST", "/api/v1/auth/token/revoke", Some(&json!({"accessToken": revoked})));
    assert_eq!(answer["message"], "Successfully revoked access token");
    let other = Kms::start(Options::default());
    let foreign = token_of(&other);
    let forbidden = format!("Forbidden access to {POSTGRES}");
    let cases: [(&str, Refusal<'_>); 6] = [
        ("", (403, "TokenError", "jwt must be provided")),
        ("word", (403, "TokenError", MALFORMED)),
        ("a.b.c", (403, "TokenError", MALFORMED)),
        (&foreign, (403, "TokenError", "invalid signature")),
        (&revoked, (401, "UnauthorizedError", "No identity access token found")),
        ("st.abc", (403, &forbidden, "You are not allowed to access this resource")),
    ];
    for (token, expected) in cases {
        let mut client = Client::without_token(&kms);
        // Ahead of the check of the body and of the row.
        client.set("authorization", &format!("Bearer {token}"));
        assert_refused(&client, "GET", POSTGRES, None, expected);
    }
    let mut client = Client::without_token(&kms);
    assert_refused(&client, "POST", POSTGRES, None, (401, "UnauthorizedError", "Token missing"));
    client.set("x-api-key", "any");
    let message = "API key authentication is not supported anymore. Please switch to identity authentication.";
    assert_refused(&client, "GET", POSTGRES, None, (400, "BadRequest", message));
}

#[test]
fn tokens_expire_and_can_be_renewed() {
    let kms = Kms::start(Options { token_ttl: std::time::Duration::from_secs(1), ..Options::default() });
    let body = json!({"clientId": kms.client_id(), "clientSecret": kms.client_secret()});
    let mut client = Client::without_token(&kms);
    let answer = client.ok("POST", LOGIN, Some(&body));
    assert_eq!((&answer["expiresIn"], &answer["tokenType"]), (&json!(1), &json!("Bearer")));
    client.set_token(answer["accessToken"].as_str().unwrap());
    until("the end of the token", || client.get(POSTGRES).status != 200);
    let expected = (403, "TokenError", "Your token has expired. Please re-authenticate.");
    assert_refused(&client, "GET", POSTGRES, None, expected);

    let kms = self::kms();
    let mut client = Client::of(&kms);
    let old = client.headers[0].1["Bearer ".len()..].to_owned();
    let answer = client.ok("POST", "/api/v1/auth/token/renew", Some(&json!({"accessToken": old})));
    assert_ne!(answer["accessToken"], old.as_str());
    client.set_token(answer["accessToken"].as_str().unwrap());
    assert_eq!(client.get(POSTGRES).status, 200);
    kms.revoke_tokens();
    assert_refused(&client, "GET", POSTGRES, None, (401, "UnauthorizedError", "No identity access token found"));
}

#[test]
fn three_wrong_secrets_lock_the_identity() {
    const WRONG: Refusal<'_> = (401, "UnauthorizedError", "Invalid credentials");
    const LOCKED: Refusal<'_> =
        (401, "UnauthorizedError", "This identity auth method is temporarily locked, please try again later");
    let kms = kms();
    let client = Client::without_token(&kms);
    let wrong = json!({"clientId": kms.client_id(), "clientSecret": "wrong"});
    let right = json!({"clientId": format!(" {} ", kms.client_id()), "clientSecret": kms.client_secret()});
    assert_refused(&client, "POST", LOGIN, Some(&json!({"clientId": "no", "clientSecret": "no"})), WRONG);
    for _ in 0..2 {
        assert_refused(&client, "POST", LOGIN, Some(&wrong), WRONG);
    }
    client.ok("POST", LOGIN, Some(&right));
    for _ in 0..3 {
        assert_refused(&client, "POST", LOGIN, Some(&wrong), WRONG);
    }
    assert_refused(&client, "POST", LOGIN, Some(&right), LOCKED);
}

#[test]
fn reports_sub_organization_as_not_found() {
    let kms = kms();
    let body = json!({
        "clientId": kms.client_id(), "clientSecret": kms.client_secret(), "organizationSlug": "branch",
    });
    let expected = (404, "NotFound", "Sub organization with name branch not found");
    assert_refused(&Client::without_token(&kms), "POST", LOGIN, Some(&body), expected);
}

#[test]
fn checks_existence_before_permissions() {
    let kms = kms();
    let client = Client::of(&kms);
    let foreign = kms.insert(json!({"name": "queue", "app": "rabbitmq", "credentials": {}}));
    let ours = kms.insert(json!({
        "name": "ours", "app": "postgres", "projectId": kms.project_id(), "credentials": {},
    }));
    for action in ["read", "create", "edit", "delete"] {
        kms.forbid(action);
    }
    let message = |action: &str| format!("You are not allowed to {action} on app-connections");
    for (method, path, body, message) in [
        ("GET", format!("{POSTGRES}/{foreign}"), None, message("read")),
        ("DELETE", format!("{POSTGRES}/{foreign}"), None, message("delete")),
        ("GET", POSTGRES.to_owned(), None, message("read")),
        ("POST", POSTGRES.to_owned(), Some(create_body("x")), message("create")),
        ("PATCH", format!("{POSTGRES}/{ours}"), Some(json!({})), message("edit-app-connections")),
    ] {
        assert_refused(&client, method, &path, body.as_ref(), (403, "PermissionDenied", &message));
    }
    assert_eq!(client.get(&format!("{POSTGRES}/{UNKNOWN}")).status, 404);
    let details = client.get(POSTGRES).body["details"].clone();
    assert_eq!(details[0]["action"], "read");
}

#[test]
fn returns_errors_of_the_http_framework() {
    let kms = kms();
    let client = Client::of(&kms);
    let huge = format!("\"{}\"", "x".repeat(1024 * 1024));
    let bodies: [(&str, &str, &str); 5] = [
        ("POST", "application/json", "{"),
        ("POST", "application/json", ""),
        ("POST", "application/json", &huge),
        ("POST", "application/xml", "<a/>"),
        ("DELETE", "application/json", ""),
    ];
    for (method, kind, text) in bodies {
        let path = if method == "DELETE" { format!("{POSTGRES}/{UNKNOWN}") } else { POSTGRES.to_owned() };
        let reply = client.try_send_text(method, &path, Some((kind, text))).unwrap();
        let said = (reply.status, &reply.body["error"], &reply.body["message"]);
        let expected = (500, &json!("InternalServerError"), &json!("Something went wrong"));
        assert_eq!(said, expected, "{method} {kind} with {} bytes", text.len());
    }
    let reply = client.get("/api/v1/app-connections/mysql?a=b");
    let expected = json!({"message": "Route GET:/api/v1/app-connections/mysql?a=b not found", "error": "Not Found", "statusCode": 404});
    assert_eq!((reply.status, reply.body), (404, expected));
    assert_eq!(client.get(&format!("{POSTGRES}/")).status, 200);
}

#[test]
fn maintenance_rejects_writes() {
    let kms = kms();
    let client = Client::of(&kms);
    kms.set_maintenance(true);
    let expected = (500, "InternalServerError", "Something went wrong");
    assert_refused(&client, "POST", POSTGRES, Some(&create_body("a")), expected);
    assert_eq!(client.get(POSTGRES).status, 200);
    assert_eq!(Client::of(&kms).get(POSTGRES).status, 200);
}

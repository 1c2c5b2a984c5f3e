//! The bodies of create and update, read by the rules of the API. Unknown keys are ignored without an error.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::schema::{Issues, Object, PLAIN, TRIMMED, Text, invalid_uuid, is_uuid};

pub(super) const METHOD: &str = "username-and-password";

const NAME: Text = Text {
    at_most: Some((64, "name field must be at most 64 lowercase characters")),
    ..Text::required("name field must be at least 1 lowercase character")
};
const DESCRIPTION: Text = Text { at_most: Some((256, "Description cannot exceed 256 characters")), ..TRIMMED };

/// A connection that is to be made.
pub(super) struct Create {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) project_id: Option<String>,
    pub(super) gateway_id: Option<String>,
    pub(super) managed: bool,
    /// Normalised, in the shape of the API, with the password.
    pub(super) credentials: Value,
}

/// What is to change. The inner `None` of a field that may be null is null.
#[derive(Default)]
pub(super) struct Update {
    pub(super) name: Option<String>,
    pub(super) description: Option<Option<String>>,
    pub(super) gateway_id: Option<Option<String>>,
    pub(super) managed: Option<bool>,
    pub(super) credentials: Option<Value>,
}

/// Reads the body of a POST.
pub(super) fn create(body: Option<&Value>) -> Result<Create, Refusal> {
    let mut issues = Issues::default();
    // The schema is an intersection of two: a body that is no object fails both.
    let credentials = issues.body(body).and_then(|body| method_and_credentials(&body, &mut issues));
    let generic = issues.body(body).map(|body| {
        let name = name(&body, &mut issues);
        let create = Create {
            name: name.unwrap_or_default(),
            description: description(&body, &mut issues).flatten(),
            project_id: body.optional_text("projectId", &PLAIN, &mut issues),
            gateway_id: gateway_id(&body, &mut issues).flatten(),
            managed: body.optional_truth("isPlatformManagedCredentials", &mut issues).unwrap_or(false),
            credentials: credentials.unwrap_or_default(),
        };
        no_rotation(&body, &mut issues);
        create
    });
    issues.into_result()?;
    generic.ok_or_else(Refusal::unforeseen)
}

/// Reads the body of a PATCH.
pub(super) fn update(body: Option<&Value>) -> Result<Update, Refusal> {
    let mut issues = Issues::default();
    let update = issues.body(body).map(|body| {
        let update = Update {
            credentials: body.raw("credentials").and_then(|_| credentials(&body, &mut issues)),
            name: body.raw("name").and_then(|_| name(&body, &mut issues)),
            description: description(&body, &mut issues),
            gateway_id: gateway_id(&body, &mut issues),
            managed: body.optional_truth("isPlatformManagedCredentials", &mut issues),
        };
        no_rotation(&body, &mut issues);
        update
    });
    issues.into_result()?;
    update.ok_or_else(Refusal::unforeseen)
}

fn method_and_credentials(body: &Object<'_>, issues: &mut Issues) -> Option<Value> {
    if body.raw("method").and_then(Value::as_str) == Some(METHOD) {
        return credentials(body, issues);
    }
    // Without its discriminator the rest of this half is not checked.
    issues.push(json!({
        "code": "invalid_union_discriminator", "options": [METHOD], "path": ["method"],
        "message": format!("Invalid discriminator value. Expected '{METHOD}'"),
    }));
    None
}

fn credentials(body: &Object<'_>, issues: &mut Issues) -> Option<Value> {
    let given = body.object("credentials", issues)?;
    let host = given.text("host", &Text::required("Host required"), issues);
    let port = given.number("port", issues);
    let database = given.text("database", &Text::required("Database required"), issues);
    let username = given.text("username", &Text::required("Username required"), issues);
    let password = given.text("password", &Text::required("Password required"), issues);
    let ssl_enabled = given.truth("sslEnabled", issues);
    let ssl_reject_unauthorized = given.truth("sslRejectUnauthorized", issues);
    let ssl_certificate = given.optional_text("sslCertificate", &TRIMMED, issues).filter(|pem| !pem.is_empty());
    let mut credentials = json!({
        "host": host, "port": plain_number(port?), "database": database, "username": username, "password": password,
        "sslEnabled": ssl_enabled, "sslRejectUnauthorized": ssl_reject_unauthorized,
    });
    if let Some(pem) = ssl_certificate {
        credentials["sslCertificate"] = pem.into();
    }
    Some(credentials)
}

/// Returns the number as JavaScript writes it: 5432, not 5432.0.
fn plain_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { (number as i64).into() } else { number.into() }
}

fn name(body: &Object<'_>, issues: &mut Issues) -> Option<String> {
    let name = body.text("name", &NAME, issues)?;
    if !is_slug(&name) {
        issues.push(json!({
            "code": "custom", "message": "name field can only contain lowercase letters, numbers, and hyphens",
            "path": ["name"],
        }));
    }
    Some(name)
}

/// Returns whether a text is its own slug. Another rule rejects the empty text.
fn is_slug(name: &str) -> bool {
    name.is_empty()
        || name
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

fn description(body: &Object<'_>, issues: &mut Issues) -> Option<Option<String>> {
    match body.raw("description")? {
        Value::Null => Some(None),
        _ => body.text("description", &DESCRIPTION, issues).map(Some),
    }
}

fn gateway_id(body: &Object<'_>, issues: &mut Issues) -> Option<Option<String>> {
    match body.raw("gatewayId")? {
        Value::Null => Some(None),
        _ => {
            let id = body.text("gatewayId", &PLAIN, issues)?;
            if !is_uuid(&id) {
                issues.push(invalid_uuid(&body.path("gatewayId")));
            }
            Some(Some(id))
        }
    }
}

/// Rejects the automatic rotation that the newest servers have for some apps, but not for PostgreSQL.
fn no_rotation(body: &Object<'_>, issues: &mut Issues) {
    let on = body.raw("isAutoRotationEnabled").is_some_and(|value| *value != Value::Bool(false));
    for (name, wrong) in [("isAutoRotationEnabled", on), ("rotation", body.has("rotation"))] {
        if wrong {
            issues.push(json!({
                "code": "custom", "message": "Not supported for PostgreSQL Connections", "path": [name],
            }));
        }
    }
}

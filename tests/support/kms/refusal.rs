//! The error bodies of the API. Knows nothing of what leads to them.

use rand::distr::{Alphanumeric, SampleString as _};
use serde_json::{Value, json};

/// What a route answers: the body of a 200, or a refusal.
pub(super) type Handled = Result<Value, Refusal>;

/// Every answer other than 200.
pub(super) struct Refusal {
    pub(super) status: u16,
    error: String,
    message: Value,
    details: Option<Value>,
    /// Answers of the web framework, rather than of the KMS, carry no id of the request.
    by_framework: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, error: &str, message: impl Into<Value>) -> Self {
        Self { status, error: error.to_owned(), message: message.into(), details: None, by_framework: false }
    }

    pub(super) fn bad_request(message: impl Into<Value>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(401, "UnauthorizedError", message)
    }

    pub(super) fn token(message: &str) -> Self {
        Self::new(403, "TokenError", message)
    }

    pub(super) fn expired_token() -> Self {
        Self::token("Your token has expired. Please re-authenticate.")
    }

    /// The identity's roles lack an action.
    pub(super) fn permission(action: &str, project: bool) -> Self {
        let action = if project { format!("{action}-app-connections") } else { action.to_owned() };
        let message = format!("You are not allowed to {action} on app-connections");
        let details = json!([{"action": action, "inverted": false, "subject": "app-connections", "conditions": null}]);
        Self { details: Some(details), ..Self::new(403, "PermissionDenied", message) }
    }

    pub(super) fn not_found(message: impl Into<Value>) -> Self {
        Self::new(404, "NotFound", message)
    }

    /// The request breaks its schema; `issues` is never empty.
    pub(super) fn invalid(issues: Vec<Value>) -> Self {
        Self::new(422, "ValidationFailure", issues)
    }

    /// Anything that the server did not foresee, named after where it happened.
    pub(super) fn internal(error: &str) -> Self {
        Self::new(500, error, "Something went wrong")
    }

    /// What the web framework raises by itself (broken JSON, wrong media type, too long a body) ends here.
    pub(super) fn unforeseen() -> Self {
        Self::internal("InternalServerError")
    }

    pub(super) fn unknown_route(method: &str, url: &str) -> Self {
        let message = format!("Route {method}:{url} not found");
        Self { by_framework: true, ..Self::new(404, "Not Found", message) }
    }

    pub(super) fn body(&self) -> Value {
        let mut body = json!({"statusCode": self.status, "message": self.message, "error": self.error});
        if !self.by_framework {
            body["reqId"] = format!("req-{}", random_text(14)).into();
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }
}

/// Random letters and digits.
pub(super) fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

//! The error bodies of the API. Does not depend on their causes.

use rand::distr::{Alphanumeric, SampleString as _};
use serde_json::{Value, json};

/// The result of a route: the body of a 200, or a refusal.
pub(super) type Handled = Result<Value, Refusal>;

/// A response other than 200.
pub(super) struct Refusal {
    pub(super) status: u16,
    error: String,
    message: Value,
    details: Option<Value>,
    /// Responses of the web framework, rather than of the KMS, carry no id of the request.
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

    /// Returns the refusal for an action that the identity's roles lack.
    pub(super) fn permission(action: &str, project: bool) -> Self {
        let action = if project { format!("{action}-app-connections") } else { action.to_owned() };
        let message = format!("You are not allowed to {action} on app-connections");
        let details = json!([{"action": action, "inverted": false, "subject": "app-connections", "conditions": null}]);
        Self { details: Some(details), ..Self::new(403, "PermissionDenied", message) }
    }

    pub(super) fn not_found(message: impl Into<Value>) -> Self {
        Self::new(404, "NotFound", message)
    }

    /// Returns the refusal for a request that breaks its schema; `issues` is never empty.
    pub(super) fn invalid(issues: Vec<Value>) -> Self {
        Self::new(422, "ValidationFailure", issues)
    }

    /// Returns an internal error with the name of its origin.
    pub(super) fn internal(error: &str) -> Self {
        Self::new(500, error, "Something went wrong")
    }

    /// Returns the refusal for an error of the web framework: broken JSON, wrong media type, body too long.
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

/// Returns random letters and digits.
pub(super) fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

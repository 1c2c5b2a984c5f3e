//! The control route `/_lab/faults`: sets the faults of a running server. Not a part of the API.
//!
//! ```text
//! curl -d 'POST /api/v1/app-connections/postgres 3 lost-after' http://127.0.0.1:8787/_lab/faults
//! curl -X DELETE http://127.0.0.1:8787/_lab/faults
//! ```

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use super::server::Server;

/// Returns the response to a request for the control route; `None` for any other request.
pub(super) fn respond(server: &Server, request: &Parts, body: &[u8]) -> Option<Response> {
    if request.uri.path() != "/_lab/faults" {
        return None;
    }
    let mut faults = server.faults.lock().unwrap();
    let outcome = match request.method.as_str() {
        "GET" => Ok(()),
        "POST" => faults.order_text(&String::from_utf8_lossy(body)),
        "DELETE" => {
            faults.clear();
            Ok(())
        }
        _ => return Some(StatusCode::METHOD_NOT_ALLOWED.into_response()),
    };
    Some(match outcome {
        Ok(()) => faults.to_string().into_response(),
        Err(problem) => (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    })
}

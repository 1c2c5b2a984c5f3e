//! Reading one header of a response.

use reqwest::header::HeaderMap;

/// Returns a header as text, if it is there and is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

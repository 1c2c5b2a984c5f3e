//! The effect of a fault on a request and its response. Depends on HTTP responses, not on routes.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::response::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, StreamExt as _};
use httpdate::fmt_http_date;
use serde_json::Value;

use super::super::broken_connection::Cutter;
use super::super::refusal::Refusal;
use super::Fault;

/// The state of the service while it handles a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Mood {
    Usual,
    /// Reads return the rows before the last change.
    Lagging,
    /// Nothing is written.
    Maintenance,
}

const JSON: &str = "application/json; charset=utf-8";
const PAGE: &str = "<!DOCTYPE html><html><head><title>Not here</title></head><body>Not here</body></html>";
const NESTING: usize = 1_000_000;
const BOMB: usize = 900_000;

impl Fault {
    /// Applies the fault to a request that `work` carries out. `None` is no response.
    pub(in super::super) async fn carry_out<F>(self, cutter: &Cutter, work: impl FnOnce(Mood) -> F) -> Option<Response>
    where
        F: Future<Output = Response>,
    {
        // Nothing happens before it is awaited.
        let done = work(match self {
            Self::Lagging => Mood::Lagging,
            Self::Maintenance => Mood::Maintenance,
            _ => Mood::Usual,
        });
        Some(match self {
            Self::Status(status, body) => response(status, JSON, body.to_string()),
            Self::StatusAfter(status, body) => {
                done.await;
                response(status, JSON, body.to_string())
            }
            Self::Page(status) => response(status, "text/html", PAGE),
            Self::Redirect(target) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)]).into_response(),
            Self::ExpiredToken => refusal(&Refusal::expired_token()),
            Self::RateLimit(seconds) => rate_limit(seconds, seconds.to_string()),
            Self::RateLimitUntil(seconds) => {
                rate_limit(seconds, fmt_http_date(SystemTime::now() + Duration::from_secs(seconds)))
            }
            Self::LostBefore => return None,
            Self::LostAfter => {
                done.await;
                return None;
            }
            Self::Cut => {
                let response = done.await;
                cutter.cut_in_body();
                response
            }
            Self::Gateway(status) => {
                done.await;
                response(status, "text/html", "<html>gateway timeout</html>")
            }
            Self::Delay(duration) => {
                tokio::time::sleep(duration).await;
                done.await
            }
            Self::Stall(duration) => {
                let response = done.await;
                tokio::time::sleep(duration).await;
                response
            }
            Self::Drip(pause) => drip(done.await, pause).await,
            Self::Lagging | Self::Maintenance => done.await,
            Self::Garbage => {
                done.await;
                "<html>{\"not\": JSON".into_response()
            }
            Self::Empty => {
                done.await;
                StatusCode::OK.into_response()
            }
            Self::Truncated => with_body(done.await, |body| body.slice(..body.len() / 2)).await,
            Self::WrongTypes => {
                with_body(done.await, |body| {
                    let right = serde_json::from_slice(&body).unwrap_or_default();
                    wrong(right).to_string().into()
                })
                .await
            }
            Self::UnexpectedResponse => {
                with_body(done.await, |body| {
                    let right = serde_json::from_slice(&body).unwrap_or_default();
                    foreign(right).to_string().into()
                })
                .await
            }
            Self::Nested => {
                done.await;
                response(200, JSON, "[".repeat(NESTING))
            }
            Self::Endless => {
                done.await;
                let block = Bytes::from_static(&[b' '; 64 * 1024]);
                response(200, JSON, Body::from_stream(stream::repeat(Ok::<_, Infallible>(block))))
            }
            Self::Bomb => {
                done.await;
                ([(header::CONTENT_ENCODING, "gzip"), (header::CONTENT_TYPE, JSON)], bomb()).into_response()
            }
        })
    }
}

fn response(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

fn refusal(refusal: &Refusal) -> Response {
    response(refusal.status, JSON, refusal.body().to_string())
}

fn rate_limit(seconds: u64, retry_after: String) -> Response {
    let message = format!("Rate limit exceeded. Please try again in {seconds} seconds");
    let mut response = refusal(&Refusal::new(429, "RateLimitExceeded", message));
    let headers = [
        ("x-ratelimit-limit", "600".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", seconds.to_string()),
        ("retry-after", retry_after),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    response
}

async fn body_of(response: Response) -> (Parts, Bytes) {
    let (parts, body) = response.into_parts();
    (parts, axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default())
}

async fn with_body(response: Response, change: impl FnOnce(Bytes) -> Bytes) -> Response {
    let (mut parts, body) = body_of(response).await;
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, change(body).into())
}

async fn drip(response: Response, pause: Duration) -> Response {
    let (mut parts, body) = body_of(response).await;
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let bytes = stream::iter(body).then(move |byte| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
    });
    Response::from_parts(parts, Body::from_stream(bytes))
}

/// Returns the same structure with other types in it.
fn wrong(value: Value) -> Value {
    match value {
        Value::String(text) => text.len().into(),
        Value::Number(number) => number.to_string().into(),
        Value::Bool(_) => Value::Array(Vec::new()),
        Value::Null => true.into(),
        Value::Array(items) => items.into_iter().map(wrong).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, wrong(value))).collect(),
    }
}

/// Returns the same body with the ids and names of other connections, in the error for a missing connection too.
fn foreign(mut body: Value) -> Value {
    const MISSING: &str = "Could not find App Connection with ";
    // Each digit of a UUID becomes another one.
    let other = |id: &str| -> String {
        let digit = |c: char| c.to_digit(16).and_then(|digit| char::from_digit(15 - digit, 16)).unwrap_or(c);
        id.chars().map(digit).collect()
    };
    let rename = |connection: &mut Value| {
        if let Some(id) = connection["id"].as_str() {
            connection["id"] = other(id).into();
            connection["name"] = "foreign".into();
        }
    };
    let Some(fields) = body.as_object_mut() else { return body };
    fields.get_mut("appConnection").into_iter().for_each(rename);
    fields.get_mut("appConnections").and_then(Value::as_array_mut).into_iter().flatten().for_each(rename);
    if let Some(missing) = fields.get("message").and_then(|text| text.as_str()?.strip_prefix(MISSING)) {
        let missing = match missing.strip_prefix("ID ") {
            Some(id) => format!("ID {}", other(id)),
            None => missing.replacen("name ", "name foreign-", 1),
        };
        fields.insert("message".to_owned(), format!("{MISSING}{missing}").into());
    }
    body
}

/// Returns the beginning of a gzip stream of zeros: one of them, and then the order to repeat the last byte 258 times, many
/// times, in 13 bits each. Eight of these fill 13 bytes, so the bytes repeat, too.
fn bomb() -> Vec<u8> {
    let head = "11000110000".bytes(); // the last block, with fixed codes; a zero
    let repeats = std::iter::repeat_n("1100010100000", 16).flat_map(str::bytes);
    let bits: Vec<u8> = head.chain(repeats).map(|bit| bit - b'0').collect();
    let packed = |byte: &[u8]| byte.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = bits.chunks_exact(8).map(packed).collect();
    let (start, period) = bytes.split_at(2);
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    gzip.iter().chain(start).chain(period[..13].iter().cycle()).copied().take(BOMB).collect()
}

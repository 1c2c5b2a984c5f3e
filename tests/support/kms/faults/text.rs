//! The syntax of faults, on the command line of `cargo kms` and in requests to its control route. A path matches every path
//! with this prefix; with a `$` at its end it matches exactly.
//!
//! ```text
//! POST /api/v1/app-connections/postgres 3 lost-after
//! * /api always delay=200ms
//! GET /api/v1/app-connections/postgres$ always status=503
//! storm 30 4711
//! storm 10 4711 lost-after status=503
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::super::refusal::Refusal;
use super::{Fault, Faults, Order, Storm};

/// The faults of a storm without a list of its own.
const DEFAULT_STORM: &str = "status=503 page=404 expired-token rate-limit=1 rate-limit-until=1 maintenance lost-before \
                           status-after=500 lost-after cut gateway=502 delay=100ms stall=3s lagging garbage empty truncated wrong-types foreign";

/// One line.
pub(super) enum Line {
    Order(Order),
    Storm(Box<Storm>),
}

pub(super) fn parse(line: &str) -> Result<Line, String> {
    let fields: Vec<&str> = line.trim().splitn(4, ' ').collect();
    match fields.as_slice() {
        ["storm", percent, seed, faults @ ..] => {
            let (percent, seed) = (number(percent)?, number(seed)?);
            Ok(Line::Storm(Box::new(match faults {
                [] => Storm::usual(percent, seed),
                faults => Storm::new(percent, seed, several(&faults.concat())?),
            })))
        }
        [method, path, count, fault] => Ok(Line::Order(Order {
            method: method.to_uppercase(),
            path_prefix: (*path).to_owned(),
            left: if *count == "always" { None } else { Some(number(count)?) },
            fault: fault.parse()?,
        })),
        _ => Err(format!("`{line}` is neither `METHOD PATH COUNT FAULT` nor `storm PERCENT SEED [FAULT…]`")),
    }
}

fn several(faults: &str) -> Result<Vec<Fault>, String> {
    faults.split_whitespace().map(str::parse).collect()
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number that fits here"))
}

/// Parses `500`, with the service's own error body, or `200:{"some":"JSON"}`.
fn status(text: &str) -> Result<(u16, Value), String> {
    match text.split_once(':') {
        Some((code, body)) => Ok((number(code)?, serde_json::from_str(body).map_err(|error| error.to_string())?)),
        None => {
            let code = number(text)?;
            Ok((code, Refusal::new(code, "InternalServerError", "Something went wrong").body()))
        }
    }
}

/// Parses `2s` or `200ms`.
fn duration(text: &str) -> Result<Duration, String> {
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().map(Duration::from_millis).ok(),
        (_, Some(number)) => number.parse().map(Duration::from_secs).ok(),
        _ => None,
    }
    .ok_or_else(|| format!("`{text}` is no time such as `2s` or `200ms`"))
}

impl Storm {
    /// Returns a storm of all faults that a client should recover from.
    pub(crate) fn usual(percent: u8, seed: u64) -> Self {
        Self::new(percent, seed, several(DEFAULT_STORM).unwrap_or_default())
    }
}

impl Fault {
    /// The syntax of each fault, for messages.
    pub(crate) const SYNTAX: &str = "\
status=CODE[:JSON] status-after=CODE[:JSON] page=CODE redirect=URL expired-token rate-limit=SECONDS rate-limit-until=SECONDS maintenance
lost-before lost-after cut gateway=CODE delay=TIME stall=TIME drip=TIME lagging
garbage empty truncated wrong-types foreign nested endless bomb";
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        Ok(match (name, value) {
            ("status", Some(value)) => {
                let (code, body) = status(value)?;
                Self::Status(code, body)
            }
            ("status-after", Some(value)) => {
                let (code, body) = status(value)?;
                Self::StatusAfter(code, body)
            }
            ("page", Some(code)) => Self::Page(number(code)?),
            ("redirect", Some(url)) => Self::Redirect(url.to_owned()),
            ("expired-token", None) => Self::ExpiredToken,
            ("rate-limit", Some(seconds)) => Self::RateLimit(number(seconds)?),
            ("rate-limit-until", Some(seconds)) => Self::RateLimitUntil(number(seconds)?),
            ("maintenance", None) => Self::Maintenance,
            ("lost-before", None) => Self::LostBefore,
            ("lost-after", None) => Self::LostAfter,
            ("cut", None) => Self::Cut,
            ("gateway", Some(code)) => Self::Gateway(number(code)?),
            ("delay", Some(time)) => Self::Delay(duration(time)?),
            ("stall", Some(time)) => Self::Stall(duration(time)?),
            ("drip", Some(time)) => Self::Drip(duration(time)?),
            ("lagging", None) => Self::Lagging,
            ("garbage", None) => Self::Garbage,
            ("empty", None) => Self::Empty,
            ("truncated", None) => Self::Truncated,
            ("wrong-types", None) => Self::WrongTypes,
            ("foreign", None) => Self::UnexpectedResponse,
            ("nested", None) => Self::Nested,
            ("endless", None) => Self::Endless,
            ("bomb", None) => Self::Bomb,
            _ => return Err(format!("`{text}` is no fault; there are:\n{}", Self::SYNTAX)),
        })
    }
}

/// The fault in its syntax, without the body of a status.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Status(code, _) => return write!(formatter, "status={code}"),
            Self::StatusAfter(code, _) => return write!(formatter, "status-after={code}"),
            Self::Page(code) => return write!(formatter, "page={code}"),
            Self::Redirect(url) => return write!(formatter, "redirect={url}"),
            Self::RateLimit(seconds) => return write!(formatter, "rate-limit={seconds}"),
            Self::RateLimitUntil(seconds) => return write!(formatter, "rate-limit-until={seconds}"),
            Self::Gateway(code) => return write!(formatter, "gateway={code}"),
            Self::Delay(time) => return write!(formatter, "delay={}ms", time.as_millis()),
            Self::Stall(time) => return write!(formatter, "stall={}ms", time.as_millis()),
            Self::Drip(time) => return write!(formatter, "drip={}ms", time.as_millis()),
            Self::ExpiredToken => "expired-token",
            Self::Maintenance => "maintenance",
            Self::LostBefore => "lost-before",
            Self::LostAfter => "lost-after",
            Self::Cut => "cut",
            Self::Lagging => "lagging",
            Self::Garbage => "garbage",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::WrongTypes => "wrong-types",
            Self::UnexpectedResponse => "foreign",
            Self::Nested => "nested",
            Self::Endless => "endless",
            Self::Bomb => "bomb",
        };
        formatter.write_str(name)
    }
}

/// One line for each that is still to come.
impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Order { method, path_prefix, left, fault } in self.orders.iter().filter(|order| order.left != Some(0)) {
            let count = left.map_or_else(|| "always".to_owned(), |left| left.to_string());
            writeln!(formatter, "{method} {path_prefix} {count} {fault}")?;
        }
        if let Some(Storm { percent, seed, faults, .. }) = &self.storm {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            writeln!(formatter, "storm {percent} {seed} {}", faults.join(" "))?;
        }
        Ok(())
    }
}

//! Failures that are ordered for certain requests, or drawn at random. Does not depend on what the requests mean.

mod carry_out;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub(super) use self::carry_out::Mood;
use self::text::Line;

/// A way to fail. The server carries out the request unless a variant is documented otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Responds with this status and body; nothing is done.
    Status(u16, Value),
    /// Carries out the request, and responds with this status and body.
    StatusAfter(u16, Value),
    /// Responds with this status and a page in HTML; nothing is done.
    Page(u16),
    /// Sends the client to another address; nothing is done.
    Redirect(String),
    /// Reports that the token has expired; nothing is done.
    ExpiredToken,
    /// Responds with 429 and this number of seconds to wait; nothing is done.
    RateLimit(u64),
    /// The same with the time of day in `Retry-After`, the other form that it may have.
    RateLimitUntil(u64),
    /// Behaves as during maintenance: reads and logins go on, and nothing is written.
    Maintenance,
    /// Drops the connection without a response; nothing is done.
    LostBefore,
    /// Drops the connection without a response afterwards.
    LostAfter,
    /// Drops the connection in the middle of the response's body.
    Cut,
    /// Responds like a proxy after its timeout: this status and a page.
    Gateway(u16),
    /// Waits before the request is carried out.
    Delay(Duration),
    /// Waits before the response is sent.
    Stall(Duration),
    /// Sends the response byte by byte, with this pause before each.
    Drip(Duration),
    /// Reads see everything as it was before the last change.
    Lagging,
    /// Responds with 200 and a body that is no JSON.
    Garbage,
    /// Responds with 200 and no body.
    Empty,
    /// Sends only the first half of the JSON, with a matching length.
    Truncated,
    /// Sends a number for each text, and a text for each number.
    WrongTypes,
    /// Sends the ids and names of other connections.
    UnexpectedResponse,
    /// Responds with 200 and a million nested brackets.
    Nested,
    /// Responds with 200 and a body that never ends.
    Endless,
    /// Responds with 200 and gzip that was not requested: less than a megabyte, and more than a hundred when unpacked.
    Bomb,
}

/// The failures that are still to come.
#[derive(Default)]
pub(super) struct Faults {
    orders: Vec<Order>,
    storm: Option<Storm>,
    met: BTreeMap<String, usize>,
}

/// A fault for the next requests of a kind.
struct Order {
    method: String,
    /// With a `$` at its end the whole path.
    path_prefix: String,
    /// None is for ever.
    left: Option<usize>,
    fault: Fault,
}

/// A share of all requests fails at random. What the nth request for one operation on one connection meets depends on the
/// seed alone, not on the order in which requests for different ones arrive.
pub(crate) struct Storm {
    percent: u8,
    seed: u64,
    faults: Vec<Fault>,
    /// How often each operation on each connection was requested.
    counts: HashMap<String, u64>,
}

impl Storm {
    pub(crate) fn new(percent: u8, seed: u64, faults: Vec<Fault>) -> Self {
        Self { percent, seed, faults, counts: HashMap::new() }
    }

    fn strike(&mut self, operation: &str) -> Option<Fault> {
        let count = self.counts.entry(operation.to_owned()).or_default();
        *count += 1;
        let digest = Sha256::digest(format!("{} {count} {operation}", self.seed));
        let mut random = StdRng::from_seed(digest.into());
        let hit = random.random_range(0..100) < self.percent;
        // Drawn in any case, so that another share meets the same faults.
        let index = random.random_range(0..self.faults.len().max(1));
        self.faults.get(index).filter(|_| hit).cloned()
    }
}

impl Faults {
    pub(super) fn order(&mut self, method: &str, path_prefix: &str, count: usize, fault: Fault) {
        self.orders.push(Order {
            method: method.to_owned(),
            path_prefix: path_prefix.to_owned(),
            left: Some(count),
            fault,
        });
    }

    pub(super) fn set_storm(&mut self, storm: Storm) {
        self.storm = Some(storm);
    }

    /// Orders the faults of a text, one per line. On an error none is ordered.
    pub(super) fn order_text(&mut self, text: &str) -> Result<(), String> {
        let lines = text.lines().filter(|line| !line.trim().is_empty()).map(text::parse);
        for line in lines.collect::<Result<Vec<_>, _>>()? {
            match line {
                Line::Order(order) => self.orders.push(order),
                Line::Storm(storm) => self.storm = Some(*storm),
            }
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        (self.orders, self.storm) = (Vec::new(), None);
    }

    /// Returns the fault for a request: of the orders that fit, the first one; else one of the storm, which identifies the
    /// request by its operation and the connection's name.
    pub(super) fn take(&mut self, method: &str, path: &str, operation: &str) -> Option<Fault> {
        let fits = |order: &&mut Order| {
            let is_path = match order.path_prefix.strip_suffix('$') {
                Some(whole) => path == whole,
                None => path.starts_with(&order.path_prefix),
            };
            order.left != Some(0) && ["*", method].contains(&&*order.method) && is_path
        };
        let ordered = self.orders.iter_mut().find(fits).map(|order| {
            order.left = order.left.map(|left| left - 1);
            order.fault.clone()
        });
        let fault = ordered.or_else(|| self.storm.as_mut()?.strike(operation))?;
        *self.met.entry(fault.to_string()).or_default() += 1;
        Some(fault)
    }

    /// Returns how often each fault has occurred so far.
    pub(super) fn met(&self) -> BTreeMap<String, usize> {
        self.met.clone()
    }
}

//! Failures that are ordered for certain requests. Knows nothing of what the requests mean.

use std::time::Duration;

use serde_json::Value;

/// A way to fail.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers with this status and body; nothing is done.
    Status(u16, Value),
    /// Drops the connection without an answer; nothing is done.
    LostBefore,
    /// Does what is asked, then drops the connection without an answer.
    LostAfter,
    /// Waits, then goes on as usual.
    Delay(Duration),
    /// Does what is asked, and drops the connection in the middle of the answer's body.
    Cut,
    /// Does what is asked, and answers as a proxy that lost its patience: this status and a page.
    Gateway(u16),
    /// Does what is asked, and answers only this much later.
    Stall(Duration),
    /// Does what is asked, and answers 200 with something that is no JSON.
    Garbage,
    /// Answers that the token has expired; nothing is done.
    ExpiredToken,
    /// Reads see everything as it was before the last change.
    Lagging,
}

/// The failures that are still to come.
#[derive(Default)]
pub(super) struct Faults(Vec<Order>);

struct Order {
    method: String,
    path_prefix: String,
    left: usize,
    fault: Fault,
}

impl Faults {
    pub(super) fn order(&mut self, method: &str, path_prefix: &str, count: usize, fault: Fault) {
        self.0.push(Order { method: method.to_owned(), path_prefix: path_prefix.to_owned(), left: count, fault });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The failure for a request: of those that fit, the one ordered first.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let fits = |order: &&mut Order| {
            order.left > 0 && ["*", method].contains(&&*order.method) && path.starts_with(&order.path_prefix)
        };
        let order = self.0.iter_mut().find(fits)?;
        order.left -= 1;
        Some(order.fault.clone())
    }
}

//! The requests to the server, in the order of arrival.

use serde_json::Value;

/// The limit of recorded requests, for a server that runs for weeks. The older half is removed.
const MAX: usize = 100_000;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// In upper case.
    pub(crate) method: String,
    /// As it came, without the query.
    pub(crate) path: String,
    /// Without the question mark; empty when there is none.
    pub(crate) query: String,
    /// Null without a body; a text when the body is no JSON.
    pub(crate) body: Value,
    /// The status of the response; 0 while there is none, or when it was lost on purpose.
    pub(crate) status: u16,
}

#[derive(Default)]
pub(super) struct Recorder {
    next: u64,
    in_flight: usize,
    requests: Vec<(u64, Recorded)>,
}

impl Recorder {
    /// Records a request. Returns a number for [`end`](Self::end).
    pub(super) fn begin(&mut self, request: Recorded) -> u64 {
        self.next += 1;
        self.in_flight += 1;
        if self.requests.len() >= MAX {
            self.requests.drain(..MAX / 2);
        }
        self.requests.push((self.next, request));
        self.next
    }

    pub(super) fn end(&mut self, number: u64, status: u16) {
        self.in_flight -= 1;
        if let Some((_, request)) = self.requests.iter_mut().find(|(other, _)| *other == number) {
            request.status = status;
        }
    }

    /// Returns the number of requests without an end.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn all(&self) -> Vec<Recorded> {
        self.requests.iter().map(|(_, request)| request.clone()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}

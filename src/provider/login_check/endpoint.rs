//! The state of one endpoint, and whether the next login may be made. Does not depend on sockets or clocks.
//!
//! An endpoint has one login at a time until it has responded, then a few; after "too many connections" it has one at a time for
//! the rest of the run. No login is made for 30 seconds after the endpoint could not be reached. Many directories lock a role after
//! three wrong passwords, so the logins of a role are made one after another, and after two refusals no more are made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::Target;
use crate::secret::Secret;

use super::{FRESH, LoginOutcome, NotChecked, Requester, SharedOutcome};

/// The maximum number of logins at a time at an endpoint that has responded.
const MAX_CONCURRENT: usize = 4;

/// The time without a login after an endpoint could not be reached.
const UNREACHABLE_FOR: Duration = Duration::from_secs(30);

/// The maximum number of refused logins per role. Directories lock a role at three.
const MAX_REFUSALS: usize = 2;

/// The state of an endpoint.
#[derive(Default)]
pub(super) struct EndpointState {
    running: usize,
    responded: bool,
    crowded: bool,
    unreachable: Option<(Instant, Arc<SharedOutcome>)>,
    roles: HashMap<String, RoleLogins>,
}

#[derive(Default)]
struct RoleLogins {
    running: usize,
    /// Whether a login is in progress whose password was not accepted recently.
    unconfirmed_running: bool,
    /// Passwords, and the time when each was accepted last.
    accepted: Vec<(Secret, Instant)>,
    refused: Vec<Refused>,
}

impl RoleLogins {
    fn was_accepted(&self, password: &Secret) -> bool {
        self.accepted.iter().any(|(known, _)| known == password)
    }

    /// Returns whether a password was accepted recently, and no request was sent since that may have changed it.
    fn is_confirmed(&self, password: &Secret, now: Instant, requester: Requester<'_>) -> bool {
        requester != Requester::AfterRequest
            && self.accepted.iter().any(|(known, at)| known == password && now < *at + FRESH)
    }
}

struct Refused {
    at: Instant,
    password: Secret,
    outcome: Arc<SharedOutcome>,
}

/// Whether a login may be made.
pub(super) enum Admission {
    /// The login may begin.
    Go,
    /// The login waits for a change of the state.
    Wait,
    /// The outcome of another login applies.
    Reuse(Arc<SharedOutcome>),
    /// No login is made.
    GiveUp(NotChecked),
}

/// The facts about a login in progress that its end needs.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    confirmed: bool,
    was_accepted: bool,
}

impl EndpointState {
    /// Returns whether a login may be made now. `is_exhausted`: the budget for endpoints that do not respond is exhausted.
    pub(super) fn next(
        &self,
        target: &Target,
        now: Instant,
        is_exhausted: bool,
        requester: Requester<'_>,
    ) -> Admission {
        if let Some((at, outcome)) = &self.unreachable
            && now < *at + UNREACHABLE_FOR
        {
            return Admission::Reuse(outcome.clone());
        }
        let role = self.roles.get(&target.username);
        if let Some(role) = role {
            let left = MAX_REFUSALS.saturating_sub(role.refused.len());
            let same = role.refused.iter().rev().find(|refused| refused.password == target.password);
            let same = same.filter(|_| requester != Requester::AfterRequest);
            match same {
                _ if role.is_confirmed(&target.password, now, requester) => {}
                Some(refused) if left == 0 || now < refused.at + FRESH => {
                    return Admission::Reuse(refused.outcome.clone());
                }
                _ if left == 0 => return Admission::GiveUp(NotChecked::Attempts),
                _ if role.unconfirmed_running => return Admission::Wait,
                _ => {}
            }
            // Each login in progress may be refused: even a password that was accepted recently can have been changed.
            if role.running >= left.max(1) {
                return Admission::Wait;
            }
        }
        if is_exhausted && !self.responded {
            return Admission::GiveUp(NotChecked::Budget);
        }
        let limit = if self.responded && !self.crowded { MAX_CONCURRENT } else { 1 };
        if self.running < limit { Admission::Go } else { Admission::Wait }
    }

    /// Records the begin of a login.
    pub(super) fn begin(&mut self, target: &Target, now: Instant, requester: Requester<'_>) -> Ticket {
        self.running += 1;
        let role = self.roles.entry(target.username.clone()).or_default();
        role.running += 1;
        let confirmed = role.is_confirmed(&target.password, now, requester);
        role.unconfirmed_running |= !confirmed;
        Ticket { confirmed, was_accepted: role.was_accepted(&target.password) }
    }

    /// Records the end of a login, without an outcome if it was cancelled.
    pub(super) fn end(&mut self, ticket: Ticket, target: &Target, now: Instant, outcome: Option<&Arc<SharedOutcome>>) {
        self.running = self.running.saturating_sub(1);
        let role = self.roles.entry(target.username.clone()).or_default();
        role.running = role.running.saturating_sub(1);
        role.unconfirmed_running &= ticket.confirmed;
        let Some(outcome) = outcome else { return };
        match &outcome.outcome {
            LoginOutcome::Accepted(_) => {
                (self.responded, self.unreachable) = (true, None);
                role.accepted.retain(|(password, _)| *password != target.password);
                role.accepted.push((target.password.clone(), now));
            }
            LoginOutcome::Refused(refusal) if refusal.is_unreachable() => {
                self.unreachable = Some((now, outcome.clone()))
            }
            LoginOutcome::Refused(refusal) => {
                if refusal.responded {
                    (self.responded, self.unreachable) = (true, None);
                }
                self.crowded |= refusal.is_at_capacity();
                // A server that accepted the password before and does not respond now is under load.
                let is_load = ticket.was_accepted && refusal.password_pending;
                if refusal.counts_as_failed_attempt() && !is_load {
                    role.accepted.retain(|(password, _)| *password != target.password);
                    let (password, outcome) = (target.password.clone(), outcome.clone());
                    role.refused.push(Refused { at: now, password, outcome });
                }
            }
            LoginOutcome::NotChecked(_) => {}
        }
    }

    /// Returns whether the endpoint has responded.
    pub(super) fn has_responded(&self) -> bool {
        self.responded
    }
}

#[cfg(test)]
mod tests;

//! What is known of one endpoint, and so what the next login there may do. Pure: neither sockets nor clocks.
//!
//! A server gets one connection until it has answered, then a few; once it had no place it gets one for good. Nobody
//! knocks on a door a second time that was just found shut. And many directories lock a role after three wrong
//! passwords, so its logins go one after another, and after two refusals none goes any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::Target;
use crate::secret::Secret;

use super::{FRESH, LoginOutcome, NotChecked, Requester, SharedOutcome};

/// Connections at a time to an endpoint that has answered.
const AT_ONCE: usize = 4;

/// How long nobody knocks again where nobody answered.
const SHUT: Duration = Duration::from_secs(30);

/// Refused logins per role. Directories begin to lock at three.
const MAX_REFUSALS: usize = 2;

/// One endpoint.
#[derive(Default)]
pub(super) struct EndpointState {
    running: usize,
    answered: bool,
    crowded: bool,
    shut: Option<(Instant, Arc<SharedOutcome>)>,
    roles: HashMap<String, RoleLogins>,
}

#[derive(Default)]
struct RoleLogins {
    running: usize,
    /// Whether a login is under way whose password was not accepted a moment ago.
    judging: bool,
    /// Passwords, and when each was accepted last.
    accepted: Vec<(Secret, Instant)>,
    refused: Vec<Refused>,
}

impl RoleLogins {
    fn was_accepted(&self, password: &Secret) -> bool {
        self.accepted.iter().any(|(known, _)| known == password)
    }

    /// Whether a password was accepted a moment ago, and no request has been sent since that may have changed it.
    fn is_proven(&self, password: &Secret, now: Instant, asker: Requester<'_>) -> bool {
        asker != Requester::AfterRequest
            && self.accepted.iter().any(|(known, at)| known == password && now < *at + FRESH)
    }
}

struct Refused {
    at: Instant,
    password: Secret,
    judgement: Arc<SharedOutcome>,
}

/// What a login may do.
pub(super) enum Admission {
    /// Begin.
    Go,
    /// Ask again when something has changed.
    Wait,
    /// Take what another login was told, which would be told the same.
    Take(Arc<SharedOutcome>),
    /// Stay away.
    GiveUp(NotChecked),
}

/// What a login has to give back.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    proven: bool,
    was_accepted: bool,
}

impl EndpointState {
    /// What a login may do now. `tired`: the process has waited long enough for endpoints that never answer.
    pub(super) fn next(&self, target: &Target, now: Instant, tired: bool, asker: Requester<'_>) -> Admission {
        if let Some((at, judgement)) = &self.shut
            && now < *at + SHUT
        {
            return Admission::Take(judgement.clone());
        }
        let role = self.roles.get(&target.username);
        if let Some(role) = role {
            let left = MAX_REFUSALS.saturating_sub(role.refused.len());
            let same = role.refused.iter().rev().find(|refused| refused.password == target.password);
            let same = same.filter(|_| asker != Requester::AfterRequest);
            match same {
                _ if role.is_proven(&target.password, now, asker) => {}
                Some(refused) if left == 0 || now < refused.at + FRESH => {
                    return Admission::Take(refused.judgement.clone());
                }
                _ if left == 0 => return Admission::GiveUp(NotChecked::Attempts),
                _ if role.judging => return Admission::Wait,
                _ => {}
            }
            // Each login under way may be refused: even a password that was right a moment ago can have been changed.
            if role.running >= left.max(1) {
                return Admission::Wait;
            }
        }
        if tired && !self.answered {
            return Admission::GiveUp(NotChecked::Budget);
        }
        let most = if self.answered && !self.crowded { AT_ONCE } else { 1 };
        if self.running < most { Admission::Go } else { Admission::Wait }
    }

    /// A login begins.
    pub(super) fn begin(&mut self, target: &Target, now: Instant, asker: Requester<'_>) -> Ticket {
        self.running += 1;
        let role = self.roles.entry(target.username.clone()).or_default();
        role.running += 1;
        let proven = role.is_proven(&target.password, now, asker);
        role.judging |= !proven;
        Ticket { proven, was_accepted: role.was_accepted(&target.password) }
    }

    /// A login has ended; without a judgement when it was given up.
    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        target: &Target,
        now: Instant,
        judgement: Option<&Arc<SharedOutcome>>,
    ) {
        self.running = self.running.saturating_sub(1);
        let role = self.roles.entry(target.username.clone()).or_default();
        role.running = role.running.saturating_sub(1);
        role.judging &= ticket.proven;
        let Some(judgement) = judgement else { return };
        match &judgement.verdict {
            LoginOutcome::Accepted(_) => {
                (self.answered, self.shut) = (true, None);
                role.accepted.retain(|(password, _)| *password != target.password);
                role.accepted.push((target.password.clone(), now));
            }
            LoginOutcome::Refused(refusal) if refusal.is_silence() => self.shut = Some((now, judgement.clone())),
            LoginOutcome::Refused(refusal) => {
                if refusal.answered {
                    (self.answered, self.shut) = (true, None);
                }
                self.crowded |= refusal.is_crowding();
                // A password that was right once and gets no answer now waits for a server under load.
                let is_load = ticket.was_accepted && refusal.password_unanswered;
                if refusal.counts_against_the_role() && !is_load {
                    role.accepted.retain(|(password, _)| *password != target.password);
                    let (password, judgement) = (target.password.clone(), judgement.clone());
                    role.refused.push(Refused { at: now, password, judgement });
                }
            }
            LoginOutcome::NotChecked(_) => {}
        }
    }

    /// Whether it has ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.answered
    }
}

#[cfg(test)]
mod tests;

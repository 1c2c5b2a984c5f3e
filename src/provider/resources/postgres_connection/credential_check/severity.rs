//! The severity of an outcome: whether it stops the run, is a warning, or is not reported.

use crate::postgres::{Certainty, Refusal};
use crate::provider::config::validation::{Mode, Unreachable};
use crate::provider::login_check::kms_location::KmsLocation;
use crate::provider::login_check::{CheckedLogin, LoginOutcome};
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Severity};

use super::{Check, Phase, Purpose};

impl Check<'_> {
    /// Returns the certainty that the KMS gets the same outcome.
    pub(super) fn certainty(&self, outcome: &LoginOutcome) -> Certainty {
        match outcome {
            LoginOutcome::Refused(refusal) if self.trusts_more(refusal) => Certainty::Unreachable,
            LoginOutcome::Refused(refusal) => refusal.certainty(),
            _ => Certainty::Unreachable,
        }
    }

    /// Returns whether a self-hosted KMS may trust the certificate authority of the server, which is not a public one.
    pub(super) fn trusts_more(&self, refusal: &Refusal) -> bool {
        self.call.session().vantage_point.place != KmsLocation::Cloud && refusal.lacks_public_trust()
    }

    /// Returns the severity of the diagnostic; `None` for no diagnostic.
    pub(super) fn severity(&self, certainty: Certainty) -> Option<Severity> {
        use Certainty::{Conclusive, Unreachable as Lost};
        match (certainty, self.validation.mode, self.phase, self.validation.unreachable) {
            (Lost, _, _, Unreachable::Ignore) => None,
            // Only the privileges of roles depend on this login.
            _ if self.subject.purpose == Purpose::Privileges => Some(Severity::Warning),
            (Conclusive, Mode::Warn, Phase::Plan, _) => Some(Severity::Warning),
            (Conclusive, ..) => Some(Severity::Error),
            (Lost, Mode::Warn, Phase::Plan, Unreachable::Error) => Some(Severity::Warning),
            (Lost, _, _, Unreachable::Error) => Some(Severity::Error),
            (Lost, _, _, Unreachable::Warning) => Some(Severity::Warning),
        }
    }

    /// Returns an error diagnostic, or adds a warning to the call unless it is `repeated`.
    pub(super) fn show(&self, diagnostic: Diagnostic, repeated: bool) -> Result<(), Diagnostics> {
        match diagnostic.severity {
            Severity::Error => return Err(diagnostic.into()),
            Severity::Warning if repeated => {}
            Severity::Warning => self.call.warn(diagnostic),
        }
        Ok(())
    }

    /// Returns whether the plan of this apply has reported the same login.
    pub(super) fn is_repeated(&self, checked: &CheckedLogin) -> bool {
        self.phase != Phase::Plan
            && self.validation.mode != Mode::Apply
            && self.call.session().logins.reporter(checked).is_some()
    }
}

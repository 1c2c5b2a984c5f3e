//! The login check of planned credentials: when the provider logs in, how severe an outcome is, and the report.

mod privileges;
mod report;
mod severity;

use crate::postgres;
use crate::provider::config::validation::{Mode, Unreachable};
use crate::provider::deadline::Ended;
use crate::provider::login_check::LoginOutcome;
use crate::provider::messages;
use crate::provider::messages::postgres::explain;
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;

use super::database_login::{DatabaseLogin, Skipped, log_in};
pub(super) use super::database_login::{Phase, Purpose, Subject};
use super::validation_block::Validation;

/// Logs in with the planned credentials, if the settings and the phase require it.
///
/// # Errors
/// When the run must stop. All other reports are warnings of the call or log lines.
pub(super) async fn check(call: &RpcContext<Session>, subject: Subject<'_>, phase: Phase) -> Result<(), Diagnostics> {
    subject.warn_of_saslprep(call, phase);
    let Some(validation) = subject.planned.validation(&call.session().validation) else {
        subject.log_not_checked("a validation setting is not known yet");
        return Ok(());
    };
    let check = Check { call, subject, phase, validation };
    match check.log_in().await? {
        Ok(login) => check.report(&login),
        Err(skipped) => {
            check.skip(skipped);
            Ok(())
        }
    }
}

/// [`check`] for the privileges alone, if the configuration lists more roles than before.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_if_more_roles(
    call: &RpcContext<Session>,
    subject: Subject<'_>,
    phase: Phase,
) -> Result<(), Diagnostics> {
    match subject.prior {
        Some(prior) if subject.planned.requires_login_for_roles(prior) => check(call, subject, phase).await,
        _ => Ok(()),
    }
}

/// Whether the configured credentials work.
pub(super) enum CredentialState {
    /// The login succeeded.
    Good,
    /// The server refused it, for this reason.
    Bad(String),
    /// No conclusive outcome, for this reason.
    Unknown(String),
}

/// Logs in with the planned credentials and returns the outcome, without a diagnostic.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn credential_state(
    call: &RpcContext<Session>,
    subject: Subject<'_>,
) -> Result<CredentialState, Diagnostics> {
    let Some(validation) = subject.planned.validation(&call.session().validation) else {
        return Ok(CredentialState::Unknown("a validation setting is not known yet".to_owned()));
    };
    let check = Check { call, subject, phase: Phase::Plan, validation };
    let checked = match check.log_in().await? {
        Ok(login) => login.checked,
        Err(skipped) => return Ok(CredentialState::Unknown(skipped.as_text().to_owned())),
    };
    let certainty = check.certainty(&checked.outcome);
    subject.log(&checked, certainty);
    Ok(match &checked.outcome {
        LoginOutcome::Accepted(_) => CredentialState::Good,
        LoginOutcome::Refused(refusal) if certainty == postgres::Certainty::Conclusive => {
            CredentialState::Bad(explain(refusal).sentence)
        }
        LoginOutcome::Refused(refusal) => CredentialState::Unknown(explain(refusal).sentence),
        LoginOutcome::NotChecked(why) => CredentialState::Unknown(messages::why_not_checked(why).to_owned()),
    })
}

struct Check<'a> {
    call: &'a RpcContext<Session>,
    subject: Subject<'a>,
    phase: Phase,
    validation: Validation,
}

impl Check<'_> {
    /// Returns why `mode` requires no login in this phase.
    fn skipped_by_mode(&self) -> Option<Skipped> {
        match (self.validation.mode, self.phase) {
            (Mode::Off, _) => Some(Skipped::Off),
            (Mode::Apply, Phase::Plan) => Some(Skipped::InTheApply),
            _ => None,
        }
    }

    /// Logs in, if the settings and the values allow a login.
    async fn log_in(&self) -> Result<Result<DatabaseLogin, Skipped>, Ended> {
        match self.skipped_by_mode() {
            Some(skipped) => Ok(Err(skipped)),
            None => log_in(self.call, self.subject, &self.validation, self.phase).await,
        }
    }

    /// Reports once that no login was made, if `unreachable` is `error` or the configuration lists roles to rotate.
    fn skip(&self, reason: Skipped) {
        let validation = &self.validation;
        self.subject.log_not_checked(reason.as_text());
        // Reported in the phase in which the configuration requires the login.
        let in_apply = validation.mode == Mode::Apply && validation.lowered_from.is_none();
        if in_apply == (self.phase == Phase::Plan) {
            return;
        }
        match reason {
            Skipped::Managed => self.rotation_not_checked(privileges::MANAGED),
            Skipped::Gateway => self.rotation_not_checked(privileges::GATEWAY),
            Skipped::NoPassword => self.rotation_not_checked(privileges::NO_PASSWORD),
            _ => {}
        }
        if validation.unreachable != Unreachable::Error {
            return;
        }
        match (reason, validation.lowered_from) {
            (Skipped::Gateway, _) => self.call.warn(messages::behind_gateway(self.subject.planned.title())),
            (Skipped::Off | Skipped::InTheApply, Some(configured)) => {
                self.call.warn(messages::mode_lowered(self.subject.planned.title(), configured, validation.mode));
            }
            _ => {}
        }
    }
}

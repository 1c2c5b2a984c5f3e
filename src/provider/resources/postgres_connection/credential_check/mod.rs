//! The check of the credentials at the database itself: when it is made, and what its verdict means for the run.

pub(crate) mod privileges;

use std::time::Duration;

use crate::postgres;
use crate::provider::config::validation::{Mode, Unreachable};
use crate::provider::connections::managed_registry::ManagedConnection;
use crate::provider::deadline::Ended;
use crate::provider::login_check::kms_location::{KmsLocation, NotAllowed};
use crate::provider::login_check::{CheckedLogin, LoginOutcome, NotChecked};
use crate::provider::messages;
use crate::provider::messages::postgres::explain;
use crate::provider::session::Session;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::terraform::model::Field;
use crate::terraform::resource::RpcContext;

use super::database_login::{DatabaseLogin, Skipped, log_in};
pub(super) use super::database_login::{Phase, Purpose, Subject};
use super::model::ConnectionModel;
use super::validation_block::Validation;
use super::values::Password;

/// Logs in with the planned credentials, if the settings and the phase say so.
///
/// # Errors
/// When the run must stop. Everything else that a person should see is a warning of the call, or a line in the log.
pub(super) async fn check(call: &RpcContext<Session>, subject: Subject<'_>, phase: Phase) -> Result<(), Diagnostics> {
    subject.warn_of_saslprep(call, phase);
    let Some(validation) = subject.planned.validation(&call.session().validation) else {
        subject.note_not_checked("a validation setting is not known yet");
        return Ok(());
    };
    let check = Check { call, subject, phase, validation };
    match check.log_in().await? {
        Ok(login) => check.conclude(&login),
        Err(skipped) => {
            check.skip(skipped);
            Ok(())
        }
    }
}

/// [`check`] for the privileges alone, where the configuration asks about more roles than before.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_if_more_roles(
    call: &RpcContext<Session>,
    subject: Subject<'_>,
    phase: Phase,
) -> Result<(), Diagnostics> {
    match subject.prior {
        Some(prior) if subject.planned.asks_about_more_roles(prior) => check(call, subject, phase).await,
        _ => Ok(()),
    }
}

/// Whether configured credentials work, for who only wants to know.
pub(super) enum CredentialState {
    /// The server let the role in.
    Good,
    /// The server refused it, in these words.
    Bad(String),
    /// Nobody could tell, for this reason.
    Unknown(String),
}

/// Logs in with the planned credentials and tells what came of it; stops nothing and warns of nothing.
///
/// # Errors
/// When the run was interrupted.
pub(super) async fn standing(call: &RpcContext<Session>, subject: Subject<'_>) -> Result<CredentialState, Diagnostics> {
    let Some(validation) = subject.planned.validation(&call.session().validation) else {
        return Ok(CredentialState::Unknown("a validation setting is not known yet".to_owned()));
    };
    let check = Check { call, subject, phase: Phase::Plan, validation };
    let judged = match check.log_in().await? {
        Ok(login) => login.judged,
        Err(skipped) => return Ok(CredentialState::Unknown(skipped.words().to_owned())),
    };
    let class = check.class(&judged.verdict);
    subject.note(&judged, class);
    Ok(match &judged.verdict {
        LoginOutcome::Accepted(_) => CredentialState::Good,
        LoginOutcome::Refused(refusal) if class == postgres::Certainty::Conclusive => {
            CredentialState::Bad(explain(refusal).headline)
        }
        LoginOutcome::Refused(refusal) => CredentialState::Unknown(explain(refusal).headline),
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
    /// Why `mode` asks for no login in this phase.
    fn skipped_by_mode(&self) -> Option<Skipped> {
        match (self.validation.mode, self.phase) {
            (Mode::Off, _) => Some(Skipped::Off),
            (Mode::Apply, Phase::Plan) => Some(Skipped::InTheApply),
            _ => None,
        }
    }

    /// Logs in, unless the settings or the values ask for none.
    async fn log_in(&self) -> Result<Result<DatabaseLogin, Skipped>, Ended> {
        match self.skipped_by_mode() {
            Some(skipped) => Ok(Err(skipped)),
            None => log_in(self.call, self.subject, &self.validation, self.phase).await,
        }
    }

    /// No login. Who wants to hear of unreachable databases hears of this too, once.
    fn skip(&self, reason: Skipped) {
        let validation = &self.validation;
        self.subject.note_not_checked(reason.words());
        // Said in the phase in which the configuration would have it made.
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

    /// What the outcome of the login means for the run.
    fn conclude(&self, login: &DatabaseLogin) -> Result<(), Diagnostics> {
        let DatabaseLogin { target, judged } = login;
        self.subject.note(judged, self.class(&judged.verdict));
        self.predict(target, judged);
        match &judged.verdict {
            LoginOutcome::Accepted(accepted) => {
                if self.phase == Phase::Plan || self.validation.mode == Mode::Apply {
                    self.warn_of_addresses(accepted);
                }
                if self.phase == Phase::Plan {
                    self.check_own_password(accepted)?;
                }
                let about = self.about(postgres::Certainty::Conclusive, false, None);
                privileges::report(self.call, &self.validation, accepted, about, self.is_repeated(judged))
            }
            LoginOutcome::Refused(refusal) => self.refuse(refusal, judged),
            LoginOutcome::NotChecked(why) => self.not_checked(why, target, judged),
        }
    }

    /// Whether the answer would be the same for the service.
    fn class(&self, verdict: &LoginOutcome) -> postgres::Certainty {
        match verdict {
            LoginOutcome::Refused(refusal) if self.trusts_more(refusal) => postgres::Certainty::Unreachable,
            LoginOutcome::Refused(refusal) => refusal.certainty(),
            _ => postgres::Certainty::Unreachable,
        }
    }

    /// A service that somebody runs for themselves may trust more authorities than the public ones.
    fn trusts_more(&self, refusal: &postgres::Refusal) -> bool {
        self.call.session().vantage_point.place != KmsLocation::Cloud && refusal.is_unknown_to_the_public()
    }

    /// What is shown; `None` for nothing.
    fn severity(&self, class: postgres::Certainty) -> Option<Severity> {
        use postgres::Certainty::{Conclusive, Unreachable as Lost};
        match (class, self.validation.mode, self.phase, self.validation.unreachable) {
            (Lost, _, _, Unreachable::Ignore) => None,
            // Nothing depends on this login but an answer that is missing now.
            _ if self.subject.purpose == Purpose::Privileges => Some(Severity::Warning),
            (Conclusive, Mode::Warn, Phase::Plan, _) => Some(Severity::Warning),
            (Conclusive, ..) => Some(Severity::Error),
            (Lost, Mode::Warn, Phase::Plan, Unreachable::Error) => Some(Severity::Warning),
            (Lost, _, _, Unreachable::Error) => Some(Severity::Error),
            (Lost, _, _, Unreachable::Warning) => Some(Severity::Warning),
        }
    }

    /// Stops the run, or warns, unless the plan of this apply has warned already.
    fn show(&self, diagnostic: Diagnostic, repeated: bool) -> Result<(), Diagnostics> {
        match diagnostic.severity {
            Severity::Error => return Err(diagnostic.into()),
            Severity::Warning if repeated => {}
            Severity::Warning => self.call.warn(diagnostic),
        }
        Ok(())
    }

    fn is_repeated(&self, judged: &CheckedLogin) -> bool {
        self.phase != Phase::Plan
            && self.validation.mode != Mode::Apply
            && self.call.session().logins.reporter(judged).is_some()
    }

    fn refuse(&self, refusal: &postgres::Refusal, judged: &CheckedLogin) -> Result<(), Diagnostics> {
        let class = self.class(&judged.verdict);
        let Some(severity) = self.severity(class) else { return Ok(()) };
        let definite = class == postgres::Certainty::Conclusive;
        let repeated = self.is_repeated(judged);
        let would_stop_the_apply = severity == Severity::Warning
            && self.subject.purpose == Purpose::Credentials
            && (definite || self.validation.unreachable == Unreachable::Error);
        if severity == Severity::Error
            && definite
            && refusal.rejects_the_password()
            && let Some(old) = self.destroyed_managed_connection()
        {
            let Subject { planned, config, .. } = self.subject;
            let replacement = messages::managed::Replacement {
                title: planned.title(),
                old: &old.name,
                role: &old.role.name,
                password_argument: planned.password_argument(config),
                is_destroyed: true,
            };
            return Err(messages::managed::replacement_refused(&replacement, &messages::managed::why(refusal)).into());
        }
        let title = self.subject.planned.title();
        let first_reporter = self.call.session().logins.record_reporter(judged, title);
        let first_reporter = Some(first_reporter.as_str()).filter(|first_reporter| *first_reporter != title);
        let about = self.about(class, would_stop_the_apply, first_reporter);
        let mut diagnostic = messages::refusal(severity, refusal, &about);
        if self.subject.purpose == Purpose::Privileges {
            diagnostic.detail +=
                "\n\nThis login was made for `rotation_roles` only: whether these roles can be rotated is not known.";
        }
        self.show(diagnostic, repeated)
    }

    /// A managed connection of the same role that this run has destroyed: the role has a password that nobody knows.
    fn destroyed_managed_connection(&self) -> Option<ManagedConnection> {
        self.call.session().managed.destroyed_with(&self.subject.planned.role()?)
    }

    /// What a message needs to know of the login.
    fn about<'b>(
        &'b self,
        class: postgres::Certainty,
        would_stop_the_apply: bool,
        first_reporter: Option<&'b str>,
    ) -> messages::LoginContext<'b> {
        let Subject { prior, planned, config, .. } = self.subject;
        messages::LoginContext {
            connection: planned.title(),
            password_argument: planned.password_argument(config),
            password_was_trimmed: planned
                .password
                .known()
                .or_else(|| config.password_wo.known())
                .is_some_and(Password::has_outer_whitespace),
            in_plan: self.phase == Phase::Plan,
            would_stop_the_apply,
            lowered_from: self.validation.lowered_from,
            class,
            moved: prior.and_then(|prior| moved(self.call, prior, planned)),
            first_reporter,
        }
    }

    /// Whether the role may have its own password changed, which is what a hand-over does.
    fn check_own_password(&self, accepted: &postgres::Accepted) -> Result<(), Diagnostics> {
        let planned = self.subject.planned;
        let (true, Some(Ok(facts)), Some(role)) = (planned.is_managed(), &accepted.facts, planned.username.known())
        else {
            return Ok(());
        };
        let found = facts.own_password(role.trim());
        let found = found.iter().map(|found| messages::managed::own_password(planned.title(), role.trim(), found));
        let (errors, warnings): (Vec<_>, Vec<_>) = found.partition(|found| found.severity == Severity::Error);
        warnings.into_iter().for_each(|warning| self.call.warn(warning));
        if errors.is_empty() { Ok(()) } else { Err(errors.into_iter().collect()) }
    }

    fn rotation_not_checked(&self, why: &str) {
        privileges::not_checked(self.call, self.subject.planned, &self.validation, why);
    }

    fn not_checked(
        &self,
        why: &NotChecked,
        target: &postgres::Target,
        judged: &CheckedLogin,
    ) -> Result<(), Diagnostics> {
        let severity = match why {
            NotChecked::NotAllowed(_) => Severity::Warning,
            _ => match self.severity(postgres::Certainty::Unreachable) {
                Some(severity) => severity,
                None => return Ok(()),
            },
        };
        let repeated = self.is_repeated(judged);
        let title = self.subject.planned.title();
        self.call.session().logins.record_reporter(judged, title);
        self.show(messages::not_checked(severity, why, title, target, self.phase == Phase::Plan), repeated)
    }

    /// The service tries the first address of a name alone.
    fn warn_of_addresses(&self, accepted: &postgres::Accepted) {
        if !accepted.passed_over.is_empty() && accepted.endpoint.overridden.is_none() {
            self.call.warn(messages::later_address(self.subject.planned.title(), accepted));
        }
    }

    /// A service in the cloud refuses a host of which any address belongs to an internal network, dialled from here or not.
    fn predict(&self, target: &postgres::Target, judged: &CheckedLogin) {
        if self.phase != Phase::Plan && self.validation.mode != Mode::Apply || self.subject.planned.has_gateway() {
            return;
        }
        if let LoginOutcome::NotChecked(NotChecked::NotAllowed(NotAllowed::Loopback)) = judged.verdict {
            // Said already.
            return;
        }
        // What is dialled instead is no address of the host.
        let found = if target.address.is_none() { judged.addresses() } else { &[] };
        if let Some(address) = self.call.session().vantage_point.internal(&target.host, found.iter().copied()) {
            self.call.warn(messages::internal_address(self.subject.planned.title(), &target.host, address));
        }
    }
}

impl Subject<'_> {
    /// A password that this login and the KMS may send in different forms.
    fn warn_of_saslprep(&self, call: &RpcContext<Session>, phase: Phase) {
        let password = self.planned.password.known().or_else(|| self.config.password_wo.known());
        let changed = password.is_some_and(|password| postgres::is_changed_by_saslprep(password.stored().expose()));
        if changed && phase == Phase::Plan && self.purpose == Purpose::Credentials {
            let argument = self.planned.password_argument(self.config);
            call.warn(messages::changed_by_saslprep(self.planned.title(), argument));
        }
    }

    /// The one line per planned write of credentials: silence must mean success.
    fn note(&self, judged: &CheckedLogin, class: postgres::Certainty) {
        let verdict = match (&judged.verdict, class) {
            (LoginOutcome::Accepted(_), _) => "accepted".to_owned(),
            (LoginOutcome::Refused(refusal), postgres::Certainty::Conclusive) => {
                format!("refused: {}", explain(refusal).headline)
            }
            (LoginOutcome::Refused(refusal), postgres::Certainty::Unreachable) => {
                format!("unreachable: {}", explain(refusal).headline)
            }
            (LoginOutcome::NotChecked(why), _) => format!("not checked: {}", messages::why_not_checked(why)),
        };
        self.write(&verdict, judged.took, judged.shared);
    }

    fn note_not_checked(&self, reason: &str) {
        self.write(&format!("not checked: {reason}"), Duration::ZERO, false);
    }

    fn write(&self, verdict: &str, took: Duration, shared: bool) {
        tracing::info!(
            connection = self.planned.title(),
            endpoint = self.planned.endpoint(),
            verdict,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            shared,
            "database login"
        );
    }
}

/// From where to where an update moves a connection whose password stays: whoever can change the one can have the other.
fn moved(
    call: &RpcContext<Session>,
    prior: &ConnectionModel,
    planned: &ConnectionModel,
) -> Option<messages::MovedCredentials> {
    let stays = match &planned.password {
        Field::Null => prior.password_wo_version == planned.password_wo_version && prior.password.is_null(),
        password => prior.password == *password,
    };
    let place = |connection: &ConnectionModel| {
        let validation = connection.validation(&call.session().validation);
        let address = validation.and_then(|validation| validation.address);
        let address = address.map(|address| postgres::Address { host: address.host, port: address.port });
        let dialled = address.map(|address| format!(", dialled as `{address}`"));
        format!("`{}`{}", connection.endpoint(), dialled.unwrap_or_default())
    };
    let (from, to) = (place(prior), place(planned));
    (stays && from != to).then_some(messages::MovedCredentials { from, to })
}

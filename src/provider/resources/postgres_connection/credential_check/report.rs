//! The report of a login check: log line and diagnostics.

use std::time::Duration;

use crate::postgres;
use crate::provider::config::validation::{Mode, Unreachable};
use crate::provider::connections::managed_registry::ManagedConnection;
use crate::provider::login_check::kms_location::NotAllowed;
use crate::provider::login_check::{CheckedLogin, LoginOutcome, NotChecked};
use crate::provider::messages;
use crate::provider::messages::postgres::explain;
use crate::provider::resources::postgres_connection::database_login::DatabaseLogin;
use crate::provider::resources::postgres_connection::model::ConnectionModel;
use crate::provider::resources::postgres_connection::values::Password;
use crate::provider::session::Session;
use crate::terraform::diagnostic::{Diagnostics, Severity};
use crate::terraform::model::Field;
use crate::terraform::resource::RpcContext;

use super::{Check, Phase, Purpose, Subject, privileges};

impl Check<'_> {
    /// Reports the outcome of a login, and stops the run if it must.
    pub(super) fn report(&self, login: &DatabaseLogin) -> Result<(), Diagnostics> {
        let DatabaseLogin { target, checked } = login;
        self.subject.log(checked, self.certainty(&checked.outcome));
        self.warn_of_internal_address(target, checked);
        match &checked.outcome {
            LoginOutcome::Accepted(accepted) => {
                if self.phase == Phase::Plan || self.validation.mode == Mode::Apply {
                    self.warn_of_addresses(accepted);
                }
                if self.phase == Phase::Plan {
                    self.check_own_password(accepted)?;
                }
                let context = self.context(postgres::Certainty::Conclusive, false, None);
                privileges::report(self.call, &self.validation, accepted, context, self.is_repeated(checked))
            }
            LoginOutcome::Refused(refusal) => self.report_refusal(refusal, checked),
            LoginOutcome::NotChecked(why) => self.report_not_checked(why, target, checked),
        }
    }

    fn report_refusal(&self, refusal: &postgres::Refusal, checked: &CheckedLogin) -> Result<(), Diagnostics> {
        let certainty = self.certainty(&checked.outcome);
        let Some(severity) = self.severity(certainty) else { return Ok(()) };
        let conclusive = certainty == postgres::Certainty::Conclusive;
        let repeated = self.is_repeated(checked);
        let would_stop_the_apply = severity == Severity::Warning
            && self.subject.purpose == Purpose::Credentials
            && (conclusive || self.validation.unreachable == Unreachable::Error);
        if severity == Severity::Error
            && conclusive
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
        let first_reporter = self.call.session().logins.record_reporter(checked, title);
        let first_reporter = Some(first_reporter.as_str()).filter(|first_reporter| *first_reporter != title);
        let context = self.context(certainty, would_stop_the_apply, first_reporter);
        let mut diagnostic = messages::refusal(severity, refusal, &context);
        if self.subject.purpose == Purpose::Privileges {
            diagnostic.detail += "\nThe login was only for `rotation_roles`: the provider does not know whether the connection can rotate them.";
        }
        self.show(diagnostic, repeated)
    }

    /// Returns the managed connection of the same role that this run has destroyed: the role has an unknown password.
    fn destroyed_managed_connection(&self) -> Option<ManagedConnection> {
        self.call.session().managed.destroyed_with(&self.subject.planned.role()?)
    }

    /// Returns the facts of the login for a message.
    fn context<'b>(
        &'b self,
        certainty: postgres::Certainty,
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
            class: certainty,
            moved: prior.and_then(|prior| moved(self.call, prior, planned)),
            first_reporter,
        }
    }

    /// Checks that the role can change its own password, which a transfer to the KMS requires.
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

    pub(super) fn rotation_not_checked(&self, why: &str) {
        privileges::not_checked(self.call, self.subject.planned, &self.validation, why);
    }

    fn report_not_checked(
        &self,
        why: &NotChecked,
        target: &postgres::Target,
        checked: &CheckedLogin,
    ) -> Result<(), Diagnostics> {
        let severity = match why {
            NotChecked::NotAllowed(_) => Severity::Warning,
            _ => match self.severity(postgres::Certainty::Unreachable) {
                Some(severity) => severity,
                None => return Ok(()),
            },
        };
        let repeated = self.is_repeated(checked);
        let title = self.subject.planned.title();
        self.call.session().logins.record_reporter(checked, title);
        self.show(messages::not_checked(severity, why, title, target, self.phase == Phase::Plan), repeated)
    }

    /// Warns about a later address of the host: the KMS tries only the first one.
    fn warn_of_addresses(&self, accepted: &postgres::Accepted) {
        if !accepted.unreachable_addresses.is_empty() && accepted.endpoint.overridden.is_none() {
            self.call.warn(messages::later_address(self.subject.planned.title(), accepted));
        }
    }

    /// Warns about an address in an internal network: a KMS in the cloud refuses such a host.
    fn warn_of_internal_address(&self, target: &postgres::Target, checked: &CheckedLogin) {
        if self.phase != Phase::Plan && self.validation.mode != Mode::Apply || self.subject.planned.has_gateway() {
            return;
        }
        if let LoginOutcome::NotChecked(NotChecked::NotAllowed(NotAllowed::Loopback)) = checked.outcome {
            // Reported as not checked.
            return;
        }
        // The `address` of the block is not an address of the host.
        let found = if target.address.is_none() { checked.addresses() } else { &[] };
        if let Some(address) = self.call.session().vantage_point.internal(&target.host, found.iter().copied()) {
            self.call.warn(messages::internal_address(self.subject.planned.title(), &target.host, address));
        }
    }
}

impl Subject<'_> {
    /// Warns about a password that this login and the KMS may send in different forms.
    pub(super) fn warn_of_saslprep(&self, call: &RpcContext<Session>, phase: Phase) {
        let password = self.planned.password.known().or_else(|| self.config.password_wo.known());
        let changed = password.is_some_and(|password| postgres::is_changed_by_saslprep(password.stored().expose()));
        if changed && phase == Phase::Plan && self.purpose == Purpose::Credentials {
            let argument = self.planned.password_argument(self.config);
            call.warn(messages::changed_by_saslprep(self.planned.title(), argument));
        }
    }

    /// Writes the log line of a login check, once for each planned write of credentials.
    pub(super) fn log(&self, checked: &CheckedLogin, certainty: postgres::Certainty) {
        let outcome = match (&checked.outcome, certainty) {
            (LoginOutcome::Accepted(_), _) => "accepted".to_owned(),
            (LoginOutcome::Refused(refusal), postgres::Certainty::Conclusive) => {
                format!("refused: {}", explain(refusal).sentence)
            }
            (LoginOutcome::Refused(refusal), postgres::Certainty::Unreachable) => {
                format!("unreachable: {}", explain(refusal).sentence)
            }
            (LoginOutcome::NotChecked(why), _) => format!("not checked: {}", messages::why_not_checked(why)),
        };
        self.write(&outcome, checked.took, checked.shared);
    }

    pub(super) fn log_not_checked(&self, reason: &str) {
        self.write(&format!("not checked: {reason}"), Duration::ZERO, false);
    }

    fn write(&self, outcome: &str, took: Duration, shared: bool) {
        tracing::info!(
            connection = self.planned.title(),
            endpoint = self.planned.endpoint(),
            outcome,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            shared,
            "database login"
        );
    }
}

/// Returns the old and the new server of an update that keeps the password, because the new server receives the password.
fn moved(
    call: &RpcContext<Session>,
    prior: &ConnectionModel,
    planned: &ConnectionModel,
) -> Option<messages::MovedCredentials> {
    let is_unchanged = match &planned.password {
        Field::Null => prior.password_wo_version == planned.password_wo_version && prior.password.is_null(),
        password => prior.password == *password,
    };
    let server = |connection: &ConnectionModel| {
        let validation = connection.validation(&call.session().validation);
        let address = validation.and_then(|validation| validation.address);
        let address = address.map(|address| postgres::Address { host: address.host, port: address.port });
        let dialled = address.map(|address| format!(", dialled as `{address}`"));
        format!("`{}`{}", connection.endpoint(), dialled.unwrap_or_default())
    };
    let (from, to) = (server(prior), server(planned));
    (is_unchanged && from != to).then_some(messages::MovedCredentials { from, to })
}

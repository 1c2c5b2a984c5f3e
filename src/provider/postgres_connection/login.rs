//! The check of the credentials at the database itself: when it is made, and what its verdict means for the run.

use crate::postgres;
use crate::provider::diagnose;
use crate::provider::logins::Asker;
use crate::provider::session::Session;
use crate::provider::validation::{Mode, Unreachable, Validation};
use crate::terraform::diagnostic::{Diagnostics, Severity};
use crate::terraform::resource::Call;

use super::model::Connection;

/// Where in a run the check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is sent yet, and values may be unknown.
    Plan,
    /// Right before the request to the KMS.
    Apply,
}

/// Logs in with the planned credentials, if the settings and the phase say so.
///
/// # Errors
/// When the run must stop. Everything else that a person should see is a warning of the call, or a line in the log.
pub(super) async fn check(
    call: &Call<Session>,
    planned: &Connection,
    config: &Connection,
    phase: Phase,
) -> Result<(), Diagnostics> {
    let Some(validation) = call.session().validation.with(&planned.validation) else {
        return not_checked(planned, "a validation setting is not known yet");
    };
    match (validation.mode, phase) {
        (Mode::Off, _) => return not_checked(planned, "`mode` is `off`"),
        (Mode::Apply, Phase::Plan) => return not_checked(planned, "`mode` is `apply`"),
        _ => {}
    }
    if planned.has_gateway() && validation.address.is_none() {
        return not_checked(planned, "the KMS connects through a gateway, and `address` is not set");
    }
    let Some(target) = target(planned, config, &validation) else {
        return not_checked(planned, "a credential is not known yet");
    };
    let asker = if phase == Phase::Plan { Asker::Plan } else { Asker::Apply };
    let judging = call.session().logins.judge(&target, validation.timeout, asker);
    let Some(judged) = call.unless_stopped(judging).await else {
        return Err(crate::provider::wait::interrupted().into());
    };
    // An apply whose plan has said it already does not say it again, unless it has to stop.
    let repeated = phase == Phase::Apply && judged.shared && validation.mode != Mode::Apply;
    match judged.verdict {
        Ok(accepted) => {
            tracing::info!(
                connection = planned.title(),
                endpoint = %accepted.endpoint,
                verdict = "accepted",
                duration_ms = accepted.milliseconds,
                "database login"
            );
            Ok(())
        }
        Err(refusal) => judge(call, planned, config, &validation, phase, &refusal, repeated),
    }
}

fn judge(
    call: &Call<Session>,
    planned: &Connection,
    config: &Connection,
    validation: &Validation,
    phase: Phase,
    refusal: &postgres::Refusal,
    repeated: bool,
) -> Result<(), Diagnostics> {
    let class = refusal.class();
    let verdict = match class {
        postgres::Class::Definite => "refused",
        postgres::Class::Unreachable => "unreachable",
    };
    tracing::info!(
        connection = planned.title(),
        endpoint = %refusal.endpoint,
        verdict,
        reason = refusal.headline(),
        "database login"
    );
    let severity = match (class, validation.mode, phase, validation.unreachable) {
        (postgres::Class::Definite, Mode::Warn, Phase::Plan, _) => Severity::Warning,
        (postgres::Class::Definite, ..) => Severity::Error,
        (postgres::Class::Unreachable, Mode::Warn, Phase::Plan, Unreachable::Error) => Severity::Warning,
        (postgres::Class::Unreachable, _, _, Unreachable::Error) => Severity::Error,
        (postgres::Class::Unreachable, _, _, Unreachable::Warning) => Severity::Warning,
        (postgres::Class::Unreachable, _, _, Unreachable::Ignore) => return Ok(()),
    };
    let what = diagnose::Login {
        connection: planned.title(),
        password_argument: planned.password_argument(),
        password_was_trimmed: planned
            .password
            .known()
            .or_else(|| config.password_wo.known())
            .is_some_and(|password| password.trim() != password),
        in_plan: phase == Phase::Plan,
        would_stop_the_apply: severity == Severity::Warning
            && (class == postgres::Class::Definite || validation.unreachable == Unreachable::Error),
        lowered_from: validation.lowered_from,
    };
    let diagnostic = diagnose::refusal(severity, refusal, &what);
    match severity {
        Severity::Error => Err(diagnostic.into()),
        Severity::Warning if repeated => Ok(()),
        Severity::Warning => {
            call.warn(diagnostic);
            Ok(())
        }
    }
}

fn not_checked(planned: &Connection, reason: &str) -> Result<(), Diagnostics> {
    tracing::info!(connection = planned.title(), verdict = "not checked", reason, "database login");
    Ok(())
}

/// Whom to log in to, and as whom; `None` while a part of it is unknown.
fn target(planned: &Connection, config: &Connection, validation: &Validation) -> Option<postgres::Target> {
    let password = planned.password(config)?;
    let credentials = planned.credentials(password)?;
    let tls = match (credentials.ssl_enabled, credentials.ssl_reject_unauthorized, credentials.ssl_certificate) {
        (false, ..) => postgres::Tls::Off,
        (true, false, _) => postgres::Tls::Unverified,
        (true, true, None) => postgres::Tls::Verified { ca: None },
        (true, true, Some(pem)) => postgres::Tls::Verified { ca: Some(postgres::Certificates::parse(&pem).ok()?) },
    };
    Some(postgres::Target {
        host: credentials.host,
        port: credentials.port,
        database: credentials.database,
        username: credentials.username,
        password: credentials.password,
        tls,
        address: validation.address.clone().map(|address| postgres::Address { host: address.host, port: address.port }),
    })
}

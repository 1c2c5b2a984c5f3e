//! What a login found out about the privileges for rotation, and what it means for the run.

use crate::postgres;
use crate::provider::config::validation::Mode;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::{Diagnostics, Severity};
use crate::terraform::resource::RpcContext;

use crate::provider::resources::postgres_connection::model::ConnectionModel;
use crate::provider::resources::postgres_connection::validation_block::Validation;

/// Why nothing was asked: the database is out of reach.
pub(crate) const GATEWAY: &str = "the KMS connects through a gateway, and `validation.address` does not say where this \
    machine reaches the database";

/// Why nothing was asked: the role has another password by now.
pub(crate) const MANAGED: &str =
    "only the KMS knows the password of the connection's role, so this machine cannot log in as it";

/// Why nothing was asked: there is nothing to log in with.
pub(crate) const NO_PASSWORD: &str = "the configuration gives no password to log in with";

/// Says for each role whether it can be rotated.
///
/// # Errors
/// When one cannot, and the settings call that an error.
pub(super) fn report(
    call: &RpcContext<Session>,
    validation: &Validation,
    accepted: &postgres::Accepted,
    about: messages::LoginContext<'_>,
    repeated: bool,
) -> Result<(), Diagnostics> {
    let rotation = &validation.rotation;
    let facts = match &accepted.facts {
        None => return Ok(()),
        Some(Ok(facts)) => facts,
        Some(Err(unanswered)) => {
            let role = None;
            if !repeated && !rotation.roles.is_empty() {
                let why = unanswered.to_string();
                call.warn(messages::privileges_not_checked(about.connection, role, &rotation.names(), &why));
            }
            return Ok(());
        }
    };
    let lowered = rotation.severity == Severity::Error && validation.mode == Mode::Warn && about.in_plan;
    let severity = if lowered { Severity::Warning } else { rotation.severity };
    let about = messages::LoginContext { would_stop_the_apply: lowered, ..about };
    let mut errors = Diagnostics::new();
    for (asked, verdict) in rotation.roles.iter().zip(facts.rotations()) {
        tracing::info!(
            connection = about.connection,
            role = asked.name,
            verdict = if verdict.obstacles.is_empty() { "should work" } else { "obstacles" },
            "rotation"
        );
        let found = messages::missing_privileges(severity, &verdict, asked.index, facts, accepted, &about);
        match (found, severity) {
            (Some(error), Severity::Error) => errors.push(error),
            (Some(warning), Severity::Warning) if !repeated => call.warn(warning),
            _ => {}
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Says that nothing is known.
pub(super) fn not_checked(call: &RpcContext<Session>, planned: &ConnectionModel, validation: &Validation, why: &str) {
    let roles = validation.rotation.names();
    if !roles.is_empty() {
        let login = planned.username.known().map(|role| role.trim());
        call.warn(messages::privileges_not_checked(planned.title(), login, &roles, why));
    }
}

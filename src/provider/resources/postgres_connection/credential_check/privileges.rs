//! The report of the privileges for rotation that a login has read.

use crate::postgres;
use crate::provider::config::validation::Mode;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::terraform::diagnostic::{Diagnostics, Severity};
use crate::terraform::resource::RpcContext;

use crate::provider::resources::postgres_connection::model::ConnectionModel;
use crate::provider::resources::postgres_connection::validation_block::Validation;

/// The reason for no check: this machine cannot reach the database.
pub(crate) const GATEWAY: &str = "the KMS connects through a gateway, and `validation.address` is not set";

/// The reason for no check: the role has another password.
pub(crate) const MANAGED: &str =
    "only the KMS has the password of the connection's role, so this machine cannot log in as it";

/// The reason for no check: no password is configured.
pub(crate) const NO_PASSWORD: &str = "the configuration gives no password to log in with";

/// Reports for each role whether the KMS can rotate its password.
///
/// # Errors
/// When the KMS cannot rotate the password of a role and `privileges` is `error`.
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
        Some(Err(failed)) => {
            let role = None;
            if !repeated && !rotation.roles.is_empty() {
                let why = failed.to_string();
                call.warn(messages::privileges_not_checked(about.connection, role, &rotation.names(), &why));
            }
            return Ok(());
        }
    };
    let lowered = rotation.severity == Severity::Error && validation.mode == Mode::Warn && about.in_plan;
    let severity = if lowered { Severity::Warning } else { rotation.severity };
    let about = messages::LoginContext { would_stop_the_apply: lowered, ..about };
    let mut errors = Diagnostics::new();
    for (role, rotation) in rotation.roles.iter().zip(facts.rotations()) {
        tracing::info!(
            connection = about.connection,
            role = role.name,
            outcome = if rotation.obstacles.is_empty() { "should work" } else { "obstacles" },
            "rotation"
        );
        let found = messages::missing_privileges(severity, &rotation, role.index, facts, accepted, &about);
        match (found, severity) {
            (Some(error), Severity::Error) => errors.push(error),
            (Some(warning), Severity::Warning) if !repeated => call.warn(warning),
            _ => {}
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Warns that the privileges were not checked.
pub(super) fn not_checked(call: &RpcContext<Session>, planned: &ConnectionModel, validation: &Validation, why: &str) {
    let roles = validation.rotation.names();
    if !roles.is_empty() {
        let login = planned.username.known().map(|role| role.trim());
        call.warn(messages::privileges_not_checked(planned.title(), login, &roles, why));
    }
}

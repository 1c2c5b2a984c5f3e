//! One row for each refusal by the service itself.

use crate::kms::{DatabaseStep, ErrorKind, Issue, ServiceError};
use crate::provider::attribute;
use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::super::detail::Detail;
use super::super::sentence;
use super::{RequestContext, Row, Verb, summary};

/// Names are unique across all kinds of app connections.
pub(super) const OTHER_NAME: &str =
    "Set another `name`: names are unique across all kinds of app connections of a project (or of the organization).";

pub(super) fn row(context: RequestContext<'_>, kind: &ErrorKind, failed: impl Fn(&str) -> Detail) -> Row {
    match kind {
        ErrorKind::Denied { .. } => {
            let scope = context.project.map_or_else(
                || "the organization".to_owned(),
                |project| format!("the project `{}`", shown(project)),
            );
            let detail = failed("the machine identity lacks a permission").next(format!(
                "Give the machine identity a role that may {} app connections in {scope}: in the KMS under Access Control.",
                context.verb.permission()
            ));
            Row::new(summary::DENIED, detail)
        }
        ErrorKind::Invalid { .. } => Row::new(
            summary::INVALID_VALUE,
            failed("the KMS does not accept a value and does not report which")
                .next("The operator of the KMS finds the reason in its log by the request id."),
        ),
        // The message of a create also has the connection that was found.
        ErrorKind::NameTaken { name } => {
            let detail = failed(&format!("a connection with the name `{name}` already exists"));
            let detail = if context.verb == Verb::Create { detail } else { detail.next(OTHER_NAME) };
            Row::new(summary::NAME_EXISTS, detail).at(attribute::NAME)
        }
        ErrorKind::DatabaseRefused { step: DatabaseStep::ChangePassword, .. } => Row::new(
            summary::PASSWORD_NOT_CHANGED,
            failed("the KMS logged in to the database and could not change the password of the role")
                .causes(["The role may not change its own password.", "The database refuses to change it."])
                .next("Check the log of the database, and the connection in the KMS."),
        ),
        // A request with credentials has a message of its own.
        ErrorKind::DatabaseRefused { message, .. } => {
            Row::new(summary::DATABASE_REFUSED, failed(&format!("the database refused the login: {message}")))
        }
        ErrorKind::InUse => Row::new(
            summary::IN_USE,
            failed("other objects of the KMS still use the connection, such as secret rotations or secret syncs").next(
                "Delete those first: destroy them in the same configuration, with a `depends_on`, or delete them in the KMS.",
            ),
        ),
        ErrorKind::PlatformManaged => Row::new(
            summary::MANAGED,
            failed("the credentials of the connection are platform-managed and cannot be changed from outside")
                .next("Leave `host`, `port`, `database`, `username`, the password and the TLS arguments as they are."),
        ),
        ErrorKind::OtherApp => Row::new(
            summary::OTHER_APP,
            failed("the connection with this id or name is one of another app").next("Check the id."),
        ),
        ErrorKind::ConnectionNotFound => Row::new(
            summary::CONNECTION_NOT_FOUND,
            failed("the connection was deleted outside of this configuration")
                .next("Run `terraform apply` again to create it."),
        ),
        ErrorKind::ProjectNotFound => Row::new(
            summary::PROJECT_NOT_FOUND,
            failed("the KMS has no such project").causes([
                "`project_id` is not the UUID of a project.",
                "The machine identity is not a member of the project.",
            ]),
        )
        .at(attribute::PROJECT_ID),
        ErrorKind::GatewayRefused => Row::new(
            summary::GATEWAY_REFUSED,
            failed("the KMS refused the gateway").causes([
                "`gateway_id` is not the UUID of a gateway of the organization.",
                "The machine identity lacks a role that may attach the gateway.",
            ]),
        )
        .at(attribute::GATEWAY_ID),
        _ => Row::new(
            summary::REFUSED,
            failed("the KMS refused the request").next(
                "Correct what the message of the KMS names. If it names nothing, the operator of the KMS finds the reason in its \
                 log by the request id.",
            ),
        ),
    }
}

/// Returns the diagnostic for one field that breaks a rule of the service.
pub(super) fn invalid(context: RequestContext<'_>, issue: &Issue, reply: &ServiceError) -> Diagnostic {
    let names: Vec<&str> = issue.path.iter().map(String::as_str).filter(|part| *part != "credentials").collect();
    let argument = names.first().and_then(|name| argument(name, context));
    let value = match (argument, names.join(".")) {
        (Some(argument), _) => format!("the value of `{argument}`"),
        (None, name) if name.is_empty() => "the request".to_owned(),
        (None, name) => format!("the field `{name}`"),
    };
    let detail = context
        .failed(format!("the KMS does not accept {value}"))
        .fact("Rule", sentence(&issue.message))
        .reply(reply)
        .changed("Nothing was changed in the KMS.");
    let row = Row::new(summary::INVALID_VALUE, detail);
    Row { argument, ..row }.diagnostic()
}

/// Returns the argument of a field of the service.
fn argument(field: &str, context: RequestContext<'_>) -> Option<&'static str> {
    match attribute::of_api_field(field)? {
        attribute::PASSWORD => Some(context.password_argument),
        argument => Some(argument),
    }
}

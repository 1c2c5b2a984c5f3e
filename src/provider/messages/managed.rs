//! Diagnostics about platform-managed credentials: before the transfer of the password, after a lost response, while the KMS
//! manages it, and when the connection is replaced or destroyed.

use crate::kms::{AppConnection, Client, ErrorKind, Lookup};
use crate::postgres::{OwnPassword, Refusal, RunAs, Statement, quoted};
use crate::provider::attribute;
use crate::provider::connections::managed_registry::ManagedRole;
use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::kms::summary::NAME_EXISTS;
use super::kms::{import_block, outcome};
use super::login_refused::statements_to_run;
use super::postgres::{explain, facts};
use super::summary::{MANAGED_IS_FIXED, NAME_NOT_CHECKED, NOT_MANAGEABLE};
use super::{DESTROY, NOTHING_SENT, capitalized, sentence};

const FLAG: &str = attribute::IS_PLATFORM_MANAGED_CREDENTIALS;

/// Returns the paragraph with the statement that gives a role the configured password.
fn set_password(role: &str) -> String {
    statements_to_run(&[Statement::set_password(role)])
}

/// Returns the diagnostic for something that prevents the transfer of a password, as the catalogs show it.
pub(crate) fn own_password(title: &str, role: &str, found: &OwnPassword) -> Diagnostic {
    let (title, name) = (shown(title), shown(role));
    let (summary, what, next) = match found {
        OwnPassword::AnotherName { role: real } => (
            "role has another name",
            format!("the server's name of the role `{name}` is `{}`, and the KMS would change `{name}`", shown(real)),
            "Connect to the server itself instead of a pooler or proxy that changes role names.".to_owned(),
        ),
        OwnPassword::Replication => (
            "role has REPLICATION",
            format!("before PostgreSQL 16, only superusers may change the role `{name}`, which has REPLICATION"),
            statements_to_run(&[Statement::new(
                RunAs::Superuser,
                format!("ALTER ROLE {} NOREPLICATION;", quoted(role)),
            )]),
        ),
        OwnPassword::ReadOnly { standby: true } => (
            "server is a standby",
            "the server is a read-only standby".to_owned(),
            "Set `host` to the primary (the writer endpoint).".to_owned(),
        ),
        OwnPassword::ReadOnly { standby: false } => (
            "sessions are read-only",
            format!("sessions of the role `{name}` are read-only"),
            "Check `default_transaction_read_only` of the role, the database and the server.".to_owned(),
        ),
        OwnPassword::PasswordCommandsRestricted => (
            "rds_password required",
            format!("only members of `rds_password` may change passwords here, and `{name}` is not a member"),
            statements_to_run(&[Statement::new(RunAs::MasterUser, format!("GRANT rds_password TO {};", quoted(role)))]),
        ),
        OwnPassword::Expires { when } => {
            let statement = Statement::new(
                RunAs::RoleAdministrator,
                format!("ALTER ROLE {} VALID UNTIL 'infinity';", quoted(role)),
            );
            return Diagnostic::warning(
                format!("Platform-managed role expires: {title}"),
                format!(
                    "The role `{name}` may log in until {when} (`VALID UNTIL`). A new password does not change that: the KMS \
                     cannot log in afterwards.\n\n{}",
                    statements_to_run(&[statement])
                ),
            )
            .at(attribute::USERNAME);
        }
    };
    Diagnostic::error(
        format!("{NOT_MANAGEABLE}: {summary}"),
        format!(
            "{}. The KMS could not change the password.\nConnection: `{title}`\n{NOTHING_SENT}\n\n{next}\n\n{DESTROY}",
            capitalized(&what)
        ),
    )
    .at(attribute::USERNAME)
}

/// Returns the warning about a transfer of a password. `others` use the same role; an error is why they are not known.
pub(crate) fn password_transfer(
    title: &str,
    role: Option<&ManagedRole>,
    others: &Result<Vec<String>, String>,
) -> Diagnostic {
    let (mut lines, name) = match role {
        Some(role) => (role_lines(role), format!("the role `{}`", shown(&role.name))),
        None => (Vec::new(), "the role".to_owned()),
    };
    lines.push(match others {
        Ok(names) if names.is_empty() => "No other connection of this scope uses the role.".to_owned(),
        Ok(names) => format!(
            "Other connections of this scope whose passwords stop working: {}",
            names.iter().map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ")
        ),
        Err(reason) => {
            format!("The provider could not check whether other connections use the role: {}", sentence(reason))
        }
    });
    Diagnostic::warning(
        format!("The KMS will change the password: {}", shown(title)),
        format!(
            "With `{FLAG} = true`, the apply makes the KMS give {name} a new password, which only the KMS knows. Every other \
             client that uses the configured password can no longer log in.\n{}\n\nThis cannot be undone: afterwards the KMS \
             accepts no other credentials for this connection, and destroying it leaves the role with the unknown password.",
            lines.join("\n")
        ),
    )
    .at(FLAG)
}

fn role_lines(role: &ManagedRole) -> Vec<String> {
    vec![format!("Server: `{}`", role.endpoint()), format!("Role: `{}`", shown(&role.name))]
}

/// Returns the error for a role whose password the KMS manages through another connection.
pub(crate) fn managed_by_another(title: &str, role: &ManagedRole, other: &AppConnection, reason: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{NOT_MANAGEABLE}: role already managed"),
        format!(
            "The KMS already manages the password of this role through another connection, which would stop working.\n\
             Connection: `{}`\nOther connection: `{}` ({})\n{}\nLogin with the configured password: {}\n{NOTHING_SENT}\n\nUse \
             the other connection, or another role. To replace the other connection by this one, give the role the configured \
             password and run again.\n{}\n\n{DESTROY}",
            shown(title),
            shown(&other.name),
            shown(&other.id),
            role_lines(role).join("\n"),
            sentence(reason),
            set_password(&role.name)
        ),
    )
    .at(FLAG)
}

/// Returns the error for a connection of this name that manages this role: most likely one of a run that was killed.
pub(crate) fn exists_managed(title: &str, role: &ManagedRole, id: &str, reason: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Connection already exists in the KMS: {}", shown(title)),
        format!(
            "The KMS already has this connection and manages the password of its role. Either an earlier run was interrupted \
             after it created the connection, or another configuration manages it.\n{}\nLogin with the configured password: \
             {}\n{NOTHING_SENT}\n\nUnless another configuration manages it, import it, and remove this block after the \
             apply:\n\n{}\n\n{DESTROY}",
            role_lines(role).join("\n"),
            sentence(reason),
            import_block(id)
        ),
    )
    .at(attribute::NAME)
}

/// Returns the error for a role whose name the KMS does not quote correctly.
pub(crate) fn cannot_be_quoted(role: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{NOT_MANAGEABLE}: role name"),
        format!(
            "The name of the role contains a `.` or a `?`. The KMS quotes such a name wrongly in the statement that changes the \
             password, so the change would fail.\nRole: `{}`\n{NOTHING_SENT}\n\nRename the role (`ALTER ROLE … RENAME TO …`), \
             use another role, or remove `{FLAG}`.\n\n{DESTROY}",
            shown(role)
        ),
    )
    .at(attribute::USERNAME)
}

/// Returns the error for a change of an argument that can no longer be changed. `was` is its value, where it can be shown.
pub(crate) fn cannot_change(title: &str, role: &str, argument: &str, was: Option<&str>) -> Diagnostic {
    let undo = match was {
        Some(was) => format!("Undo the change: `{argument} = {was}`."),
        None => format!("Undo the change of `{argument}`."),
    };
    Diagnostic::error(
        format!("{MANAGED_IS_FIXED}: {argument}"),
        format!(
            "The KMS manages the credentials of this connection and accepts no change of `{argument}`.\nConnection: \
             `{}`\nRole: `{}`\n{NOTHING_SENT}\n\n{undo} Or start again:\n{}",
            shown(title),
            shown(role),
            start_again(role)
        ),
    )
    .at(argument)
}

/// Returns the error for a configuration that turns off platform-managed credentials.
pub(crate) fn cannot_be_turned_off(title: &str, role: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{MANAGED_IS_FIXED}: not reversible"),
        format!(
            "The KMS manages the credentials of this connection: only the KMS knows the password, and does not return \
             it.\nConnection: `{}`\nRole: `{}`\n{NOTHING_SENT}\n\nRemove the line `{FLAG} = false`, or set it to `true`. Or \
             start again:\n{}",
            shown(title),
            shown(role),
            start_again(role)
        ),
    )
    .at(FLAG)
}

fn start_again(role: &str) -> String {
    format!(
        "  1. Destroy this connection alone: `terraform destroy -refresh=false -target=<its address>`.\n  2. Give the role a \
         new password.\n  3. Configure that password, and apply.\n{}\n\nTo keep the connection in the KMS and remove it from \
         the state, replace the resource by a `removed` block with `destroy = false`. {DESTROY}",
        set_password(role)
    )
}

/// Returns the warning that a user turned on platform-managed credentials in the KMS.
pub(crate) fn turned_on_outside(title: &str, role: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Platform-managed credentials turned on outside Terraform: {}", shown(title)),
        format!(
            "Only the KMS knows the password of the role now, and the configured password no longer works.\nRole: `{}`\nThis run \
             changes and sends nothing for it.\n\nSet `{FLAG} = true`, or leave it out; you can remove the password \
             arguments.",
            shown(role)
        ),
    )
}

/// The replacement of a platform-managed connection.
pub(crate) struct Replacement<'a> {
    /// The connection's name.
    pub(crate) title: &'a str,
    /// The name of the connection that it replaces.
    pub(crate) old: &'a str,
    /// Of the new connection.
    pub(crate) role: &'a str,
    /// The argument that gives the password.
    pub(crate) password_argument: &'static str,
    /// Whether this run has destroyed the old connection already: a core plans once more in its apply.
    pub(crate) is_destroyed: bool,
}

/// Returns the error for a replacement whose new connection could not be created.
pub(crate) fn replacement_refused(replacement: &Replacement<'_>, reason: &str) -> Diagnostic {
    let Replacement { title, old, role, password_argument, is_destroyed } = replacement;
    let (effect, keep, old_connection) = if *is_destroyed {
        ("The new connection was not sent to the KMS. This run has destroyed the old one already.".to_owned(), "", "")
    } else {
        (
            format!("{NOTHING_SENT} The old connection still exists."),
            "\nTo keep the connection: `terraform untaint <its address>` if it is tainted; else remove `-replace`, or undo the \
             change that replaces it.\nTo keep it in the KMS and remove it from the state: replace the resource by a `removed` \
             block with `destroy = false`.",
            " The KMS can then no longer log in through the old connection.",
        )
    };
    Diagnostic::error(
        format!("Platform-managed connection cannot be replaced: {}", shown(title)),
        format!(
            "Only the KMS knows the password of the role, and the new connection needs a password that works. The login with \
             the configured one failed.\nOld connection: `{}`\n{}\n{effect}\n\nTo replace it: give the role the configured \
             password and run again.{old_connection}\n{}{keep}\n{DESTROY}",
            shown(old),
            sentence(&capitalized(reason)),
            set_password(role)
        ),
    )
    .at(*password_argument)
}

/// Returns the warning about a new connection that uses the role of a platform-managed one.
pub(crate) fn shares_managed_role(title: &str, role: &ManagedRole, other: &AppConnection) -> Diagnostic {
    let name = shown(&other.name);
    Diagnostic::warning(
        format!("Role is platform-managed through another connection: {}", shown(title)),
        format!(
            "Another connection uses the same role, and the KMS gave the role a password that only the KMS knows.\nOther \
             connection: `{name}` ({})\n{}\n\nThe password of this configuration works only if the role was given it since; then \
             `{name}` can no longer log in. Use that connection, or another role.",
            shown(&other.id),
            role_lines(role).join("\n"),
        ),
    )
    .at(attribute::USERNAME)
}

/// Returns the facts of a failed login.
pub(crate) fn why(refusal: &Refusal) -> String {
    let sentence = sentence(&explain(refusal).sentence);
    [sentence].into_iter().chain(facts(refusal)).collect::<Vec<_>>().join("\n")
}

/// Returns the warning about the role of a connection that is destroyed.
pub(crate) fn destroyed(title: &str, role: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Role keeps an unknown password: {}", shown(title)),
        format!(
            "The KMS manages the credentials of this connection. Destroying it does not change the database: the role keeps the \
             password that only the KMS knew.\nRole: `{}`\n\nTo log in with the role again, give it a new password.\n{}",
            shown(role),
            set_password(role)
        ),
    )
}

/// Returns the error for a name that is taken, or that could not be checked, before the role was changed.
pub(crate) fn name_not_free(name: &str, found: &Lookup, client: &Client) -> Diagnostic {
    let name = shown(name);
    let unchanged = "Nothing was created, and the password of the role was not changed.";
    match found {
        Lookup::Failed(error) if !matches!(error.kind, ErrorKind::OtherApp) => Diagnostic::error(
            NAME_NOT_CHECKED,
            format!(
                "The provider creates a platform-managed connection only under a name that is free: the KMS changes the \
                 password of the role for good.\nConnection: `{name}`\nKMS: `{}`\nError: {}\n{unchanged}\n\nRun `terraform \
                 apply` again.",
                client.host(),
                sentence(&error.to_string())
            ),
        ),
        _ => Diagnostic::error(
            NAME_EXISTS,
            format!(
                "The scope already has an app connection of this name.\nConnection: `{name}`\n{unchanged}\n\n{}",
                outcome(true, &name, found)
            ),
        )
        .at(attribute::NAME),
    }
}

/// The state of a role after a failed request, as a login found it.
pub(crate) enum RoleState {
    /// The configured password works.
    Untouched,
    /// The server rejects the configured password.
    Changed(String),
    /// No login was made, or it shows nothing about the password.
    Unknown(String),
}

/// Returns the paragraph about the role after a failed request.
pub(crate) fn role_state(role: &str, state: &RoleState) -> String {
    let name = shown(role);
    match state {
        RoleState::Untouched => format!(
            "Role: `{name}` still accepts the configured password, so the KMS has not changed it. It is safe to apply again."
        ),
        RoleState::Changed(message) => format!(
            "Role: `{name}` no longer accepts the configured password, so the KMS has changed it.\n{}\nIf the KMS has a \
             connection of this name, import it: nothing else is needed. If it has none, the password is lost: give the role \
             the configured password again, and apply again.\n{}",
            sentence(&capitalized(message)),
            set_password(role)
        ),
        RoleState::Unknown(reason) => format!(
            "Role: the provider could not check whether the KMS has changed the password of `{name}`.\nReason: {}\nLog in with \
             the role and the configured password. If that works, nothing was changed. If not, and the KMS has no connection of \
             this name, give the role the configured password again.\n{}",
            sentence(reason),
            set_password(role)
        ),
    }
}

//! What a person reads about platform-managed credentials: what is about to happen, what cannot be done, and ways out.

use crate::kms::{AppConnection, Client, ErrorKind, Lookup};
use crate::postgres::{OwnPassword, Refusal};
use crate::provider::connections::managed_registry::ManagedRole;
use crate::terraform::diagnostic::Diagnostic;
use crate::text::shown;

use super::kms::{import_block, outcome};
use super::postgres::{explain, facts};
use super::{DESTROY, NOTHING_SENT, sentence};

const FLAG: &str = "is_platform_managed_credentials";

const WHO: &str = "a superuser, or as a role that may administer this role";

/// The statement that gives a role a password. The password itself is for the person to fill in.
fn set_password(role: &str) -> String {
    format!("ALTER ROLE \"{}\" PASSWORD '…';", shown(role).replace('"', "\"\""))
}

/// What the catalogs say against a hand-over of this role.
pub(crate) fn own_password(title: &str, role: &str, found: &OwnPassword) -> Diagnostic {
    let (title, role) = (shown(title), shown(role));
    let (what, next) = match found {
        OwnPassword::AnotherName { role: real } => (
            format!(
                "the server knows the role `{role}` as `{real}`, and the KMS would change the password of `{role}`"
            ),
            "Connect to the server itself instead of a pooler or proxy that changes names.".to_owned(),
        ),
        OwnPassword::Replication => (
            format!("the role `{role}` has REPLICATION, and before PostgreSQL 16 only superusers change such roles"),
            format!("Run as a superuser:\n  ALTER ROLE \"{}\" NOREPLICATION;", role.replace('"', "\"\"")),
        ),
        OwnPassword::ReadOnly { standby: true } => (
            "this server is a standby, where nothing can be changed".to_owned(),
            "Set `host` to the primary (the writer endpoint).".to_owned(),
        ),
        OwnPassword::ReadOnly { standby: false } => (
            format!("sessions of the role `{role}` are read-only here, so its password cannot be changed"),
            "Look for `default_transaction_read_only` of the role, the database and the server.".to_owned(),
        ),
        OwnPassword::PasswordCommandsRestricted => (
            format!("this server lets only members of `rds_password` change passwords, and `{role}` is none"),
            format!("Run as the administrator:\n  GRANT rds_password TO \"{}\";", role.replace('"', "\"\"")),
        ),
        OwnPassword::Expires { when } => {
            return Diagnostic::warning(
                format!("The role of {title} expires"),
                format!(
                    "The role `{role}` may log in until {when} (`VALID UNTIL`). A new password does not change that: from then on \
                     the KMS is locked out.\n\nRun as {WHO}:\n  ALTER ROLE \"{}\" VALID UNTIL 'infinity';",
                    role.replace('"', "\"\"")
                ),
            )
            .at("username");
        }
    };
    Diagnostic::error(
        "The KMS could not change the password of this role",
        format!("{title} is to be handed over, but {what}.\n{NOTHING_SENT}\n\n{next}\n\n{DESTROY}"),
    )
    .at("username")
}

/// The password of a role is handed over to the service. `others` use the same role; an error is why they are unknown.
pub(crate) fn handed_over(title: &str, role: Option<&ManagedRole>, others: &Result<Vec<String>, String>) -> Diagnostic {
    let title = shown(title);
    let (named, place) = role.map_or_else(
        || ("its role".to_owned(), String::new()),
        |role| (format!("the role `{}`", shown(&role.name)), format!(" at `{}`", role.endpoint())),
    );
    let affected = match others {
        Ok(names) if names.is_empty() => "No other connection of this scope uses that role.".to_owned(),
        Ok(names) => format!(
            "Other connections of this scope use the same role, and the passwords stored in them do not work any more from then \
             on: {}.",
            names.iter().map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ")
        ),
        Err(reason) => {
            format!("Whether other connections use that role could not be found out: {}", sentence(reason))
        }
    };
    Diagnostic::warning(
        format!("The KMS takes over the password of {title}"),
        format!(
            "With `{FLAG} = true` the apply makes the KMS give {named}{place} a new password at once. Nobody else ever learns it: \
             whatever else logs in as that role, with the configured password, is locked out. {affected}\n\nThere is no way \
             back: the KMS accepts no other credentials for this connection afterwards, and destroying it leaves the role with \
             the unknown password."
        ),
    )
    .at(FLAG)
}

/// The password of the role belongs to another connection already.
pub(crate) fn managed_by_another(title: &str, role: &ManagedRole, other: &AppConnection, reason: &str) -> Diagnostic {
    let title = shown(title);
    Diagnostic::error(
        "The KMS manages the password of this role already",
        format!(
            "`{title}` cannot take over the password of the role `{}` at `{}`: the connection `{}` ({}) has done so, and would \
             stop working. The login with the configured password did not succeed, as is to be expected then: {}\n{NOTHING_SENT}\n\n\
             Use that connection, or give this one a role of its own. If this one is to replace it, give the role the configured \
             password, and run this again; run as {WHO}:\n  {}\n\n{DESTROY}",
            shown(&role.name),
            role.endpoint(),
            shown(&other.name),
            shown(&other.id),
            sentence(reason),
            set_password(&role.name)
        ),
    )
    .at(FLAG)
}

/// A connection of this name has taken over the password of this role: made, most likely, by a run that was killed.
pub(crate) fn exists_managed(title: &str, role: &ManagedRole, id: &str, reason: &str) -> Diagnostic {
    let title = shown(title);
    Diagnostic::error(
        "The KMS has this connection already",
        format!(
            "`{title}` is to be created, but the KMS has it, and manages the password of the role `{}` at `{}` through it. Either \
             an earlier run made it and was interrupted before it could note that in the state, or another configuration has it. \
             The login with the configured password did not succeed, as is to be expected then: {}\n{NOTHING_SENT}\n\nNothing is \
             lost. Unless another configuration has it, manage that connection here, and remove this block after the \
             apply:\n\n{}\n\n{DESTROY}",
            shown(&role.name),
            role.endpoint(),
            sentence(reason),
            import_block(id)
        ),
    )
    .at("name")
}

/// The service builds a statement with the name, and makes a wrong one of this.
pub(crate) fn cannot_be_quoted(role: &str) -> Diagnostic {
    let role = shown(role);
    Diagnostic::error(
        "The KMS cannot take over the password of this role",
        format!(
            "The name of the role, `{role}`, contains a `.` or a `?`. The KMS quotes such names wrongly in the statement that \
             changes the password, so the change would fail. {NOTHING_SENT} Rename the role (`ALTER ROLE … RENAME TO …`), use \
             another one, or leave `{FLAG}` out.\n\n{DESTROY}"
        ),
    )
    .at("username")
}

/// An argument that cannot be changed any more. `was` is the value to put back, where it can be shown.
pub(crate) fn cannot_change(title: &str, role: &str, argument: &str, was: Option<&str>) -> Diagnostic {
    let (title, role) = (shown(title), shown(role));
    let back = match was {
        Some(was) => format!("put it back: `{argument} = {was}`"),
        None => format!("take the change of `{argument}` back"),
    };
    Diagnostic::error(
        "Platform-managed credentials cannot be changed",
        format!(
            "The KMS manages the credentials of `{title}`: only it knows the password of `{role}`, and it accepts no change of \
             `{argument}`. {NOTHING_SENT}\n\nEither {back}. {}",
            start_anew(&role)
        ),
    )
    .at(argument)
}

/// There is no way back.
pub(crate) fn cannot_be_turned_off(title: &str, role: &str) -> Diagnostic {
    let (title, role) = (shown(title), shown(role));
    Diagnostic::error(
        "Platform-managed credentials cannot be turned off",
        format!(
            "The KMS manages the credentials of `{title}`: only it knows the password of `{role}`, and it does not give it back. \
             {NOTHING_SENT}\n\nEither remove the line `{FLAG} = false`, or set it to `true`. {}",
            start_anew(&role)
        ),
    )
    .at(FLAG)
}

fn start_anew(role: &str) -> String {
    format!(
        "Or start anew:\n  1. Destroy this connection alone: `terraform destroy -refresh=false -target=<its address>`.\n  2. Give \
         the role a password that you know; run as {WHO}:\n       {}\n  3. Configure that password, and apply.\n\nTo leave \
         the connection in the KMS and forget it here, put a `removed` block with `destroy = false` in the place of the \
         resource.\n\n{DESTROY}",
        set_password(role)
    )
}

/// Somebody has turned it on in the KMS.
pub(crate) fn turned_on_outside(title: &str, role: &str) -> Diagnostic {
    let (title, role) = (shown(title), shown(role));
    Diagnostic::warning(
        format!("The KMS manages the credentials of {title} now"),
        format!(
            "Somebody turned on platform-managed credentials outside of this configuration: only the KMS knows the password of \
             `{role}` now, and the configured one is dead. Nothing is planned for that, and nothing is sent. Set `{FLAG} = \
             true`, or leave it out; the password arguments can be removed."
        ),
    )
}

/// Who asks for a verdict on the credentials of a replacement.
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

/// A managed connection is to be replaced, and the new one would not come about.
pub(crate) fn replacement_refused(replacement: &Replacement<'_>, reason: &str) -> Diagnostic {
    let Replacement { title, old, role, password_argument, is_destroyed } = replacement;
    let (title, old) = (shown(title), shown(old));
    let so_far = if *is_destroyed {
        "The new connection was not sent to the KMS. This run has destroyed the old one already.".to_owned()
    } else {
        format!("{NOTHING_SENT} The old connection is still there.")
    };
    let keep = if !is_destroyed {
        "\n  - To keep the connection: `terraform untaint <its address>` if it is tainted; else leave `-replace` out, or take back \
         the change that replaces it.\n  - To leave it in the KMS and forget it here: put a `removed` block with `destroy = \
         false` in the place of the resource."
    } else {
        ""
    };
    let through_the_old =
        if *is_destroyed { "" } else { "\n    From then on the KMS cannot log in through the old connection." };
    Diagnostic::error(
        "A platform-managed connection cannot be replaced like this",
        format!(
            "`{title}` replaces `{old}`, whose role has a password that only the KMS knows (platform-managed credentials). The \
             new connection needs a password that works, and the login with the configured one did not succeed.\n{}\n{so_far}\n\n\
             Ways out:\n  - To replace it: give the role the password of the configuration, and run this again. Run as \
             {WHO}:\n      {}{through_the_old}{keep}\n\n{DESTROY}",
            sentence(reason),
            set_password(role)
        ),
    )
    .at(*password_argument)
}

/// A new connection uses the role of one that the KMS manages.
pub(crate) fn shares_managed_role(title: &str, role: &ManagedRole, other: &AppConnection) -> Diagnostic {
    let (title, name) = (shown(title), shown(&other.name));
    Diagnostic::warning(
        format!("{title} uses the role of a managed connection"),
        format!(
            "The KMS manages the credentials of the connection `{}` ({}), which uses the same role: the KMS gave the role a \
             password that only it knows.\nRole: `{}`\nServer: `{}`\n\nThe password of this configuration works only if the role \
             was given it since, and then `{}` cannot log in any more. Use that connection, or give this one a role of its own.",
            name,
            shown(&other.id),
            shown(&role.name),
            role.endpoint(),
            name
        ),
    )
    .at("username")
}

/// Why a login says no, in the fewest words.
pub(crate) fn why(refusal: &Refusal) -> String {
    let mut lines = vec![sentence(&explain(refusal).headline)];
    lines.extend(facts(refusal));
    lines.join("\n")
}

/// What stays behind in the database.
pub(crate) fn destroyed(title: &str, role: &str) -> Diagnostic {
    let (title, role) = (shown(title), shown(role));
    Diagnostic::warning(
        format!("The role of {title} keeps a password that nobody knows"),
        format!(
            "The KMS manages the credentials of this connection, and destroying it does not touch the database: the role \
             `{role}` keeps the password that only the KMS knew. To log in as that role again, give it a new one; run as \
             {WHO}:\n  {}",
            set_password(&role)
        ),
    )
}

/// The name is not free, or nobody can tell. Found before the role was touched.
pub(crate) fn name_not_free(name: &str, found: &Lookup, client: &Client) -> Diagnostic {
    let name = shown(name);
    let untouched = "Nothing was created, and the password of the role is as it was.";
    match found {
        Lookup::Failed(error) if !matches!(error.kind, ErrorKind::OtherApp) => Diagnostic::error(
            "Whether the name is free could not be found out",
            format!(
                "`{name}` was not created: the KMS at `{}` would change the password of the role for good, which is only asked of \
                 it once its name is known to be free. {} {untouched} Try again.",
                client.host(),
                sentence(&error.to_string())
            ),
        ),
        _ => Diagnostic::error(
            "Connection name already exists",
            format!(
                "`{name}` could not be created: the scope has an app connection of that name. {untouched}\n\n{}",
                outcome(true, &name, found)
            ),
        )
        .at("name"),
    }
}

/// What a login found out about a role after a request whose outcome is not known.
pub(crate) enum RoleState {
    /// The configured password works.
    Untouched,
    /// The server does not take it any more.
    Changed(String),
    /// No login was made, or it says nothing about the password.
    Unknown(String),
}

/// What became of the role, as a paragraph for the error.
pub(crate) fn fate(role: &str, fate: &RoleState) -> String {
    let role = shown(role);
    match fate {
        RoleState::Untouched => format!(
            "The role `{role}` still takes the configured password: the KMS has not changed it. It is safe to apply again."
        ),
        RoleState::Changed(said) => format!(
            "The role `{role}` does not take the configured password any more, so the KMS has changed it: {}\nIf the KMS has a \
             connection of this name, import it; nothing else has to be done. If it has none, nobody knows the password: give \
             the role the configured one again, and apply again. Run as {WHO}:\n  {}",
            sentence(said),
            set_password(&role)
        ),
        RoleState::Unknown(reason) => format!(
            "Whether the KMS has changed the password of the role `{role}` could not be found out: {} Log in as that role with \
             the configured password. If that works, nothing was changed. If not, and the KMS has no connection of this name, \
             give the role the configured password again. Run as {WHO}:\n  {}",
            sentence(reason),
            set_password(&role)
        ),
    }
}

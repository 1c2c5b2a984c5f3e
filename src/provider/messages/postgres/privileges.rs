//! The texts about obstacles to the rotation of a role.

use crate::postgres::{CatalogRole, Facts, Obstacle, RotationCheck};
use crate::text::shown;

/// Returns one sentence that explains the first obstacle on its own; `None` without one.
pub(crate) fn sentence(check: &RotationCheck, facts: &Facts) -> Option<String> {
    let first = check.obstacles.first()?;
    let (login, role) = (&facts.session.role, shown(&check.role.name));
    let why = reason(first, facts, &check.role);
    Some(if first.comes_afterwards() {
        format!("a rotation ends with a login as role `{role}`, which fails: {why}")
    } else {
        format!("role `{login}` cannot change the password of role `{role}`: {why}")
    })
}

/// Returns the other obstacles.
pub(crate) fn other_reasons(check: &RotationCheck, facts: &Facts) -> Vec<String> {
    check.obstacles.iter().skip(1).map(|obstacle| reason(obstacle, facts, &check.role)).collect()
}

/// Returns the remedies that are not a statement.
pub(crate) fn remedies(check: &RotationCheck) -> Vec<&'static str> {
    check.obstacles.iter().filter_map(remedy).collect()
}

fn reason(obstacle: &Obstacle, facts: &Facts, target: &CatalogRole) -> String {
    let (login, role, database) = (&facts.session.role, shown(&target.name), &facts.database);
    match obstacle {
        Obstacle::Missing => format!("role `{role}` does not exist"),
        Obstacle::Reserved => "roles whose names begin with `pg_` are reserved for PostgreSQL".to_owned(),
        Obstacle::Superuser { bootstrap: false } => format!("`{role}` is a superuser, and `{login}` is not"),
        Obstacle::Superuser { bootstrap: true } => {
            format!("`{role}` is the bootstrap superuser of the server, and `{login}` is not a superuser")
        }
        Obstacle::Replication => {
            format!("`{role}` has REPLICATION, and before PostgreSQL 16 only superusers may change such a role")
        }
        Obstacle::NoCreateRole => format!("`{login}` lacks CREATEROLE, which is not inherited from a group"),
        Obstacle::NoAdmin => format!("`{login}` lacks ADMIN OPTION on `{role}`, which PostgreSQL 16 and later require"),
        Obstacle::PasswordCommandsRestricted => {
            format!("`rds.restrict_password_commands` is on, and `{login}` is not a member of `rds_password`")
        }
        Obstacle::ReadOnly { standby: true } => "the server is a read-only standby".to_owned(),
        Obstacle::ReadOnly { standby: false } => {
            format!("sessions of `{login}` are read-only (`default_transaction_read_only`)")
        }
        Obstacle::NoLogin => format!("`{role}` has NOLOGIN"),
        Obstacle::Expired => format!("`{role}` has expired (VALID UNTIL)"),
        Obstacle::NoConnect => format!("`{role}` has no CONNECT privilege on database `{database}`"),
        Obstacle::NoConnections => format!("`{role}` has a CONNECTION LIMIT of 0"),
    }
}

fn remedy(obstacle: &Obstacle) -> Option<&'static str> {
    match obstacle {
        Obstacle::Reserved => Some("Use a role of your own: no statement makes this one changeable."),
        Obstacle::Superuser { bootstrap: true } => Some("Rotate another role: this one always stays a superuser."),
        Obstacle::Superuser { bootstrap: false } => {
            Some("Rotate a role that is not a superuser, or remove SUPERUSER from this one.")
        }
        Obstacle::ReadOnly { standby: true } => Some("Set `host` to the primary."),
        _ => None,
    }
}

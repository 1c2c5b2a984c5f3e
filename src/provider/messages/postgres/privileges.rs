//! The words for what prevents the rotation of a role.

use crate::postgres::{CatalogRole, Facts, Obstacle, RotationCheck};
use crate::text::shown;

impl RotationCheck {
    /// One sentence that tells the case on its own; `None` when nothing is in the way.
    pub fn headline(&self, facts: &Facts) -> Option<String> {
        let first = self.obstacles.first()?;
        let (login, role) = (&facts.session.role, shown(&self.role.name));
        let why = first.because(facts, &self.role);
        Some(if first.comes_afterwards() {
            format!("a rotation logs in as role `{role}` at the end, which fails: {why}")
        } else {
            format!("role `{login}` cannot change the password of role `{role}`: {why}")
        })
    }

    /// The other obstacles, a sentence each.
    pub fn besides(&self, facts: &Facts) -> Vec<String> {
        self.obstacles.iter().skip(1).map(|obstacle| obstacle.because(facts, &self.role)).collect()
    }

    /// What to do that no statement can.
    pub fn advice(&self) -> Vec<&'static str> {
        self.obstacles.iter().filter_map(Obstacle::advice).collect()
    }
}

impl Obstacle {
    fn because(&self, facts: &Facts, target: &CatalogRole) -> String {
        let (login, role, database) = (&facts.session.role, shown(&target.name), &facts.database);
        match self {
            Self::Missing => format!("there is no role `{role}`"),
            Self::Reserved => "names that begin with `pg_` belong to PostgreSQL itself".to_owned(),
            Self::Superuser { bootstrap: false } => format!("`{role}` is a superuser, and `{login}` is none"),
            Self::Superuser { bootstrap: true } => {
                format!("`{role}` is the superuser that the server was made with, and `{login}` is none")
            }
            Self::Replication => {
                format!("`{role}` has REPLICATION, and before PostgreSQL 16 only superusers change such roles")
            }
            Self::NoCreateRole => format!("`{login}` lacks CREATEROLE, which no group can lend it"),
            Self::NoAdmin => {
                format!("`{login}` lacks ADMIN OPTION on `{role}`, which PostgreSQL 16 and later ask for")
            }
            Self::PasswordCommandsRestricted => format!(
                "the server has `rds.restrict_password_commands` on, and `{login}` is no member of `rds_password`"
            ),
            Self::ReadOnly { standby: true } => "the server is a standby, where nothing can be changed".to_owned(),
            Self::ReadOnly { standby: false } => {
                format!("sessions of `{login}` are read-only (`default_transaction_read_only`)")
            }
            Self::NoLogin => format!("`{role}` is NOLOGIN"),
            Self::Expired => format!("`{role}` has expired (VALID UNTIL)"),
            Self::NoConnect => format!("`{role}` may not connect to database `{database}`"),
            Self::NoConnections => format!("`{role}` has a CONNECTION LIMIT of 0"),
        }
    }

    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Reserved => Some("Name a role of your own; no statement makes this one changeable."),
            Self::Superuser { bootstrap: true } => {
                Some("Rotate a role that is no superuser instead; this one cannot cease to be one.")
            }
            Self::Superuser { bootstrap: false } => {
                Some("Better rotate a role that is no superuser; or take that away from this one.")
            }
            Self::ReadOnly { standby: true } => Some("Use the primary's name as `host`."),
            _ => None,
        }
    }
}

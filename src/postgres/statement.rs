//! SQL statements that remove the cause of a failed login or rotation, and the role that may run them.

use crate::text::shown;

/// A statement for a user to run. It never contains a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement, identifiers quoted.
    pub sql: String,
    /// The role that may run it.
    pub run_as: RunAs,
}

/// The role that may run a statement. A superuser may run each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// A superuser alone.
    Superuser,
    /// A role with CREATEROLE.
    CreateRole,
    /// A role with CREATEROLE and, from PostgreSQL 16 on, ADMIN OPTION on the role that the statement changes.
    RoleAdministrator,
    /// A role with ADMIN OPTION on the role that is granted or revoked.
    AdminOfGrantedRole,
    /// The owner of the database.
    DatabaseOwner,
    /// A role with CREATEDB that is a member of the new owner.
    CreateDatabase,
    /// The master user of an Amazon RDS instance.
    MasterUser,
}

impl Statement {
    /// Returns the statement `sql`, which `run_as` may run.
    pub fn new(run_as: RunAs, sql: String) -> Self {
        Self { sql, run_as }
    }

    /// Returns the statement that gives a role a password and the right to log in. The user fills in the password.
    pub fn set_password(role: &str) -> Self {
        Self::new(RunAs::RoleAdministrator, format!("ALTER ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)))
    }
}

/// The longest identifier that PostgreSQL stores, in bytes (`NAMEDATALEN - 1`). It truncates longer ones.
pub const MAX_IDENTIFIER_LENGTH: usize = 63;

/// Returns an identifier as SQL quotes it, for a message: characters that cannot be shown are escaped.
pub fn quoted(identifier: &str) -> String {
    format!("\"{}\"", shown(identifier).replace('"', "\"\""))
}

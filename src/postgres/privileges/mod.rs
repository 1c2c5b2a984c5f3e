//! Whether the login role may change the password of another role, by PostgreSQL's rules from the catalogs. Nothing is
//! tried.
//!
//! | file | concept |
//! |---|---|
//! | `query` | the SQL query, and its result as facts |
//! | `facts` | the contents of the catalogs |
//! | `rules` | what follows for a rotation: pure, for PostgreSQL 12 to 18 |
//! | `own_password` | the rules for a role that changes its own password |
//! | `statements` | the statements that remove an obstacle |

mod facts;
mod own_password;
mod query;
mod rules;
mod statements;

pub use self::facts::{CatalogRole, Facts, LoginSession, Membership, RoleAttributes};
pub use self::own_password::OwnPassword;
pub(super) use self::query::{read, sql};
pub use self::rules::{Obstacle, RotationCheck};
pub use self::statements::without_facts;

use crate::postgres::text::printable;

/// The questions that a login reads from the catalogs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Roles whose passwords the login role is to change.
    pub rotation_roles: Vec<String>,
    /// Whether the login role is to change its own password.
    pub own_password: bool,
}

/// Why the facts are not known, although the login succeeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// CockroachDB, which has its own privileges.
    #[error("the server is CockroachDB, whose privileges follow other rules")]
    AnotherProduct,
    /// A version before 12, or a product that reports one.
    #[error("the server reports version `{0}`, and the rules are known for PostgreSQL 12 and later")]
    Version(String),
    /// The deadline of the login passed.
    #[error("the query timed out")]
    TimedOut,
    /// The server's error.
    #[error("the query failed: {0}")]
    Failed(String),
    /// Unexpected columns.
    #[error("the result of the query cannot be read")]
    Unreadable,
}

impl Questions {
    /// Returns whether the login reads nothing.
    pub fn is_empty(&self) -> bool {
        self.rotation_roles.is_empty() && !self.own_password
    }
}

/// Checks whether the rules hold for a server, by the parameters that it reported during the login.
pub(super) fn applicable(server_version: Option<&str>, is_cockroach: bool) -> Result<(), Unanswered> {
    const OLDEST: u32 = 12;
    if is_cockroach {
        return Err(Unanswered::AnotherProduct);
    }
    let version = server_version.unwrap_or_default();
    let digits =
        version.find(|c: char| !c.is_ascii_digit()).map_or(version, |end| version.get(..end).unwrap_or_default());
    match digits.parse::<u32>() {
        Ok(major) if major >= OLDEST => Ok(()),
        _ => Err(Unanswered::Version(printable(version))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_hold_for_postgresql_from_12_on() {
        for version in ["12.22", "15.18 (Debian 15.18-0+deb12u1)", "16beta1", "18.4", "19devel"] {
            assert_eq!(applicable(Some(version), false), Ok(()), "{version}");
        }
        for version in ["8.0.2", "11.2-YB-2.18", "1.18.0/bouncer", "", "mine"] {
            assert_eq!(applicable(Some(version), false), Err(Unanswered::Version(version.to_owned())), "{version}");
        }
        assert_eq!(applicable(None, false), Err(Unanswered::Version(String::new())));
        assert_eq!(applicable(Some("13.0.0"), true), Err(Unanswered::AnotherProduct));
    }
}

//! May the role that logged in change the password of another? Read from the catalogs, judged by PostgreSQL's rules;
//! nothing is tried. Knows nothing of who wants to know.
//!
//! | file | concept |
//! |---|---|
//! | `query` | what is asked, in SQL, and the answer as facts |
//! | `facts` | what the catalogs say |
//! | `rules` | what follows for a rotation: pure, for PostgreSQL 12 to 18 |
//! | `own_password` | what follows for a role whose password a platform changes |
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

/// What a login is to find out besides whether it succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Roles whose passwords the login role is to change.
    pub rotation_roles: Vec<String>,
    /// Whether the login role is to change its own password.
    pub own_password: bool,
}

/// Why the questions have no answer, although the login succeeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It speaks the protocol of PostgreSQL and has privileges of its own.
    #[error("the server is CockroachDB, whose privileges follow other rules")]
    AnotherProduct,
    /// Older than 12, or a product that says so.
    #[error("the server calls its version `{0}`, and the rules are known for PostgreSQL 12 and later")]
    Version(String),
    /// The time of the login was over.
    #[error("the server did not answer in time")]
    TimedOut,
    /// What the server said.
    #[error("the server could not answer: {0}")]
    Failed(String),
    /// Columns that make no sense.
    #[error("the server's answer cannot be read")]
    Unreadable,
}

impl Questions {
    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.rotation_roles.is_empty() && !self.own_password
    }
}

/// Whether the rules hold for a server, by what it told of itself during the login.
pub(super) fn applicable(server_version: Option<&str>, is_cockroach: bool) -> Result<(), Unanswered> {
    const OLDEST: u32 = 12;
    if is_cockroach {
        return Err(Unanswered::AnotherProduct);
    }
    let told = server_version.unwrap_or_default();
    let digits = told.find(|c: char| !c.is_ascii_digit()).map_or(told, |end| told.get(..end).unwrap_or_default());
    match digits.parse::<u32>() {
        Ok(major) if major >= OLDEST => Ok(()),
        _ => Err(Unanswered::Version(printable(told))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_hold_for_postgresql_from_12_on() {
        for told in ["12.22", "15.18 (Debian 15.18-0+deb12u1)", "16beta1", "18.4", "19devel"] {
            assert_eq!(applicable(Some(told), false), Ok(()), "{told}");
        }
        for told in ["8.0.2", "11.2-YB-2.18", "1.18.0/bouncer", "", "mine"] {
            assert_eq!(applicable(Some(told), false), Err(Unanswered::Version(told.to_owned())), "{told}");
        }
        assert_eq!(applicable(None, false), Err(Unanswered::Version(String::new())));
        assert_eq!(applicable(Some("13.0.0"), true), Err(Unanswered::AnotherProduct));
    }
}

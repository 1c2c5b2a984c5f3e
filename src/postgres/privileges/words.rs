//! What there is to say about an obstacle, and the statements that remove it. SUPERUSER is never one of them.

use super::facts::{CatalogRole, Facts};
use super::rules::{Obstacle, RotationCheck};
use crate::postgres::Statement;
use crate::postgres::words::{WHO_ALTERS_ROLES, WHO_OWNS_THE_DATABASE, quoted};
use crate::text::shown;

const WHO_CREATES: &str = "a superuser, or as a role with CREATEROLE";
const WHO_GRANTS: &str = "a superuser, or as a role with ADMIN OPTION on the role that is granted or revoked";
const SUPERUSER: &str = "a superuser";

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

    /// Every statement that is needed, in the order in which they work.
    pub fn statements(&self, facts: &Facts) -> Vec<Statement> {
        self.obstacles.iter().flat_map(|obstacle| obstacle.statements(facts, &self.role)).collect()
    }
}

/// The statements for a server that was not asked: those that are needed by a role without any right.
pub fn without_facts(login: &str, roles: &[String]) -> Vec<Statement> {
    let create_role = statement(WHO_ALTERS_ROLES, format!("ALTER ROLE {} WITH CREATEROLE;", quoted(login)));
    let grants: Vec<Statement> = roles
        .iter()
        .filter(|role| *role != login)
        .map(|role| statement(WHO_GRANTS, format!("GRANT {} TO {} WITH ADMIN OPTION;", quoted(role), quoted(login))))
        .collect();
    // Its own password a role may change anyhow.
    if grants.is_empty() { grants } else { [vec![create_role], grants].concat() }
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

    fn statements(&self, facts: &Facts, target: &CatalogRole) -> Vec<Statement> {
        let (login, role) = (quoted(&facts.session.role), quoted(&target.name));
        let one = |who, sql| vec![statement(who, sql)];
        match self {
            // Without a password nobody can come in until the first rotation has set one.
            Self::Missing => one(WHO_CREATES, format!("CREATE ROLE {role} WITH LOGIN;")),
            Self::Reserved | Self::Superuser { bootstrap: true } | Self::ReadOnly { standby: true } => Vec::new(),
            Self::Superuser { bootstrap: false } => one(SUPERUSER, format!("ALTER ROLE {role} NOSUPERUSER;")),
            Self::Replication => one(SUPERUSER, format!("ALTER ROLE {role} NOREPLICATION;")),
            Self::NoCreateRole => one(WHO_ALTERS_ROLES, format!("ALTER ROLE {login} WITH CREATEROLE;")),
            Self::NoAdmin => grant_of_admin(&login, target),
            Self::PasswordCommandsRestricted => {
                one("the master user of the instance", format!("GRANT rds_password TO {login};"))
            }
            Self::ReadOnly { standby: false } => {
                one(WHO_ALTERS_ROLES, format!("ALTER ROLE {login} SET default_transaction_read_only = off;"))
            }
            Self::NoLogin => one(WHO_ALTERS_ROLES, format!("ALTER ROLE {role} WITH LOGIN;")),
            Self::Expired => one(WHO_ALTERS_ROLES, format!("ALTER ROLE {role} VALID UNTIL 'infinity';")),
            Self::NoConnect => {
                one(WHO_OWNS_THE_DATABASE, format!("GRANT CONNECT ON DATABASE {} TO {role};", quoted(&facts.database)))
            }
            Self::NoConnections => one(WHO_ALTERS_ROLES, format!("ALTER ROLE {role} CONNECTION LIMIT -1;")),
        }
    }
}

/// The right to change the role without the rights that it has. Memberships may not go in circles: one that leads the
/// other way has to end first.
fn grant_of_admin(login: &str, target: &CatalogRole) -> Vec<Statement> {
    let attributes = target.attributes.clone().unwrap_or_default();
    let mut statements: Vec<Statement> = attributes
        .doors
        .iter()
        .map(|door| {
            let grantor = door.grantor.as_ref().map(|grantor| format!(" GRANTED BY {}", quoted(grantor)));
            let member = quoted(&door.member);
            statement(WHO_GRANTS, format!("REVOKE {login} FROM {member}{};", grantor.unwrap_or_default()))
        })
        .collect();
    // What an existing membership gives besides stays as it is.
    let only = if attributes.has_login_role { "" } else { ", INHERIT FALSE, SET FALSE" };
    let role = quoted(&target.name);
    statements.push(statement(WHO_GRANTS, format!("GRANT {role} TO {login} WITH ADMIN TRUE{only};")));
    statements
}

fn statement(who: &'static str, sql: String) -> Statement {
    Statement { sql, who }
}

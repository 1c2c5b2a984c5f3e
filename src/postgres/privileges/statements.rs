//! The statements that remove an obstacle, and the role that may run each. SUPERUSER is never granted.

use super::facts::{CatalogRole, Facts};
use super::rules::{Obstacle, RotationCheck};
use crate::postgres::{RunAs, Statement, quoted};

impl RotationCheck {
    /// Returns every statement that is needed, in the order in which they work.
    pub fn statements(&self, facts: &Facts) -> Vec<Statement> {
        self.obstacles.iter().flat_map(|obstacle| obstacle.statements(facts, &self.role)).collect()
    }
}

/// The statements for a server that was not asked: those that are needed by a role without any right.
pub fn without_facts(login: &str, roles: &[String]) -> Vec<Statement> {
    let create_role =
        Statement::new(RunAs::RoleAdministrator, format!("ALTER ROLE {} WITH CREATEROLE;", quoted(login)));
    let grants: Vec<Statement> = roles
        .iter()
        .filter(|role| *role != login)
        .map(|role| {
            Statement::new(
                RunAs::AdminOfGrantedRole,
                format!("GRANT {} TO {} WITH ADMIN OPTION;", quoted(role), quoted(login)),
            )
        })
        .collect();
    // Its own password a role may change anyhow.
    if grants.is_empty() { grants } else { [vec![create_role], grants].concat() }
}

impl Obstacle {
    fn statements(&self, facts: &Facts, target: &CatalogRole) -> Vec<Statement> {
        let (login, role) = (quoted(&facts.session.role), quoted(&target.name));
        let one = |run_as, sql| vec![Statement::new(run_as, sql)];
        match self {
            // Without a password nobody can come in until the first rotation has set one.
            Self::Missing => one(RunAs::CreateRole, format!("CREATE ROLE {role} WITH LOGIN;")),
            Self::Reserved | Self::Superuser { bootstrap: true } | Self::ReadOnly { standby: true } => Vec::new(),
            Self::Superuser { bootstrap: false } => one(RunAs::Superuser, format!("ALTER ROLE {role} NOSUPERUSER;")),
            Self::Replication => one(RunAs::Superuser, format!("ALTER ROLE {role} NOREPLICATION;")),
            Self::NoCreateRole => one(RunAs::RoleAdministrator, format!("ALTER ROLE {login} WITH CREATEROLE;")),
            Self::NoAdmin => grant_of_admin(&login, target),
            Self::PasswordCommandsRestricted => one(RunAs::MasterUser, format!("GRANT rds_password TO {login};")),
            Self::ReadOnly { standby: false } => {
                one(RunAs::RoleAdministrator, format!("ALTER ROLE {login} SET default_transaction_read_only = off;"))
            }
            Self::NoLogin => one(RunAs::RoleAdministrator, format!("ALTER ROLE {role} WITH LOGIN;")),
            Self::Expired => one(RunAs::RoleAdministrator, format!("ALTER ROLE {role} VALID UNTIL 'infinity';")),
            Self::NoConnect => {
                one(RunAs::DatabaseOwner, format!("GRANT CONNECT ON DATABASE {} TO {role};", quoted(&facts.database)))
            }
            Self::NoConnections => one(RunAs::RoleAdministrator, format!("ALTER ROLE {role} CONNECTION LIMIT -1;")),
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
            Statement::new(
                RunAs::AdminOfGrantedRole,
                format!("REVOKE {login} FROM {member}{};", grantor.unwrap_or_default()),
            )
        })
        .collect();
    // What an existing membership gives besides stays as it is.
    let only = if attributes.has_login_role { "" } else { ", INHERIT FALSE, SET FALSE" };
    let role = quoted(&target.name);
    statements
        .push(Statement::new(RunAs::AdminOfGrantedRole, format!("GRANT {role} TO {login} WITH ADMIN TRUE{only};")));
    statements
}

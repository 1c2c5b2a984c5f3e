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

/// Returns the statements for a server whose catalogs are not known: those that a role without privileges needs.
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
    // A role may always change its own password.
    if grants.is_empty() { grants } else { [vec![create_role], grants].concat() }
}

impl Obstacle {
    fn statements(&self, facts: &Facts, target: &CatalogRole) -> Vec<Statement> {
        let (login, role) = (quoted(&facts.session.role), quoted(&target.name));
        let one = |run_as, sql| vec![Statement::new(run_as, sql)];
        match self {
            // Without a password the role cannot log in until the first rotation sets one.
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

/// Returns the statements that grant the right to change the role, without its privileges. Memberships may not be circular:
/// one in the other direction must be revoked first.
fn grant_of_admin(login: &str, target: &CatalogRole) -> Vec<Statement> {
    let attributes = target.attributes.clone().unwrap_or_default();
    let mut statements: Vec<Statement> = attributes
        .memberships
        .iter()
        .map(|membership| {
            let grantor = membership.grantor.as_ref().map(|grantor| format!(" GRANTED BY {}", quoted(grantor)));
            let member = quoted(&membership.member);
            Statement::new(
                RunAs::AdminOfGrantedRole,
                format!("REVOKE {login} FROM {member}{};", grantor.unwrap_or_default()),
            )
        })
        .collect();
    // An existing membership keeps its other options.
    let only = if attributes.has_login_role { "" } else { ", INHERIT FALSE, SET FALSE" };
    let role = quoted(&target.name);
    statements
        .push(Statement::new(RunAs::AdminOfGrantedRole, format!("GRANT {role} TO {login} WITH ADMIN TRUE{only};")));
    statements
}

//! PostgreSQL's rules for `ALTER ROLE … PASSWORD`, and what a rotation needs besides. Pure.

use super::facts::{CatalogRole, Facts, RoleAttributes};

/// An obstacle to the rotation of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The role does not exist.
    Missing,
    /// Names that begin with `pg_` belong to the server.
    Reserved,
    /// Only superusers change superusers.
    Superuser {
        /// It was made by `initdb` and stays one.
        bootstrap: bool,
    },
    /// Before 16 only superusers change roles with REPLICATION, even themselves.
    Replication,
    /// The login role lacks CREATEROLE.
    NoCreateRole,
    /// From 16 on: the login role lacks ADMIN OPTION on the role.
    NoAdmin,
    /// Amazon RDS reserves passwords for members of `rds_password`.
    PasswordCommandsRestricted,
    /// The session is read-only.
    ReadOnly {
        /// Because the server is a standby.
        standby: bool,
    },
    /// A rotation logs in as the role afterwards: it is NOLOGIN.
    NoLogin,
    /// The same: VALID UNTIL has passed.
    Expired,
    /// The same: it may not connect to the database.
    NoConnect,
    /// The same: its connection limit is 0.
    NoConnections,
}

/// The outcome for one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationCheck {
    /// The role.
    pub role: CatalogRole,
    /// All obstacles, in the order in which PostgreSQL finds them. Empty: it should work.
    pub obstacles: Vec<Obstacle>,
}

impl Obstacle {
    /// Whether the password can be changed and only its use fails.
    pub fn comes_afterwards(&self) -> bool {
        matches!(self, Self::NoLogin | Self::Expired | Self::NoConnect | Self::NoConnections)
    }
}

impl RotationCheck {
    /// Whether the server would let the login role change the password.
    pub fn may_change_password(&self) -> bool {
        self.obstacles.iter().all(Obstacle::comes_afterwards)
    }
}

impl Facts {
    /// Returns the result for each role, in the order of the questions.
    pub fn rotations(&self) -> Vec<RotationCheck> {
        self.roles.iter().map(|role| RotationCheck { role: role.clone(), obstacles: self.obstacles(role) }).collect()
    }

    fn obstacles(&self, role: &CatalogRole) -> Vec<Obstacle> {
        let mut found = match &role.attributes {
            _ if role.name.starts_with("pg_") => return vec![Obstacle::Reserved],
            Some(RoleAttributes { bootstrap: true, .. }) if !self.session.superuser => {
                return vec![Obstacle::Superuser { bootstrap: true }];
            }
            None => self.of_a_missing_role(),
            Some(attributes) => self.before_the_change(attributes),
        };
        let session = &self.session;
        if session.password_commands_restricted && !session.superuser {
            found.push(Obstacle::PasswordCommandsRestricted);
        }
        if session.standby || session.read_only {
            found.push(Obstacle::ReadOnly { standby: session.standby });
        }
        found.extend(role.attributes.iter().flat_map(after_the_change));
        found
    }

    /// Returns the privileges that a new role of that name would still lack.
    fn of_a_missing_role(&self) -> Vec<Obstacle> {
        let mut found = vec![Obstacle::Missing];
        found.extend(self.missing_rights(false));
        if !self.database_is_public {
            found.push(Obstacle::NoConnect);
        }
        found
    }

    fn before_the_change(&self, role: &RoleAttributes) -> Vec<Obstacle> {
        if self.session.superuser {
            return Vec::new();
        }
        let mut found = Vec::new();
        if role.superuser {
            found.push(Obstacle::Superuser { bootstrap: false });
        }
        if role.replication && !self.wants_admin() {
            found.push(Obstacle::Replication);
        }
        // A role may always change its own password, as far as this is the question.
        if !role.is_login_role {
            found.extend(self.missing_rights(role.admin));
        }
        found
    }

    fn missing_rights(&self, admin: bool) -> Vec<Obstacle> {
        let session = &self.session;
        let create_role = (!session.superuser && !session.create_role).then_some(Obstacle::NoCreateRole);
        let no_admin = (!session.superuser && self.wants_admin() && !admin).then_some(Obstacle::NoAdmin);
        create_role.into_iter().chain(no_admin).collect()
    }
}

fn after_the_change(role: &RoleAttributes) -> Vec<Obstacle> {
    [
        (!role.can_login, Obstacle::NoLogin),
        (role.expired, Obstacle::Expired),
        (!role.may_connect, Obstacle::NoConnect),
        (role.connection_limit == 0 && !role.superuser, Obstacle::NoConnections),
    ]
    .into_iter()
    .filter_map(|(is, obstacle)| is.then_some(obstacle))
    .collect()
}

#[cfg(test)]
pub(super) mod tests;

//! Facts of the catalogs about the login role and the roles that it is to change.

/// The facts that the rules need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The server's version as it counts it: `170010` is 17.10.
    pub version: u32,
    /// The database.
    pub database: String,
    /// Whether every role may connect to it.
    pub database_is_public: bool,
    /// The session of the login.
    pub session: LoginSession,
    /// The roles in question, in their order.
    pub roles: Vec<CatalogRole>,
}

/// The role that logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginSession {
    /// The role with which statements run.
    pub role: String,
    /// The role that the server authenticated: poolers and some services accept other names at login.
    pub authorized_as: String,
    /// SUPERUSER.
    pub superuser: bool,
    /// CREATEROLE, which no group can lend.
    pub create_role: bool,
    /// REPLICATION.
    pub replication: bool,
    /// VALID UNTIL, in the server's notation, unless it never ends.
    pub valid_until: Option<String>,
    /// The server is a standby.
    pub standby: bool,
    /// `default_transaction_read_only`.
    pub read_only: bool,
    /// Passwords are reserved for members of `rds_password` (Amazon RDS), and the role is none.
    pub password_commands_restricted: bool,
}

/// A role in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRole {
    /// Its name.
    pub name: String,
    /// Its attributes; `None` if the role does not exist.
    pub attributes: Option<RoleAttributes>,
}

/// The attributes of a role, and its memberships that involve the login role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleAttributes {
    /// SUPERUSER.
    pub superuser: bool,
    /// The role that `initdb` made, which cannot cease to be a superuser.
    pub bootstrap: bool,
    /// REPLICATION.
    pub replication: bool,
    /// LOGIN.
    pub can_login: bool,
    /// VALID UNTIL has passed.
    pub expired: bool,
    /// CONNECTION LIMIT; -1 is none.
    pub connection_limit: i32,
    /// It may connect to the database.
    pub may_connect: bool,
    /// It is the login role.
    pub is_login_role: bool,
    /// The login role has ADMIN OPTION on it, directly or through a group.
    pub admin: bool,
    /// The login role is a direct member of it.
    pub has_login_role: bool,
    /// The memberships through which it is, directly or not, a member of the login role.
    pub memberships: Vec<Membership>,
}

/// A direct membership in the login role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The member.
    pub member: String,
    /// The role that granted it, where a REVOKE must name it.
    pub grantor: Option<String>,
}

impl Facts {
    /// Whether a role with CREATEROLE needs ADMIN OPTION on a role to change it, and REPLICATION no longer guards it.
    pub(super) fn wants_admin(&self) -> bool {
        self.version >= 160_000
    }

    /// For example `17.10`.
    pub fn version(&self) -> String {
        format!("{}.{}", self.version / 10_000, self.version % 10_000)
    }
}

//! The SQL query and its result as facts. Any role may run it; it changes nothing, not even a setting of the
//! session that a pooler would pass on to the next.

use std::time::Duration;

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::Questions;
use super::facts::{CatalogRole, Facts, LoginSession, Membership, RoleAttributes};
use crate::postgres::text::printable;

/// The role that `initdb` makes has this OID everywhere.
const BOOTSTRAP: &str = "10";

/// Statements for the simple protocol, which works behind every pooler. Not longer than `limit` at the server.
pub(in crate::postgres) fn sql(questions: &Questions, limit: Duration) -> String {
    let names: Vec<String> = questions.rotation_roles.iter().map(|name| literal(name)).collect();
    let names = names.join(", ");
    let milliseconds = limit.as_millis().clamp(1, 3_600_000);
    // The first column identifies the three results. A superuser is a member of everything for
    // `pg_has_role`, so memberships are walked here.
    format!(
        "BEGIN READ ONLY;
SET LOCAL search_path = pg_catalog;
SET LOCAL statement_timeout = {milliseconds};
SELECT 'session' AS result,
    current_setting('server_version_num') AS version,
    current_database() AS database,
    has_database_privilege('public', current_database(), 'CONNECT') AS database_is_public,
    login.rolname AS role,
    session_user AS authorized_as,
    login.rolsuper AS superuser,
    login.rolcreaterole AS create_role,
    login.rolreplication AS replication,
    CASE WHEN isfinite(login.rolvaliduntil) THEN login.rolvaliduntil END AS valid_until,
    pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only') = 'on' AS read_only,
    coalesce(current_setting('rds.restrict_password_commands', true), '') IN ('on', '1', 'true')
        AND NOT EXISTS (SELECT FROM pg_roles AS allowed
            WHERE allowed.rolname = 'rds_password' AND pg_has_role(login.oid, allowed.oid, 'MEMBER'))
        AS password_commands_restricted
FROM pg_roles AS login WHERE login.rolname = current_user;
SELECT 'role' AS result,
    target.rolname AS role,
    target.rolsuper AS superuser,
    target.oid = {BOOTSTRAP} AS bootstrap,
    target.rolreplication AS replication,
    target.rolcanlogin AS can_login,
    coalesce(target.rolvaliduntil < now(), false) AS expired,
    target.rolconnlimit AS connection_limit,
    has_database_privilege(target.oid, current_database(), 'CONNECT') AS may_connect,
    target.oid = login.oid AS is_login_role,
    pg_has_role(login.oid, target.oid, 'MEMBER WITH ADMIN OPTION') AS admin,
    EXISTS (SELECT FROM pg_auth_members AS direct WHERE direct.roleid = target.oid AND direct.member = login.oid)
        AS has_login_role
FROM pg_roles AS target, pg_roles AS login
WHERE target.rolname = ANY (ARRAY[{names}]::text[]) AND login.rolname = current_user;
WITH RECURSIVE climb(start, at) AS (
    SELECT oid, oid FROM pg_roles WHERE rolname = ANY (ARRAY[{names}]::text[])
    UNION
    SELECT climb.start, up.roleid FROM climb JOIN pg_auth_members AS up ON up.member = climb.at)
SELECT DISTINCT 'membership' AS result,
    start.rolname AS role,
    member.rolname AS member,
    CASE WHEN step.grantor <> {BOOTSTRAP} THEN grantor.rolname END AS grantor
FROM climb
JOIN pg_auth_members AS step ON step.member = climb.at
JOIN pg_roles AS login ON login.oid = step.roleid AND login.rolname = current_user
JOIN pg_roles AS start ON start.oid = climb.start
JOIN pg_roles AS member ON member.oid = step.member
LEFT JOIN pg_roles AS grantor ON grantor.oid = step.grantor;
COMMIT"
    )
}

/// Returns the facts in the result; `None` if some are missing.
pub(in crate::postgres) fn read(messages: &[SimpleQueryMessage], questions: &Questions) -> Option<Facts> {
    let rows = |kind: &'static str| {
        messages.iter().filter_map(move |message| match message {
            SimpleQueryMessage::Row(row) => Some(Columns(row)).filter(|row| row.raw("result") == Some(kind)),
            _ => None,
        })
    };
    let mut found = Vec::new();
    for row in rows("role") {
        found.push((row.raw("role")?.to_owned(), row.attributes()?));
    }
    let session = rows("session").next()?;
    let version = session.number("version")?;
    for row in rows("membership") {
        let (role, member) = (row.raw("role")?, row.text("member")?);
        // Only since 16 a membership belongs to its grantor.
        let grantor = row.text("grantor").filter(|_| version >= 160_000);
        let attributes = found.iter_mut().find(|(name, _)| name == role).map(|(_, attributes)| attributes)?;
        attributes.memberships.push(Membership { member, grantor });
    }
    let attributes =
        |name: &String| found.iter().find(|(found, _)| found == name).map(|(_, attributes)| attributes.clone());
    Some(Facts {
        version,
        database: session.text("database")?,
        database_is_public: session.flag("database_is_public")?,
        session: session.session()?,
        roles: questions
            .rotation_roles
            .iter()
            .map(|name| CatalogRole { name: name.clone(), attributes: attributes(name) })
            .collect(),
    })
}

/// A row by the names of its columns.
struct Columns<'a>(&'a SimpleQueryRow);

impl Columns<'_> {
    fn raw(&self, column: &str) -> Option<&str> {
        self.0.try_get(column).ok().flatten()
    }

    fn text(&self, column: &str) -> Option<String> {
        self.raw(column).map(printable)
    }

    fn flag(&self, column: &str) -> Option<bool> {
        match self.raw(column)? {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        }
    }

    fn number<N: std::str::FromStr>(&self, column: &str) -> Option<N> {
        self.raw(column)?.parse().ok()
    }

    fn session(&self) -> Option<LoginSession> {
        Some(LoginSession {
            role: self.text("role")?,
            authorized_as: self.text("authorized_as")?,
            superuser: self.flag("superuser")?,
            create_role: self.flag("create_role")?,
            replication: self.flag("replication")?,
            valid_until: self.text("valid_until"),
            standby: self.flag("standby")?,
            read_only: self.flag("read_only")?,
            password_commands_restricted: self.flag("password_commands_restricted")?,
        })
    }

    fn attributes(&self) -> Option<RoleAttributes> {
        Some(RoleAttributes {
            superuser: self.flag("superuser")?,
            bootstrap: self.flag("bootstrap")?,
            replication: self.flag("replication")?,
            can_login: self.flag("can_login")?,
            expired: self.flag("expired")?,
            connection_limit: self.number("connection_limit")?,
            may_connect: self.flag("may_connect")?,
            is_login_role: self.flag("is_login_role")?,
            admin: self.flag("admin")?,
            has_login_role: self.flag("has_login_role")?,
            memberships: Vec::new(),
        })
    }
}

/// A text in SQL, in the one form that no setting of the server gives another meaning. It cannot hold NUL: the text ends
/// there, as no name goes on after it.
fn literal(text: &str) -> String {
    let text = text.split('\0').next().unwrap_or_default();
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_their_literal() {
        for (name, expected) in [
            ("app", "E'app'"),
            ("o'brien", "E'o''brien'"),
            (r"a\", r"E'a\\'"),
            (r"\'; DROP TABLE x; --", r"E'\\''; DROP TABLE x; --'"),
            ("a\0b", "E'a'"),
            ("Größe", "E'Größe'"),
        ] {
            assert_eq!(literal(name), expected);
        }
    }
}

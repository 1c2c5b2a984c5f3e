//! `grant_sql(role, database, rotation_roles)`: the statements that give a role what a connection needs.

use crate::postgres::MAX_IDENTIFIER_LENGTH;

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameProblem {
    /// No character but whitespace.
    Empty,
    /// A NUL character.
    Nul,
    /// More bytes than PostgreSQL stores; how many.
    TooLong(usize),
    /// A role name that PostgreSQL reserves (`pg_…`, `public`, `none`).
    Reserved,
}

/// An argument with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantError {
    /// In `role`.
    Role(NameProblem),
    /// In `database`.
    Database(NameProblem),
    /// In an element of `rotation_roles`.
    RotationRole {
        /// Its index, from 0.
        index: usize,
        /// What is wrong with it.
        problem: NameProblem,
    },
}

/// Returns the statements, one a line, each ending in `;`. They may be run repeatedly, on every supported version.
///
/// With roles to rotate, PostgreSQL 16 and later want `CREATEROLE` and `ADMIN OPTION` on each of them; earlier versions
/// want `CREATEROLE` and accept the rest. The KMS logs in as each rotated role, too, which takes `CONNECT`.
///
/// # Errors
/// When a name cannot be one of PostgreSQL.
pub(crate) fn grant_sql(role: &str, database: &str, rotation_roles: &[&str]) -> Result<String, GrantError> {
    check_role(role).map_err(GrantError::Role)?;
    check_name(database).map_err(GrantError::Database)?;
    let mut rotated: Vec<&str> = Vec::new();
    for (index, name) in rotation_roles.iter().enumerate() {
        check_role(name).map_err(|problem| GrantError::RotationRole { index, problem })?;
        // A role is no member of itself and changes its own password without a grant.
        if *name != role && !rotated.contains(name) {
            rotated.push(name);
        }
    }
    let (grantee, database) = (quote_identifier(role), quote_identifier(database));
    let connect = |role: String| format!("GRANT CONNECT ON DATABASE {database} TO {role};");
    let mut statements = vec![connect(grantee.clone())];
    statements.extend(rotated.iter().map(|name| connect(quote_identifier(name))));
    if !rotation_roles.is_empty() {
        statements.push(format!("ALTER ROLE {grantee} CREATEROLE;"));
    }
    let member = |name: &&str| format!("GRANT {} TO {grantee} WITH ADMIN OPTION;", quote_identifier(name));
    statements.extend(rotated.iter().map(member));
    Ok(statements.join("\n"))
}

fn check_role(name: &str) -> Result<(), NameProblem> {
    check_name(name)?;
    let reserved = name.starts_with("pg_") || matches!(name, "public" | "none");
    if reserved { Err(NameProblem::Reserved) } else { Ok(()) }
}

fn check_name(name: &str) -> Result<(), NameProblem> {
    match name {
        _ if name.trim().is_empty() => Err(NameProblem::Empty),
        _ if name.contains('\0') => Err(NameProblem::Nul),
        _ if name.len() > MAX_IDENTIFIER_LENGTH => Err(NameProblem::TooLong(name.len())),
        _ => Ok(()),
    }
}

/// Returns a name as a quoted identifier, character for character: the statement is run, not only shown.
fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn grants_connect_alone_without_rotation() {
        expect![[r#"GRANT CONNECT ON DATABASE "orders" TO "kms_role";"#]]
            .assert_eq(&grant_sql("kms_role", "orders", &[]).unwrap());
    }

    #[test]
    fn grants_each_rotated_role_once_and_never_to_itself() {
        let roles = ["app", "O\"Brien", "app", "kms_role"];
        expect![[r#"
            GRANT CONNECT ON DATABASE "Orders" TO "kms_role";
            GRANT CONNECT ON DATABASE "Orders" TO "app";
            GRANT CONNECT ON DATABASE "Orders" TO "O""Brien";
            ALTER ROLE "kms_role" CREATEROLE;
            GRANT "app" TO "kms_role" WITH ADMIN OPTION;
            GRANT "O""Brien" TO "kms_role" WITH ADMIN OPTION;"#]]
        .assert_eq(&grant_sql("kms_role", "Orders", &roles).unwrap());
    }

    #[test]
    fn rejects_names_that_postgresql_cannot_have() {
        let long = "x".repeat(64);
        for (name, problem) in [
            ("", NameProblem::Empty),
            (" ", NameProblem::Empty),
            ("a\0b", NameProblem::Nul),
            (long.as_str(), NameProblem::TooLong(64)),
        ] {
            assert_eq!(grant_sql(name, "orders", &[]), Err(GrantError::Role(problem)), "{name:?}");
            assert_eq!(grant_sql("kms", name, &[]), Err(GrantError::Database(problem)), "{name:?}");
            let expected = GrantError::RotationRole { index: 1, problem };
            assert_eq!(grant_sql("kms", "orders", &["app", name]), Err(expected), "{name:?}");
        }
        for name in ["pg_monitor", "public", "none"] {
            assert_eq!(grant_sql(name, "orders", &[]), Err(GrantError::Role(NameProblem::Reserved)));
        }
        assert!(grant_sql("kms", "pg_orders", &[]).is_ok());
    }
}

//! `rotation_roles` and `privileges` of a connection's `validation` block. Knows nothing of how a database is asked.

use crate::provider::config::validation::ValidationBlock;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path, Severity};
use crate::terraform::model::Field;
use crate::terraform::schema::{Attribute, optional};
use crate::terraform::types::Type;
use crate::terraform::value::Value;

/// PostgreSQL cuts longer names off without a word.
const MAX_NAME_LENGTH: usize = 63;

/// The roles whose passwords a connection is to change, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RotationSettings {
    pub(crate) roles: Vec<RotationRole>,
    /// What a missing privilege is.
    pub(crate) severity: Severity,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RotationRole {
    /// Where it stands in the list.
    pub(crate) index: usize,
    pub(crate) name: String,
}

/// The two arguments.
pub(crate) fn arguments() -> [Attribute; 2] {
    [
        optional(
            "rotation_roles",
            Type::List(Box::new(Type::String)),
            "Roles whose passwords the KMS is to rotate through this connection. The login then also reads in the catalogs \
             whether `username` may change their passwords, and says which statements are missing. Needs no privilege and \
             changes nothing.",
        ),
        optional(
            "privileges",
            Type::String,
            "What it means when a privilege for `rotation_roles` is missing: `warning` or `error`. Default: `warning`.",
        ),
    ]
}

impl Default for RotationSettings {
    fn default() -> Self {
        Self { roles: Vec::new(), severity: Severity::Warning }
    }
}

impl RotationSettings {
    pub(crate) fn of(written: &ValidationBlock) -> Self {
        let severity = match &written.privileges {
            // Nothing can be said as long as it is unknown how.
            Field::Unknown => return Self::default(),
            privileges => privileges.known().and_then(|text| severity(text)).unwrap_or(Severity::Warning),
        };
        let role = |(index, element): (usize, &Value)| {
            element.as_str().map(|name| RotationRole { index, name: name.to_owned() })
        };
        Self { roles: elements(written).iter().enumerate().filter_map(role).collect(), severity }
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.roles.iter().map(|role| role.name.clone()).collect()
    }

    /// Whether a change from `prior` to this is a reason to ask the database, be there no other.
    pub(crate) fn asks_more_than(&self, prior: &Self) -> bool {
        let stricter = self.severity == Severity::Error && prior.severity == Severity::Warning;
        !self.roles.is_empty() && (self.names() != prior.names() || stricter)
    }
}

/// Checks both as they are written.
pub(crate) fn check(written: &ValidationBlock, path: &Path) -> Diagnostics {
    let mut found = Diagnostics::new();
    if written.privileges.known().is_some_and(|text| severity(text).is_none()) {
        let rule = "`privileges` takes `warning` or `error`. Change the value, or remove the line (in a module: set it to \
                    `null`) to use the default.";
        found.push(Diagnostic::error("Invalid validation setting", rule).at(path.attribute("privileges")));
    }
    let list = path.attribute("rotation_roles");
    let all = elements(written);
    for (index, element) in all.iter().enumerate() {
        let earlier = all.iter().take(index).any(|other| !element.is_unknown() && other == element);
        if let Some(problem) = problem(element, earlier) {
            let detail = format!("This cannot be a role to rotate: {problem}. A good one is `app_user`.");
            found.push(Diagnostic::error("Invalid rotation role", detail).at(list.index(index)));
        }
    }
    found
}

fn problem(element: &Value, is_repeated: bool) -> Option<String> {
    let name = match element {
        Value::Unknown(_) => return None,
        Value::String(name) => name.as_str(),
        _ => "",
    };
    let length = name.len();
    match name {
        _ if name.trim().is_empty() => Some("the name is empty".to_owned()),
        _ if name.contains('\0') => Some("the name contains a NUL character".to_owned()),
        _ if length > MAX_NAME_LENGTH => {
            Some(format!("the name has {length} bytes, and PostgreSQL knows names of up to {MAX_NAME_LENGTH}"))
        }
        _ if name.starts_with("pg_") => Some("names that begin with `pg_` belong to PostgreSQL itself".to_owned()),
        "public" | "none" => Some(format!("`{name}` is no name of a role in SQL")),
        _ if name.contains("://") => Some("it is a URL".to_owned()),
        _ if is_repeated => Some("the name stands in the list already".to_owned()),
        _ => None,
    }
}

fn elements(written: &ValidationBlock) -> &[Value] {
    match written.rotation_roles.known() {
        Some(Value::List(elements)) => elements,
        _ => &[],
    }
}

fn severity(text: &str) -> Option<Severity> {
    match text {
        "warning" => Some(Severity::Warning),
        "error" => Some(Severity::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::config::validation::{asks_about_more_roles, check_block};
    use crate::terraform::value::Object;

    fn block(roles: &[&str], privileges: Value) -> Field<Value> {
        with(roles.iter().map(|role| Value::from(*role)).collect(), privileges)
    }

    fn with(roles: Vec<Value>, privileges: Value) -> Field<Value> {
        let mut object = Object::new();
        object.set("rotation_roles", Value::List(roles));
        object.set("privileges", privileges);
        Field::Known(Value::Object(object))
    }

    #[test]
    fn bad_names_are_told_at_their_place() {
        let long = "ü".repeat(32);
        let roles = ["app", "", " ", &long, "pg_monitor", "public", "app", "App", "a b\"c'"];
        let mut values: Vec<Value> = roles.map(Value::from).to_vec();
        values.extend([Value::unknown(), Value::unknown(), Value::Null]);
        let found = check_block(&with(values, Value::Null), &Path::from("validation"));
        let told: Vec<String> =
            found.iter().map(|one| format!("{}: {}", one.path.as_ref().unwrap(), one.detail)).collect();
        for (at, part) in [
            (1, "is empty"),
            (2, "is empty"),
            (3, "has 64 bytes"),
            (4, "`pg_`"),
            (5, "`public` is no name"),
            (6, "already"),
            (11, "is empty"),
        ] {
            let start = format!("validation.rotation_roles[{at}]: ");
            assert!(told.iter().any(|one| one.starts_with(&start) && one.contains(part)), "{at} {part}: {told:#?}");
        }
        assert_eq!(told.len(), 7, "{told:#?}");
        let found = check_block(&block(&["app"], Value::from("fatal")), &Path::from("validation"));
        assert_eq!(found.iter().next().unwrap().path.as_ref().unwrap().to_string(), "validation.privileges");
    }

    #[test]
    fn what_asks_the_database_anew() {
        let (warning, error) = (|| Value::from("warning"), || Value::from("error"));
        for (prior, planned, expected) in [
            (Field::Null, block(&["a"], Value::Null), true),
            (Field::Null, block(&[], error()), false),
            (block(&["a"], Value::Null), block(&["a"], Value::Null), false),
            (block(&["a"], Value::Null), block(&["a"], warning()), false),
            (block(&["a"], Value::Null), block(&["a"], error()), true),
            (block(&["a"], error()), block(&["a"], warning()), false),
            (block(&["a"], error()), block(&["a", "b"], error()), true),
            (block(&["a", "b"], Value::Null), block(&["b"], Value::Null), true),
            (block(&["a"], Value::Null), block(&[], Value::Null), false),
            (block(&["a"], Value::Null), Field::Null, false),
            (Field::Null, Field::Unknown, false),
            (Field::Null, block(&["a"], Value::unknown()), false),
            (Field::Null, with(vec![Value::unknown()], Value::Null), false),
            (Field::Null, with(vec![Value::unknown(), Value::from("b")], Value::Null), true),
        ] {
            assert_eq!(asks_about_more_roles(&prior, &planned), expected);
        }
    }
}

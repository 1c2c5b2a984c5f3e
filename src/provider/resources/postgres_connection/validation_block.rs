//! The `validation` block of a connection: the common settings, the `address` of the database for this machine, and the roles
//! whose privileges the login check reads. Does not depend on how a login is made.

use std::time::Duration;

use crate::postgres::MAX_IDENTIFIER_LENGTH;
use crate::provider::arguments::address::AddressOverride;
use crate::provider::config::validation;
use crate::provider::config::validation::{
    BlockParser, Defaults, EffectiveSettings, InvalidSetting, Mode, Unreachable, ValidationSettings,
};
use crate::provider::messages;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path, Severity};
use crate::terraform::model::Field;
use crate::terraform::schema::{Block, optional};
use crate::terraform::types::Type;
use crate::terraform::value::Value;

use super::model::ConnectionModel;

/// The effective settings of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validation {
    pub(super) mode: Mode,
    /// The mode of the configuration, if the environment lowered it.
    pub(super) lowered_from: Option<Mode>,
    pub(super) unreachable: Unreachable,
    /// The limit of one login.
    pub(super) timeout: Duration,
    pub(super) address: Option<AddressOverride>,
    pub(super) rotation: RotationSettings,
}

/// The roles whose passwords the KMS rotates through a connection, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RotationSettings {
    pub(super) roles: Vec<RotationRole>,
    /// The severity of a missing privilege.
    pub(super) severity: Severity,
}

/// One element of `rotation_roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RotationRole {
    /// The position in the list.
    pub(super) index: usize,
    pub(super) name: String,
}

/// The block as it is written.
#[derive(Clone)]
pub(super) struct ValidationBlock {
    settings: ValidationSettings,
    address: Field<AddressOverride>,
    rotation: RotationSettings,
}

/// The error of an invalid block.
enum InvalidBlock {
    Setting(InvalidSetting),
    Role { index: usize, problem: String },
}

/// Returns the schema of the block.
pub(super) fn schema() -> Block {
    let block = Block::new(
        "How the provider checks the credentials by logging in to the database. The settings are part of the configuration \
         and the state; they are never sent to the KMS. An argument that is not set has the value of the `validation` block \
         of the provider.",
    );
    validation::arguments("")
        .into_iter()
        .fold(block, Block::attribute)
        .attribute(optional(
            "address",
            Type::String,
            "Host and port of the database for this machine, as `host:port` or `[IPv6]:port`, if they are not `host` and `port`: \
             the local end of a tunnel, for example. TLS still verifies the name in `host`.",
        ))
        .attribute(optional(
            "rotation_roles",
            Type::List(Box::new(Type::String)),
            "Roles whose passwords the KMS is to rotate through this connection. The login check then reads in the catalogs \
             whether `username` may change their passwords, and reports the missing statements. It needs no privilege and \
             changes nothing.",
        ))
        .attribute(optional(
            "privileges",
            Type::String,
            "How the provider reports a missing privilege for `rotation_roles`. Valid values are `warning` and `error`. \
             Defaults to `warning`.",
        ))
}

impl Default for RotationSettings {
    fn default() -> Self {
        Self { roles: Vec::new(), severity: Severity::Warning }
    }
}

impl RotationSettings {
    /// Returns the names of the roles.
    pub(super) fn names(&self) -> Vec<String> {
        self.roles.iter().map(|role| role.name.clone()).collect()
    }

    /// Returns whether there are other roles than before, or missing privileges became errors.
    fn needs_more_than(&self, prior: &Self) -> bool {
        let stricter = self.severity == Severity::Error && prior.severity == Severity::Warning;
        !self.roles.is_empty() && (self.names() != prior.names() || stricter)
    }
}

impl ValidationBlock {
    /// Parses a block.
    ///
    /// # Errors
    /// One for each argument or role that is not valid.
    pub(super) fn parse(block: &Field<Value>) -> Result<Self, Diagnostics> {
        let mut parser = BlockParser::new(block);
        let settings = ValidationSettings::parse(&mut parser);
        let address = parser.text("address", AddressOverride::parse, AddressOverride::VALID);
        let severity = parser.text("privileges", severity, "`warning` or `error`");
        let (roles, broken) = roles(parser.get("rotation_roles"));
        let rotation = match severity {
            // The severity of a missing privilege is unknown.
            Field::Unknown => RotationSettings::default(),
            severity => RotationSettings { roles, severity: severity.into_known().unwrap_or(Severity::Warning) },
        };
        let path = Path::from("validation");
        let invalid = parser.finish().into_iter().map(InvalidBlock::Setting).chain(broken);
        let errors: Diagnostics = invalid.map(|invalid| invalid.diagnostic(&path)).collect();
        if errors.is_empty() { Ok(Self { settings, address, rotation }) } else { Err(errors) }
    }

    /// Returns the effective settings, or `None` while one of them is unknown.
    pub(super) fn with(self, defaults: &Defaults) -> Option<Validation> {
        let EffectiveSettings { mode, lowered_from, unreachable, timeout } = defaults.with(&self.settings)?;
        if self.address.is_unknown() && mode != Mode::Off {
            return None;
        }
        let address = self.address.into_known();
        Some(Validation { mode, lowered_from, unreachable, timeout, address, rotation: self.rotation })
    }
}

impl ConnectionModel {
    /// Returns the effective settings of the login check, or `None` while one of them is unknown.
    pub(super) fn validation(&self, defaults: &Defaults) -> Option<Validation> {
        ValidationBlock::parse(&self.validation).ok()?.with(defaults)
    }

    /// Returns whether a change from `prior` requires a login by itself.
    pub(super) fn requires_login_for_roles(&self, prior: &Self) -> bool {
        let rotation = |connection: &Self| ValidationBlock::parse(&connection.validation).map(|block| block.rotation);
        matches!((rotation(self), rotation(prior)), (Ok(planned), Ok(prior)) if planned.needs_more_than(&prior))
    }
}

impl InvalidBlock {
    fn diagnostic(self, path: &Path) -> Diagnostic {
        match self {
            Self::Setting(setting) => messages::settings::invalid_setting(setting, path),
            Self::Role { index, problem } => messages::settings::invalid_rotation_role(index, &problem, path),
        }
    }
}

/// Returns the roles that are known, and those that are not valid.
fn roles(list: Field<&Value>) -> (Vec<RotationRole>, Vec<InvalidBlock>) {
    let (mut roles, mut invalid) = (Vec::<RotationRole>::new(), Vec::new());
    let Field::Known(Value::List(elements)) = list else { return (roles, invalid) };
    for (index, element) in elements.iter().enumerate().filter(|(_, element)| !element.is_unknown()) {
        let name = element.as_str().unwrap_or_default();
        let is_repeated = roles.iter().any(|role| role.name == name);
        match problem(name, is_repeated) {
            Some(problem) => invalid.push(InvalidBlock::Role { index, problem }),
            None => roles.push(RotationRole { index, name: name.to_owned() }),
        }
    }
    (roles, invalid)
}

fn problem(name: &str, is_repeated: bool) -> Option<String> {
    let length = name.len();
    match name {
        _ if name.trim().is_empty() => Some("the name is empty".to_owned()),
        _ if name.contains('\0') => Some("the name contains a NUL character".to_owned()),
        _ if length > MAX_IDENTIFIER_LENGTH => {
            Some(format!("the name has {length} bytes, and a name in PostgreSQL has at most {MAX_IDENTIFIER_LENGTH}"))
        }
        _ if name.starts_with("pg_") => Some("names that begin with `pg_` are reserved by PostgreSQL".to_owned()),
        "public" | "none" => Some(format!("`{name}` is not a role name in SQL")),
        _ if name.contains("://") => Some("it is a URL".to_owned()),
        _ if is_repeated => Some("the list has the name already".to_owned()),
        _ => None,
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
    fn rejects_invalid_roles_at_their_index() {
        let long = "ü".repeat(32);
        let roles = ["app", "", " ", &long, "pg_monitor", "public", "app", "App", "a b\"c'"];
        let mut values: Vec<Value> = roles.map(Value::from).to_vec();
        values.extend([Value::unknown(), Value::unknown(), Value::Null]);
        let found = ValidationBlock::parse(&with(values, Value::Null)).err().unwrap();
        let found: Vec<String> =
            found.iter().map(|one| format!("{}: {}", one.path.as_ref().unwrap(), one.detail)).collect();
        for (at, part) in [
            (1, "is empty"),
            (2, "is empty"),
            (3, "has 64 bytes"),
            (4, "`pg_`"),
            (5, "`public` is not a role"),
            (6, "already"),
            (11, "is empty"),
        ] {
            let start = format!("validation.rotation_roles[{at}]: ");
            assert!(found.iter().any(|one| one.starts_with(&start) && one.contains(part)), "{at} {part}: {found:#?}");
        }
        assert_eq!(found.len(), 7, "{found:#?}");
        let found = ValidationBlock::parse(&block(&["app"], Value::from("fatal"))).err().unwrap();
        assert_eq!(found.iter().next().unwrap().path.as_ref().unwrap().to_string(), "validation.privileges");
    }

    #[test]
    fn logs_in_for_more_roles_and_stricter_privileges_only() {
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
            let rotation = |block: &Field<Value>| ValidationBlock::parse(block).unwrap().rotation;
            assert_eq!(rotation(&planned).needs_more_than(&rotation(&prior)), expected);
        }
    }

    #[test]
    fn has_no_effective_settings_while_address_is_unknown() {
        let address = |text: Value, mode: &str| {
            let block: Object =
                [("address".to_owned(), text), ("mode".to_owned(), Value::from(mode))].into_iter().collect();
            let block = ValidationBlock::parse(&Field::Known(Value::Object(block))).unwrap();
            block.with(&Defaults::default()).map(|validation| validation.address)
        };
        let known = AddressOverride { host: "::1".to_owned(), port: 15432 };
        assert_eq!(address(Value::from("[::1]:15432"), "plan"), Some(Some(known)));
        assert_eq!(address(Value::unknown(), "plan"), None);
        assert_eq!(address(Value::unknown(), "off"), Some(None));
    }
}

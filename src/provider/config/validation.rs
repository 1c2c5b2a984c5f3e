//! The settings of the login check that the `validation` blocks of the provider and of a connection have in common, and their
//! upper bound in the environment. Does not depend on how a login is made.

use std::fmt;
use std::time::Duration;

use crate::env;
use crate::terraform::duration;
use crate::terraform::model::Field;
use crate::terraform::schema::{Attribute, Block, optional};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use super::error::{ConfigError, Errors, InvalidValue};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// When the provider logs in to the database. Ordered by how much it does: the environment can only lower the mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Never.
    Off,
    /// In the apply, before the request.
    Apply,
    /// In the plan, where each refusal is a warning.
    Warn,
    /// In the plan, where a refusal is an error.
    Plan,
}

/// How a database that this machine cannot reach is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// As a warning.
    Warning,
    /// As an error.
    Error,
    /// As a line in the log.
    Ignore,
}

/// The common arguments of one `validation` block.
#[derive(Clone, Default)]
pub(crate) struct ValidationSettings {
    mode: Field<Mode>,
    unreachable: Field<Unreachable>,
    timeout: Field<Duration>,
}

/// The settings in force for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EffectiveSettings {
    pub(crate) mode: Mode,
    /// The mode of the configuration, if the environment lowered it.
    pub(crate) lowered_from: Option<Mode>,
    pub(crate) unreachable: Unreachable,
    /// The limit of one login.
    pub(crate) timeout: Duration,
}

/// The provider's block and the upper bound of the environment, which hold for all connections.
#[derive(Clone, Default)]
pub(crate) struct Defaults {
    settings: ValidationSettings,
    bound: Option<Mode>,
}

/// An argument of a block whose value is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSetting {
    pub(crate) name: &'static str,
    /// The valid values, as part of a sentence.
    pub(crate) valid: &'static str,
}

/// Parses the arguments of a block and collects those that are not valid.
pub(crate) struct BlockParser<'a> {
    block: Field<&'a Object>,
    invalid: Vec<InvalidSetting>,
}

/// Returns the block of the provider: defaults for all connections.
pub(crate) fn provider_block() -> Block {
    let [hosts, _] = env::VALIDATION_HOSTS;
    let block = Block::new(format!(
        "Defaults for the `validation` blocks of connections. An argument of a connection's own block takes precedence. The \
         environment variable `{}` limits the databases that the provider logs in to: names, `*.example.com`, addresses and \
         networks; both `host` and the address of the connection must be listed.",
        hosts.name
    ));
    let variables = env::VALIDATION.map(|variable| format!("`{}`", variable.name)).join(", ");
    arguments(&format!(" Environment: {variables}.")).into_iter().fold(block, Block::attribute)
}

/// Returns the common arguments. `source` is added to the description of `mode`.
pub(crate) fn arguments(source: &str) -> [Attribute; 3] {
    [
        optional("mode", Type::String, format!("{MODE}{source}")),
        optional("unreachable", Type::String, UNREACHABLE),
        optional("timeout", Type::String, TIMEOUT),
    ]
}

const MODE: &str = "When the provider logs in to the database. Valid values are `plan` (a refusal is an error of the plan), `warn` \
    (a refusal is a warning of the plan and an error of the apply), `apply` (the login is made in the apply only, before the \
    request) and `off`. Defaults to `plan`. The environment variable `KMS_VALIDATION` lowers the mode for one run, in this order. \
    In every mode a login decides whether a platform-managed connection can be replaced, and whether its role can be taken over.";
const UNREACHABLE: &str = "How the provider reports a database that this machine cannot reach. Valid values are `warning`, `error` \
    and `ignore`. Defaults to `warning`.";
const TIMEOUT: &str =
    "Limit of one login, such as `10s` or `1m`. Defaults to `10s`, which is also the limit of the KMS.";

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Off => "off",
            Self::Apply => "apply",
            Self::Warn => "warn",
            Self::Plan => "plan",
        })
    }
}

impl Mode {
    pub(crate) const VALID: &'static str = "`plan`, `warn`, `apply` or `off`";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        // YAML parses an unquoted `off` as a boolean, and `mode = false` is valid HCL.
        let name = if text == "false" { "off" } else { &text };
        [Self::Off, Self::Apply, Self::Warn, Self::Plan].into_iter().find(|mode| mode.to_string() == name)
    }
}

impl Unreachable {
    const VALID: &'static str = "`warning`, `error` or `ignore`";

    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "warning" => Some(Self::Warning),
            "error" => Some(Self::Error),
            "ignore" => Some(Self::Ignore),
            _ => None,
        }
    }
}

impl<'a> BlockParser<'a> {
    pub(crate) fn new(block: &'a Field<Value>) -> Self {
        let block = match block {
            Field::Null => Field::Null,
            Field::Unknown => Field::Unknown,
            Field::Known(value) => value.as_object().map_or_else(|| Field::Invalid(value.clone()), Field::Known),
            Field::Invalid(value) => Field::Invalid(value.clone()),
        };
        Self { block, invalid: Vec::new() }
    }

    /// Returns the value of an argument.
    pub(crate) fn get(&self, name: &str) -> Field<&'a Value> {
        match &self.block {
            Field::Null => Field::Null,
            Field::Unknown => Field::Unknown,
            Field::Invalid(value) => Field::Invalid(value.clone()),
            Field::Known(object) => match object.get(name) {
                Value::Null => Field::Null,
                Value::Unknown(_) => Field::Unknown,
                value => Field::Known(value),
            },
        }
    }

    /// Parses the text of an argument.
    pub(crate) fn text<T>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
        valid: &'static str,
    ) -> Field<T> {
        match self.get(name) {
            Field::Null => Field::Null,
            Field::Unknown => Field::Unknown,
            Field::Known(value) => {
                let parsed = value.as_str().and_then(parse);
                if parsed.is_none() {
                    self.invalid.push(InvalidSetting { name, valid });
                }
                parsed.into()
            }
            Field::Invalid(value) => {
                self.invalid.push(InvalidSetting { name, valid });
                Field::Invalid(value)
            }
        }
    }

    /// Returns the arguments that are not valid.
    pub(crate) fn finish(self) -> Vec<InvalidSetting> {
        self.invalid
    }
}

impl ValidationSettings {
    pub(crate) fn parse(block: &mut BlockParser<'_>) -> Self {
        Self {
            mode: block.text("mode", Mode::parse, Mode::VALID),
            unreachable: block.text("unreachable", Unreachable::parse, Unreachable::VALID),
            timeout: block.text("timeout", duration::parse, "a duration such as `10s` or `1m`"),
        }
    }
}

impl Defaults {
    /// Parses the provider's block.
    pub(super) fn parse(block: &Field<Value>, errors: &mut Errors) -> Self {
        let mut parser = BlockParser::new(block);
        let settings = ValidationSettings::parse(&mut parser);
        parser.finish().into_iter().for_each(|invalid| errors.push(ConfigError::ValidationSetting(invalid)));
        Self { settings, bound: None }
    }

    /// Adds the upper bound of the environment.
    pub(super) fn with_environment(self, variable: env::Lookup<'_>, errors: &mut Errors) -> Self {
        let parse = |text: &str| Mode::parse(text).ok_or(InvalidValue::ValidationMode);
        Self { bound: errors.or_variable(None, &env::VALIDATION, variable, parse), ..self }
    }

    /// Returns the settings in force for a connection with this block, or `None` while one of them is unknown. With the mode `off`
    /// the others have no effect and may be unknown.
    pub(crate) fn with(&self, own: &ValidationSettings) -> Option<EffectiveSettings> {
        let defaults = &self.settings;
        let configured = first_set(&own.mode, &defaults.mode, Mode::Plan)?;
        let mode = self.bound.map_or(configured, |bound| bound.min(configured));
        let is_off = mode == Mode::Off;
        let unreachable = first_set(&own.unreachable, &defaults.unreachable, Unreachable::Warning);
        let timeout = first_set(&own.timeout, &defaults.timeout, DEFAULT_TIMEOUT);
        Some(EffectiveSettings {
            mode,
            lowered_from: (mode < configured).then_some(configured),
            unreachable: unreachable.or(is_off.then_some(Unreachable::Ignore))?,
            timeout: timeout.or(is_off.then_some(DEFAULT_TIMEOUT))?,
        })
    }
}

/// Returns the first value that is set, or `None` if it is unknown.
fn first_set<T: Copy>(own: &Field<T>, default: &Field<T>, otherwise: T) -> Option<T> {
    match (own, default) {
        (Field::Known(value), _) | (Field::Null, Field::Known(value)) => Some(*value),
        (Field::Null, Field::Null) => Some(otherwise),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(settings: &[(&str, &str)]) -> Field<Value> {
        let object: Object = settings.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
        Field::Known(Value::Object(object))
    }

    fn own(block: &Field<Value>) -> ValidationSettings {
        ValidationSettings::parse(&mut BlockParser::new(block))
    }

    fn defaults(block: &Field<Value>, variable: &str) -> Defaults {
        let mut errors = Errors::default();
        let lookup = |name: &str| (name == "KMS_VALIDATION").then(|| variable.to_owned());
        let defaults = Defaults::parse(block, &mut errors).with_environment(&lookup, &mut errors);
        errors.finish(defaults).unwrap()
    }

    fn mode(provider: &str, resource: &str, variable: &str) -> String {
        let one = |mode: &str| if mode.is_empty() { Field::Null } else { block(&[("mode", mode)]) };
        let settings = defaults(&one(provider), variable).with(&own(&one(resource))).unwrap();
        match settings.lowered_from {
            Some(from) => format!("{} instead of {from}", settings.mode),
            None => settings.mode.to_string(),
        }
    }

    #[test]
    fn connection_takes_precedence_and_environment_only_lowers() {
        for (provider, resource, variable, expected) in [
            ("", "", "", "plan"),
            ("warn", "", "", "warn"),
            ("warn", "plan", "", "plan"),
            ("off", "apply", "", "apply"),
            ("", "", "apply", "apply instead of plan"),
            ("", "", "plan", "plan"),
            ("apply", "", "plan", "apply"),
            ("", "warn", "off", "off instead of warn"),
            ("", "off", "off", "off"),
            ("", "apply", "warn", "apply"),
            // YAML's `off`, and other spellings.
            ("", "", "False", "off instead of plan"),
            ("", "", "false", "off instead of plan"),
            ("", "", " OFF ", "off instead of plan"),
            ("Warn", "", "", "warn"),
            ("", "false", "", "off"),
        ] {
            assert_eq!(mode(provider, resource, variable), expected, "{provider}/{resource}/{variable}");
        }
    }

    #[test]
    fn merges_settings_one_by_one() {
        let defaults = defaults(&block(&[("unreachable", "error"), ("timeout", "3s")]), "");
        let merged = defaults.with(&own(&block(&[("timeout", "7s")]))).unwrap();
        assert_eq!(merged.unreachable, Unreachable::Error);
        assert_eq!(merged.timeout, Duration::from_secs(7));
    }

    #[test]
    fn is_not_in_force_while_a_setting_is_unknown() {
        let none = Defaults::default();
        assert_eq!(none.with(&own(&Field::Unknown)), None);
        let mut object = Object::new();
        object.set("timeout", Value::unknown());
        assert_eq!(none.with(&own(&Field::Known(Value::Object(object.clone())))), None);
        let unknown = defaults(&Field::Unknown, "");
        assert_eq!(unknown.with(&own(&Field::Null)), None);
        object.set("mode", "off");
        for defaults in [none, unknown] {
            let settings = defaults.with(&own(&Field::Known(Value::Object(object.clone())))).unwrap();
            assert_eq!((settings.mode, settings.timeout), (Mode::Off, DEFAULT_TIMEOUT));
        }
    }
}

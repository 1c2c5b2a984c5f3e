//! The `validation` blocks: whether and how a plan logs in to the database. Knows nothing of the login itself.

use crate::provider::resources::postgres_connection::credential_check::rotation_roles;

use std::fmt;
use std::time::Duration;

use crate::env;
use crate::model;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::terraform::duration;
use crate::terraform::model::{Field, Model as _};
use crate::terraform::schema::{Block, optional};
use crate::terraform::types::Type;
use crate::terraform::value::Value;

pub(crate) use crate::provider::resources::postgres_connection::credential_check::rotation_roles::RotationSettings;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// When the provider logs in. In the order of how much it does: the environment can only lower it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Never.
    Off,
    /// In the apply, before the request.
    Apply,
    /// In the plan, where every refusal is a warning.
    Warn,
    /// In the plan.
    Plan,
}

/// How a database is judged that cannot be reached from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// With a warning.
    Warning,
    /// With an error.
    Error,
    /// With a line in the log.
    Ignore,
}

/// Where to connect instead of `host` and `port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressOverride {
    /// Name or IP address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

/// What is in force for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validation {
    pub(crate) mode: Mode,
    /// The mode of the configuration, where the environment lowered it.
    pub(crate) lowered_from: Option<Mode>,
    pub(crate) unreachable: Unreachable,
    pub(crate) timeout: Duration,
    pub(crate) address: Option<AddressOverride>,
    pub(crate) rotation: RotationSettings,
}

/// What the provider block and the environment say for all connections.
#[derive(Clone, Default)]
pub(crate) struct Defaults {
    mode: Field<Mode>,
    unreachable: Field<Unreachable>,
    timeout: Field<Duration>,
    bound: Option<Mode>,
}

model! {
    pub(crate) struct ValidationBlock {
        mode: String,
        unreachable: String,
        timeout: String,
        address: String,
        rotation_roles: Value,
        privileges: String,
    }
}

/// The block of the provider: defaults for all connections.
pub(crate) fn provider_block() -> Block {
    let [hosts, _] = env::VALIDATION_HOSTS;
    Block::new(format!(
        "Defaults for the `validation` blocks of connections. A connection's own block wins, argument by argument. Where \
         logins may go at all, whoever runs the plan can say in the environment variable `{}`: names, `*.example.com`, \
         addresses and networks; both `host` and the address that is dialled must be listed.",
        hosts.name
    ))
        .attribute(optional("mode", Type::String, format!("{MODE} Environment: {}.", variables())))
        .attribute(optional("unreachable", Type::String, UNREACHABLE))
        .attribute(optional("timeout", Type::String, TIMEOUT))
}

/// The block of a connection.
pub(crate) fn resource_block() -> Block {
    let block = Block::new(
        "How the provider checks the credentials by logging in to the database. These settings stay in the \
         configuration and the state; they are never sent to the KMS. What is not set comes from the `validation` block \
         of the provider.",
    )
    .attribute(optional("mode", Type::String, MODE))
    .attribute(optional("unreachable", Type::String, UNREACHABLE))
    .attribute(optional("timeout", Type::String, TIMEOUT))
    .attribute(optional(
        "address",
        Type::String,
        "Where this machine reaches the database, as `host:port` or `[IPv6]:port`, when that is not `host` and `port`: the \
         end of a tunnel, for example. TLS still checks the name in `host`.",
    ));
    rotation_roles::arguments().into_iter().fold(block, Block::attribute)
}

const MODE: &str = "When to log in: `plan` (a refusal stops the plan), `warn` (the plan shows it as a warning and the apply \
    refuses), `apply` (only in the apply, before the request) or `off`. Default: `plan`. The environment variable can lower \
    it for one run, in this order. Whether a platform-managed connection can be replaced, or its role taken over, is decided \
    by a login in every mode.";
const UNREACHABLE: &str = "What it means when the database cannot be reached from this machine, which proves nothing about the \
    KMS: `warning`, `error` or `ignore`. Default: `warning`.";
const TIMEOUT: &str = "How long one login may take in all, such as `10s` or `1m`. Default: `10s`, which is also the KMS's own \
    limit.";

fn variables() -> String {
    env::VALIDATION.map(|variable| format!("`{}`", variable.name)).join(", ")
}

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
    const NAMES: &'static str = "`plan`, `warn`, `apply` or `off`";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        // YAML reads an unquoted `off` as the boolean, and so does `mode = false` in a configuration.
        let name = if text == "false" { "off" } else { &text };
        [Self::Off, Self::Apply, Self::Warn, Self::Plan].into_iter().find(|mode| mode.to_string() == name)
    }
}

impl Unreachable {
    const NAMES: &'static str = "`warning`, `error` or `ignore`";

    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "warning" => Some(Self::Warning),
            "error" => Some(Self::Error),
            "ignore" => Some(Self::Ignore),
            _ => None,
        }
    }
}

impl AddressOverride {
    /// Reads `host:port` or `[IPv6]:port`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let plain = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@,[]".contains(c));
        let port = port.parse().ok().filter(|port| *port > 0)?;
        plain.then(|| Self { host: host.to_owned(), port })
    }
}

/// Checks a block as it is written, in the provider or in a connection.
pub(crate) fn check_block(block: &Field<Value>, path: &Path) -> Diagnostics {
    let Some(written) = written(block) else { return Diagnostics::new() };
    let mut diagnostics = Diagnostics::new();
    let mut check = |name: &str, field: &Field<String>, good: fn(&str) -> bool, takes: &str| {
        if field.known().is_some_and(|text| !good(text)) {
            let rule = format!(
                "`{name}` takes {takes}. Change the value, or remove the line (in a module: set it to `null`) to use the \
                 default."
            );
            diagnostics.push(Diagnostic::error("Invalid validation setting", rule).at(path.attribute(name)));
        }
    };
    check("mode", &written.mode, |text| Mode::parse(text).is_some(), Mode::NAMES);
    check("unreachable", &written.unreachable, |text| Unreachable::parse(text).is_some(), Unreachable::NAMES);
    check("timeout", &written.timeout, |text| duration::parse(text).is_some(), "a duration such as `10s` or `1m`");
    check(
        "address",
        &written.address,
        |text| AddressOverride::parse(text).is_some(),
        "one host and port, such as `127.0.0.1:15432`, `bastion.example.com:5432` or `[::1]:5432`",
    );
    diagnostics.extend(rotation_roles::check(&written, path));
    diagnostics
}

/// Whether a change of the block alone is a reason to log in: there are other roles, or missing privileges became errors.
pub(crate) fn asks_about_more_roles(prior: &Field<Value>, planned: &Field<Value>) -> bool {
    let rotation = |block: &Field<Value>| written(block).as_ref().map(RotationSettings::of).unwrap_or_default();
    rotation(planned).asks_more_than(&rotation(prior))
}

impl Defaults {
    /// The provider's block with the bound of the environment.
    pub(crate) fn resolve(block: &Field<Value>, variable: env::Lookup<'_>) -> Result<Self, Diagnostic> {
        let bound = match env::first(&env::VALIDATION, variable) {
            None => None,
            Some((name, text)) => Some(Mode::parse(&text).ok_or_else(|| {
                Diagnostic::error(
                    "Invalid environment variable",
                    format!("`{name}` takes {}. Change its value, or unset it.", Mode::NAMES),
                )
            })?),
        };
        Ok(match block {
            Field::Unknown => {
                Self { mode: Field::Unknown, unreachable: Field::Unknown, timeout: Field::Unknown, bound }
            }
            block => {
                let written = written(block).unwrap_or_default();
                Self {
                    mode: parsed(&written.mode, Mode::parse),
                    unreachable: parsed(&written.unreachable, Unreachable::parse),
                    timeout: parsed(&written.timeout, duration::parse),
                    bound,
                }
            }
        })
    }

    /// What is in force for a connection with this block; `None` while something of it is unknown.
    pub(crate) fn with(&self, block: &Field<Value>) -> Option<Validation> {
        if block.is_unknown() {
            return None;
        }
        let written = written(block).unwrap_or_default();
        let configured = either(parsed(&written.mode, Mode::parse), self.mode, Mode::Plan)?;
        let mode = self.bound.map_or(configured, |bound| bound.min(configured));
        if mode == Mode::Off {
            // Nothing else matters then, be it unknown.
            return Some(Validation {
                mode,
                lowered_from: (mode < configured).then_some(configured),
                unreachable: either(
                    parsed(&written.unreachable, Unreachable::parse),
                    self.unreachable,
                    Unreachable::Warning,
                )
                .unwrap_or(Unreachable::Ignore),
                timeout: DEFAULT_TIMEOUT,
                address: None,
                rotation: RotationSettings::default(),
            });
        }
        Some(Validation {
            mode,
            lowered_from: (mode < configured).then_some(configured),
            unreachable: either(
                parsed(&written.unreachable, Unreachable::parse),
                self.unreachable,
                Unreachable::Warning,
            )?,
            timeout: either(parsed(&written.timeout, duration::parse), self.timeout, DEFAULT_TIMEOUT)?,
            address: match &written.address {
                Field::Null => None,
                Field::Unknown => return None,
                Field::Known(text) => AddressOverride::parse(text),
            },
            rotation: RotationSettings::of(&written),
        })
    }
}

fn written(block: &Field<Value>) -> Option<ValidationBlock> {
    block.known().and_then(Value::as_object).map(ValidationBlock::from_object)
}

fn parsed<T>(field: &Field<String>, parse: fn(&str) -> Option<T>) -> Field<T> {
    match field {
        Field::Null => Field::Null,
        Field::Unknown => Field::Unknown,
        Field::Known(text) => parse(text).into(),
    }
}

fn either<T>(own: Field<T>, default: Field<T>, otherwise: T) -> Option<T> {
    match (own, default) {
        (Field::Known(value), _) | (Field::Null, Field::Known(value)) => Some(value),
        (Field::Null, Field::Null) => Some(otherwise),
        (Field::Unknown, _) | (Field::Null, Field::Unknown) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::value::Object;

    fn block(settings: &[(&str, &str)]) -> Field<Value> {
        let object: Object = settings.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
        Field::Known(Value::Object(object))
    }

    fn mode(provider: &str, resource: &str, variable: &str) -> String {
        let one = |mode: &str| if mode.is_empty() { Field::Null } else { block(&[("mode", mode)]) };
        let lookup = |name: &str| (name == "KMS_VALIDATION").then(|| variable.to_owned());
        let defaults = Defaults::resolve(&one(provider), &lookup).unwrap();
        let validation = defaults.with(&one(resource)).unwrap();
        match validation.lowered_from {
            Some(from) => format!("{} instead of {from}", validation.mode),
            None => validation.mode.to_string(),
        }
    }

    #[test]
    fn the_connection_wins_and_the_environment_only_lowers() {
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
            // YAML's `off`, and other ways to write a word.
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
    fn settings_merge_one_by_one() {
        let provider = block(&[("unreachable", "error"), ("timeout", "3s")]);
        let defaults = Defaults::resolve(&provider, &|_| None).unwrap();
        let merged = defaults.with(&block(&[("timeout", "7s"), ("address", "[::1]:15432")])).unwrap();
        assert_eq!(merged.unreachable, Unreachable::Error);
        assert_eq!(merged.timeout, Duration::from_secs(7));
        assert_eq!(merged.address, Some(AddressOverride { host: "::1".to_owned(), port: 15432 }));
    }

    #[test]
    fn nothing_is_in_force_while_something_is_unknown() {
        let nothing = Defaults::resolve(&Field::Null, &|_| None).unwrap();
        assert!(nothing.with(&Field::Unknown).is_none());
        let mut object = Object::new();
        object.set("address", Value::unknown());
        assert!(nothing.with(&Field::Known(Value::Object(object))).is_none());
        let unknown = Defaults::resolve(&Field::Unknown, &|_| None).unwrap();
        assert!(unknown.with(&Field::Null).is_none());
        assert_eq!(unknown.with(&block(&[("mode", "off")])).unwrap().mode, Mode::Off);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = Defaults::resolve(&Field::Null, &|_| Some("maybe".to_owned())).err().unwrap();
        assert_eq!(
            error.detail,
            "`KMS_VALIDATION` takes `plan`, `warn`, `apply` or `off`. Change its value, or unset it."
        );
    }

    #[test]
    fn addresses() {
        for (text, host, port) in
            [("localhost:5432", "localhost", 5432), ("[::1]:5432", "::1", 5432), (" 127.0.0.1:1 ", "127.0.0.1", 1)]
        {
            assert_eq!(AddressOverride::parse(text), Some(AddressOverride { host: host.to_owned(), port }), "{text}");
        }
        for text in
            ["", "localhost", "::1:5432", "a:0", "a:70000", ":5432", "[::1]5432", "a b:1", "http://a:1", "a,b:1"]
        {
            assert_eq!(AddressOverride::parse(text), None, "{text}");
        }
    }
}

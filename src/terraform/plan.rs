//! From configuration and prior state to a planned state. Pure: no IO, no clock, no provider.
//!
//! The order is that of the rules which a core checks afterwards (see [`super::check`]): what the configuration says,
//! else what stays, else a default, else unknown.

use super::diagnostic::Path;
use super::schema::{Attribute, Block, Presence};
use super::value::{Object, Value};

/// Whether two values of an attribute mean the same to the service (for example but for white space at the ends).
pub type Same<'a> = &'a dyn Fn(&str, &Value, &Value) -> bool;

/// What a plan says about an object that is created or updated.
#[derive(Clone, PartialEq)]
pub struct Proposal {
    /// The planned state, without write-only values.
    pub state: Object,
    /// The changes that need a new object.
    pub replace: Vec<Path>,
}

/// The planned state by the schema alone. A resource may change it afterwards.
///
/// `proposed` is the core's own merge of configuration and prior state. Only nested blocks are taken from it: the core
/// has found out there which block was which.
pub fn propose(block: &Block, prior: Option<&Object>, proposed: &Object, config: &Object, same: Same<'_>) -> Proposal {
    let mut state = settled(block, prior, proposed, config, same);
    // Asked before anything is forgotten: what is unknown only because something else changes needs no new object.
    let replace = prior.map_or_else(Vec::new, |prior| replacements(block, prior, &state));
    if prior.is_none_or(|prior| differs(prior, &state)) {
        state = forgetful(block, config, state);
    }
    Proposal { state, replace }
}

/// The planned state with its unknown values filled from what the service answered.
#[derive(Clone, PartialEq)]
pub struct Filled {
    /// The new state: wholly known.
    pub state: Object,
    /// Attributes for which the answer says something else than the plan.
    pub disagreements: Vec<String>,
}

/// What an apply returns: the plan, with its unknown values filled from the answer.
///
/// A core refuses every other value, so where the answer disagrees the plan stays and the next refresh shows the drift.
pub fn fill(block: &Block, planned: &Object, answer: &Object, same: Same<'_>) -> Filled {
    let mut state = Object::new();
    let mut disagreements = Vec::new();
    for attribute in &block.attributes {
        let (plan, actual) = (planned.get(attribute.name), answer.get(attribute.name));
        if plan.is_wholly_known() && !attribute.write_only && plan != actual && !same(attribute.name, plan, actual) {
            disagreements.push(attribute.name.to_owned());
        }
        state.set(attribute.name, resolved(plan, actual));
    }
    for nested in &block.blocks {
        state.set(nested.name, resolved(planned.get(nested.name), answer.get(nested.name)));
    }
    // A block that was unknown as a whole is the answer's.
    Filled { state: block.without_write_only(block.complete(state)), disagreements }
}

/// What a refresh returns: the answer, in the spelling of the state where both mean the same.
pub fn respell(block: &Block, state: &Object, answer: Object, same: Same<'_>) -> Object {
    let mut respelled = block.without_write_only(block.complete(answer));
    for attribute in &block.attributes {
        let before = state.get(attribute.name);
        if !attribute.write_only && same(attribute.name, before, respelled.get(attribute.name)) {
            respelled.set(attribute.name, before.clone());
        }
    }
    respelled
}

/// Whether planning the second means a change of the first. Unknown counts as a change.
pub fn differs(prior: &Object, planned: &Object) -> bool {
    planned.iter().any(|(name, value)| !value.is_wholly_known() || value != prior.get(name))
}

/// What is planned as long as nothing else changes.
fn settled(block: &Block, prior: Option<&Object>, proposed: &Object, config: &Object, same: Same<'_>) -> Object {
    let attributes = block.attributes.iter().map(|attribute| {
        let before = prior.map(|prior| prior.get(attribute.name));
        (attribute.name.to_owned(), attribute_value(attribute, before, config.get(attribute.name), same))
    });
    let blocks = block.blocks.iter().map(|nested| {
        let value = with_block(config.get(nested.name), proposed.get(nested.name), |config, proposed| {
            settled(&nested.block, proposed, proposed.unwrap_or(&Object::new()), config, &|_, a, b| a == b)
        });
        (nested.name.to_owned(), value)
    });
    attributes.chain(blocks).collect()
}

fn attribute_value(attribute: &Attribute, before: Option<&Value>, config: &Value, same: Same<'_>) -> Value {
    if attribute.write_only {
        return Value::Null;
    }
    let configured = Some(config).filter(|config| !config.is_null() && attribute.presence != Presence::Computed);
    match (configured.or(attribute.default.as_ref()), before) {
        (Some(wanted), Some(before)) if keeps_spelling(attribute.name, before, wanted, same) => before.clone(),
        (Some(wanted), _) => wanted.clone(),
        (None, Some(before)) if attribute.is_computed() => before.clone(),
        (None, None) if attribute.is_computed() => Value::unknown(),
        (None, _) => Value::Null,
    }
}

fn keeps_spelling(name: &str, before: &Value, wanted: &Value, same: Same<'_>) -> bool {
    !before.is_null() && wanted.is_wholly_known() && same(name, before, wanted)
}

/// Something changes, so that computed values may change with it, in blocks as well.
fn forgetful(block: &Block, config: &Object, mut state: Object) -> Object {
    for attribute in &block.attributes {
        let open = attribute.is_computed() && attribute.default.is_none() && config.get(attribute.name).is_null();
        let kept = attribute.kept && !state.get(attribute.name).is_null();
        if open && !kept {
            state.set(attribute.name, Value::unknown());
        }
    }
    for nested in &block.blocks {
        let value = with_block(config.get(nested.name), state.get(nested.name), |config, state| {
            forgetful(&nested.block, config, state.cloned().unwrap_or_default())
        });
        state.set(nested.name, value);
    }
    state
}

/// The block of the configuration, made together with its counterpart in `other`. An absent block, and a block that is
/// unknown as a whole, stay as they came: a core demands them back byte for byte.
fn with_block(config: &Value, other: &Value, make: impl FnOnce(&Object, Option<&Object>) -> Object) -> Value {
    match config {
        Value::Object(config) => Value::Object(make(config, other.as_object())),
        absent => absent.clone(),
    }
}

fn replacements(block: &Block, prior: &Object, planned: &Object) -> Vec<Path> {
    block
        .attributes
        .iter()
        .filter(|attribute| attribute.replaces && prior.get(attribute.name) != planned.get(attribute.name))
        .map(|attribute| Path::from(attribute.name))
        .collect()
}

fn resolved(plan: &Value, actual: &Value) -> Value {
    match (plan, actual) {
        (Value::Unknown(_), actual) if actual.is_wholly_known() => actual.clone(),
        (Value::Unknown(_), _) => Value::Null,
        (Value::Object(plan), actual) => {
            let nothing = Object::new();
            let actual = actual.as_object().unwrap_or(&nothing);
            Value::Object(plan.iter().map(|(name, plan)| (name.clone(), resolved(plan, actual.get(name)))).collect())
        }
        (Value::List(plan), actual) => {
            let actual = match actual {
                Value::List(actual) => actual.as_slice(),
                _ => &[],
            };
            let element = |(position, plan)| resolved(plan, actual.get(position).unwrap_or(&Value::Null));
            Value::List(plan.iter().enumerate().map(element).collect())
        }
        (plan, _) => plan.clone(),
    }
}

#[cfg(test)]
mod tests;

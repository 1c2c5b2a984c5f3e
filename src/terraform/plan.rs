//! From configuration and prior state to a planned state. Pure: no IO, no clock, no provider.
//!
//! The order is that of the rules which a core checks afterwards (see [`super::check`]): what the configuration says,
//! else what stays, else a default, else unknown.

use super::diagnostic::Path;
use super::schema::{Attribute, Block, NestedBlock, Nesting, Presence};
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
/// `proposed` is the core's own merge of configuration and prior state; only nested blocks are taken from it.
pub fn propose(block: &Block, prior: Option<&Object>, proposed: &Object, config: &Object, same: Same<'_>) -> Proposal {
    let mut state = Object::new();
    for attribute in &block.attributes {
        let before = prior.map(|prior| prior.get(attribute.name));
        state.set(attribute.name, attribute_value(attribute, before, config.get(attribute.name), same));
    }
    for nested in &block.blocks {
        let name = nested.name;
        state.set(name, nested_value(nested, prior.map(|prior| prior.get(name)), proposed.get(name), config.get(name)));
    }
    if prior.is_none_or(|prior| differs(prior, &state)) {
        forget_what_may_change(block, prior, config, &mut state);
    }
    let replace = prior.map_or_else(Vec::new, |prior| replacements(block, prior, &state));
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
    Filled { state, disagreements }
}

/// What a refresh returns: the answer, in the spelling of the state where both mean the same.
pub fn respell(block: &Block, state: &Object, answer: Object, same: Same<'_>) -> Object {
    let mut respelled = block.complete(answer);
    for attribute in &block.attributes {
        let before = state.get(attribute.name);
        if attribute.write_only {
            respelled.set(attribute.name, Value::Null);
        } else if same(attribute.name, before, respelled.get(attribute.name)) {
            respelled.set(attribute.name, before.clone());
        }
    }
    respelled
}

/// Whether planning the second means a change of the first. Unknown counts as a change.
pub fn differs(prior: &Object, planned: &Object) -> bool {
    planned.iter().any(|(name, value)| !value.is_wholly_known() || value != prior.get(name))
}

fn attribute_value(attribute: &Attribute, before: Option<&Value>, config: &Value, same: Same<'_>) -> Value {
    if attribute.write_only {
        return Value::Null;
    }
    if !config.is_null() && attribute.presence != Presence::Computed {
        return match before {
            Some(before) if keeps_spelling(attribute.name, before, config, same) => before.clone(),
            _ => config.clone(),
        };
    }
    match (&attribute.default, before) {
        (Some(default), _) => default.clone(),
        (None, Some(before)) if attribute.is_computed() => before.clone(),
        (None, None) if attribute.is_computed() => Value::unknown(),
        (None, _) => Value::Null,
    }
}

fn keeps_spelling(name: &str, before: &Value, config: &Value, same: Same<'_>) -> bool {
    !before.is_null() && config.is_wholly_known() && same(name, before, config)
}

fn nested_value(nested: &NestedBlock, before: Option<&Value>, proposed: &Value, config: &Value) -> Value {
    match (nested.nesting, config, proposed) {
        (Nesting::Single | Nesting::Group, Value::Object(config), Value::Object(proposed)) => {
            let before = before.and_then(Value::as_object);
            Value::Object(propose(&nested.block, before, proposed, config, &|_, a, b| a == b).state)
        }
        (Nesting::List | Nesting::Set, Value::List(config), Value::List(proposed))
            if config.len() == proposed.len() =>
        {
            Value::List(
                config.iter().zip(proposed).map(|(config, proposed)| element(nested, proposed, config)).collect(),
            )
        }
        (Nesting::Map, Value::Object(config), Value::Object(proposed)) => Value::Object(
            config
                .iter()
                .map(|(label, config)| (label.clone(), element(nested, proposed.get(label), config)))
                .collect(),
        ),
        // Absent blocks, and blocks that are unknown as a whole: those must go back as they came.
        (_, config, _) => config.clone(),
    }
}

/// Elements have no reliable counterpart in the prior state, but the core has put it into `proposed` already.
fn element(nested: &NestedBlock, proposed: &Value, config: &Value) -> Value {
    match (proposed, config) {
        (Value::Object(proposed), Value::Object(config)) => {
            Value::Object(propose(&nested.block, Some(proposed), proposed, config, &|_, a, b| a == b).state)
        }
        _ => config.clone(),
    }
}

/// Something changes, so that computed values may change with it.
fn forget_what_may_change(block: &Block, prior: Option<&Object>, config: &Object, state: &mut Object) {
    for attribute in &block.attributes {
        let open = attribute.is_computed() && attribute.default.is_none() && config.get(attribute.name).is_null();
        if open && !(attribute.kept && prior.is_some()) {
            state.set(attribute.name, Value::unknown());
        }
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

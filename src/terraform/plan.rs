//! Derives a planned state from configuration and prior state by the schema alone. No IO, no clock.
//!
//! The order of precedence follows the rules that a core checks afterwards (see [`super::check`]): the configured value,
//! else the prior value, else the default, else unknown.

use crate::terraform::diagnostic::Path;
use crate::terraform::schema::{Attribute, Block, Presence};
use crate::terraform::value::{Object, Value};

/// Returns whether two values of an attribute are semantically equal: the service does not distinguish them.
pub type Same<'a> = &'a dyn Fn(&str, &Value, &Value) -> bool;

/// The plan for an object that is created or updated.
#[derive(Clone, PartialEq)]
pub struct Proposal {
    /// The planned state, without write-only values.
    pub state: Object,
    /// The changes that need a new object.
    pub replace: Vec<Path>,
}

/// Returns the planned state by the schema alone. A resource may change it afterwards.
///
/// `proposed` is the core's own merge of configuration and prior state. Only nested blocks are taken from it.
pub fn propose(block: &Block, prior: Option<&Object>, proposed: &Object, config: &Object, same: Same<'_>) -> Proposal {
    let mut state = merge_prior(block, prior, proposed, config, same);
    // Before computed values become unknown: a value that is unknown only because another one changes replaces nothing.
    let replace = prior.map_or_else(Vec::new, |prior| replacements(block, prior, &state));
    if prior.is_none_or(|prior| differs(prior, &state)) {
        state = mark_computed_unknown(block, config, state);
    }
    Proposal { state, replace }
}

/// The planned state with its unknown values resolved from the service's response.
#[derive(Clone, PartialEq)]
pub struct ResolvedPlan {
    /// The new state: wholly known.
    pub state: Object,
    /// Attributes for which the response differs from the plan.
    pub disagreements: Vec<String>,
}

/// Returns the new state of an apply: the plan, with its unknown values resolved from the response.
///
/// A core rejects every other value. Where the response differs, the planned value stays and the next refresh shows drift.
pub fn resolve_unknowns(block: &Block, planned: &Object, response: &Object, same: Same<'_>) -> ResolvedPlan {
    let mut state = Object::new();
    let mut disagreements = Vec::new();
    for attribute in &block.attributes {
        let (plan, actual) = (planned.get(attribute.name), response.get(attribute.name));
        if plan.is_wholly_known() && !attribute.write_only && plan != actual && !same(attribute.name, plan, actual) {
            disagreements.push(attribute.name.to_owned());
        }
        state.set(attribute.name, resolved(plan, actual));
    }
    for nested in &block.blocks {
        state.set(nested.name, resolved(planned.get(nested.name), response.get(nested.name)));
    }
    // A block that was unknown as a whole comes from the response.
    ResolvedPlan { state: block.without_write_only(block.complete(state)), disagreements }
}

/// Returns the new state of a refresh: the response, with the spelling of the state where both are semantically equal.
pub fn keep_prior_spelling(block: &Block, state: &Object, response: Object, same: Same<'_>) -> Object {
    let mut respelled = block.without_write_only(block.complete(response));
    for attribute in &block.attributes {
        let before = state.get(attribute.name);
        if !attribute.write_only && same(attribute.name, before, respelled.get(attribute.name)) {
            respelled.set(attribute.name, before.clone());
        }
    }
    respelled
}

/// Returns a configuration with the default of each argument that it does not set.
pub fn with_defaults(block: &Block, config: &Object) -> Object {
    let mut arguments = block.complete(config.clone());
    for attribute in &block.attributes {
        if let Some(default) = attribute.default.as_ref().filter(|_| config.get(attribute.name).is_null()) {
            arguments.set(attribute.name, default.clone());
        }
    }
    arguments
}

/// Returns the result of reading a configuration: its arguments, with the spelling and the nulls of the configuration, and the
/// computed values of `found`. A core accepts no other values for arguments.
pub fn with_arguments(block: &Block, config: &Object, found: &Object) -> Object {
    let mut result = with_defaults(block, config);
    for attribute in &block.attributes {
        if attribute.is_computed() && result.get(attribute.name).is_null() {
            result.set(attribute.name, found.get(attribute.name).clone());
        }
    }
    block.without_write_only(result)
}

/// Returns whether the planned object changes the prior one. An unknown value counts as a change.
pub fn differs(prior: &Object, planned: &Object) -> bool {
    planned.iter().any(|(name, value)| !value.is_wholly_known() || value != prior.get(name))
}

/// Returns the planned state under the assumption that nothing else changes.
fn merge_prior(block: &Block, prior: Option<&Object>, proposed: &Object, config: &Object, same: Same<'_>) -> Object {
    let attributes = block.attributes.iter().map(|attribute| {
        let before = prior.map(|prior| prior.get(attribute.name));
        (attribute.name.to_owned(), attribute_value(attribute, before, config.get(attribute.name), same))
    });
    let blocks = block.blocks.iter().map(|nested| {
        let value = with_block(config.get(nested.name), proposed.get(nested.name), |config, proposed| {
            merge_prior(&nested.block, proposed, proposed.unwrap_or(&Object::new()), config, &|_, a, b| a == b)
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

/// Marks computed values as unknown, also in blocks: something else changes, so they may change with it.
fn mark_computed_unknown(block: &Block, config: &Object, mut state: Object) -> Object {
    for attribute in &block.attributes {
        let open = attribute.is_computed() && attribute.default.is_none() && config.get(attribute.name).is_null();
        let kept = attribute.use_state_for_unknown && !state.get(attribute.name).is_null();
        if open && !kept {
            state.set(attribute.name, Value::unknown());
        }
    }
    for nested in &block.blocks {
        let value = with_block(config.get(nested.name), state.get(nested.name), |config, state| {
            mark_computed_unknown(&nested.block, config, state.cloned().unwrap_or_default())
        });
        state.set(nested.name, value);
    }
    state
}

/// Builds the value of a block from its configuration and its counterpart in `other`. A block that is absent, or unknown as
/// a whole, is returned unchanged: a core requires it byte for byte.
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
        .filter(|attribute| attribute.requires_replace && prior.get(attribute.name) != planned.get(attribute.name))
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

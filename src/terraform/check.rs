//! Checks a plan by the rules of a core before it leaves the process.
//!
//! A core that finds a violation reports "Provider produced invalid plan" without a cause. This check names the attribute
//! and the rule. An apply needs no check: [`super::plan::resolve_unknowns`] returns the plan by construction.

use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::terraform::schema::{Attribute, Block, NestedBlock, Presence};
use crate::terraform::value::{Object, Value};

/// Returns an error for each value of a planned state that a core would reject.
pub fn planned(block: &Block, prior: Option<&Object>, config: &Object, planned: &Object) -> Diagnostics {
    let mut violations = Diagnostics::new();
    check_block(block, prior, config, planned, &Path::root(), &mut violations);
    violations
}

/// Returns an error for each read-only attribute that a configuration sets. A core accepts it, and the value would be lost
/// without a message. `is_rejected` selects the values: in a validation an unknown variable may still become null.
pub fn read_only(block: &Block, config: &Object, is_rejected: impl Fn(&Value) -> bool) -> Diagnostics {
    let set = block.values_where(config, |attribute| attribute.presence == Presence::Computed).into_iter();
    set.filter(|(_, value)| is_rejected(value))
        .map(|(path, _)| {
            Diagnostic::error(
                "Read-only attribute in the configuration",
                format!(
                    "The provider sets `{path}`; a configuration cannot. Nothing was changed. Remove the line. Other \
                     resources can refer to the attribute."
                ),
            )
            .at(path)
        })
        .collect()
}

fn check_block(
    block: &Block,
    prior: Option<&Object>,
    config: &Object,
    planned: &Object,
    path: &Path,
    violations: &mut Diagnostics,
) {
    for attribute in &block.attributes {
        let name = attribute.name;
        let before = prior.map_or(&Value::Null, |prior| prior.get(name));
        if let Some(rule) = violated_rule(attribute, before, config.get(name), planned.get(name)) {
            violations.push(violation(path.attribute(name), rule));
        }
    }
    for nested in &block.blocks {
        let name = nested.name;
        let before = prior.map_or(&Value::Null, |prior| prior.get(name));
        check_nested(nested, before, config.get(name), planned.get(name), &path.attribute(name), violations);
    }
}

fn violated_rule(attribute: &Attribute, prior: &Value, config: &Value, planned: &Value) -> Option<&'static str> {
    let follows_prior = !prior.is_null() && !config.is_null() && planned.equals_without_refinements(prior);
    if attribute.write_only {
        return (!planned.is_null()).then_some("a write-only value must not be planned");
    }
    if attribute.presence == Presence::Computed || planned.equals_without_refinements(config) || follows_prior {
        return None;
    }
    match (attribute.presence, config.is_null()) {
        (Presence::OptionalComputed, true) => None,
        (_, true) => Some("it is not set and not computed, so it must be planned as null"),
        (_, false) => Some("the planned value is neither the configured nor the prior one"),
    }
}

fn check_nested(
    nested: &NestedBlock,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &Path,
    violations: &mut Diagnostics,
) {
    match (config, planned) {
        (Value::Unknown(_), planned) if planned == config => {}
        (Value::Unknown(_), _) => {
            violations.push(violation(path.clone(), "an unknown block must be planned exactly as it came"));
        }
        (Value::Null, Value::Null) => {}
        (Value::Object(config), Value::Object(planned)) => {
            check_block(&nested.block, prior.as_object(), config, planned, path, violations);
        }
        _ => violations.push(violation(path.clone(), "a block must be planned exactly where one is configured")),
    }
}

fn violation(path: Path, rule: &str) -> Diagnostic {
    Diagnostic::error(
        "The provider planned an invalid value",
        format!(
            "The plan for `{path}` violates a rule of Terraform: {rule}. Nothing was changed. This is a bug in the \
             provider, not a mistake in the configuration: report it with the version of the provider."
        ),
    )
    .at(path)
}

#[cfg(test)]
mod tests;

//! For any schema, state and configuration, plan and apply satisfy the rules of a core.

use proptest::prelude::*;

use crate::terraform::check;
use crate::terraform::notation::{proposed, show};
use crate::terraform::plan::{differs, keep_prior_spelling, propose, resolve_unknowns};
use crate::terraform::schema::{Attribute, Block, NestedBlock, Presence, computed, optional, required};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Unknown, Value};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn plans_satisfy_the_rules(Case { block, prior, config, .. } in a_case()) {
        let proposed = proposed(&block, prior.as_ref(), &config);
        let plan = propose(&block, prior.as_ref(), &proposed, &config, &trimmed);
        let violations = check::planned(&block, prior.as_ref(), &config, &plan.state);
        prop_assert!(violations.is_empty(), "{violations:?}\n{}", show(&plan.state));
        prop_assert!(block.write_only_values(&plan.state).is_empty());
        prop_assert!(prior.is_some() || plan.replace.is_empty());
    }

    #[test]
    fn plans_satisfy_the_rules_for_any_proposal(Case { block, prior, config, response } in a_case()) {
        let plan = propose(&block, prior.as_ref(), &response, &config, &trimmed);
        let violations = check::planned(&block, prior.as_ref(), &config, &plan.state);
        prop_assert!(violations.is_empty(), "{violations:?}\n{}", show(&plan.state));
    }

    #[test]
    fn apply_returns_the_plan_without_unknown_values(Case { block, prior, config, response } in a_case()) {
        let proposed = proposed(&block, prior.as_ref(), &config);
        let plan = propose(&block, prior.as_ref(), &proposed, &config, &trimmed).state;
        let resolved = resolve_unknowns(&block, &plan, &response, &trimmed).state;
        prop_assert!(resolved.values().all(Value::is_wholly_known));
        prop_assert!(conforms(&plan.into(), &resolved.clone().into()));
        prop_assert!(block.write_only_values(&resolved).is_empty());
    }

    #[test]
    fn applied_objects_plan_and_read_without_change(Case { block, prior, config, response } in a_case()) {
        let config = block.complete(known(config));
        let merged = proposed(&block, prior.as_ref(), &config);
        let plan = propose(&block, prior.as_ref(), &merged, &config, &trimmed).state;
        let state = resolve_unknowns(&block, &plan, &response, &trimmed).state;
        let merged = proposed(&block, Some(&state), &config);
        let again = propose(&block, Some(&state), &merged, &config, &trimmed);
        prop_assert!(!differs(&state, &again.state), "{}\n{}", show(&state), show(&again.state));
        prop_assert!(again.replace.is_empty());
        prop_assert!(keep_prior_spelling(&block, &state, state.clone(), &trimmed) == state);
    }
}

struct Case {
    block: Block,
    prior: Option<Object>,
    config: Object,
    /// The response of a service: any object of the schema.
    response: Object,
}

/// Printed when a property fails. The values are generated.
impl std::fmt::Debug for Case {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for attribute in &self.block.attributes {
            let Attribute { name, presence, default, write_only, use_state_for_unknown, .. } = attribute;
            write!(formatter, "{name}: {presence:?} {} {write_only} {use_state_for_unknown}; ", default.is_some())?;
        }
        let prior = self.prior.as_ref().map_or_else(|| "-".to_owned(), show);
        write!(formatter, "\nprior {prior}\nconfig {}\nresponse {}", show(&self.config), show(&self.response))
    }
}

fn a_case() -> impl Strategy<Value = Case> {
    a_block(2).prop_flat_map(|block| {
        let prior = prop::option::of(an_object(&block, Role::State));
        (prior, an_object(&block, Role::Config), an_object(&block, Role::WithDiagnostics))
            .prop_map(move |(prior, config, response)| Case { block: block.clone(), prior, config, response })
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    State,
    Config,
    WithDiagnostics,
}

fn a_block(depth: u32) -> BoxedStrategy<Block> {
    let attributes = prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4)
        .prop_flat_map(|names| names.into_iter().map(an_attribute).collect::<Vec<_>>());
    let names = if depth == 0 { Vec::new() } else { vec!["m", "n"] };
    let blocks = prop::sample::subsequence(names.clone(), 0..=names.len()).prop_flat_map(move |names| {
        names.into_iter().map(|name| a_nested(name, depth.saturating_sub(1))).collect::<Vec<_>>()
    });
    (attributes, blocks)
        .prop_map(|(attributes, blocks)| Block { description: String::new(), attributes, blocks })
        .boxed()
}

fn a_nested(name: &'static str, depth: u32) -> impl Strategy<Value = NestedBlock> {
    a_block(depth).prop_map(move |block| NestedBlock { name, block })
}

fn an_attribute(name: &'static str) -> impl Strategy<Value = Attribute> {
    let ty = prop_oneof![
        4 => Just(Type::String),
        1 => Just(Type::List(Box::new(Type::String))),
        1 => Just(Type::Map(Box::new(Type::String))),
    ];
    (0..6, any::<bool>(), any::<bool>(), ty).prop_map(move |(kind, use_state_for_unknown, requires_replace, ty)| {
        let attribute = match kind {
            0 => required(name, ty, ""),
            1 => optional(name, ty, ""),
            2 => optional(name, ty, "").or_computed(),
            3 => computed(name, ty, ""),
            4 => optional(name, Type::String, "").default("x"),
            _ => return optional(name, ty, "").write_only(),
        };
        Attribute { use_state_for_unknown, requires_replace, ..attribute }
    })
}

fn an_object(block: &Block, role: Role) -> BoxedStrategy<Object> {
    let attributes = block.attributes.iter().map(|attribute| (attribute.name, attribute_value(attribute, role)));
    let blocks = block.blocks.iter().map(|nested| (nested.name, nested_value(nested, role)));
    let (names, values): (Vec<_>, Vec<_>) = attributes.chain(blocks).unzip();
    values.prop_map(move |values| names.iter().map(|name| (*name).to_owned()).zip(values).collect()).boxed()
}

fn attribute_value(attribute: &Attribute, role: Role) -> BoxedStrategy<Value> {
    let value = a_value(&attribute.ty, role != Role::State);
    let maybe = prop_oneof![1 => Just(Value::Null), 2 => value.clone()].boxed();
    match (role, attribute.presence) {
        (Role::Config, Presence::Computed) => Just(Value::Null).boxed(),
        (Role::State, _) if attribute.write_only => Just(Value::Null).boxed(),
        (Role::Config, Presence::Required) => value,
        _ => maybe,
    }
}

fn nested_value(nested: &NestedBlock, role: Role) -> BoxedStrategy<Value> {
    let one = an_object(&nested.block, role).prop_map(Value::Object);
    let known = prop_oneof![Just(Value::Null), one];
    prop_oneof![8 => known, u32::from(role == Role::Config) => an_unknown()].boxed()
}

fn a_value(ty: &Type, unknowns: bool) -> BoxedStrategy<Value> {
    let known = match ty {
        Type::List(ty) => prop::collection::vec(a_value(ty, unknowns), 0..3).prop_map(Value::List).boxed(),
        Type::Map(ty) => prop::collection::btree_map("[jk]", a_value(ty, unknowns), 0..3)
            .prop_map(|elements| Value::Object(elements.into_iter().collect()))
            .boxed(),
        _ => prop::sample::select(vec!["x", " x", "y"]).prop_map(Value::from).boxed(),
    };
    prop_oneof![8 => known, u32::from(unknowns) => an_unknown()].boxed()
}

fn an_unknown() -> impl Strategy<Value = Value> {
    let refinement = prop::option::of(Just(vec![0x81, 1, 0xc2]));
    refinement.prop_map(|refinement| Value::Unknown(Unknown { refinement }))
}

/// Returns the configuration with its unknown values resolved.
fn known(config: Object) -> Object {
    config.into_iter().map(|(name, value)| (name, known_value(value))).collect()
}

fn known_value(value: Value) -> Value {
    match value {
        // Blocks and attributes: absent.
        Value::Unknown(_) => Value::Null,
        Value::List(elements) => Value::List(elements.into_iter().map(known_value).collect()),
        Value::Object(object) => Value::Object(known(object)),
        other => other,
    }
}

/// Returns whether both are equal where the plan is known.
fn conforms(plan: &Value, new: &Value) -> bool {
    match (plan, new) {
        (Value::Unknown(_), new) => new.is_wholly_known(),
        (Value::List(plan), Value::List(new)) => {
            plan.len() == new.len() && plan.iter().zip(new).all(|(plan, new)| conforms(plan, new))
        }
        (Value::Object(plan), Value::Object(new)) => {
            plan.len() == new.len()
                && plan.iter().all(|(name, plan)| new.contains(name) && conforms(plan, new.get(name)))
        }
        (plan, new) => plan == new,
    }
}

fn trimmed(_: &str, a: &Value, b: &Value) -> bool {
    matches!((a.as_str(), b.as_str()), (Some(a), Some(b)) if a.trim() == b.trim()) || a == b
}

//! Any value of any type comes back from both formats, and no bytes do harm.

use proptest::prelude::*;

use super::{Golden, a_dynamic, golden, show};
use crate::terraform::number::Number;
use crate::terraform::types::Type;
use crate::terraform::value::{Unknown, Value};
use crate::terraform::wire::{json, msgpack};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn msgpack_brings_any_value_back((of, value) in typed_value(Unknowns::Yes)) {
        let bytes = msgpack::encode(&value, &of).unwrap();
        let back = msgpack::decode(&bytes, &of).unwrap();
        prop_assert!(back == value, "{} {}", show(&value), show(&back));
        prop_assert_eq!(msgpack::encode(&back, &of).unwrap(), bytes);
    }

    #[test]
    fn json_brings_any_known_value_back((of, value) in typed_value(Unknowns::No)) {
        let bytes = json::encode(&value, &of).unwrap();
        for decode in [json::decode, json::decode_state] {
            let back = decode(&bytes, &of).unwrap();
            prop_assert!(back == value, "{} {}", show(&value), show(&back));
        }
    }

    #[test]
    fn types_come_back(of in a_type_of(Dynamics::Yes)) {
        prop_assert_eq!(Type::from_json(&of.to_json()).unwrap(), of);
    }

    #[test]
    fn numbers_are_what_rust_says(float in any::<f64>(), integer in any::<i64>(), mantissa in any::<i128>(), exponent in -30..30) {
        if !float.is_nan() {
            prop_assert_eq!(Number::try_from(float).unwrap().as_exact_f64(), Some(float));
        }
        prop_assert_eq!(Number::from(integer).as_i64(), Some(integer));
        prop_assert_eq!(Number::from(integer).to_string(), integer.to_string());
        let number: Number = format!("{mantissa}e{exponent}").parse().unwrap();
        let plain = number.to_string();
        prop_assert!(plain.parse::<Number>().unwrap() == number);
        prop_assert_eq!(plain.parse::<f64>().unwrap(), format!("{mantissa}e{exponent}").parse::<f64>().unwrap());
    }

    #[test]
    fn random_bytes_do_no_harm(of in a_type_of(Dynamics::Yes), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&of, &bytes);
        let _ = Type::from_json(&bytes);
    }

    #[test]
    fn damaged_bytes_do_no_harm(
        (of, value) in typed_value(Unknowns::Yes),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = msgpack::encode(&value, &of).unwrap();
        spoil(&mut bytes, &damage, cut);
        read_all(&of, &bytes);
        if let Ok(mut bytes) = json::encode(&value, &of) {
            spoil(&mut bytes, &damage, cut);
            read_all(&of, &bytes);
        }
        let mut bytes = of.to_json();
        spoil(&mut bytes, &damage, cut);
        let _ = Type::from_json(&bytes);
    }

    #[test]
    fn damaged_bytes_of_terraform_do_no_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        for Golden { of, msgpack, json, .. } in golden() {
            for mut bytes in msgpack.into_iter().chain(json.map(|json| json.as_bytes().to_vec())) {
                spoil(&mut bytes, &damage, cut);
                read_all(&of, &bytes);
                read_all(&Type::Dynamic, &bytes);
            }
        }
    }
}

fn spoil(bytes: &mut Vec<u8>, damage: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) {
    for (index, mask) in damage {
        let index = index.index(bytes.len());
        bytes[index] ^= mask;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

/// Whatever can be read can be written, and then stays the same.
fn read_all(of: &Type, bytes: &[u8]) {
    if let Ok(value) = msgpack::decode(bytes, of) {
        let written = msgpack::encode(&value, of).unwrap();
        assert!(msgpack::decode(&written, of).unwrap() == value);
    }
    let _ = json::decode(bytes, of);
    if let Ok(value) = json::decode_state(bytes, of) {
        let written = json::encode(&value, of).unwrap();
        assert!(json::decode(&written, of).unwrap() == value);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Unknowns {
    Yes,
    No,
}

#[derive(Clone, Copy, PartialEq)]
enum Dynamics {
    Yes,
    No,
}

fn a_type_of(dynamics: Dynamics) -> BoxedStrategy<Type> {
    let leaf = prop_oneof![
        3 => Just(Type::String),
        2 => Just(Type::Number),
        1 => Just(Type::Bool),
        u32::from(dynamics == Dynamics::Yes) => Just(Type::Dynamic),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|element| Type::List(Box::new(element))),
            inner.clone().prop_map(|element| Type::Set(Box::new(element))),
            inner.clone().prop_map(|element| Type::Map(Box::new(element))),
            prop::collection::btree_map(a_name(), inner.clone(), 0..5).prop_map(Type::Object),
            prop::collection::vec(inner, 0..4).prop_map(Type::Tuple),
        ]
    })
    .boxed()
}

fn typed_value(unknowns: Unknowns) -> impl Strategy<Value = (Type, Value)> {
    a_type_of(Dynamics::Yes).prop_flat_map(move |of| a_value(&of, unknowns).prop_map(move |value| (of.clone(), value)))
}

fn a_value(of: &Type, unknowns: Unknowns) -> BoxedStrategy<Value> {
    let known = match of {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => a_number(unknowns).prop_map(Value::Number).boxed(),
        Type::String => a_text().prop_map(Value::String).boxed(),
        Type::List(element) | Type::Set(element) => {
            prop::collection::vec(a_value(element, unknowns), 0..4).prop_map(Value::List).boxed()
        }
        Type::Tuple(types) => {
            types.iter().map(|of| a_value(of, unknowns)).collect::<Vec<_>>().prop_map(Value::List).boxed()
        }
        Type::Map(element) => prop::collection::btree_map(a_text(), a_value(element, unknowns), 0..4)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
            .boxed(),
        Type::Object(types) => {
            let names: Vec<_> = types.keys().cloned().collect();
            let values: Vec<_> = types.values().map(|of| a_value(of, unknowns)).collect();
            values.prop_map(move |values| Value::Object(names.iter().cloned().zip(values).collect())).boxed()
        }
        Type::Dynamic => a_type_of(Dynamics::No)
            .prop_flat_map(move |of| a_value(&of, unknowns).prop_map(move |value| a_dynamic(value, of.clone())))
            .boxed(),
    };
    let refinement = prop::option::of(prop::collection::vec(any::<u8>(), 2..40));
    let unknown = refinement.prop_map(|refinement| Value::Unknown(Unknown { refinement }));
    prop_oneof![8 => known, 1 => Just(Value::Null), u32::from(unknowns == Unknowns::Yes) => unknown].boxed()
}

/// Infinities only where unknown values may be: neither has a form in JSON.
fn a_number(unknowns: Unknowns) -> impl Strategy<Value = Number> {
    prop_oneof![
        4 => any::<i64>().prop_map(Number::from),
        4 => (-200_i64..200).prop_map(Number::from),
        2 => any::<u64>().prop_map(Number::from),
        2 => prop::num::f64::NORMAL.prop_map(|float| Number::try_from(float).unwrap()),
        4 => "-?[0-9]{1,40}(\\.[0-9]{1,30})?(e-?[0-9]{1,2})?".prop_map(|text| text.parse().unwrap()),
        u32::from(unknowns == Unknowns::Yes) => Just(Number::NEGATIVE_INFINITY),
    ]
}

fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "\\PC{0,12}", 2 => any::<String>(), 1 => "a{250,300}", 1 => Just("a".repeat(70_000))]
}

fn a_name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-z_]{1,8}", 1 => any::<String>()]
}

//! Round trips of any value, and decoding of any bytes.

use proptest::prelude::*;

use super::{Golden, golden, show};
use crate::terraform::number::Number;
use crate::terraform::types::Type;
use crate::terraform::value::{Unknown, Value};
use crate::terraform::wire::{json, msgpack};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn msgpack_round_trips_any_value((ty, value) in typed_value()) {
        let bytes = msgpack::encode(&value, &ty).unwrap();
        let back = msgpack::decode(&bytes, &ty).unwrap();
        prop_assert!(back == value, "{} {}", show(&value), show(&back));
        prop_assert_eq!(msgpack::encode(&back, &ty).unwrap(), bytes);
    }

    #[test]
    fn random_bytes_decode_or_fail_cleanly(ty in a_type_of(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&ty, &bytes);
    }

    #[test]
    fn damaged_bytes_decode_or_fail_cleanly(
        (ty, value) in typed_value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = msgpack::encode(&value, &ty).unwrap();
        spoil(&mut bytes, &damage, cut);
        read_all(&ty, &bytes);
    }

    #[test]
    fn damaged_bytes_of_terraform_decode_or_fail_cleanly(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        for Golden { ty, msgpack, json, .. } in golden() {
            for mut bytes in msgpack.into_iter().chain(json.map(|json| json.as_bytes().to_vec())) {
                spoil(&mut bytes, &damage, cut);
                read_all(&ty, &bytes);
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

/// Decodes, and checks that a decoded value round-trips.
fn read_all(ty: &Type, bytes: &[u8]) {
    let decoded = [msgpack::decode(bytes, ty), json::decode(bytes, ty), json::decode_state(bytes, ty)];
    for value in decoded.into_iter().flatten() {
        let written = msgpack::encode(&value, ty).unwrap();
        assert!(msgpack::decode(&written, ty).unwrap() == value);
    }
}

fn a_type_of() -> BoxedStrategy<Type> {
    let leaf = prop_oneof![3 => Just(Type::String), 2 => Just(Type::Number), 1 => Just(Type::Bool)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::map),
            prop::collection::btree_map(a_name(), inner, 0..5).prop_map(Type::Object),
        ]
    })
    .boxed()
}

fn typed_value() -> impl Strategy<Value = (Type, Value)> {
    a_type_of().prop_flat_map(move |ty| a_value(&ty).prop_map(move |value| (ty.clone(), value)))
}

fn a_value(ty: &Type) -> BoxedStrategy<Value> {
    let known = match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => a_number().prop_map(Value::Number).boxed(),
        Type::String => a_text().prop_map(Value::from).boxed(),
        Type::List(element) => prop::collection::vec(a_value(element), 0..4).prop_map(Value::List).boxed(),
        Type::Map(element) => prop::collection::btree_map(a_text(), a_value(element), 0..4)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
            .boxed(),
        Type::Object(types) => {
            let names: Vec<_> = types.keys().cloned().collect();
            let values: Vec<_> = types.values().map(a_value).collect();
            values.prop_map(move |values| Value::Object(names.iter().cloned().zip(values).collect())).boxed()
        }
    };
    let refinement = prop::option::of(prop::collection::vec(any::<u8>(), 2..40));
    let unknown = refinement.prop_map(|refinement| Value::Unknown(Unknown { refinement }));
    prop_oneof![8 => known, 1 => Just(Value::Null), 1 => unknown].boxed()
}

fn a_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        4 => any::<i64>().prop_map(Number::from),
        4 => (-200_i64..200).prop_map(Number::from),
        2 => any::<u64>().prop_map(Number::from),
        2 => prop::num::f64::NORMAL.prop_map(|float| Number::try_from(float).unwrap()),
        4 => "-?[0-9]{1,40}(\\.[0-9]{1,30})?(e-?[0-9]{1,2})?".prop_map(|text| text.parse().unwrap()),
        1 => Just(Number::try_from(f64::NEG_INFINITY).unwrap()),
    ]
}

fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "\\PC{0,12}", 2 => any::<String>(), 1 => "a{250,300}", 1 => Just("a".repeat(70_000))]
}

fn a_name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-z_]{1,8}", 1 => any::<String>()]
}

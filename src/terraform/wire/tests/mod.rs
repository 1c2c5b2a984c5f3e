//! Both formats against bytes that Terraform wrote (`golden.txt`), and tables of rejected bytes.

mod properties;

use super::{ActualKind, Problem, json, msgpack};
use crate::terraform::number::NumberError;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Unknown, Value};

struct Golden {
    terraform: &'static str,
    ty: Type,
    msgpack: Option<Vec<u8>>,
    json: Option<&'static str>,
    means: &'static str,
}

fn golden() -> Vec<Golden> {
    let blocks = include_str!("../golden.txt").split("\n\n").filter(|block| !block.starts_with('#'));
    blocks
        .map(|block| {
            let field = |name: &str| {
                let mut values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                values.next().unwrap_or_else(|| panic!("no {name} in {block}")).trim_start()
            };
            let unless_absent = |text: &'static str| (text != "-").then_some(text);
            Golden {
                terraform: field("terraform"),
                ty: a_type(field("type")),
                msgpack: unless_absent(field("msgpack")).map(unhex),
                json: unless_absent(field("json")),
                means: field("means"),
            }
        })
        .collect()
}

#[test]
fn decodes_and_encodes_msgpack_of_terraform_byte_for_byte() {
    let golden: Vec<_> = golden().into_iter().filter(|golden| golden.msgpack.is_some()).collect();
    assert_eq!(golden.len(), 76);
    for Golden { terraform, ty, msgpack, means, .. } in golden {
        let bytes = msgpack.unwrap();
        let value = msgpack::decode(&bytes, &ty).unwrap_or_else(|error| panic!("{terraform}: {error}"));
        assert_eq!(show(&value), means, "{terraform}");
        assert_eq!(hex(&msgpack::encode(&value, &ty).unwrap()), hex(&bytes), "{terraform}");
    }
}

#[test]
fn decodes_json_of_terraform() {
    let golden: Vec<_> = golden().into_iter().filter(|golden| golden.json.is_some()).collect();
    assert_eq!(golden.len(), 46);
    for Golden { terraform, ty, json, means, .. } in golden {
        let text = json.unwrap();
        for decode in [json::decode, json::decode_state] {
            let value = decode(text.as_bytes(), &ty).unwrap_or_else(|error| panic!("{terraform}: {error}"));
            assert_eq!(show(&value), means, "{terraform}");
        }
    }
}

#[test]
fn decodes_other_forms_that_the_protocol_allows() {
    for (ty, bytes, means) in [
        ("\"number\"", "ca3fc00000", "1.5"),
        ("\"number\"", "cb3ff0000000000000", "1"),
        ("\"number\"", "cfffffffffffffffff", "18446744073709551615"),
        ("\"number\"", "d3ffffffffffffffff", "-1"),
        ("\"number\"", "a3316532", "100"),
        ("\"number\"", "cb7ff0000000000000", "inf"),
        ("\"number\"", "cbfff0000000000000", "-inf"),
        ("\"string\"", "c40161", "\"a\""),
        ("\"string\"", "c70000", "unknown"),
        ("\"string\"", "c7002a", "unknown"),
        ("\"string\"", "d42aff", "unknown"),
        ("\"string\"", "c7010c80", "unknown"),
        ("\"string\"", "d50c8080", "unknown(8080)"),
        // The byte that MessagePack never uses, which the reader decodes as nil. At the root it is rejected.
        ("[\"list\",\"string\"]", "91c1", "[null]"),
        ("[\"object\",{\"a\":\"bool\",\"b\":\"bool\"}]", "82a162c2a161c3", "{\"a\": true, \"b\": false}"),
    ] {
        assert_eq!(show(&msgpack::decode(&unhex(bytes), &a_type(ty)).unwrap()), means, "{bytes}");
    }
}

#[test]
fn msgpack_errors_have_path_and_problem() {
    let object = "[\"object\",{\"a\":\"string\",\"b\":[\"list\",\"number\"],\"c\":[\"map\",\"bool\"]}]";
    let mismatch = |expected, found| Problem::Mismatch { expected, found };
    for (ty, bytes, path, problem) in [
        ("\"bool\"", "", "", Problem::NotMessagePack),
        ("\"string\"", "a5616263", "", Problem::NotMessagePack),
        ("\"string\"", "c1", "", Problem::NotMessagePack),
        ("\"string\"", "dbffffffff", "", Problem::NotMessagePack),
        ("[\"list\",\"bool\"]", "ddffffffffc3", "", Problem::NotMessagePack),
        ("[\"map\",\"bool\"]", "dfffffffffa161c3", "", Problem::NotMessagePack),
        ("\"bool\"", "c3c0c0", "", Problem::TrailingBytes(2)),
        ("\"bool\"", "a3616263", "", mismatch("a bool", ActualKind::String(3))),
        ("\"number\"", "c3", "", mismatch("a number", ActualKind::Bool)),
        ("\"number\"", "a3616263", "", Problem::Number(NumberError::NotDecimal)),
        ("\"number\"", "ab31653939393939393939", "", Problem::NotMessagePack),
        ("\"number\"", "cb7ff8000000000000", "", Problem::Number(NumberError::NotDecimal)),
        ("\"number\"", "ca7fc00000", "", Problem::Number(NumberError::NotDecimal)),
        ("\"string\"", "01", "", mismatch("a string", ActualKind::Number)),
        ("\"string\"", "a1ff", "", Problem::NotUtf8),
        ("\"string\"", "c401ff", "", Problem::NotUtf8),
        ("\"string\"", "d50000ff", "", Problem::Extension { kind: 0, length: 2 }),
        ("\"string\"", "d5f4ffff", "", Problem::Extension { kind: -12, length: 2 }),
        ("[\"map\",\"bool\"]", "90", "", mismatch("a map", ActualKind::List(0))),
        ("[\"map\",\"bool\"]", "8101c3", "", mismatch("a string", ActualKind::Number)),
        ("[\"map\",\"bool\"]", "82a161c3a161c3", "", Problem::Duplicate),
        (object, "82a161c0a162c0", "c", Problem::MissingAttribute),
        (object, "84a161c0a162c0a163c0a164c0", "d", Problem::UnexpectedAttribute),
        (object, "84a161c0a162c0a163c0a163c0", "", Problem::Duplicate),
        (object, "83a161c0a1629301c2c0a163c0", "b[1]", mismatch("a number", ActualKind::Bool)),
        (object, "83a161c0a162c0a16381a16b01", "c[\"k\"]", mismatch("a bool", ActualKind::Number)),
    ] {
        let error = msgpack::decode(&unhex(bytes), &a_type(ty)).err().unwrap_or_else(|| panic!("{bytes}"));
        assert_eq!((error.path.to_string().as_str(), error.problem), (path, problem), "{bytes}");
    }
}

#[test]
fn json_errors_have_path_and_problem() {
    let object = "[\"object\",{\"a\":\"string\",\"b\":[\"list\",\"number\"]}]";
    let mismatch = |expected, found| Problem::Mismatch { expected, found };
    for (ty, text, path, problem) in [
        ("\"bool\"", "", "", Problem::NotJson { line: 1, column: 0 }),
        ("\"bool\"", "true x", "", Problem::NotJson { line: 1, column: 6 }),
        ("\"bool\"", "\"true\"", "", mismatch("a bool", ActualKind::String(4))),
        ("\"number\"", "\"1\"", "", mismatch("a number", ActualKind::String(1))),
        ("\"number\"", "1e999999999", "", Problem::NotJson { line: 1, column: 11 }),
        ("\"string\"", "1", "", mismatch("a string", ActualKind::Number)),
        ("[\"list\",\"bool\"]", "{}", "", mismatch("an array", ActualKind::Object(0))),
        ("[\"map\",\"bool\"]", "[]", "", mismatch("an object", ActualKind::List(0))),
        (object, "{\"a\":null}", "b", Problem::MissingAttribute),
        (object, "{\"a\":null,\"b\":null,\"c\":null}", "c", Problem::UnexpectedAttribute),
        (object, "{\"a\":null,\"b\":[1,2,true]}", "b[2]", mismatch("a number", ActualKind::Bool)),
    ] {
        let error = json::decode(text.as_bytes(), &a_type(ty)).err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!((error.path.to_string().as_str(), error.problem), (path, problem), "{text}");
    }
}

#[test]
fn decodes_states_of_other_versions() {
    let ty = a_type("[\"object\",{\"a\":\"string\",\"b\":[\"list\",[\"object\",{\"c\":\"bool\",\"d\":\"number\"}]]}]");
    let stored = "\n{ \"b\": [ {\"c\": true, \"old\": {}} ],\n \"older\": 1 }";
    let value = json::decode_state(stored.as_bytes(), &ty).unwrap();
    assert_eq!(show(&value), r#"{"a": null, "b": [{"c": true, "d": null}]}"#);
    assert!(json::decode_state(b"{\"a\": 1}", &ty).is_err());
}

#[test]
fn rejects_encoding_values_of_another_type() {
    let ty = a_type("[\"object\",{\"a\":\"string\",\"b\":[\"list\",[\"map\",\"bool\"]]}]");
    let an_object = |name: &str, value: Value| {
        let mut object = Object::new();
        object.set(name, value);
        Value::Object(object)
    };
    let mismatch = |expected, found| Problem::Mismatch { expected, found };
    let in_list = |value: Value| an_object("b", Value::List(vec![Value::Null, value]));
    for (value, path, problem) in [
        (Value::from(true), "", mismatch("an object", ActualKind::Bool)),
        (an_object("z", Value::Null), "z", Problem::UnexpectedAttribute),
        (an_object("a", Value::from(1_i64)), "a", mismatch("a string", ActualKind::Number)),
        (in_list("secret".into()), "b[1]", mismatch("a map", ActualKind::String(6))),
        (in_list(an_object("k", "secret".into())), "b[1][\"k\"]", mismatch("a bool", ActualKind::String(6))),
    ] {
        let error = msgpack::encode(&value, &ty).err().unwrap();
        assert_eq!((error.path.to_string().as_str(), &error.problem), (path, &problem));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[test]
fn encodes_missing_attributes_as_null_in_byte_order() {
    let ty = a_type("[\"object\",{\"b\":\"bool\",\"a\":\"bool\",\"B\":\"bool\",\"ab\":\"bool\"}]");
    let mut object = Object::new();
    object.set("ab", true);
    assert_eq!(hex(&msgpack::encode(&Value::Object(object), &ty).unwrap()), "84a142c0a161c0a26162c3a162c0");
}

#[test]
fn limits_refinements_to_1024_bytes() {
    for (length, read) in [(1024_u16, true), (1025, false)] {
        let body = vec![0x80; length.into()];
        let bytes = [&[0xc8], length.to_be_bytes().as_slice(), &[12], &body].concat();
        let value = msgpack::decode(&bytes, &Type::String);
        assert_eq!(value.is_ok(), read, "{length}");
        assert!(value.is_err() || msgpack::encode(&value.unwrap(), &Type::String).unwrap() == bytes);
    }
}

#[test]
fn rejects_deeply_nested_bytes() {
    for ty in [Type::String, Type::list(Type::list(Type::String))] {
        let bytes = [vec![0x91; 100_000], vec![0xa1, b'x']].concat();
        assert_eq!(msgpack::decode(&bytes, &ty).err().map(|error| error.problem), Some(Problem::TooDeep));
        let json = format!("{}\"x\"{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(json::decode(json.as_bytes(), &ty).is_err());
    }
}

fn a_type(json: &str) -> Type {
    parse_type(&serde_json::from_str(json).unwrap())
}

fn parse_type(json: &serde_json::Value) -> Type {
    match (json.as_str(), json.get(0).and_then(serde_json::Value::as_str), json.get(1)) {
        (Some("bool"), ..) => Type::Bool,
        (Some("number"), ..) => Type::Number,
        (Some("string"), ..) => Type::String,
        (None, Some("list"), Some(element)) => Type::list(parse_type(element)),
        (None, Some("map"), Some(element)) => Type::map(parse_type(element)),
        (None, Some("object"), Some(serde_json::Value::Object(attributes))) => {
            Type::object(attributes.iter().map(|(name, ty)| (name.as_str(), parse_type(ty))))
        }
        _ => panic!("{json}"),
    }
}

/// Returns the value in the notation of `golden.txt`.
fn show(value: &Value) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Value::Null => "null".to_owned(),
        Value::Unknown(Unknown { refinement: None }) => "unknown".to_owned(),
        Value::Unknown(Unknown { refinement: Some(body) }) => format!("unknown({})", hex(body)),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::List(elements) => format!("[{}]", elements.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Object(object) => {
            let entries = object.iter().map(|(name, value)| format!("{}: {}", quoted(name), show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap()).collect()
}

//! Both formats against what Terraform wrote (`golden.txt`), and table by table what they refuse.

mod properties;

use super::{Error, Found, Problem, json, msgpack};
use crate::terraform::diagnostic::Path;
use crate::terraform::number::{Number, NumberError};
use crate::terraform::types::Type;
use crate::terraform::value::{Dynamic, Object, Unknown, Value};

struct Golden {
    terraform: &'static str,
    of: Type,
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
                of: Type::from_json(field("type").as_bytes()).unwrap(),
                msgpack: unless_absent(field("msgpack")).map(unhex),
                json: unless_absent(field("json")),
                means: field("means"),
            }
        })
        .collect()
}

#[test]
fn msgpack_of_terraform_is_read_and_written_byte_for_byte() {
    let golden: Vec<_> = golden().into_iter().filter(|golden| golden.msgpack.is_some()).collect();
    assert_eq!(golden.len(), 99);
    for Golden { terraform, of, msgpack, means, .. } in golden {
        let bytes = msgpack.unwrap();
        let value = msgpack::decode(&bytes, &of).unwrap_or_else(|error| panic!("{terraform}: {error}"));
        assert_eq!(show(&value), means, "{terraform}");
        assert_eq!(hex(&msgpack::encode(&value, &of).unwrap()), hex(&bytes), "{terraform}");
    }
}

#[test]
fn msgpack_of_terraform_fits_in_the_envelope_of_dynamic() {
    for Golden { terraform, of, msgpack, .. } in golden() {
        let Some(bytes) = msgpack else { continue };
        let of_json = of.to_json();
        let length = u8::try_from(of_json.len()).unwrap();
        let enveloped = [&[0x92, 0xc4, length], of_json.as_slice(), &bytes].concat();
        let value = msgpack::decode(&enveloped, &Type::Dynamic).unwrap();
        assert_eq!(hex(&msgpack::encode(&value, &Type::Dynamic).unwrap()), hex(&enveloped), "{terraform}");
    }
}

#[test]
fn json_of_terraform_is_read_and_written_alike() {
    let golden: Vec<_> = golden().into_iter().filter(|golden| golden.json.is_some()).collect();
    assert_eq!(golden.len(), 71);
    for Golden { terraform, of, json, means, .. } in golden {
        let text = json.unwrap();
        for decode in [json::decode, json::decode_state] {
            let value = decode(text.as_bytes(), &of).unwrap_or_else(|error| panic!("{terraform}: {error}"));
            assert_eq!(show(&value), means, "{terraform}");
            let written = json::encode(&value, &of).unwrap();
            let expected = if text == "-0" { "0" } else { text };
            assert_eq!(tree(&written), tree(expected.as_bytes()), "{terraform}");
        }
    }

    fn tree(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }
}

#[test]
fn what_a_core_never_sends_is_read_leniently_where_the_protocol_says_so() {
    for (of, bytes, means) in [
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
        ("\"dynamic\"", "92a622626f6f6c22c3", "\"bool\" as true"),
        // The one byte that MessagePack never uses: the reader takes it for nil. At the root it is refused.
        ("[\"list\",\"string\"]", "91c1", "[null]"),
        ("[\"object\",{\"a\":\"bool\",\"b\":\"bool\"}]", "82a162c2a161c3", "{\"a\": true, \"b\": false}"),
    ] {
        assert_eq!(show(&msgpack::decode(&unhex(bytes), &a_type(of)).unwrap()), means, "{bytes}");
    }
}

#[test]
fn infinities_travel_as_floats() {
    for (number, bytes) in [(Number::INFINITY, "cb7ff0000000000000"), (Number::NEGATIVE_INFINITY, "cbfff0000000000000")]
    {
        let value = Value::Number(number);
        assert_eq!(hex(&msgpack::encode(&value, &Type::Number).unwrap()), bytes);
        assert!(msgpack::decode(&unhex(bytes), &Type::Number).unwrap() == value);
        assert_eq!(json::encode(&value, &Type::Number), Err(at_root(Problem::InfinityInJson)));
    }
}

#[test]
fn msgpack_that_does_not_fit_says_where_and_why() {
    let object = "[\"object\",{\"a\":\"string\",\"b\":[\"list\",\"number\"],\"c\":[\"map\",\"bool\"]}]";
    let mismatch = |expected, found| Problem::Mismatch { expected, found };
    for (of, bytes, path, problem) in [
        ("\"bool\"", "", "", Problem::NotMessagePack),
        ("\"string\"", "a5616263", "", Problem::NotMessagePack),
        ("\"string\"", "c1", "", Problem::NotMessagePack),
        ("\"string\"", "dbffffffff", "", Problem::NotMessagePack),
        ("[\"list\",\"bool\"]", "ddffffffffc3", "", Problem::NotMessagePack),
        ("[\"map\",\"bool\"]", "dfffffffffa161c3", "", Problem::NotMessagePack),
        ("\"bool\"", "c3c0c0", "", Problem::TrailingBytes(2)),
        ("\"bool\"", "a3616263", "", mismatch("a bool", Found::String(3))),
        ("\"number\"", "c3", "", mismatch("a number", Found::Bool)),
        ("\"number\"", "a3616263", "", Problem::Number(NumberError::NotDecimal)),
        ("\"number\"", "ab31653939393939393939", "", Problem::NotMessagePack),
        ("\"number\"", "aa31653939393939393939", "", Problem::Number(NumberError::TooLong)),
        ("\"number\"", "cb7ff8000000000000", "", Problem::Number(NumberError::NotANumber)),
        ("\"number\"", "ca7fc00000", "", Problem::Number(NumberError::NotANumber)),
        ("\"string\"", "01", "", mismatch("a string", Found::Number)),
        ("\"string\"", "a1ff", "", Problem::NotUtf8),
        ("\"string\"", "c401ff", "", Problem::NotUtf8),
        ("\"string\"", "d50000ff", "", Problem::Extension { kind: 0, length: 2 }),
        ("\"string\"", "d5f4ffff", "", Problem::Extension { kind: -12, length: 2 }),
        ("[\"set\",\"bool\"]", "80", "", mismatch("an array", Found::Object(0))),
        ("[\"set\",\"bool\"]", "92c301", "", mismatch("a bool", Found::Number)),
        ("[\"map\",\"bool\"]", "90", "", mismatch("a map", Found::List(0))),
        ("[\"map\",\"bool\"]", "8101c3", "", mismatch("a string", Found::Number)),
        ("[\"map\",\"bool\"]", "82a161c3a161c3", "", Problem::Duplicate),
        ("[\"tuple\",[\"bool\"]]", "92c3c3", "", Problem::TupleLength { expected: 1, found: 2 }),
        ("[\"tuple\",[\"bool\"]]", "9101", "[0]", mismatch("a bool", Found::Number)),
        ("\"dynamic\"", "c3", "", mismatch("an array of a type and a value", Found::Bool)),
        ("\"dynamic\"", "91c3", "", mismatch("an array of a type and a value", Found::List(1))),
        ("\"dynamic\"", "92c3c3", "", mismatch("an array of a type and a value", Found::List(2))),
        ("\"dynamic\"", "92c40622626f6f6c2201", "", mismatch("a bool", Found::Number)),
        (object, "82a161c0a162c0", "c", Problem::MissingAttribute),
        (object, "84a161c0a162c0a163c0a164c0", "d", Problem::UnexpectedAttribute),
        (object, "84a161c0a162c0a163c0a163c0", "", Problem::Duplicate),
        (object, "83a161c0a1629301c2c0a163c0", "b[1]", mismatch("a number", Found::Bool)),
        (object, "83a161c0a162c0a16381a16b01", "c[\"k\"]", mismatch("a bool", Found::Number)),
    ] {
        let error = msgpack::decode(&unhex(bytes), &a_type(of)).err().unwrap_or_else(|| panic!("{bytes}"));
        assert_eq!((error.path.to_string().as_str(), error.problem), (path, problem), "{bytes}");
    }
    let no_type = msgpack::decode(&unhex("92c40122c3"), &Type::Dynamic).err().unwrap();
    assert!(matches!(no_type.problem, Problem::Type(_)), "{no_type}");
}

#[test]
fn json_that_does_not_fit_says_where_and_why() {
    let object = "[\"object\",{\"a\":\"string\",\"b\":[\"list\",\"number\"]}]";
    let mismatch = |expected, found| Problem::Mismatch { expected, found };
    let value_and_type = "an object of `value` and `type`";
    for (of, text, path, problem) in [
        ("\"bool\"", "", "", Problem::NotJson { line: 1, column: 0 }),
        ("\"bool\"", "true x", "", Problem::NotJson { line: 1, column: 6 }),
        ("\"bool\"", "\"true\"", "", mismatch("a bool", Found::String(4))),
        ("\"number\"", "\"1\"", "", mismatch("a number", Found::String(1))),
        ("\"number\"", "1e999999999", "", Problem::Number(NumberError::TooLong)),
        ("\"string\"", "1", "", mismatch("a string", Found::Number)),
        ("[\"list\",\"bool\"]", "{}", "", mismatch("an array", Found::Object(0))),
        ("[\"map\",\"bool\"]", "[]", "", mismatch("an object", Found::List(0))),
        ("[\"tuple\",[]]", "[1]", "", Problem::TupleLength { expected: 0, found: 1 }),
        ("\"dynamic\"", "true", "", mismatch(value_and_type, Found::Bool)),
        ("\"dynamic\"", "{\"value\":true}", "", mismatch(value_and_type, Found::Object(1))),
        ("\"dynamic\"", "{\"value\":1,\"type\":\"bool\",\"x\":1}", "", mismatch(value_and_type, Found::Object(3))),
        (object, "{\"a\":null}", "b", Problem::MissingAttribute),
        (object, "{\"a\":null,\"b\":null,\"c\":null}", "c", Problem::UnexpectedAttribute),
        (object, "{\"a\":null,\"b\":[1,2,true]}", "b[2]", mismatch("a number", Found::Bool)),
    ] {
        let error = json::decode(text.as_bytes(), &a_type(of)).err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!((error.path.to_string().as_str(), error.problem), (path, problem), "{text}");
    }
}

#[test]
fn stored_states_of_other_versions_are_read() {
    let of = a_type("[\"object\",{\"a\":\"string\",\"b\":[\"list\",[\"object\",{\"c\":\"bool\",\"d\":\"number\"}]]}]");
    let stored = "\n{ \"b\": [ {\"c\": true, \"old\": {}} ],\n \"older\": 1 }";
    let value = json::decode_state(stored.as_bytes(), &of).unwrap();
    assert_eq!(show(&value), r#"{"a": null, "b": [{"c": true, "d": null}]}"#);
    assert!(json::decode_state(b"{\"a\": 1}", &of).is_err());
}

#[test]
fn what_does_not_fit_its_type_is_not_written() {
    let of = a_type("[\"object\",{\"a\":\"string\",\"b\":[\"list\",[\"tuple\",[\"bool\"]]],\"s\":[\"set\",\"bool\"]}]");
    let an_object = |name: &str, value: Value| {
        let mut object = Object::new();
        object.set(name, value);
        Value::Object(object)
    };
    let mismatch = |expected, found| Problem::Mismatch { expected, found };
    let in_list = |value: Value| an_object("b", Value::List(vec![Value::Null, value]));
    for (value, path, problem) in [
        (Value::from(true), "", mismatch("an object", Found::Bool)),
        (an_object("z", Value::Null), "z", Problem::UnexpectedAttribute),
        (an_object("a", Value::from(1_i64)), "a", mismatch("a string", Found::Number)),
        (an_object("a", a_dynamic(Value::from("x"), Type::String)), "a", mismatch("a string", Found::Dynamic)),
        (in_list(Value::List(vec![])), "b[1]", Problem::TupleLength { expected: 1, found: 0 }),
        (in_list(Value::List(vec!["secret".into()])), "b[1][0]", mismatch("a bool", Found::String(6))),
        (an_object("s", Value::List(vec!["secret".into()])), "s", mismatch("a bool", Found::String(6))),
    ] {
        for encode in [msgpack::encode, json::encode] {
            let error = encode(&value, &of).err().unwrap();
            assert_eq!((error.path.to_string().as_str(), &error.problem), (path, &problem));
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
    let unknown = an_object("a", Value::unknown());
    assert_eq!(json::encode(&unknown, &of), Err(Error { path: Path::from("a"), problem: Problem::UnknownInJson }));
    assert_eq!(
        msgpack::encode(&Value::from("x"), &Type::Dynamic),
        Err(at_root(mismatch("a value that carries its type", Found::String(1))))
    );
}

#[test]
fn missing_attributes_are_written_as_null_in_the_order_of_their_bytes() {
    let of = a_type("[\"object\",{\"b\":\"bool\",\"a\":\"bool\",\"B\":\"bool\",\"ab\":\"bool\"}]");
    let mut object = Object::new();
    object.set("ab", true);
    let value = Value::Object(object);
    assert_eq!(hex(&msgpack::encode(&value, &of).unwrap()), "84a142c0a161c0a26162c3a162c0");
    assert_eq!(json::encode(&value, &of).unwrap(), br#"{"B":null,"a":null,"ab":true,"b":null}"#);
}

#[test]
fn a_refinement_has_at_most_1024_bytes() {
    for (length, read) in [(1024_u16, true), (1025, false)] {
        let body = vec![0x80; length.into()];
        let bytes = [&[0xc8], length.to_be_bytes().as_slice(), &[12], &body].concat();
        let value = msgpack::decode(&bytes, &Type::String);
        assert_eq!(value.is_ok(), read, "{length}");
        assert!(value.is_err() || msgpack::encode(&value.unwrap(), &Type::String).unwrap() == bytes);
    }
}

#[test]
fn depth_is_bounded() {
    for (depth, read) in [(100, true), (101, false), (100_000, false)] {
        let mut of = Type::String;
        let mut value = Value::from("x");
        // Types are not deeper than what can be dropped on the stack of a test.
        for _ in 0..depth.min(1000) {
            of = Type::List(Box::new(of));
            value = Value::List(vec![value]);
        }
        let msgpack = [vec![0x91; depth], vec![0xa1, b'x']].concat();
        assert_eq!(msgpack::decode(&msgpack, &of).is_ok(), read, "{depth}");
        assert_eq!(msgpack::encode(&value, &of).is_ok(), read, "{depth}");
        let json = format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(json::decode(json.as_bytes(), &of).is_ok(), read, "{depth}");
        assert_eq!(json::encode(&value, &of).is_ok(), read, "{depth}");
    }
    // In a type that contains itself, so to say.
    for (depth, read) in [(99, true), (100, false), (100_000, false)] {
        let mut bytes = b"\x92\xc4\x09\"dynamic\"".repeat(depth);
        bytes.extend_from_slice(b"\x92\xc4\x06\"bool\"\xc3");
        assert_eq!(msgpack::decode(&bytes, &Type::Dynamic).is_ok(), read, "{depth}");
    }
}

fn a_dynamic(value: Value, of: Type) -> Value {
    Value::Dynamic(Box::new(Dynamic { of, value }))
}

fn a_type(json: &str) -> Type {
    Type::from_json(json.as_bytes()).unwrap()
}

fn at_root(problem: Problem) -> Error {
    Error { path: Path::root(), problem }
}

/// The value in the notation of `golden.txt`.
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
        Value::Dynamic(dynamic) => {
            format!("{} as {}", String::from_utf8(dynamic.of.to_json()).unwrap(), show(&dynamic.value))
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

//! Every RPC responds to any request, with its result or an error.

use std::collections::HashMap;

use futures_util::StreamExt;
use tonic::Request;

use super::{Core, Outcome, diagnostics, line};
use crate::terraform::proto;
use crate::terraform::proto::DynamicValue;
use crate::terraform::proto::provider_server::Provider as _;

/// Returns the diagnostics of the response of an RPC.
macro_rules! call {
    ($core:expr, $rpc:ident, $request:expr) => {
        diagnostics(&mut $core.server.$rpc(Request::new($request)).await.unwrap().into_inner())
    };
}

#[tokio::test]
async fn every_rpc_responds_to_an_empty_request() {
    let core = Core::configured().await;
    assert_eq!(call!(core, get_metadata, Default::default()), "");
    assert_eq!(call!(core, get_schema, Default::default()), "");
    assert_eq!(call!(core, get_resource_identity_schemas, Default::default()), "");
    assert_eq!(call!(core, prepare_provider_config, Default::default()), "");
    assert_eq!(call!(core, configure, Default::default()), "");
    const NOT_SUPPORTED: &str = "error: Not supported by this provider";
    for diagnostics in [
        call!(core, validate_resource_type_config, Default::default()),
        call!(core, upgrade_resource_state, Default::default()),
        call!(core, read_resource, Default::default()),
        call!(core, plan_resource_change, Default::default()),
        call!(core, apply_resource_change, Default::default()),
        call!(core, import_resource_state, Default::default()),
        call!(core, validate_data_source_config, Default::default()),
        call!(core, read_data_source, Default::default()),
        call!(core, validate_ephemeral_resource_config, Default::default()),
        call!(core, open_ephemeral_resource, Default::default()),
        call!(core, renew_ephemeral_resource, Default::default()),
        call!(core, close_ephemeral_resource, Default::default()),
        call!(core, upgrade_resource_identity, Default::default()),
        call!(core, move_resource_state, Default::default()),
        call!(core, generate_resource_config, Default::default()),
        call!(core, validate_list_resource_config, Default::default()),
        call!(core, validate_action_config, Default::default()),
        call!(core, plan_action, Default::default()),
    ] {
        assert_eq!(diagnostics, NOT_SUPPORTED);
    }
    core.stop().await;
    let functions = core.server.get_functions(Request::new(Default::default())).await.unwrap().into_inner();
    assert!(functions.functions.len() == 1 && functions.diagnostics.is_empty());
    let function = proto::call_function::Request { name: "upper".into(), ..Default::default() };
    let response = core.server.call_function(Request::new(function)).await.unwrap().into_inner();
    assert!(response.result.is_none() && response.error.unwrap().text.contains("`upper`"));

    let stream = core.server.list_resource(Request::new(Default::default())).await.unwrap().into_inner();
    let events: Vec<_> = stream.collect().await;
    let [Ok(event)] = events.as_slice() else { panic!("one event") };
    assert_eq!(event.diagnostic.iter().map(line).collect::<Vec<_>>(), [NOT_SUPPORTED]);
    let stream = core.server.invoke_action(Request::new(Default::default())).await.unwrap().into_inner();
    let events: Vec<_> = stream.collect().await;
    let [Ok(event)] = events.as_slice() else { panic!("one event") };
    let Some(proto::invoke_action::event::Type::Completed(completed)) = &event.r#type else { panic!("its type") };
    assert_eq!(completed.diagnostics.iter().map(line).collect::<Vec<_>>(), [NOT_SUPPORTED]);
}

#[tokio::test]
async fn unknown_type_error_lists_known_types() {
    let core = Core::configured().await;
    let request = proto::read_resource::Request { type_name: "toy_bell".into(), ..Default::default() };
    let response = core.server.read_resource(Request::new(request)).await.unwrap().into_inner();
    let [error] = response.diagnostics.as_slice() else { panic!("one error") };
    assert!(["`toy_bell`", "`toy_ball`", "`toy_faulty`"].iter().all(|name| error.detail.contains(name)));
    assert!(response.new_state.is_none());
}

#[tokio::test]
async fn returns_schemas_and_capabilities() {
    let core = Core::new();
    let metadata = core.server.get_metadata(Request::new(Default::default())).await.unwrap().into_inner();
    let schemas = core.server.get_schema(Request::new(Default::default())).await.unwrap().into_inner();
    let names: Vec<_> = metadata.resources.iter().map(|resource| resource.type_name.as_str()).collect();
    assert_eq!(names, ["toy_ball", "toy_faulty"]);
    let lists: Vec<_> = metadata.list_resources.iter().map(|list| list.type_name.as_str()).collect();
    assert_eq!((lists.as_slice(), schemas.list_resource_schemas.len()), (&["toy_ball"][..], 1));
    assert_eq!(schemas.list_resource_schemas["toy_ball"].block.as_ref().unwrap().attributes[0].name, "color");
    for capabilities in [metadata.server_capabilities.unwrap(), schemas.server_capabilities.unwrap()] {
        assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional);
        assert!(capabilities.move_resource_state && capabilities.generate_resource_config);
    }
    assert_eq!(schemas.provider.unwrap().block.unwrap().attributes[0].name, "label");
    assert_eq!(schemas.resource_schemas["toy_faulty"].version, 3);
    let ball = schemas.resource_schemas["toy_ball"].block.clone().unwrap();
    let rows: HashMap<_, _> = ball.attributes.iter().map(|row| (row.name.as_str(), row)).collect();
    let flags = |name: &str| {
        let row = rows[name];
        assert_eq!(row.r#type, b"\"string\"");
        [row.required, row.optional, row.computed, row.write_only].map(u8::from)
    };
    assert_eq!(flags("id"), [0, 0, 1, 0]);
    assert_eq!(flags("name"), [1, 0, 0, 0]);
    assert_eq!(flags("color"), [0, 1, 1, 0]);
    assert_eq!(flags("shape"), [0, 1, 0, 0]);
    assert_eq!(flags("pin"), [0, 1, 0, 1]);
    let timeouts = &ball.block_types[0];
    assert_eq!((timeouts.type_name.as_str(), timeouts.min_items, timeouts.max_items), ("timeouts", 0, 0));
    assert!(timeouts.nesting() == proto::schema::nested_block::NestingMode::Single && timeouts.block.is_some());
}

#[tokio::test]
async fn rejects_calls_that_need_a_session_before_configure() {
    let core = Core::new();
    let not_configured = Outcome::of("absent").with_diagnostics("error: Provider is not configured");
    assert_eq!(core.plan("toy_ball", "-", "name=a", b"").await, not_configured);
    assert_eq!(core.read("toy_ball", "id=1", b"").await, not_configured);
    assert_eq!(core.import("toy_ball", "1").await, not_configured);
    let create = core.apply_request("toy_ball", "-", "id=? name=a", "name=a", b"");
    assert_eq!(core.send_apply(create).await, not_configured);
    // The rest does not need them.
    assert_eq!(core.validate("toy_ball", "name=a").await, "");
    assert_eq!(core.upgrade("toy_ball", 0, "{}").await, Outcome::of(""));
}

#[tokio::test]
async fn validates_provider_block_and_returns_it_unchanged() {
    let core = Core::new();
    for (msgpack, expected) in [
        (b"\x81\xa5label\xa1x".to_vec(), ""),
        (b"\x81\xa5label\xd4\x00\x00".to_vec(), ""),
        (b"\x81\xa5label\xa0".to_vec(), "error: Empty label @ label"),
    ] {
        let config = Some(DynamicValue { msgpack, json: Vec::new() });
        let request = proto::prepare_provider_config::Request { config: config.clone() };
        let mut response = core.server.prepare_provider_config(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(diagnostics(&mut response), expected);
        assert!(response.prepared_config == config);
    }
}

#[tokio::test]
async fn rejects_undecodable_values_in_every_field() {
    let core = Core::configured().await;
    let type_name = "toy_ball";
    let mut spoilt: Vec<DynamicValue> = [
        &b"\xc1"[..],
        b"\x81",
        b"\x80",
        b"\x90",
        b"\xa1x",
        b"\xc3",
        b"\x07",
        b"\xc0\xc0",
        b"\xd4\x00\x00",
        b"\xdf\xff\xff\xff\xff",
        b"\xc7\x02\x0c\x81\x01",
        b"\x81\xa5label\x01",
        b"\x81\xa5label\xa1\xff",
        b"\x82\xa5label\xc0\xa5label\xc0",
    ]
    .map(|bytes| DynamicValue { msgpack: bytes.to_vec(), json: Vec::new() })
    .to_vec();
    spoilt.push(DynamicValue { msgpack: [0x91].repeat(100_000), json: Vec::new() });
    for json in [&b"{"[..], b"[]", b"1", b"{}", b"\xff", b"{\"label\":1}"] {
        spoilt.push(DynamicValue { msgpack: Vec::new(), json: json.to_vec() });
    }
    let plan = || core.plan_request(type_name, "id=1 name=a", "name=b", b"");
    let apply = || core.apply_request(type_name, "id=1 name=a", "id=1 name=b", "name=b", b"");
    for value in spoilt {
        let config = || Some(value.clone());
        let type_name = || type_name.to_owned();
        let responses = [
            call!(core, prepare_provider_config, proto::prepare_provider_config::Request { config: config() }),
            call!(core, configure, proto::configure::Request { config: config(), ..Default::default() }),
            call!(
                core,
                validate_resource_type_config,
                proto::validate_resource_type_config::Request {
                    type_name: type_name(),
                    config: config(),
                    ..Default::default()
                }
            ),
            call!(
                core,
                read_resource,
                proto::read_resource::Request { type_name: type_name(), current_state: config(), ..Default::default() }
            ),
            call!(core, plan_resource_change, proto::plan_resource_change::Request { prior_state: config(), ..plan() }),
            call!(core, plan_resource_change, proto::plan_resource_change::Request { config: config(), ..plan() }),
            call!(
                core,
                plan_resource_change,
                proto::plan_resource_change::Request { proposed_new_state: config(), ..plan() }
            ),
            call!(
                core,
                apply_resource_change,
                proto::apply_resource_change::Request { prior_state: config(), ..apply() }
            ),
            call!(core, apply_resource_change, proto::apply_resource_change::Request { config: config(), ..apply() }),
            call!(
                core,
                apply_resource_change,
                proto::apply_resource_change::Request { planned_state: config(), ..apply() }
            ),
        ];
        for (position, diagnostics) in responses.into_iter().enumerate() {
            let expected =
                ["error: Value does not match the schema", "error: Invalid request from Terraform: unknown object"];
            assert!(
                expected.contains(&diagnostics.as_str()),
                "{position} {:02x?} {:?}: {diagnostics}",
                value.msgpack,
                value.json
            );
        }
    }
    let private = || b"{\"format\":".to_vec();
    let state = || core.encode(type_name, "id=1 name=a");
    for diagnostics in [
        call!(core, plan_resource_change, proto::plan_resource_change::Request { prior_private: private(), ..plan() }),
        call!(
            core,
            apply_resource_change,
            proto::apply_resource_change::Request { planned_private: private(), ..apply() }
        ),
        call!(
            core,
            read_resource,
            proto::read_resource::Request {
                type_name: type_name.into(),
                private: private(),
                current_state: state(),
                ..Default::default()
            }
        ),
    ] {
        assert_eq!(diagnostics, "error: Private data in the state cannot be read");
    }
    assert!(core.server.provider.shelf.lock().unwrap().is_empty());
}

#[tokio::test]
async fn rejects_plan_without_configuration() {
    let core = Core::configured().await;
    for config in [None, core.encode("toy_ball", "-")] {
        let request =
            proto::plan_resource_change::Request { config, ..core.plan_request("toy_ball", "id=1", "name=a", b"") };
        assert_eq!(
            call!(core, plan_resource_change, request),
            "error: Invalid request from Terraform: no configuration"
        );
    }
}

#[tokio::test]
async fn accepts_values_in_json() {
    let core = Core::configured().await;
    let json = |text: &str| Some(DynamicValue { msgpack: Vec::new(), json: text.into() });
    let ball = r#"{"id":null,"name":"a","color":null,"shape":null,"pin":null,"seen":null,"timeouts":null}"#;
    let request = proto::plan_resource_change::Request {
        type_name: "toy_ball".into(),
        prior_state: json("null"),
        proposed_new_state: json(ball),
        config: json(ball),
        ..Default::default()
    };
    let response = core.server.plan_resource_change(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(core.decode("toy_ball", response.planned_state), "color=red id=? name=a seen=?");
}

#[tokio::test]
async fn upgrades_stored_objects_to_current_schema() {
    let core = Core::new();
    const ID: &str = r#"{"id":"1"}"#;
    for (title, version, json, state) in [
        (
            "complete",
            3,
            r#"{"id":"1","mode":"a","plan":null,"owner":null,"pin":null,"size":"s","block":null}"#,
            "id=1 mode=a size=s",
        ),
        ("attributes and blocks are missing", 3, ID, "id=1"),
        ("attributes are too many", 3, r#"{"id":"1","old":{"a":[1.5]},"block":{"old":1}}"#, "block={  } id=1"),
        ("blocks are null", 3, r#"{"id":"1","block":null}"#, "id=1"),
        ("printed for people", 3, "{\n  \"id\": \"1\",\r\n\t\"block\": null\n}\n", "id=1"),
        ("an older version", 0, ID, "id=1"),
        ("nothing in it", 3, "{}", ""),
    ] {
        assert_eq!(core.upgrade("toy_faulty", version, json).await, Outcome::of(state), "{title}");
    }
    for (title, version, json, error) in [
        ("a newer version", 4, ID, "State cannot be read by this version"),
        ("no bytes", 3, "", "State cannot be read by this version"),
        ("null", 3, "null", "State cannot be read: not an object"),
        ("no object", 3, "[]", "Value does not match the schema"),
        ("another type", 3, r#"{"id":{}}"#, "Value does not match the schema"),
        ("half of it", 3, "{\"id\":", "Value does not match the schema"),
    ] {
        let outcome = Outcome::of("absent").with_diagnostics(&format!("error: {error}"));
        assert_eq!(core.upgrade("toy_faulty", version, json).await, outcome, "{title}");
    }
    let flatmap = HashMap::from([("id".to_owned(), "1".to_owned())]);
    let raw_state = Some(proto::RawState { json: ID.into(), flatmap });
    let request = proto::upgrade_resource_state::Request { type_name: "toy_faulty".into(), version: 0, raw_state };
    let diagnostics = call!(core, upgrade_resource_state, request);
    assert_eq!(diagnostics, "error: State cannot be read by this version");
}

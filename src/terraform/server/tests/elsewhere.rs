//! Objects that come in and go out: identities, moves, lists, generated configurations.

use futures_util::StreamExt;
use tonic::Request;

use super::{Core, Told, line, said};
use crate::terraform::notation::{entries, show};
use crate::terraform::proto;
use crate::terraform::proto::provider_server::Provider as _;
use crate::terraform::proto::{DynamicValue, RawState, ResourceIdentityData};
use crate::terraform::server::convert;
use crate::terraform::types::Type;
use crate::terraform::value::Value;

const BALL: &str = "toy_ball";

fn identity_type() -> Type {
    Type::Object([("id".to_owned(), Type::String)].into())
}

fn identity(text: &str) -> Option<ResourceIdentityData> {
    Some(ResourceIdentityData { identity_data: Some(convert::encode(entries(text), &identity_type()).unwrap()) })
}

fn shown(identity: Option<ResourceIdentityData>) -> String {
    let Some(identity) = identity else { return "absent".to_owned() };
    match convert::decode(identity.identity_data, &identity_type()).unwrap() {
        Value::Object(object) => show(&object),
        _ => panic!("no object"),
    }
}

fn json(text: &str) -> Option<RawState> {
    Some(RawState { json: text.into(), ..Default::default() })
}

/// Each event in a line: identity, title, object, messages.
async fn list(core: &Core, color: &str, limit: i64, include_resource_object: bool) -> Vec<String> {
    let config = Type::Object([("color".to_owned(), Type::String)].into());
    let config = Some(convert::encode(entries(color), &config).unwrap());
    let request = proto::list_resource::Request { type_name: BALL.into(), config, include_resource_object, limit };
    let events = core.server.list_resource(Request::new(request)).await.unwrap().into_inner();
    let show = |event: proto::list_resource::Event| {
        let object = event
            .resource_object
            .map_or_else(String::new, |object| format!(" {{ {} }}", core.decode(BALL, Some(object))));
        let said: Vec<_> = event.diagnostic.iter().map(line).collect();
        let title = event.display_name;
        format!("{} `{title}`{object} {}", shown(event.identity), said.join(" ")).trim_end().to_owned()
    };
    events.map(|event| show(event.unwrap())).collect().await
}

#[tokio::test]
async fn every_answer_with_an_object_has_its_identity() {
    let core = Core::configured().await;
    let schemas =
        core.server.get_resource_identity_schemas(Request::new(Default::default())).await.unwrap().into_inner();
    assert_eq!(schemas.identity_schemas.keys().collect::<Vec<_>>(), [BALL]);
    let schema = &schemas.identity_schemas[BALL];
    let [id] = schema.identity_attributes.as_slice() else { panic!("one attribute") };
    assert_eq!((schema.version, id.name.as_str(), id.r#type.as_slice()), (0, "id", &b"\"string\""[..]));
    assert!(id.required_for_import && !id.optional_for_import);

    for (prior, config, expected) in [
        ("-", "name=a", "absent"),
        ("id=1 name=a", "name=a", "id=1"),
        ("id=1 name=a", "name=b shape=egg", "id=1"),
        ("id=1 name=a", "-", "id=1"),
    ] {
        // The prior identity of the second plan of a replacement is the old one: it is not looked at.
        let request = proto::plan_resource_change::Request {
            prior_identity: identity("id=9"),
            ..core.plan_request(BALL, prior, config, b"")
        };
        let response = core.server.plan_resource_change(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(shown(response.planned_identity), expected, "{prior} {config}");
    }
    for (prior, planned, config, expected) in [
        ("-", "id=? name=a seen=?", "name=a", "id=1"),
        ("id=1 name=a", "id=1 name=b seen=?", "name=b", "id=1"),
        ("id=2 name=a", "-", "-", "absent"),
    ] {
        let request = core.apply_request(BALL, prior, planned, config, b"");
        let response = core.server.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(shown(response.new_identity), expected, "{prior} {config}");
    }
    const CONTRADICTION: &str = "error: State and identity are of different objects";
    for (state, current, expected, message) in [
        ("id=1 name=b", "id=1", "id=1", ""),
        ("id=1 name=b", "-", "id=1", ""),
        ("id=1 name=b", "", "id=1", ""),
        ("id=1 name=b", "id=2", "absent", CONTRADICTION),
        ("id=2 name=b", "id=2", "absent", ""),
        ("-", "id=2", "absent", ""),
    ] {
        let request = proto::read_resource::Request {
            type_name: BALL.into(),
            current_state: core.encode(BALL, state),
            current_identity: if current == "-" { None } else { identity(current) },
            ..Default::default()
        };
        let mut response = core.server.read_resource(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&mut response), message, "{state} {current}");
        assert_eq!(response.new_state.is_some(), message.is_empty());
        assert_eq!(shown(response.new_identity), expected, "{state} {current}");
    }
}

#[tokio::test]
async fn objects_are_imported_by_id_or_by_identity() {
    let core = Core::configured().await;
    for (id, by, expected) in [("1", None, "1"), ("", identity("id=2"), "2"), ("3", identity("id=4"), "3")] {
        let request = proto::import_resource_state::Request {
            type_name: BALL.into(),
            id: id.into(),
            identity: by,
            ..Default::default()
        };
        let response = core.server.import_resource_state(Request::new(request)).await.unwrap().into_inner();
        let [imported] = <[_; 1]>::try_from(response.imported_resources).ok().unwrap();
        assert_eq!(shown(imported.identity), format!("id={expected}"));
        assert_eq!(core.decode(BALL, imported.state), format!("id={expected}"));
    }
}

#[tokio::test]
async fn identities_of_this_version_are_upgraded_and_others_are_refused() {
    let core = Core::new();
    const REFUSED: &str = "error: The identity in the state cannot be read";
    for (version, raw, expected, message) in [
        (0, r#"{ "id": "1", "old": 2 }"#, "id=1", ""),
        (0, "{}", "", ""),
        (1, r#"{"id":"1"}"#, "absent", REFUSED),
        (0, "", "absent", REFUSED),
        (0, "null", "absent", REFUSED),
        (0, r#"{"id":[]}"#, "absent", REFUSED),
    ] {
        let request =
            proto::upgrade_resource_identity::Request { type_name: BALL.into(), version, raw_identity: json(raw) };
        let mut response = core.server.upgrade_resource_identity(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&mut response), message, "{raw}");
        assert_eq!(shown(response.upgraded_identity), expected, "{raw}");
    }
}

#[tokio::test]
async fn an_object_of_another_type_is_taken_over_without_settings() {
    let core = Core::new();
    let marble = r#"{"id":"7","name":"m","pin":"hunter2","glass":true}"#;
    for (target, provider, of, state, expected, message) in [
        (BALL, "registry.terraform.io/toys/old", "old_marble", marble, "id=7 name=m", ""),
        (BALL, "mirror.example.com/toys/old", "old_marble", r#"{"id":"8"}"#, "id=8", ""),
        (BALL, "registry.terraform.io/toys/old", "old_box", marble, "absent", "error: Only marbles"),
        (BALL, "toys/old", "old_marble", "[]", "absent", "error: The object to be moved cannot be read"),
        ("toy_trouble", "toys/old", "old_marble", marble, "absent", "error: This object cannot be moved"),
    ] {
        let request = proto::move_resource_state::Request {
            source_provider_address: provider.into(),
            source_type_name: of.into(),
            source_schema_version: 3,
            source_state: json(state),
            source_private: b"not ours".into(),
            target_type_name: target.into(),
            ..Default::default()
        };
        let mut response = core.server.move_resource_state(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&mut response), message, "{target} {of}");
        assert_eq!(core.decode(target, response.target_state), expected);
        if message.is_empty() {
            assert!(shown(response.target_identity).starts_with("id="));
            assert_eq!(response.target_private, br#"{"format":1,"kept":{"version":3}}"#);
        }
    }
}

#[tokio::test]
async fn a_list_names_objects_and_shows_them_when_asked() {
    let core = Core::configured().await;
    assert_eq!(list(&core, "", 0, true).await, Vec::<String>::new());
    for name in ["a", "b", "c"] {
        core.apply(BALL, "-", &format!("name={name}"), b"").await;
    }
    let (a, b, c) = ("id=1 `a`", "id=2 `b`", "id=3 `c`");
    for (limit, expected) in
        [(0, &[a, b, c][..]), (-1, &[a, b, c]), (1, &[a]), (2, &[a, b]), (3, &[a, b, c]), (i64::MAX, &[a, b, c])]
    {
        assert_eq!(list(&core, "", limit, false).await, expected, "{limit}");
    }
    assert_eq!(list(&core, "", 1, true).await, ["id=1 `a` { color=red id=1 name=a seen=s }"]);
    assert_eq!(list(&core, "color=dusty", 1, false).await, [a, "absent `` warning: Dusty"]);
    assert_eq!(list(&core, "color=refuse", 0, true).await, ["absent `` error: Refused @ color"]);
    assert_eq!(list(&core, "color=panic", 0, true).await, ["absent `` error: The provider crashed"]);
    const UNKNOWN: &str = "absent `` error: The configuration of the list is not known yet";
    assert_eq!(list(&core, "color=?", 0, true).await, [UNKNOWN]);
    assert_eq!(list(&Core::new(), "", 0, true).await, ["absent `` error: The provider is not configured"]);
}

#[tokio::test]
async fn a_list_ends_when_it_is_told_to_or_nobody_reads_it() {
    let core = Core::configured().await;
    let started = core.server.provider.started.clone();
    let (events, ()) = tokio::join!(list(&core, "color=wait", 0, false), async {
        started.notified().await;
        core.stop().await;
    });
    assert_eq!(events, ["absent `` error: Stopped"]);

    let session = || std::sync::Arc::strong_count(core.server.session.read().unwrap().as_ref().unwrap());
    let before = session();
    let works = async {
        started.notified().await;
        session() > before
    };
    tokio::select! {
        _ = list(&core, "color=wait", 0, false) => panic!("it waits for ever"),
        works = works => assert!(works),
    }
    assert_eq!(session(), before);
}

#[tokio::test]
async fn the_configuration_of_a_list_is_checked() {
    let core = Core::new();
    for (of, msgpack, expected) in [
        (BALL, &b"\x81\xa5color\xa1x"[..], ""),
        (BALL, b"\xc0", ""),
        (BALL, b"", ""),
        (BALL, b"\x81\xa5color\xd4\x00\x00", ""),
        (BALL, b"\x81\xa5color\xa0", "error: Empty color @ color"),
        (BALL, b"\x81\xa5color\x01", "error: Unreadable value"),
        ("toy_trouble", b"\x80", "error: Not offered by this provider"),
    ] {
        let config = Some(DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() });
        let request =
            proto::validate_list_resource_config::Request { type_name: of.into(), config, ..Default::default() };
        let mut response = core.server.validate_list_resource_config(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&mut response), expected, "{of} {msgpack:02x?}");
    }
}

#[tokio::test]
async fn a_configuration_is_generated_without_what_only_the_provider_sets() {
    let core = Core::new();
    for (state, expected) in [
        ("id=1 name=a color=red seen=s shape=egg timeouts={ create=1m }", "name=a shape=egg"),
        ("id=1 name=a color=blue", "color=blue name=a"),
        ("-", "null"),
    ] {
        let request =
            proto::generate_resource_config::Request { type_name: BALL.into(), state: core.encode(BALL, state) };
        let mut response = core.server.generate_resource_config(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&mut response), "");
        assert_eq!(Told::of(&core.decode(BALL, response.config)), Told::of(expected), "{state}");
    }
}

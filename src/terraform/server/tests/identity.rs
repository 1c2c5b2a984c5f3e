//! Identities of objects.

use tonic::Request;

use super::{Core, diagnostics};
use crate::terraform::notation::{entries, show};
use crate::terraform::proto;
use crate::terraform::proto::provider_server::Provider as _;
use crate::terraform::proto::{RawState, ResourceIdentityData};
use crate::terraform::server::convert;
use crate::terraform::types::Type;
use crate::terraform::value::Value;

const BALL: &str = "toy_ball";

fn identity_type() -> Type {
    Type::Object([("id".to_owned(), Type::String)].into())
}

pub(super) fn identity(text: &str) -> Option<ResourceIdentityData> {
    Some(ResourceIdentityData { identity_data: Some(convert::encode(entries(text), &identity_type()).unwrap()) })
}

pub(super) fn shown(identity: Option<ResourceIdentityData>) -> String {
    let Some(identity) = identity else { return "absent".to_owned() };
    match convert::decode(identity.identity_data, &identity_type()).unwrap() {
        Value::Object(object) => show(&object),
        _ => panic!("no object"),
    }
}

pub(super) fn json(text: &str) -> Option<RawState> {
    Some(RawState { json: text.into(), ..Default::default() })
}

#[tokio::test]
async fn returns_identity_with_every_object() {
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
    const CONTRADICTION: &str = "error: State and identity do not match";
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
        assert_eq!(diagnostics(&mut response), message, "{state} {current}");
        assert_eq!(response.new_state.is_some(), message.is_empty());
        assert_eq!(shown(response.new_identity), expected, "{state} {current}");
    }
}

#[tokio::test]
async fn upgrades_current_identities_and_rejects_others() {
    let core = Core::new();
    const REJECTED: &str = "error: Identity in the state cannot be read";
    for (version, raw, expected, message) in [
        (0, r#"{ "id": "1", "old": 2 }"#, "id=1", ""),
        (0, "{}", "", ""),
        (1, r#"{"id":"1"}"#, "absent", REJECTED),
        (0, "", "absent", REJECTED),
        (0, "null", "absent", REJECTED),
        (0, r#"{"id":[]}"#, "absent", REJECTED),
    ] {
        let request =
            proto::upgrade_resource_identity::Request { type_name: BALL.into(), version, raw_identity: json(raw) };
        let mut response = core.server.upgrade_resource_identity(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(diagnostics(&mut response), message, "{raw}");
        assert_eq!(shown(response.upgraded_identity), expected, "{raw}");
    }
}

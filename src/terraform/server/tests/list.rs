//! List resources.

use futures_util::StreamExt;
use tonic::Request;

use super::identity::shown;
use super::{Core, diagnostics, line};
use crate::terraform::notation::entries;
use crate::terraform::proto;
use crate::terraform::proto::DynamicValue;
use crate::terraform::proto::provider_server::Provider as _;
use crate::terraform::server::convert;
use crate::terraform::types::Type;

const BALL: &str = "toy_ball";

/// Returns one line per event: identity, title, object, messages.
async fn list(core: &Core, color: &str, limit: i64, include_resource_object: bool) -> Vec<String> {
    let config = Type::Object([("color".to_owned(), Type::String)].into());
    let config = Some(convert::encode(entries(color), &config).unwrap());
    let request = proto::list_resource::Request { type_name: BALL.into(), config, include_resource_object, limit };
    let events = core.server.list_resource(Request::new(request)).await.unwrap().into_inner();
    let show = |event: proto::list_resource::Event| {
        let object = event
            .resource_object
            .map_or_else(String::new, |object| format!(" {{ {} }}", core.decode(BALL, Some(object))));
        let diagnostics: Vec<_> = event.diagnostic.iter().map(line).collect();
        let title = event.display_name;
        format!("{} `{title}`{object} {}", shown(event.identity), diagnostics.join(" ")).trim_end().to_owned()
    };
    events.map(|event| show(event.unwrap())).collect().await
}

#[tokio::test]
async fn list_returns_identities_and_objects_on_request() {
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
    assert_eq!(
        list(&core, "color=panic", 0, true).await,
        ["absent `` error: The provider crashed while handling `ListResource`"]
    );
    const UNKNOWN: &str = "absent `` error: List configuration is not known yet";
    assert_eq!(list(&core, "color=?", 0, true).await, [UNKNOWN]);
    assert_eq!(list(&Core::new(), "", 0, true).await, ["absent `` error: Provider is not configured"]);
}

#[tokio::test]
async fn list_ends_on_stop_and_when_stream_is_dropped() {
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
async fn validates_list_configuration() {
    let core = Core::new();
    for (type_name, msgpack, expected) in [
        (BALL, &b"\x81\xa5color\xa1x"[..], ""),
        (BALL, b"\xc0", ""),
        (BALL, b"", ""),
        (BALL, b"\x81\xa5color\xd4\x00\x00", ""),
        (BALL, b"\x81\xa5color\xa0", "error: Empty color @ color"),
        (BALL, b"\x81\xa5color\x01", "error: Value does not match the schema"),
        ("toy_faulty", b"\x80", "error: Not supported by this provider"),
    ] {
        let config = Some(DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() });
        let request =
            proto::validate_list_resource_config::Request { type_name: type_name.into(), config, ..Default::default() };
        let mut response = core.server.validate_list_resource_config(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(diagnostics(&mut response), expected, "{type_name} {msgpack:02x?}");
    }
}

//! Imports, and the configuration generated for an object.

use tonic::Request;

use super::identity::{identity, shown};
use super::{Core, Outcome, diagnostics};
use crate::terraform::proto;
use crate::terraform::proto::provider_server::Provider as _;

const BALL: &str = "toy_ball";

#[tokio::test]
async fn imports_by_id_or_identity() {
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
async fn generates_configuration_without_computed_attributes() {
    let core = Core::new();
    for (state, expected) in [
        ("id=1 name=a color=red seen=s shape=egg timeouts={ create=1m }", "name=a shape=egg"),
        ("id=1 name=a color=blue", "color=blue name=a"),
        ("-", "null"),
    ] {
        let request =
            proto::generate_resource_config::Request { type_name: BALL.into(), state: core.encode(BALL, state) };
        let mut response = core.server.generate_resource_config(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(diagnostics(&mut response), "");
        assert_eq!(Outcome::of(&core.decode(BALL, response.config)), Outcome::of(expected), "{state}");
    }
}

//! `moved` blocks across resource types.

use tonic::Request;

use super::identity::{json, shown};
use super::{Core, diagnostics};
use crate::terraform::proto;
use crate::terraform::proto::provider_server::Provider as _;

const BALL: &str = "toy_ball";

#[tokio::test]
async fn moves_object_of_another_type_without_session() {
    let core = Core::new();
    let marble = r#"{"id":"7","name":"m","pin":"hunter2","glass":true}"#;
    for (target, provider, type_name, state, expected, message) in [
        (BALL, "registry.terraform.io/toys/old", "old_marble", marble, "id=7 name=m", ""),
        (BALL, "mirror.example.com/toys/old", "old_marble", r#"{"id":"8"}"#, "id=8", ""),
        (BALL, "registry.terraform.io/toys/old", "old_box", marble, "absent", "error: Only marbles"),
        (BALL, "toys/old", "old_marble", "[]", "absent", "error: State of the moved object cannot be read"),
        ("toy_faulty", "toys/old", "old_marble", marble, "absent", "error: This object cannot be moved"),
    ] {
        let request = proto::move_resource_state::Request {
            source_provider_address: provider.into(),
            source_type_name: type_name.into(),
            source_schema_version: 3,
            source_state: json(state),
            source_private: b"not ours".into(),
            target_type_name: target.into(),
            ..Default::default()
        };
        let mut response = core.server.move_resource_state(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(diagnostics(&mut response), message, "{target} {type_name}");
        assert_eq!(core.decode(target, response.target_state), expected);
        if message.is_empty() {
            assert!(shown(response.target_identity).starts_with("id="));
            assert_eq!(response.target_private, br#"{"format":1,"kept":{"version":3}}"#);
        }
    }
}

//! The hint that the plan of a managed object leaves in its private state for the plan of its replacement. Each plan runs
//! in a process of its own, so that nothing else can link the two.

use terraform_provider_kms::terraform::value::{Object, Value};

use crate::identity_and_list::proto::{DynamicValue, plan_resource_change};
use crate::identity_and_list::{Core, TYPE, encode};
use crate::support::scene::Scene;

/// The planned private data, and the summaries of the errors.
async fn plan(scene: &Scene, prior: Option<&Object>, config: &Object, private: Vec<u8>) -> (Vec<u8>, Vec<String>) {
    let core = Core::new(&scene.kms).await;
    let of = core.object_type();
    let null = DynamicValue { msgpack: vec![0xc0], json: Vec::new() };
    let mut proposed = config.clone();
    for computed in ["id", "org_id", "created_at", "credentials_hash"] {
        proposed.set(computed, prior.map_or_else(Value::unknown, |prior| prior.get(computed).clone()));
    }
    let request = plan_resource_change::Request {
        type_name: TYPE.to_owned(),
        prior_state: Some(prior.map_or(null, |prior| encode(prior.clone(), &of))),
        proposed_new_state: Some(encode(proposed, &of)),
        config: Some(encode(config.clone(), &of)),
        prior_private: private,
        ..Default::default()
    };
    let response: plan_resource_change::Response = core.call("PlanResourceChange", request).await;
    (response.planned_private, response.diagnostics.into_iter().map(|found| found.summary).collect())
}

#[tokio::test]
async fn replacement_hint_makes_next_create_a_replacement() {
    let scene = Scene::new();
    let mut config: Object = [
        ("name", Value::from("orders-db")),
        ("method", Value::from("username-and-password")),
        ("host", Value::from("localhost")),
        ("port", Value::from(i64::from(scene.postgres.port()))),
        ("database", Value::from(scene.database.as_str())),
        ("username", Value::from(scene.role.as_str())),
        ("password", Value::from("dead")),
        ("ssl_enabled", Value::from(true)),
        ("ssl_reject_unauthorized", Value::from(true)),
        ("ssl_certificate", Value::from(scene.postgres.ca_pem())),
        ("is_platform_managed_credentials", Value::from(true)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let mut prior = config.clone();
    for (name, value) in [
        ("id", "3c90c3cc-0d44-4b50-8888-8dd25736052a"),
        ("org_id", scene.kms.org_id()),
        ("created_at", "2026-01-02T03:04:05.678Z"),
        ("credentials_hash", "0f4ff5f1a8bd2a3ff1d2a7ad3b0d5ba4f1f4a8c7f9b1c2d3e4f5061728394a5b"),
    ] {
        prior.set(name, value);
    }
    let (mark, errors) = plan(&scene, Some(&prior), &config, Vec::new()).await;
    assert_eq!(errors, Vec::<String>::new());
    assert!(!mark.is_empty());
    // Another name, so that nothing but the mark tells of it.
    config.set("name", "orders-new");
    let (_, errors) = plan(&scene, None, &config, mark).await;
    assert!(errors.contains(&"Platform-managed connection cannot be replaced: orders-new".to_owned()), "{errors:?}");
    let (_, errors) = plan(&scene, None, &config, Vec::new()).await;
    assert!(errors.contains(&"PostgreSQL login failed: password rejected".to_owned()), "{errors:?}");
}

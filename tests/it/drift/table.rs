//! The whole table of drift, mode and outcome of the login, requested from the real program as a core does.

use serde_json::json;
use terraform_provider_kms::terraform::value::{Object, Value};
use terraform_provider_kms::terraform::wire::msgpack;

use super::WARNING;
use crate::identity_and_list::proto::plan_resource_change;
use crate::identity_and_list::{Core, TYPE, encode};
use crate::support::scene::{PASSWORD, Scene};

/// What a plan came to: whether credentials are sent, and its messages as `E summary` or `W summary`.
#[derive(Debug, PartialEq)]
struct Planned {
    sends: bool,
    messages: Vec<String>,
}

struct Table {
    scene: Scene,
    core: Core,
}

impl Table {
    async fn new() -> Self {
        let scene = Scene::new();
        let core = Core::new(&scene.kms).await;
        Self { scene, core }
    }

    /// The configuration of an applied connection.
    fn config(&self, password: &str, mode: &str, is_reachable: bool) -> Object {
        let mut validation = Object::new();
        validation.set("mode", mode);
        if !is_reachable {
            validation.set("address", "127.0.0.1:1");
        }
        [
            ("name", Value::from("orders-db")),
            ("method", Value::from("username-and-password")),
            ("host", Value::from("localhost")),
            ("port", Value::from(i64::from(self.scene.postgres.port()))),
            ("database", Value::from(self.scene.database.as_str())),
            ("username", Value::from(self.scene.role.as_str())),
            ("password", Value::from(password)),
            ("ssl_enabled", Value::from(true)),
            ("ssl_reject_unauthorized", Value::from(true)),
            ("ssl_certificate", Value::from(self.scene.postgres.ca_pem())),
            ("is_platform_managed_credentials", Value::from(false)),
            ("validation", Value::Object(validation)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Plans `config` over `prior`, whose credentials were written by `writer`.
    async fn plan(&self, mut prior: Object, config: &Object, writer: &str) -> Planned {
        for (name, value) in [
            ("id", "3c90c3cc-0d44-4b50-8888-8dd25736052a"),
            ("org_id", self.scene.kms.org_id()),
            ("created_at", "2026-01-02T03:04:05.678Z"),
            ("credentials_hash", "ours"),
        ] {
            prior.set(name, value);
        }
        let of = self.core.object_type();
        let mut proposed = config.clone();
        for computed in ["id", "org_id", "created_at", "credentials_hash"] {
            proposed.set(computed, prior.get(computed).clone());
        }
        let notes = json!({ "format": 1, "kept": { "written_hash": writer, "password_source": "password" } });
        let request = plan_resource_change::Request {
            type_name: TYPE.to_owned(),
            prior_state: Some(encode(prior, &of)),
            proposed_new_state: Some(encode(proposed, &of)),
            config: Some(encode(config.clone(), &of)),
            prior_private: serde_json::to_vec(&notes).unwrap(),
            ..Default::default()
        };
        let response: plan_resource_change::Response = self.core.call("PlanResourceChange", request).await;
        let keeps = String::from_utf8_lossy(&response.planned_private).contains("keeps_credentials");
        let planned = response.planned_state.and_then(|state| msgpack::decode(&state.msgpack, &of).ok());
        let is_open = match planned {
            Some(Value::Object(planned)) => planned.get("credentials_hash").is_unknown(),
            _ => false,
        };
        Planned {
            sends: is_open && !keeps,
            messages: response
                .diagnostics
                .into_iter()
                .map(|found| format!("{} {}", if found.severity == 1 { "E" } else { "W" }, found.summary))
                .collect(),
        }
    }
}

#[tokio::test]
async fn outside_change_alone_is_never_an_error() {
    let table = Table::new().await;
    for mode in ["plan", "warn", "apply", "off"] {
        let checks = matches!(mode, "plan" | "warn");
        for (case, password, is_reachable) in
            [("accepted", PASSWORD, true), ("refused", "stale", true), ("unreachable", PASSWORD, false)]
        {
            let config = table.config(password, mode, is_reachable);
            let sends = checks && case == "accepted";
            let expected = |messages: &[&str], sends| Planned {
                sends,
                messages: messages.iter().map(|text| (*text).to_owned()).collect(),
            };
            let warning = format!("W {WARNING}");
            // Only the fingerprint has moved.
            let planned = table.plan(config.clone(), &config, "outside").await;
            assert_eq!(planned, expected(&[&warning], sends), "{mode}, {case}");
            // The same beside a change that needs no credentials.
            let mut prior = config.clone();
            prior.set("description", "old");
            let planned = table.plan(prior, &config, "outside").await;
            assert_eq!(planned, expected(&[&warning], sends), "{mode}, {case}, beside another change");
            // Nothing has moved.
            let planned = table.plan(config.clone(), &config, "ours").await;
            assert_eq!(planned, expected(&[], false), "{mode}, {case}, no drift");
            // The configuration gives another password: only now a refusal is an error.
            let mut prior = config.clone();
            prior.set("password", "before");
            let planned = table.plan(prior, &config, "outside").await;
            let errors = planned.messages.iter().filter(|message| message.starts_with('E')).count();
            assert_eq!(errors, usize::from(mode == "plan" && case == "refused"), "{mode}, {case}: {planned:?}");
            assert_eq!(planned.sends, errors == 0, "{mode}, {case}: {planned:?}");
            assert!(!planned.messages.contains(&warning), "{mode}, {case}: {planned:?}");
        }
    }
}

//! An object from its plan to its end, and what else travels with it.

use super::{Core, Outcome};

#[tokio::test]
async fn creates_reads_updates_replaces_destroys_and_imports() {
    let core = Core::configured().await;
    let type_name = "toy_ball";
    let config = "name=a timeouts={ create=1m }";
    assert_eq!(core.validate(type_name, config).await, "");

    let plan = core.plan(type_name, "-", config, b"").await;
    assert_eq!(plan, Outcome::of("color=red id=? name=a seen=? timeouts={ create=1m }"));
    let one = core.apply(type_name, "-", config, b"").await;
    assert_eq!(one, Outcome::of("color=red id=1 name=a seen=s timeouts={ create=1m }"));
    assert_eq!(core.read(type_name, &one.state, b"").await, one);
    assert_eq!(core.plan(type_name, &one.state, config, b"").await, one);

    let plan = core.plan(type_name, &one.state, "name=a color=blue", b"").await;
    assert_eq!(plan, Outcome::of("color=blue id=1 name=a seen=?"));
    let blue = core.apply(type_name, &one.state, "name=a color=blue", b"").await;
    assert_eq!(blue, Outcome::of("color=blue id=1 name=a seen=s"));
    assert_eq!(core.read(type_name, &blue.state, b"").await, blue);

    let plan = core.plan(type_name, &blue.state, "name=a color=blue shape=egg", b"").await;
    assert_eq!((plan.replace.as_str(), plan.state.as_str()), ("shape", "color=blue id=1 name=a seen=? shape=egg"));
    assert_eq!(core.apply(type_name, &blue.state, "-", b"").await, Outcome::of("null"));
    let egg = core.apply(type_name, "-", "name=a color=blue shape=egg", &plan.private).await;
    assert_eq!(egg, Outcome::of("color=blue id=1 name=a seen=s shape=egg"));

    let imported = core.import(type_name, "1").await;
    assert_eq!(imported, Outcome::of("id=1"));
    assert_eq!(core.read(type_name, &imported.state, b"").await, egg);
    assert_eq!(core.plan(type_name, &egg.state, "-", b"").await, Outcome::of("null"));
    assert_eq!(core.apply(type_name, &egg.state, "-", b"").await, Outcome::of("null"));
    assert_eq!(core.read(type_name, &egg.state, b"").await, Outcome::of("null"));
}

#[tokio::test]
async fn returns_null_for_absent_objects() {
    let core = Core::configured().await;
    assert_eq!(core.read("toy_ball", "-", b"").await, Outcome::of("null"));
    assert_eq!(core.plan("toy_ball", "-", "-", b"").await, Outcome::of("null"));
    assert_eq!(core.apply("toy_ball", "-", "-", b"").await, Outcome::of("null"));
}

#[tokio::test]
async fn refresh_returns_private_data_and_keeps_spelling() {
    let core = Core::configured().await;
    let private = br#"{"format":1,"kept":{"a":1}}"#;
    let read = core.read("toy_faulty", "id=_1 owner=n size=small", private).await;
    assert_eq!(read, Outcome { private: private.to_vec(), ..Outcome::of("id=_1 owner=n size=big") });
    let newer = br#"{"format":9,"more":[]}"#;
    assert_eq!(core.read("toy_faulty", "id=1", newer).await.private, newer);
}

#[tokio::test]
async fn passes_planned_private_data_to_apply_only() {
    let core = Core::configured().await;
    let type_name = "toy_faulty";
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let prior = br#"{"format":1,"kept":{"a":1}}"#;
    let plan = core.plan(type_name, "id=1", "plan=private", prior).await;
    assert_eq!(json(&plan.private), json(br#"{"format":1,"kept":{"a":1,"seen":1},"planned":{"sends":true}}"#));
    let after = core.apply(type_name, "id=1", "plan=private", prior).await;
    assert_eq!(json(&after.private), json(br#"{"format":1,"kept":{"a":1,"seen":1,"sent":true}}"#));
    let unchanged = core.apply(type_name, "id=1", "owner=n", prior).await;
    assert_eq!(json(&unchanged.private), json(prior));
    assert_eq!(json(&core.plan(type_name, "id=1", "-", prior).await.private), json(prior));

    let newer = br#"{ "format":9,"kept":[] }"#;
    assert_eq!(core.plan(type_name, "id=1", "plan=private", newer).await.private, newer);
    assert_eq!(core.apply(type_name, "id=1", "plan=private", newer).await.private, newer);
    assert_eq!(core.plan(type_name, "id=1", "-", newer).await.private, newer);
}

#[tokio::test]
async fn rejects_write_only_values_on_older_cores() {
    const REJECTED: &str = "error: Write-only argument requires Terraform 1.11";
    let mut core = Core::configured().await;
    for (capabilities, rejected) in [(core.capabilities, false), (Some(Default::default()), true), (None, true)] {
        core.capabilities = capabilities;
        for (config, in_validate, in_plan) in [
            ("owner=n", "", ""),
            ("pin=1", " @ pin", " @ pin"),
            // Every variable is unknown to an older core when it validates.
            ("pin=?", "", " @ pin"),
            ("block={ pin=1 }", " @ block.pin", " @ block.pin"),
            ("block={ pin=? }", "", " @ block.pin"),
            ("block=?", "", ""),
        ] {
            let expected =
                |at: &str| if rejected && !at.is_empty() { format!("{REJECTED}{at}") } else { String::new() };
            assert_eq!(core.validate("toy_faulty", config).await, expected(in_validate), "{config}");
            let plan = core.plan("toy_faulty", "-", config, b"").await;
            assert_eq!(plan.diagnostics, expected(in_plan), "{config}");
            assert_eq!(plan.state == "absent", !plan.diagnostics.is_empty());
        }
    }
}

#[tokio::test]
async fn rejects_read_only_attributes_in_configuration() {
    const REJECTED: &str = "error: Read-only attribute in the configuration";
    let core = Core::configured().await;
    for (config, in_validate, in_plan) in [
        ("id=1", " @ id", " @ id"),
        // A variable may still be null when it is unknown.
        ("id=?", "", " @ id"),
        ("id=null", "", ""),
    ] {
        let expected = |at: &str| if at.is_empty() { String::new() } else { format!("{REJECTED}{at}") };
        assert_eq!(core.validate("toy_faulty", config).await, expected(in_validate), "{config}");
        assert_eq!(core.plan("toy_faulty", "-", config, b"").await.diagnostics, expected(in_plan), "{config}");
    }
}

#[tokio::test]
async fn omits_write_only_values_from_responses() {
    let core = Core::configured().await;
    let type_name = "toy_faulty";
    let config = "mode=leak pin=hunter2 block={ pin=hunter2 }";
    let stored = "mode=leak";
    assert_eq!(
        core.plan(type_name, "-", config, b"").await,
        Outcome::of(&format!("block={{  }} id=? {stored} size=?"))
    );
    let created = core.apply(type_name, "-", config, b"").await;
    assert_eq!(created, Outcome::of(&format!("block={{  }} id=1 {stored} size=big")));
    assert_eq!(core.plan(type_name, &created.state, config, b"").await, created);
    assert_eq!(core.apply(type_name, "id=1", config, b"").await, created);
    assert_eq!(core.read(type_name, &created.state, b"").await, created);
    let upgraded = core.upgrade(type_name, 3, r#"{"mode":"leak","pin":"hunter2","block":{"pin":"hunter2"}}"#).await;
    assert_eq!(upgraded, Outcome::of(&format!("block={{  }} {stored}")));
}

//! An object from its plan to its end, and what else travels with it.

use super::{Core, Told};

#[tokio::test]
async fn an_object_is_created_read_updated_replaced_destroyed_and_imported() {
    let core = Core::configured().await;
    let of = "toy_ball";
    let config = "name=a timeouts={ create=1m }";
    assert_eq!(core.validate(of, config).await, "");

    let plan = core.plan(of, "-", config, b"").await;
    assert_eq!(plan, Told::of("color=red id=? name=a seen=? timeouts={ create=1m }"));
    let one = core.apply(of, "-", config, b"").await;
    assert_eq!(one, Told::of("color=red id=1 name=a seen=s timeouts={ create=1m }"));
    assert_eq!(core.read(of, &one.state, b"").await, one);
    assert_eq!(core.plan(of, &one.state, config, b"").await, one);

    let plan = core.plan(of, &one.state, "name=a color=blue", b"").await;
    assert_eq!(plan, Told::of("color=blue id=1 name=a seen=?"));
    let blue = core.apply(of, &one.state, "name=a color=blue", b"").await;
    assert_eq!(blue, Told::of("color=blue id=1 name=a seen=s"));
    assert_eq!(core.read(of, &blue.state, b"").await, blue);

    let plan = core.plan(of, &blue.state, "name=a color=blue shape=egg", b"").await;
    assert_eq!((plan.replace.as_str(), plan.state.as_str()), ("shape", "color=blue id=1 name=a seen=? shape=egg"));
    assert_eq!(core.apply(of, &blue.state, "-", b"").await, Told::of("null"));
    let egg = core.apply(of, "-", "name=a color=blue shape=egg", &plan.private).await;
    assert_eq!(egg, Told::of("color=blue id=1 name=a seen=s shape=egg"));

    let imported = core.import(of, "1").await;
    assert_eq!(imported, Told::of("id=1"));
    assert_eq!(core.read(of, &imported.state, b"").await, egg);
    assert_eq!(core.plan(of, &egg.state, "-", b"").await, Told::of("null"));
    assert_eq!(core.apply(of, &egg.state, "-", b"").await, Told::of("null"));
    assert_eq!(core.read(of, &egg.state, b"").await, Told::of("null"));
}

#[tokio::test]
async fn reading_and_deleting_nothing_is_null() {
    let core = Core::configured().await;
    assert_eq!(core.read("toy_ball", "-", b"").await, Told::of("null"));
    assert_eq!(core.plan("toy_ball", "-", "-", b"").await, Told::of("null"));
    assert_eq!(core.apply("toy_ball", "-", "-", b"").await, Told::of("null"));
}

#[tokio::test]
async fn a_refresh_echoes_private_data_and_keeps_the_spelling() {
    let core = Core::configured().await;
    let private = br#"{"format":1,"kept":{"a":1}}"#;
    let read = core.read("toy_trouble", "id=_1 note=n size=small", private).await;
    assert_eq!(read, Told { private: private.to_vec(), ..Told::of("id=_1 note=n size=big") });
    let newer = br#"{"format":9,"more":[]}"#;
    assert_eq!(core.read("toy_trouble", "id=1", newer).await.private, newer);
}

#[tokio::test]
async fn notes_of_a_plan_reach_its_apply_and_no_further() {
    let core = Core::configured().await;
    let of = "toy_trouble";
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let prior = br#"{"format":1,"kept":{"a":1}}"#;
    let plan = core.plan(of, "id=1", "plan=notes", prior).await;
    assert_eq!(json(&plan.private), json(br#"{"format":1,"kept":{"a":1,"seen":1},"planned":{"sends":true}}"#));
    let after = core.apply(of, "id=1", "plan=notes", prior).await;
    assert_eq!(json(&after.private), json(br#"{"format":1,"kept":{"a":1,"seen":1,"sent":true}}"#));
    let unchanged = core.apply(of, "id=1", "note=n", prior).await;
    assert_eq!(json(&unchanged.private), json(prior));
    assert_eq!(json(&core.plan(of, "id=1", "-", prior).await.private), json(prior));

    let newer = br#"{ "format":9,"kept":[] }"#;
    assert_eq!(core.plan(of, "id=1", "plan=notes", newer).await.private, newer);
    assert_eq!(core.apply(of, "id=1", "plan=notes", newer).await.private, newer);
    assert_eq!(core.plan(of, "id=1", "-", newer).await.private, newer);
}

#[tokio::test]
async fn write_only_values_are_refused_on_older_cores() {
    const REFUSED: &str = "error: Write-only argument on an older core";
    let mut core = Core::configured().await;
    for (capabilities, refused) in [(core.capabilities, false), (Some(Default::default()), true), (None, true)] {
        core.capabilities = capabilities;
        for (config, in_validate, in_plan) in [
            ("note=n", "", ""),
            ("pin=1", " @ pin", " @ pin"),
            // Every variable is unknown to an older core when it validates.
            ("pin=?", "", " @ pin"),
            ("block={ pin=1 }", " @ block.pin", " @ block.pin"),
            ("block={ pin=? }", "", " @ block.pin"),
            ("block=?", "", ""),
        ] {
            let expected = |at: &str| if refused && !at.is_empty() { format!("{REFUSED}{at}") } else { String::new() };
            assert_eq!(core.validate("toy_trouble", config).await, expected(in_validate), "{config}");
            let plan = core.plan("toy_trouble", "-", config, b"").await;
            assert_eq!(plan.said, expected(in_plan), "{config}");
            assert_eq!(plan.state == "absent", !plan.said.is_empty());
        }
    }
}

#[tokio::test]
async fn rejects_read_only_attributes_that_a_configuration_sets() {
    const REFUSED: &str = "error: Read-only attribute in the configuration";
    let core = Core::configured().await;
    for (config, in_validate, in_plan) in [
        ("id=1", " @ id", " @ id"),
        // A variable may still be null when it is unknown.
        ("id=?", "", " @ id"),
        ("id=null", "", ""),
    ] {
        let expected = |at: &str| if at.is_empty() { String::new() } else { format!("{REFUSED}{at}") };
        assert_eq!(core.validate("toy_trouble", config).await, expected(in_validate), "{config}");
        assert_eq!(core.plan("toy_trouble", "-", config, b"").await.said, expected(in_plan), "{config}");
    }
}

#[tokio::test]
async fn write_only_values_are_in_no_answer() {
    let core = Core::configured().await;
    let of = "toy_trouble";
    let config = "mode=leak pin=hunter2 block={ pin=hunter2 }";
    let stored = "mode=leak";
    assert_eq!(core.plan(of, "-", config, b"").await, Told::of(&format!("block={{  }} id=? {stored} size=?")));
    let created = core.apply(of, "-", config, b"").await;
    assert_eq!(created, Told::of(&format!("block={{  }} id=1 {stored} size=big")));
    assert_eq!(core.plan(of, &created.state, config, b"").await, created);
    assert_eq!(core.apply(of, "id=1", config, b"").await, created);
    assert_eq!(core.read(of, &created.state, b"").await, created);
    let upgraded = core.upgrade(of, 3, r#"{"mode":"leak","pin":"hunter2","block":{"pin":"hunter2"}}"#).await;
    assert_eq!(upgraded, Told::of(&format!("block={{  }} {stored}")));
}

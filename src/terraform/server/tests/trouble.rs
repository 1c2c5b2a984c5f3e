//! What a resource does wrong, who stops it, and whose settings it sees.

use tonic::Request;

use super::{Core, Told};
use crate::terraform::proto::provider_server::Provider as _;

const OF: &str = "toy_trouble";

#[tokio::test]
async fn a_failed_create_leaves_nothing_and_a_failed_change_leaves_all_as_it_was() {
    let core = Core::configured().await;
    let refused = Told::of("absent").saying("warning: Careful\nerror: Refused @ mode");
    assert_eq!(core.apply(OF, "-", "mode=refuse", br#"{"format":1,"kept":{"a":1}}"#).await, refused);
    assert_eq!(core.apply(OF, "id=1", "mode=refuse", br#"{"format":1,"kept":{"a":1}}"#).await, refused);
    assert_eq!(core.apply(OF, "id=1 mode=refuse", "-", br#"{"format":1,"kept":{"a":1}}"#).await, refused);
    assert_eq!(core.read(OF, "id=1 mode=refuse", b"").await, refused);
    let plan = core.plan(OF, "id=1", "plan=refuse", b"").await;
    assert_eq!(plan, Told::of("absent").saying("error: Refused"));
    let destroy = core.plan(OF, "id=1 plan=refuse", "-", b"").await;
    assert_eq!(destroy, Told::of("absent").saying("error: Kept"));
    let import = core.import(OF, "1").await;
    assert_eq!(import, Told::of("absent").saying("error: Import is not supported"));
}

#[tokio::test]
async fn an_apply_that_took_effect_returns_the_plan_and_no_error() {
    let core = Core::configured().await;
    let stored = |attribute: &str| format!("warning: `{attribute}` of 1 could not be stored @ {attribute}");
    let disagrees = "warning: `note` of 1 was stored differently @ note".to_owned();
    let lost = "warning: `mode` of the object was stored differently @ mode\n\
                warning: `note` of the object was stored differently @ note";
    for (mode, size, id, warned) in [
        ("fine", "big", "1", String::new()),
        ("other", "big", "1", disagrees.clone()),
        ("less", "big", "1", disagrees.clone()),
        ("more", "big", "1", String::new()),
        ("leak", "big", "1", String::new()),
        ("unknown", "", "1", String::new()),
        ("wrong", "", "1", stored("size")),
        ("misfit", "big", "1", format!("{}\n{disagrees}", stored("note"))),
        ("nothing", "", "", lost.to_owned()),
        // Even what was made as an error: a core would replace the object for it.
        ("cry", "big", "1", "warning: Wolf".to_owned()),
    ] {
        let size = if size.is_empty() { String::new() } else { format!(" size={size}") };
        let with_id = if id.is_empty() { "" } else { "id=1 " };
        let created = Told::of(&format!("{with_id}mode={mode} note=n{size}")).saying(&warned);
        assert_eq!(core.apply(OF, "-", &format!("mode={mode} note=n"), b"").await, created);
        let updated = core.apply(OF, "id=1", &format!("mode={mode} note=n"), b"").await;
        assert_eq!(updated.state, format!("id=1 mode={mode} note=n{size}"));
        let (unsaid, more) = ("warning: `id` of the object was stored differently @ id\n", mode == "nothing");
        assert_eq!(updated.said, if more { format!("{unsaid}{warned}") } else { warned });
    }
}

#[tokio::test]
async fn a_refresh_with_an_invalid_answer_is_an_error() {
    let core = Core::configured().await;
    for (mode, told) in [
        ("fine", Told::of("id=1 mode=fine size=big")),
        ("more", Told::of("id=1 mode=more size=big")),
        ("nothing", Told::of("")),
        ("gone", Told::of("null")),
        ("unknown", Told::of("absent").saying("error: The provider made an invalid answer @ size")),
        ("wrong", Told::of("absent").saying("error: The provider made an invalid answer")),
    ] {
        assert_eq!(core.read(OF, &format!("id=1 mode={mode}"), b"").await, told, "{mode}");
    }
}

#[tokio::test]
async fn an_invalid_plan_does_not_leave_the_process() {
    let core = Core::configured().await;
    const INVALID: &str = "error: The provider planned an invalid value";
    for (plan, said) in [
        ("invalid", format!("{INVALID} @ note")),
        ("leak", format!("{INVALID} @ pin")),
        ("wrong", "error: The provider made an invalid answer".to_owned()),
        ("more", "error: The provider made an invalid answer".to_owned()),
    ] {
        assert_eq!(core.plan(OF, "-", &format!("plan={plan}"), b"").await, Told::of("absent").saying(&said));
    }
}

#[tokio::test]
async fn warnings_travel() {
    let core = Core::configured().await;
    let plan = core.plan(OF, "-", "plan=careful", b"").await;
    assert_eq!(plan, Told::of("id=? plan=careful size=?").saying("warning: Careful"));
    let warned = "warning: shop";
    assert_eq!(core.apply(OF, "-", "mode=label", b"").await.said, warned);
    assert_eq!(core.apply(OF, "id=1", "mode=label", b"").await.said, warned);
    assert_eq!(core.apply(OF, "id=1 mode=label", "-", b"").await, Told::of("null").saying(warned));
    assert_eq!(core.read(OF, "id=1 mode=label", b"").await.said, warned);
    assert_eq!(core.configure("label=dusty").await, "warning: Dusty");
}

#[tokio::test]
async fn each_configure_replaces_the_session() {
    let core = Core::configured().await;
    assert_eq!(core.configure("label=mall").await, "");
    assert_eq!(core.read(OF, "id=1 mode=label", b"").await.said, "warning: mall");
    // One that fails leaves the session before it.
    assert_eq!(core.configure("label=closed").await, "error: Closed @ label");
    assert_eq!(core.configure("label=panic").await, "error: The provider crashed");
    assert_eq!(core.read(OF, "id=1 mode=label", b"").await.said, "warning: mall");
    assert_eq!(core.configure("label=?").await, "");
    assert_eq!(core.read(OF, "id=1 mode=label", b"").await.said, "warning: ");
}

#[tokio::test]
async fn a_panic_is_an_error_without_its_message_and_the_next_call_works() {
    let core = Core::configured().await;
    let crashed = Told::of("absent").saying("error: The provider crashed");
    assert_eq!(core.validate(OF, "mode=panic").await, crashed.said);
    assert_eq!(core.plan(OF, "-", "plan=panic", b"").await, crashed);
    assert_eq!(core.apply(OF, "-", "mode=panic", b"").await, crashed);
    assert_eq!(core.apply(OF, "id=1", "mode=panic", b"").await, crashed);
    assert_eq!(core.apply(OF, "id=1 mode=panic", "-", b"").await, crashed);
    assert_eq!(core.read(OF, "id=1 mode=panic", b"").await, crashed);
    assert_eq!(core.read(OF, "id=1", b"").await, Told::of("id=1 size=big"));

    // Where it happened is known once the program has installed its hook; tests keep that of the standard library.
    let request = core.apply_request(OF, "-", "mode=panic", "mode=panic", b"");
    let response = core.server.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
    assert!(response.diagnostics[0].detail.contains("its work on ApplyResourceChange at "));
}

#[tokio::test]
async fn stop_cancels_what_runs_and_nothing_that_comes_after() {
    let core = Core::configured().await;
    let started = core.server.provider.started.clone();
    for _ in 0..2 {
        let stop = async {
            started.notified().await;
            core.stop().await;
        };
        let (stopped, ()) = tokio::join!(core.apply(OF, "-", "mode=wait", b""), stop);
        assert_eq!(stopped, Told::of("absent").saying("error: Stopped"));
        assert_eq!(core.apply(OF, "-", "mode=fine", b"").await.said, "");
    }
    // Nothing runs: it is remembered by nobody.
    core.stop().await;
    assert_eq!(core.apply(OF, "-", "mode=fine", b"").await.said, "");
}

#[tokio::test]
async fn stop_cancels_all_that_runs() {
    let core = Core::configured().await;
    let started = core.server.provider.started.clone();
    let stop = async {
        started.notified().await;
        tokio::task::yield_now().await;
        core.stop().await;
    };
    let wait = || core.read(OF, "id=1 mode=wait", b"");
    let (one, two, ()) = tokio::join!(wait(), wait(), stop);
    assert_eq!((one.said.as_str(), two.said.as_str()), ("error: Stopped", "error: Stopped"));
}

//! Errors and panics of a resource, stop, and the session that a resource sees.

use tonic::Request;

use super::{Core, Outcome};
use crate::terraform::proto::provider_server::Provider as _;

const FAULTY: &str = "toy_faulty";

#[tokio::test]
async fn failed_change_returns_no_state() {
    let core = Core::configured().await;
    let rejected = Outcome::of("absent").with_diagnostics("warning: Careful\nerror: Refused @ mode");
    assert_eq!(core.apply(FAULTY, "-", "mode=refuse", br#"{"format":1,"kept":{"a":1}}"#).await, rejected);
    assert_eq!(core.apply(FAULTY, "id=1", "mode=refuse", br#"{"format":1,"kept":{"a":1}}"#).await, rejected);
    assert_eq!(core.apply(FAULTY, "id=1 mode=refuse", "-", br#"{"format":1,"kept":{"a":1}}"#).await, rejected);
    assert_eq!(core.read(FAULTY, "id=1 mode=refuse", b"").await, rejected);
    let plan = core.plan(FAULTY, "id=1", "plan=refuse", b"").await;
    assert_eq!(plan, Outcome::of("absent").with_diagnostics("error: Refused"));
    let destroy = core.plan(FAULTY, "id=1 plan=refuse", "-", b"").await;
    assert_eq!(destroy, Outcome::of("absent").with_diagnostics("error: Kept"));
    let import = core.import(FAULTY, "1").await;
    assert_eq!(import, Outcome::of("absent").with_diagnostics("error: Import is not supported"));
}

#[tokio::test]
async fn apply_with_effect_returns_plan_without_error() {
    let core = Core::configured().await;
    let stored = |attribute: &str| format!("warning: Value not stored: `{attribute}` of 1 @ {attribute}");
    let disagrees = "warning: Value stored differently: `owner` of 1 @ owner".to_owned();
    let lost = "warning: Value stored differently: `mode` of the object @ mode\n\
                warning: Value stored differently: `owner` of the object @ owner";
    for (mode, size, id, warned) in [
        ("fine", "big", "1", String::new()),
        ("other", "big", "1", disagrees.clone()),
        ("less", "big", "1", disagrees.clone()),
        ("more", "big", "1", String::new()),
        ("leak", "big", "1", String::new()),
        ("unknown", "", "1", String::new()),
        ("wrong", "", "1", stored("size")),
        ("misfit", "big", "1", format!("{}\n{disagrees}", stored("owner"))),
        ("nothing", "", "", lost.to_owned()),
        // A core would taint the object because of an error.
        ("cry", "big", "1", "warning: Wolf".to_owned()),
    ] {
        let size = if size.is_empty() { String::new() } else { format!(" size={size}") };
        let with_id = if id.is_empty() { "" } else { "id=1 " };
        let created = Outcome::of(&format!("{with_id}mode={mode} owner=n{size}")).with_diagnostics(&warned);
        assert_eq!(core.apply(FAULTY, "-", &format!("mode={mode} owner=n"), b"").await, created);
        let updated = core.apply(FAULTY, "id=1", &format!("mode={mode} owner=n"), b"").await;
        assert_eq!(updated.state, format!("id=1 mode={mode} owner=n{size}"));
        let (unsaid, more) = ("warning: Value stored differently: `id` of the object @ id\n", mode == "nothing");
        assert_eq!(updated.diagnostics, if more { format!("{unsaid}{warned}") } else { warned });
    }
}

#[tokio::test]
async fn rejects_invalid_refresh_result() {
    let core = Core::configured().await;
    for (mode, outcome) in [
        ("fine", Outcome::of("id=1 mode=fine size=big")),
        ("more", Outcome::of("id=1 mode=more size=big")),
        ("nothing", Outcome::of("")),
        ("gone", Outcome::of("null")),
        ("unknown", Outcome::of("absent").with_diagnostics("error: Invalid response from the provider @ size")),
        ("wrong", Outcome::of("absent").with_diagnostics("error: Invalid response from the provider")),
    ] {
        assert_eq!(core.read(FAULTY, &format!("id=1 mode={mode}"), b"").await, outcome, "{mode}");
    }
}

#[tokio::test]
async fn rejects_invalid_plan() {
    let core = Core::configured().await;
    const INVALID: &str = "error: The provider planned an invalid value";
    for (plan, diagnostics) in [
        ("invalid", format!("{INVALID} @ owner")),
        ("leak", format!("{INVALID} @ pin")),
        ("wrong", "error: Invalid response from the provider".to_owned()),
        ("more", "error: Invalid response from the provider".to_owned()),
    ] {
        assert_eq!(
            core.plan(FAULTY, "-", &format!("plan={plan}"), b"").await,
            Outcome::of("absent").with_diagnostics(&diagnostics)
        );
    }
}

#[tokio::test]
async fn returns_warnings() {
    let core = Core::configured().await;
    let plan = core.plan(FAULTY, "-", "plan=careful", b"").await;
    assert_eq!(plan, Outcome::of("id=? plan=careful size=?").with_diagnostics("warning: Careful"));
    let warned = "warning: shop";
    assert_eq!(core.apply(FAULTY, "-", "mode=label", b"").await.diagnostics, warned);
    assert_eq!(core.apply(FAULTY, "id=1", "mode=label", b"").await.diagnostics, warned);
    assert_eq!(core.apply(FAULTY, "id=1 mode=label", "-", b"").await, Outcome::of("null").with_diagnostics(warned));
    assert_eq!(core.read(FAULTY, "id=1 mode=label", b"").await.diagnostics, warned);
    assert_eq!(core.configure("label=dusty").await, "warning: Dusty");
}

#[tokio::test]
async fn error_in_context_fails_a_call_that_changes_nothing() {
    let core = Core::configured().await;
    let failed = Outcome::of("absent").with_diagnostics("error: Wolf");
    assert_eq!(core.read(FAULTY, "id=1 mode=cry", b"").await, failed);
    assert_eq!(core.plan(FAULTY, "-", "plan=cry", b"").await, failed);
}

#[tokio::test]
async fn configure_replaces_session() {
    let core = Core::configured().await;
    assert_eq!(core.configure("label=mall").await, "");
    assert_eq!(core.read(FAULTY, "id=1 mode=label", b"").await.diagnostics, "warning: mall");
    // A failed Configure leaves the previous session in use.
    assert_eq!(core.configure("label=closed").await, "error: Closed @ label");
    assert_eq!(core.configure("label=panic").await, "error: The provider crashed while handling `Configure`");
    assert_eq!(core.read(FAULTY, "id=1 mode=label", b"").await.diagnostics, "warning: mall");
    assert_eq!(core.configure("label=?").await, "");
    assert_eq!(core.read(FAULTY, "id=1 mode=label", b"").await.diagnostics, "warning: ");
}

#[tokio::test]
async fn reports_panic_without_its_message() {
    let core = Core::configured().await;
    let panicked = |rpc: &str| {
        let diagnostics = format!("error: The provider crashed while handling `{rpc}`");
        Outcome::of("absent").with_diagnostics(&diagnostics)
    };
    let validated = core.validate(FAULTY, "mode=panic").await;
    assert_eq!(validated, panicked("ValidateResourceTypeConfig").diagnostics);
    assert_eq!(core.plan(FAULTY, "-", "plan=panic", b"").await, panicked("PlanResourceChange"));
    assert_eq!(core.apply(FAULTY, "-", "mode=panic", b"").await, panicked("ApplyResourceChange"));
    assert_eq!(core.apply(FAULTY, "id=1", "mode=panic", b"").await, panicked("ApplyResourceChange"));
    assert_eq!(core.apply(FAULTY, "id=1 mode=panic", "-", b"").await, panicked("ApplyResourceChange"));
    assert_eq!(core.read(FAULTY, "id=1 mode=panic", b"").await, panicked("ReadResource"));
    assert_eq!(core.read(FAULTY, "id=1", b"").await, Outcome::of("id=1 size=big"));

    // The location is known only where the program has installed its panic hook, which tests do not.
    let request = core.apply_request(FAULTY, "-", "mode=panic", "mode=panic", b"");
    let response = core.server.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
    assert!(response.diagnostics[0].detail.contains("\nLocation: "));
}

#[tokio::test]
async fn stop_cancels_running_calls_only() {
    let core = Core::configured().await;
    let started = core.server.provider.started.clone();
    for _ in 0..2 {
        let stop = async {
            started.notified().await;
            core.stop().await;
        };
        let (stopped, ()) = tokio::join!(core.apply(FAULTY, "-", "mode=wait", b""), stop);
        assert_eq!(stopped, Outcome::of("absent").with_diagnostics("error: Stopped"));
        assert_eq!(core.apply(FAULTY, "-", "mode=fine", b"").await.diagnostics, "");
    }
    // No call is running: the stop has no effect on later calls.
    core.stop().await;
    assert_eq!(core.apply(FAULTY, "-", "mode=fine", b"").await.diagnostics, "");
}

#[tokio::test]
async fn stop_cancels_all_running_calls() {
    let core = Core::configured().await;
    let started = core.server.provider.started.clone();
    let stop = async {
        started.notified().await;
        tokio::task::yield_now().await;
        core.stop().await;
    };
    let wait = || core.read(FAULTY, "id=1 mode=wait", b"");
    let (one, two, ()) = tokio::join!(wait(), wait(), stop);
    assert_eq!((one.diagnostics.as_str(), two.diagnostics.as_str()), ("error: Stopped", "error: Stopped"));
}

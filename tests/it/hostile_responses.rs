//! Responses that no KMS sends: each is an error that names the sender and the request, at a bounded cost of memory and
//! time.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use terraform_provider_kms::kms::{AuthRequest, BaseUrl, Client, ErrorKind, Mismatch, Settings, TransportFailure};
use terraform_provider_kms::secret::Secret;

use crate::kills::providers;
use crate::support::kms::{Fault, Kms, Options};
use crate::support::scene::{PASSWORD, Scene};

const ID: &str = "7f3c1c1e-8f0a-4c55-9d1e-3f2b6a1d0e9c";
const POSTGRES: &str = "/api/v1/app-connections/postgres";

/// Each with what is said of it besides host and path, after the status 200 unless it has another.
fn answers() -> Vec<(Fault, Vec<&'static str>)> {
    let json = "`application/json; charset=utf-8`";
    let wrong = "200, without the expected JSON";
    vec![
        (
            Fault::Page(404),
            vec!["404, without the error body", "`text/html`", "begins with `<!DOCTYPE html><html><head>"],
        ),
        (Fault::Page(200), vec![wrong, "`text/html`", "begins with `<!DOCTYPE html><html><head>"]),
        (Fault::Garbage, vec![wrong, "`text/plain; charset=utf-8`", "begins with `<html>{\"not\": JSON`"]),
        (Fault::Empty, vec![wrong, "empty"]),
        (Fault::Truncated, vec![wrong, "EOF while parsing", json, "begins with `{\"appConnection"]),
        (Fault::WrongTypes, vec![wrong, "invalid type", json, "begins with `{\"appConnection"]),
        (Fault::Nested, vec![wrong, json, "begins with `[[[[[["]),
        (Fault::Endless, vec!["200, with more than", "bytes", json]),
        (Fault::Bomb, vec![wrong, json, "begins with `\\u{1f}\u{fffd}"]),
    ]
}

/// More than any retries.
const ALWAYS: usize = usize::MAX;

fn client(kms: &Kms, timeout: Duration) -> Client {
    let login = AuthRequest::universal(kms.client_id(), Secret::new(kms.client_secret()));
    let mut settings = Settings::new(BaseUrl::parse(&kms.url(), false).unwrap(), login);
    settings.request_timeout = timeout;
    Client::new(settings)
}

#[tokio::test]
async fn names_host_path_status_type_and_start_of_response() {
    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    let id = kms.insert(serde_json::json!({
        "name": "main", "app": "postgres", "method": "username-and-password",
        "credentials": {
            "host": "db.test", "port": 5432, "database": "app", "username": "me", "password": "p",
            "sslEnabled": true, "sslRejectUnauthorized": true,
        },
    }));
    let client = client(&kms, Duration::from_secs(60));
    for (fault, said) in answers() {
        kms.fail("GET", "/api", ALWAYS, fault.clone());
        let one = client.read(&id).await.unwrap_err();
        let named = client.find_by_name("main", None).await.unwrap_err();
        let all = client.list(None).await;
        kms.stop_failing();
        let mut errors = vec![(one, format!("{POSTGRES}/{id}`")), (named, format!("{POSTGRES}/connection-name/main`"))];
        match all {
            Err(error) => errors.push((error, format!("{POSTGRES}`"))),
            // A row that cannot be read is left out.
            Ok(list) => assert_eq!((list.connections.len(), list.unreadable, &fault), (0, 1, &Fault::WrongTypes)),
        }
        for (error, path) in errors {
            let ErrorKind::Unexpected(response) = &error.kind else { panic!("{fault}: {error:?}") };
            assert_eq!(matches!(response.mismatch, Mismatch::TooLong(_)), fault == Fault::Endless);
            let printed = error.to_string();
            let host = kms.url().replace("http://", "");
            for part in said.iter().copied().chain([path.as_str(), host.as_str()]) {
                assert!(printed.contains(part), "{fault}: `{part}` is not in {printed:.600}");
            }
            assert!(printed.chars().count() < 700, "{fault}: {} characters", printed.chars().count());
            assert!(!printed.contains(char::is_control), "{fault}: {printed:.600}");
        }
    }
    assert_eq!(client.read(&id).await.unwrap().unwrap().name, "main");
}

#[tokio::test]
async fn request_timeout_ends_slow_response() {
    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    let client = client(&kms, Duration::from_millis(500));
    kms.fail("GET", "/api", ALWAYS, Fault::Drip(Duration::from_secs(1)));
    let error = client.read(ID).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::Timeout, sent: true, .. }),
        "{error:?}"
    );
}

/// The additional memory that a plan with one connection may need: a whole list at most, twice.
const GROWTH: u64 = 48 * 1024;

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn memory_stays_bounded_for_hostile_responses() {
    let mut scene = Scene::new();
    scene.workspace.set("KMS_REQUEST_TIMEOUT", "2s");
    scene.workspace.set("KMS_MAX_RETRIES", "0");
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let host = scene.kms.url().replace("http://", "");
    let plan = || scene.workspace.plan();
    let (unchanged, usual) = with_peak_memory(&scene, plan);
    unchanged.expect(0);
    for (fault, said) in answers() {
        scene.kms.fail("GET", "/api", ALWAYS, fault.clone());
        let (refused, peak) = with_peak_memory(&scene, plan);
        scene.kms.stop_failing();
        refused.expect(1).shows(&said).shows(&[
            "KMS request failed: unexpected response",
            &host,
            POSTGRES,
            "the provider ignores it",
        ]);
        assert!(peak < usual + GROWTH, "{fault}: {peak} kB, and {usual} kB for a plain answer");
    }
    scene.kms.fail("GET", "/api", ALWAYS, Fault::Drip(Duration::from_secs(1)));
    plan().expect(1).shows(&["no response from the KMS", "timed out", &host]);
    scene.kms.stop_failing();
    scene.is_settled();
}

/// The KMS has created the connection, and its response is unreadable: the error shows the import block.
#[test]
fn unreadable_create_response_loses_no_connection() {
    let mut scene = Scene::new();
    scene.workspace.set("KMS_MAX_RETRIES", "0");
    scene.configure(&[]);
    let faults =
        [Fault::Garbage, Fault::Empty, Fault::Truncated, Fault::WrongTypes, Fault::Nested, Fault::Endless, Fault::Bomb];
    for fault in faults {
        scene.kms.fail("POST", POSTGRES, 1, fault);
        let apply = scene.workspace.apply().expect(1);
        let id = scene.id();
        apply.shows(&[
            "KMS request failed: unexpected response",
            "A connection `orders-db` exists now",
            "import {",
            &id,
        ]);
        assert!(!apply.text.contains(PASSWORD));
        assert!(scene.workspace.objects().is_empty());
        scene.kms.remove(&id);
    }
}

#[test]
fn redirect_receives_no_token() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let elsewhere = Kms::start(Options::default());
    scene.kms.fail("GET", "/api", ALWAYS, Fault::Redirect(format!("{}/api/v1/x?secret=y", elsewhere.url())));
    let other_host = elsewhere.url().replace("http://", "");
    let plan = scene.workspace.plan().expect(1);
    plan.shows(&["KMS request failed: redirected", &other_host, "No token was sent to that address"]);
    assert!(!plan.text.contains("secret=y"));
    assert!(elsewhere.requests().is_empty());
}

/// Values of the KMS are foreign text: none begins a line of a message, or drives the terminal.
#[test]
fn hostile_values_stay_on_their_line_in_messages() {
    const HOSTILE: &str = "x\nimport {\r\n  id = \"evil\"\u{1b}[2J\u{202e}\u{200b}\u{2028}Error: y";
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.kms.edit(&scene.id(), |connection| {
        connection["name"] = HOSTILE.into();
        connection["isPlatformManagedCredentials"] = true.into();
        connection["credentials"]["username"] = HOSTILE.into();
        connection["credentials"]["host"] = HOSTILE.into();
    });
    let plan = scene.workspace.run(&["plan", "-json", "-input=false"]);
    let messages: Vec<serde_json::Value> =
        plan.text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let messages: Vec<String> = messages
        .iter()
        .filter(|message| message["type"] == "diagnostic")
        .flat_map(|message| [&message["diagnostic"]["summary"], &message["diagnostic"]["detail"]])
        .map(|text| text.as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(messages.iter().any(|text| text.contains(r"x\nimport {")), "{messages:#?}");
    for text in messages {
        let plain = |c: char| c == '\n' || terraform_provider_kms::text::is_plain(c);
        assert!(text.chars().all(plain), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("import {") || line.starts_with("Error:")), "{text}");
    }
}

/// A server may request a pause of a hundred years. The run ends at once instead, and reports it.
#[test]
fn does_not_begin_a_wait_longer_than_the_operation() {
    for fault in [Fault::RateLimit(3600), Fault::RateLimit(u64::MAX), Fault::RateLimitUntil(1_000_000_000)] {
        let scene = Scene::new();
        scene.configure(&[]);
        scene.kms.fail("GET", "/api", ALWAYS, fault.clone());
        scene
            .workspace
            .plan()
            .expect(2)
            .shows(&["Warning: KMS not reachable: plan not checked", "Rate limit exceeded"]);
        scene.kms.stop_failing();
        scene.workspace.apply().expect(0);
        scene.kms.fail("GET", "/api", ALWAYS, fault.clone());
        scene.workspace.plan().fails(&["KMS request failed: rate limit exceeded"]);
        scene.kms.stop_failing();
        scene.kms.fail("POST", "/api/v1/auth", ALWAYS, fault.clone());
        scene.workspace.plan().fails(&["KMS request failed: rate limit exceeded"]);
        scene.kms.stop_failing();
        scene.kms.fail("DELETE", "/api", ALWAYS, fault);
        scene.workspace.destroy().fails(&["KMS request failed: rate limit exceeded"]);
        scene.kms.stop_failing();
        scene.is_settled();
    }
}

/// What some work returns, and the highest memory (kB) of any of the scene's providers meanwhile.
fn with_peak_memory<T>(scene: &Scene, work: impl FnOnce() -> T) -> (T, u64) {
    std::thread::scope(|scope| {
        let (done, wait) = channel::<()>();
        let watcher = scope.spawn(move || {
            let mut peak = 0;
            while wait.recv_timeout(Duration::from_millis(2)) == Err(RecvTimeoutError::Timeout) {
                peak = providers(scene).into_iter().filter_map(high_water_mark).max().unwrap_or(0).max(peak);
            }
            peak
        });
        let result = work();
        drop(done);
        (result, watcher.join().unwrap())
    })
}

fn high_water_mark(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find(|line| line.starts_with("VmHWM"))?.split_whitespace().nth(1)?.parse().ok()
}

//! Killing Terraform, the provider or the service at any moment leaves no process and no lost object behind.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::kms::{Fault, Kms, Options};
use crate::support::scene::Scene;
use crate::support::terraform::finish;

/// Ids of the provider's processes of a workspace, found in `/proc` by their working directory. Tests that call this are
/// ignored on other systems than Linux.
pub(crate) fn providers(scene: &Scene) -> Vec<u32> {
    let here = scene.workspace.path().canonicalize().expect("the directory");
    let processes = std::fs::read_dir("/proc").expect("`/proc` of Linux").flatten();
    processes
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            let place = std::fs::read_link(entry.path().join("cwd")).ok()?;
            (name.starts_with("terraform-provi") && place == here).then_some(pid)
        })
        .collect()
}

pub(crate) fn signal(name: &str, pid: u32) {
    let _sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
}

/// Waits until something has happened. The limit only ends a test that fails.
pub(crate) fn eventually(what: &str, happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn slow() -> Scene {
    Scene::with(Options { latency: Duration::from_millis(800), ..Options::default() })
}

fn posted(scene: &Scene) -> bool {
    !scene.kms.connections().is_empty()
}

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn killed_terraform_leaves_no_provider_and_no_lost_object() {
    let scene = slow();
    scene.configure(&[]);
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    eventually("the create", || posted(&scene));
    signal("KILL", run.id());
    finish(run);
    eventually("the end of the provider", || providers(&scene).is_empty());
    let again = scene.workspace.run(&["apply", "-no-color", "-auto-approve", "-lock=false"]);
    match again.code {
        Some(0) => {}
        _ => {
            again.shows(&["Connection name already exists", "import {", &scene.id()]);
        }
    }
    assert_eq!(scene.kms.connections().len(), 1);
}

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn import_block_restores_connection_of_killed_provider() {
    let scene = Scene::new();
    scene.configure(&[]);
    // The response to the create is lost, and the look-up of the connection hangs when the provider is killed.
    scene.kms.fail("POST", "/api/v1/app-connections", 1, Fault::LostAfter);
    let by_name = "/api/v1/app-connections/postgres/connection-name";
    scene.kms.fail("GET", by_name, 1, Fault::Delay(Duration::from_secs(30)));
    let run = scene.workspace.start(&["apply", "-no-color", "-auto-approve"]);
    eventually("the create", || posted(&scene));
    for pid in providers(&scene) {
        signal("KILL", pid);
    }
    finish(run).expect(1);
    scene.kms.stop_failing();
    let again = scene.workspace.apply().expect(1);
    again.shows(&["Connection name already exists", "import {"]);
    let id = scene.id();
    scene
        .workspace
        .write("import.tf", &format!("import {{\n  to = kms_postgres_connection.orders\n  id = \"{id}\"\n}}\n"));
    scene.workspace.apply().expect(0).shows(&["1 imported"]);
    assert_eq!(scene.id(), id);
    scene.is_settled();
}

#[test]
fn reports_stopped_kms_and_next_run_continues() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Some(folder.path().join("kms.json"));
    let mut scene = Scene::with(Options { data: data.clone(), ..Options::default() });
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let id = scene.id();
    let port = scene.kms.port();
    // The configuration still points to the old port, which is closed now.
    scene.kms = Kms::start(Options::default());
    scene.workspace.plan().fails(&["KMS not reachable: connection refused"]);
    scene.kms = Kms::start(Options { port: Some(port), data, ..Options::default() });
    scene.is_settled();
    assert_eq!(scene.id(), id);
}

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn interrupt_ends_a_hanging_login() {
    let scene = Scene::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    scene.configure_with(&[("port", &port)], "validation {\n    timeout = \"10m\"\n  }");
    let run = scene.workspace.start(&["plan", "-no-color"]);
    let _waiting = silent.accept().expect("the login");
    signal("INT", run.id());
    finish(run).shows(&["Interrupt"]);
    eventually("the end of the provider", || providers(&scene).is_empty());
    assert!(scene.kms.connections().is_empty());
}

/// What a CI system does that cancels a job: everybody gets SIGTERM at once.
#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn terminated_process_group_keeps_created_connection() {
    let scene = Scene::new();
    scene.configure(&[]);
    // The KMS has created the connection and delays its response.
    let slow = Fault::Stall(Duration::from_secs(3));
    scene.kms.fail("POST", "/api/v1/app-connections", 1, slow);
    let mut command = scene.workspace.command(["apply", "-no-color", "-auto-approve"]);
    let run = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("terraform starts");
    eventually("the create", || posted(&scene));
    // A negative number is a group.
    let _sent = Command::new("kill").args(["-TERM", "--", &format!("-{}", run.id())]).status();
    let output = finish(run);
    assert!(!output.text.contains("did not respond"), "{}", output.text);
    eventually("the end of the provider", || providers(&scene).is_empty());
    assert_eq!(scene.workspace.objects().len(), 1, "{}", output.text);
    assert_eq!(scene.kms.connections().len(), 1);
    scene.is_settled();
}

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn terminated_provider_ends_its_waits() {
    let scene = Scene::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    scene.configure_with(&[("port", &port)], "validation {\n    timeout = \"10m\"\n  }");
    let run = scene.workspace.start(&["plan", "-no-color"]);
    let _waiting = silent.accept().expect("the login");
    for pid in providers(&scene) {
        signal("TERM", pid);
    }
    finish(run).expect(1).shows(&["Interrupted"]);
    eventually("the end of the provider", || providers(&scene).is_empty());
}

//! The process of the provider: handshake, TLS, the services of every plugin, log, exit.

#![cfg(unix)]

pub(crate) mod host;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::provider;

use self::host::{COOKIE, Identity, Plugin, Session, command, connect, fields, output, soon};

const SERVING: &[u8] = &[0x08, 0x01];

#[tokio::test]
async fn prints_the_handshake_line_of_the_protocol() {
    let identity = Identity::new();
    for (versions, certificate) in
        [("5,6", ""), ("6,5", ""), ("6", ""), ("x,,5", ""), ("", ""), ("5", identity.pem.as_str())]
    {
        let plugin =
            Plugin::start(&[("PLUGIN_PROTOCOL_VERSIONS", versions), ("PLUGIN_CLIENT_CERT", certificate)]).await;
        let line = fields(&plugin.line);
        assert_eq!(line.len(), 6, "{}", plugin.line);
        assert_eq!([line[0], line[1], line[2], line[4]], ["1", "5", "unix", "grpc"]);
        assert_eq!(line[5].is_empty(), certificate.is_empty());
        let mode = plugin.directory().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        kill_process(plugin.pid(), Signal::TERM).unwrap();
        let (_, log) = plugin.end().await;
        assert_eq!(log.contains("does not support this protocol version"), versions == "6", "{versions}: {log}");
    }
}

#[tokio::test]
async fn hosts_accept_the_providers_certificate() {
    let plugin = Plugin::start(&[("PLUGIN_CLIENT_CERT", &Identity::new().pem)]).await;
    let der = plugin.certificate();
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert!(certificate.validity().is_valid());
    assert!(certificate.validity().time_to_expiration().unwrap().whole_days() > 365);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && usage.client_auth);
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(names, &[x509_parser::prelude::GeneralName::DNSName("localhost")]);
}

#[tokio::test]
async fn without_magic_cookie_prints_an_explanation() {
    for cookie in [None, Some(("TF_PLUGIN_MAGIC_COOKIE", "wrong")), Some(("TF_PLUGIN_MAGIC_COOKIE", ""))] {
        let (code, stdout, stderr) = output(&[], cookie.as_slice()).await;
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("required_providers") && stderr.contains(r#"source = "hanzoai/kms""#), "{stderr}");
    }
}

#[tokio::test]
async fn rejects_unreadable_client_certificate() {
    for broken in [" ", "nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let (code, stdout, stderr) = output(&[], &[COOKIE, ("PLUGIN_CLIENT_CERT", broken)]).await;
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{broken}");
        assert!(stderr.contains("PLUGIN_CLIENT_CERT"), "{stderr}");
    }
}

#[tokio::test]
async fn accepts_help_version_and_debug_arguments() {
    // Only a release has a version without the suffix.
    let mark = if cfg!(debug_assertions) { "-dev" } else { "" };
    let version = format!("terraform-provider-kms {}{mark}\n", env!("CARGO_PKG_VERSION"));
    for argument in ["-version", "--version"] {
        assert_eq!(output(&[argument], &[]).await, (Some(0), version.clone(), String::new()));
    }
    for argument in ["-help", "--help"] {
        let (code, stdout, stderr) = output(&[argument], &[]).await;
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(stdout.contains("-debug") && stdout.contains("required_providers"), "{stdout}");
    }
    for arguments in [&["serve"][..], &["-debug", "now"], &[""]] {
        let (code, stdout, stderr) = output(arguments, &[COOKIE]).await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains("-help"), "{stderr}");
    }
}

#[tokio::test]
async fn serves_only_the_holder_of_the_client_key() {
    let host = Identity::new();
    let other = Identity::new();
    let plugin = Plugin::start(&[("PLUGIN_CLIENT_CERT", &host.pem)]).await;

    // Enough silent connections that one handshake after the other would exceed the limit of the test.
    let mut stalled = Vec::new();
    for _ in 0..8 {
        stalled.push(connect(&plugin.socket()).await);
    }
    for (client, shown) in [
        ("no certificate", None),
        ("a look-alike", Some((&other.certificate, &other.key))),
        ("the right certificate without its key", Some((&host.certificate, &other.key))),
        ("the right key in another certificate", Some((&other.certificate, &host.key))),
    ] {
        // In TLS 1.3 a client receives the rejection only when it reads.
        let response = match plugin.encrypted(shown).await {
            Ok(session) => session.health("plugin").await,
            Err(error) => Err(error),
        };
        assert!(response.is_err(), "{client} was served");
    }
    let unencrypted = match plugin.plain().await {
        Ok(session) => session.health("plugin").await,
        Err(error) => Err(error),
    };
    assert!(unencrypted.is_err());

    let session = plugin.encrypted(Some((&host.certificate, &host.key))).await.unwrap();
    assert_eq!(session.health("plugin").await.unwrap(), SERVING);
}

#[tokio::test]
async fn every_plugin_service_responds() {
    let plugin = Plugin::start(&[]).await;
    let session = plugin.plain().await.unwrap();
    assert_eq!(session.health("plugin").await.unwrap(), SERVING);
    assert_eq!(session.health("").await.unwrap(), SERVING);
    assert_eq!(session.health("other").await.unwrap_err(), "grpc-status 5");
    assert_eq!(session.call("/plugin.Nothing/AtAll", &[]).await.unwrap_err(), "grpc-status 12");

    let printed = session.start("/plugin.GRPCStdio/StreamStdio", &[], true).await.unwrap();
    let broker = session.start("/plugin.GRPCBroker/StartStream", &[0x08, 0x07], false).await.unwrap();
    let watched = session.start("/grpc.health.v1.Health/Watch", b"\x0a\x06plugin", true).await.unwrap();

    assert_eq!(session.shut_down().await.unwrap(), b"");
    // The streams were open until now, had no further messages, and end without an error.
    assert_eq!(printed.rest().await.unwrap(), b"");
    assert_eq!(broker.rest().await.unwrap(), b"");
    assert_eq!(watched.rest().await.unwrap(), SERVING);
    assert_eq!(plugin.end().await.0.code(), Some(0));
}

#[tokio::test]
async fn shutdown_ends_process_with_other_clients_connected() {
    let host = Identity::new();
    let plugin = Plugin::start(&[("PLUGIN_CLIENT_CERT", &host.pem)]).await;
    let directory = plugin.directory();
    let _stalled = connect(&plugin.socket()).await;
    let session = plugin.encrypted(Some((&host.certificate, &host.key))).await.unwrap();
    let idle = plugin.encrypted(Some((&host.certificate, &host.key))).await.unwrap();
    let _unfinished = idle.begin("/grpc.health.v1.Health/Check").await.unwrap();
    assert_eq!(session.shut_down().await.unwrap(), b"");
    assert_eq!(plugin.end().await.0.code(), Some(0));
    assert!(!directory.exists());
}

#[tokio::test]
async fn leaves_signals_of_the_terminal_to_the_host() {
    let plugin = Plugin::start(&[]).await;
    let session = plugin.plain().await.unwrap();
    for signal in [Signal::INT, Signal::INT, Signal::HUP, Signal::QUIT] {
        kill_process(plugin.pid(), signal).unwrap();
        assert_eq!(session.health("plugin").await.unwrap(), SERVING, "{signal:?}");
    }
    session.shut_down().await.unwrap();
    assert_eq!(plugin.end().await.0.code(), Some(0));
}

#[tokio::test]
async fn ends_on_sigterm() {
    let plugin = Plugin::start(&[]).await;
    let directory = plugin.directory();
    let _session = plugin.plain().await.unwrap();
    assert!(directory.exists());
    kill_process(plugin.pid(), Signal::TERM).unwrap();
    assert_eq!(plugin.end().await.0.code(), Some(0));
    assert!(!directory.exists());
}

#[tokio::test]
async fn ends_with_its_host() {
    let mut shell = command("/bin/sh");
    shell.args(["-c", r#""$0" & wait"#, provider()]).envs([COOKIE]);
    let mut host = Plugin::spawn(shell).await;
    let directory = host.directory();
    // Neither an open connection nor an open stream keeps the process alive.
    let session = host.plain().await.unwrap();
    let _open = session.start("/plugin.GRPCStdio/StreamStdio", &[], true).await.unwrap();
    host.child.start_kill().unwrap();
    host.child.wait().await.unwrap();
    // The plugin holds the other end of this pipe for as long as it lives.
    assert_eq!(soon(host.stdout.next_line()).await.unwrap(), None);
    assert!(!directory.exists());
}

#[tokio::test]
async fn removes_sockets_of_killed_processes() {
    let place = tempfile::tempdir().unwrap();
    let here = [("TMPDIR", place.path().to_str().unwrap())];
    let age = |directory: &Path, minutes: u64| {
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(60 * minutes);
        std::fs::File::open(directory).unwrap().set_modified(then).unwrap();
    };
    let killed = async || {
        let mut plugin = Plugin::start(&here).await;
        let directory = plugin.directory();
        plugin.child.kill().await.unwrap();
        assert!(plugin.socket().exists());
        directory
    };
    let (dead, just_dead, empty, strange) = (killed().await, killed().await, killed().await, killed().await);
    let (file, link) = (killed().await, killed().await);
    std::fs::remove_file(file.join("socket")).unwrap();
    std::fs::write(file.join("socket"), "no socket").unwrap();
    std::fs::rename(link.join("socket"), link.join("target")).unwrap();
    std::os::unix::fs::symlink(link.join("target"), link.join("socket")).unwrap();
    std::fs::remove_file(empty.join("socket")).unwrap();
    std::fs::write(strange.join("file"), "of another program").unwrap();
    let alive = Plugin::start(&here).await;
    for old in [&dead, &empty, &strange, &file, &link, &alive.directory()] {
        age(old, 10);
    }
    let _later = Plugin::start(&here).await;
    let gone = async {
        while dead.exists() || empty.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await
        }
    };
    soon(gone).await;
    assert!(just_dead.join("socket").exists());
    assert!(strange.join("file").exists());
    assert!(file.join("socket").exists() && link.join("socket").is_symlink() && link.join("target").exists());
    let session = alive.plain().await.unwrap();
    assert_eq!(session.health("plugin").await.unwrap(), SERVING);
    session.shut_down().await.unwrap();
    let (_, log) = alive.end().await;
    assert!(!log.contains("connection rejected"), "the check of the socket was noticed: {log}");
}

#[tokio::test]
async fn writes_no_core_dump() {
    let plugin = Plugin::start(&[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", plugin.child.id().unwrap()));
    // Only Linux has this file.
    if let Ok(limits) = limits {
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    }
}

#[tokio::test]
async fn creates_the_socket_where_the_host_requests_it() {
    let wanted = tempfile::tempdir().unwrap();
    let named = wanted.path().to_str().unwrap();
    let plugin = Plugin::start(&[("PLUGIN_UNIX_SOCKET_DIR", named), ("TMPDIR", "/nowhere")]).await;
    assert!(plugin.socket().starts_with(named));

    let long = wanted.path().join("x".repeat(100));
    std::fs::create_dir(&long).unwrap();
    let long = long.to_str().unwrap();
    for unusable in [long, "/nowhere"] {
        let plugin = Plugin::start(&[("TMPDIR", unusable)]).await;
        assert!(plugin.socket().starts_with("/tmp"), "{}", plugin.line);
        kill_process(plugin.pid(), Signal::TERM).unwrap();
        plugin.end().await;
        let (code, stdout, stderr) = output(&[], &[COOKIE, ("PLUGIN_UNIX_SOCKET_DIR", unusable)]).await;
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains(unusable) && stderr.contains("PLUGIN_UNIX_SOCKET_DIR"), "{stderr}");
    }
    assert_eq!(Path::new(long).read_dir().unwrap().count(), 0, "something is left behind");
}

#[tokio::test]
async fn debug_mode_serves_many_sessions_until_interrupted() {
    let mut debug = command(provider());
    debug.arg("-debug").stderr(Stdio::piped());
    let mut plugin = Plugin::spawn(debug).await;
    let setting = loop {
        let line = soon(plugin.stdout.next_line()).await.unwrap().expect("no setting");
        if let Some(setting) = line.strip_prefix("\tTF_REATTACH_PROVIDERS='") {
            break serde_json::from_str::<serde_json::Value>(setting.strip_suffix('\'').unwrap()).unwrap();
        }
    };
    assert_eq!(setting.as_object().unwrap().len(), 1);
    let entry = &setting["registry.terraform.io/hanzoai/kms"];
    let socket = Path::new(entry["Addr"]["String"].as_str().unwrap()).to_owned();
    assert_eq!(
        *entry,
        serde_json::json!({
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": plugin.child.id().unwrap(),
            "Test": true,
            "Addr": { "Network": "unix", "String": socket },
        })
    );
    for _ in 0..3 {
        drop(connect(&socket).await);
        let session = Session::open(connect(&socket).await).await.unwrap();
        assert_eq!(session.health("plugin").await.unwrap(), SERVING);
        assert_eq!(session.shut_down().await.unwrap(), b"");
    }
    kill_process(plugin.pid(), Signal::INT).unwrap();
    let mut rest = String::new();
    plugin.child.stderr.take().unwrap().read_to_string(&mut rest).await.unwrap();
    assert_eq!(soon(plugin.child.wait()).await.unwrap().code(), Some(0));
    assert!(!socket.parent().unwrap().exists());
}

#[tokio::test]
async fn writes_logs_that_hosts_parse() {
    for (level, dependencies, expected) in [
        (None, None, &["debug", "warn"][..]),
        (Some("nonsense"), None, &["warn", "debug", "warn"]),
        (Some("DEBUG"), Some("0"), &["debug", "warn"]),
        (Some("warn"), None, &["warn"]),
        (Some("off"), Some("1"), &[]),
    ] {
        let records = log(level, dependencies).await;
        let levels: Vec<_> = records.iter().map(|record| record["@level"].as_str().unwrap()).collect();
        assert_eq!(levels, expected, "{level:?}: {records:?}");
        for record in &records {
            assert!(record["@module"].as_str().unwrap().starts_with("provider"), "{record}");
        }
    }
    let with_dependencies = log(None, Some("1")).await;
    let of_others = |record: &&serde_json::Value| !record["@module"].as_str().unwrap().starts_with("provider");
    assert!(with_dependencies.iter().filter(of_others).count() > 0);
}

/// Runs a session with one rejected connection, and returns the lines of the log after checking their form.
async fn log(level: Option<&str>, dependencies: Option<&str>) -> Vec<serde_json::Value> {
    let host = Identity::new();
    let mut variables = vec![("PLUGIN_CLIENT_CERT", host.pem.as_str())];
    variables.extend(level.map(|level| ("TF_LOG_PROVIDER_KMS", level)));
    variables.extend(dependencies.map(|value| ("KMS_LOG_DEPENDENCIES", value)));
    let plugin = Plugin::start(&variables).await;
    let mut stranger = connect(&plugin.socket()).await;
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    soon(stranger.read_to_end(&mut Vec::new())).await.unwrap();
    let session = plugin.encrypted(Some((&host.certificate, &host.key))).await.unwrap();
    session.health("plugin").await.unwrap();
    session.shut_down().await.unwrap();
    let (_, stderr) = plugin.end().await;
    stderr.lines().map(record).collect()
}

fn record(line: &str) -> serde_json::Value {
    let record: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for key in ["@level", "@message", "@module", "@timestamp"] {
        assert!(record[key].is_string(), "{line}");
    }
    let shape: String = record["@timestamp"]
        .as_str()
        .unwrap()
        .chars()
        .map(|character| if character.is_ascii_digit() { '0' } else { character })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
    record
}

/// Runs in a process of its own: a panic hook belongs to a whole process.
#[test]
fn reports_panic_without_its_message() {
    const CHILD: &str = "PROCESS_TEST_PANICS";
    if std::env::var_os(CHILD).is_some() {
        terraform_provider_kms::panic_hook::install("program");
        panic!("hunter2");
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::reports_panic_without_its_message", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    let first = stderr.lines().find(|line| line.starts_with("panic: program ")).expect(&stderr);
    assert!(first.starts_with("panic: program crashed at tests/it/process.rs:"), "{first}");
    // A released program has no symbols, so its backtrace would have no content.
    assert!(!stderr.contains("   0: ") && !stderr.contains("these:"), "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

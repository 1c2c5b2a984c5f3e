//! The PostgreSQL fixture keeps its promises: real logins, several servers, nothing left behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::postgres::{Options, Postgres, download};

#[test]
fn created_role_exists_and_log_is_readable() {
    let postgres = Postgres::start(Options::default());
    postgres.create_role("o'brien", "it's");
    let rows = postgres.sql("SELECT rolname, NULL FROM pg_roles WHERE rolname LIKE 'o%'; SHOW ssl");
    assert_eq!(rows, [vec![Some("o'brien".to_owned()), None], vec![Some("on".to_owned())]]);
    assert!(postgres.log().contains("database system is ready"), "{}", postgres.log());
    assert!(postgres.try_sql("SELECT 1/0").unwrap_err().contains("division by zero"));
}

#[test]
fn several_servers_run_in_parallel_and_end_when_dropped() {
    let first = Postgres::start(Options::default());
    let second = Postgres::start(Options::without_tls().setting("max_connections", "20"));
    assert_ne!(first.port(), second.port());
    assert_eq!(second.sql("SHOW max_connections; SHOW ssl"), [[Some("20".to_owned())], [Some("off".to_owned())]]);
    let directory = first.directory().to_owned();
    first.stop();
    assert!(!directory.exists());
    second.sql("SELECT 1");
}

#[test]
fn pinned_package_runs_as_server() {
    let bin_dir = download(17).unwrap();
    let postgres = Postgres::start(Options { bin_dir: Some(bin_dir), ..Options::default() });
    assert_eq!(postgres.sql("SHOW server_version"), [[Some("17.10".to_owned())]]);
}

/// Runs itself once more, as the process that is killed.
#[test]
fn killed_process_leaves_no_server() {
    const CHILD: &str = "POSTGRES_FIXTURE_IS_KILLED";
    if std::env::var_os(CHILD).is_some() {
        println!("\nDIRECTORY {}", Postgres::shared().directory().display());
        std::thread::sleep(Duration::from_secs(600));
        return;
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "postgres_fixture::killed_process_leaves_no_server"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let directory = lines.into_iter().find_map(|line| line.strip_prefix("DIRECTORY ").map(str::to_owned)).unwrap();
    let directory = Path::new(&directory);
    let pid_file = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    let server = Path::new("/proc").join(pid_file.lines().next().unwrap());
    assert!(server.exists());
    process.kill().unwrap();
    process.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while directory.exists() || server.exists() {
        assert!(Instant::now() < deadline, "the server or its folder {} is still there", directory.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

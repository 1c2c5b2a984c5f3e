//! Many connections at a KMS that is far away and counts requests.

use std::path::Path;
use std::time::Duration;

use crate::kms::{Kms, Options};
use crate::measure::{row, timed, watched};
use crate::stage::{PROVIDER, connections_at};
use crate::terraform::Workspace;

/// The latency of each response of the KMS.
const LATENCY: Duration = Duration::from_millis(20);

/// Operations that a core runs at the same time by default.
const PARALLELISM: u32 = 10;

const REFRESHED: usize = 1000;
const CREATED: u32 = 300;

pub(crate) fn measure() {
    refresh();
    create_and_destroy();
}

fn far(reads_per_minute: Option<u32>) -> Options {
    Options { latency: LATENCY, log_in: false, reads_per_minute, ..Options::default() }
}

/// A plan of unchanged connections, beside one of as many objects that need no service.
fn refresh() {
    let none = bare(REFRESHED);
    row("plan, 1000 terraform_data", &format!("{:.2} s", none.as_secs_f64()));
    for (what, limit) in [("plan, 1000 connections, 20 ms", None), ("the same, 60 reads a minute", Some(60))] {
        let (kms, workspace) = connections_at(Kms::start(far(limit)), REFRESHED);
        workspace.apply().expect(0);
        kms.clear_requests();
        let (time, memory) = watched(|| workspace.plan().expect(0));
        row(what, &format!("{:.2} s", time.as_secs_f64()));
        row("of the plan without a service", &format!("{:.2}", time.as_secs_f64() / none.as_secs_f64()));
        let requests = kms.requests();
        let reads = requests.iter().filter(|request| request.method == "GET").count();
        row("reads and logins", &format!("{reads} and {}", requests.len() - reads));
        row("peak of the provider", &format!("{:.1} MB", memory as f64 / 1e3));
    }
}

/// Measures the cost of sequential latency, beside its minimum.
fn create_and_destroy() {
    let run = |latency: Duration| {
        let options = Options { latency, log_in: false, ..Options::default() };
        let (_kms, workspace) = connections_at(Kms::start(options), CREATED as usize);
        (timed(|| workspace.apply().expect(0)), timed(|| workspace.destroy().expect(0)))
    };
    let (near, far) = (run(Duration::ZERO), run(LATENCY));
    let least = LATENCY * CREATED / PARALLELISM;
    let cost = |far: Duration, near: Duration| {
        format!("{:.2} s ({:.2} s)", far.as_secs_f64() - near.as_secs_f64(), least.as_secs_f64())
    };
    row("create 300, no latency", &format!("{:.2} s", near.0.as_secs_f64()));
    row("more with 20 ms (at least)", &cost(far.0, near.0));
    row("destroy 300, no latency", &format!("{:.2} s", near.1.as_secs_f64()));
    row("more with 20 ms (at least)", &cost(far.1, near.1));
}

fn bare(count: usize) -> Duration {
    let workspace = Workspace::new(Path::new(PROVIDER));
    workspace.write(
        "main.tf",
        &format!("resource \"terraform_data\" \"many\" {{\n  count = {count}\n  input = count.index\n}}\n"),
    );
    workspace.run(&["init", "-no-color"]).expect(0);
    workspace.apply().expect(0);
    timed(|| workspace.plan().expect(0))
}

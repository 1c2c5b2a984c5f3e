//! Plans of connections that need no login, beside a plan without any provider; and a thousand of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::measure::{median, milliseconds, row, timed, watched};
use crate::stage::{PROVIDER, connections};
use crate::terraform::Workspace;

pub(crate) fn measure() {
    let one = plans(1);
    let none = without_provider();
    row("plan, one unchanged connection", &format!("{:.0} ms", milliseconds(one)));
    row("plan, no provider at all", &format!("{:.0} ms", milliseconds(none)));
    row("ratio", &format!("{:.2}", one.as_secs_f64() / none.as_secs_f64()));
    thousand();
}

/// Returns the median of some plans of that many unchanged connections.
fn plans(count: usize) -> Duration {
    let (_kms, workspace) = connections(count);
    workspace.apply().expect(0);
    median((0..11).map(|_| timed(|| workspace.plan().expect(0))).collect())
}

fn without_provider() -> Duration {
    let workspace = Workspace::new(Path::new(PROVIDER));
    workspace.write("main.tf", "resource \"terraform_data\" \"one\" {\n  input = \"x\"\n}\n");
    workspace.run(&["init", "-no-color"]).expect(0);
    workspace.apply().expect(0);
    median((0..11).map(|_| timed(|| workspace.plan().expect(0))).collect())
}

/// Peak memory of the provider while 1000 connections are planned: to be created, and unchanged.
fn thousand() {
    let (_kms, workspace) = connections(1000);
    let (create, memory) = watched(|| workspace.plan().expect(2));
    row("plan, 1000 connections to create", &format!("{:.2} s", create.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
    workspace.apply().expect(0);
    let (unchanged, memory) = watched(|| workspace.plan().expect(0));
    row("plan, 1000 unchanged connections", &format!("{:.2} s", unchanged.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
    // The same with write-only passwords that are compared by a slow hash each.
    let (_kms, workspace) = connections(1000);
    let configuration = fs::read_to_string(workspace.path().join("main.tf")).expect("a configuration");
    workspace.write("main.tf", &configuration.replace("password =", "password_wo ="));
    workspace.apply().expect(0);
    let (compared, memory) = watched(|| workspace.plan().expect(0));
    row("the same, passwords by fingerprint", &format!("{:.2} s", compared.as_secs_f64()));
    row("peak of the provider meanwhile", &format!("{:.1} MB", memory as f64 / 1e3));
}

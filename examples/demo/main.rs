//! `cargo demo`: the provider at work, from nothing to a real `terraform apply` and back, against a real PostgreSQL and
//! the local KMS server. Nothing to configure; nothing is left behind.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for people, built on the fixtures of the tests"
)]

#[path = "../../tests/support/kms/mod.rs"]
mod kms;
#[path = "../../tests/support/postgres/mod.rs"]
mod postgres;
#[path = "../../tests/support/terraform.rs"]
mod terraform;

mod act;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use self::act::{Connection, RIGHT, Stage};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let keep = arguments.iter().any(|argument| argument == "--keep");
    if arguments.iter().any(|argument| argument != "--keep") {
        println!(
            "usage: cargo demo [--release] [-- --keep]\n\n--release  uses an optimized provider, which takes minutes to \
             compile\n--keep     leaves the servers running, so that you can continue by hand"
        );
        return ExitCode::from(2);
    }
    match prepare().and_then(|stage| play(stage, keep)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("\nThe demo stopped: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that the demo needs, or one sentence that says what is missing.
fn prepare() -> Result<Stage, String> {
    say("The real Terraform, a real PostgreSQL with TLS, and the local KMS server: getting them ready.");
    let program = terraform::find()?;
    println!("  terraform   {}", program.display());
    let provider = build()?;
    println!("  provider    {}", provider.display());
    println!("  servers     waiting for PostgreSQL and the KMS to start …");
    let stage = Stage::set(&provider)?;
    println!("  PostgreSQL  {}:{} (its own, in a temporary folder)", stage.postgres.host(), stage.postgres.port());
    println!("  KMS         {}", stage.kms.url());
    Ok(stage)
}

/// Builds the provider in the profile of this program, so that the crates which were compiled for this program serve both.
fn build() -> Result<PathBuf, String> {
    // This program is `PROFILE_FOLDER/examples/demo`, and the provider `PROFILE_FOLDER/terraform-provider-kms`.
    let demo = std::env::current_exe().map_err(|error| format!("the path of the demo is unknown: {error}"))?;
    let folder = demo.ancestors().nth(2).ok_or("the demo is not in a target folder of cargo")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => return Err("the demo is not in a target folder of cargo".to_owned()),
    };
    println!("  provider    waiting for cargo to link it in the profile `{profile}` …");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // With the demo as a second target, cargo chooses the same features of all crates as for the demo alone.
        .args(["build", "--quiet", "--bin", "terraform-provider-kms", "--example", "demo", "--profile", profile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err("the provider could not be built; the compiler's messages are above".to_owned());
    }
    Ok(folder.join(format!("terraform-provider-kms{}", std::env::consts::EXE_SUFFIX)))
}

fn play(stage: Stage, keep: bool) -> Result<(), String> {
    stage.clean_up_on_interrupt();

    say(
        "1. Three mistakes. `terraform plan` itself logs in to the database and says what is wrong; nothing is stored.",
    );
    stage.configure(&Connection { password: "not-the-password", ..RIGHT });
    stage.terraform(&["init"], 0)?;
    println!("  A wrong password:\n");
    stage.terraform(&["plan"], 1)?;
    println!("  A misspelt database:\n");
    stage.configure(&Connection { database: "ordres", ..RIGHT });
    stage.terraform(&["plan"], 1)?;
    println!("  The certificate of another authority:\n");
    stage.configure(&Connection { certificate: "other.pem", ..RIGHT });
    stage.terraform(&["plan"], 1)?;
    stage.expect(stage.kms.connections().is_empty(), "the KMS must hold nothing")?;

    say("2. The right one. The password is write-only: it is in no state and no plan.");
    stage.configure(&RIGHT);
    stage.terraform(&["apply", "-auto-approve"], 0)?;
    let leaks = stage.workspace.files_with(act::PASSWORD);
    let only_the_variable = leaks.iter().all(|path| path.ends_with("terraform.tfvars"));
    stage.expect(only_the_variable, "the password must be in no file but the one that gives it")?;

    say("3. Nothing changed, so nothing is planned, and nobody logs in to the database.");
    stage.terraform(&["plan", "-detailed-exitcode"], 0)?;

    say("4. Somebody edits the connection in the KMS. The plan names the field, and the apply puts it right.");
    stage.edit_outside()?;
    stage.terraform(&["plan", "-detailed-exitcode"], 2)?;
    stage.terraform(&["apply", "-auto-approve"], 0)?;

    say("5. A rename. It sends the name and nothing else: no password, no login.");
    let logins = stage.logins();
    stage.configure(&Connection { name: "orders-database", ..RIGHT });
    stage.terraform(&["apply", "-auto-approve"], 0)?;
    stage.expect(stage.logins() == logins, "a rename must not touch the database")?;
    println!("  The log of PostgreSQL shows no login since: {logins} before, {} after.", stage.logins());

    say("6. A connection that exists already is taken over with an `import` block. Nothing is sent.");
    stage.forget()?;
    stage.configure_import()?;
    stage.terraform(&["apply", "-auto-approve"], 0)?;
    stage.terraform(&["plan", "-detailed-exitcode"], 0)?;

    if keep {
        return stage.wait_for_a_person();
    }
    say("7. The end.");
    stage.terraform(&["destroy", "-auto-approve"], 0)?;
    stage.expect(stage.kms.connections().is_empty(), "the KMS must hold nothing")?;

    say("That was all. What to try next:");
    println!(
        "  cargo demo -- --keep   the same, and the servers stay for you to continue\n\
         \x20 cargo kms              the local KMS server alone, with a configuration to paste\n\
         \x20 cargo test             everything, proven\n\
         \x20 README.md              your first connection to a real KMS"
    );
    Ok(())
}

fn say(text: &str) {
    println!("\n=== {text}\n");
}

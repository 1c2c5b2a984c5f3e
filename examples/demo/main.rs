//! `cargo demo`: runs the real Terraform with the provider against a real PostgreSQL and the local KMS server, from `init` to
//! `destroy`. Needs no configuration and removes all its files.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for a terminal, built on the fixtures of the tests"
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
            "usage: cargo demo [--release] [-- --keep]\n\n--release  use an optimized provider, which takes minutes to \
             compile\n--keep     keep the servers running for your own configurations"
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

/// Starts everything that the demo needs.
///
/// # Errors
/// One sentence that names what is missing.
fn prepare() -> Result<Stage, String> {
    say("Starting: the real Terraform, a real PostgreSQL with TLS, and the local KMS server.");
    let program = terraform::find()?;
    println!("  terraform   {}", program.display());
    let provider = build()?;
    println!("  provider    {}", provider.display());
    println!("  servers     waiting for PostgreSQL and the KMS to start …");
    let stage = Stage::set(&provider)?;
    println!("  PostgreSQL  {}:{} (in a temporary folder)", stage.postgres.host(), stage.postgres.port());
    println!("  KMS         {}", stage.kms.url());
    Ok(stage)
}

/// Builds the provider in the profile of this program, so that cargo compiles the dependencies once.
fn build() -> Result<PathBuf, String> {
    // This program is `PROFILE_FOLDER/examples/demo`, and the provider `PROFILE_FOLDER/terraform-provider-kms`.
    let demo = std::env::current_exe().map_err(|error| format!("the path of the demo is not available: {error}"))?;
    let folder = demo.ancestors().nth(2).ok_or("the demo is not in a target folder of cargo")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => return Err("the demo is not in a target folder of cargo".to_owned()),
    };
    println!("  provider    waiting for cargo to link it in the profile `{profile}` …");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // With the demo as a second target, cargo selects the same features of all crates as for the demo alone.
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

    say("1. Three mistakes. `terraform plan` logs in to the database and reports each of them; nothing is stored.");
    stage.configure(&Connection { password: "not-the-password", ..RIGHT });
    stage.terraform(&["init"], 0)?;
    println!("  A wrong password:\n");
    stage.terraform(&["plan"], 1)?;
    println!("  A misspelt database:\n");
    stage.configure(&Connection { database: "ordres", ..RIGHT });
    stage.terraform(&["plan"], 1)?;
    println!("  The certificate of another certificate authority:\n");
    stage.configure(&Connection { certificate: "other.pem", ..RIGHT });
    stage.terraform(&["plan"], 1)?;
    stage.expect(stage.kms.connections().is_empty(), "the KMS must hold nothing")?;

    say("2. The correct connection. The password is write-only: Terraform stores it in no state and no plan.");
    stage.configure(&RIGHT);
    stage.terraform(&["apply", "-auto-approve"], 0)?;
    let leaks = stage.workspace.files_with(act::PASSWORD);
    let only_the_variable = leaks.iter().all(|path| path.ends_with("terraform.tfvars"));
    stage.expect(only_the_variable, "the password must be in no file but `terraform.tfvars`")?;

    say("3. Nothing has changed: the plan is empty, and the provider does not log in to the database.");
    stage.terraform(&["plan", "-detailed-exitcode"], 0)?;

    say("4. A user edits the connection in the KMS. The plan shows the field, and the apply restores it.");
    stage.edit_outside()?;
    stage.terraform(&["plan", "-detailed-exitcode"], 2)?;
    stage.terraform(&["apply", "-auto-approve"], 0)?;

    say("5. A rename. The provider sends only the name: no password, no login.");
    let logins = stage.logins();
    stage.configure(&Connection { name: "orders-database", ..RIGHT });
    stage.terraform(&["apply", "-auto-approve"], 0)?;
    stage.expect(stage.logins() == logins, "a rename must not touch the database")?;
    println!("  Logins in the log of PostgreSQL: {logins} before, {} after.", stage.logins());

    say("6. An `import` block imports a connection that already exists. The provider sends nothing to the KMS.");
    stage.forget()?;
    stage.configure_import()?;
    stage.terraform(&["apply", "-auto-approve"], 0)?;
    stage.terraform(&["plan", "-detailed-exitcode"], 0)?;

    if keep {
        return stage.wait_for_interrupt();
    }
    say("7. Destroy.");
    stage.terraform(&["destroy", "-auto-approve"], 0)?;
    stage.expect(stage.kms.connections().is_empty(), "the KMS must hold nothing")?;

    say("The demo is complete. Next:");
    println!(
        "  cargo demo -- --keep   the demo, with servers that keep running for your own configurations\n\
         \x20 cargo kms              the local KMS server alone, with a configuration to copy\n\
         \x20 cargo test             all tests, with the real Terraform and a real PostgreSQL\n\
         \x20 README.md              your first connection in a real KMS"
    );
    Ok(())
}

fn say(text: &str) {
    println!("\n=== {text}\n");
}

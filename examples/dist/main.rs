//! `cargo dist`: builds the provider for one target and writes the files of its release into `target/dist`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod archive;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use self::archive::Platform;

const USAGE: &str = "\
usage: cargo dist [OPTION…]

Writes into target/dist what a release consists of: an archive, the manifest, and SHA256SUMS over all archives of this
version that are there.

  --target TARGET   a Rust target (default: this machine; on Linux a static binary)
  --bin PATH        pack this binary instead of building one
  --sums            build nothing; write the manifest and SHA256SUMS for the archives in target/dist
  --help            show this";

#[derive(Default)]
struct Arguments {
    target: Option<String>,
    binary: Option<PathBuf>,
    only_sums: bool,
    help: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) if arguments.help => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--target" => parsed.target = Some(value()?),
            "--bin" => parsed.binary = Some(PathBuf::from(value()?)),
            "--sums" => parsed.only_sums = true,
            "--help" | "-h" => parsed.help = true,
            _ => return Err(format!("there is no option `{argument}`")),
        }
    }
    Ok(parsed)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/dist");
    let mut version = env!("CARGO_PKG_VERSION").to_owned();
    if !arguments.only_sums {
        let target = arguments.target.map_or_else(target_of_this_machine, Ok)?;
        let platform = Platform::of_target(&target).ok_or_else(|| format!("there are no releases for `{target}`"))?;
        let binary = arguments.binary.map_or_else(|| build(root, &target), Ok)?;
        if Some(&platform) == Platform::of_this_machine().as_ref() {
            version = version_of(&binary)?;
        }
        let archive = archive::pack(&binary, &version, &platform, &folder)
            .map_err(|error| format!("{} could not be packed: {error}", binary.display()))?;
        println!("{}", archive.display());
    }
    archive::describe(&version, &folder)
        .map_err(|error| format!("the checksums of {} could not be written: {error}", folder.display()))
}

/// Returns the target whose binaries run on every machine of this kind: on Linux the static one.
fn target_of_this_machine() -> Result<String, String> {
    if cfg!(target_os = "linux") {
        return Ok(format!("{}-unknown-linux-musl", std::env::consts::ARCH));
    }
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output();
    let output = output.map_err(|error| format!("rustc cannot be started: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `.ci/build`, which lists the needs of each target.
fn build(root: &Path, target: &str) -> Result<PathBuf, String> {
    let output = Command::new("bash")
        .args([".ci/build", target])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("bash cannot be started: {error}"))?;
    if !output.status.success() {
        return Err("the provider could not be built; the messages are above".to_owned());
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(root.join(printed.lines().last().unwrap_or_default()))
}

/// Returns the version that the binary itself prints: an archive is never named by another.
fn version_of(binary: &Path) -> Result<String, String> {
    let output = Command::new(binary).arg("-version").output();
    let output = output.map_err(|error| format!("{} cannot be started: {error}", binary.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let version = printed.trim().strip_prefix("terraform-provider-kms ");
    version
        .map(str::to_owned)
        .ok_or_else(|| format!("{} is not the provider: it printed `{printed}`", binary.display()))
}

//! The program: its arguments, and nothing else. What it serves and how is the library's.

use std::env::args_os;
use std::io::{self, Write};
use std::process::ExitCode;

use terraform_provider_kms::plugin::{self, LaunchMode, Program};
use terraform_provider_kms::provider::{self, Kms};
use terraform_provider_kms::terraform;
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: env!("CARGO_PKG_NAME"),
    version: terraform_provider_kms::VERSION,
    address: provider::ADDRESS,
    protocol: 5,
};

const USAGE: &str = r#"This is a plugin of Terraform and OpenTofu; they start it themselves. To use it, write

  terraform {
    required_providers {
      kms = {
        source = "hanzoai/kms"
      }
    }
  }

into a configuration and run `terraform init`.

  -version   prints the version
  -help      prints this text
  -debug     serves until Ctrl-C, for use with a debugger, and prints how to connect to it
"#;

fn main() -> ExitCode {
    let arguments: Vec<_> = args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => serve(LaunchMode::Plugin),
        ["-debug" | "--debug"] => serve(LaunchMode::Debug),
        ["-version" | "--version"] => print(&format!("{} {}\n", PROGRAM.name, PROGRAM.version)),
        ["-help" | "--help"] => print(&format!("{} {}\n\n{USAGE}", PROGRAM.name, PROGRAM.version)),
        _ => {
            complain(&format!("cannot make sense of `{}`; `-help` says what there is", arguments.join(" ")));
            ExitCode::from(2)
        }
    }
}

fn serve(mode: LaunchMode) -> ExitCode {
    let stop = CancellationToken::new();
    match plugin::serve(&PROGRAM, terraform::server::service(Kms, stop.clone()), mode, stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            if matches!(error, plugin::Error::NoHost) {
                let _ = write!(io::stderr(), "\n{USAGE}");
            }
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{}: {message}", PROGRAM.name);
}

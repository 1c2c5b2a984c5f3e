//! The program: parses its arguments and calls the library.

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

const USAGE: &str = r#"A plugin that Terraform and OpenTofu start. To use it, add

  terraform {
    required_providers {
      kms = {
        source = "hanzoai/kms"
      }
    }
  }

to a configuration and run `terraform init`.

Options:
  -version   Print the version.
  -help      Print this text.
  -debug     Serve until Ctrl-C, for a debugger, and print the setting that makes Terraform connect.
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
            print_error(&format!("unrecognized argument `{}`; run with `-help` for the options", arguments.join(" ")));
            ExitCode::from(2)
        }
    }
}

fn serve(mode: LaunchMode) -> ExitCode {
    let stop = CancellationToken::new();
    match plugin::serve(&PROGRAM, terraform::server::service(Kms, stop.clone()), mode, stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error.to_string());
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

fn print_error(message: &str) {
    let _ = writeln!(io::stderr(), "{}: {message}", PROGRAM.name);
}

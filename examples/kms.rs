//! `cargo kms`: the local KMS server alone, for a Terraform of your own. Ctrl-C ends it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

#[path = "../tests/support/kms/mod.rs"]
mod kms;
#[path = "../tests/support/proxy.rs"]
mod proxy;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use self::kms::{Fault, Kms, Options};
use self::proxy::{Proxy, Trouble};

/// Taken when it is free, so that a configuration works again after a restart.
const DEFAULT_PORT: u16 = 8787;

const USAGE: &str = "\
usage: cargo kms [-- OPTION…]

A KMS on this machine with one identity and one project. It logs in to your databases as the real one does.

  --port N               listen on 127.0.0.1:N (default: 8787, or a free port when that is taken)
  --data FILE            keep the identity and the connections, passwords included, in FILE (default: nothing is kept)
  --latency MS           wait this many milliseconds before each response
  --reads-per-minute N   refuse more reads than this
  --writes-per-minute N  refuse more writes and logins than this
  --deny-internal        refuse databases on private addresses, as the hosted KMS does
  --no-login             store credentials without trying them
  --fault ORDER          fail as ordered; may be given more than once
  --proxy TROUBLE        put a bad network in between: reset, delay=MS, black-hole, cut=BYTES, throttle=BYTES
  --help                 show this

An ORDER is `METHOD PATH COUNT FAULT`, for the next COUNT (or `always`) requests of that METHOD (or `*`) whose path starts
so, or `storm PERCENT SEED [FAULT…]`, for that share of all requests, at random, and alike for the same seed:

  cargo kms -- --fault 'POST /api/v1/app-connections/postgres 3 lost-after' --fault 'storm 10 4711'

More can be ordered while it runs, an ORDER a line, and all of it taken back:

  curl -d '* /api 1 status=503' http://127.0.0.1:8787/_lab/faults
  curl -X DELETE http://127.0.0.1:8787/_lab/faults";

/// The parsed command line.
#[derive(Default)]
struct Wishes {
    options: Options,
    faults: Vec<String>,
    trouble: Option<Trouble>,
}

fn main() -> ExitCode {
    let wishes = match parse(std::env::args().skip(1)) {
        Ok(Some(wishes)) => wishes,
        Ok(None) => {
            println!("{USAGE}\n\nFAULT is one of:\n{}", Fault::SYNTAX);
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(wishes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Parses the arguments. `None` is a request for help.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Wishes>, String> {
    let mut wishes = Wishes::default();
    let options = &mut wishes.options;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--port" => options.port = Some(number(&argument, &value()?)?),
            "--data" => options.data = Some(PathBuf::from(value()?)),
            "--latency" => options.latency = Duration::from_millis(number(&argument, &value()?)?),
            "--reads-per-minute" => options.reads_per_minute = Some(number(&argument, &value()?)?),
            "--writes-per-minute" => options.writes_per_minute = Some(number(&argument, &value()?)?),
            "--deny-internal" => options.allow_internal = false,
            "--no-login" => options.log_in = false,
            "--fault" => wishes.faults.push(value()?),
            "--proxy" => wishes.trouble = Some(value()?.parse()?),
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("there is no option `{argument}`")),
        }
    }
    Ok(Some(wishes))
}

fn number<T: FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{option}` takes a number, not `{value}`"))
}

fn start(options: Options) -> Result<Kms, String> {
    if options.port.is_some() {
        return Kms::try_start(options);
    }
    match Kms::try_start(Options { port: Some(DEFAULT_PORT), ..options.clone() }) {
        Ok(kms) => Ok(kms),
        Err(_) => {
            let kms = Kms::try_start(options)?;
            println!("Port {DEFAULT_PORT} is taken, so this server has another.");
            Ok(kms)
        }
    }
}

fn serve(wishes: Wishes) -> Result<(), String> {
    let kms = start(wishes.options)?;
    wishes.faults.iter().try_for_each(|order| kms.order_faults(order))?;
    let proxy = wishes.trouble.map(|trouble| {
        let proxy = Proxy::start(kms.port());
        proxy.set(trouble);
        proxy
    });
    let url = proxy.as_ref().map_or_else(|| kms.url(), |proxy| format!("http://127.0.0.1:{}", proxy.port()));
    println!("The local KMS server listens. Its identity for machines, and its project:\n");
    println!("  export KMS_HOST={url}");
    println!("  export KMS_UNIVERSAL_AUTH_CLIENT_ID={}", kms.client_id());
    println!("  export KMS_UNIVERSAL_AUTH_CLIENT_SECRET={}", kms.client_secret());
    println!("  export TF_VAR_project_id={}", kms.project_id());
    println!("\nA configuration to start from:\n\n{}\nCtrl-C ends the server.", configuration(&kms, &url));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .and_then(|runtime| runtime.block_on(tokio::signal::ctrl_c()))
        .map_err(|error| format!("Ctrl-C cannot be waited for: {error}"))?;
    println!("\nThe local KMS server has ended.");
    Ok(())
}

fn configuration(kms: &Kms, url: &str) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    kms = {{
      source = "hanzoai/kms"
    }}
  }}
}}

provider "kms" {{
  host          = "{host}"
  client_id     = "{client_id}"
  client_secret = "{client_secret}"
}}

variable "db_password" {{
  type      = string
  sensitive = true
  ephemeral = true
}}

resource "kms_postgres_connection" "orders" {{
  name                = "orders-db"
  host                = "localhost"
  database            = "postgres"
  username            = "postgres"
  password_wo         = var.db_password
  password_wo_version = 1
}}
"#,
        host = url,
        client_id = kms.client_id(),
        client_secret = kms.client_secret(),
    )
}

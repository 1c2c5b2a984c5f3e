//! The stage of the demo: the servers, the workspace, and the steps.

use std::path::Path;
use std::process::Stdio;

use crate::kms::{self, Kms};
use crate::postgres::{self, Authority, Postgres};
use crate::terraform::{SETTINGS, Workspace};

/// The password of the demo's role.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

const ROLE: &str = "kms_role";
const DATABASE: &str = "orders";

/// The arguments that the steps of the demo change.
pub(crate) struct Connection {
    pub(crate) name: &'static str,
    pub(crate) database: &'static str,
    pub(crate) password: &'static str,
    pub(crate) certificate: &'static str,
}

/// The correct connection.
pub(crate) const RIGHT: Connection =
    Connection { name: "orders-db", database: DATABASE, password: PASSWORD, certificate: "ca.pem" };

/// The servers and the workspace.
pub(crate) struct Stage {
    pub(crate) postgres: Postgres,
    pub(crate) kms: Kms,
    pub(crate) workspace: Workspace,
}

impl Stage {
    /// Starts the servers, and creates role and database.
    pub(crate) fn set(provider: &Path) -> Result<Self, String> {
        let postgres = Postgres::try_start(postgres::Options::default())?;
        postgres.create_role(ROLE, PASSWORD);
        postgres.sql(&format!("CREATE DATABASE {DATABASE}"));
        let kms = Kms::start(kms::Options::default());
        let mut workspace = Workspace::installed(provider);
        workspace.set("KMS_HOST", &kms.url());
        workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_ID", kms.client_id());
        workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", kms.client_secret());
        workspace.write("ca.pem", postgres.ca_pem());
        workspace.write("other.pem", Authority::new("Another CA").pem());
        Ok(Self { postgres, kms, workspace })
    }

    /// Writes the configuration of the connection.
    pub(crate) fn configure(&self, connection: &Connection) {
        let port = self.postgres.port();
        let Connection { name, database, password, certificate } = connection;
        let resource = format!(
            r#"resource "kms_postgres_connection" "orders" {{
  name     = "{name}"
  host     = "localhost"
  port     = {port}
  database = "{database}"
  username = "{ROLE}"

  password_wo         = var.db_password
  password_wo_version = 1
  ssl_certificate     = file("{certificate}")
}}
"#
        );
        self.write(&format!(
            "variable \"db_password\" {{\n  type      = string\n  ephemeral = true\n  sensitive = true\n}}\n\n{resource}"
        ));
        self.workspace.write("terraform.tfvars", &format!("db_password = \"{password}\"\n"));
        show("main.tf", &resource);
    }

    /// Writes a configuration that imports the existing connection, without a password.
    pub(crate) fn configure_import(&self) -> Result<(), String> {
        let connections = self.kms.connections();
        let id = connections.first().and_then(|connection| connection["id"].as_str()).ok_or("the KMS holds nothing")?;
        let port = self.postgres.port();
        let configuration = format!(
            r#"import {{
  to = kms_postgres_connection.orders
  id = "{id}"
}}

resource "kms_postgres_connection" "orders" {{
  name            = "orders-database"
  host            = "localhost"
  port            = {port}
  database        = "{DATABASE}"
  username        = "{ROLE}"
  ssl_certificate = file("ca.pem")
}}
"#
        );
        self.write(&configuration);
        self.workspace.write("terraform.tfvars", "");
        show("main.tf", &configuration);
        Ok(())
    }

    fn write(&self, configuration: &str) {
        let versions =
            "terraform {\n  required_providers {\n    kms = {\n      source = \"hanzoai/kms\"\n    }\n  }\n}\n\n";
        self.workspace.write("main.tf", &format!("{versions}{configuration}"));
    }

    /// Runs Terraform with its output on the terminal, and checks the exit code.
    pub(crate) fn terraform(&self, arguments: &[&str], expected: i32) -> Result<(), String> {
        println!("$ terraform {}\n", arguments.join(" "));
        let (command, options) = arguments.split_first().ok_or("no command")?;
        // `state` commands have no such option.
        let mut all = vec![*command];
        all.extend((*command != "state").then_some("-input=false"));
        all.extend(options);
        let status = self
            .workspace
            .command(&all)
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .status()
            .map_err(|error| format!("terraform cannot be started: {error}"))?;
        let unexpected = || format!("`terraform {}` ended with {status} instead of {expected}", arguments.join(" "));
        (status.code() == Some(expected)).then_some(()).ok_or_else(unexpected)
    }

    /// Returns the rule as an error unless the condition holds.
    pub(crate) fn expect(&self, condition: bool, rule: &str) -> Result<(), String> {
        condition.then_some(()).ok_or_else(|| rule.to_owned())
    }

    /// Changes the connection in the KMS, without Terraform.
    pub(crate) fn edit_outside(&self) -> Result<(), String> {
        let connections = self.kms.connections();
        let id = connections.first().and_then(|connection| connection["id"].as_str()).ok_or("the KMS holds nothing")?;
        self.kms.edit(id, |connection| connection["credentials"]["database"] = "postgres".into());
        println!("  (in the KMS: database = \"postgres\")\n");
        Ok(())
    }

    /// Removes the connection from the state. The KMS keeps it.
    pub(crate) fn forget(&self) -> Result<(), String> {
        self.terraform(&["state", "rm", "kms_postgres_connection.orders"], 0)
    }

    /// Returns the number of logins of the role.
    pub(crate) fn logins(&self) -> usize {
        self.postgres.log().matches(&format!("connection authorized: user={ROLE}")).count()
    }

    /// Removes the workspace on Ctrl-C, which ends the process and the servers.
    pub(crate) fn clean_up_on_interrupt(&self) {
        let folder = self.workspace.path().to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let _interrupted = runtime.block_on(tokio::signal::ctrl_c());
            // Terraform receives the same signal and must close its files first.
            std::thread::sleep(std::time::Duration::from_secs(2));
            let _nothing_left = std::fs::remove_dir_all(&folder);
            std::process::exit(130);
        });
    }

    /// Keeps the servers running until Ctrl-C.
    pub(crate) fn wait_for_interrupt(&self) -> Result<(), String> {
        println!("\n=== The servers keep running. In another terminal:\n\n  cd {}", self.workspace.path().display());
        println!("  export TF_CLI_CONFIG_FILE={SETTINGS} KMS_HOST={}", self.kms.url());
        println!("  export KMS_UNIVERSAL_AUTH_CLIENT_ID={}", self.kms.client_id());
        println!("  export KMS_UNIVERSAL_AUTH_CLIENT_SECRET={}", self.kms.client_secret());
        println!("  terraform plan\n\nThe role is `{ROLE}`, its password `{PASSWORD}`. Ctrl-C here ends the servers.");
        loop {
            std::thread::park();
        }
    }
}

fn show(name: &str, content: &str) {
    println!("  {name}:");
    for line in content.lines() {
        println!("    {line}");
    }
    println!();
}

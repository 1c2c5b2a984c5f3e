//! The usual setup of a test: a role of its own, a database, a KMS, and a directory with a configuration.

use serde_json::Value as Json;

use super::kms::{self, Kms};
use super::postgres::{self, Postgres};
use super::terraform::Workspace;

/// The password of the scene's role.
pub(crate) const PASSWORD: &str = "s3cret-of-the-role";

/// A stage for one test.
pub(crate) struct Scene {
    pub(crate) kms: Kms,
    pub(crate) postgres: &'static Postgres,
    pub(crate) workspace: Workspace,
    pub(crate) role: String,
    pub(crate) database: String,
}

impl Scene {
    /// Returns a scene with a KMS that logs in to the database as the real one does.
    pub(crate) fn new() -> Self {
        Self::with(kms::Options::default())
    }

    /// Returns a scene with a KMS of that kind.
    pub(crate) fn with(options: kms::Options) -> Self {
        Self::at(Postgres::shared(), options)
    }

    /// Returns a scene with a PostgreSQL of its own: no other test writes to its log. It ends with the process.
    pub(crate) fn alone() -> Self {
        Self::at(Box::leak(Box::new(Postgres::start(postgres::Options::default()))), kms::Options::default())
    }

    fn at(postgres: &'static Postgres, options: kms::Options) -> Self {
        let number = format!("{:08x}", rand::random::<u32>());
        let (role, database) = (format!("role_{number}"), postgres.database().to_owned());
        postgres.create_role(&role, PASSWORD);
        let kms = Kms::start(options);
        let mut workspace = super::workspace();
        workspace.set("KMS_HOST", &kms.url());
        workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_ID", kms.client_id());
        workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", kms.client_secret());
        workspace.set("TF_VAR_password", PASSWORD);
        workspace.write("versions.tf", super::REQUIRED_PROVIDERS);
        workspace.write("ca.pem", postgres.ca_pem());
        workspace.write("variables.tf", "variable \"password\" {\n  type      = string\n  ephemeral = true\n}\n");
        Self { kms, postgres, workspace, role, database }
    }

    /// Writes the configuration of one connection; `changes` replace arguments or add some, in HCL.
    pub(crate) fn configure(&self, changes: &[(&str, &str)]) {
        self.configure_with(changes, "");
    }

    /// Writes the same configuration, with further lines in the resource.
    pub(crate) fn configure_with(&self, changes: &[(&str, &str)], lines: &str) {
        let mut arguments: Vec<(String, String)> = [
            ("name", "\"orders-db\"".to_owned()),
            ("host", "\"localhost\"".to_owned()),
            ("port", self.postgres.port().to_string()),
            ("database", format!("{:?}", self.database)),
            ("username", format!("{:?}", self.role)),
            ("password_wo", "var.password".to_owned()),
            ("password_wo_version", "1".to_owned()),
            ("ssl_certificate", "file(\"ca.pem\")".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        for (name, value) in changes {
            arguments.retain(|(known, _)| known != name);
            arguments.push(((*name).to_owned(), (*value).to_owned()));
        }
        let body: String = arguments.iter().map(|(name, value)| format!("  {name} = {value}\n")).collect();
        let resource = format!("resource \"kms_postgres_connection\" \"orders\" {{\n{body}  {lines}\n}}\n");
        self.workspace.write("main.tf", &resource);
    }

    /// Asserts that nothing is planned and that a refresh changes nothing.
    #[track_caller]
    pub(crate) fn is_settled(&self) {
        let plan = self.workspace.plan().expect(0);
        assert!(plan.drift.is_empty() && plan.errors().is_empty(), "\n{}", plan.text);
    }

    /// Returns the one connection that the KMS holds, its password included.
    #[track_caller]
    pub(crate) fn stored(&self) -> Json {
        let connections = self.kms.connections();
        assert_eq!(connections.len(), 1, "the KMS holds {} connections", connections.len());
        connections[0].clone()
    }

    /// Returns its id.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.stored()["id"].as_str().expect("an id").to_owned()
    }

    /// Returns the bodies that were sent with a method to paths that start so.
    pub(crate) fn bodies(&self, method: &str, path: &str) -> Vec<Json> {
        let requests = self.kms.requests().into_iter();
        requests
            .filter(|request| request.method == method && request.path.starts_with(path))
            .map(|request| request.body)
            .collect()
    }

    /// Returns how often the scene's role has logged in.
    pub(crate) fn logins(&self) -> usize {
        self.postgres.log().matches(&format!("connection authorized: user={}", self.role)).count()
    }
}

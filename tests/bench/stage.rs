//! What plans need: a KMS, and a directory with a configuration.

use std::path::Path;

use crate::kms::{self, Kms};
use crate::terraform::Workspace;

pub(crate) const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-kms");
pub(crate) const REQUIRED: &str =
    "terraform {\n  required_providers {\n    kms = {\n      source = \"hanzoai/kms\"\n    }\n  }\n}\n";

/// Returns a directory with that many connections, and the KMS for them. No login is made.
pub(crate) fn connections(count: usize) -> (Kms, Workspace) {
    connections_at(Kms::start(kms::Options { log_in: false, ..kms::Options::default() }), count)
}

/// Returns the same at a KMS of the caller's choice.
pub(crate) fn connections_at(kms: Kms, count: usize) -> (Kms, Workspace) {
    let mut workspace = Workspace::new(Path::new(PROVIDER));
    workspace.set("KMS_HOST", &kms.url());
    workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_ID", kms.client_id());
    workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", kms.client_secret());
    workspace.set("KMS_VALIDATION", "off");
    let resource = format!(
        "resource \"kms_postgres_connection\" \"c\" {{\n  count = {count}\n  name = \"c-${{count.index}}\"\n  host = \"db.test\"\n  \
         database = \"d\"\n  username = \"u\"\n  password = \"p\"\n}}\n"
    );
    workspace.write("main.tf", &format!("{REQUIRED}{resource}"));
    (kms, workspace)
}

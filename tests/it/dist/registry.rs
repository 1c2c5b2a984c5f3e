//! A registry on this machine that serves the release files of this build, signed with a key of its own: `terraform init`
//! and `terraform providers mirror` as against the public registries.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value as Json, json};
use terraform_provider_kms::VERSION;

use crate::support::postgres::Authority;
use crate::support::scene::Scene;
use crate::support::terraform::{self, SETTINGS};
use crate::support::tls_front;

use super::{INIT, archive, archive_name, platform, release, require};

const PROVIDER_PATH: &str = "v1/providers/hanzoai/kms";

/// Documents by path.
type Documents = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A key that exists only for one test.
struct SigningKey {
    home: tempfile::TempDir,
}

impl SigningKey {
    fn new() -> Self {
        let key = Self { home: tempfile::tempdir().unwrap() };
        key.gpg(&["--passphrase", "", "--quick-generate-key", "Test key <test@localhost>", "rsa3072", "sign", "1d"]);
        key
    }

    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--quiet"]);
        let output = command.args(arguments).output().unwrap_or_else(|error| {
            panic!("gpg cannot be started ({error}): install the package `gnupg`");
        });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// As the registries want it: detached and binary.
    fn sign(&self, file: &Path) -> Vec<u8> {
        self.gpg(&["--detach-sign", "--output", "-", file.to_str().unwrap()])
    }

    fn public(&self) -> Json {
        let listing = String::from_utf8(self.gpg(&["--list-keys", "--with-colons"])).unwrap();
        let id = listing.lines().find(|line| line.starts_with("pub:")).unwrap().split(':').nth(4).unwrap().to_owned();
        json!({ "key_id": id, "ascii_armor": String::from_utf8(self.gpg(&["--armor", "--export"])).unwrap() })
    }
}

impl Drop for SigningKey {
    /// Ends the agent that gpg has started.
    fn drop(&mut self) {
        let _ended = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

/// What the registry serves, made of nothing but the release files and the key.
fn documents(key: &SigningKey) -> HashMap<String, Vec<u8>> {
    let sums_name = format!("terraform-provider-kms_{VERSION}_SHA256SUMS");
    let mut documents = HashMap::new();
    for entry in fs::read_dir(release()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        documents.insert(format!("files/{name}"), fs::read(entry.path()).unwrap());
    }
    documents.insert(format!("files/{sums_name}.sig"), key.sign(&release().join(&sums_name)));
    let sums = String::from_utf8(documents[&format!("files/{sums_name}")].clone()).unwrap();
    let sum = sums.lines().find_map(|line| line.strip_suffix(&format!("  {}", archive_name()))).unwrap();
    let manifest: Json =
        serde_json::from_slice(&documents[&format!("files/terraform-provider-kms_{VERSION}_manifest.json")]).unwrap();
    let protocols = &manifest["metadata"]["protocol_versions"];
    let platform = platform().to_string();
    let (os, arch) = platform.split_once('_').unwrap();
    let mut add = |path: String, document: Json| documents.insert(path, document.to_string().into_bytes());
    add(".well-known/terraform.json".to_owned(), json!({ "providers.v1": "/v1/providers/" }));
    add(
        format!("{PROVIDER_PATH}/versions"),
        json!({ "versions": [
            { "version": VERSION, "protocols": protocols, "platforms": [{ "os": os, "arch": arch }] },
        ] }),
    );
    add(
        format!("{PROVIDER_PATH}/{VERSION}/download/{os}/{arch}"),
        json!({
            "protocols": protocols,
            "os": os,
            "arch": arch,
            "filename": archive_name(),
            "download_url": format!("/files/{}", archive_name()),
            "shasums_url": format!("/files/{sums_name}"),
            "shasums_signature_url": format!("/files/{sums_name}.sig"),
            "shasum": sum,
            "signing_keys": { "gpg_public_keys": [key.public()] },
        }),
    );
    documents
}

/// Starts the registry, and returns the name of its host.
async fn start(documents: Documents, authority: &Authority) -> String {
    async fn serve(State(documents): State<Documents>, UrlPath(path): UrlPath<String>) -> impl IntoResponse {
        let kind = if path.starts_with("files/") { "application/octet-stream" } else { "application/json" };
        let document = documents.lock().unwrap().get(&path).cloned();
        document.map(|document| ([(CONTENT_TYPE, kind)], document)).ok_or(StatusCode::NOT_FOUND)
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/{*path}", get(serve)).with_state(documents);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("localhost:{}", tls_front::start(authority, port).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn installs_from_registry_and_from_air_gapped_mirror() {
    let authority = Authority::new("Registry CA");
    let key = SigningKey::new();
    let documents: Documents = Arc::new(Mutex::new(documents(&key)));
    let host = start(Arc::clone(&documents), &authority).await;
    let mut scene = Scene::new();
    require(&scene, &host);
    scene.workspace.write("registry.pem", authority.pem());
    scene.workspace.set("SSL_CERT_FILE", scene.workspace.path().join("registry.pem").to_str().unwrap());
    scene.workspace.write(SETTINGS, "provider_installation {\n  direct {}\n}\n");
    let workspace = &scene.workspace;
    workspace.run(&INIT).expect(0);
    let lock = fs::read_to_string(workspace.path().join(".terraform.lock.hcl")).unwrap();
    assert!(lock.contains("\"h1:") && lock.contains("\"zh:"), "{lock}");

    // The mirror is carried to a site that reaches no registry; the lock file of the first site holds there.
    workspace.run(&["providers", "mirror", "-no-color", "carried"]).expect(0);
    fs::remove_dir_all(workspace.path().join(".terraform")).unwrap();
    let served = std::mem::take(&mut *documents.lock().unwrap());
    workspace.write(SETTINGS, &terraform::filesystem_mirror(&workspace.path().join("carried")));
    workspace.run(&[&INIT[..], &["-lockfile=readonly"]].concat()).expect(0);
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.is_settled();

    // Another archive under the same name, and unsigned checksums.
    let changed = scene.workspace.path().join("changed");
    fs::write(&changed, b"another program").unwrap();
    let forged = archive::pack(&changed, VERSION, &platform(), scene.workspace.path()).unwrap();
    let sums = format!("files/terraform-provider-kms_{VERSION}_SHA256SUMS");
    for (path, bytes, complaint) in [
        (format!("files/{}", archive_name()), fs::read(forged).unwrap(), "checksum"),
        (sums.clone(), [&served[&sums][..], b"\n"].concat(), "signature"),
    ] {
        *documents.lock().unwrap() = served.clone();
        documents.lock().unwrap().insert(path, bytes);
        let other = Scene::new();
        require(&other, &host);
        other.workspace.write(SETTINGS, "provider_installation {\n  direct {}\n}\n");
        let mut command = other.workspace.command(INIT);
        command.env("SSL_CERT_FILE", scene.workspace.path().join("registry.pem"));
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(complaint), "{text}");
    }
}

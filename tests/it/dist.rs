//! Release archives: the same bytes from the same input, and what `terraform init` makes of them.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};
use terraform_provider_kms::VERSION;
use zip::ZipArchive;

use crate::support::scene::Scene;
use crate::support::terraform::{self, SETTINGS};

use self::archive::Platform;

#[path = "../../examples/dist/archive.rs"]
pub(crate) mod archive;
mod registry;

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-kms");

/// Terraform and OpenTofu look for `hanzoai/kms` at different hosts, and in mirrors in different folders.
const HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

fn platform() -> Platform {
    Platform::of_this_machine().expect("a platform that releases are made for")
}

fn archive_name() -> String {
    format!("terraform-provider-kms_{VERSION}_{}.zip", platform())
}

/// The release files of this build.
fn release() -> &'static Path {
    static RELEASE: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dist");
        archive::pack(Path::new(PROVIDER), VERSION, &platform(), &folder).unwrap();
        archive::describe(VERSION, &folder).unwrap();
        folder
    });
    &RELEASE
}

/// A scene whose `terraform init` installs from packed archives below `mirror`, in its folder.
fn scene_with_mirror() -> (Scene, PathBuf) {
    let scene = Scene::new();
    let mirror = scene.workspace.path().join("mirror");
    for host in HOSTS {
        let folder = mirror.join(host).join("hanzoai/kms");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(release().join(archive_name()), folder.join(archive_name())).unwrap();
    }
    scene.workspace.write(SETTINGS, &terraform::filesystem_mirror(&mirror));
    scene.configure(&[]);
    (scene, mirror)
}

/// A version that is marked as a pre-release is chosen only by its exact name.
fn require(scene: &Scene, host: &str) {
    scene.workspace.write(
        "versions.tf",
        &format!(
            "terraform {{\n  required_providers {{\n    kms = {{\n      source  = \"{host}/hanzoai/kms\"\n      \
             version = \"{VERSION}\"\n    }}\n  }}\n}}\n"
        ),
    );
}

const INIT: [&str; 3] = ["init", "-no-color", "-input=false"];

#[test]
fn packs_equal_bytes_from_equal_binaries() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = second.path().join("copy-of-another-age");
    fs::copy(PROVIDER, &copy).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    fs::File::options().write(true).open(&copy).unwrap().set_modified(long_ago).unwrap();
    for (binary, folder) in [(Path::new(PROVIDER), first.path()), (&copy, second.path())] {
        archive::pack(binary, VERSION, &platform(), folder).unwrap();
        archive::describe(VERSION, folder).unwrap();
    }
    for name in [archive_name(), format!("terraform-provider-kms_{VERSION}_SHA256SUMS")] {
        let (first, second) =
            (fs::read(first.path().join(&name)).unwrap(), fs::read(second.path().join(&name)).unwrap());
        assert!(first == second, "{name} differs");
    }
}

#[test]
fn release_files_have_the_shape_that_registries_read() {
    let mut archive = ZipArchive::new(fs::File::open(release().join(archive_name())).unwrap()).unwrap();
    let entries: Vec<(String, u32)> = (0..archive.len())
        .map(|index| {
            let entry = archive.by_index(index).unwrap();
            (entry.name().unwrap().into_owned(), entry.unix_mode().unwrap() & 0o777)
        })
        .collect();
    let binary = format!("terraform-provider-kms_v{VERSION}");
    assert_eq!(entries, [("CHANGELOG.md".to_owned(), 0o644), ("LICENSE".to_owned(), 0o644), (binary.clone(), 0o755)]);
    let mut packed = Vec::new();
    archive.by_name(&binary).unwrap().read_to_end(&mut packed).unwrap();
    assert!(packed == fs::read(PROVIDER).unwrap(), "the packed binary differs");

    let manifest = fs::read(release().join(format!("terraform-provider-kms_{VERSION}_manifest.json"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest, serde_json::json!({ "version": 1, "metadata": { "protocol_versions": ["5.0"] } }));

    let sums = fs::read_to_string(release().join(format!("terraform-provider-kms_{VERSION}_SHA256SUMS"))).unwrap();
    let named: Vec<&str> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(named, [archive_name(), format!("terraform-provider-kms_{VERSION}_manifest.json")]);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let digest = Sha256::digest(fs::read(release().join(name)).unwrap());
        assert_eq!(sum, digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), "{name}");
    }
}

#[test]
fn names_platforms_as_registries_do() {
    for (target, expected) in [
        ("x86_64-unknown-linux-musl", Some("linux_amd64")),
        ("aarch64-unknown-linux-musl", Some("linux_arm64")),
        ("x86_64-apple-darwin", Some("darwin_amd64")),
        ("aarch64-apple-darwin", Some("darwin_arm64")),
        ("x86_64-pc-windows-msvc", Some("windows_amd64")),
        ("aarch64-pc-windows-msvc", Some("windows_arm64")),
        ("riscv64gc-unknown-linux-gnu", None),
        ("x86_64-unknown-freebsd", None),
    ] {
        assert_eq!(Platform::of_target(target).map(|platform| platform.to_string()).as_deref(), expected, "{target}");
    }
}

#[test]
fn installs_from_packed_archives() {
    for host in HOSTS {
        let (scene, _mirror) = scene_with_mirror();
        require(&scene, host);
        scene.workspace.run(&INIT).expect(0);
        scene.workspace.apply().expect(0);
        scene.is_settled();
        scene.workspace.destroy().expect(0);
        assert!(scene.kms.connections().is_empty());
    }
}

#[test]
fn rejects_archive_that_differs_from_the_lock_file() {
    for host in HOSTS {
        let (scene, mirror) = scene_with_mirror();
        let workspace = &scene.workspace;
        require(&scene, host);
        workspace.run(&INIT).expect(0);
        let lock = fs::read_to_string(workspace.path().join(".terraform.lock.hcl")).unwrap();
        assert!(lock.contains(&format!("{host}/hanzoai/kms")) && lock.contains("h1:"), "{lock}");
        let option = format!("-fs-mirror={}", mirror.display());
        let on = format!("-platform={}", platform());
        workspace.run(&["providers", "lock", "-no-color", &option, &on]).expect(0);
        assert_eq!(fs::read_to_string(workspace.path().join(".terraform.lock.hcl")).unwrap(), lock);

        let installed = workspace.path().join(".terraform");
        fs::remove_dir_all(&installed).unwrap();
        workspace.run(&[&INIT[..], &["-lockfile=readonly"]].concat()).expect(0);

        // The same files, one byte more in the binary.
        let changed = workspace.path().join("changed");
        let mut bytes = fs::read(PROVIDER).unwrap();
        bytes.push(0);
        fs::write(&changed, bytes).unwrap();
        archive::pack(&changed, VERSION, &platform(), &mirror.join(host).join("hanzoai/kms")).unwrap();
        fs::remove_dir_all(&installed).unwrap();
        workspace.run(&INIT).expect(1).shows(&["checksums"]);
    }
}

//! The guide on installing and what README and the CI guide repeat of it: the archives, the mirror and the lock file, with the
//! real `terraform init`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::dist::archive::{self, Platform};
use crate::support::scene::Scene;
use crate::support::terraform::{Output, SETTINGS};

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-kms");

/// The version that the guides install. A pre-release, as this build is, would not satisfy their constraint.
const RELEASE: &str = "0.1.0";

/// The folder of the mirror in the texts.
const MIRROR: &str = "/opt/terraform/mirror";

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The blocks of a text in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// A scene whose folder holds what `cargo dist` makes for two platforms.
fn scene() -> Scene {
    let scene = Scene::new();
    let folder = scene.workspace.path().join("target/dist");
    // The binary of another platform is another file, and so has another checksum.
    scene.workspace.write("other", "no program for this machine");
    let other = (Platform::of_target("aarch64-apple-darwin"), scene.workspace.path().join("other"));
    for (platform, binary) in [(Platform::of_this_machine(), PROVIDER.into()), other] {
        archive::pack(&binary, RELEASE, &platform.unwrap(), &folder).unwrap();
    }
    scene
}

/// Runs the shell commands of a text in the folder of the scene, `cargo dist` excepted, which [`scene`] has done.
fn run_shell(scene: &Scene, commands: &str) {
    let commands = commands.strip_prefix("cargo dist\n").expect("`cargo dist` first");
    let status = Command::new("sh").args(["-euc", commands]).current_dir(scene.workspace.path()).status().unwrap();
    assert!(status.success(), "{commands}");
}

fn init(scene: &Scene) -> Output {
    scene.workspace.run(&["init", "-no-color", "-input=false"])
}

#[test]
fn installs_as_the_guide_describes() {
    let guide = text("docs/guides/installation.md");
    let (required, settings, shell) = (blocks(&guide, "terraform"), blocks(&guide, "hcl"), blocks(&guide, "shell"));
    let ([required], [settings], [copy, lock, _verify]) = (&*required, &*settings, &*shell) else {
        panic!("the guide has other blocks than this test runs");
    };
    let readme = text("README.md");
    for block in [copy, settings] {
        assert!(readme.contains(block), "README.md has another block than\n{block}");
    }

    let scene = scene();
    let mirror = scene.workspace.path().join("mirror");
    let here = |text: &str| text.replace(MIRROR, mirror.to_str().unwrap());
    assert!(settings.contains(MIRROR) && lock.contains(MIRROR));
    scene.workspace.write("versions.tf", required);
    scene.workspace.write(SETTINGS, &here(settings));
    scene.configure(&[]);
    // Without the archives there is nothing to install.
    init(&scene).expect(1);
    run_shell(&scene, copy);
    init(&scene).expect(0).shows(&["Installed hanzoai/kms v0.1.0"]);
    scene.workspace.apply().expect(0).shows(&["1 added"]);

    let locked = |scene: &Scene| {
        let file = fs::read_to_string(scene.workspace.path().join(".terraform.lock.hcl")).unwrap();
        file.matches("\"h1:").count()
    };
    assert_eq!(locked(&scene), 1);
    let lock = here(lock);
    let arguments: Vec<&str> = lock.strip_prefix("terraform ").unwrap().split_whitespace().collect();
    scene.workspace.run(&arguments).expect(0);
    assert_eq!(locked(&scene), 2);
    scene.workspace.destroy().expect(0);
}

#[test]
fn installs_from_a_mirror_beside_the_configuration() {
    let settings = blocks(&text("docs/guides/ci.md"), "hcl").into_iter().next().expect("the CLI configuration");
    let guide = text("docs/guides/installation.md");
    let scene = scene();
    run_shell(&scene, &blocks(&guide, "shell")[0]);
    scene.workspace.write("versions.tf", &blocks(&guide, "terraform")[0]);
    scene.workspace.write(SETTINGS, &settings);
    scene.configure(&[]);
    init(&scene).expect(0).shows(&["Installed hanzoai/kms v0.1.0"]);
    scene.workspace.plan().expect(2);
}

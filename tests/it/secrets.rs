//! Passwords, client secrets and tokens are in no output, no log and no file but those that give them.

use std::path::Path;

use crate::support::scene::{PASSWORD, Scene};

#[test]
fn no_secret_is_in_any_file_or_trace_log() {
    let mut scene = Scene::new();
    let log = scene.workspace.path().join("trace.log");
    scene.workspace.set("TF_LOG", "TRACE");
    scene.workspace.set("TF_LOG_PATH", &log.to_string_lossy());
    scene.configure(&[]);
    let mut printed = String::new();
    printed += &scene.workspace.run(&["plan", "-no-color", "-out=saved.tfplan"]).expect(0).text;
    printed += &scene.workspace.run(&["apply", "-no-color", "saved.tfplan"]).expect(0).text;
    scene.configure(&[("description", "\"edited\""), ("password_wo_version", "2")]);
    printed += &scene.workspace.apply().expect(0).text;
    printed += &scene.workspace.plan().expect(0).text;
    scene.configure(&[("password_wo", "\"wrong-but-just-as-secret\""), ("password_wo_version", "3")]);
    scene.workspace.plan().expect(1);
    scene.configure(&[]);
    printed += &scene.workspace.destroy().expect(0).text;

    let trace = std::fs::read_to_string(&log).expect("a log");
    for useful in ["PlanResourceChange", "ApplyResourceChange", "/api/v1/app-connections/postgres", "database login"] {
        assert!(trace.contains(useful), "the log does not tell of {useful}");
    }
    // The last two are what every token of the KMS comes with.
    let secrets = [PASSWORD, scene.kms.client_secret(), "wrong-but-just-as-secret", "Bearer ", "eyJhbGciOi"];
    for secret in secrets {
        assert!(!printed.contains(secret), "a secret was printed");
        let files: Vec<_> = scene.workspace.files_with(secret);
        assert!(files.iter().all(|path| gives_it(path)), "a secret is in {files:?}");
    }
}

/// The configuration of the test itself is where the wrong password stands.
fn gives_it(path: &Path) -> bool {
    path.ends_with("main.tf")
}

#[test]
fn rejects_url_in_host_without_echoing_password() {
    let mut scene = Scene::new();
    scene.workspace.write("url.tf", "variable \"url\" {\n  type = string\n}\n");
    scene.configure(&[("host", "var.url")]);
    for (password, said) in [
        ("s3cretpart/an0therpart", "`host` takes only the name of the server"),
        ("s3cretpart?an0therpart", "`host` takes only the name of the server"),
        ("s3cretpart#an0therpart", "`host` takes only the name of the server"),
        (
            "s3cretpart-an0therpart",
            "`host = \"db.test\"`, `port = 6432`, `database = \"orders\"`, `username = \"kms\"`",
        ),
    ] {
        scene.workspace.set("TF_VAR_url", &format!("postgres://kms:{password}@db.test:6432/orders"));
        let plan = scene.workspace.plan().expect(1);
        plan.shows(&["Invalid database host", said]);
        assert!(!plan.text.contains("s3cretpart") && !plan.text.contains("an0therpart"), "{}", plan.text);
    }
}

#[test]
fn plain_password_is_only_in_the_state() {
    let mut scene = Scene::new();
    let log = scene.workspace.path().join("trace.log");
    scene.workspace.set("TF_LOG_PROVIDER", "TRACE");
    scene.workspace.set("TF_LOG_PATH", &log.to_string_lossy());
    scene.configure(&[
        ("password_wo", "null"),
        ("password_wo_version", "null"),
        ("password", &format!("{PASSWORD:?}")),
    ]);
    let apply = scene.workspace.apply().expect(0);
    assert!(!apply.text.contains(PASSWORD));
    let files = scene.workspace.files_with(PASSWORD);
    assert!(files.iter().all(|path| path.ends_with("main.tf") || path.ends_with("terraform.tfstate")), "{files:?}");
    assert!(!files.is_empty());
}

//! The provider block with the real Terraform: where settings come from, and what is said when they are wrong.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::kms::Fault;
use crate::support::scene::Scene;
use crate::support::web_proxy::{Conduct, WebProxy};

#[test]
fn arguments_override_environment_and_infisical_variables() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    let url = scene.kms.url();
    for name in ["KMS_HOST", "KMS_UNIVERSAL_AUTH_CLIENT_ID", "KMS_UNIVERSAL_AUTH_CLIENT_SECRET"] {
        scene.workspace.set(name, "");
    }
    scene.workspace.set("INFISICAL_HOST", &url);
    let (id, secret) = (scene.kms.client_id().to_owned(), scene.kms.client_secret().to_owned());
    scene.workspace.set("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", &id);
    scene.workspace.set("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", &secret);
    scene.workspace.apply().expect(0);
    // A trailing `/api`, as the command line tools want it, is dropped.
    scene.workspace.set("INFISICAL_HOST", "");
    scene.workspace.set("KMS_API_URL", &format!("{url}/api"));
    scene.is_settled();
    scene.workspace.set("KMS_HOST", "http://127.0.0.1:9");
    scene.workspace.plan().fails(&["no response from the KMS"]);
    scene.workspace.write("provider.tf", &format!("provider \"kms\" {{\n  host = \"{url}\"\n}}\n"));
    scene.is_settled();
}

#[test]
fn reports_two_incomplete_or_missing_auth_methods() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene
        .workspace
        .write("provider.tf", "provider \"kms\" {\n  client_id = \"a\"\n  client_secret = \"b\"\n  token = \"c\"\n}\n");
    scene.workspace.plan().fails(&["Conflicting authentication methods", "`universal`", "`token`"]);
    scene.workspace.write("provider.tf", "provider \"kms\" {\n  client_id = \"a\"\n}\n");
    scene.workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", "");
    scene.workspace.plan().fails(&[
        "Incomplete KMS credentials",
        "`client_secret`",
        "KMS_UNIVERSAL_AUTH_CLIENT_SECRET",
    ]);
    scene.workspace.write("provider.tf", "");
    scene.workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_ID", "");
    // A plan of a create needs no KMS. An apply does.
    scene.workspace.plan().expect(2);
    scene.workspace.apply().fails(&["No KMS credentials", "`client_id`", "`client_secret`"]);
}

#[test]
fn failed_authentication_is_reported_once_without_retry() {
    let mut scene = Scene::new();
    scene.workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", "wrong-secret");
    scene.configure_with(&[("name", "\"orders-${count.index}\"")], "count = 12");
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["KMS authentication failed: unauthorized", scene.kms.client_id(), "Invalid credentials"]);
    assert!(!apply.text.contains("wrong-secret"));
    assert_eq!(scene.bodies("POST", "/api/v1/auth").len(), 1);
}

#[test]
fn allows_plain_http_only_to_this_machine() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.set("KMS_HOST", "http://kms.example.com");
    scene.workspace.plan().fails(&["Invalid KMS address", "`KMS_HOST`", "allow_insecure_host"]);
}

#[test]
fn unknown_provider_argument_fails_only_when_needed() {
    let scene = Scene::new();
    scene.configure(&[]);
    let unknown = "resource \"terraform_data\" \"kms\" {\n  input = \"URL\"\n}\nprovider \"kms\" {\n  host = \
                   terraform_data.kms.output\n}\n";
    scene.workspace.write("provider.tf", &unknown.replace("URL", &scene.kms.url()));
    scene.workspace.plan().expect(2).shows(&["2 to add"]);
    scene.workspace.apply().expect(0).shows(&["2 added"]);
    scene.is_settled();
    // Now the address is to change, and there is a connection to read.
    scene.workspace.write("provider.tf", &unknown.replace("URL", &format!("{}/", scene.kms.url())));
    scene.workspace.plan().fails(&["Unknown provider argument", "`host`", "`-target`", "`-refresh=false`"]);
    scene.workspace.run(&["apply", "-no-color", "-auto-approve", "-refresh=false"]).expect(0);
    scene.is_settled();
}

#[test]
fn timed_out_operation_loses_no_connection() {
    let scene = Scene::new();
    scene.configure_with(&[], "timeouts {\n    create = \"1s\"\n    read = \"700ms\"\n    update = \"1s\"\n  }");
    // Longer than the limit, and than the time for looking what became of it.
    scene.kms.fail("POST", "/api/v1/app-connections", 1, Fault::Delay(Duration::from_secs(9)));
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["KMS request failed: cancelled", "`timeouts`", "never creates a second connection"]);
    // The service went on with it.
    while scene.kms.connections().is_empty() {
        std::thread::sleep(Duration::from_millis(50));
    }
    scene.workspace.apply().fails(&["Connection name already exists", "import {", &scene.id()]);
    let import = format!("import {{\n  to = kms_postgres_connection.orders\n  id = \"{}\"\n}}\n", scene.id());
    scene.workspace.write("import.tf", &import);
    scene.workspace.apply().expect(0);
    scene.kms.fail("GET", "/api/v1/app-connections", 1, Fault::Delay(Duration::from_secs(3)));
    scene.workspace.plan().fails(&["Operation timed out", "0.7 seconds", "`timeouts`"]);
}

#[test]
fn names_proxy_that_fails_or_has_an_invalid_url() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    let proxy = WebProxy::start(1, Conduct::Status(403));
    scene.workspace.set("KMS_HOST", "https://kms.test");
    scene.workspace.set("HTTPS_PROXY", &format!("http://me:s3cr3t@127.0.0.1:{}", proxy.port()));
    let named =
        format!("the proxy `127.0.0.1:{}` (from `HTTPS_PROXY`) refused the tunnel: 403 Forbidden", proxy.port());
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&["KMS not reachable: proxy failed", &named, "`NO_PROXY`"]);
    scene.workspace.set("HTTPS_PROXY", "http://me:s3cr/3t@127.0.0.1:3128");
    let plan = scene.workspace.plan().expect(1);
    plan.shows(&["Invalid proxy URL", "`HTTPS_PROXY`", "percent-encoded"]);
    for text in [apply.text, plan.text] {
        assert!(!text.contains("s3cr"), "{text}");
    }
    // A KMS on this machine needs no proxy.
    let url = scene.kms.url();
    scene.workspace.set("KMS_HOST", &url);
    scene.workspace.apply().expect(0);
}

#[cfg(unix)]
#[test]
fn endless_file_does_not_block() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    let pipe = scene.workspace.path().join("ca.pipe").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (file, kind) in [(pipe.as_str(), "a named pipe"), ("/dev/zero", "a device")] {
        scene.workspace.set("KMS_CA_CERTIFICATE_FILE", file);
        scene.workspace.plan().fails(&["CA certificate file not readable", "`KMS_CA_CERTIFICATE_FILE`", kind]);
    }
    scene.workspace.set("KMS_CA_CERTIFICATE_FILE", "");
    let url = scene.kms.url();
    scene.workspace.set("KMS_HOST", &url.replace("http://", "https://"));
    scene.workspace.set("SSL_CERT_FILE", &pipe);
    scene.workspace.apply().fails(&["`SSL_CERT_FILE`", "it is a named pipe"]);
    scene.workspace.set("SSL_CERT_FILE", "");
    scene.workspace.set("KMS_HOST", &url);
    for name in ["KMS_UNIVERSAL_AUTH_CLIENT_ID", "KMS_UNIVERSAL_AUTH_CLIENT_SECRET"] {
        scene.workspace.set(name, "");
    }
    scene.workspace.set("KMS_MACHINE_IDENTITY_ID", "7d2c1f4e-9a53-4b0e-8d0a-1c5f2f0c9b11");
    scene.workspace.set("KMS_AUTH_METHOD", "kubernetes");
    scene.workspace.set("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", &pipe);
    scene.workspace.apply().fails(&["KMS authentication failed: no credentials", "it is a named pipe"]);
}

/// YAML turns an unquoted `off` into a boolean.
#[test]
fn accepts_false_that_yaml_makes_of_off() {
    let mut scene = Scene::new();
    scene.configure(&[("port", "1")]);
    scene.workspace.set("KMS_VALIDATION", "False");
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("could not be checked"), "{}", plan.text);
}

#[test]
fn debug_mode_serves_several_terraform_runs() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    // The environment that counts is the provider's own, which is not Terraform's here.
    let (url, id, secret) = (scene.kms.url(), scene.kms.client_id(), scene.kms.client_secret());
    let block =
        format!("provider \"kms\" {{\n  host = {url:?}\n  client_id = {id:?}\n  client_secret = {secret:?}\n}}\n");
    scene.workspace.write("provider.tf", &block);
    let provider = Command::new(crate::support::provider())
        .arg("-debug")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut provider = Debugged(provider);
    let lines = BufReader::new(provider.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let assignment = lines.into_iter().find_map(|line| {
        let line = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='")?.to_owned();
        line.strip_suffix('\'').map(str::to_owned)
    });
    scene.workspace.set("TF_REATTACH_PROVIDERS", &assignment.unwrap());
    scene.workspace.apply().expect(0);
    scene.is_settled();
    scene.workspace.destroy().expect(0);
}

/// A provider in debug mode, ended with the test.
struct Debugged(Child);

impl Drop for Debugged {
    fn drop(&mut self) {
        let _asked = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ended = self.0.wait();
    }
}

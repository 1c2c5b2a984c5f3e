//! Every auth method with the real Terraform: from variables and arguments to a created connection, without a secret in any
//! file.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use terraform_provider_kms::kms::AuthMethod;

use crate::support::scene::Scene;

/// A scene without credentials in its environment.
fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_ID", "");
    scene.workspace.set("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", "");
    scene
}

/// Creates, settles and destroys with the most verbose log, and looks for secrets in all that is left.
fn works(scene: &mut Scene, route: &str, secrets: &[&str]) {
    let log = scene.workspace.path().join("trace.log");
    scene.workspace.set("TF_LOG", "TRACE");
    scene.workspace.set("TF_LOG_PATH", &log.to_string_lossy());
    // Only the apply needs the KMS then: Terraform starts the provider once for the plan and once for the apply.
    scene.workspace.set("KMS_VALIDATION", "apply");
    let mut printed = scene.workspace.apply().expect(0).text;
    assert_eq!(scene.bodies("POST", "/api/v1/auth").len(), 1, "one login in a run");
    assert_eq!(scene.bodies("POST", &format!("/api/v1/auth/{route}/login")).len(), 1);
    scene.is_settled();
    printed += &scene.workspace.destroy().expect(0).text;
    for secret in secrets {
        assert!(!printed.contains(secret), "a secret was printed");
        let files = scene.workspace.files_with(secret);
        assert!(files.iter().all(|path| path.ends_with("given")), "a secret is in {files:?}");
    }
}

/// A metadata server with one response. Returns its address and the requests that it received.
fn metadata(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                request.push(byte[0]);
            }
            seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    (address, asked)
}

/// Everything that a section of the guide asks of its reader, but its provider block.
fn prepare(scene: &mut Scene, method: &str) {
    let given = scene.workspace.path().join("given").to_string_lossy().into_owned();
    scene.workspace.write("given", "s3cr3t.the.token\n");
    let login = if method == "aws_iam" { "aws" } else { method };
    match method {
        "universal" => {
            let secret = scene.kms.client_secret().to_owned();
            scene.workspace.set("TF_VAR_client_secret", &secret);
            scene.workspace.write("secret.tf", "variable \"client_secret\" {\n  ephemeral = true\n}\n");
        }
        "token" => {
            let token = scene.kms.issue_token();
            scene.workspace.set("TF_VAR_kms_token", &token);
        }
        "aws_iam" => {
            scene.kms.trust_aws_key("AKIDEXAMPLE", "s3cr3t-of-the-key");
            let keys = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = s3cr3t-of-the-key\n";
            scene.workspace.write("keys", keys);
            let keys = scene.workspace.path().join("keys").to_string_lossy().into_owned();
            scene.workspace.set("AWS_SHARED_CREDENTIALS_FILE", &keys);
        }
        _ => scene.kms.trust_jwt(&format!("{login}-auth"), "s3cr3t.the.token"),
    }
    match method {
        "oidc" => {
            let (address, _) = metadata(r#"{"value":"s3cr3t.the.token"}"#);
            scene.workspace.set("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("http://{address}/?a=b"));
            scene.workspace.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cr3t-of-the-job");
        }
        "kubernetes" => scene.workspace.set("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", &given),
        "azure" => {
            let (address, _) = metadata(r#"{"access_token":"s3cr3t.the.token"}"#);
            scene.workspace.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &format!("http://{address}"));
        }
        "gcp" => scene.workspace.set("GCE_METADATA_HOST", &metadata("s3cr3t.the.token").0),
        _ => {}
    }
}

#[test]
fn each_section_of_the_guide_authenticates() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/authentication.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut methods = 0;
    for section in guide.split("\n## `").skip(1) {
        let method = section.split('`').next().unwrap();
        let block = section.split("```terraform\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut scene = scene();
        prepare(&mut scene, method);
        let given = scene.workspace.path().join("given").to_string_lossy().into_owned();
        let own = block
            .replace("3c90c3cc-0d44-4b50-8888-8dd25736052a", scene.kms.client_id())
            .replace("7d2c1f4e-9a53-4b0e-8d0a-1c5f2f0c9b11", scene.kms.identity_id())
            .replace("/run/secrets/kms-token", &given);
        scene.workspace.write("provider.tf", &own);
        scene.workspace.set("KMS_VALIDATION", "off");
        let apply = scene.workspace.apply().expect(0);
        assert!(!apply.text.contains("s3cr3t."), "{method}: a secret was printed");
        assert_eq!(scene.bodies("POST", "/api/v1/auth").len(), usize::from(method != "token"), "{method}");
        methods += 1;
    }
    assert_eq!(methods, AuthMethod::ALL.len());
}

#[test]
fn oidc_reads_variables_of_infisical() {
    let mut scene = scene();
    let id = scene.kms.identity_id().to_owned();
    scene.kms.trust_jwt("oidc-auth", "s3cr3t.oidc.token");
    scene.workspace.set("INFISICAL_AUTH_METHOD", "oidc");
    scene.workspace.set("INFISICAL_MACHINE_IDENTITY_ID", &id);
    scene.workspace.set("INFISICAL_AUTH_JWT", "s3cr3t.oidc.token");
    works(&mut scene, "oidc-auth", &["s3cr3t"]);
}

#[test]
fn jwt_reads_token_from_argument() {
    let mut scene = scene();
    scene.kms.trust_jwt("jwt-auth", "s3cr3t.jwt.token");
    scene.workspace.set("TF_VAR_jwt", "s3cr3t.jwt.token");
    let block = format!(
        "variable \"jwt\" {{\n  type = string\n  ephemeral = true\n}}\nprovider \"kms\" {{\n  auth_method = \"JWT-auth\"\n  \
         identity_id = {:?}\n  jwt = var.jwt\n}}\n",
        scene.kms.identity_id()
    );
    scene.workspace.write("provider.tf", &block);
    works(&mut scene, "jwt-auth", &["s3cr3t"]);
}

#[test]
fn kubernetes_reads_service_account_file() {
    let mut scene = scene();
    let id = scene.kms.identity_id().to_owned();
    scene.kms.trust_jwt("kubernetes-auth", "s3cr3t.service.account");
    scene.workspace.write("given", "s3cr3t.service.account\n");
    let path = scene.workspace.path().join("given");
    // Without `method`: only one method uses this file.
    scene.workspace.set("KMS_MACHINE_IDENTITY_ID", &id);
    scene.workspace.set("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", &path.to_string_lossy());
    works(&mut scene, "kubernetes-auth", &["s3cr3t"]);
}

#[test]
fn aws_reads_key_from_environment() {
    let mut scene = scene();
    let id = scene.kms.identity_id().to_owned();
    scene.kms.trust_aws_key("AKIDEXAMPLE", "s3cr3t-of-the-key");
    for (name, value) in [
        ("KMS_AUTH_METHOD", "aws-iam"),
        ("KMS_MACHINE_IDENTITY_ID", &id),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-key"),
        ("AWS_SESSION_TOKEN", "s3cr3t-session"),
        ("AWS_REGION", "eu-central-1"),
    ] {
        scene.workspace.set(name, value);
    }
    works(&mut scene, "aws-auth", &["s3cr3t", "AWS4-HMAC-SHA256", "QVdTNC1ITUFDLVNIQTI1N"]);
}

#[test]
fn queries_cloud_metadata_directly_and_only_when_needed() {
    for (method, variable, scheme, answer) in [
        ("azure", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://", r#"{"access_token":"s3cr3t.machine"}"#),
        ("gcp", "GCE_METADATA_HOST", "", "s3cr3t.machine"),
    ] {
        let mut scene = scene();
        let (address, asked) = metadata(answer);
        let id = scene.kms.identity_id().to_owned();
        scene.kms.trust_jwt(&format!("{method}-auth"), "s3cr3t.machine");
        scene.workspace.set("KMS_AUTH_METHOD", method);
        scene.workspace.set("KMS_MACHINE_IDENTITY_ID", &id);
        scene.workspace.set(variable, &format!("{scheme}{address}"));
        // A closed port: a request through this proxy fails.
        scene.workspace.set("HTTP_PROXY", "http://127.0.0.1:9");
        scene.workspace.set("KMS_VALIDATION", "off");
        scene.workspace.plan().expect(2);
        assert!(asked.lock().unwrap().is_empty() && scene.kms.requests().is_empty(), "nothing was needed");
        works(&mut scene, &format!("{method}-auth"), &["s3cr3t"]);
        assert!(!asked.lock().unwrap().is_empty());
    }
}

#[test]
fn failed_authentication_is_explained_once_without_retry() {
    let mut scene = scene();
    let id = scene.kms.identity_id().to_owned();
    scene.kms.trust_jwt("oidc-auth", "another");
    scene.workspace.set("KMS_AUTH_METHOD", "oidc");
    scene.workspace.set("KMS_MACHINE_IDENTITY_ID", &id);
    scene.workspace.set("KMS_AUTH_JWT", "s3cr3t.oidc.token");
    scene.workspace.set("KMS_VALIDATION", "off");
    scene.configure_with(&[("name", "\"orders-${count.index}\"")], "count = 6");
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&[
        "KMS authentication failed: unauthorized",
        "`oidc` authentication of identity",
        &id,
        "OIDC subject not allowed",
    ]);
    assert_eq!(apply.text.matches("Possible causes, most likely first").count(), 1, "{}", apply.text);
    assert_eq!(apply.words().matches("See the error for `orders-").count(), 5, "{}", apply.text);
    assert!(!apply.text.contains("s3cr3t"));
    assert_eq!(scene.bodies("POST", "/api/v1/auth").len(), 1);
}

#[test]
fn missing_credentials_warn_in_plan_and_fail_in_apply() {
    let mut scene = scene();
    let id = scene.kms.identity_id().to_owned();
    scene.workspace.set("KMS_MACHINE_IDENTITY_ID", &id);
    scene.workspace.set("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", "/nonexistent/token");
    scene
        .workspace
        .plan()
        .expect(2)
        .shows(&["KMS not reachable: plan not checked", "`/nonexistent/token` cannot be read"]);
    let apply = scene.workspace.apply().expect(1);
    apply.shows(&[
        "KMS authentication failed: no credentials",
        "`kubernetes` authentication",
        "automountServiceAccountToken",
    ]);
    assert!(scene.kms.requests().is_empty());
    // An ambiguous method is reported before any request.
    scene.workspace.set("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", "");
    scene.workspace.plan().fails(&["Ambiguous authentication method", "`KMS_MACHINE_IDENTITY_ID`", "`aws_iam`"]);
}

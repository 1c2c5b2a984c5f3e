//! The static release archive in a root directory without a C library. Each test is run by `.ci/static`, which builds the
//! archive first; without it they cannot run.

#![cfg(target_os = "linux")]

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::REQUIRED_PROVIDERS;
use crate::support::dns::{DnsServer, Records};
use crate::support::postgres::Authority;
use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::{self, Output};
use crate::support::tls_front;

/// A user without an entry in any `passwd` file.
const USER: &str = "12345:12345";
/// The only folders that this user may write to.
const WRITABLE: [&str; 2] = ["work", "scratch"];
const PLAN: &str = "terraform -chdir=/work plan -no-color -input=false -detailed-exitcode";

/// A root directory that holds Terraform, a shell and the packed provider. Nothing in it is linked to a C library.
struct Root {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Root {
    /// Prepares one for the configuration of the scene, and runs `terraform init` in it.
    fn new(scene: &Scene) -> Self {
        let directory = tempfile::Builder::new().prefix("kms-root-").tempdir().unwrap();
        let root = Self {
            directory,
            environment: [
                ("PATH", "/bin"),
                ("TMPDIR", "/scratch"),
                ("CHECKPOINT_DISABLE", "1"),
                ("TF_CLI_CONFIG_FILE", "/etc/settings.tfrc"),
                ("TF_VAR_password", PASSWORD),
                ("KMS_HOST", &scene.kms.url()),
                ("KMS_UNIVERSAL_AUTH_CLIENT_ID", scene.kms.client_id()),
                ("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", scene.kms.client_secret()),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        };
        root.install("bin/terraform", &terraform::find().unwrap_or_else(|missing| panic!("{missing}")));
        for program in ["bin/sh", "bin/env"] {
            root.install(program, &busybox());
        }
        let archive = archive();
        let name = archive.file_name().unwrap().to_str().unwrap();
        root.install(&format!("mirror/registry.terraform.io/hanzoai/kms/{name}"), &archive);
        root.write("etc/settings.tfrc", &terraform::filesystem_mirror(Path::new("/mirror")));
        root.write("etc/hosts", "127.0.0.1 localhost\n");
        // Terraform opens it for the programs that it starts; an empty file will do.
        root.write("dev/null", "");
        root.write("scratch/here", "");
        for name in ["ca.pem", "variables.tf"] {
            root.write(&format!("work/{name}"), &fs::read_to_string(scene.workspace.path().join(name)).unwrap());
        }
        root.write("work/versions.tf", REQUIRED_PROVIDERS);
        root.allow("", 0o755);
        root.allow("dev/null", 0o666);
        for folder in WRITABLE {
            root.allow(folder, 0o777);
        }
        let entered = root.run("exit 0");
        assert!(
            entered.code == Some(0),
            "a root directory cannot be entered: neither `chroot` as root nor `unshare --map-root-user` works: {}",
            entered.text.trim()
        );
        root.run("terraform -chdir=/work init -no-color -input=false").expect(0);
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn install(&self, name: &str, file: &Path) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::copy(file, self.path(name)).unwrap();
    }

    fn allow(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a line of shell inside, with these variables and no others.
    fn run(&self, line: &str) -> Output {
        let directory = self.directory.path().display();
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("chroot");
            command.arg(format!("--userspec={USER}")).arg(directory.to_string());
            command
        } else {
            let mut command = Command::new("unshare");
            command.arg("--map-root-user").arg(format!("--root={directory}"));
            command
        };
        command.args(["/bin/env", "-i"]);
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(["/bin/sh", "-c", line]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        terraform::finish(child.unwrap_or_else(|error| {
            panic!("`chroot` (as root) or `unshare` (as another user) cannot be started: {error}")
        }))
    }
}

/// The archive that `cargo dist` makes.
fn archive() -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("target/dist/terraform-provider-kms_{version}_linux_{architecture}.zip");
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    assert!(archive.is_file(), "{} is missing: run `cargo dist`", archive.display());
    archive
}

fn busybox() -> PathBuf {
    let found = ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(PathBuf::from).find(|path| path.is_file());
    found.expect("busybox is missing: install the package `busybox-static`")
}

#[test]
#[ignore = "needs the static archive: run .ci/static"]
fn plans_applies_and_destroys_without_a_c_library() {
    let scene = Scene::new();
    scene.configure(&[]);
    let root = Root::new(&scene);
    let configuration = fs::read_to_string(scene.workspace.path().join("main.tf")).unwrap();
    root.write("work/main.tf", &configuration.replace("var.password", "\"not-the-password\""));
    root.run(PLAN).expect(1).shows(&["28P01"]);
    assert_eq!(scene.logins(), 0);

    root.write("work/main.tf", &configuration);
    root.run("cd /work && terraform plan -no-color -input=false -out=tfplan && terraform apply -no-color tfplan")
        .expect(0);
    assert_eq!(scene.stored()["credentials"]["host"], "localhost");
    // The login of the plan, that of the apply, and that of the KMS.
    assert!(scene.logins() >= 2, "{}", scene.logins());
    root.run(PLAN).expect(0);
    root.run("terraform -chdir=/work destroy -no-color -input=false -auto-approve").expect(0);
    assert!(scene.kms.connections().is_empty());

    // Nothing stays in the temporary folder, and the user could write nowhere else.
    let left: Vec<_> = fs::read_dir(root.path("scratch")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["here"]);
    root.run("echo > /etc/written").expect(1);
}

/// One connection for each host; their certificate is for `localhost` alone.
fn connections(scene: &Scene, hosts: &[&str]) -> String {
    let resource = |host: &&str| {
        let name = host.replace('.', "-");
        format!(
            "resource \"kms_postgres_connection\" \"{name}\" {{\n  name = \"{name}\"\n  host = \"{host}\"\n  port = {}\n  \
             database = \"{}\"\n  username = \"{}\"\n  password_wo = var.password\n  ssl_reject_unauthorized = false\n  \
             validation {{\n    timeout = \"3s\"\n  }}\n}}\n",
            scene.postgres.port(),
            scene.database,
            scene.role
        )
    };
    hosts.iter().map(resource).collect()
}

#[test]
#[ignore = "needs the static archive: run .ci/static"]
fn resolves_names_by_hosts_file_and_resolv_conf() {
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    // PostgreSQL listens at none of these.
    let elsewhere: [IpAddr; 2] = ["127.0.0.9".parse().unwrap(), "::1".parse().unwrap()];
    let dns = DnsServer::start([
        ("db.search.test", Records::Addresses(vec![here])),
        ("many.test", Records::Addresses(vec![elsewhere[0], elsewhere[1], here])),
        ("truncated.test", Records::TooManyForUdp(vec![here])),
    ]);
    let (failing, silent) = (DnsServer::failing(), DnsServer::silent());
    let scene = Scene::new();
    let root = Root::new(&scene);
    root.write("etc/hosts", "127.0.0.1 localhost hosts.test\n");
    let servers: String = [&failing, &silent, &dns].map(|server| format!("nameserver {}\n", server.address())).concat();
    root.write("etc/resolv.conf", &format!("search other.test search.test\n{servers}"));
    for host in ["hosts.test", "db", "many.test", "truncated.test"] {
        let before = scene.logins();
        root.write("work/main.tf", &connections(&scene, &[host]));
        let plan = root.run(PLAN).expect(2);
        assert_eq!(scene.logins(), before + 1, "{host}: no login\n{}", plan.text);
    }
    let asked =
        |name: &str, over_tcp| dns.queries().iter().any(|query| query.name == name && query.over_tcp == over_tcp);
    assert!(asked("db.other.test", false) && asked("db.search.test", false));
    assert!(asked("truncated.test", false) && asked("truncated.test", true));
    assert!(!asked("hosts.test", false));

    let before = scene.logins();
    root.write("work/main.tf", &connections(&scene, &["missing.test"]));
    root.run(PLAN).expect(2).shows(&["`missing.test`", "Name does not resolve"]);

    root.write("etc/resolv.conf", &format!("nameserver {}\n", silent.address()));
    root.write("work/main.tf", &connections(&scene, &["many.test"]));
    root.run(PLAN).expect(2).shows(&["many.test"]);
    assert!(silent.queries().iter().any(|query| query.name == "many.test"));
    assert_eq!(scene.logins(), before);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the static archive: run .ci/static"]
async fn finds_the_certificates_of_the_system() {
    let scene = Scene::new();
    scene.configure(&[]);
    let authority = Authority::new("Private CA");
    let port = tls_front::start(&authority, scene.kms.port()).await;
    let mut root = Root::new(&scene);
    root.set("KMS_HOST", &format!("https://localhost:{port}"));
    let configuration = fs::read_to_string(scene.workspace.path().join("main.tf")).unwrap();
    root.write("work/main.tf", &configuration);

    scene.kms.clear_requests();
    let plan = root.run(PLAN);
    assert!(plan.text.contains(&format!("localhost:{port}")), "{}", plan.text);
    assert!(scene.kms.requests().is_empty(), "the KMS received requests although its authority is unknown");

    for (place, variable) in [
        ("etc/ssl/certs/ca-certificates.crt", None),                // Debian, Alpine
        ("etc/ssl/cert.pem", None),                                 // Alpine
        ("etc/pki/tls/certs/ca-bundle.crt", None),                  // Fedora
        ("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", None), // RHEL
        ("custom/authority.pem", Some(("SSL_CERT_FILE", "/custom/authority.pem"))),
        ("custom/folder/0a1b2c3d.0", Some(("SSL_CERT_DIR", "/custom/folder"))),
    ] {
        root.write(place, authority.pem());
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            root.environment.retain(|(known, _)| known != name);
        }
        if let Some((name, value)) = variable {
            root.set(name, value);
        }
        scene.kms.clear_requests();
        let plan = root.run(PLAN).expect(2);
        assert!(!scene.kms.requests().is_empty(), "{place}: the KMS was not asked\n{}", plan.text);
        fs::remove_file(root.path(place)).unwrap();
    }
}

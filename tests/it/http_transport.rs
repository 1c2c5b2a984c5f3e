//! HTTP to the KMS: proxies, certificate authorities, HTTP/2, the user agent.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::support::kms::Kms;
use crate::support::scene::Scene;
use crate::support::terraform::Workspace;

/// A proxy that records and rejects each request.
struct Proxy {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // Ends with the process of the tests.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).unwrap_or(0);
                seen.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
                let _sent =
                    stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// Returns the first line of each request.
    fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

/// Returns a workspace that reads one connection from a KMS at that address.
fn reading_from(host: &str) -> Workspace {
    let mut workspace = crate::support::workspace();
    workspace.set("KMS_HOST", host);
    workspace.set("KMS_TOKEN", "a-token");
    workspace.set("KMS_MAX_RETRIES", "0");
    workspace.write("versions.tf", crate::support::REQUIRED_PROVIDERS);
    workspace.write(
        "main.tf",
        "import {\n  to = kms_postgres_connection.one\n  id = \"orders-db\"\n}\n\nresource \"kms_postgres_connection\" \"one\" \
         {\n  name     = \"orders-db\"\n  host     = \"db.test\"\n  database = \"orders\"\n  username = \"kms\"\n}\n",
    );
    workspace
}

#[test]
fn uses_proxy_of_the_environment_except_for_no_proxy() {
    let proxy = Proxy::start();
    let mut workspace = reading_from("https://kms.test:8443");
    workspace.set("HTTPS_PROXY", &proxy.address);
    let plan = workspace.plan().expect(1);
    // The HTTP library does not report the status of a rejected tunnel, so the provider makes a request for it.
    assert_eq!(proxy.lines(), ["CONNECT kms.test:8443 HTTP/1.1"; 2]);
    plan.shows(&["KMS not reachable: proxy failed", "kms.test:8443", "`HTTPS_PROXY`"]);

    for exception in ["kms.test", ".test", "other.example,kms.test", "*"] {
        workspace.set("NO_PROXY", exception);
        workspace.plan().fails(&["host not found"]);
        assert_eq!(proxy.lines(), Vec::<String>::new(), "{exception}");
    }
}

#[test]
fn uses_no_proxy_for_loopback_addresses() {
    let proxy = Proxy::start();
    let mut scene = Scene::new();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"] {
        scene.workspace.set(name, &proxy.address);
    }
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    scene.is_settled();
    assert_eq!(proxy.lines(), Vec::<String>::new());
}

/// In a container without root certificates the provider trusts the public authorities, as the cloud KMS requires.
#[test]
fn without_system_roots_trusts_the_public_ones() {
    let kms = Kms::start(crate::support::kms::Options::default());
    let mut workspace = reading_from(&kms.url().replace("http://127.0.0.1", "https://localhost"));
    let nothing = workspace.path().join("no-certificates");
    std::fs::create_dir(&nothing).unwrap();
    workspace.set("SSL_CERT_DIR", nothing.to_str().unwrap());
    workspace.set("SSL_CERT_FILE", "");
    // The server does not support TLS, so the error of the handshake shows that the client got that far.
    let plan = workspace.plan().expect(1);
    plan.shows(&["KMS not reachable: TLS failed"]);
}

#[test]
fn sends_user_agent() {
    let proxy = Proxy::start();
    let mut workspace = reading_from("");
    workspace.set("HTTP_PROXY", &proxy.address);
    workspace.write(
        "provider.tf",
        "provider \"kms\" {\n  host                = \"http://kms.test\"\n  allow_insecure_host = true\n}\n",
    );
    workspace.plan().expect(1);
    let request = proxy.requests().concat();
    assert!(request.starts_with("GET http://kms.test/api/v1/app-connections/postgres HTTP/1.1\r\n"), "{request}");
    let agent = request.lines().find(|line| line.starts_with("user-agent: ")).unwrap_or_default();
    let (ours, core) = agent.split_once(' ').unwrap().1.split_once(' ').unwrap();
    assert_eq!(ours, format!("terraform-provider-kms/{}", terraform_provider_kms::VERSION));
    let version = core.strip_prefix("Terraform/").unwrap();
    assert!(version.starts_with(|first: char| first.is_ascii_digit()) && version.contains('.'), "{agent}");
}

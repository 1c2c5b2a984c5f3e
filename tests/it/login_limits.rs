//! How many logins a plan makes, how many at a time, and where none: counted in PostgreSQL's log and by scripted servers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use terraform_provider_kms::postgres::{Questions, Reason, Target, Tls, resolve};
use terraform_provider_kms::provider::messages::postgres::facts;
use terraform_provider_kms::secret::Secret;

use crate::support::postgres::{Options, Postgres};
use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::finish;

/// How often the scene's role was refused.
fn refusals(scene: &Scene) -> usize {
    scene.postgres.log().matches(&format!("password authentication failed for user \"{}\"", scene.role)).count()
}

/// Arguments that make many connections of one.
fn many(count: usize) -> Vec<(&'static str, String)> {
    vec![("count", count.to_string()), ("name", "\"orders-${count.index}\"".to_owned())]
}

fn configure(scene: &Scene, count: usize, changes: &[(&str, &str)], lines: &str) {
    let many = many(count);
    let mut all: Vec<(&str, &str)> = many.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend_from_slice(changes);
    scene.configure_with(&all, lines);
}

/// The response of a scripted server to every login.
#[derive(Clone, Copy)]
enum Script {
    /// Nothing at all.
    Silence,
    /// An ErrorResponse with this SQLSTATE and text.
    Error(&'static str, &'static str),
    /// Nothing until so many have been connected at a time, then an ErrorResponse.
    Together(usize),
}

/// A server without TLS that counts.
struct Listener {
    port: u16,
    connections: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl Listener {
    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (connections, most_at_once) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counter, most, now) = (connections.clone(), most_at_once.clone(), Arc::new(AtomicUsize::new(0)));
        let highest = most_at_once.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (now, most) = (now.clone(), highest.clone());
                std::thread::spawn(move || {
                    play(socket, script, number, &most);
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, connections, most_at_once }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    fn port(&self) -> String {
        self.port.to_string()
    }
}

fn play(mut socket: TcpStream, script: Script, number: usize, most: &AtomicUsize) {
    let mut startup = [0; 1024];
    let _read = socket.read(&mut startup);
    match script {
        Script::Silence => {
            // Until the other side goes away.
            while matches!(socket.read(&mut startup), Ok(1..)) {}
        }
        Script::Error(sqlstate, text) => error(&mut socket, sqlstate, text),
        Script::Together(wanted) => {
            // The first one gets its response at once: others come only after it. The limit only ends a test that fails.
            let start = Instant::now();
            while number > 0 && most.load(Ordering::SeqCst) < wanted && start.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(10));
            }
            // Time for one too many.
            std::thread::sleep(Duration::from_millis(50));
            error(&mut socket, "3D000", "no such database");
        }
    }
}

fn error(socket: &mut TcpStream, sqlstate: &str, text: &str) {
    let body = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0");
    let length = u32::try_from(body.len() + 4).expect("a short text");
    let _gone = socket.write_all(&[&b"E"[..], &length.to_be_bytes(), body.as_bytes()].concat());
}

/// Arguments that lead to a listener.
fn leading_to(port: &str) -> [(&str, &str); 3] {
    [("port", port), ("ssl_enabled", "false"), ("ssl_certificate", "null")]
}

#[test]
fn thirty_connections_with_one_role_make_one_login() {
    let scene = Scene::alone();
    configure(&scene, 30, &[], "");
    scene.workspace.plan().expect(2).shows(&["30 to add"]);
    assert_eq!(scene.logins(), 1);
    let log = scene.postgres.log();
    for rude in ["reset by peer", "unexpected EOF", "could not receive"] {
        assert!(!log.contains(rude), "{rude}:\n{log}");
    }
}

#[test]
fn wrong_password_is_tried_and_explained_once() {
    let scene = Scene::new();
    let databases = [("password_wo", "\"wrong\""), ("database", "\"db_${count.index}\"")];
    configure(&scene, 20, &databases, "");
    let plan = scene.workspace.plan().expect(1);
    assert_eq!(refusals(&scene), 1);
    let words = plan.words();
    assert_eq!(words.matches("Error: PostgreSQL login failed: ").count(), 20, "{}", plan.text);
    assert_eq!(words.matches("Possible causes, most likely first").count(), 1, "{}", plan.text);
    assert_eq!(words.matches("See the message about connection `orders-").count(), 19);
    assert_eq!(words.matches("(SQLSTATE 28P01)").count(), 20);
}

#[test]
fn limits_refused_logins_of_a_role_to_two() {
    let scene = Scene::new();
    configure(&scene, 10, &[("password_wo", "\"wrong ${count.index}\"")], "");
    let plan = scene.workspace.plan().expect(1);
    assert_eq!(refusals(&scene), 2);
    plan.shows(&["Login check skipped: ", "failed in this run"]);
    assert_eq!(plan.words().matches("Error: PostgreSQL login failed: ").count(), 2, "{}", plan.text);

    configure(
        &scene,
        10,
        &[("password_wo", "\"wrong ${count.index}\"")],
        "validation {\n    unreachable = \"error\"\n  }",
    );
    let plan = scene.workspace.plan().expect(1);
    assert_eq!(refusals(&scene), 4);
    assert_eq!(plan.words().matches("Error: Login check skipped: ").count(), 8, "{}", plan.text);
}

/// Directories and `auth_delay` delay the response to a wrong password, and count it even after the client has gone.
#[test]
fn timeout_during_password_check_counts_as_refusal() {
    let slow =
        Options::default().setting("shared_preload_libraries", "auth_delay").setting("auth_delay.milliseconds", "5000");
    let server = Postgres::start(slow);
    let scene = Scene::new();
    server.create_role(&scene.role, PASSWORD);
    scene.workspace.write("slow.pem", server.ca_pem());
    let port = server.port().to_string();
    let changes = [
        ("port", &*port),
        ("ssl_certificate", "file(\"slow.pem\")"),
        ("database", "\"postgres\""),
        ("password_wo", "\"wrong ${count.index}\""),
    ];
    configure(&scene, 6, &changes, "validation {\n    timeout = \"2s\"\n  }");
    let plan = scene.workspace.plan().expect(2);
    plan.shows(&["did not complete the login in time", "`auth_delay`", "Login check skipped: ", "failed in this run"]);
    assert_eq!(server.log().matches("connection received: host=127.0.0.1").count(), 2, "{}", server.log());
}

#[test]
fn limits_concurrent_logins_of_an_endpoint() {
    let scene = Scene::new();
    let listener = Listener::start(Script::Together(4));
    let port = listener.port();
    let mut changes = leading_to(&port).to_vec();
    changes.push(("username", "\"role_${count.index}\""));
    configure(&scene, 13, &changes, "");
    scene.workspace.plan().expect(1).shows(&["3D000"]);
    assert_eq!(listener.connections(), 13);
    assert_eq!(listener.most_at_once(), 4);
}

#[test]
fn full_server_gets_one_login_at_a_time_and_one_retry() {
    let scene = Scene::new();
    let listener = Listener::start(Script::Error("53300", "sorry, too many clients already"));
    let port = listener.port();
    let mut changes = leading_to(&port).to_vec();
    changes.push(("username", "\"role_${count.index}\""));
    configure(&scene, 4, &changes, "");
    scene.workspace.plan().expect(2).shows(&["Too many connections at"]);
    assert_eq!(listener.connections(), 8);
    assert_eq!(listener.most_at_once(), 1);
}

#[test]
fn unreachable_endpoint_is_tried_once_for_a_hundred() {
    let scene = Scene::new();
    let listener = Listener::start(Script::Silence);
    let port = listener.port();
    let mut changes = leading_to(&port).to_vec();
    changes.push(("username", "\"role_${count.index}\""));
    configure(&scene, 100, &changes, "validation {\n    timeout = \"1s\"\n  }");
    scene.workspace.plan().expect(2).shows(&["PostgreSQL login failed: timed out", "100 to add"]);
    assert_eq!(listener.connections(), 1);
}

#[test]
fn change_without_credentials_makes_no_login() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let logins = scene.logins();
    scene.workspace.plan().expect(0);
    scene.configure(&[("name", "\"renamed\"")]);
    scene.workspace.apply().expect(0);
    assert_eq!(scene.logins(), logins);
    scene.workspace.destroy().expect(0);
    assert_eq!(scene.logins(), logins);
}

#[test]
fn validation_hosts_limit_where_logins_go() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    for (list, login, sentences) in [
        ("localhost,127.0.0.0/8", true, &[][..]),
        ("*.example.com", false, &["does not list the host `localhost`"]),
        ("localhost", false, &["does not list", "127.0.0.1"]),
        ("127.0.0.0/8", false, &["does not list the host `localhost`"]),
    ] {
        scene.workspace.set("KMS_VALIDATION_HOSTS", list);
        let before = scene.logins();
        let plan = scene.workspace.plan().expect(2);
        plan.shows(sentences);
        assert_eq!(scene.logins(), before + usize::from(login), "{list}\n{}", plan.text);
        assert_eq!(plan.text.contains("Warning: Login check skipped: "), !login, "{list}\n{}", plan.text);
    }
    // An `address` outside the list is not contacted.
    scene.workspace.set("KMS_VALIDATION_HOSTS", "localhost 10.0.0.0/8");
    let listener = Listener::start(Script::Silence);
    scene.configure_with(&[], &format!("validation {{\n    address = \"127.0.0.1:{}\"\n  }}", listener.port()));
    scene.workspace.plan().expect(2).shows(&["Warning: Login check skipped: "]);
    assert_eq!(listener.connections(), 0);
    scene.workspace.set("KMS_VALIDATION_HOSTS", "localhost, 10.0.0.0/40");
    scene.workspace.plan().expect(1).shows(&["`KMS_VALIDATION_HOSTS`", "`10.0.0.0/40`"]);
}

#[test]
fn does_not_log_in_to_localhost_of_a_remote_kms() {
    let mut scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.set("KMS_HOST", "https://kms.corp.test");
    scene
        .workspace
        .plan()
        .expect(2)
        .shows(&["Warning: Login check skipped: ", "`localhost` resolves to a loopback address"]);
    assert_eq!(scene.logins(), 0);
    // Said to be a way to the same server.
    let address = format!("validation {{\n    address = \"127.0.0.1:{}\"\n  }}", scene.postgres.port());
    scene.configure_with(&[], &address);
    scene.workspace.plan().expect(2);
    assert_eq!(scene.logins(), 1);
}

#[test]
fn warns_of_restrictions_of_the_cloud_kms() {
    let mut scene = Scene::new();
    let own = format!("validation {{\n    address = \"127.0.0.1:{}\"\n  }}", scene.postgres.port());
    let internal = "Warning: Login from KMS may fail: internal address (orders-db)";
    let unknown = [("ssl_certificate", "null")];
    for (host, is_cloud) in [("https://app.kms.hanzo.ai", true), ("https://kms.corp.test", false)] {
        scene.workspace.set("KMS_HOST", host);
        scene.configure_with(&[("host", "\"127.0.0.1\"")], &own);
        let plan = scene.workspace.plan().expect(2);
        assert_eq!(plan.words().contains(internal), is_cloud, "{}", plan.text);
        assert_eq!(plan.words().contains("ALLOW_INTERNAL_IP_CONNECTIONS"), is_cloud, "{}", plan.text);

        scene.configure_with(&unknown, &own);
        let plan = scene.workspace.plan().expect(if is_cloud { 1 } else { 2 });
        plan.shows(&["Fixture CA", "SHA-256", "`ssl_certificate`"]);
        assert_eq!(plan.words().contains("NODE_EXTRA_CA_CERTS"), !is_cloud, "{}", plan.text);
    }
}

#[test]
fn logs_one_line_per_login_check() {
    let mut scene = Scene::new();
    scene.workspace.set("TF_LOG_PROVIDER", "INFO");
    let line = |text: &str| -> String {
        text.lines().filter(|line| line.contains("database login")).collect::<Vec<_>>().join("\n")
    };
    for (changes, outcome) in [
        (&[][..], "accepted"),
        (&[("password_wo", "\"wrong\"")], "refused: "),
        (&[("host", "\"db.invalid\"")], "unreachable: "),
        (
            &[("gateway_id", "\"3c90c3cc-0d44-4b50-8888-8dd25736052a\"")],
            "not checked: the KMS connects through a gateway",
        ),
    ] {
        scene.configure(changes);
        let lines = line(&scene.workspace.plan().text);
        assert_eq!(lines.lines().count(), 1, "{outcome}: {lines}");
        for part in ["orders-db", "endpoint=", "duration_ms=", outcome] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
}

#[test]
fn unreachable_error_warns_of_every_skipped_login() {
    let mut scene = Scene::new();
    let block = "validation {\n    unreachable = \"error\"\n  }";
    scene.configure_with(&[("gateway_id", "\"3c90c3cc-0d44-4b50-8888-8dd25736052a\"")], block);
    scene.workspace.plan().expect(2).shows(&["Warning: Login check skipped: ", "through a gateway"]);
    scene.configure_with(&[], block);
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.text.contains("Warning: The credentials"), "{}", plan.text);
    for mode in ["apply", "off"] {
        scene.workspace.set("KMS_VALIDATION", mode);
        scene.workspace.plan().expect(2).shows(&["Warning: Login check skipped: ", "lowered `mode`"]);
    }
}

#[test]
fn update_that_changes_endpoint_names_both_endpoints() {
    let scene = Scene::new();
    scene.configure(&[]);
    scene.workspace.apply().expect(0);
    let (old, new) = (format!("`localhost:{}`", scene.postgres.port()), "`db.invalid:5432`");
    scene.configure(&[("host", "\"db.invalid\""), ("port", "5432")]);
    let moved = format!("this update keeps it and changes the endpoint from {old} to {new}");
    scene.workspace.plan().expect(2).shows(&[&moved]);
    scene.configure(&[("host", "\"db.invalid\""), ("port", "5432"), ("password_wo_version", "2")]);
    let plan = scene.workspace.plan().expect(2);
    assert!(!plan.words().contains("changes the endpoint"), "{}", plan.text);
}

#[test]
fn apply_with_unreachable_database_warns_and_continues() {
    let scene = Scene::new();
    scene.configure_with(&[("host", "\"db.invalid\"")], "validation {\n    mode = \"apply\"\n  }");
    let apply = scene.workspace.apply().expect(1);
    assert_eq!(apply.words().matches("Warning: PostgreSQL server not reachable: ").count(), 1, "{}", apply.text);
    apply.shows(&["KMS login to PostgreSQL failed"]);
    assert_eq!(scene.bodies("POST", "/api/v1/app-connections").len(), 1);
}

#[test]
fn retries_create_if_own_login_took_the_last_slot() {
    let scene = Scene::new();
    scene.postgres.sql(&format!("ALTER ROLE {} CONNECTION LIMIT 0", scene.role));
    scene.configure_with(&[], "validation {\n    mode = \"off\"\n  }");
    scene.workspace.apply().expect(1).shows(&["too many connections for role"]);
    assert_eq!(scene.bodies("POST", "/api/v1/app-connections").len(), 2);
    assert!(scene.kms.connections().is_empty());
}

#[test]
fn stores_result_of_the_retried_create() {
    let scene = Scene::new();
    scene.postgres.sql(&format!("ALTER ROLE {} CONNECTION LIMIT 1", scene.role));
    scene.configure_with(&[], "validation {\n    mode = \"off\"\n  }");
    let sent = || scene.bodies("POST", "/api/v1/app-connections").len();

    // Another session holds the role's only connection until the KMS was refused.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(scene.postgres.port()).user(&scene.role).password(PASSWORD).dbname(&scene.database);
    let (client, connection) = runtime.block_on(config.connect(tokio_postgres::NoTls)).expect("the role's one place");
    let session = runtime.spawn(connection);
    let refused = format!("too many connections for role \"{}\"", scene.role);
    let apply = scene.workspace.start(&["apply", "-no-color", "-input=false", "-auto-approve"]);
    for _ in 0..3000 {
        if scene.postgres.log().contains(&refused) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(client);
    runtime.block_on(session).expect("a session that ends").expect("a clean end");

    finish(apply).expect(0);
    assert_eq!((sent(), scene.postgres.log().matches(&refused).count()), (2, 1));
    assert_eq!(scene.workspace.object("kms_postgres_connection.orders")["id"], *scene.id());
    scene.is_settled();
}

#[tokio::test]
async fn tries_next_address_only_after_connection_failure() {
    let scene = Scene::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let other = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let open: SocketAddr = ([127, 0, 0, 1], scene.postgres.port()).into();
    let target = Target {
        host: "localhost".to_owned(),
        port: open.port(),
        database: scene.database.clone(),
        username: scene.role.clone(),
        password: Secret::new(PASSWORD),
        tls: Tls::Off,
        address: None,
        questions: Questions::default(),
    };
    let timeout = Duration::from_secs(30);
    let login = async |target: &Target, addresses: &[SocketAddr]| {
        resolve(target, timeout).await.expect("localhost").only(addresses.to_vec()).login().await
    };

    let accepted = login(&target, &[closed, open]).await.expect("a login");
    assert_eq!(accepted.endpoint.address, Some(open));
    assert_eq!(accepted.unreachable_addresses.iter().map(|(address, _)| *address).collect::<Vec<_>>(), [closed]);

    let refused = login(&target, &[closed, other]).await.expect_err("a closed port");
    assert_eq!((refused.reason.clone(), refused.responded), (Reason::ConnectionRefused, false));
    let every = facts(&refused).join("\n");
    assert!(every.contains(&closed.to_string()) && every.contains(&other.to_string()), "{every}");

    let listener = Listener::start(Script::Error("53300", "sorry, too many clients already"));
    let crowded: SocketAddr = ([127, 0, 0, 1], listener.port).into();
    let refused = login(&target, &[crowded, open]).await.expect_err("crowded");
    assert!(refused.is_at_capacity() && refused.responded && refused.unreachable_addresses.is_empty());
}

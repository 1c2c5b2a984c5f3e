//! The client of the KMS against servers that answer, fail and lie by script. They know nothing of a KMS: each test
//! writes down the bytes that it wants back.

mod auth;
mod auth_methods;
mod error_scope;
mod proxies;
mod retries;
mod server;

use std::time::Duration;

use terraform_provider_kms::{
    kms::{
        AuthRequest, BaseUrl, CaCertificates, Client, ConnectionUpdate, Deleted, Error, ErrorKind, Header, Method,
        Mismatch, NewConnection, NewCredentials, Patch, Settings, TransportFailure,
    },
    secret::Secret,
};

use server::{Act, Server, TlsServer, closed_port, html, json};

const ID: &str = "7f3c1c1e-8f0a-4c55-9d1e-3f2b6a1d0e9c";
const CLIENT_SECRET: &str = "the-client-secret";
const TOKEN: &str = "the-access-token";
const PASSWORD: &str = "the-password";
const HEADER: &str = "the-header-value";

fn universal() -> AuthRequest {
    AuthRequest::universal("the-client-id", Secret::new(CLIENT_SECRET))
}

fn token() -> AuthRequest {
    AuthRequest::token(Secret::new(TOKEN))
}

/// Without retries: each test is about one exchange.
fn settings(base: &str, login: AuthRequest) -> Settings {
    Settings { max_retries: 0, ..Settings::new(BaseUrl::parse(base, false).unwrap(), login) }
}

fn client(server: &Server, login: AuthRequest) -> Client {
    Client::new(settings(&server.base(), login))
}

fn new_connection() -> NewConnection {
    NewConnection {
        name: "main".to_owned(),
        description: None,
        project_id: None,
        method: Method::UsernameAndPassword,
        is_platform_managed: false,
        gateway_id: None,
        credentials: NewCredentials {
            host: "db.test".to_owned(),
            port: 5432,
            database: "app".to_owned(),
            username: "me".to_owned(),
            password: Secret::new(PASSWORD),
            ssl_enabled: true,
            ssl_reject_unauthorized: true,
            ssl_certificate: None,
        },
    }
}

fn connection() -> String {
    format!(
        r#"{{"id":"{ID}","name":"main","app":"postgres","method":"username-and-password","orgId":"o","credentials":{{
        "host":"db.test","port":5432,"database":"app","username":"me","sslEnabled":true,"sslRejectUnauthorized":true}}}}"#
    )
}

/// With a project, which may be null.
fn connection_in(project: Option<&str>) -> String {
    let mut connection: serde_json::Value = serde_json::from_str(&connection()).unwrap();
    connection["projectId"] = serde_json::json!(project);
    connection.to_string()
}

fn one() -> Act {
    json(200, &format!(r#"{{"appConnection":{}}}"#, connection()))
}

fn logged_in(expires_in: &str) -> Act {
    json(200, &format!(r#"{{"accessToken":"{TOKEN}","expiresIn":{expires_in},"tokenType":"Bearer"}}"#))
}

fn own(status: u16, name: &str, message: &str) -> Act {
    let body = serde_json::json!({"reqId": "req-1", "statusCode": status, "error": name, "message": message});
    json(status, &body.to_string())
}

fn is_login(request: &str) -> bool {
    request.starts_with("POST /api/v1/auth/universal-auth/login ")
}

#[tokio::test]
async fn sends_requests_as_the_contract_describes() {
    let server = Server::start(|request, _| match request.split(' ').next() {
        Some("GET") if request.starts_with("GET /api/v1/app-connections/postgres?") => {
            let row = connection_in(Some("p1"));
            let other = row.replace(ID, "11111111-1111-4111-8111-111111111111");
            json(200, &format!(r#"{{"appConnections":[{row},{other}]}}"#))
        }
        Some("GET") if request.contains("a%2Fb%3Fc") => {
            let row = connection_in(Some("p 1&x=y")).replace("main", "a/b?c");
            json(200, &format!(r#"{{"appConnection":{row}}}"#))
        }
        _ => one(),
    })
    .await;
    let mut settings = settings(&format!("{}/api/", server.base()), token());
    settings.headers = vec![Header::parse("X-Team", Secret::new(HEADER)).unwrap()];
    settings.user_agent = "ours/1".to_owned();
    let client = Client::new(settings);

    let change = ConnectionUpdate { description: Patch::Clear, ..ConnectionUpdate::default() };
    client.create(&new_connection()).await.unwrap();
    client.read(&ID.to_uppercase()).await.unwrap();
    client.find_by_name("a/b?c", Some("p 1&x=y")).await.unwrap();
    client.find_by_name("main", None).await.unwrap();
    client.update(ID, &change).await.unwrap();
    assert_eq!(client.delete(ID).await.unwrap(), Deleted::Deleted);
    assert_eq!(client.list(Some("p1")).await.unwrap().connections.len(), 2);
    assert!(client.find_by_name("..", None).await.unwrap().is_none());
    assert!(matches!(client.read("../x").await, Err(Error { kind: ErrorKind::InvalidId(_), .. })));

    let created = concat!(
        r#"{"name":"main","method":"username-and-password","credentials":{"host":"db.test","port":5432,"#,
        r#""database":"app","username":"me","password":"the-password","sslEnabled":true,"sslRejectUnauthorized":true}}"#
    );
    let expected = [
        ("POST /api/v1/app-connections/postgres".to_owned(), created),
        (format!("GET /api/v1/app-connections/postgres/{ID}"), ""),
        ("GET /api/v1/app-connections/postgres/connection-name/a%2Fb%3Fc?projectId=p+1%26x%3Dy".to_owned(), ""),
        ("GET /api/v1/app-connections/postgres/connection-name/main".to_owned(), ""),
        (format!("PATCH /api/v1/app-connections/postgres/{ID}"), r#"{"description":null}"#),
        (format!("DELETE /api/v1/app-connections/postgres/{ID}"), ""),
        ("GET /api/v1/app-connections/postgres?projectId=p1".to_owned(), ""),
    ];
    let requests = server.requests();
    assert_eq!(requests.len(), expected.len());
    for (request, (line, body)) in requests.iter().zip(expected) {
        let (head, sent) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.lines().next().unwrap(), format!("{line} HTTP/1.1"));
        assert_eq!(sent, body, "{line}");
        assert_eq!(head.contains("content-type: application/json"), !body.is_empty(), "{head}");
        assert_eq!(head.contains("content-length"), !body.is_empty(), "{head}");
        for header in ["authorization: Bearer the-access-token", "user-agent: ours/1", "x-team: the-header-value"] {
            assert!(head.contains(header), "{header} in {head}");
        }
    }
}

#[tokio::test]
async fn only_the_kms_itself_can_return_not_found() {
    let missing = |id: &'static str, name: &'static str| {
        move |request: &str| {
            let text = if request.contains("connection-name") { format!("name {name}") } else { format!("ID {id}") };
            own(404, "NotFound", &format!("Could not find App Connection with {text}"))
        }
    };
    const OTHER: &str = "11111111-1111-4111-8111-111111111111";
    for (answer, gone) in [
        (Box::new(missing(ID, "x in project scope.")) as Box<dyn Fn(&str) -> Act + Send>, true),
        (Box::new(missing(ID, "x")), true),
        // A cache that ignores the path.
        (Box::new(missing(OTHER, "xy in project scope.")), false),
        (Box::new(missing("", "")), false),
        (Box::new(|_| own(404, "NotFound", "Project with x not found")), false),
        (Box::new(|_| html(404, "<h1>not here</h1>")), false),
        (Box::new(|_| json(404, r#"{"message":"Route not found","error":"Not Found","statusCode":404}"#)), false),
        (Box::new(|_| html(200, "<h1>log in to the hotel's network</h1>")), false),
        (Box::new(|_| json(200, "{}")), false),
        (Box::new(|_| json(200, "[[[")), false),
    ] {
        let server = Server::start(move |request, _| answer(request)).await;
        let client = client(&server, token());
        assert_eq!(matches!(client.read(ID).await, Ok(None)), gone);
        assert_eq!(matches!(client.find_by_name("x", None).await, Ok(None)), gone);
        assert_eq!(matches!(client.delete(ID).await, Ok(Deleted::WasGone)), gone);
        let error = client.update(ID, &ConnectionUpdate::default()).await.unwrap_err();
        assert_eq!(matches!(&error.kind, ErrorKind::ConnectionNotFound), gone, "{error:?}");
        assert!(error.to_string().contains(client.host()), "{error}");
        if !gone {
            assert!(client.read(ID).await.is_err() && client.delete(ID).await.is_err());
        }
    }
}

#[tokio::test]
async fn distinguishes_every_transport_failure() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"app";
    for (act, expected) in [
        (Act::Bytes(Vec::new()), TransportFailure::Cut),
        (Act::Bytes(b"HTTP/1.1 20".to_vec()), TransportFailure::Cut),
        (Act::Bytes(head.as_bytes().to_vec()), TransportFailure::Cut),
        (Act::Reset(Vec::new()), TransportFailure::Reset),
        (Act::Reset(head.as_bytes().to_vec()), TransportFailure::Reset),
        (Act::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), TransportFailure::NotHttp),
        (Act::Hang, TransportFailure::Timeout),
        (Act::Trickle, TransportFailure::Timeout),
    ] {
        let name = format!("{act:?}");
        let mut act = Some(act);
        let server = Server::start(move |_, _| act.take().unwrap()).await;
        let mut settings = settings(&server.base(), token());
        if expected == TransportFailure::Timeout {
            settings.request_timeout = Duration::from_millis(300);
        }
        let error = Client::new(settings).create(&new_connection()).await.unwrap_err();
        let ErrorKind::NoResponse { failure, sent: true, .. } = &error.kind else { panic!("{name}: {error:?}") };
        assert_eq!(*failure, expected, "{name}");
        assert!(error.may_have_run() && error.to_string().contains("POST /api/v1/app-connections/postgres"));
        assert_eq!(server.requests().len(), 1, "nothing is repeated: {name}");
    }
}

#[tokio::test]
async fn request_never_sent_cannot_have_run() {
    let client = Client::new(settings(&format!("http://127.0.0.1:{}", closed_port().await), token()));
    let error = client.create(&new_connection()).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::ConnectRefused, sent: false, .. }),
        "{error:?}"
    );
    assert!(!error.may_have_run());

    let server = Server::start(|_, _| one()).await;
    let client = Client::new(settings(&server.base(), AuthRequest::token(Secret::new("a\nb"))));
    let error = client.create(&new_connection()).await.unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::Settings(_)) && !error.may_have_run(), "{error:?}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn limits_size_of_endless_response() {
    for status in [200, 404, 500] {
        let server = Server::start(move |_, _| Act::Endless(status)).await;
        let client = client(&server, token());
        let read = client.read(ID).await.unwrap_err();
        let list = client.list(None).await.unwrap_err();
        match (status, &read.kind, &list.kind) {
            (200, ErrorKind::Unexpected(short), ErrorKind::Unexpected(long)) => {
                assert_eq!(
                    (&short.mismatch, &long.mismatch),
                    (&Mismatch::TooLong(1 << 20), &Mismatch::TooLong(64 << 20))
                );
            }
            (404, ErrorKind::Unexpected(_), ErrorKind::Unexpected(_)) => {}
            (500, ErrorKind::BadGateway(_), ErrorKind::BadGateway(_)) => {}
            other => panic!("{other:?}"),
        }
        assert!(read.to_string().len() < 600, "{read}");
    }
}

#[tokio::test]
async fn does_not_follow_redirects() {
    let other = Server::start(|_, _| one()).await;
    let target = other.base();
    let server = Server::start(move |_, _| {
        let head =
            format!("HTTP/1.1 308 Permanent Redirect\r\nlocation: {target}/x?secret=y\r\ncontent-length: 0\r\n\r\n");
        Act::Bytes(head.into_bytes())
    })
    .await;
    let error = client(&server, universal()).create(&new_connection()).await.unwrap_err();
    let ErrorKind::Redirected { target, status: 308, .. } = &error.kind else { panic!("{error:?}") };
    assert_eq!(format!("http://{target}"), other.base());
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}

#[tokio::test]
async fn errors_contain_no_secret() {
    let secrets = [CLIENT_SECRET, TOKEN, PASSWORD, HEADER];
    let all = secrets.join(" ");
    let texts: [fn(&str) -> Act; 4] = [
        |all| own(400, "BadRequest", &format!("Unable to validate connection: {all}")),
        |all| own(403, all, all),
        |all| html(502, all),
        |all| {
            json(
                200,
                &format!(
                    r#"{{"appConnection":{{"id":"{ID}","name":"n","app":"a","method":"m","credentials":"{all}"}}}}"#
                ),
            )
        },
    ];
    for text in texts {
        let all = all.clone();
        let server = Server::start(move |request, _| if is_login(request) { logged_in("0") } else { text(&all) }).await;
        let mut settings = settings(&server.base(), universal());
        settings.headers = vec![Header::parse("X-Team", Secret::new(HEADER)).unwrap()];
        let error = Client::new(settings).create(&new_connection()).await.unwrap_err();
        let printed = format!("{error} {error:?}");
        assert!(printed.contains("********"), "{printed}");
        for secret in secrets {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}

#[tokio::test]
async fn adds_ca_certificate_to_the_trusted_ones() {
    let server = TlsServer::start("localhost", one).await;
    let base = server.base();

    let mut with = settings(&base, token());
    with.ca_certificates = Some(CaCertificates::parse(&server.ca).unwrap());
    assert_eq!(Client::new(with).read(ID).await.unwrap().unwrap().name, "main");

    let stranger = TlsServer::start("localhost", one).await;
    let mut wrong = settings(&base, token());
    wrong.ca_certificates = Some(CaCertificates::parse(&stranger.ca).unwrap());
    let error = Client::new(wrong).create(&new_connection()).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::UnknownAuthority, sent: false, .. }),
        "{error:?}"
    );

    let misnamed = TlsServer::start("other.test", one).await;
    let mut settings = settings(&misnamed.base(), token());
    settings.ca_certificates = Some(CaCertificates::parse(&misnamed.ca).unwrap());
    let error = Client::new(settings).create(&new_connection()).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::Tls(_), sent: false, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("other.test"), "{error}");
}

#[tokio::test]
async fn explains_tls_to_a_server_without_tls() {
    let (address, _tasks) = server::greeter(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut settings = settings(&format!("https://{address}"), token());
    settings.ca_certificates = Some(CaCertificates::parse(&TlsServer::start("localhost", one).await.ca).unwrap());
    let error = Client::new(settings).create(&new_connection()).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::Tls(_), sent: false, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn logs_one_line_per_request_without_secrets() {
    let lines = server::Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let server = Server::start(|request, _| match is_login(request) {
        true => logged_in("0"),
        false => own(400, "BadRequest", PASSWORD),
    })
    .await;
    let client = client(&server, universal());
    client.create(&new_connection()).await.unwrap_err();
    client.find_by_name("main", Some("the-project")).await.unwrap_err();

    let lines = lines.take();
    let expected = [
        ["DEBUG", "method=\"POST\"", "path=\"/api/v1/auth/universal-auth/login\"", "status=200", "duration_ms="],
        ["DEBUG", "method=\"POST\"", "path=\"/api/v1/app-connections/postgres\"", "status=400", "req_id=\"req-1\""],
        [
            "DEBUG",
            "method=\"GET\"",
            "path=\"/api/v1/app-connections/postgres/connection-name/main\"",
            "status=400",
            "req_id=",
        ],
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, parts) in lines.iter().zip(expected) {
        for part in parts {
            assert!(line.contains(part), "{part} in {line}");
        }
        for secret in [CLIENT_SECRET, TOKEN, PASSWORD, "the-project"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[tokio::test]
async fn many_requests_share_one_http_2_connection() {
    let server = server::Http2::start(&format!(r#"{{"appConnection":{}}}"#, connection())).await;
    let mut settings = settings(&server.base(), token());
    settings.ca_certificates = Some(CaCertificates::parse(&server.ca).unwrap());
    let client = Client::new(settings);
    client.read(ID).await.unwrap();
    for result in futures_util::future::join_all((0..20).map(|_| client.read(ID))).await {
        assert_eq!(result.unwrap().unwrap().id, ID);
    }
    assert_eq!(server.counts(), (1, 21), "connections and requests");
}

//! Failures that are ordered happen, as often as ordered, and show on the wire as they would in life.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Broken, Client, POSTGRES, create_body, until};
use crate::support::kms::{Fault, Kms, Options};

fn kms() -> Kms {
    Kms::start(Options { log_in: false, ..Options::default() })
}

fn names(kms: &Kms) -> Vec<Value> {
    kms.connections().iter().map(|row| row["name"].clone()).collect()
}

#[test]
fn loses_responses_before_or_after_the_effect() {
    let kms = kms();
    let client = Client::of(&kms);
    kms.clear_requests();
    let cases = [
        ("before", Fault::LostBefore, Broken::Nothing, false),
        ("after", Fault::LostAfter, Broken::Nothing, true),
        ("cut", Fault::Cut, Broken::PartOfBody, true),
    ];
    for (name, fault, seen, done) in cases {
        kms.fail("POST", POSTGRES, 1, fault);
        let broken = client.try_send("POST", POSTGRES, Some(&create_body(name))).unwrap_err();
        assert_eq!(broken, seen, "{name}");
        assert_eq!(names(&kms).contains(&json!(name)), done, "{name}");
    }
    let statuses: Vec<u16> = kms.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [0, 0, 200]);
    client.ok("POST", POSTGRES, Some(&create_body("before")));
}

#[test]
fn returns_wrong_responses() {
    let kms = kms();
    let client = Client::of(&kms);
    kms.fail("GET", POSTGRES, 2, Fault::Status(503, json!({"message": "no"})));
    kms.fail("*", "/api", 1, Fault::ExpiredToken);
    kms.fail("GET", POSTGRES, 1, Fault::Garbage);
    kms.fail("GET", POSTGRES, 1, Fault::Delay(Duration::from_millis(1)));
    let create = client.send("POST", POSTGRES, Some(&create_body("a")));
    assert_eq!((create.status, &create.body["error"]), (403, &json!("TokenError")));
    let statuses = || client.get(POSTGRES).status;
    assert_eq!([statuses(), statuses()], [503, 503]);
    let garbage = client.get(POSTGRES);
    assert_eq!((garbage.status, garbage.body), (200, Value::Null));
    assert_eq!([statuses(), statuses()], [200, 200]);
    kms.fail("GET", POSTGRES, 100, Fault::Garbage);
    kms.stop_failing();
    assert_eq!(client.get(POSTGRES).body, json!({"appConnections": []}));
}

#[test]
fn returns_stale_reads() {
    let kms = kms();
    let client = Client::of(&kms);
    let made = client.ok("POST", POSTGRES, Some(&create_body("a")))["appConnection"].clone();
    let path = format!("{POSTGRES}/{}", made["id"].as_str().unwrap());
    kms.fail("GET", POSTGRES, 1, Fault::Lagging);
    assert_eq!(client.get(&path).status, 404);
    client.ok("PATCH", &path, Some(&json!({"name": "b"})));
    kms.fail("GET", POSTGRES, 1, Fault::Lagging);
    assert_eq!(client.get(&path).body["appConnection"], made);
    assert_eq!(client.get(&path).body["appConnection"]["name"], "b");
}

#[test]
fn records_requests() {
    let kms = kms();
    let client = Client::of(&kms);
    assert_eq!(kms.requests().len(), 1);
    kms.clear_requests();
    client.get(&format!("{POSTGRES}?projectId=p"));
    client.send("POST", POSTGRES, Some(&json!({"name": 1})));
    let seen: Vec<_> = kms.requests().into_iter().map(|r| (r.method, r.path, r.query, r.body, r.status)).collect();
    let expected = [
        ("GET".to_owned(), POSTGRES.to_owned(), "projectId=p".to_owned(), Value::Null, 404),
        ("POST".to_owned(), POSTGRES.to_owned(), String::new(), json!({"name": 1}), 422),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn closed_client_connection_does_not_cancel_the_request() {
    let kms = Kms::start(Options { log_in: false, latency: Duration::from_millis(200), ..Options::default() });
    let client = Client::of(&kms);
    let body = create_body("a").to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", kms.port())).unwrap();
    let (name, token) = &client.headers[0];
    let head = format!(
        "POST {POSTGRES} HTTP/1.1\r\nhost: kms\r\n{name}: {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    until("the request", || kms.requests().len() == 2);
    drop(stream);
    until("its effect", || !kms.connections().is_empty());
}

#[test]
fn drop_ends_server_inside_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let port = runtime.block_on(async {
        let kms = kms();
        let client = Client::of(&kms);
        assert_eq!(client.get(POSTGRES).status, 200);
        kms.port()
    });
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

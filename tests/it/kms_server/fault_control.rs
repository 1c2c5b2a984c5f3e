//! Faults on request: every response that a server should not send, rules as text, and random faults by a seed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, LOGIN, POSTGRES, create_body};
use crate::support::kms::{Fault, Kms, Options, Storm};

const FAULTS: &str = "/_lab/faults";

fn kms() -> Kms {
    Kms::start(Options { log_in: false, ..Options::default() })
}

#[test]
fn returns_wrong_responses_by_name() {
    let kms = kms();
    let client = Client::of(&kms);
    client.ok("POST", POSTGRES, Some(&create_body("a")));
    let right = client.get(POSTGRES);
    let ask = |fault| {
        kms.fail("GET", POSTGRES, 1, fault);
        client.get(POSTGRES)
    };

    let page = ask(Fault::Page(404));
    assert_eq!((page.status, page.text.starts_with("<!DOCTYPE html>")), (404, true));
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    let redirect = ask(Fault::Redirect("http://elsewhere.test/".to_owned()));
    assert!(redirect.status == 307 && redirect.head.contains("location: http://elsewhere.test/"), "{}", redirect.head);
    assert_eq!(ask(Fault::Empty).text, "");
    assert_eq!(ask(Fault::Truncated).text, right.text[..right.text.len() / 2]);
    assert_eq!(ask(Fault::Drip(Duration::from_micros(1))).text, right.text);
    let wrong = ask(Fault::WrongTypes).body["appConnections"][0].clone();
    assert_eq!((&wrong["name"], &wrong["credentials"]["port"]), (&json!(1), &json!("5432")));
    let nested = ask(Fault::Nested).text;
    assert!(nested.len() == 1_000_000 && nested.bytes().all(|byte| byte == b'['));
}

#[test]
fn rate_limit_sets_retry_after_in_both_forms() {
    let kms = kms();
    let client = Client::of(&kms);
    for (fault, form) in [(Fault::RateLimit(7), "retry-after: 7\r\n"), (Fault::RateLimitUntil(7), " GMT")] {
        kms.fail("POST", POSTGRES, 1, fault);
        let limited = client.send("POST", POSTGRES, Some(&create_body("a")));
        assert_eq!((limited.status, &limited.body["error"]), (429, &json!("RateLimitExceeded")));
        for header in ["x-ratelimit-limit: 600", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 7", form] {
            assert!(format!("{}\r\n", limited.head).contains(header), "{header}: {}", limited.head);
        }
    }
    assert!(kms.connections().is_empty());
}

#[test]
fn maintenance_allows_reads_but_no_writes() {
    let kms = kms();
    let client = Client::of(&kms);
    kms.fail("*", "/api", 3, Fault::Maintenance);
    assert_eq!(client.send("POST", POSTGRES, Some(&create_body("a"))).status, 500);
    assert_eq!(client.get(POSTGRES).status, 200);
    let login = json!({"clientId": kms.client_id(), "clientSecret": kms.client_secret()});
    client.ok("POST", LOGIN, Some(&login));
    assert!(kms.connections().is_empty());
}

#[test]
fn sends_bodies_larger_than_a_client_accepts() {
    let kms = kms();
    let client = Client::of(&kms);
    let (name, token) = &client.headers[0];
    let ask = |fault, most| {
        kms.fail("GET", POSTGRES, 1, fault);
        let mut stream = TcpStream::connect(("127.0.0.1", kms.port())).unwrap();
        write!(stream, "GET {POSTGRES} HTTP/1.1\r\nhost: kms\r\nconnection: close\r\n{name}: {token}\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.take(most).read_to_end(&mut bytes).unwrap();
        bytes
    };
    const MUCH: u64 = 32 * 1024 * 1024;
    assert_eq!(ask(Fault::Endless, MUCH).len() as u64, MUCH);
    let bomb = ask(Fault::Bomb, MUCH);
    let end = bomb.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&bomb[..end]);
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(bomb.len() < 1_000_000 && bomb[end + 4..].starts_with(&[0x1f, 0x8b]));
}

#[test]
fn accepts_fault_rules_while_running() {
    let kms = kms();
    let client = Client::of(&kms);
    let lab = |method: &str, text: Option<&str>| {
        client.try_send_text(method, FAULTS, text.map(|text| ("application/x-www-form-urlencoded", text))).unwrap()
    };
    kms.clear_requests();
    let orders = "POST /api/v1/app-connections/postgres 2 lost-after\nget /api always status=503:{\"a\": 1}\n\
                  * / 1 delay=20ms\nstorm 30 4711 lost-before rate-limit=2\n";
    let listed = "POST /api/v1/app-connections/postgres 2 lost-after\nGET /api always status=503\n\
                  * / 1 delay=20ms\nstorm 30 4711 lost-before rate-limit=2\n";
    assert_eq!(lab("POST", Some(orders)).text, listed);
    assert_eq!(client.get(POSTGRES).body, json!({"a": 1}));
    client.try_send("POST", POSTGRES, Some(&create_body("a"))).unwrap_err();
    assert_eq!(lab("GET", None).text, listed.replace(" 2 lost-after", " 1 lost-after"));
    for wrong in ["POST /api 1 explode", "POST /api many cut", "GET /api 1 delay=soon", "storm 30", "storm 1 2 x"] {
        let refused = lab("POST", Some(wrong));
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
    assert_eq!(lab("DELETE", None).text, "");
    assert_eq!(client.get(POSTGRES).status, 200);
    // It is no part of the API, so nothing of it is recorded.
    assert_eq!(kms.requests().len(), 3);
}

#[test]
fn parses_every_fault_and_lists_it_unchanged() {
    let kms = kms();
    let examples = Fault::SYNTAX
        .replace("CODE[:JSON]", "503")
        .replace("CODE", "404")
        .replace("URL", "http://elsewhere.test/?a=b")
        .replace("SECONDS", "7")
        .replace("TIME", "20ms");
    let words: Vec<&str> = examples.split_whitespace().collect();
    assert!(words.len() > 20);
    let orders: String = words.iter().map(|word| format!("GET /x 1 {word}\n")).collect();
    let client = Client::of(&kms);
    let listed = client.try_send_text("POST", FAULTS, Some(("text/plain", &orders))).unwrap();
    assert_eq!(listed.text, orders);
}

#[test]
fn same_seed_draws_same_faults() {
    let storm = |percent, seed| {
        let kms = kms();
        let client = Client::of(&kms);
        kms.set_storm(Storm::new(percent, seed, vec![Fault::Page(404), Fault::Status(503, Value::Null)]));
        let statuses: Vec<u16> = (0..200).map(|_| client.get(POSTGRES).status).collect();
        let struck: usize = kms.faults_met().values().sum();
        assert_eq!(statuses.iter().filter(|status| **status != 200).count(), struck);
        (statuses, struck)
    };
    let (first, struck) = storm(30, 4711);
    assert!((40..80).contains(&struck), "{struck} of 200");
    assert!(first.contains(&404) && first.contains(&503));
    assert_eq!(storm(30, 4711).0, first);
    assert_ne!(storm(30, 4712).0, first);
    assert_eq!(storm(0, 4711).1, 0);
    assert_eq!(storm(100, 4711).1, 200);
}

/// Terraform's order of requests differs from run to run.
#[test]
fn faults_of_a_seed_do_not_depend_on_the_order_of_requests() {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let drawn = |order: &[usize]| {
        let kms = kms();
        let client = Client::of(&kms);
        let ids = NAMES.map(|name| {
            let created = client.ok("POST", POSTGRES, Some(&create_body(name)));
            created["appConnection"]["id"].as_str().unwrap().to_owned()
        });
        kms.set_storm(Storm::new(50, 4711, vec![Fault::Page(404), Fault::Status(503, Value::Null)]));
        let mut statuses = NAMES.map(|_| Vec::new());
        for &index in order {
            statuses[index].push(client.get(&format!("{POSTGRES}/{}", ids[index])).status);
        }
        let created =
            NAMES.map(|name| client.send("POST", POSTGRES, Some(&create_body(&format!("new-{name}")))).status);
        (statuses, created)
    };
    let in_turn: Vec<usize> = (0..30).map(|request| request % 6).collect();
    let one_by_one: Vec<usize> = (0..30).map(|request| 5 - request / 5).collect();
    let (statuses, created) = drawn(&in_turn);
    assert_eq!(drawn(&one_by_one), (statuses.clone(), created));
    assert!(statuses.iter().any(|other| *other != statuses[0]), "each connection has its own faults: {statuses:?}");
}

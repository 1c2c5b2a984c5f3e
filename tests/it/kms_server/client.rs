//! A small HTTP client that shows connections that end without a response or within one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::kms::Kms;

/// The path of PostgreSQL connections.
pub(super) const POSTGRES: &str = "/api/v1/app-connections/postgres";
pub(super) const LOGIN: &str = "/api/v1/auth/universal-auth/login";

/// A response.
#[derive(Debug)]
pub(super) struct ServiceError {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Value,
    pub(super) text: String,
}

/// How a request ended without a complete response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Nothing,
    PartOfBody,
}

/// A client with a token.
pub(super) struct Client {
    port: u16,
    pub(super) headers: Vec<(String, String)>,
}

impl Client {
    /// Logs in.
    pub(super) fn of(kms: &Kms) -> Self {
        let mut client = Self::without_token(kms);
        let body = json!({"clientId": kms.client_id(), "clientSecret": kms.client_secret()});
        let answer = client.ok("POST", LOGIN, Some(&body));
        client.set_token(answer["accessToken"].as_str().unwrap());
        client
    }

    pub(super) fn without_token(kms: &Kms) -> Self {
        Self { port: kms.port(), headers: Vec::new() }
    }

    /// The same client at another port: a proxy's.
    pub(super) fn through(self, port: u16) -> Self {
        Self { port, ..self }
    }

    pub(super) fn set_token(&mut self, token: &str) {
        self.set("authorization", &format!("Bearer {token}"));
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn get(&self, path: &str) -> ServiceError {
        self.send("GET", path, None)
    }

    /// Sends a request, and expects a response.
    pub(super) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> ServiceError {
        self.try_send(method, path, body).unwrap_or_else(|broken| panic!("{method} {path}: {broken:?}"))
    }

    /// Sends a request that must succeed, and returns the body.
    pub(super) fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.send(method, path, body);
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text);
        reply.body
    }

    pub(super) fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<ServiceError, Broken> {
        let typed = body.map(|body| ("application/json", body.to_string()));
        self.try_send_text(method, path, typed.as_ref().map(|(kind, text)| (*kind, text.as_str())))
    }

    /// The same with any body and its content type.
    pub(super) fn try_send_text(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &str)>,
    ) -> Result<ServiceError, Broken> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: kms\r\nconnection: close\r\n");
        for (name, value) in &self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        match body {
            Some((kind, text)) => {
                request += &format!("content-type: {kind}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            }
            None => request += "\r\n",
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut answer = Vec::new();
        // A reset is an end, too, and may come before all is sent.
        let _sent = stream.write_all(request.as_bytes());
        let _end = stream.read_to_end(&mut answer);
        parse(&String::from_utf8(answer).unwrap())
    }
}

fn parse(answer: &str) -> Result<ServiceError, Broken> {
    let (head, text) = answer.split_once("\r\n\r\n").ok_or(Broken::Nothing)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>();
    if text.len() < length.unwrap() {
        return Err(Broken::PartOfBody);
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(text).unwrap_or_default();
    Ok(ServiceError { status, head: head.to_owned(), body, text: text.to_owned() })
}

/// Waits for something that must come; half a minute without it is a failure.
#[track_caller]
pub(super) fn until(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !come() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The body of a create request that is in order, for a server that does not log in.
pub(super) fn create_body(name: &str) -> Value {
    json!({
        "name": name,
        "method": "username-and-password",
        "credentials": {
            "host": "db.example.com", "port": 5432, "database": "orders", "username": "app", "password": "s3cret",
            "sslEnabled": true, "sslRejectUnauthorized": true,
        },
    })
}

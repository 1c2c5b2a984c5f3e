//! What a failure means: whether the request ran, which object the response is about, and which other calls it affects.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json as value;
use terraform_provider_kms::kms::{
    Client, ConnectionUpdate, Deadline, Error, ErrorKind, GiveUpReason, Mismatch, Settings, TransportFailure,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::server::{Act, Http2, Refuse, Server, html, json};
use super::{
    ID, client, connection, connection_in, is_login, logged_in, new_connection, one, own, settings, token, universal,
};

const OTHER: &str = "11111111-1111-4111-8111-111111111111";

fn limited() -> Act {
    let body = r#"{"reqId":"r","statusCode":429,"message":"Rate limit exceeded","error":"RateLimitExceeded"}"#;
    let head = format!("HTTP/1.1 429 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    Act::Bytes(format!("{head}retry-after: 2\r\nconnection: close\r\n\r\n{body}").into_bytes())
}

fn about_another(error: &Error) -> bool {
    matches!(&error.kind, ErrorKind::Unexpected(response) if matches!(response.mismatch, Mismatch::OtherObject(_)))
}

#[tokio::test]
async fn rejects_response_about_another_object() {
    let other = |field: &str, new: &str| {
        let mut connection: serde_json::Value = serde_json::from_str(&connection()).unwrap();
        connection[field] = value!(new);
        value!({ "appConnection": connection }).to_string()
    };
    let in_project = |project: &str| {
        let mut new = new_connection();
        new.project_id = Some(project.to_owned());
        new
    };
    let server = |body: String| Server::start(move |_, _| json(200, &body));
    for id in [OTHER, "1", "", "not-a-uuid"] {
        let server = server(other("id", id)).await;
        let client = client(&server, token());
        assert!(about_another(&client.read(ID).await.unwrap_err()), "{id}");
        assert!(about_another(&client.delete(ID).await.unwrap_err()), "{id}");
        let error = client.update(ID, &ConnectionUpdate::default()).await.unwrap_err();
        assert!(about_another(&error) && error.may_have_run(), "{id}");
        assert!(error.to_string().contains("about another object"), "{error}");
    }
    for (field, text) in [("name", "other"), ("projectId", OTHER), ("id", "1")] {
        let server = server(other(field, text)).await;
        let client = client(&server, token());
        assert!(about_another(&client.find_by_name("main", None).await.unwrap_err()), "{field}");
        let error = client.create(&new_connection()).await.unwrap_err();
        assert!(about_another(&error) && error.may_have_run(), "{field}");
    }
    // A connection of the organisation is none of a project; an old service that knows no projects makes all of them there.
    for row in [connection_in(None), connection()] {
        let server = server(format!(r#"{{"appConnection":{row}}}"#)).await;
        let client = client(&server, token());
        assert!(about_another(&client.find_by_name("main", Some(OTHER)).await.unwrap_err()));
        assert!(about_another(&client.create(&in_project(OTHER)).await.unwrap_err()));
    }
    // One spelling of an id.
    let upper = server(other("id", &ID.to_uppercase())).await;
    assert_eq!(client(&upper, token()).read(ID).await.unwrap().unwrap().id, ID);
    let upper = server(other("projectId", &OTHER.to_uppercase())).await;
    assert!(client(&upper, token()).find_by_name("main", Some(OTHER)).await.unwrap().is_some());
}

#[tokio::test]
async fn omits_untrusted_rows_of_a_list() {
    let (good, twice) = (connection(), connection().replace(ID, OTHER));
    let body = format!(r#"{{"appConnections":[{twice},{good},{{"id":7}},{twice},"x"]}}"#);
    let server = Server::start(move |_, _| json(200, &body)).await;
    let list = client(&server, token()).list(None).await.unwrap();
    let ids: Vec<_> = list.connections.iter().map(|connection| connection.id.as_str()).collect();
    assert_eq!((ids.as_slice(), list.unreadable), (&[ID][..], 4));

    // The list of another scope, from a cache that ignores the query.
    let own = connection_in(Some("p1")).replace(ID, OTHER);
    let body = format!(r#"{{"appConnections":[{},{own}]}}"#, connection_in(None));
    let server = Server::start(move |_, _| json(200, &body)).await;
    let list = client(&server, token()).list(Some("p1")).await.unwrap();
    let ids: Vec<_> = list.connections.iter().map(|connection| connection.id.as_str()).collect();
    assert_eq!((ids.as_slice(), list.unreadable), (&[OTHER][..], 1));
}

#[tokio::test]
async fn lost_authentication_leaves_the_write_unsent() {
    let acts: [fn() -> Act; 4] = [
        || Act::Reset(Vec::new()),
        || html(502, "proxy"),
        || own(500, "InternalServerError", "Something went wrong"),
        || html(200, "no JSON"),
    ];
    for act in acts {
        let server = Server::start(move |_, _| act()).await;
        let error = client(&server, universal()).create(&new_connection()).await.unwrap_err();
        assert!(!error.may_have_run(), "{error:?}");
        assert!(error.to_string().contains("was not sent, because the authentication before it failed"), "{error}");
        assert!(server.requests().iter().all(|request| is_login(request)));
    }
    // The same for the login that replaces a token.
    let server = Server::start(|request, count| match count {
        0 => logged_in("3600"),
        _ if is_login(request) => Act::Reset(Vec::new()),
        _ => own(403, "TokenError", "jwt expired"),
    })
    .await;
    let error = client(&server, universal()).create(&new_connection()).await.unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::AuthFailed { .. }) && !error.may_have_run(), "{error:?}");
}

#[tokio::test]
async fn rejected_fresh_token_ends_authentication_for_all() {
    let refuses = |request: &str, _| {
        if is_login(request) { logged_in("3600") } else { own(401, "UnauthorizedError", "not from this address") }
    };
    let server = Server::start(refuses).await;
    let client = client(&server, universal());
    for _ in 0..20 {
        assert!(matches!(client.read(ID).await, Err(Error { kind: ErrorKind::AuthRefused { .. }, .. })));
    }
    let requests = server.requests();
    let logins = requests.iter().filter(|request| is_login(request)).count();
    assert_eq!((logins, requests.len()), (2, 4));
    for result in join_all((0..20).map(|_| client.read(ID))).await {
        assert!(matches!(result, Err(Error { kind: ErrorKind::AuthRefused { .. }, .. })));
    }
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn deadline_of_one_caller_does_not_fail_another() {
    let server = Server::start(|request, count| match count {
        0 => limited(),
        _ if is_login(request) => logged_in("3600"),
        _ => one(),
    })
    .await;
    let settings = Settings { max_retries: 3, ..settings(&server.base(), universal()) };
    let client = Client::new(settings);
    let end = Instant::now() + Duration::from_secs(1);
    let early = client.within(Deadline::new(end, CancellationToken::new()));
    let (short, long) = tokio::join!(early.read(ID), client.read(ID));
    let error = short.unwrap_err();
    assert!(error.is_give_up() && !error.may_have_run(), "{error:?}");
    assert!(
        matches!(&error.kind, ErrorKind::GaveUp { reason: GiveUpReason::TooLong(_), .. } | ErrorKind::NotSent(_)),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("Rate limit exceeded") || matches!(&error.kind, ErrorKind::NotSent(_)),
        "{error}"
    );
    assert_eq!(long.unwrap().unwrap().id, ID);
}

#[tokio::test]
async fn failed_write_does_not_end_an_outage() {
    let acts: [fn() -> Act; 3] =
        [|| own(503, "X", "Something went wrong"), || html(502, "proxy"), || html(403, "proxy: not now")];
    for act in acts {
        let of_write = move |request: &str, _| {
            if request.starts_with("POST") { act() } else { own(503, "X", "Something went wrong") }
        };
        let server = Server::start(of_write).await;
        let settings =
            Settings { max_retries: 3, first_pause: Duration::from_millis(1), ..settings(&server.base(), token()) };
        let client = Client::new(settings);
        client.read(ID).await.unwrap_err();
        assert_eq!(server.requests().len(), 4);
        client.create(&new_connection()).await.unwrap_err();
        client.read(ID).await.unwrap_err();
        assert_eq!(server.requests().len(), 6, "one try each, while the service is away");
    }
}

#[tokio::test]
async fn http_2_distinguishes_unprocessed_requests() {
    for refuse in [Refuse::Stream, Refuse::GoAway] {
        let server = Http2::start_refusing(&format!(r#"{{"appConnection":{}}}"#, connection()), refuse, 2).await;
        let mut settings = Settings { max_retries: 3, ..settings(&server.base(), token()) };
        settings.first_pause = Duration::from_millis(1);
        settings.ca_certificates = Some(terraform_provider_kms::kms::CaCertificates::parse(&server.ca).unwrap());
        let client = Client::new(settings.clone());
        assert_eq!(client.create(&new_connection()).await.unwrap().id, ID, "{refuse:?}");
        assert_eq!(server.counts().1, 1, "{refuse:?}: run once");

        let server = Http2::start_refusing("{}", refuse, 100).await;
        let mut settings = super::settings(&server.base(), token());
        settings.ca_certificates = Some(terraform_provider_kms::kms::CaCertificates::parse(&server.ca).unwrap());
        let error = Client::new(settings).create(&new_connection()).await.unwrap_err();
        assert!(
            matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::NotProcessed, sent: false, .. }),
            "{refuse:?}: {error:?}"
        );
    }
}

/// What ends otherwise may have been run: the stream was reset for another reason, or the GOAWAY names it as processed.
#[tokio::test]
async fn other_http_2_requests_may_have_run() {
    for refuse in [Refuse::Internal, Refuse::GoAwayAfter] {
        let server = Http2::start_refusing("{}", refuse, 100).await;
        let mut settings = Settings { max_retries: 3, ..settings(&server.base(), token()) };
        settings.first_pause = Duration::from_millis(1);
        settings.ca_certificates = Some(terraform_provider_kms::kms::CaCertificates::parse(&server.ca).unwrap());
        let error = Client::new(settings).create(&new_connection()).await.unwrap_err();
        assert!(matches!(&error.kind, ErrorKind::NoResponse { sent: true, .. }), "{refuse:?}: {error:?}");
        assert_eq!(server.counts().0, 1, "{refuse:?}: not repeated");
    }
}

//! What is repeated, how often, and when not.

use std::time::{Duration, Instant};

use terraform_provider_kms::kms::{
    Client, ConnectionUpdate, Deadline, ErrorKind, GiveUpReason, Settings, TransportFailure,
};
use tokio_util::sync::CancellationToken;

use super::server::{Act, Server, closed_port, html};
use super::{ID, is_login, logged_in, new_connection, one, own, settings, token, universal};

/// Three repetitions without waits to speak of.
fn eager(base: &str) -> Settings {
    Settings { max_retries: 3, first_pause: Duration::from_millis(1), ..settings(base, token()) }
}

fn limited(headers: &str) -> Act {
    let body = r#"{"reqId":"r","statusCode":429,"message":"Rate limit exceeded","error":"RateLimitExceeded"}"#;
    let length = body.len();
    let head = format!("HTTP/1.1 429 X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}");
    Act::Bytes(format!("{head}connection: close\r\n\r\n{body}").into_bytes())
}

fn unavailable() -> Act {
    own(503, "X", "Something went wrong")
}

/// Makes the same response again and again.
type Make = fn() -> Act;

#[tokio::test]
async fn retries_reads_and_only_writes_that_did_not_run() {
    let cut = || Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"app".to_vec());
    // How often a read and how often a write is sent when it always ends so.
    let table: [(Make, usize, usize); 15] = [
        (|| limited(""), 4, 4),
        (|| limited("retry-after: 0\r\n"), 4, 4),
        (|| own(500, "InternalServerError", "Something went wrong"), 4, 1),
        (|| html(502, "proxy"), 4, 1),
        (unavailable, 4, 1),
        (|| own(504, "GatewayTimeoutError", "x"), 4, 1),
        (|| Act::Reset(Vec::new()), 4, 1),
        (|| Act::Bytes(Vec::new()), 4, 1),
        (cut, 4, 1),
        (|| Act::Hang, 2, 1),
        (|| own(400, "BadRequest", "x"), 1, 1),
        (|| own(403, "PermissionDenied", "x"), 1, 1),
        (|| html(404, "x"), 1, 1),
        (|| html(200, "x"), 1, 1),
        (|| Act::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), 1, 1),
    ];
    for (row, (act, reads, writes)) in table.into_iter().enumerate() {
        for (expected, is_read) in [(reads, true), (writes, false)] {
            let server = Server::start(move |_, _| act()).await;
            let hangs = matches!(act(), Act::Hang);
            let request_timeout = if hangs { Duration::from_secs(1) } else { Duration::from_secs(60) };
            let client = Client::new(Settings { request_timeout, ..eager(&server.base()) });
            let error = match is_read {
                true => client.read(ID).await.unwrap_err(),
                false => client.create(&new_connection()).await.unwrap_err(),
            };
            assert_eq!(server.requests().len(), expected, "row {row}, read: {is_read}: {error}");
            let tried = format!("(attempt {expected})");
            assert_eq!(error.to_string().contains(&tried), expected > 1, "{error}");
        }
    }
}

#[tokio::test]
async fn temporary_failures_stay_invisible() {
    let server = Server::start(|request, count| match (is_login(request), count) {
        (_, 0) => Act::Reset(Vec::new()),
        (_, 1) => unavailable(),
        (true, _) => logged_in("3600"),
        (false, 3..6) => limited(""),
        (false, _) => one(),
    })
    .await;
    let client = Client::new(Settings { auth: universal(), ..eager(&server.base()) });
    assert_eq!(client.create(&new_connection()).await.unwrap().id, ID);
    let logins = server.requests().iter().filter(|request| is_login(request)).count();
    assert_eq!((logins, server.requests().len()), (3, 7));
}

#[tokio::test]
async fn zero_retries_means_none() {
    let server = Server::start(|_, _| limited("")).await;
    let client = Client::new(Settings { max_retries: 0, ..eager(&server.base()) });
    client.read(ID).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn host_that_never_responded_gets_fewer_attempts() {
    let server = Server::start(|_, _| one()).await;
    let base = server.base();
    let client = Client::new(eager(&base));
    client.read(ID).await.unwrap();
    drop(server);
    let error = client.create(&new_connection()).await.unwrap_err();
    let ErrorKind::NoResponse { call, failure: TransportFailure::ConnectRefused, sent: false } = &error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(call.attempt, 4, "it was there before");

    let client = Client::new(eager(&format!("http://127.0.0.1:{}", closed_port().await)));
    let error = client.create(&new_connection()).await.unwrap_err();
    let ErrorKind::NoResponse { call, failure: TransportFailure::ConnectRefused, sent: false } = &error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(call.attempt, 3);
}

#[tokio::test]
async fn waits_once_for_a_stopped_kms() {
    let server = Server::start(|_, count| if count < 6 || count == 7 { unavailable() } else { one() }).await;
    let client = Client::new(eager(&server.base()));
    let mut counts = Vec::new();
    for _ in 0..5 {
        let before = server.requests().len();
        let ended = client.read(ID).await.is_ok();
        counts.push((server.requests().len() - before, ended));
    }
    // Down for good; still down, twice; up again; and then a failure that passes is one like any other.
    assert_eq!(counts, [(4, false), (1, false), (1, false), (1, true), (2, true)]);
}

#[tokio::test]
async fn wait_ends_with_the_run_and_with_the_operation() {
    let server = Server::start(|_, _| limited("retry-after: 100\r\n")).await;
    let stop = CancellationToken::new();
    let client = Client::new(eager(&server.base()));
    let later = || (Instant::now() + Duration::from_secs(1000)).into();
    let waiting = client.within(Deadline::new(later(), stop.clone()));
    let begin = Instant::now();
    let create = tokio::spawn(async move { waiting.create(&new_connection()).await.unwrap_err() });
    server.saw(1).await;
    stop.cancel();
    let error = create.await.unwrap();
    assert!(matches!(&error.cause().kind, ErrorKind::RateLimited { retry_after: Some(_), .. }), "{error:?}");

    // The next request would wait for the same time, which is after its deadline: it fails at once.
    let hurried = client.within(Deadline::new((begin + Duration::from_secs(60)).into(), CancellationToken::new()));
    let error = hurried.create(&new_connection()).await.unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::NotSent(GiveUpReason::TooLong(_))) && !error.may_have_run(), "{error:?}");
    let stopped = client.within(Deadline::new(later(), stop));
    let error = stopped.create(&new_connection()).await.unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::NotSent(GiveUpReason::Stopped)) && !error.may_have_run(), "{error:?}");
    assert!(hurried.read(ID).await.is_err(), "reads have a window of their own, and are refused in it");
    assert_eq!(server.requests().len(), 2);
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn makes_no_retry_after_the_deadline() {
    let server = Server::start(|_, _| {
        let head = "HTTP/1.1 503 X\r\nretry-after: 100\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        Act::Bytes(head.as_bytes().to_vec())
    })
    .await;
    let client = Client::new(eager(&server.base()));
    let hurried = client.within(Deadline::new((Instant::now() + Duration::from_secs(60)).into(), Default::default()));
    let error = hurried.read(ID).await.unwrap_err();
    assert!(matches!(&error.cause().kind, ErrorKind::BadGateway(_)), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn waits_for_retry_after() {
    let date = || httpdate(Duration::from_secs(2));
    let table: [(&str, Make); 4] = [
        ("seconds", || limited("retry-after: 1\r\n")),
        ("the end of its window", || limited("x-ratelimit-reset: 1\r\n")),
        ("its words", || own(429, "RateLimitExceeded", "Rate limit exceeded. Please try again in 1 seconds")),
        ("of a failure", || {
            let head = "HTTP/1.1 503 X\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            Act::Bytes(head.as_bytes().to_vec())
        }),
    ];
    for (form, act) in table {
        let server = Server::start(move |_, count| if count == 0 { act() } else { one() }).await;
        let begin = Instant::now();
        Client::new(eager(&server.base())).read(ID).await.unwrap();
        assert!(begin.elapsed() >= Duration::from_secs(1), "{form}");
    }
    let server = Server::start(
        move |_, count| if count == 0 { limited(&format!("retry-after: {}\r\n", date())) } else { one() },
    )
    .await;
    let begin = Instant::now();
    Client::new(eager(&server.base())).read(ID).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(900), "a date");
}

/// A date in the form of HTTP, so far in the future.
fn httpdate(ahead: Duration) -> String {
    let date = time::OffsetDateTime::now_utc() + ahead;
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    date.format(format).unwrap()
}

#[tokio::test]
async fn slows_down_before_the_rate_limit() {
    // Two reads in each window of one second.
    let begin = Instant::now();
    let server = Server::start({
        let mut seen = std::collections::HashMap::<u64, u32>::new();
        move |_, _| {
            let window = begin.elapsed().as_secs();
            let count = seen.entry(window).or_default();
            *count += 1;
            if *count > 2 {
                return limited("retry-after: 1\r\n");
            }
            let (left, body) = (2 - *count, format!(r#"{{"appConnection":{}}}"#, super::connection()));
            let head = format!(
                "HTTP/1.1 200 OK\r\nx-ratelimit-limit: 2\r\nx-ratelimit-remaining: {left}\r\nx-ratelimit-reset: \
                 1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            Act::Bytes(head.into_bytes())
        }
    })
    .await;
    let client = Client::new(settings(&server.base(), token()));
    for _ in 0..5 {
        client.read(ID).await.unwrap();
    }
    assert_eq!(server.requests().len(), 5, "none was refused");
}

#[tokio::test]
async fn stays_below_the_configured_rate() {
    let server = Server::start(|_, _| one()).await;
    let client = Client::new(Settings { max_requests_per_minute: Some(2), ..eager(&server.base()) });
    let hurried = client.within(Deadline::new((Instant::now() + Duration::from_secs(5)).into(), Default::default()));
    for _ in 0..2 {
        hurried.read(ID).await.unwrap();
        hurried.update(ID, &ConnectionUpdate::default()).await.unwrap();
    }
    for error in
        [hurried.read(ID).await.unwrap_err(), hurried.update(ID, &ConnectionUpdate::default()).await.unwrap_err()]
    {
        assert!(matches!(&error.kind, ErrorKind::NotSent(GiveUpReason::TooLong(_))), "{error:?}");
    }
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn logs_a_long_wait_once() {
    let lines = super::server::Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let server = Server::start(|_, _| limited("retry-after: 100\r\n")).await;
    let stop = CancellationToken::new();
    let client = Client::new(eager(&server.base()));
    let waiting = client.within(Deadline::new((Instant::now() + Duration::from_secs(1000)).into(), stop.clone()));
    tokio::join!(
        async { waiting.read(ID).await.unwrap_err() },
        async { waiting.update(ID, &ConnectionUpdate::default()).await.unwrap_err() },
        async {
            server.saw(2).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            stop.cancel();
        }
    );
    let told: Vec<_> = lines.take().into_iter().filter(|line| line.starts_with("INFO")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("why=\"the KMS allows no more requests in this minute\""), "{told:#?}");
}

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn allowance(limit: u32, left: u32, resets_in: u64) -> Allowance {
    Allowance { limit, left, resets_in: seconds(resets_in) }
}

/// How long each of some requests in a row waits for its permit, in whole seconds; each gets a response at once.
async fn waits(limiter: &RateLimiter, class: RequestClass, count: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    for _ in 0..count {
        let begin = Instant::now();
        drop(limiter.permit(class, &Deadline::default()).await.unwrap());
        waits.push(begin.elapsed().as_secs());
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn own_limit_holds_in_any_minute_for_reads_and_writes_apart() {
    let limiter = RateLimiter::new(Some(2));
    assert_eq!(waits(&limiter, RequestClass::Read, 1).await, [0]);
    tokio::time::sleep(seconds(20)).await;
    assert_eq!(waits(&limiter, RequestClass::Read, 4).await, [0, 40, 20, 40]);
    assert_eq!(waits(&limiter, RequestClass::Write, 2).await, [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn waits_only_with_a_limit() {
    let limiter = RateLimiter::new(None);
    assert!(waits(&limiter, RequestClass::Read, 1000).await.iter().all(|wait| *wait == 0));
}

#[tokio::test(start_paused = true)]
async fn learns_the_limit_from_responses() {
    let limiter = RateLimiter::new(None);
    limiter.permit(RequestClass::Read, &Deadline::default()).await.unwrap().learn(allowance(3, 2, 30));
    // Two are left in this window, three in each that follows.
    assert_eq!(waits(&limiter, RequestClass::Read, 9).await, [0, 0, 30, 0, 0, 60, 0, 0, 60]);
    assert_eq!(waits(&limiter, RequestClass::Write, 9).await, [0; 9], "writes are counted apart");
}

#[tokio::test(start_paused = true)]
async fn counts_requests_in_flight() {
    let limiter = RateLimiter::new(None);
    let deadline = Deadline::default();
    let mut permits = Vec::new();
    for _ in 0..4 {
        permits.push(limiter.permit(RequestClass::Read, &deadline).await.unwrap());
    }
    // The service has seen one of the four.
    permits.pop().unwrap().learn(allowance(60, 4, 50));
    assert_eq!(waits(&limiter, RequestClass::Read, 2).await, [0, 50]);
}

#[tokio::test(start_paused = true)]
async fn late_response_raises_no_limit() {
    let limiter = RateLimiter::new(None);
    let deadline = Deadline::default();
    let (late, early) = (
        limiter.permit(RequestClass::Read, &deadline).await.unwrap(),
        limiter.permit(RequestClass::Read, &deadline).await.unwrap(),
    );
    early.learn(allowance(60, 1, 30));
    drop(early);
    late.learn(allowance(60, 20, 30));
    drop(late);
    assert_eq!(waits(&limiter, RequestClass::Read, 1).await, [30]);
    // A new window is another matter.
    limiter.permit(RequestClass::Read, &deadline).await.unwrap().learn(allowance(60, 2, 120));
    assert_eq!(waits(&limiter, RequestClass::Read, 3).await, [0, 0, 120]);
}

#[tokio::test(start_paused = true)]
async fn refusal_delays_all_requests() {
    let limiter = RateLimiter::new(None);
    limiter.permit(RequestClass::Write, &Deadline::default()).await.unwrap().refused(seconds(17));
    assert_eq!(waits(&limiter, RequestClass::Write, 3).await, [17, 0, 0]);

    limiter.permit(RequestClass::Write, &Deadline::default()).await.unwrap().refused(seconds(3600));
    let deadline = Deadline::new(Instant::now() + seconds(300), Default::default());
    let Err(GiveUpReason::TooLong(wait)) = limiter.permit(RequestClass::Write, &deadline).await else {
        panic!("it went")
    };
    assert_eq!(wait.as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn shorter_window_ends_a_wait() {
    let limiter = RateLimiter::new(None);
    let deadline = Deadline::default();
    limiter.permit(RequestClass::Read, &deadline).await.unwrap().learn(allowance(1, 0, 5));
    let first = limiter.permit(RequestClass::Read, &deadline).await.unwrap();
    let begin = Instant::now();
    let second = async {
        drop(limiter.permit(RequestClass::Read, &deadline).await.unwrap());
        begin.elapsed().as_secs()
    };
    let response = async {
        tokio::time::sleep(seconds(1)).await;
        first.learn(allowance(1, 0, 5));
    };
    assert_eq!(tokio::join!(second, response).0, 6, "not the minute that a window usually is");
}

#[test]
fn parses_the_headers_of_the_contract() {
    let parse = |text: &str| {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        let headers: HeaderMap = pairs
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect();
        Allowance::parse(&headers)
    };
    for (text, expected) in [
        ("x-ratelimit-limit=60 x-ratelimit-remaining=59 x-ratelimit-reset=30", Some(allowance(60, 59, 30))),
        ("x-ratelimit-limit=60 x-ratelimit-remaining=0 x-ratelimit-reset=0", Some(allowance(60, 0, 0))),
        ("", None),
        ("x-ratelimit-remaining=59 x-ratelimit-reset=30", None),
        ("x-ratelimit-limit=sixty x-ratelimit-remaining=59 x-ratelimit-reset=30", None),
        ("x-ratelimit-limit=60 x-ratelimit-remaining=-1 x-ratelimit-reset=30", None),
        ("x-ratelimit-limit=60 x-ratelimit-remaining=1 x-ratelimit-reset=1764100000", None),
        ("ratelimit-limit=60 ratelimit-remaining=1 ratelimit-reset=1", None),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

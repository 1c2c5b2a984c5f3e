//! The end of work: the limit of its operation, and the interrupt of the run.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::kms;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::RpcContext;

use crate::provider::messages;
use crate::provider::session::Session;

/// The wait for a request that may change something after an interrupt. Without it a connection could exist that no state has.
const GRACE: Duration = Duration::from_secs(10);

/// The wait for a lookup after an interrupt.
const LOOKUP_GRACE: Duration = Duration::from_secs(1);

/// The limit of an operation, from its begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    length: Duration,
    end: Instant,
}

impl Limit {
    /// Creates a limit that begins now.
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, end: Instant::now() + length }
    }
}

/// Returns the client of the KMS for an operation, which waits between requests no longer than the limit.
///
/// # Errors
/// When the provider has no client.
pub(crate) fn client(call: &RpcContext<Session>, limit: Limit) -> Result<kms::Client, Diagnostics> {
    Ok(call.session().client()?.within(kms::Deadline::new(limit.end, call.stop_signal())))
}

/// Why work ended before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The user interrupted the run.
    Interrupted,
    /// The operation took longer than this limit of it.
    TimedOut(Duration),
}

impl Ended {
    /// Returns the reason as a part of a message.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Interrupted => "the run was interrupted.".to_owned(),
            Self::TimedOut(limit) => {
                format!("the limit of the operation, {} seconds, was reached.", limit.as_secs_f64())
            }
        }
    }
}

impl From<Ended> for Diagnostics {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Interrupted => messages::settings::interrupted(),
            Ended::TimedOut(limit) => messages::settings::timed_out(limit),
        }
        .into()
    }
}

/// Runs work that can be cancelled at any time. A plan has no limit.
///
/// # Errors
/// When the run was interrupted or the limit was reached first. Work does not begin after that.
pub(crate) async fn bounded<T>(
    call: &RpcContext<Session>,
    limit: Option<Limit>,
    work: impl Future<Output = T>,
) -> Result<T, Ended> {
    let Some(Limit { length, end }) = limit else {
        return call.unless_stopped(work).await.ok_or(Ended::Interrupted);
    };
    if Instant::now() >= end && !call.is_stopped() {
        return Err(Ended::TimedOut(length));
    }
    match call.unless_stopped(tokio::time::timeout_at(end, work)).await {
        Some(Ok(result)) => Ok(result),
        Some(Err(_elapsed)) => Err(Ended::TimedOut(length)),
        None => Err(Ended::Interrupted),
    }
}

/// Runs [`bounded`] work, with diagnostics as its error.
pub(crate) async fn reading<T>(
    call: &RpcContext<Session>,
    limit: Limit,
    work: impl Future<Output = T>,
) -> Result<T, Diagnostics> {
    Ok(bounded(call, Some(limit), work).await?)
}

/// Looks up the effect of a request. Returns `None` soon after an interrupt: the next run finds the object, too.
pub(crate) async fn looking<T>(call: &RpcContext<Session>, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        call.stopped().await;
        tokio::time::sleep(LOOKUP_GRACE).await;
    };
    tokio::select! {
        found = work => Some(found),
        () = stopped => None,
    }
}

/// Sends a request of `client` that may change something. Once it is sent, the provider waits for its outcome even after an
/// interrupt; before that it can be cancelled like any other work.
///
/// # Errors
/// Only when the run was interrupted, or the operation reached its limit, before the request was sent.
pub(crate) async fn writing<T>(
    call: &RpcContext<Session>,
    limit: Limit,
    client: &kms::Client,
    request: impl Future<Output = Result<T, kms::Error>>,
) -> Result<Result<T, kms::Error>, Diagnostics> {
    if call.is_stopped() {
        return Err(Ended::Interrupted.into());
    }
    if Instant::now() >= limit.end {
        return Err(Ended::TimedOut(limit.length).into());
    }
    let stopped = async {
        call.stopped().await;
        if client.may_have_written() {
            tokio::time::sleep(GRACE).await;
        }
    };
    let not_sent = tokio::select! {
        biased;
        result = request => return Ok(result),
        () = tokio::time::sleep_until(limit.end) => Ended::TimedOut(limit.length),
        () = stopped => Ended::Interrupted,
    };
    client.cancelled().map_or_else(|| Err(not_sent.into()), |cancelled| Ok(Err(cancelled)))
}

/// The wait before a request is repeated after the database had too many connections.
const CROWDED: Duration = Duration::from_secs(2);

/// Runs [`writing`], and repeats it once if the KMS changed nothing because the database had too many connections: the login
/// check may have used the last one.
///
/// # Errors
/// Only when the run was interrupted before a request was sent.
pub(crate) async fn writing_twice_if_crowded<T, F>(
    call: &RpcContext<Session>,
    limit: Limit,
    client: &kms::Client,
    request: impl Fn() -> F,
) -> Result<Result<T, kms::Error>, Diagnostics>
where
    F: Future<Output = Result<T, kms::Error>>,
{
    let first = writing(call, limit, client, request()).await?;
    match &first {
        Err(error) if error.is_database_full() => {}
        _ => return Ok(first),
    }
    match reading(call, limit, tokio::time::sleep(CROWDED)).await {
        Ok(()) => writing(call, limit, client, request()).await,
        Err(_no_time_for_it) => Ok(first),
    }
}

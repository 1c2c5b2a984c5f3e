//! How long work may take: until its limit, and until the person interrupts the run.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::kms;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::resource::RpcContext;

use crate::provider::session::Session;

/// How long a request that may change something is still waited for after an interrupt. Letting go of it at once would
/// leave a connection that no state knows.
const GRACE: Duration = Duration::from_secs(10);

/// How long a look-up goes on after an interrupt.
const LOOK_GRACE: Duration = Duration::from_secs(1);

/// The time that an operation may take in all, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    length: Duration,
    end: Instant,
}

impl Limit {
    /// Begins now.
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, end: Instant::now() + length }
    }
}

/// The client of the KMS for an operation: between requests it waits no longer than the operation may take.
///
/// # Errors
/// When the provider has no client.
pub(crate) fn client(call: &RpcContext<Session>, limit: Limit) -> Result<kms::Client, Diagnostics> {
    Ok(call.session().client()?.within(kms::Deadline::new(limit.end, call.stop_signal())))
}

/// Why work was ended before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The user interrupted the run.
    Interrupted,
    /// The operation took longer than this limit of it.
    TimedOut(Duration),
}

impl Ended {
    /// As part of a longer message.
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
            Ended::Interrupted => interrupted(),
            Ended::TimedOut(limit) => Diagnostic::error(
                "Timed out",
                format!(
                    "The operation took longer than its limit of {} seconds, so it was given up. Raise the limit in the \
                     `timeouts` block if the KMS is slow, or try again.",
                    limit.as_secs_f64()
                ),
            ),
        }
        .into()
    }
}

/// Does work that can be given up at any time. A plan has no limit.
///
/// # Errors
/// When the run or the time of the operation ended first; the work is not begun after that.
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

/// [`bounded`], with the diagnostics for a user.
pub(crate) async fn reading<T>(
    call: &RpcContext<Session>,
    limit: Limit,
    work: impl Future<Output = T>,
) -> Result<T, Diagnostics> {
    Ok(bounded(call, Some(limit), work).await?)
}

/// Looks up what became of a request. Ends soon after an interrupt, with `None`: the next run finds the object, too.
pub(crate) async fn looking<T>(call: &RpcContext<Session>, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        call.stopped().await;
        tokio::time::sleep(LOOK_GRACE).await;
    };
    tokio::select! {
        found = work => Some(found),
        () = stopped => None,
    }
}

/// A request of `client` that may change something: once sent, its outcome matters even when nobody wants to wait. Until then
/// it can be given up like any other work.
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

/// How long a database is left alone that had no place for the service.
const CROWDED: Duration = Duration::from_secs(2);

/// [`writing`], once more when the service changed nothing because the database had no connection left: our own login may
/// have had the last one a moment ago.
///
/// # Errors
/// Only when the run was interrupted before anything was sent.
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

/// What is said about work that an interrupt ended.
pub(crate) fn interrupted() -> Diagnostic {
    Diagnostic::error("Interrupted", "The run was interrupted before this was done. Run it again to go on.")
}

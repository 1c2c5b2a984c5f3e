//! Lost responses: finds out by reads whether the KMS ran a request whose response was lost. Never repeats the request.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::cache::Scopes;
use crate::kms::{
    AppConnection, Client, ConnectionUpdate, Error, ErrorKind, Lookup, NewConnection, NewCredentials, Patch,
};

/// The limit of the lookup after a lost response: the KMS may still run the request.
const LOST: Duration = Duration::from_secs(5);

/// The limit of the lookup after a response: the request has ended, and replicas may lag behind.
const RESPONDED: Duration = Duration::from_secs(2);

/// The limit of one read after a failed create.
const READ: Duration = Duration::from_secs(10);

/// The interval between two reads.
const INTERVAL: Duration = Duration::from_secs(1);

/// The result of the lookup after a failed create. `None` if the failure shows that no connection was made.
pub(crate) type LookupResult = Option<Lookup>;

/// Returns the connection that a failed create made.
///
/// Only a name that was free right before the create qualifies: the provider never adopts an object that existed, nor one that
/// another request of this process may have made.
///
/// # Errors
/// The result of the lookup for the message, if the create made no connection that can be adopted.
pub(crate) async fn created(
    scopes: &Scopes,
    client: &Client,
    request: &NewConnection,
    error: &Error,
    was_free: bool,
) -> Result<AppConnection, LookupResult> {
    if was_free
        && error.is_lost()
        && let Some(ours) = lost(scopes, client, request).await
    {
        return Ok(ours);
    }
    Err(after_create(client, request, error).await)
}

/// Returns the connection that a create with a lost response made, if every readable field equals the request.
async fn lost(scopes: &Scopes, client: &Client, request: &NewConnection) -> Option<AppConnection> {
    let project = request.project_id.as_deref();
    let found = poll(LOST, || client.find_by_name(&request.name, project)).await?;
    (equals_request(&found, request) && scopes.creates_once(project, &request.name)).then_some(found)
}

/// Looks up the connection that a failed create may have made, or that has its name, for the message.
async fn after_create(client: &Client, request: &NewConnection, error: &Error) -> LookupResult {
    if !matches!(error.kind, ErrorKind::NameTaken { .. }) && !error.may_have_run() {
        return None;
    }
    let limit = if error.may_have_run() && !error.is_lost() { RESPONDED } else { Duration::ZERO };
    let end = Instant::now() + limit;
    loop {
        let lookup = client.find_by_name(&request.name, request.project_id.as_deref());
        let found = tokio::time::timeout(READ, lookup).await.map_or(Lookup::Unfinished, Lookup::from);
        // A replica that lags behind does not have the connection yet.
        if !matches!(found, Lookup::NotFound) || Instant::now() + INTERVAL > end {
            return Some(found);
        }
        sleep(INTERVAL).await;
    }
}

/// Returns the connection after an update that may have run, if it shows the change.
pub(crate) async fn updated(
    client: &Client,
    id: &str,
    change: &ConnectionUpdate,
    hash_before: Option<&str>,
    error: &Error,
) -> Option<AppConnection> {
    let shown = |found: &AppConnection| shows_change(found, change, hash_before);
    let found = poll(limit(error), || async { client.read(id).await.map(|found| found.filter(shown)) }).await?;
    // A replica that lags behind may show an earlier update of the same values, with its older hash.
    sleep(INTERVAL).await;
    Some(client.read(id).await.ok().flatten().filter(shown).unwrap_or(found))
}

/// Returns whether the connection of a delete that may have run is gone.
pub(crate) async fn deleted(client: &Client, id: &str, error: &Error) -> bool {
    poll(limit(error), || async { client.read(id).await.map(|found| found.is_none().then_some(())) }).await.is_some()
}

/// Reads a connection of the state, together with others of its scope. Replicas of the KMS lag behind, so that a second read
/// confirms that a connection is gone.
pub(crate) async fn read(
    scopes: &Scopes,
    client: &Client,
    project: Option<&str>,
    id: &str,
) -> Result<Option<AppConnection>, Error> {
    if let Some(found) = scopes.read(client, project, id).await? {
        return Ok(Some(found));
    }
    sleep(INTERVAL).await;
    client.read(id).await
}

fn equals_request(found: &AppConnection, request: &NewConnection) -> bool {
    let empty = |text: &Option<String>| text.clone().unwrap_or_default();
    found.name == request.name
        && empty(&found.description) == empty(&request.description)
        && found.project_id == request.project_id
        && same_gateway(found.gateway_id.as_deref(), request.gateway_id.as_deref())
        && found.is_platform_managed.unwrap_or(false) == request.is_platform_managed
        && found.credentials == request.credentials
}

/// Returns whether two ids of gateways are equal. The KMS stores UUIDs in lower case.
fn same_gateway(a: Option<&str>, b: Option<&str>) -> bool {
    a.map(str::to_ascii_lowercase) == b.map(str::to_ascii_lowercase)
}

/// Returns whether a connection shows the values of an update. A changed hash shows that credentials were written.
fn shows_change(found: &AppConnection, change: &ConnectionUpdate, hash_before: Option<&str>) -> bool {
    let patched = |patch: &Patch<String>, stored: &Option<String>| match patch {
        Patch::Keep => true,
        Patch::Clear => stored.is_none(),
        Patch::Set(text) => stored.as_ref() == Some(text),
    };
    let written = |credentials: &NewCredentials| {
        found.credentials == *credentials
            && found.credentials_hash.is_some()
            && found.credentials_hash.as_deref() != hash_before
    };
    change.name.as_ref().is_none_or(|name| found.name == *name)
        && patched(&change.description, &found.description)
        && match &change.gateway_id {
            Patch::Set(gateway) => same_gateway(found.gateway_id.as_deref(), Some(gateway)),
            other => patched(other, &found.gateway_id),
        }
        && (!change.is_platform_managed || found.is_platform_managed == Some(true))
        && change.credentials.as_ref().is_none_or(written)
}

/// Returns the limit of the lookup after an error.
fn limit(error: &Error) -> Duration {
    if error.is_lost() { LOST } else { RESPONDED }
}

/// Repeats a read until it returns a value, within the limit.
async fn poll<T, F>(limit: Duration, read: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, read()).await {
            Ok(Ok(Some(found))) => return Some(found),
            Ok(Ok(None)) => {}
            Ok(Err(error)) if error.is_outage() => {}
            _ => return None,
        }
        if Instant::now() + INTERVAL >= end {
            return None;
        }
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests;

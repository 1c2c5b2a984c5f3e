//! Lost answers: what became of a request that the service may have run. Settled by looking, never by repeating.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::cache::Scopes;
use crate::kms::{
    AppConnection, Client, ConnectionUpdate, Error, ErrorKind, Lookup, NewConnection, NewCredentials, Patch,
};

/// How long the service is given to finish a request whose response was lost.
const LOST: Duration = Duration::from_secs(5);

/// How long its replicas are given after a response: the request has ended.
const ANSWERED: Duration = Duration::from_secs(2);

/// How long one look at what a failed create may have made may take.
const LOOK: Duration = Duration::from_secs(10);

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The result of the lookup after a failed create. `None` when the failure leaves nothing to look for.
pub(crate) type LookupResult = Option<Lookup>;

/// Settles a create that failed: with the connection that it made, or else with what the message is to tell.
///
/// Only for a name that was seen free just before: an object that existed is never taken over, however equal. Nor is one that
/// another request of this process may have made.
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

/// The connection that a create made whose answer was lost, if every readable field of it is what was asked for.
async fn lost(scopes: &Scopes, client: &Client, request: &NewConnection) -> Option<AppConnection> {
    let project = request.project_id.as_deref();
    let found = look(LOST, || client.find_by_name(&request.name, project)).await?;
    (is_what_was_asked(&found, request) && scopes.creates_once(project, &request.name)).then_some(found)
}

/// Looks for the connection that a failed create may have made, or that has its name, for the message.
async fn after_create(client: &Client, request: &NewConnection, error: &Error) -> LookupResult {
    if !matches!(error.kind, ErrorKind::NameTaken { .. }) && !error.may_have_run() {
        return None;
    }
    let patience = if error.may_have_run() && !error.is_lost() { ANSWERED } else { Duration::ZERO };
    let end = Instant::now() + patience;
    loop {
        let looking = client.find_by_name(&request.name, request.project_id.as_deref());
        let found = tokio::time::timeout(LOOK, looking).await.map_or(Lookup::Unfinished, Lookup::from);
        // A replica that lags behind does not know it yet.
        if !matches!(found, Lookup::NotFound) || Instant::now() + PAUSE > end {
            return Some(found);
        }
        sleep(PAUSE).await;
    }
}

/// The connection after an update that may have run, if it shows what was asked for.
pub(crate) async fn updated(
    client: &Client,
    id: &str,
    change: &ConnectionUpdate,
    hash_before: Option<&str>,
    error: &Error,
) -> Option<AppConnection> {
    let shown = |found: &AppConnection| shows_change(found, change, hash_before);
    let found = look(patience(error), || async { client.read(id).await.map(|found| found.filter(shown)) }).await?;
    // An earlier update of which nobody heard shows the same, and its fingerprint on a replica that lags behind.
    sleep(PAUSE).await;
    Some(client.read(id).await.ok().flatten().filter(shown).unwrap_or(found))
}

/// Whether the connection of a delete that may have run is gone.
pub(crate) async fn deleted(client: &Client, id: &str, error: &Error) -> bool {
    look(patience(error), || async { client.read(id).await.map(|found| found.is_none().then_some(())) }).await.is_some()
}

/// Reads a connection that the state knows, together with others of its scope. The service's replicas lag: "gone" is asked
/// twice before it is believed.
pub(crate) async fn read(
    scopes: &Scopes,
    client: &Client,
    project: Option<&str>,
    id: &str,
) -> Result<Option<AppConnection>, Error> {
    if let Some(found) = scopes.read(client, project, id).await? {
        return Ok(Some(found));
    }
    sleep(PAUSE).await;
    client.read(id).await
}

fn is_what_was_asked(found: &AppConnection, request: &NewConnection) -> bool {
    let empty = |text: &Option<String>| text.clone().unwrap_or_default();
    found.name == request.name
        && empty(&found.description) == empty(&request.description)
        && found.project_id == request.project_id
        && same_gateway(found.gateway_id.as_deref(), request.gateway_id.as_deref())
        && found.is_platform_managed.unwrap_or(false) == request.is_platform_managed
        && found.credentials == request.credentials
}

/// The service writes UUIDs in lower case, whatever it was sent.
fn same_gateway(a: Option<&str>, b: Option<&str>) -> bool {
    a.map(str::to_ascii_lowercase) == b.map(str::to_ascii_lowercase)
}

/// Whether a connection shows what an update asked for. That credentials were written shows in their fingerprint.
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

fn patience(error: &Error) -> Duration {
    if error.is_lost() { LOST } else { ANSWERED }
}

/// Looks until there is something to see, for that long at most.
async fn look<T, F>(patience: Duration, question: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, question()).await {
            Ok(Ok(Some(seen))) => return Some(seen),
            Ok(Ok(None)) => {}
            Ok(Err(error)) if error.is_outage() => {}
            _ => return None,
        }
        if Instant::now() + PAUSE >= end {
            return None;
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests;

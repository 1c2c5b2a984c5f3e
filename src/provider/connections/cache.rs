//! The connections of each scope of the KMS, listed once per scope and shared by all calls. Scopes are the organization and each
//! project. The rate limit of the KMS counts reads, and a refresh reads hundreds of connections at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::kms;
use crate::kms::{AppConnection, Client};

/// The maximum age of a list for a refresh or a plan: any list of the same walk.
pub(crate) const THIS_WALK: Duration = Duration::from_secs(24 * 60 * 60);

/// The number of connections of a scope that are read one by one before the provider reads the list, which may be long.
const READ_ALONE: usize = 2;

/// The connections of one scope, or why they are not known.
pub(crate) type ListResult = Result<Listing, kms::Error>;

/// The scopes of one walk.
#[derive(Default)]
pub(crate) struct Scopes {
    known: Mutex<HashMap<Option<String>, ScopeState>>,
    ours: Mutex<Ours>,
}

/// The connections of a list of the KMS. The list of the organization includes the connections of its projects.
#[derive(Clone)]
pub(crate) struct Listing {
    project: Option<String>,
    connections: Arc<Vec<AppConnection>>,
    unreadable: usize,
}

#[derive(Default)]
struct ScopeState {
    query: Option<ListQuery>,
    read_alone: HashSet<String>,
}

#[derive(Clone)]
struct ListQuery {
    begin: Instant,
    list: Arc<OnceCell<ListResult>>,
}

/// The requests of this process that change or create connections.
#[derive(Default)]
struct Ours {
    changed: HashSet<String>,
    creates: HashMap<(Option<String>, String), usize>,
}

impl Listing {
    /// Returns all connections of the list.
    pub(crate) fn all(&self) -> &[AppConnection] {
        &self.connections
    }

    /// Returns the number of connections of the list that could not be read. Their names are unknown.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Returns the connections of the scope itself.
    pub(crate) fn own(&self) -> impl Iterator<Item = &AppConnection> {
        self.connections.iter().filter(|connection| connection.project_id == self.project)
    }
}

impl Scopes {
    /// Returns the connections of a scope from a list that is not older than `age`. `None` is the organization.
    pub(crate) async fn list(&self, client: &Client, project: Option<&str>, age: Duration) -> ListResult {
        let query = self.query(project, age);
        let listed = query.list.get_or_try_init(|| async {
            match client.list(project).await {
                // The deadline of this caller ended the request. Another caller may have more time.
                Err(error) if error.is_give_up() => Err(error),
                listed => Ok(listed.map(|list| Listing {
                    project: project.map(ToOwned::to_owned),
                    connections: Arc::new(list.connections),
                    unreadable: list.unreadable,
                })),
            }
        });
        listed.await?.clone()
    }

    /// Returns a connection by its id, as the KMS had it during this walk and after all changes by this process. `project` is
    /// the scope in the state.
    ///
    /// Returns `None` only after a request for the id: a list may lag behind, have pages, or omit connections that the identity
    /// may not read.
    pub(crate) async fn read(
        &self,
        client: &Client,
        project: Option<&str>,
        id: &str,
    ) -> Result<Option<AppConnection>, kms::Error> {
        if self.is_for_the_list(project, id)
            && let Ok(listing) = self.list(client, project, THIS_WALK).await
            && let Some(found) = listing.all().iter().find(|connection| connection.id.eq_ignore_ascii_case(id))
        {
            return Ok(Some(found.clone()));
        }
        client.read(id).await
    }

    /// Records that this process changes a connection. Call it before the request: an earlier list may be outdated from then
    /// on.
    pub(crate) fn changes(&self, id: &str) {
        self.ours().changed.insert(id.to_ascii_lowercase());
    }

    /// Records that this process creates a connection. Call it before the request.
    pub(crate) fn creates(&self, project: Option<&str>, name: &str) {
        *self.ours().creates.entry(key(project, name)).or_default() += 1;
    }

    /// Returns whether at most one request of this process creates a connection of that name. Only then can a connection that
    /// appears be attributed to that request.
    pub(crate) fn creates_once(&self, project: Option<&str>, name: &str) -> bool {
        self.ours().creates.get(&key(project, name)).is_none_or(|count| *count == 1)
    }

    fn query(&self, project: Option<&str>, age: Duration) -> ListQuery {
        let mut known = self.known();
        let scope = known.entry(project.map(ToOwned::to_owned)).or_default();
        let fresh = scope.query.take().filter(|query| query.begin.elapsed() <= age);
        scope.query.insert(fresh.unwrap_or_else(|| ListQuery { begin: Instant::now(), list: Arc::default() })).clone()
    }

    fn is_for_the_list(&self, project: Option<&str>, id: &str) -> bool {
        if self.ours().changed.contains(&id.to_ascii_lowercase()) {
            return false;
        }
        let mut known = self.known();
        let scope = known.entry(project.map(ToOwned::to_owned)).or_default();
        let alone = &mut scope.read_alone;
        let is_alone = scope.query.is_none() && (alone.contains(id) || alone.len() < READ_ALONE);
        if is_alone {
            alone.insert(id.to_owned());
        }
        !is_alone
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Option<String>, ScopeState>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ours(&self) -> MutexGuard<'_, Ours> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(project: Option<&str>, name: &str) -> (Option<String>, String) {
    (project.map(ToOwned::to_owned), name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::kms::{AuthRequest, BaseUrl, Deadline, Settings};
    use crate::secret::Secret;

    /// A service that limits the rate of the first request for two seconds, and has no connections.
    async fn service(listener: TcpListener) {
        let limited = r#"{"reqId":"r","statusCode":429,"message":"Rate limit exceeded","error":"RateLimitExceeded"}"#;
        for (status, headers, body) in [("429 X", "retry-after: 2\r\n", limited)]
            .into_iter()
            .chain(std::iter::repeat(("200 OK", "", r#"{"appConnections":[]}"#)))
        {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _request = stream.read(&mut [0; 4096]).await.unwrap();
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn does_not_cache_failure_by_the_deadline_of_one_caller() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(service(listener));
        let login = AuthRequest::token(Secret::new("token"));
        let client = Client::new(Settings::new(BaseUrl::parse(&base, false).unwrap(), login));
        let soon = Instant::now() + Duration::from_millis(500);
        let hasty = client.within(Deadline::new(soon, CancellationToken::new()));
        let scopes = Scopes::default();
        let error = scopes.list(&hasty, None, THIS_WALK).await.err().unwrap();
        assert!(error.is_give_up(), "{error:?}");
        let listing = scopes.list(&client, None, THIS_WALK).await;
        assert!(listing.is_ok_and(|listing| listing.all().is_empty()));
        serving.abort();
    }
}

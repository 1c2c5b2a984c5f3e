//! The calls for PostgreSQL connections, with their requests and responses. Does not depend on authentication and status
//! codes.
//!
//! Requests hold only what is set: to the service an absent key, `null` and `""` are three different things. Responses
//! are parsed leniently: unknown keys are ignored, and what some version of the service leaves out is optional.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{Client, Error, ErrorKind};
use crate::kms::http::Request;
use crate::kms::response::ApiResponse;
use crate::secret::Secret;

/// A connection to be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewConnection {
    /// A slug; unique among the connections of all apps in its scope.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The project it belongs to; none is the organization. Never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// How the service logs in.
    pub method: Method,
    /// Whether the service gives the role a password of its own at once.
    #[serde(rename = "isPlatformManagedCredentials", skip_serializing_if = "is_false")]
    pub is_platform_managed: bool,
    /// The gateway through which the service reaches the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    /// How to reach and log in to the database.
    pub credentials: NewCredentials,
}

/// How the service logs in to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Method {
    /// The only one.
    #[default]
    #[serde(rename = "username-and-password")]
    UsernameAndPassword,
}

/// How to reach and log in to a database. Always sent as a whole: it replaces what the service has, a certificate that
/// is not in it included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCredentials {
    /// A name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to log in to.
    pub database: String,
    /// The role.
    pub username: String,
    /// Its password.
    #[serde(serialize_with = "exposed")]
    pub password: Secret,
    /// Whether to use TLS.
    pub ssl_enabled: bool,
    /// Whether to check the certificate and its name.
    pub ssl_reject_unauthorized: bool,
    /// In PEM; trusted instead of the public authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_certificate: Option<String>,
}

/// What to change in a connection. The default changes nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionUpdate {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new text, or none any more.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// Only to turn the management on: the service refuses it over a managed connection, and it cannot be turned off.
    #[serde(rename = "isPlatformManagedCredentials", skip_serializing_if = "is_false")]
    pub is_platform_managed: bool,
    /// Another gateway, or none. Must be repeated with each change of credentials: the service checks those
    /// through the gateway of the request, not through the stored one.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub gateway_id: Patch<String>,
    /// New credentials as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<NewCredentials>,
}

/// What to do with a field that can also be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(untagged)]
pub enum Patch<T> {
    /// Leave it as it is; not sent.
    #[default]
    Keep,
    /// Empty it; sent as `null`.
    Clear,
    /// Set it.
    Set(T),
}

impl<T> Patch<T> {
    /// Returns whether nothing is sent.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

/// A connection as the service shows it: with everything but the password.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppConnection {
    /// A UUID.
    pub id: String,
    /// Unique among the connections of all apps in its scope.
    pub name: String,
    /// `Some("")` and `None` are both empty, and different to the service.
    pub description: Option<String>,
    /// None is the organization.
    pub project_id: Option<String>,
    /// The organization.
    pub org_id: Option<String>,
    /// `postgres`.
    pub app: String,
    /// `username-and-password`.
    pub method: String,
    /// A date in ISO 8601.
    pub created_at: Option<String>,
    /// The gateway through which the service reaches the database.
    pub gateway_id: Option<String>,
    /// Of the stored bytes: differs after every write of credentials, equal ones included.
    pub credentials_hash: Option<String>,
    /// Whether the password is platform-managed: only the service has it.
    #[serde(rename = "isPlatformManagedCredentials")]
    pub is_platform_managed: Option<bool>,
    /// Everything but the password.
    pub credentials: StoredCredentials,
}

/// Credentials as the service shows them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCredentials {
    /// A name or an address.
    pub host: String,
    /// Not checked by the service: may be 0, 70000 or 1.5.
    pub port: f64,
    /// The database to log in to.
    pub database: String,
    /// The role.
    pub username: String,
    /// Whether TLS is used.
    pub ssl_enabled: bool,
    /// Whether the certificate and its name are checked.
    pub ssl_reject_unauthorized: bool,
    /// In PEM.
    pub ssl_certificate: Option<String>,
}

/// Returns whether stored credentials are those that were sent, as far as the KMS returns them: all but the password.
impl PartialEq<NewCredentials> for StoredCredentials {
    fn eq(&self, sent: &NewCredentials) -> bool {
        self.host == sent.host
            && self.port == f64::from(sent.port)
            && self.database == sent.database
            && self.username == sent.username
            && self.ssl_enabled == sent.ssl_enabled
            && self.ssl_reject_unauthorized == sent.ssl_reject_unauthorized
            && self.ssl_certificate == sent.ssl_certificate
    }
}

/// The connections of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct List {
    /// Those that could be read, in the order of the service.
    pub connections: Vec<AppConnection>,
    /// How many rows are left out: they could not be read, their id stands in several of them, or they are of another
    /// project than the requested one.
    pub unreadable: usize,
}

impl AppConnection {
    fn is_in(&self, project: Option<&str>) -> bool {
        match (self.project_id.as_deref(), project) {
            (Some(found), Some(requested)) => found.eq_ignore_ascii_case(requested),
            (found, requested) => found == requested,
        }
    }
}

/// The outcome of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone now.
    Deleted,
    /// The service reports that it was deleted before.
    WasGone,
}

/// The result of a lookup by name.
#[derive(Debug)]
pub enum Lookup {
    /// A connection has the name.
    Found(Box<AppConnection>),
    /// The service reports that no connection has the name.
    NotFound,
    /// The lookup failed.
    Failed(Error),
    /// The caller ended the lookup.
    Unfinished,
}

impl From<Result<Option<AppConnection>, Error>> for Lookup {
    fn from(result: Result<Option<AppConnection>, Error>) -> Self {
        match result {
            Ok(Some(connection)) => Self::Found(Box::new(connection)),
            Ok(None) => Self::NotFound,
            Err(error) => Self::Failed(error),
        }
    }
}

impl Client {
    /// Creates a connection. The service logs in to the database first, which can take twenty seconds.
    ///
    /// Never to be repeated blindly: see [`Error::may_have_run`].
    pub async fn create(&self, new: &NewConnection) -> Result<AppConnection, Error> {
        let request = Request::post(FAMILY).json(new).with_secret(Some(&new.credentials.password));
        let requested = Requested::Name { name: &new.name, project: new.project_id.as_deref() };
        requested.decode(&self.call(request).await?)
    }

    /// Returns a connection by its id; none if, and only if, the service itself reports that there is none.
    pub async fn read(&self, id: &str) -> Result<Option<AppConnection>, Error> {
        let id = parse_id(id)?;
        Requested::Id(&id).found(&self.call(Request::get(with_id(&id))).await?)
    }

    /// Returns a connection by its exact name in one project, or in none: the organization's own.
    ///
    /// [`ErrorKind::OtherApp`] if the name belongs to a connection that is not PostgreSQL's.
    pub async fn find_by_name(&self, name: &str, project: Option<&str>) -> Result<Option<AppConnection>, Error> {
        let name = name.trim();
        if matches!(name, "" | "." | "..") {
            return Ok(None); // no slug, and no path segment
        }
        let [family, app] = FAMILY;
        let request = Request::get([family, app, "connection-name", name]).in_project(project);
        Requested::Name { name, project }.found(&self.call(request).await?)
    }

    /// Changes a connection. With credentials in it the service logs in to the database first.
    pub async fn update(&self, id: &str, change: &ConnectionUpdate) -> Result<AppConnection, Error> {
        let id = parse_id(id)?;
        let password = change.credentials.as_ref().map(|credentials| &credentials.password);
        let request = Request::patch(with_id(&id)).json(change).with_secret(password);
        Requested::Id(&id).decode(&self.call(request).await?)
    }

    /// Deletes a connection. The database is not touched.
    pub async fn delete(&self, id: &str) -> Result<Deleted, Error> {
        let id = parse_id(id)?;
        let response = self.call(Request::delete(with_id(&id))).await?;
        let requested = Requested::Id(&id);
        if requested.is_missing(&response)? {
            return Ok(Deleted::WasGone);
        }
        let gone = response.decode::<Gone>()?.app_connection;
        requested.check_id(&gone.id).map_err(|difference| response.about_another_object(&difference))?;
        Ok(Deleted::Deleted)
    }

    /// Returns all PostgreSQL connections of one project; without a project all of the organization that the identity may see,
    /// those of its projects included. Ordered by name.
    pub async fn list(&self, project: Option<&str>) -> Result<List, Error> {
        let request = Request::get(FAMILY).in_project(project).with_long_response();
        Ok(self.call(request).await?.decode::<Many>()?.of(project))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    app_connection: AppConnection,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Many {
    app_connections: Vec<ListRow>,
}

/// A row that cannot be read must not hide the others.
#[derive(Deserialize)]
#[serde(untagged)]
enum ListRow {
    Readable(Box<AppConnection>),
    Unreadable(IgnoredAny),
}

impl Many {
    fn of(self, project: Option<&str>) -> List {
        let rows = self.app_connections.len();
        let mut by_id = HashMap::<String, Vec<AppConnection>>::new();
        let mut order = Vec::new();
        for row in self.app_connections {
            if let ListRow::Readable(mut connection) = row
                && (project.is_none() || connection.is_in(project))
                && let Ok(id) = parse_id(&connection.id)
            {
                connection.id.clone_from(&id);
                order.push(id.clone());
                by_id.entry(id).or_default().push(*connection);
            }
        }
        let unique = |id: String| by_id.remove(&id).filter(|rows| rows.len() == 1)?.pop();
        let connections: Vec<_> = order.into_iter().filter_map(unique).collect();
        List { unreadable: rows - connections.len(), connections }
    }
}

/// Of a deleted connection only the id matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    app_connection: GoneConnection,
}

#[derive(Deserialize)]
struct GoneConnection {
    id: String,
}

/// What a request was about. A response about anything else is not the service's response: a cache that ignores the path, or
/// a routing error, must not lead to the deletion of another connection.
#[derive(Clone, Copy)]
enum Requested<'a> {
    Id(&'a str),
    /// A version of the service that does not report projects has none: what it made is the organization's.
    Name {
        name: &'a str,
        project: Option<&'a str>,
    },
}

impl Requested<'_> {
    /// Returns the connection; none if, and only if, the service itself reports that there is none.
    fn found(self, response: &ApiResponse) -> Result<Option<AppConnection>, Error> {
        match self.decode(response) {
            Err(Error { kind: ErrorKind::ConnectionNotFound, .. }) => Ok(None),
            decoded => decoded.map(Some),
        }
    }

    /// Returns whether the service itself reports that it has no such connection. Its message names the requested one.
    fn is_missing(self, response: &ApiResponse) -> Result<bool, Error> {
        let Some(missing) = response.missing_connection() else { return Ok(false) };
        let is_ours = match self {
            Self::Id(id) => missing.strip_prefix("ID ").is_some_and(|found| found.eq_ignore_ascii_case(id)),
            // The oldest versions end after the name.
            Self::Name { name, .. } => missing
                .strip_prefix("name ")
                .and_then(|found| found.strip_prefix(name.trim()))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')),
        };
        if is_ours {
            Ok(true)
        } else {
            Err(response.about_another_object(&format!("it reports that there is none with {missing}")))
        }
    }

    fn decode(self, response: &ApiResponse) -> Result<AppConnection, Error> {
        self.is_missing(response)?;
        let mut connection = response.decode::<One>()?.app_connection;
        match self.check(&connection) {
            Ok(id) => {
                connection.id = id;
                Ok(connection)
            }
            Err(difference) => Err(response.about_another_object(&difference)),
        }
    }

    /// Returns the normalized id, or the difference.
    fn check(self, connection: &AppConnection) -> Result<String, String> {
        let id = self.check_id(&connection.id)?;
        let Self::Name { name, project } = self else { return Ok(id) };
        if !connection.name.trim().eq_ignore_ascii_case(name.trim()) {
            return Err(format!("its name is `{}` instead of `{name}`", connection.name));
        }
        if !connection.is_in(project) {
            let scope = |project: Option<&str>| project.map_or("none".to_owned(), |id| format!("`{id}`"));
            let (found, requested) = (scope(connection.project_id.as_deref()), scope(project));
            return Err(format!("its project is {found} instead of {requested}"));
        }
        Ok(id)
    }

    fn check_id(self, found: &str) -> Result<String, String> {
        let id = parse_id(found).map_err(|_| format!("its id `{found}` is not a UUID"))?;
        match self {
            Self::Id(requested) if requested != id => Err(format!("its id is `{id}` instead of `{requested}`")),
            _ => Ok(id),
        }
    }
}

const FAMILY: [&str; 2] = ["app-connections", "postgres"];

fn with_id(id: &str) -> [&str; 3] {
    let [family, app] = FAMILY;
    [family, app, id]
}

/// Parses an id, and returns the form that the service accepts.
fn parse_id(id: &str) -> Result<String, Error> {
    let parsed = Uuid::try_parse(id.trim()).map_err(|_| ErrorKind::InvalidId(id.chars().take(100).collect()))?;
    Ok(parsed.hyphenated().to_string())
}

/// The only place where a password becomes JSON.
fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;

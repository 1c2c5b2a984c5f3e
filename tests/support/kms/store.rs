//! The rows: connections in the shape of the API, plus `credentials.password`. Optionally kept in a file. Does not
//! depend on requests.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// The identity that may log in, and the organisation and the project of connections.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    #[serde(default = "new_id")]
    pub(super) identity_id: String,
    pub(super) org_id: String,
    pub(super) project_id: String,
}

pub(super) struct Store {
    rows: Vec<Value>,
    /// The rows before the last change, as on a replica that lags behind.
    lagging: Vec<Value>,
    identity: Identity,
    /// The last time stamp that was given out; no two are the same.
    last: OffsetDateTime,
    file: Option<PathBuf>,
}

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum Refused {
    /// The name is taken in its scope.
    Duplicate,
    /// The file cannot be written, and why.
    File(String),
}

#[derive(Serialize, Deserialize)]
struct Contents {
    identity: Identity,
    connections: Vec<Value>,
}

impl Store {
    /// Returns an empty store, or the one that the file holds.
    pub(super) fn open(file: Option<PathBuf>) -> Result<Self, String> {
        let contents = match &file {
            Some(path) if path.exists() => read(path)?,
            _ => Contents { identity: Identity::new(), connections: Vec::new() },
        };
        let store = Self {
            lagging: contents.connections.clone(),
            rows: contents.connections,
            identity: contents.identity,
            last: OffsetDateTime::UNIX_EPOCH,
            file,
        };
        store.save(&store.rows)?;
        Ok(store)
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// Returns the rows as they were before the last change.
    pub(super) fn lagging(&self) -> &[Value] {
        &self.lagging
    }

    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        self.rows.iter().find(|row| row["id"] == id)
    }

    /// Adds a row, giving it an id, its times and whatever else the database gives.
    pub(super) fn insert(&mut self, mut row: Value) -> Result<Value, Refused> {
        let now = self.now();
        let given = json!({
            "id": Uuid::new_v4().to_string(), "version": 1, "orgId": self.identity.org_id, "projectId": null,
            "description": null, "gatewayId": null, "isPlatformManagedCredentials": false,
            "credentialsHash": fresh_hash(), "createdAt": now, "updatedAt": now,
        });
        if let (Some(row), Value::Object(given)) = (row.as_object_mut(), given) {
            for (name, value) in given {
                row.entry(name).or_insert(value);
            }
        }
        let mut rows = self.rows.clone();
        rows.push(row.clone());
        self.replace(rows, &row)?;
        Ok(row)
    }

    /// Changes a row, if it exists: the hash is fresh after each write of credentials, the time after any.
    pub(super) fn update(
        &mut self,
        id: &str,
        credentials_written: bool,
        change: impl FnOnce(&mut Value),
    ) -> Result<Option<Value>, Refused> {
        let mut rows = self.rows.clone();
        let Some(row) = rows.iter_mut().find(|row| row["id"] == id) else { return Ok(None) };
        let before = row["credentials"].clone();
        change(row);
        if credentials_written || row["credentials"] != before {
            row["credentialsHash"] = fresh_hash().into();
        }
        row["updatedAt"] = self.now().into();
        let row = row.clone();
        self.replace(rows, &row)?;
        Ok(Some(row))
    }

    /// Removes a row and returns it as it was.
    pub(super) fn remove(&mut self, id: &str) -> Result<Option<Value>, Refused> {
        let mut rows = self.rows.clone();
        let Some(position) = rows.iter().position(|row| row["id"] == id) else { return Ok(None) };
        let row = rows.remove(position);
        self.commit(rows)?;
        Ok(Some(row))
    }

    /// Commits rows of which one is new or changed.
    fn replace(&mut self, rows: Vec<Value>, changed: &Value) -> Result<(), Refused> {
        let same_name = |row: &&Value| ["name", "orgId", "projectId"].iter().all(|key| row[*key] == changed[*key]);
        if rows.iter().filter(same_name).count() > 1 {
            return Err(Refused::Duplicate);
        }
        self.commit(rows)
    }

    fn commit(&mut self, rows: Vec<Value>) -> Result<(), Refused> {
        self.save(&rows).map_err(Refused::File)?;
        self.lagging = std::mem::replace(&mut self.rows, rows);
        Ok(())
    }

    /// Replaces the file in one step, readable only by its owner: it holds passwords.
    fn save(&self, rows: &[Value]) -> Result<(), String> {
        let Some(path) = &self.file else { return Ok(()) };
        let contents = Contents { identity: self.identity.clone(), connections: rows.to_vec() };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, &contents)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
    }

    /// Returns the time now in the form of the API, later than every earlier one.
    fn now(&mut self) -> String {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        self.last = OffsetDateTime::now_utc().max(self.last + time::Duration::MILLISECOND);
        self.last.format(&format).unwrap()
    }
}

impl Identity {
    fn new() -> Self {
        Self {
            client_id: new_id(),
            client_secret: super::refusal::random_text(64),
            identity_id: new_id(),
            org_id: new_id(),
            project_id: new_id(),
        }
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn read(path: &Path) -> Result<Contents, String> {
    let bytes = fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("`{}` holds no data of the local KMS server: {error}", path.display()))
}

/// Returns a new hash: it is of the encrypted credentials, so it differs even for the same credentials.
fn fresh_hash() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}

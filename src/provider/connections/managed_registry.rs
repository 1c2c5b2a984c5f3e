//! The platform-managed connections of the state that were decoded during one walk.
//!
//! Terraform plans the second half of a replacement, and each tainted object, as if no object existed before. The registry
//! records the object that existed: only the KMS has the password of its role.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::kms::AppConnection;
use crate::postgres::ascii_host;
use crate::text::shown;

/// The connections of the state that one walk has decoded, and whether it planned or destroyed them.
#[derive(Default)]
pub(crate) struct ManagedRegistry {
    ids: Mutex<HashSet<String>>,
    managed: Mutex<Vec<ManagedConnection>>,
    planned: Mutex<HashSet<String>>,
    destroyed: Mutex<Vec<String>>,
}

/// A platform-managed connection of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManagedConnection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) project: Option<String>,
    pub(crate) role: ManagedRole,
}

/// A role of a database server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManagedRole {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: String,
}

impl ManagedRole {
    /// Creates a role whose host is in lower case. Names of roles are case-sensitive.
    pub(crate) fn new(host: &str, port: u16, name: &str) -> Self {
        Self { host: ascii_host(host.trim()).to_ascii_lowercase(), port, name: name.trim().to_owned() }
    }

    /// Returns the role of a connection of the KMS, or `None` if its port is not a TCP port.
    pub(crate) fn of(connection: &AppConnection) -> Option<Self> {
        let credentials = &connection.credentials;
        let port = (1..=u16::MAX).find(|port| f64::from(*port) == credentials.port)?;
        Some(Self::new(&credentials.host, port, &credentials.username))
    }

    /// Returns `host:port` for messages.
    pub(crate) fn endpoint(&self) -> String {
        let Self { port, .. } = self;
        let host = shown(&self.host);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl ManagedRegistry {
    /// Records that the state has this connection, managed or not.
    pub(crate) fn record_id(&self, id: &str) {
        lock(&self.ids).insert(id.to_owned());
    }

    /// Returns whether the state has a connection of this id.
    pub(crate) fn is_in_state(&self, id: &str) -> bool {
        lock(&self.ids).contains(id)
    }

    /// Records a managed connection of the state.
    pub(crate) fn record(&self, connection: ManagedConnection) {
        let mut managed = lock(&self.managed);
        if !managed.contains(&connection) {
            managed.push(connection);
        }
    }

    /// Records that a connection was planned with its prior state: only a create with a replacement hint replaces it.
    pub(crate) fn record_planned(&self, id: &str) {
        lock(&self.planned).insert(id.to_owned());
    }

    /// Returns the connection that a new one of this name replaces: one of the same scope that was not planned with its prior
    /// state, because it is tainted. A connection that only uses the same role is another connection.
    pub(crate) fn find(&self, name: Option<&str>, project: Option<&str>) -> Option<ManagedConnection> {
        let planned = lock(&self.planned);
        let is_replaced = |old: &&ManagedConnection| {
            Some(old.name.as_str()) == name && old.project.as_deref() == project && !planned.contains(&old.id)
        };
        lock(&self.managed).iter().find(is_replaced).cloned()
    }

    /// Records that this walk has destroyed a connection. (Terraform plans the new one once more after that.)
    pub(crate) fn record_destroyed(&self, id: &str) {
        lock(&self.destroyed).push(id.to_owned());
    }

    /// Returns whether this walk has destroyed a connection.
    pub(crate) fn is_destroyed(&self, id: &str) -> bool {
        lock(&self.destroyed).iter().any(|destroyed| destroyed == id)
    }

    /// Returns a connection of this role that this walk has destroyed.
    pub(crate) fn destroyed_with(&self, role: &ManagedRole) -> Option<ManagedConnection> {
        let destroyed = lock(&self.destroyed);
        lock(&self.managed).iter().find(|old| old.role == *role && destroyed.contains(&old.id)).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed(name: &str, project: Option<&str>, role: ManagedRole) -> ManagedConnection {
        ManagedConnection {
            id: format!("id-of-{name}"),
            name: name.to_owned(),
            project: project.map(ToOwned::to_owned),
            role,
        }
    }

    #[test]
    fn finds_replaced_connection_by_name_and_scope_only() {
        let registry = ManagedRegistry::default();
        let role = ManagedRole::new("db.test", 5432, "app");
        registry.record(managed("orders", None, ManagedRole::new("DB.test ", 5432, "app")));
        registry.record(managed("orders", None, role.clone()));
        registry.record(managed("stock", Some("p"), role.clone()));
        assert_eq!(registry.managed.lock().unwrap().len(), 2);
        let found = |name, project| registry.find(name, project).map(|old| old.name);
        assert_eq!(found(Some("orders"), None).as_deref(), Some("orders"));
        assert_eq!(found(Some("orders"), Some("p")), None);
        assert_eq!(found(Some("stock"), Some("p")).as_deref(), Some("stock"));
        assert_eq!(found(Some("new"), None), None);
        assert_eq!(found(None, None), None);
        // It was planned with its prior state, so it is not tainted: a connection with its name is another connection.
        registry.record_planned("id-of-orders");
        assert_eq!(found(Some("orders"), None), None);
    }

    #[test]
    fn finds_destroyed_connection_of_role() {
        let registry = ManagedRegistry::default();
        let role = ManagedRole::new("db.test", 5432, "app");
        registry.record(managed("orders", None, role.clone()));
        assert_eq!(registry.destroyed_with(&role), None);
        registry.record_destroyed("id-of-orders");
        assert_eq!(registry.destroyed_with(&role).map(|old| old.name).as_deref(), Some("orders"));
        assert_eq!(registry.destroyed_with(&ManagedRole::new("db.test", 5432, "App")), None);
    }
}

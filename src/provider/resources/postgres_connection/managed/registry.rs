//! The platform-managed connections that one walk has seen. Knows nothing of plans.
//!
//! A core plans the second half of a replacement, and every tainted object, as if nothing had been there before. What
//! had been there is remembered here: nobody but the service knows the password of its role.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::postgres::ascii_host;

use crate::text::shown;

/// The connections of the state that one walk has seen so far, and what became of them in it.
#[derive(Default)]
pub(crate) struct Managed {
    ids: Mutex<HashSet<String>>,
    seen: Mutex<Vec<ManagedConnection>>,
    planned: Mutex<HashSet<String>>,
    destroyed: Mutex<Vec<String>>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManagedConnection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) project: Option<String>,
    pub(crate) role: ManagedRole,
}

/// A role of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManagedRole {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: String,
}

impl ManagedRole {
    /// Spelled so that equal ones are the same: case matters in names of roles, and not in those of hosts.
    pub(crate) fn new(host: &str, port: u16, name: &str) -> Self {
        Self { host: ascii_host(host.trim()).to_ascii_lowercase(), port, name: name.trim().to_owned() }
    }

    /// `host:port`, for messages.
    pub(crate) fn endpoint(&self) -> String {
        let Self { port, .. } = self;
        let host = shown(&self.host);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl Managed {
    /// Remembers that the state has this connection, managed or not.
    pub(crate) fn note_id(&self, id: &str) {
        lock(&self.ids).insert(id.to_owned());
    }

    /// Whether the state has a connection of this id.
    pub(crate) fn is_in_state(&self, id: &str) -> bool {
        lock(&self.ids).contains(id)
    }

    /// Remembers a managed connection.
    pub(crate) fn note(&self, seen: ManagedConnection) {
        let mut known = lock(&self.seen);
        if !known.contains(&seen) {
            known.push(seen);
        }
    }

    /// Remembers that a connection was planned as one that exists: no create replaces it without a mark.
    pub(crate) fn note_planned(&self, id: &str) {
        lock(&self.planned).insert(id.to_owned());
    }

    /// The connection that a new one of this name replaces: one of the same scope that was not planned itself, as a tainted
    /// one is not. One that only uses the same role is another connection.
    pub(crate) fn find(&self, name: Option<&str>, project: Option<&str>) -> Option<ManagedConnection> {
        let planned = lock(&self.planned);
        let known = lock(&self.seen);
        let replaced = |seen: &&ManagedConnection| {
            Some(seen.name.as_str()) == name && seen.project.as_deref() == project && !planned.contains(&seen.id)
        };
        known.iter().find(replaced).cloned()
    }

    /// Remembers that a connection is gone for good. (A core plans the new one once more after that.)
    pub(crate) fn note_destroyed(&self, id: &str) {
        lock(&self.destroyed).push(id.to_owned());
    }

    /// Whether this walk has destroyed a connection.
    pub(crate) fn is_destroyed(&self, id: &str) -> bool {
        lock(&self.destroyed).iter().any(|known| known == id)
    }

    /// A connection of this role that this walk has destroyed.
    pub(crate) fn destroyed_with(&self, role: &ManagedRole) -> Option<ManagedConnection> {
        let destroyed = lock(&self.destroyed);
        lock(&self.seen).iter().find(|seen| seen.role == *role && destroyed.contains(&seen.id)).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, project: Option<&str>, role: ManagedRole) -> ManagedConnection {
        ManagedConnection {
            id: format!("id-of-{name}"),
            name: name.to_owned(),
            project: project.map(ToOwned::to_owned),
            role,
        }
    }

    #[test]
    fn finds_replaced_connection_by_name_and_scope_only() {
        let memory = Managed::default();
        let role = ManagedRole::new("db.test", 5432, "app");
        memory.note(seen("orders", None, ManagedRole::new("DB.test ", 5432, "app")));
        memory.note(seen("orders", None, role.clone()));
        memory.note(seen("stock", Some("p"), role.clone()));
        assert_eq!(memory.seen.lock().unwrap().len(), 2);
        let found = |name, project| memory.find(name, project).map(|seen| seen.name);
        assert_eq!(found(Some("orders"), None).as_deref(), Some("orders"));
        assert_eq!(found(Some("orders"), Some("p")), None);
        assert_eq!(found(Some("stock"), Some("p")).as_deref(), Some("stock"));
        assert_eq!(found(Some("newcomer"), None), None);
        assert_eq!(found(None, None), None);
        // It was planned with its prior state, so it is not tainted: whatever takes its name is another connection.
        memory.note_planned("id-of-orders");
        assert_eq!(found(Some("orders"), None), None);
    }

    #[test]
    fn knows_which_roles_lost_their_connection() {
        let memory = Managed::default();
        let role = ManagedRole::new("db.test", 5432, "app");
        memory.note(seen("orders", None, role.clone()));
        assert_eq!(memory.destroyed_with(&role), None);
        memory.note_destroyed("id-of-orders");
        assert_eq!(memory.destroyed_with(&role).map(|seen| seen.name).as_deref(), Some("orders"));
        assert_eq!(memory.destroyed_with(&ManagedRole::new("db.test", 5432, "App")), None);
    }
}

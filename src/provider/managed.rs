//! The platform-managed connections that one walk has seen. Knows nothing of plans.
//!
//! A core plans the second half of a replacement, and every tainted object, as if nothing had been there before. What
//! had been there is remembered here: nobody but the service knows the password of its role.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The connections seen so far, and which of them this walk has destroyed.
#[derive(Default)]
pub(crate) struct Managed {
    seen: Mutex<Vec<Seen>>,
    destroyed: Mutex<Vec<String>>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) project: Option<String>,
    pub(crate) role: Role,
}

/// A role of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: String,
}

impl Role {
    /// Spelled so that equal ones are the same: case matters in names of roles, and not in those of hosts.
    pub(crate) fn new(host: &str, port: u16, name: &str) -> Self {
        Self { host: host.trim().to_ascii_lowercase(), port, name: name.trim().to_owned() }
    }

    /// `host:port`.
    pub(crate) fn endpoint(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl Managed {
    /// Remembers a connection.
    pub(crate) fn note(&self, seen: Seen) {
        let mut known = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&seen) {
            known.push(seen);
        }
    }

    /// The connection that a new one replaces: the one with its name in its scope, or else the one with its role.
    pub(crate) fn find(&self, name: Option<&str>, project: Option<&str>, role: Option<&Role>) -> Option<Seen> {
        let known = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let named = known.iter().find(|seen| Some(seen.name.as_str()) == name && seen.project.as_deref() == project);
        named.or_else(|| known.iter().find(|seen| Some(&seen.role) == role)).cloned()
    }

    /// Remembers that a connection is gone for good. (A core plans the new one once more after that.)
    pub(crate) fn note_destroyed(&self, id: &str) {
        self.destroyed.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
    }

    /// Whether this walk has destroyed a connection.
    pub(crate) fn is_destroyed(&self, id: &str) -> bool {
        self.destroyed.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, project: Option<&str>, role: Role) -> Seen {
        Seen { id: format!("id-of-{name}"), name: name.to_owned(), project: project.map(ToOwned::to_owned), role }
    }

    #[test]
    fn a_connection_is_found_by_its_name_in_its_scope_and_by_its_role() {
        let memory = Managed::default();
        memory.note(seen("orders", None, Role::new("DB.test ", 5432, "app")));
        memory.note(seen("orders", None, Role::new("db.TEST", 5432, "app")));
        memory.note(seen("stock", Some("p"), Role::new("db.test", 5432, "stock")));
        assert_eq!(memory.seen.lock().unwrap().len(), 2);
        let other = Role::new("db.test", 5433, "app");
        let (stock, capital) = (Role::new("db.test", 5432, "stock"), Role::new("db.test", 5432, "Stock"));
        let found = |name, project, role| memory.find(name, project, role).map(|seen| seen.name);
        assert_eq!(found(Some("orders"), None, Some(&other)).as_deref(), Some("orders"));
        assert_eq!(found(Some("orders"), Some("p"), Some(&other)), None);
        assert_eq!(found(None, None, Some(&stock)).as_deref(), Some("stock"));
        assert_eq!(found(None, None, Some(&capital)), None);
        assert_eq!(found(None, None, None), None);
    }
}

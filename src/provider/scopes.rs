//! What the scopes of the KMS hold, asked once per scope and shared by all who want to know. Scopes are the organisation
//! and each project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::kms::{self, Client, Connection};

/// The connections of one scope, or why they are not known.
pub(crate) type Listed = Result<Arc<Vec<Connection>>, kms::Error>;

/// The lists of one walk.
#[derive(Default)]
pub(crate) struct Scopes(Mutex<HashMap<Option<String>, Asked>>);

#[derive(Clone)]
struct Asked {
    when: Instant,
    list: Arc<OnceCell<Listed>>,
}

impl Scopes {
    /// What a scope held not longer ago than `age`. `None` is the organisation.
    pub(crate) async fn list(&self, client: &Client, project: Option<&str>, age: Duration) -> Listed {
        let asked = self.asked(project, age);
        let list = asked.list.get_or_init(|| async {
            let mut connections = client.list(project).await?;
            // The organisation's list holds those of its projects, too.
            connections.retain(|connection| connection.project_id.as_deref() == project);
            Ok(Arc::new(connections))
        });
        list.await.clone()
    }

    fn asked(&self, project: Option<&str>, age: Duration) -> Asked {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = project.map(ToOwned::to_owned);
        let known = scopes.get(&key).filter(|asked| asked.when.elapsed() <= age).cloned();
        known.unwrap_or_else(|| {
            let asked = Asked { when: Instant::now(), list: Arc::default() };
            scopes.insert(key, asked.clone());
            asked
        })
    }
}

//! The routes that list: connections of one app or of all, and the kinds that there are. Does not depend on HTTP.

use serde_json::{Value, json};

use super::connections::shown;
use super::refusal::{Handled, Refusal};
use super::server::Server;

/// Returns the kinds of connections that can be made.
pub(super) fn options() -> Value {
    json!({"appConnectionOptions": [{
        "name": "PostgreSQL", "app": "postgres", "methods": [super::body::METHOD], "supportsPlatformManagement": true,
    }]})
}

/// Returns the connections of an app, or of all. Without a project those of all scopes, else only the project's.
pub(super) fn list(server: &Server, rows: &[Value], app: Option<&str>, project: Option<&str>) -> Handled {
    known(server, project)?;
    server.permit("read", project.is_some())?;
    let in_scope = |row: &&Value| project.is_none_or(|id| row["projectId"] == id);
    let found = sorted(rows, app, in_scope).map(|row| {
        let mut row = shown(row);
        row["project"] = match row["projectId"].as_str() {
            Some(id) => json!({"id": id, "name": "Local project", "type": "secret-manager", "slug": "local-project"}),
            None => Value::Null,
        };
        row
    });
    Ok(json!({"appConnections": found.collect::<Vec<_>>()}))
}

/// Returns the connections for a project, or the organisation: the organisation's connections and the project's.
pub(super) fn available(server: &Server, rows: &[Value], project: Option<&str>) -> Handled {
    known(server, project)?;
    let in_scope = |row: &&Value| row["projectId"].is_null() || row["projectId"].as_str() == project;
    let found = sorted(rows, Some("postgres"), in_scope).map(|row| {
        let field = |name: &str| (name.to_owned(), row[name].clone());
        ["app", "name", "id", "projectId", "orgId"].map(field).into_iter().collect::<Value>()
    });
    Ok(json!({"appConnections": found.collect::<Vec<_>>()}))
}

fn known(server: &Server, project: Option<&str>) -> Result<(), Refusal> {
    match project {
        Some(id) if id != server.identity().project_id => {
            Err(Refusal::not_found(format!("Project with {id} not found")))
        }
        _ => Ok(()),
    }
}

/// Returns all rows in the order of their names, without pages.
fn sorted<'a>(
    rows: &'a [Value],
    app: Option<&str>,
    in_scope: impl Fn(&&Value) -> bool,
) -> impl Iterator<Item = &'a Value> {
    let mut found: Vec<&Value> =
        rows.iter().filter(|row| app.is_none_or(|app| row["app"] == app)).filter(in_scope).collect();
    found.sort_by_key(|row| row["name"].as_str().unwrap_or_default().to_lowercase());
    found.into_iter()
}

//! The routes of PostgreSQL connections: the order of their checks, and what they do. Does not depend on HTTP.

use serde_json::{Value, json};

use super::body::{self, METHOD};
use super::database::{self, Target, Transfer};
use super::host_rules;
use super::refusal::{Handled, Refusal};
use super::schema::trim;
use super::server::Server;
use super::store::Refused;

const APP: &str = "postgres";

/// Returns the part of a row that the API shows.
pub(super) fn shown(row: &Value) -> Value {
    let mut shown = row.clone();
    if let Some(credentials) = shown["credentials"].as_object_mut() {
        credentials.remove("password");
    }
    shown
}

/// Handles a GET by id.
pub(super) fn by_id(server: &Server, rows: &[Value], id: &str) -> Handled {
    let row = rows.iter().find(|row| row["id"] == id).ok_or_else(|| unknown_id(id))?;
    server.permit("read", !row["projectId"].is_null())?;
    is_ours(row, &format!("ID {id}"))?;
    Ok(json!({"appConnection": shown(row)}))
}

/// Handles a GET by name in the organisation or in a project.
pub(super) fn by_name(server: &Server, rows: &[Value], name: &str, project: Option<&str>) -> Handled {
    let (name, project) = (trim(name), project.map(trim));
    if name.is_empty() {
        return Err(Refusal::invalid(vec![json!({
            "code": "too_small", "minimum": 1, "type": "string", "inclusive": true, "exact": false,
            "message": "Connection name required", "path": ["connectionName"],
        })]));
    }
    let found = rows.iter().find(|row| row["name"] == name && row["projectId"].as_str() == project);
    let row = found.ok_or_else(|| {
        let scope = if project.is_some() { "project" } else { "organization" };
        Refusal::not_found(format!("Could not find App Connection with name {name} in {scope} scope."))
    })?;
    server.permit("read", project.is_some())?;
    is_ours(row, &format!("name {name}"))?;
    Ok(json!({"appConnection": shown(row)}))
}

/// Handles a POST. The login comes first; the check for a name that already exists comes last.
pub(super) async fn create(server: &Server, body: Option<&Value>) -> Handled {
    let wanted = body::create(body)?;
    let project = wanted.project_id.as_deref().filter(|id| !id.is_empty());
    if project.is_some_and(|id| id != server.identity().project_id) {
        let id = project.unwrap_or_default();
        return Err(Refusal::not_found(format!("Project with ID '{id}' not found")));
    }
    server.permit("create", project.is_some())?;
    no_gateway(wanted.gateway_id.as_deref())?;
    let mut credentials = wanted.credentials;
    validate(server, &credentials).await?;
    let transfer = if wanted.managed { take_over(server, &mut credentials).await? } else { None };
    if wanted.project_id.as_deref() == Some("") {
        // Taken for the organisation until the database misses a project with this id.
        return Err(Refusal::internal("Create"));
    }
    let row = json!({
        "name": wanted.name, "description": wanted.description, "app": APP, "method": METHOD,
        "projectId": wanted.project_id, "isPlatformManagedCredentials": wanted.managed, "credentials": credentials,
    });
    let stored = server.store().insert(row).map_err(|refused| refusal(refused, &wanted.name, "Create"))?;
    commit(transfer).await?;
    Ok(json!({"appConnection": shown(&stored)}))
}

/// Handles a PATCH. The change is made before the check that the row belongs to PostgreSQL.
pub(super) async fn update(server: &Server, id: &str, body: Option<&Value>) -> Handled {
    let change = body::update(body)?;
    let row = server.store().get(id).cloned().ok_or_else(|| unknown_id(id))?;
    server.permit("edit", !row["projectId"].is_null())?;
    no_gateway(change.gateway_id.as_ref().and_then(Option::as_deref))?;
    let is_managed = row["isPlatformManagedCredentials"] == true;
    if is_managed && (change.credentials.is_some() || change.managed == Some(false)) {
        let message = "Cannot update credentials or management status for platform managed connections";
        return Err(Refusal::bad_request(message));
    }
    let mut credentials = change.credentials;
    if let Some(credentials) = &credentials {
        validate(server, credentials).await?;
    }
    let transfer = match (change.managed, &mut credentials) {
        (Some(true), Some(credentials)) => take_over(server, credentials).await?,
        (Some(true), None) => {
            let message = "Credentials required to transition to platform managed credentials";
            return Err(Refusal::bad_request(message));
        }
        _ => None,
    };
    let name = change.name.clone().unwrap_or_default();
    let stored = server
        .store()
        .update(id, credentials.is_some(), |row| {
            let fields = [
                ("name", change.name.map(Value::from)),
                ("description", change.description.map(Value::from)),
                ("gatewayId", change.gateway_id.map(Value::from)),
                ("isPlatformManagedCredentials", change.managed.map(Value::from)),
                ("credentials", credentials),
            ];
            for (field, value) in fields {
                if let Some(value) = value {
                    row[field] = value;
                }
            }
        })
        .map_err(|refused| refusal(refused, &name, "Update by id"))?
        .ok_or_else(|| unknown_id(id))?;
    commit(transfer).await?;
    if stored["app"] != APP {
        // The change is made, but the response does not fit the schema of its route.
        return Err(Refusal::unforeseen());
    }
    Ok(json!({"appConnection": shown(&stored)}))
}

/// Handles a DELETE, without a login to the database.
pub(super) fn delete(server: &Server, id: &str) -> Handled {
    let mut store = server.store();
    let row = store.get(id).cloned().ok_or_else(|| unknown_id(id))?;
    server.permit("delete", !row["projectId"].is_null())?;
    is_ours(&row, &format!("ID {id}"))?;
    if server.is_in_use(id) {
        return Err(Refusal::bad_request(
            "Cannot delete App Connection with existing connections. Remove all existing connections and try again.",
        ));
    }
    store.remove(id).map_err(|refused| refusal(refused, "", "Delete by id"))?;
    Ok(json!({"appConnection": shown(&row)}))
}

fn unknown_id(id: &str) -> Refusal {
    Refusal::not_found(format!("Could not find App Connection with ID {id}"))
}

fn is_ours(row: &Value, called: &str) -> Result<(), Refusal> {
    if row["app"] == APP {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("App Connection with {called} is not for App \"{APP}\"")))
}

/// Rejects a gateway: this server has none.
fn no_gateway(id: Option<&str>) -> Result<(), Refusal> {
    id.map_or(Ok(()), |id| Err(Refusal::not_found(format!("Gateway with ID {id} not found for org"))))
}

/// Logs in with credentials that are about to be stored.
async fn validate(server: &Server, credentials: &Value) -> Result<(), Refusal> {
    let target = target(credentials)?;
    let check = async {
        host_rules::check(&target.host, server.options.allow_internal).await?;
        if server.options.log_in { database::validate(&target).await } else { Ok(()) }
    };
    check.await.map_err(|text| Refusal::bad_request(format!("Unable to validate connection: {text}")))
}

/// Replaces the password, in the role and in the credentials.
async fn take_over(server: &Server, credentials: &mut Value) -> Result<Option<Transfer>, Refusal> {
    if !server.options.log_in {
        credentials["password"] = database::new_password().into();
        return Ok(None);
    }
    let transfer = database::transfer(&target(credentials)?).await.map_err(Refusal::bad_request)?;
    credentials["password"] = transfer.new_password.clone().into();
    Ok(Some(transfer))
}

/// Commits the new password of the role, after the row holds it.
async fn commit(transfer: Option<Transfer>) -> Result<(), Refusal> {
    match transfer {
        Some(transfer) => transfer.commit().await.map_err(Refusal::bad_request),
        None => Ok(()),
    }
}

fn target(credentials: &Value) -> Result<Target, Refusal> {
    serde_json::from_value(credentials.clone()).map_err(|_| Refusal::unforeseen())
}

fn refusal(refused: Refused, name: &str, operation: &str) -> Refusal {
    match refused {
        Refused::Duplicate => {
            Refusal::bad_request(format!("An App Connection with the name \"{name}\" already exists"))
        }
        Refused::File(_) => Refusal::internal(operation),
    }
}

//! What a change sends to the service. Pure: a plan asks it to decide, an apply to build the request.

use serde_json::Value as Json;

use crate::kms;
use crate::terraform::model::Field;
use crate::terraform::private::Private;
use crate::terraform::value::{Object, Value};

use super::model::{CREDENTIALS, Connection};

/// The private note of which argument gave the password that was last sent.
const PASSWORD_SOURCE: &str = "password_source";

/// The private note of the fingerprint that the service answered to our last write of credentials.
const WRITTEN_HASH: &str = "written_hash";

/// Whether a planned update sends credentials. A create always does.
pub(super) fn sends_credentials(prior: &Object, planned: &Object, config: &Connection, private: &Private) -> bool {
    let changed = |name: &str| prior.get(name) != planned.get(name);
    if CREDENTIALS.iter().any(|name| changed(name)) {
        return true;
    }
    if !planned.get("password").is_null() {
        return changed("password");
    }
    match (&config.password_wo, &config.password_wo_version) {
        (Field::Null, _) => false,
        (_, Field::Known(_) | Field::Unknown) => changed("password_wo_version"),
        // No version to go by: send it once, unless it is known to be what the service has.
        (password, Field::Null) => match (password.known(), prior.get("password").as_str()) {
            (Some(new), Some(old)) => new.trim() != old.trim(),
            (_, Some(_)) => true,
            (_, None) => private.kept(PASSWORD_SOURCE) != Some(&Json::from("password_wo")),
        },
    }
}

/// Whether an apply sends credentials: the plan made the fingerprint unknown exactly then.
pub(super) fn credentials_are_planned(planned: &Object) -> bool {
    planned.get("credentials_hash").is_unknown()
}

/// The request of an update; `None` when there is nothing to send. `credentials` is `Some` when they are to be sent.
pub(super) fn change(
    prior: &Connection,
    planned: &Connection,
    credentials: Option<kms::NewCredentials>,
) -> Option<kms::Change> {
    let name = (prior.name != planned.name).then(|| planned.name.known().map(|name| name.trim().to_owned())).flatten();
    let description = match (prior.description(), planned.description()) {
        (before, after) if before.clone().unwrap_or_default() == after.clone().unwrap_or_default() => kms::Patch::Keep,
        (_, Some(after)) if !after.is_empty() => kms::Patch::Set(after),
        _ => kms::Patch::Clear,
    };
    // With credentials the service uses only the gateway of the request, so it is repeated then.
    let gateway_id = match planned.gateway_id.known() {
        Some(gateway) if prior.gateway_id != planned.gateway_id || credentials.is_some() => {
            kms::Patch::Set(gateway.clone())
        }
        None if !prior.gateway_id.is_null() => kms::Patch::Clear,
        _ => kms::Patch::Keep,
    };
    let nothing = name.is_none()
        && matches!(description, kms::Patch::Keep)
        && matches!(gateway_id, kms::Patch::Keep)
        && credentials.is_none();
    (!nothing).then_some(kms::Change { name, description, gateway_id, credentials, ..kms::Change::default() })
}

/// Notes what was sent, for the plans to come.
pub(super) fn note(private: &mut Private, config: &Connection, planned: &Connection, hash: Option<&str>) {
    let source = if planned.password.known().is_some() {
        Json::from("password")
    } else if config.password_wo.known().is_some() {
        Json::from("password_wo")
    } else {
        Json::Null
    };
    private.keep(PASSWORD_SOURCE, source);
    if let Some(hash) = hash {
        private.keep(WRITTEN_HASH, Json::from(hash));
    }
}

/// The version that is planned when the configuration does not say: the one there was.
pub(super) fn unset_version(prior: Option<&Object>) -> Value {
    prior.map_or(Value::Null, |prior| prior.get("password_wo_version").clone())
}

#[cfg(test)]
mod tests;

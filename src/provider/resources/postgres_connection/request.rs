//! The bodies of the requests that create and update a connection.

use crate::kms;
use crate::secret::Secret;

use super::model::ConnectionModel;

/// Returns the request that creates a connection, or `None` while a part of it is unknown or missing.
pub(super) fn create(planned: &ConnectionModel, password: Secret) -> Option<kms::NewConnection> {
    Some(kms::NewConnection {
        name: planned.name.known()?.to_string(),
        description: planned.description().filter(|text| !text.is_empty()),
        project_id: planned.project().map(ToOwned::to_owned),
        method: kms::Method::default(),
        is_platform_managed: planned.is_managed(),
        gateway_id: planned.gateway_id.known().map(|id| id.as_str().to_owned()),
        credentials: planned.credentials(password)?,
    })
}

/// Returns the request that updates a connection, or `None` if no value changes. `credentials` is `Some` if they are sent.
pub(super) fn update(
    prior: &ConnectionModel,
    planned: &ConnectionModel,
    credentials: Option<kms::NewCredentials>,
) -> Option<kms::ConnectionUpdate> {
    let name = planned.name.known().filter(|_| prior.name != planned.name).map(|name| name.to_string());
    let description = match (prior.description(), planned.description()) {
        (before, after) if before.clone().unwrap_or_default() == after.clone().unwrap_or_default() => kms::Patch::Keep,
        (_, Some(after)) if !after.is_empty() => kms::Patch::Set(after),
        _ => kms::Patch::Clear,
    };
    // With credentials the KMS uses only the gateway in the request, so the request repeats an unchanged gateway.
    let gateway_id = match planned.gateway_id.known() {
        Some(gateway) if prior.gateway_id != planned.gateway_id || credentials.is_some() => {
            kms::Patch::Set(gateway.as_str().to_owned())
        }
        None if !prior.gateway_id.is_null() => kms::Patch::Clear,
        _ => kms::Patch::Keep,
    };
    let is_platform_managed = planned.is_managed() && !prior.is_managed() && credentials.is_some();
    let nothing = name.is_none()
        && matches!(description, kms::Patch::Keep)
        && matches!(gateway_id, kms::Patch::Keep)
        && credentials.is_none();
    (!nothing).then_some(kms::ConnectionUpdate { name, description, is_platform_managed, gateway_id, credentials })
}

//! Whether the name of a planned connection is in use, by the list of its scope. One list per scope serves all connections.

use std::time::Duration;

use super::cache::{Scopes, THIS_WALK};
use super::managed_registry::{ManagedRegistry, ManagedRole};
use crate::kms;
use crate::kms::{AppConnection, Client};

/// The maximum age of a list that shows that a name was free right before a create.
const JUST_BEFORE: Duration = Duration::from_secs(10);

/// A connection that is planned to be created.
#[derive(Clone, Copy)]
pub(crate) struct PlannedConnection<'a> {
    /// `None` while it is unknown.
    pub(crate) name: Option<&'a str>,
    /// `None` is the organization.
    pub(crate) project: Option<&'a str>,
}

/// The connections of the scope that a planned connection conflicts with.
#[derive(Default)]
pub(crate) struct NameCheck {
    /// A connection with the same name that is not in the state.
    pub(crate) same_name: Option<AppConnection>,
    /// A platform-managed connection of the same role with another name.
    pub(crate) same_managed_role: Option<AppConnection>,
}

/// Looks for connections that have the name of a planned connection, or that manage its role. `role` is `None` if the role is
/// unknown or not in question.
///
/// # Errors
/// When the list of the scope cannot be read.
pub(crate) async fn check(
    scopes: &Scopes,
    client: &Client,
    registry: &ManagedRegistry,
    planned: PlannedConnection<'_>,
    role: Option<&ManagedRole>,
) -> Result<NameCheck, kms::Error> {
    let listing = scopes.list(client, planned.project, THIS_WALK).await?;
    let has_name = |connection: &&AppConnection| Some(connection.name.as_str()) == planned.name;
    let manages_role = |connection: &&AppConnection| {
        !has_name(connection)
            && connection.is_platform_managed == Some(true)
            && role.is_some_and(|role| ManagedRole::of(connection).as_ref() == Some(role))
    };
    // A connection in the state is managed by Terraform already. A tainted one keeps its name until it is replaced.
    let same_name = listing.own().find(has_name).filter(|taken| !registry.is_in_state(&taken.id));
    Ok(NameCheck { same_name: same_name.cloned(), same_managed_role: listing.own().find(manages_role).cloned() })
}

/// Returns whether the name of a connection is free right before its create. `false` if that is unknown.
pub(crate) async fn was_free(scopes: &Scopes, client: &Client, planned: PlannedConnection<'_>) -> bool {
    scopes.list(client, planned.project, JUST_BEFORE).await.is_ok_and(|listing| {
        listing.unreadable() == 0 && !listing.own().any(|connection| Some(connection.name.as_str()) == planned.name)
    })
}

//! The session of one `Configure`: the client, the defaults, and the caches of one walk.

use crate::kms;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::provider::Core;

use crate::provider::config::validation::Defaults;
use crate::provider::config::{NoClient, ResolvedConfig};
use crate::provider::connections::cache::Scopes;
use crate::provider::connections::managed_registry::ManagedRegistry;
use crate::provider::fingerprint::Fingerprints;
use crate::provider::login_check::Logins;
use crate::provider::login_check::kms_location::VantagePoint;
use crate::provider::messages;

/// The configured provider. The next `Configure` replaces it with all its caches.
pub struct Session {
    client: Result<kms::Client, NoClient>,
    pub(crate) validation: Defaults,
    pub(crate) logins: Logins,
    pub(crate) fingerprints: Fingerprints,
    pub(crate) scopes: Scopes,
    /// The location of the KMS, and the hosts that this machine may log in to.
    pub(crate) vantage_point: VantagePoint,
    pub(crate) managed: ManagedRegistry,
}

impl Session {
    pub(crate) fn new(resolved: ResolvedConfig, core: Core<'_>) -> Self {
        let client = resolved.client.map(|mut settings| {
            settings.user_agent = format!("{} Terraform/{}", settings.user_agent, core.version);
            kms::Client::new(settings)
        });
        Self {
            client,
            validation: resolved.validation,
            logins: Logins::new(resolved.vantage_point.clone()),
            fingerprints: Fingerprints::default(),
            scopes: Scopes::default(),
            vantage_point: resolved.vantage_point,
            managed: ManagedRegistry::default(),
        }
    }

    /// Returns the client.
    ///
    /// # Errors
    /// When an argument is unknown or no credentials are configured.
    pub(crate) fn client(&self) -> Result<&kms::Client, Diagnostics> {
        self.client.as_ref().map_err(messages::settings::no_client)
    }

    /// Returns whether there is no client because an argument is unknown.
    pub(crate) fn has_unknown_arguments(&self) -> bool {
        matches!(self.client, Err(NoClient::Unknown(_)))
    }
}

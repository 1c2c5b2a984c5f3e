//! The session of one `Configure`: the client, the defaults, and the caches of one walk.

use std::sync::OnceLock;

use crate::kms;
use crate::terraform::diagnostic::Diagnostics;

use crate::provider::config::validation::Defaults;
use crate::provider::config::{NoClient, ResolvedConfig};
use crate::provider::connections::cache::Scopes;
use crate::provider::connections::managed_registry::ManagedRegistry;
use crate::provider::fingerprint::Fingerprints;
use crate::provider::login_check::Logins;
use crate::provider::login_check::kms_location::VantagePoint;
use crate::provider::messages::{self, RequestContext};

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
    /// The connection whose message explains why the authentication at the KMS failed.
    auth_reporter: OnceLock<String>,
}

impl Session {
    pub(crate) fn new(resolved: ResolvedConfig, core_version: &str) -> Self {
        let client = resolved.client.map(|mut settings| {
            settings.user_agent = format!("{} Terraform/{core_version}", settings.user_agent);
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
            auth_reporter: OnceLock::new(),
        }
    }

    /// Returns the diagnostics of a failed request to the KMS.
    pub(crate) fn failed(&self, context: RequestContext<'_>, error: &kms::Error) -> Diagnostics {
        messages::service(self.with_first_reporter(context, error), error)
    }

    /// Records the first connection whose authentication failed. Its message explains the failure; those of all other
    /// connections refer to it.
    pub(crate) fn with_first_reporter<'a>(
        &'a self,
        context: RequestContext<'a>,
        error: &kms::Error,
    ) -> RequestContext<'a> {
        let record = || self.auth_reporter.get_or_init(|| context.title.to_owned()).as_str();
        RequestContext { first_reporter: error.is_auth_failure().then(record), ..context }
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

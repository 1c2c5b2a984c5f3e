//! What one `Configure` makes: the client, the defaults, and the memory of one walk.

use crate::kms;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::provider::Core;

use crate::provider::config::validation::Defaults;
use crate::provider::config::{NoClient, ResolvedConfig};
use crate::provider::connections::cache::Scopes;
use crate::provider::connections::managed_registry::ManagedRegistry;
use crate::provider::fingerprint::Fingerprints;
use crate::provider::login_check::Logins;
use crate::provider::login_check::kms_location::VantagePoint;

/// The configured provider. Goes, with everything it remembers, at the next `Configure`.
pub struct Session {
    client: Result<kms::Client, NoClient>,
    pub(crate) validation: Defaults,
    pub(crate) logins: Logins,
    pub(crate) fingerprints: Fingerprints,
    pub(crate) scopes: Scopes,
    /// Where the service runs, and where this machine may log in.
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

    /// The client, for work that needs the service.
    pub(crate) fn client(&self) -> Result<&kms::Client, Diagnostics> {
        self.client.as_ref().map_err(|missing| missing.diagnostics())
    }

    /// Whether there is no client only because an argument is not known yet.
    pub(crate) fn has_unknown_arguments(&self) -> bool {
        matches!(self.client, Err(NoClient::Unknown(_)))
    }
}

impl NoClient {
    fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Unknown(arguments) => arguments.iter().map(|name| unknown_argument(name)).collect(),
            Self::NoCredentials => no_credentials().into(),
        }
    }
}

fn unknown_argument(name: &str) -> Diagnostic {
    Diagnostic::error(
        "Provider argument not known yet",
        format!(
            "The provider argument `{name}` depends on something that this run has yet to create, so the KMS cannot be asked \
             now. Either apply that first, with `-target`, or plan without reading existing connections, with \
             `-refresh=false`."
        ),
    )
}

fn no_credentials() -> Diagnostic {
    Diagnostic::error(
        "No credentials for the KMS",
        "The provider has no credentials to log in to the KMS with. Set `client_id` and `client_secret` of a machine identity \
         (or the environment variables `KMS_UNIVERSAL_AUTH_CLIENT_ID` and `KMS_UNIVERSAL_AUTH_CLIENT_SECRET`); or `token` \
         (`KMS_TOKEN`); or `identity_id` (`KMS_MACHINE_IDENTITY_ID`) and an `auth_method` (`KMS_AUTH_METHOD`) that proves \
         the identity through a third party: `oidc`, `kubernetes`, `aws_iam`, `jwt`, `azure` or `gcp`.",
    )
}

//! The sources of the credentials that authenticate at the KMS: given, in a file, or issued by a third party for this
//! machine. Everything but what is given is fetched for each authentication, because it is replaced from time to time.

use std::path::PathBuf;

use serde::Deserialize;

use super::aws::Aws;
use super::metadata_http::{Fetch, ProxyUse, SourceState};
use super::source::SourceError;
use super::token;
use crate::secret::Secret;

/// A source of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// Given as they are.
    Given(Secret),
    /// In a file that another program keeps fresh.
    File(PathBuf),
    /// Issued by GitHub for the running job.
    GitHubActions {
        /// The URL that issues them.
        url: String,
        /// The token to present there.
        token: Secret,
    },
    /// Issued by the metadata server of an Azure machine.
    Azure {
        /// The URL of the metadata server.
        address: String,
    },
    /// Issued by the metadata server of a Google machine.
    Google {
        /// Host, and port where it is not the default.
        host: String,
    },
    /// A request signed with a key of AWS.
    Aws(Aws),
}

/// The metadata server of Azure, the same on every machine.
pub const AZURE_METADATA: &str = "http://169.254.169.254";
/// The metadata server of Google, the same on every machine.
pub const GOOGLE_METADATA: &str = "metadata.google.internal";

/// The resource that the token of an Azure machine is for. The service accepts the one that is set for the identity, which
/// is this by default.
const AZURE_RESOURCE: &str = "https://management.azure.com/";

/// The fields of a request that authenticates, and further secrets that a response must not repeat.
pub(super) struct AuthFields {
    pub(super) fields: Vec<(&'static str, Secret)>,
    pub(super) secrets: Vec<Secret>,
}

impl CredentialSource {
    /// Parses a token, with or without `Bearer` in front. None if it has spaces, line breaks or other characters that HTTP
    /// does not allow.
    pub fn token(text: &str) -> Option<Self> {
        token::parse(text).map(Self::Given)
    }

    /// Returns the credentials of `principal`, as the field `field`.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) async fn resolve(
        &self,
        principal: &str,
        field: &'static str,
        state: &SourceState,
    ) -> Result<AuthFields, SourceError> {
        let token = match self {
            Self::Given(secret) => secret.clone(),
            Self::File(path) => token::from_file(path).await?,
            Self::GitHubActions { url, token } => from_github(url, token, state).await?,
            Self::Azure { address } => from_azure(address, state).await?,
            Self::Google { host } => from_google(host, principal, state).await?,
            Self::Aws(aws) => return aws.auth_fields(state).await,
        };
        Ok(AuthFields { fields: vec![(field, token)], secrets: Vec::new() })
    }
}

async fn from_github(url: &str, token: &Secret, state: &SourceState) -> Result<Secret, SourceError> {
    #[derive(Deserialize)]
    struct Issued {
        value: Secret,
    }
    let fetch = Fetch::get("GitHub", url, ProxyUse::Internet).secret_header("authorization", "Bearer ", token);
    let response = fetch.send(state).await?;
    response.token(response.json::<Issued>()?.value.expose())
}

async fn from_azure(address: &str, state: &SourceState) -> Result<Secret, SourceError> {
    #[derive(Deserialize)]
    struct Issued {
        access_token: Secret,
    }
    let query = token::form(&[("api-version", "2018-02-01"), ("resource", AZURE_RESOURCE)]);
    let url =
        format!("{}/metadata/identity/oauth2/token?{}", address.trim_end_matches('/'), String::from_utf8_lossy(&query));
    let fetch = Fetch::get("the metadata server of Azure", &url, ProxyUse::Machine).header("metadata", "true");
    let response = fetch.send(state).await?;
    response.token(response.json::<Issued>()?.access_token.expose())
}

async fn from_google(host: &str, identity_id: &str, state: &SourceState) -> Result<Secret, SourceError> {
    let query = token::form(&[("audience", identity_id), ("format", "full")]);
    let path = "computeMetadata/v1/instance/service-accounts/default/identity";
    let url = format!("http://{host}/{path}?{}", String::from_utf8_lossy(&query));
    let fetch =
        Fetch::get("the metadata server of Google", &url, ProxyUse::Machine).header("metadata-flavor", "Google");
    let response = fetch.send(state).await?;
    response.token(response.text())
}

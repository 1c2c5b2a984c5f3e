//! What proves who logs in, and where it comes from: given, in a file, or from whoever vouches for this machine. Everything
//! but what is given is fetched for each login, because it is replaced from time to time.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::aws::Aws;
use super::metadata_http::{Fetch, ProxyUse, SourceState};
use super::source::SourceError;
use crate::os;
use crate::secret::Secret;

/// What proves who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Given as it is.
    Given(Secret),
    /// In a file that somebody keeps fresh.
    File(PathBuf),
    /// From GitHub, for the job that runs.
    GitHubActions {
        /// Where to ask.
        url: String,
        /// What to show there.
        token: Secret,
    },
    /// From the metadata server of an Azure machine.
    Azure {
        /// Where that is.
        address: String,
    },
    /// From the metadata server of a Google machine.
    Google {
        /// Host, and port where it is not the usual one.
        host: String,
    },
    /// From a key of AWS, by a signature.
    Aws(Aws),
}

/// Where Azure's metadata server is on every machine.
pub const AZURE_METADATA: &str = "http://169.254.169.254";
/// Where Google's metadata server is on every machine.
pub const GOOGLE_METADATA: &str = "metadata.google.internal";

/// What the token of an Azure machine is for. The service accepts the one that is set for the identity, which is this
/// unless somebody changed it.
const AZURE_RESOURCE: &str = "https://management.azure.com/";
/// No token is longer.
const MAX_FILE_SIZE: u64 = 64 * 1024;

/// The fields of a login that prove who logs in, and what else must never be seen.
pub(super) struct LoginFields {
    pub(super) fields: Vec<(&'static str, Secret)>,
    pub(super) secrets: Vec<Secret>,
}

impl Proof {
    /// A token as a person gives it: with or without `Bearer` in front.
    ///
    /// None if it is no token: those have no spaces, line breaks or other characters that HTTP does not allow.
    pub fn token(text: &str) -> Option<Self> {
        one_token(text).map(Self::Given)
    }

    /// Gets what proves it, for `field` of a login of `who`.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn gather(
        &self,
        who: &str,
        field: &'static str,
        state: &SourceState,
    ) -> Result<LoginFields, SourceError> {
        let token = match self {
            Self::Given(secret) => secret.clone(),
            Self::File(path) => from_file(path).await?,
            Self::GitHubActions { url, token } => from_github(url, token, state).await?,
            Self::Azure { address } => from_azure(address, state).await?,
            Self::Google { host } => from_google(host, who, state).await?,
            Self::Aws(aws) => return aws.evidence(state).await,
        };
        Ok(LoginFields { fields: vec![(field, token)], secrets: Vec::new() })
    }
}

pub(super) async fn from_file(path: &Path) -> Result<Secret, SourceError> {
    let text = os::read_text_async(path, MAX_FILE_SIZE).await?;
    one_token(&text).ok_or_else(|| SourceError::NotOneToken(path.to_owned()))
}

/// Parses a token: no whitespace but a line break at its end. A `Bearer` prefix belongs to the header and is removed.
fn one_token(text: &str) -> Option<Secret> {
    let text = text.trim();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    };
    let whole = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    whole.then(|| Secret::new(token))
}

async fn from_github(url: &str, token: &Secret, state: &SourceState) -> Result<Secret, SourceError> {
    let fetch = Fetch::get("GitHub", url, ProxyUse::Internet).secret_header("authorization", "Bearer ", token);
    fetch.send(state).await?.field("value")
}

async fn from_azure(address: &str, state: &SourceState) -> Result<Secret, SourceError> {
    let resource = urlencoded(AZURE_RESOURCE);
    let address = address.trim_end_matches('/');
    let url = format!("{address}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}");
    let fetch = Fetch::get("the metadata server of Azure", &url, ProxyUse::Machine).header("metadata", "true");
    fetch.send(state).await?.field("access_token")
}

async fn from_google(host: &str, identity_id: &str, state: &SourceState) -> Result<Secret, SourceError> {
    let audience = urlencoded(identity_id);
    let path = "computeMetadata/v1/instance/service-accounts/default/identity";
    let url = format!("http://{host}/{path}?audience={audience}&format=full");
    let fetch =
        Fetch::get("the metadata server of Google", &url, ProxyUse::Machine).header("metadata-flavor", "Google");
    let answer = fetch.send(state).await?;
    one_token(answer.text()).ok_or_else(|| answer.not_understood())
}

/// A text as a part of a query.
pub(super) fn urlencoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A field of a JSON object that holds a secret.
pub(super) fn secret_field(object: &Value, name: &str) -> Option<Secret> {
    object.get(name).and_then(Value::as_str).and_then(one_token)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    async fn read(content: &str) -> Result<String, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let read = from_file(file.path()).await;
        read.map(|token| token.expose().to_owned()).map_err(|error| {
            assert!(!format!("{error} {error:?}").contains("s3cr3t") && !error.is_passing(), "{error}");
            error.to_string().replace(&file.path().display().to_string(), "FILE")
        })
    }

    #[tokio::test]
    async fn a_file_holds_one_token() {
        let long = "s3cr3t".repeat(20_000);
        let wrong = Err("the file `FILE` does not hold one token and nothing else".to_owned());
        for (content, expected) in [
            ("s3cr3t.a.b", Ok("s3cr3t.a.b".to_owned())),
            ("s3cr3t.a.b\n", Ok("s3cr3t.a.b".to_owned())),
            ("Bearer s3cr3t.a.b\r\n", Ok("s3cr3t.a.b".to_owned())),
            ("bearer", Ok("bearer".to_owned())),
            ("s3cr3t\u{e9}", wrong.clone()),
            ("", wrong.clone()),
            (" \n", wrong.clone()),
            ("s3cr3t one\ntwo", wrong),
            (&long, Err("the file `FILE` cannot be used: it is longer than 64 KiB".to_owned())),
        ] {
            assert_eq!(read(content).await, expected);
        }
        let missing = from_file(Path::new("/nonexistent/token")).await.unwrap_err().to_string();
        assert!(missing.starts_with("the file `/nonexistent/token` cannot be read: "), "{missing}");
    }

    #[test]
    fn queries_are_escaped() {
        assert_eq!(urlencoded("https://a.b/?x=1&y é"), "https%3A%2F%2Fa.b%2F%3Fx%3D1%26y%20%C3%A9");
    }
}

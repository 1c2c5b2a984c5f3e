//! The two files of AWS's tools, and the profile in them that counts.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Aws, AwsKey, metadata, sts};
use crate::env::aws as names;
use crate::kms::auth::metadata_http::SourceState;
use crate::kms::auth::source::SourceError;
use crate::os;
use crate::os::{FileError, FileProblem};
use crate::secret::Secret;

/// How many profiles may lead to one another.
const MAX_CHAIN_LENGTH: usize = 5;
/// Thousands of profiles.
const MAX_FILE_SIZE: u64 = 4 * 1024 * 1024;

/// The profiles of both files, and which of them is meant.
pub(super) struct Profiles {
    all: HashMap<String, Profile>,
    name: String,
    /// Whether somebody named it.
    named: bool,
}

type Profile = HashMap<String, Secret>;

impl Profiles {
    pub(super) async fn read(aws: &Aws) -> Result<Self, SourceError> {
        let home = aws.path(names::HOME);
        let file = |variable: &str, usual: &str| {
            aws.path(variable).or_else(|| home.as_ref().map(|home| home.join(".aws").join(usual)))
        };
        let mut all = HashMap::new();
        add(&mut all, file(names::CONFIG_FILE, "config"), Titles::OfSettings).await?;
        // Where both say something, the file with keys counts.
        add(&mut all, file(names::SHARED_CREDENTIALS_FILE, "credentials"), Titles::OfKeys).await?;
        let named = aws.get(names::PROFILE);
        Ok(Self { all, name: named.unwrap_or("default").to_owned(), named: named.is_some() })
    }

    /// The region of the profile.
    pub(super) fn region(&self) -> Option<&str> {
        self.all.get(&self.name)?.get("region").map(Secret::expose)
    }

    /// The key that the profile has or leads to; none if it is there for other things only.
    pub(super) async fn key(
        &self,
        aws: &Aws,
        region: &str,
        state: &SourceState,
    ) -> Result<Option<AwsKey>, SourceError> {
        let settings = SourceError::settings;
        if self.named && !self.all.contains_key(&self.name) {
            return Err(settings(format!("there is no profile `{}` of AWS (`{}`)", self.name, names::PROFILE)));
        }
        // From the profile down to one that has a key, then back up from role to role.
        let mut roles: Vec<&Profile> = Vec::new();
        let mut name = self.name.as_str();
        let start = loop {
            let Some(profile) = self.all.get(name) else {
                let missing = || settings(format!("there is no profile `{name}` of AWS"));
                return if roles.is_empty() { Ok(None) } else { Err(missing()) };
            };
            let get = |setting: &str| profile.get(setting).map(Secret::expose);
            let Some(role) = get("role_arn").filter(|_| !roles.iter().any(|seen| std::ptr::eq(*seen, profile))) else {
                break own_key(name, profile)?;
            };
            if roles.len() == MAX_CHAIN_LENGTH {
                return Err(settings(format!("more than {MAX_CHAIN_LENGTH} profiles of AWS lead to one another")));
            }
            if let Some(file) = get("web_identity_token_file") {
                let session = get("role_session_name");
                break Some(sts::with_web_identity(aws, region, role, session, Path::new(file), state).await?);
            }
            roles.push(profile);
            match (get("source_profile"), get("credential_source")) {
                (Some(source), _) => name = source,
                (None, Some("Environment")) => break aws.key_of_variables()?,
                (None, Some("EcsContainer")) => break metadata::container(aws, state).await?,
                (None, Some("Ec2InstanceMetadata")) => break Some(metadata::instance(aws, state).await?),
                (None, _) => {
                    let reason = format!("the profile `{name}` of AWS has a `role_arn`, but nothing to get it with");
                    return Err(settings(reason));
                }
            }
        };
        let Some(mut key) = start else {
            return if roles.is_empty() {
                Ok(None)
            } else {
                Err(settings(format!("the profile `{}` of AWS leads to no key", self.name)))
            };
        };
        for profile in roles.into_iter().rev() {
            let get = |setting: &str| profile.get(setting).map(Secret::expose);
            let role = get("role_arn").unwrap_or_default();
            let (session, external_id) = (get("role_session_name"), get("external_id"));
            key = sts::with_key(aws, region, role, session, external_id, &key, state).await?;
        }
        Ok(Some(key))
    }
}

/// The key that stands in the profile itself.
fn own_key(name: &str, profile: &Profile) -> Result<Option<AwsKey>, SourceError> {
    let get = |setting: &str| profile.get(setting);
    if let (Some(id), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
        let session_token = get("aws_session_token").cloned();
        return Ok(Some(AwsKey { id: id.expose().to_owned(), secret: secret.clone(), session_token }));
    }
    let foreign = ["sso_session", "sso_start_url", "credential_process", "mfa_serial"];
    match foreign.into_iter().find(|setting| profile.contains_key(*setting)) {
        Some(setting) => Err(SourceError::settings(format!(
            "the profile `{name}` of AWS gets its key by `{setting}`, which this provider does not do; `aws configure \
             export-credentials --profile {name} --format env` prints variables to set instead"
        ))),
        None => Ok(None),
    }
}

/// How a file names its profiles.
#[derive(Clone, Copy)]
enum Titles {
    /// `[default]`, `[profile x]`, and other things that are no profiles.
    OfSettings,
    /// `[default]`, `[x]`.
    OfKeys,
}

impl Titles {
    fn profile(self, title: &str) -> Option<&str> {
        match self {
            Self::OfSettings if title != "default" => title.strip_prefix("profile ").map(str::trim),
            Self::OfSettings | Self::OfKeys => Some(title),
        }
    }
}

/// Adds the profiles of a file, which need not exist.
async fn add(all: &mut HashMap<String, Profile>, file: Option<PathBuf>, titles: Titles) -> Result<(), SourceError> {
    let Some(file) = file else { return Ok(()) };
    let text = match os::read_text_async(&file, MAX_FILE_SIZE).await {
        Err(FileError { problem: FileProblem::Io { kind: io::ErrorKind::NotFound, .. }, .. }) => return Ok(()),
        read => read?,
    };
    let mut profile = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            profile = titles.profile(title.0.trim()).map(str::to_owned);
        // An indented line belongs to the setting above it, and none of those matters here.
        } else if let (Some(name), Some((key, value)), false) =
            (&profile, trimmed.split_once('='), line.starts_with([' ', '\t']))
        {
            let settings: &mut Profile = all.entry(name.clone()).or_default();
            settings.insert(key.trim().to_ascii_lowercase(), Secret::new(value.trim()));
        }
    }
    Ok(())
}

//! The two files of AWS's tools, and the key of the selected profile in them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::{Aws, AwsError, AwsKey, metadata, sts};
use crate::env::aws as names;
use crate::kms::auth::metadata_http::SourceState;
use crate::kms::auth::source::SourceError;
use crate::os::{self, FileError, FileProblem};
use crate::secret::Secret;
use zeroize::Zeroizing;

/// How many profiles may lead to one another.
const MAX_CHAIN_LENGTH: usize = 5;
/// Thousands of profiles.
const MAX_FILE_SIZE: u64 = 4 * 1024 * 1024;

/// The profiles of both files, and the selected one.
pub(super) struct Profiles {
    all: HashMap<String, Profile>,
    name: String,
    /// Whether a variable selects it.
    is_named: bool,
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
        // Where both have a setting, the file with keys wins.
        add(&mut all, file(names::SHARED_CREDENTIALS_FILE, "credentials"), Titles::OfKeys).await?;
        let named = aws.get(names::PROFILE);
        Ok(Self { all, name: named.unwrap_or("default").to_owned(), is_named: named.is_some() })
    }

    /// Returns the region of the profile.
    pub(super) fn region(&self) -> Option<&str> {
        self.all.get(&self.name)?.get("region").map(Secret::expose)
    }

    /// Returns the key that the profile has or leads to; none if it has other settings only.
    pub(super) async fn key(
        &self,
        aws: &Aws,
        region: &str,
        state: &SourceState,
    ) -> Result<Option<AwsKey>, SourceError> {
        if self.is_named && !self.all.contains_key(&self.name) {
            return Err(AwsError::NoProfile(self.name.clone()).into());
        }
        // From the profile down to one that has a key, then back up from role to role.
        let mut roles: Vec<&Profile> = Vec::new();
        let mut visited = HashSet::new();
        let mut name = self.name.as_str();
        let start = loop {
            let Some(profile) = self.all.get(name) else {
                return if roles.is_empty() {
                    Ok(None)
                } else {
                    Err(AwsError::NoSourceProfile(name.to_owned()).into())
                };
            };
            let get = |setting: &str| profile.get(setting).map(Secret::expose);
            // A profile may name itself as the source: then its own key assumes its role.
            let Some(role) = get("role_arn").filter(|_| visited.insert(name)) else {
                break own_key(name, profile)?;
            };
            if roles.len() == MAX_CHAIN_LENGTH {
                return Err(AwsError::TooManyProfiles(MAX_CHAIN_LENGTH).into());
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
                (None, _) => return Err(AwsError::RoleWithoutSource(name.to_owned()).into()),
            }
        };
        let Some(mut key) = start else {
            return if roles.is_empty() {
                Ok(None)
            } else {
                Err(AwsError::ProfileWithoutKey(self.name.clone()).into())
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

/// Returns the key that stands in the profile itself.
fn own_key(name: &str, profile: &Profile) -> Result<Option<AwsKey>, AwsError> {
    let get = |setting: &str| profile.get(setting);
    if let (Some(id), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
        let session_token = get("aws_session_token").cloned();
        return Ok(Some(AwsKey { id: id.expose().to_owned(), secret: secret.clone(), session_token }));
    }
    let foreign = ["sso_session", "sso_start_url", "credential_process", "mfa_serial"];
    match foreign.into_iter().find(|setting| profile.contains_key(*setting)) {
        Some(setting) => Err(AwsError::Unsupported { name: name.to_owned(), setting }),
        None => Ok(None),
    }
}

/// How the titles of a file name its profiles.
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
        read => Zeroizing::new(read?),
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

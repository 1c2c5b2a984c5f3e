//! Settings of AWS that lead to no key. All of them last until the user changes a setting.

use crate::env::aws as names;

/// Why the settings of AWS lead to no key, or to no region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AwsError {
    /// One half of a key.
    #[error("`{}` is set, but `{}` is not", names::ACCESS_KEY_ID, names::SECRET_ACCESS_KEY)]
    NoSecretKey,
    /// The value of the region is no region.
    #[error("the AWS region that is set is not the name of a region")]
    Region,
    /// The credentials endpoint of the container is another machine, without TLS.
    #[error(
        "`{}` leads over the network in clear text, where others could read the key",
        names::CONTAINER_CREDENTIALS_FULL_URI
    )]
    ClearText,
    /// The machine has no role.
    #[error("this AWS machine has no role")]
    NoRole,
    /// The metadata server is not to be used.
    #[error("the metadata server of AWS is switched off by `{}`", names::EC2_METADATA_DISABLED)]
    MetadataDisabled,
    /// The profile that the variable names does not exist.
    #[error("there is no AWS profile `{0}` (`{variable}`)", variable = names::PROFILE)]
    NoProfile(String),
    /// A profile that another profile names does not exist.
    #[error("there is no AWS profile `{0}`")]
    NoSourceProfile(String),
    /// A chain of profiles that is too long.
    #[error("more than {0} AWS profiles lead to one another")]
    TooManyProfiles(usize),
    /// A role without credentials to assume it.
    #[error("the AWS profile `{0}` has a `role_arn`, but no credentials to assume the role with")]
    RoleWithoutSource(String),
    /// A profile that leads to no key.
    #[error("the AWS profile `{0}` leads to no key")]
    ProfileWithoutKey(String),
    /// A source of keys that is not supported.
    #[error(
        "the AWS profile `{name}` gets its key by `{setting}`, which this provider does not support; `aws configure \
         export-credentials --profile {name} --format env` prints variables to set instead"
    )]
    Unsupported {
        /// The profile.
        name: String,
        /// The setting.
        setting: &'static str,
    },
    /// The key has a form that cannot sign.
    #[error("the request to AWS cannot be signed")]
    NotSigned,
}

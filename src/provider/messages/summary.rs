//! The constant beginnings of the summaries about databases, one for each class. The variable part follows.
//!
//! Terraform shows one of several warnings with equal summaries: a warning about one connection names the connection.

/// The server responded and does not let the role in.
pub(super) const LOGIN_FAILED: &str = "PostgreSQL login failed";
/// No PostgreSQL server responded.
pub(super) const NOT_REACHABLE: &str = "PostgreSQL server not reachable";
/// TLS could not be negotiated, or the certificate is not trusted.
pub(super) const TLS_FAILED: &str = "TLS to PostgreSQL failed";
/// The settings ask for a login, and the provider made none.
pub(super) const CHECK_SKIPPED: &str = "Login check skipped";
/// The login succeeded here, and may fail for the KMS.
pub(super) const KMS_MAY_FAIL: &str = "Login from KMS may fail";
/// The login role may not change the password of another role.
pub(super) const ROTATION_IMPOSSIBLE: &str = "Rotation not possible";
/// The privileges for rotation were not read.
pub(super) const ROTATION_NOT_CHECKED: &str = "Rotation privileges not checked";
/// The KMS has other credentials than the last ones that the configuration wrote.
pub(super) const DRIFT: &str = "Credentials changed outside Terraform";
/// The KMS cannot take over the password of a role.
pub(super) const NOT_MANAGEABLE: &str = "Platform-managed credentials not possible";
/// An argument of a platform-managed connection changes.
pub(super) const MANAGED_IS_FIXED: &str = "Platform-managed credentials cannot be changed";
/// The KMS did not report whether the name of a connection is free.
pub(super) const NAME_NOT_CHECKED: &str = "Connection name not checked";

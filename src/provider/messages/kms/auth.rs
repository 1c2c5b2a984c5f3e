//! Rows about the authentication at the KMS, for each method.

use crate::kms::{AuthMethod, AuthRefusal};

use super::super::detail::Detail;
use super::{Row, summary};

const NOT_AGAIN: &str =
    "The provider does not authenticate again in this run: three failures lock the identity for five minutes.";

/// Returns the row of a refusal.
pub(super) fn refused(method: AuthMethod, reason: AuthRefusal, detail: Detail) -> Row {
    let detail = match reason {
        AuthRefusal::Locked => detail
            .causes([
                "Three logins with wrong credentials locked this authentication method for five minutes.",
                "Another program uses the same identity with wrong credentials.",
            ])
            .next("Correct the credentials, wait five minutes, and run the command again."),
        AuthRefusal::NoSuchMethod => detail
            .causes([
                "The identity has no authentication of this method. Add it in the KMS under Access Control, or set another \
                 `auth_method`.",
                IDENTITY,
            ])
            .next(NOT_AGAIN),
        AuthRefusal::NoSuchOrganization => detail
            .causes(["`organization_slug` is not the slug of a sub-organization that the identity may access."])
            .next("For the identity's own organization, remove `organization_slug`.")
            .next(NOT_AGAIN),
        AuthRefusal::AddressNotAllowed => detail
            .causes(["The address of this machine is not among the trusted IPs of the identity's authentication."])
            .next(NOT_AGAIN),
        _ => {
            let detail = detail.causes(causes(method).iter().copied());
            if method == AuthMethod::Token {
                detail.next(
                    "The provider cannot renew a given token. Set a new one in `token` (or `KMS_TOKEN`), without the word \
                     `Bearer`, or set `client_id` and `client_secret`.",
                )
            } else {
                detail.next(NOT_AGAIN)
            }
        }
    };
    Row::new(summary::auth_refused(reason), detail)
}

const IDENTITY: &str = "`identity_id` is not the identity with this authentication.";
const EXPIRED: &str = "The token has expired.";

/// Returns why the service refuses credentials, most likely first.
fn causes(method: AuthMethod) -> &'static [&'static str] {
    match method {
        AuthMethod::Universal => &[
            "`client_id` or `client_secret` of the provider is wrong.",
            "The client secret has expired, or has reached its limit of uses.",
            "The address of this machine is not among the trusted IPs of the identity.",
        ],
        AuthMethod::Token => &[
            "The token has expired or was revoked.",
            "The token is one of another KMS.",
            "The address of this machine is not among the trusted IPs of the identity.",
        ],
        AuthMethod::Oidc => &[
            "Issuer, audiences, subject or claims of the token do not match those of the identity's OIDC authentication.",
            "The token has expired: tokens of CI jobs live for minutes.",
            "The KMS cannot reach the discovery URL of the authentication.",
            IDENTITY,
        ],
        AuthMethod::Kubernetes => &[
            "Namespace, service account or audience of the token is not allowed by the identity's Kubernetes authentication.",
            "The token of the token reviewer has expired, or its service account lacks the role `system:auth-delegator`.",
            "The KMS cannot reach the host of the cluster in the authentication, or its CA certificate is wrong.",
            IDENTITY,
        ],
        AuthMethod::AwsIam => &[
            "The principal ARN or the account (`aws sts get-caller-identity`) is not allowed by the identity's AWS authentication.",
            "The region (`AWS_REGION`) is wrong: the KMS sends the request to AWS in that region.",
            IDENTITY,
        ],
        AuthMethod::Jwt => &[
            "Issuer, audiences, subject or claims of the token do not match those of the identity's JWT authentication.",
            EXPIRED,
            "The public keys, or the JWKS URL, of the authentication are wrong.",
            IDENTITY,
        ],
        AuthMethod::Azure => &[
            "The tenant id or the service principal id (object id) is not allowed by the identity's Azure authentication.",
            "The resource of the authentication is not `https://management.azure.com/`, which the token of a machine is for.",
            IDENTITY,
        ],
        AuthMethod::Gcp => &[
            "The service account, project or zone is not allowed by the identity's GCP authentication.",
            "The type of the authentication is wrong: GCE for the token of a machine, IAM for a token that a service account signed.",
            "The audience of the token is not the identity id. The provider requests this audience from the machine.",
            IDENTITY,
        ],
    }
}

/// Returns the row of credentials that could not be resolved.
pub(super) fn no_credentials(method: AuthMethod, is_passing: bool, detail: Detail) -> Row {
    let detail = if is_passing {
        detail.next(
            "The failure may pass: run the command again. The provider tried several times, and tries again when another connection \
             needs the KMS.",
        )
    } else {
        detail.next(source(method)).next("The provider does not try again in this run.")
    };
    Row::new(summary::NO_CREDENTIALS, detail)
}

/// Returns the places that the provider takes the credentials from.
fn source(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Kubernetes => {
            "In a pod the token exists unless `automountServiceAccountToken` is `false`. Outside of a pod, set `jwt`, `jwt_file` or \
             `KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH`."
        }
        AuthMethod::Azure => {
            "Without `jwt` and `jwt_file`, the provider requests the token from the metadata server, which requires an Azure machine \
             with a managed identity."
        }
        AuthMethod::Gcp => {
            "Without `jwt` and `jwt_file`, the provider requests the token from the metadata server, which requires a Google machine \
             with a service account."
        }
        AuthMethod::AwsIam => {
            "The provider looks for a key as the AWS tools do: `AWS_ACCESS_KEY_ID`, a profile (`AWS_PROFILE`), a web identity \
             (`AWS_WEB_IDENTITY_TOKEN_FILE`), the container, the machine. Check that `aws sts get-caller-identity` works on this \
             machine."
        }
        AuthMethod::Oidc => {
            "Check the file, or in a GitHub Actions job the permission `id-token: write`. The token can also be set in `jwt` or \
             `KMS_AUTH_JWT`."
        }
        AuthMethod::Universal | AuthMethod::Token | AuthMethod::Jwt => {
            "Check the file. The token can also be set in `jwt` or `KMS_JWT`."
        }
    }
}

/// Returns the row of a failure of the KMS while it called AWS: a refusal by AWS ends so.
pub(super) fn aws_refused(detail: Detail) -> Row {
    let detail = detail.causes([
        "The AWS key has expired or was disabled: check that `aws sts get-caller-identity` works on this machine.",
        "The clock of this machine is wrong.",
        "The region (`AWS_REGION`) is not enabled in the account.",
    ]);
    Row::new(summary::AWS_REFUSED, detail)
}

//! Why a login at the KMS failed, and what to check, for each way to log in.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::kms::{AuthMethod, ProxyFailure, ProxyProblem, ServiceError};

const NOT_AGAIN: &str = "The login is not tried again in this run.";

/// What to do about a refusal, likeliest first. The words of the service tell the case where they can.
pub(super) fn refused(method: AuthMethod, reply: &ServiceError) -> String {
    let says = |part: &str| reply.message.contains(part);
    if says("temporarily locked") {
        return format!(
            "Three failures lock this way to log in for five minutes. Wait, correct the credentials meanwhile, and look for \
             other programs that use the same identity with wrong ones. {NOT_AGAIN}"
        );
    }
    if says("auth method not found for identity") {
        return format!(
            "The identity has no auth of this kind, or there is no such identity. Check `identity_id`, and add the auth to the \
             identity in the KMS under Access Control, or choose another `auth_method`. {NOT_AGAIN}"
        );
    }
    if says("Sub organization") || says("sub organization") {
        return format!(
            "Check `organization_slug`: it is the slug of a sub-organisation that the identity may access; for the identity's \
             own organisation leave it out. {NOT_AGAIN}"
        );
    }
    if says("current IP address") {
        return format!(
            "The auth of the identity trusts certain addresses only, and this machine's is not among them. {NOT_AGAIN}"
        );
    }
    match method {
        AuthMethod::Token => "The token is expired, revoked, or of another KMS, or this machine's address is not allowed. A \
             token is not renewed: give a new one in `token` (or `KMS_TOKEN`), or let the provider log in with `client_id` and \
             `client_secret`."
            .to_owned(),
        AuthMethod::Universal => "Check `client_id` and `client_secret` of the provider, that the secret has not expired or \
             reached its limit of uses, and that this machine's address is allowed. The login is not tried again in this run: \
             three failures lock the identity for five minutes."
            .to_owned(),
        method => {
            let lines: String = causes(method).iter().map(|cause| format!("  - {cause}\n")).collect();
            format!("Check, likeliest first:\n{lines}{NOT_AGAIN}")
        }
    }
}

/// What the service compares, likeliest first.
fn causes(method: AuthMethod) -> &'static [&'static str] {
    match method {
        AuthMethod::Universal | AuthMethod::Token => &[],
        AuthMethod::Oidc => &[
            "Bound issuer, audiences, subject and claims of the identity's OIDC auth against the claims of the token.",
            "Whether the token has expired: those of CI jobs live for minutes.",
            "The discovery URL of the auth, which the KMS must reach.",
            "Whether `identity_id` is the identity with this auth.",
        ],
        AuthMethod::Kubernetes => &[
            "Allowed namespaces, service account names and audience of the identity's Kubernetes auth against the token.",
            "The token reviewer: its token has expired, or its service account lacks the role `system:auth-delegator`.",
            "Host and CA certificate of the cluster in the auth, which the KMS must reach.",
            "Whether `identity_id` is the identity with this auth.",
        ],
        AuthMethod::AwsIam => &[
            "Allowed principal ARNs and account ids of the identity's AWS auth against `aws sts get-caller-identity`.",
            "The region (`AWS_REGION`): the KMS asks AWS in that region.",
            "Whether `identity_id` is the identity with this auth.",
        ],
        AuthMethod::Jwt => &[
            "Bound issuer, audiences, subject and claims of the identity's JWT auth against the claims of the token.",
            "Whether the token has expired.",
            "The public keys, or the JWKS URL, of the auth.",
            "Whether `identity_id` is the identity with this auth.",
        ],
        AuthMethod::Azure => &[
            "Tenant id and allowed service principal ids (object ids) of the identity's Azure auth.",
            "Its resource: the token of a machine is for `https://management.azure.com/`.",
            "Whether `identity_id` is the identity with this auth.",
        ],
        AuthMethod::Gcp => &[
            "Allowed service accounts, projects and zones of the identity's GCP auth.",
            "Its type: a machine's token needs the type for identity tokens (GCE), a token signed by a service account the one for \
             IAM.",
            "The audience of the token, which must be the identity id. The provider asks the machine for that.",
            "Whether `identity_id` is the identity with this auth.",
        ],
    }
}

/// What to do when there is nothing to log in with.
pub(super) fn no_proof(method: AuthMethod, is_passing: bool) -> String {
    if is_passing {
        return "This may pass: run it again. The provider has asked several times, and asks again when another connection \
                needs the KMS later. Nothing was sent to the KMS."
            .to_owned();
    }
    let next = match method {
        AuthMethod::Kubernetes => {
            "In a pod the token is there unless `automountServiceAccountToken` is off. Elsewhere give one in `jwt`, `jwt_file` or \
             `KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH`."
        }
        AuthMethod::Azure => {
            "Without `jwt` and `jwt_file` the provider asks the machine, which must be one of Azure with a managed identity."
        }
        AuthMethod::Gcp => {
            "Without `jwt` and `jwt_file` the provider asks the machine, which must be one of Google with a service account."
        }
        AuthMethod::AwsIam => {
            "The provider looks for a key as AWS's own tools do: `AWS_ACCESS_KEY_ID`, then the profile (`AWS_PROFILE`), a web \
             identity (`AWS_WEB_IDENTITY_TOKEN_FILE`), the container, the machine. `aws sts get-caller-identity` must work here."
        }
        AuthMethod::Oidc => {
            "Check the file, or in a job of GitHub Actions its permission `id-token: write`. The token can also be given in `jwt` \
             or `KMS_AUTH_JWT`."
        }
        AuthMethod::Universal | AuthMethod::Token | AuthMethod::Jwt => {
            "Check the file. The token can also be given in `jwt` or `KMS_JWT`."
        }
    };
    format!("{next} Nothing was sent to the KMS. {NOT_AGAIN}")
}

/// What to do about a proxy on the way to the KMS.
pub(super) fn proxy(failure: &ProxyFailure) -> String {
    let variable = failure.variable;
    let next = match failure.problem {
        ProxyProblem::Status(407) => format!(
            "The proxy wants a user name and a password that it accepts: `http://user:password@host:port` in `{variable}`, with \
             special characters percent-encoded."
        ),
        ProxyProblem::Status(500..) => "The proxy could not reach the KMS. Ask the operator of the proxy.".to_owned(),
        ProxyProblem::Status(_) => {
            "The proxy does not allow connections to the KMS. Ask the operator of the proxy to allow them.".to_owned()
        }
        ProxyProblem::SpeaksTls | ProxyProblem::NotHttp | ProxyProblem::Tls(_) => format!(
            "Check the scheme of the URL in `{variable}`: `http://` for a proxy that is spoken to in clear text (most are), `https://` \
             for one that speaks TLS itself, `socks5://` for a SOCKS proxy."
        ),
        _ => format!("Check that the proxy runs, and that `{variable}` has its host, port and scheme."),
    };
    format!("{next} If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.")
}

/// When to try again after a refusal for too many requests.
pub(super) fn wait(retry_after: Option<Duration>, now: OffsetDateTime) -> String {
    /// Rate limits end long before that.
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let Some(wait) = retry_after else { return "Wait a minute and try again.".to_owned() };
    match wait.as_secs() {
        seconds @ 0..=120 => format!("Wait {} seconds and try again.", seconds.max(1)),
        _ if wait > YEAR => {
            "The KMS asks for a wait that is longer than a year: ask the operator of the KMS.".to_owned()
        }
        _ => {
            let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
            let until = (now + wait).format(format).unwrap_or_default();
            format!("Wait until {until} and try again.")
        }
    }
}

/// The KMS asks AWS in our name, and fails itself when AWS refuses.
pub(super) const AWS_REFUSED: &str = "In this step the KMS sends the request that was signed here to AWS, and a refusal by AWS \
     ends so. Check, likeliest first: that the key has not expired or been switched off (`aws sts get-caller-identity` must work \
     here), that the clock of this machine is right, and that the region (`AWS_REGION`) is enabled in the account.";

/// Whether the service failed while it had to ask AWS.
pub(super) fn is_with_aws(reply: &ServiceError) -> bool {
    reply.call.path.ends_with("/auth/aws-auth/login")
}

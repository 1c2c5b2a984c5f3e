//! Authentication at the KMS that fails, for each method.

use std::sync::Arc;

use expect_test::expect;

use super::service::{CONTEXT, all, check, reply};
use crate::kms::{
    AuthFailure, AuthMethod, AuthRefusal, AwsError, Error, ErrorKind, RequestInfo, ServerProblem, ServiceError,
    SourceError,
};
use crate::os::{FileError, FileProblem};
use crate::provider::messages::kms::{RequestContext, Verb, service, wait};

fn failure(method: AuthMethod) -> Arc<AuthFailure> {
    let principal = if method == AuthMethod::Universal { "client `3c90c3cc`" } else { "identity `7d2c`" };
    let described = format!("`{method}` authentication of {principal}");
    Arc::new(AuthFailure::new(method, described, "app.kms.hanzo.ai".to_owned()))
}

fn refused(method: AuthMethod, reason: AuthRefusal) -> Error {
    let kind = ErrorKind::AuthRefused { auth: failure(method), reason };
    let path = format!("/api/v1/auth/{method}-auth/login");
    let reply = reply(401, "UnauthorizedError", "Access denied");
    let call = RequestInfo { method: "POST", path, ..reply.call.clone() };
    Error { kind, reply: Some(Box::new(ServiceError { call, ..reply })) }
}

#[test]
fn describes_refusals_by_their_reason() {
    let reasons = [
        AuthRefusal::Locked,
        AuthRefusal::NoSuchMethod,
        AuthRefusal::NoSuchOrganization,
        AuthRefusal::AddressNotAllowed,
    ];
    check(
        reasons.map(|reason| refused(AuthMethod::Oidc, reason)),
        &expect![[r#"
            Error: KMS authentication failed: identity locked
            at the whole block

            Updating `orders-db` failed: the KMS refused the `oidc` authentication of identity `7d2c`.
            Request: `POST /api/v1/auth/oidc-auth/login` at `app.kms.hanzo.ai`
            Response: 401 `UnauthorizedError`
            KMS message: Access denied
            Request id: `req-1`
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - Three logins with wrong credentials locked this authentication method for five minutes.
              - Another program uses the same identity with wrong credentials.

            Correct the credentials, wait five minutes, and run the command again.
            ----
            Error: KMS authentication failed: method not found for identity
            at the whole block

            Updating `orders-db` failed: the KMS refused the `oidc` authentication of identity `7d2c`.
            Request: `POST /api/v1/auth/oidc-auth/login` at `app.kms.hanzo.ai`
            Response: 401 `UnauthorizedError`
            KMS message: Access denied
            Request id: `req-1`
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - The identity has no authentication of this method. Add it in the KMS under Access Control, or set another `auth_method`.
              - `identity_id` is not the identity with this authentication.

            The provider does not authenticate again in this run: three failures lock the identity for five minutes.
            ----
            Error: KMS authentication failed: organization not found
            at the whole block

            Updating `orders-db` failed: the KMS refused the `oidc` authentication of identity `7d2c`.
            Request: `POST /api/v1/auth/oidc-auth/login` at `app.kms.hanzo.ai`
            Response: 401 `UnauthorizedError`
            KMS message: Access denied
            Request id: `req-1`
            Nothing was changed in the KMS.

            Possible cause:
              - `organization_slug` is not the slug of a sub-organization that the identity may access.

            For the identity's own organization, remove `organization_slug`.

            The provider does not authenticate again in this run: three failures lock the identity for five minutes.
            ----
            Error: KMS authentication failed: address not allowed
            at the whole block

            Updating `orders-db` failed: the KMS refused the `oidc` authentication of identity `7d2c`.
            Request: `POST /api/v1/auth/oidc-auth/login` at `app.kms.hanzo.ai`
            Response: 401 `UnauthorizedError`
            KMS message: Access denied
            Request id: `req-1`
            Nothing was changed in the KMS.

            Possible cause:
              - The address of this machine is not among the trusted IPs of the identity's authentication.

            The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        "#]],
    );
}

#[test]
fn describes_refusals_by_their_method() {
    check(
        AuthMethod::ALL.map(|method| refused(method, AuthRefusal::Other)),
        &expect![[r#"
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `universal` authentication of client `3c90c3cc`.
        Request: `POST /api/v1/auth/universal-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - `client_id` or `client_secret` of the provider is wrong.
          - The client secret has expired, or has reached its limit of uses.
          - The address of this machine is not among the trusted IPs of the identity.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `token` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/token-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - The token has expired or was revoked.
          - The token is one of another KMS.
          - The address of this machine is not among the trusted IPs of the identity.

        The provider cannot renew a given token. Set a new one in `token` (or `KMS_TOKEN`), without the word `Bearer`, or set `client_id` and `client_secret`.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `oidc` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/oidc-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - Issuer, audiences, subject or claims of the token do not match those of the identity's OIDC authentication.
          - The token has expired: tokens of CI jobs live for minutes.
          - The KMS cannot reach the discovery URL of the authentication.
          - `identity_id` is not the identity with this authentication.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `kubernetes` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/kubernetes-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - Namespace, service account or audience of the token is not allowed by the identity's Kubernetes authentication.
          - The token of the token reviewer has expired, or its service account lacks the role `system:auth-delegator`.
          - The KMS cannot reach the host of the cluster in the authentication, or its CA certificate is wrong.
          - `identity_id` is not the identity with this authentication.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `aws_iam` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/aws_iam-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - The principal ARN or the account (`aws sts get-caller-identity`) is not allowed by the identity's AWS authentication.
          - The region (`AWS_REGION`) is wrong: the KMS sends the request to AWS in that region.
          - `identity_id` is not the identity with this authentication.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `jwt` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/jwt-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - Issuer, audiences, subject or claims of the token do not match those of the identity's JWT authentication.
          - The token has expired.
          - The public keys, or the JWKS URL, of the authentication are wrong.
          - `identity_id` is not the identity with this authentication.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `azure` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/azure-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - The tenant id or the service principal id (object id) is not allowed by the identity's Azure authentication.
          - The resource of the authentication is not `https://management.azure.com/`, which the token of a machine is for.
          - `identity_id` is not the identity with this authentication.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
        ----
        Error: KMS authentication failed: unauthorized
        at the whole block

        Updating `orders-db` failed: the KMS refused the `gcp` authentication of identity `7d2c`.
        Request: `POST /api/v1/auth/gcp-auth/login` at `app.kms.hanzo.ai`
        Response: 401 `UnauthorizedError`
        KMS message: Access denied
        Request id: `req-1`
        Nothing was changed in the KMS.

        Possible causes, most likely first:
          - The service account, project or zone is not allowed by the identity's GCP authentication.
          - The type of the authentication is wrong: GCE for the token of a machine, IAM for a token that a service account signed.
          - The audience of the token is not the identity id. The provider requests this audience from the machine.
          - `identity_id` is not the identity with this authentication.

        The provider does not authenticate again in this run: three failures lock the identity for five minutes.
    "#]],
    );
}

#[test]
fn describes_credentials_that_are_missing() {
    let missing = |method| {
        let problem =
            FileProblem::Io { kind: std::io::ErrorKind::NotFound, reason: "No such file or directory".to_owned() };
        let reason: SourceError = match method {
            AuthMethod::AwsIam => SourceError::NoKey(Box::new(AwsError::MetadataDisabled.into())),
            _ => FileError { path: "/run/token".into(), problem }.into(),
        };
        ErrorKind::NoCredentials { auth: failure(method), reason: Box::new(reason) }.into()
    };
    let (server, problem) = ("GitHub".to_owned(), ServerProblem::Status { status: 503, text: "soon".to_owned() });
    let reason = Box::new(SourceError::Server { server, problem, passing: true });
    let passing = ErrorKind::NoCredentials { auth: failure(AuthMethod::Oidc), reason };
    check(
        AuthMethod::ALL.into_iter().skip(2).map(missing).chain([passing.into()]),
        &expect![[r#"
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `oidc` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: the file `/run/token` cannot be read: No such file or directory
            Nothing was sent to the KMS.

            Check the file, or in a GitHub Actions job the permission `id-token: write`. The token can also be set in `jwt` or `KMS_AUTH_JWT`.

            The provider does not try again in this run.
            ----
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `kubernetes` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: the file `/run/token` cannot be read: No such file or directory
            Nothing was sent to the KMS.

            In a pod the token exists unless `automountServiceAccountToken` is `false`. Outside of a pod, set `jwt`, `jwt_file` or `KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH`.

            The provider does not try again in this run.
            ----
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `aws_iam` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: no AWS key was found in the environment, in a profile, as a web identity or in a container; and the metadata server of AWS is switched off by `AWS_EC2_METADATA_DISABLED`
            Nothing was sent to the KMS.

            The provider looks for a key as the AWS tools do: `AWS_ACCESS_KEY_ID`, a profile (`AWS_PROFILE`), a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`), the container, the machine. Check that `aws sts get-caller-identity` works on this machine.

            The provider does not try again in this run.
            ----
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `jwt` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: the file `/run/token` cannot be read: No such file or directory
            Nothing was sent to the KMS.

            Check the file. The token can also be set in `jwt` or `KMS_JWT`.

            The provider does not try again in this run.
            ----
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `azure` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: the file `/run/token` cannot be read: No such file or directory
            Nothing was sent to the KMS.

            Without `jwt` and `jwt_file`, the provider requests the token from the metadata server, which requires an Azure machine with a managed identity.

            The provider does not try again in this run.
            ----
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `gcp` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: the file `/run/token` cannot be read: No such file or directory
            Nothing was sent to the KMS.

            Without `jwt` and `jwt_file`, the provider requests the token from the metadata server, which requires a Google machine with a service account.

            The provider does not try again in this run.
            ----
            Error: KMS authentication failed: no credentials
            at the whole block

            Updating `orders-db` failed: the `oidc` authentication of identity `7d2c` has no credentials.
            KMS: `app.kms.hanzo.ai`
            Cause: GitHub returned 503: soon
            Nothing was sent to the KMS.

            The failure may pass: run the command again. The provider tried several times, and tries again when another connection needs the KMS.
        "#]],
    );
}

/// Many connections need the same authentication.
#[test]
fn only_the_first_message_explains_the_failure() {
    let error = refused(AuthMethod::Universal, AuthRefusal::Other);
    let first = RequestContext { first_reporter: Some("orders-db"), ..CONTEXT };
    let second = RequestContext { verb: Verb::Create, title: "invoices-db", ..first };
    assert!(all(&service(first, &error)).contains("Possible causes"));
    expect![[r#"
        Error: KMS authentication failed: unauthorized
        at the whole block

        Creating `invoices-db` failed: the `universal` authentication of client `3c90c3cc` at `app.kms.hanzo.ai` failed.

        See the error for `orders-db` for the cause and how to proceed.
    "#]]
    .assert_eq(&all(&service(second, &error)));
}

#[test]
fn describes_a_refusal_by_aws() {
    let reply = reply(500, "InternalServerError", "Something went wrong");
    let call = RequestInfo { method: "POST", path: "/api/v1/auth/aws-auth/login".to_owned(), ..reply.call.clone() };
    let reply = Some(Box::new(ServiceError { call, ..reply }));
    check(
        [ErrorKind::AuthFailed { cause: Box::new(Error { kind: ErrorKind::AwsRefused, reply }) }.into()],
        &expect![[r#"
            Error: KMS authentication failed: AWS request failed
            at the whole block

            Updating `orders-db` failed: the KMS reported an error while it called AWS.
            Request: `POST /api/v1/auth/aws-auth/login` at `app.kms.hanzo.ai`
            Response: 500 `InternalServerError`
            KMS message: Something went wrong
            Request id: `req-1`
            Nothing was changed in the KMS.
            The request itself was not sent: the authentication before it failed.

            Possible causes, most likely first:
              - The AWS key has expired or was disabled: check that `aws sts get-caller-identity` works on this machine.
              - The clock of this machine is wrong.
              - The region (`AWS_REGION`) is not enabled in the account.
        "#]],
    );
}

#[test]
fn shows_a_long_wait_as_a_date() {
    let now = time::macros::datetime!(2026-11-28 23:59:30 UTC);
    for (seconds, expected) in [
        (Some(0), "Wait 1 second and run the command again."),
        (Some(120), "Wait 120 seconds and run the command again."),
        (Some(3600), "Wait until 2026-11-29 00:59 UTC and run the command again."),
        (Some(40 * 86_400), "Wait until 2027-01-07 23:59 UTC and run the command again."),
        (Some(u64::MAX), "The KMS requests a wait of more than a year. Ask the operator of the KMS."),
        (None, "Wait a minute and run the command again."),
    ] {
        assert_eq!(wait(seconds.map(std::time::Duration::from_secs), now), expected);
    }
}

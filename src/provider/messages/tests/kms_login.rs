//! Logins at the KMS that fail, for each way to log in.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::service::{ATTEMPT, all, check, reply};
use crate::kms::{AuthMethod, Error, LoginFailure, RequestInfo, ServerProblem, ServiceError, SourceError};
use crate::provider::messages::kms::{RequestContext, service};
use crate::provider::messages::kms_auth::wait;

fn failure(method: AuthMethod) -> Arc<LoginFailure> {
    let who = if method == AuthMethod::Universal { "client `3c90c3cc`" } else { "identity `7d2c`" };
    let described = format!("`{method}` login of {who}");
    Arc::new(LoginFailure::new(method, described, "app.kms.hanzo.ai".to_owned()))
}

fn refused(method: AuthMethod, status: u16, message: &str) -> Error {
    Error::LoginRefused { login: failure(method), reply: reply(status, "UnauthorizedError", message) }
}

#[test]
fn a_refused_client() {
    check(
        &refused(AuthMethod::Universal, 401, "Invalid credentials"),
        expect![[r#"
        Error: The KMS refused the login
        at the whole block

        `orders-db` could not be updated: the KMS refused the `universal` login of client `3c90c3cc`.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Invalid credentials (request id `req-1`).

        Check `client_id` and `client_secret` of the provider, that the secret has not expired or reached its limit of uses, and that this machine's address is allowed. The login is not tried again in this run: three failures lock the identity for five minutes.
    "#]],
    );
}

#[test]
fn refusals_whose_words_tell_the_case() {
    let all: Vec<String> = [
        "This identity auth method is temporarily locked, please try again later",
        "OIDC auth method not found for identity, did you configure OIDC auth?",
        "Sub organization with name team not found",
        "You are not allowed to access this resource from the current IP address",
    ]
    .map(|message| all(&service(ATTEMPT, &refused(AuthMethod::Oidc, 401, message))))
    .into();
    expect![[r#"
        Error: The KMS refused the login
        at the whole block

        `orders-db` could not be updated: the KMS refused the `oidc` login of identity `7d2c`.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: This identity auth method is temporarily locked, please try again later (request id `req-1`).

        Three failures lock this way to log in for five minutes. Wait, correct the credentials meanwhile, and look for other programs that use the same identity with wrong ones. The login is not tried again in this run.
        ----
        Error: The KMS refused the login
        at the whole block

        `orders-db` could not be updated: the KMS refused the `oidc` login of identity `7d2c`.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: OIDC auth method not found for identity, did you configure OIDC auth? (request id `req-1`).

        The identity has no auth of this kind, or there is no such identity. Check `identity_id`, and add the auth to the identity in the KMS under Access Control, or choose another `auth_method`. The login is not tried again in this run.
        ----
        Error: The KMS refused the login
        at the whole block

        `orders-db` could not be updated: the KMS refused the `oidc` login of identity `7d2c`.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Sub organization with name team not found (request id `req-1`).

        Check `organization_slug`: it is the slug of a sub-organisation that the identity may access; for the identity's own organisation leave it out. The login is not tried again in this run.
        ----
        Error: The KMS refused the login
        at the whole block

        `orders-db` could not be updated: the KMS refused the `oidc` login of identity `7d2c`.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: You are not allowed to access this resource from the current IP address (request id `req-1`).

        The auth of the identity trusts certain addresses only, and this machine's is not among them. The login is not tried again in this run.
    "#]].assert_eq(&all.join("----\n"));
}

#[test]
fn refusals_by_method() {
    let mut told = String::new();
    for method in AuthMethod::ALL {
        let text = all(&service(ATTEMPT, &refused(method, 401, "Access denied")));
        told += &format!("== {method}\n{}", text.splitn(5, '\n').last().unwrap());
    }
    expect![[r#"
        == universal
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check `client_id` and `client_secret` of the provider, that the secret has not expired or reached its limit of uses, and that this machine's address is allowed. The login is not tried again in this run: three failures lock the identity for five minutes.
        == token
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        The token is expired, revoked, or of another KMS, or this machine's address is not allowed. A token is not renewed: give a new one in `token` (or `KMS_TOKEN`), or let the provider log in with `client_id` and `client_secret`.
        == oidc
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check, likeliest first:
          - Bound issuer, audiences, subject and claims of the identity's OIDC auth against the claims of the token.
          - Whether the token has expired: those of CI jobs live for minutes.
          - The discovery URL of the auth, which the KMS must reach.
          - Whether `identity_id` is the identity with this auth.
        The login is not tried again in this run.
        == kubernetes
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check, likeliest first:
          - Allowed namespaces, service account names and audience of the identity's Kubernetes auth against the token.
          - The token reviewer: its token has expired, or its service account lacks the role `system:auth-delegator`.
          - Host and CA certificate of the cluster in the auth, which the KMS must reach.
          - Whether `identity_id` is the identity with this auth.
        The login is not tried again in this run.
        == aws_iam
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check, likeliest first:
          - Allowed principal ARNs and account ids of the identity's AWS auth against `aws sts get-caller-identity`.
          - The region (`AWS_REGION`): the KMS asks AWS in that region.
          - Whether `identity_id` is the identity with this auth.
        The login is not tried again in this run.
        == jwt
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check, likeliest first:
          - Bound issuer, audiences, subject and claims of the identity's JWT auth against the claims of the token.
          - Whether the token has expired.
          - The public keys, or the JWKS URL, of the auth.
          - Whether `identity_id` is the identity with this auth.
        The login is not tried again in this run.
        == azure
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check, likeliest first:
          - Tenant id and allowed service principal ids (object ids) of the identity's Azure auth.
          - Its resource: the token of a machine is for `https://management.azure.com/`.
          - Whether `identity_id` is the identity with this auth.
        The login is not tried again in this run.
        == gcp
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 401 `UnauthorizedError`: Access denied (request id `req-1`).

        Check, likeliest first:
          - Allowed service accounts, projects and zones of the identity's GCP auth.
          - Its type: a machine's token needs the type for identity tokens (GCE), a token signed by a service account the one for IAM.
          - The audience of the token, which must be the identity id. The provider asks the machine for that.
          - Whether `identity_id` is the identity with this auth.
        The login is not tried again in this run.
    "#]].assert_eq(&told);
}

#[test]
fn nothing_to_log_in_with() {
    let mut told = String::new();
    for method in AuthMethod::ALL.into_iter().skip(2) {
        let reason = Box::new(SourceError::Settings("the file `/token` cannot be read: no such file".to_owned()));
        told += &all(&service(ATTEMPT, &Error::NoProof { login: failure(method), reason }));
    }
    let (server, problem) = ("GitHub".to_owned(), ServerProblem::Status { status: 503, text: "soon".to_owned() });
    let reason = Box::new(SourceError::Server { server, problem, passing: true });
    told += &all(&service(ATTEMPT, &Error::NoProof { login: failure(AuthMethod::Oidc), reason }));
    expect![[r#"
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `oidc` login of identity `7d2c` at `app.kms.hanzo.ai` with: the file `/token` cannot be read: no such file.

        Check the file, or in a job of GitHub Actions its permission `id-token: write`. The token can also be given in `jwt` or `KMS_AUTH_JWT`. Nothing was sent to the KMS. The login is not tried again in this run.
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `kubernetes` login of identity `7d2c` at `app.kms.hanzo.ai` with: the file `/token` cannot be read: no such file.

        In a pod the token is there unless `automountServiceAccountToken` is off. Elsewhere give one in `jwt`, `jwt_file` or `KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH`. Nothing was sent to the KMS. The login is not tried again in this run.
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `aws_iam` login of identity `7d2c` at `app.kms.hanzo.ai` with: the file `/token` cannot be read: no such file.

        The provider looks for a key as AWS's own tools do: `AWS_ACCESS_KEY_ID`, then the profile (`AWS_PROFILE`), a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`), the container, the machine. `aws sts get-caller-identity` must work here. Nothing was sent to the KMS. The login is not tried again in this run.
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `jwt` login of identity `7d2c` at `app.kms.hanzo.ai` with: the file `/token` cannot be read: no such file.

        Check the file. The token can also be given in `jwt` or `KMS_JWT`. Nothing was sent to the KMS. The login is not tried again in this run.
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `azure` login of identity `7d2c` at `app.kms.hanzo.ai` with: the file `/token` cannot be read: no such file.

        Without `jwt` and `jwt_file` the provider asks the machine, which must be one of Azure with a managed identity. Nothing was sent to the KMS. The login is not tried again in this run.
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `gcp` login of identity `7d2c` at `app.kms.hanzo.ai` with: the file `/token` cannot be read: no such file.

        Without `jwt` and `jwt_file` the provider asks the machine, which must be one of Google with a service account. Nothing was sent to the KMS. The login is not tried again in this run.
        Error: Nothing to log in to the KMS with
        at the whole block

        `orders-db` could not be updated: there is nothing to make the `oidc` login of identity `7d2c` at `app.kms.hanzo.ai` with: GitHub answered 503: soon.

        This may pass: run it again. The provider has asked several times, and asks again when another connection needs the KMS later. Nothing was sent to the KMS.
    "#]].assert_eq(&told);
}

/// Many connections need the same login: one message tells all, the others point to it.
#[test]
fn only_the_first_message_tells_it_all() {
    let error = refused(AuthMethod::Universal, 401, "Invalid credentials");
    let another = RequestContext { verb: "create", title: "invoices-db", ..ATTEMPT };
    assert!(all(&service(ATTEMPT, &error)).contains("Check `client_id`"));
    let short: Expect = expect![[r#"
        Error: The KMS refused the login
        at the whole block

        `invoices-db` could not be created: the `universal` login of client `3c90c3cc` at `app.kms.hanzo.ai` failed. Why, and what to check, says the message of `orders-db`.
    "#]];
    short.assert_eq(&all(&service(another, &error.clone())));
    assert!(all(&service(ATTEMPT, &error)).contains("Check `client_id`"), "its own message stays");
}

#[test]
fn a_refusal_by_aws_reaches_us_as_a_failure_of_the_kms() {
    let reply = *reply(500, "InternalServerError", "Something went wrong");
    let call = RequestInfo { method: "POST", path: "/api/v1/auth/aws-auth/login".to_owned(), ..reply.call.clone() };
    let reply = ServiceError { call, ..reply };
    check(
        &Error::Unavailable { reply: Box::new(reply) },
        expect![[r#"
        Error: The KMS could not ask AWS
        at the whole block

        `orders-db` could not be updated: the KMS failed.
        `POST /api/v1/auth/aws-auth/login` at `app.kms.hanzo.ai` answered 500 `InternalServerError`: Something went wrong (request id `req-1`).

        In this step the KMS sends the request that was signed here to AWS, and a refusal by AWS ends so. Check, likeliest first: that the key has not expired or been switched off (`aws sts get-caller-identity` must work here), that the clock of this machine is right, and that the region (`AWS_REGION`) is enabled in the account.
    "#]],
    );
}

#[test]
fn a_long_wait_is_a_date() {
    let now = time::macros::datetime!(2026-11-28 23:59:30 UTC);
    for (seconds, expected) in [
        (Some(0), "Wait 1 seconds and try again."),
        (Some(120), "Wait 120 seconds and try again."),
        (Some(3600), "Wait until 2026-11-29 00:59 UTC and try again."),
        (Some(40 * 86_400), "Wait until 2027-01-07 23:59 UTC and try again."),
        (Some(u64::MAX), "The KMS asks for a wait that is longer than a year: ask the operator of the KMS."),
        (None, "Wait a minute and try again."),
    ] {
        assert_eq!(wait(seconds.map(std::time::Duration::from_secs), now), expected);
    }
}

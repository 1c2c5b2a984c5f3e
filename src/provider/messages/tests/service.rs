//! Requests to the KMS that failed.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::styled;
use crate::kms::{
    DatabaseStep, Error, ErrorKind, GiveUpReason, Issue, Mismatch, Permission, ProxyFailure, ProxyProblem, RequestInfo,
    ServiceError, TransportFailure, UnexpectedResponse,
};
use crate::provider::messages::kms::{RequestContext, Verb, service};
use crate::terraform::diagnostic::Diagnostics;

pub(super) const CONTEXT: RequestContext<'_> = RequestContext {
    verb: Verb::Update,
    title: "orders-db",
    project: None,
    password_argument: "password_wo",
    credentials: None,
    first_reporter: None,
};

fn call() -> RequestInfo {
    let path = "/api/v1/app-connections/postgres/1".to_owned();
    RequestInfo { method: "PATCH", host: "app.kms.hanzo.ai".to_owned(), path, attempt: 1 }
}

pub(super) fn reply(status: u16, name: &str, message: &str) -> ServiceError {
    ServiceError {
        call: call(),
        status,
        request_id: Some("req-1".to_owned()),
        name: Some(name.to_owned()),
        message: message.to_owned(),
    }
}

/// An error that the service itself reports.
pub(super) fn reported(kind: ErrorKind, status: u16, name: &str, message: &str) -> Error {
    Error { kind, reply: Some(Box::new(reply(status, name, message))) }
}

pub(super) fn unavailable() -> Error {
    reported(ErrorKind::Unavailable, 500, "InternalServerError", "Something went wrong")
}

pub(super) fn unexpected(status: u16, mismatch: Mismatch) -> Box<UnexpectedResponse> {
    Box::new(UnexpectedResponse {
        call: call(),
        status,
        mismatch,
        content_type: Some("text/html".to_owned()),
        beginning: Some("<html>".to_owned()),
    })
}

pub(super) fn no_response(failure: TransportFailure, sent: bool) -> Error {
    ErrorKind::NoResponse { call: Box::new(call()), failure, sent }.into()
}

pub(super) fn all(diagnostics: &Diagnostics) -> String {
    diagnostics.iter().map(styled).collect::<Vec<_>>().join("----\n")
}

pub(super) fn check(errors: impl IntoIterator<Item = Error>, expected: &Expect) {
    let texts: Vec<String> = errors.into_iter().map(|error| all(&service(CONTEXT, &error))).collect();
    expected.assert_eq(&texts.join("----\n"));
}

#[test]
fn describes_requests_that_were_not_sent() {
    let too_long = GiveUpReason::TooLong(Duration::from_secs(57));
    check(
        [
            ErrorKind::Settings("no root certificates".to_owned()).into(),
            ErrorKind::InvalidId("abc".to_owned()).into(),
            ErrorKind::NotSent(too_long).into(),
            ErrorKind::NotSent(GiveUpReason::Stopped).into(),
            ErrorKind::AuthFailed { cause: Box::new(no_response(TransportFailure::Timeout, true)) }.into(),
        ],
        &expect![[r#"
            Error: KMS client setup failed
            at the whole block

            Updating `orders-db` failed: the client of the KMS cannot be set up: no root certificates.
            Nothing was sent to the KMS.
            ----
            Error: KMS request failed: invalid id
            at the whole block

            Updating `orders-db` failed: `abc` is not the id of a connection; ids are UUIDs.
            Nothing was sent to the KMS.
            ----
            Error: KMS request failed: rate limit exceeded
            at the whole block

            Updating `orders-db` failed: the request was not sent: a wait of 57 seconds would exceed the limit of the operation.
            Nothing was changed in the KMS.

            The rate limit is `max_requests_per_minute`, or that of the KMS, which counts all requests from one address. Increase the timeout of the operation in the `timeouts` block, or run fewer operations at the same time.
            ----
            Error: Interrupted
            at the whole block

            Updating `orders-db` failed: the request was not sent: the run was interrupted.
            Nothing was changed in the KMS.

            Run the command again.
            ----
            Error: KMS request failed: timed out
            at the whole block

            Updating `orders-db` failed: no response from the KMS: timed out.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.
            The request itself was not sent: the authentication before it failed.

            Run the command again. If the request times out each time, raise `request_timeout` of the provider.
        "#]],
    );
}

#[test]
fn describes_refusals_of_the_service() {
    let bad = |kind, message| reported(kind, 400, "BadRequest", message);
    let missing = |kind, message| reported(kind, 404, "NotFound", message);
    let refused = "ALTER USER \"kms_role\": permission denied";
    let step = DatabaseStep::ChangePassword;
    check(
        [
            bad(
                ErrorKind::NameTaken { name: "orders-db".to_owned() },
                "An App Connection with the name \"orders-db\" already exists",
            ),
            bad(ErrorKind::InUse, "Cannot delete App Connection with existing connections"),
            bad(
                ErrorKind::PlatformManaged,
                "Cannot update credentials or management status for platform managed connections",
            ),
            bad(ErrorKind::OtherApp, "App Connection with ID 1 is not for App \"postgres\""),
            bad(ErrorKind::DatabaseRefused { step, message: refused.to_owned() }, refused),
            missing(ErrorKind::ConnectionNotFound, "Could not find App Connection with ID 1"),
            missing(ErrorKind::ProjectNotFound, "Project with ID 'x' not found"),
            missing(ErrorKind::GatewayRefused, "Gateway with ID g not found for org"),
            bad(ErrorKind::Refused, "Something else."),
            reported(ErrorKind::Invalid { issues: Vec::new() }, 422, "ValidationFailure", ""),
        ],
        &expect![[r#"
            Error: Connection name already exists
            at name

            Updating `orders-db` failed: a connection with the name `orders-db` already exists.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 400 `BadRequest`
            KMS message: An App Connection with the name "orders-db" already exists
            Request id: `req-1`
            Nothing was changed in the KMS.

            Set another `name`: names are unique across all kinds of app connections of a project (or of the organization).
            ----
            Error: Connection is in use
            at the whole block

            Updating `orders-db` failed: other objects of the KMS still use the connection, such as secret rotations or secret syncs.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 400 `BadRequest`
            KMS message: Cannot delete App Connection with existing connections
            Request id: `req-1`
            Nothing was changed in the KMS.

            Delete those first: destroy them in the same configuration, with a `depends_on`, or delete them in the KMS.
            ----
            Error: Connection credentials are platform-managed
            at the whole block

            Updating `orders-db` failed: the credentials of the connection are platform-managed and cannot be changed from outside.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 400 `BadRequest`
            KMS message: Cannot update credentials or management status for platform managed connections
            Request id: `req-1`
            Nothing was changed in the KMS.

            Leave `host`, `port`, `database`, `username`, the password and the TLS arguments as they are.
            ----
            Error: KMS request failed: not a PostgreSQL connection
            at the whole block

            Updating `orders-db` failed: the connection with this id or name is one of another app.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 400 `BadRequest`
            KMS message: App Connection with ID 1 is not for App "postgres"
            Request id: `req-1`
            Nothing was changed in the KMS.

            Check the id.
            ----
            Error: KMS password change failed
            at the whole block

            Updating `orders-db` failed: the KMS logged in to the database and could not change the password of the role.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 400 `BadRequest`
            KMS message: ALTER USER "kms_role": permission denied
            Request id: `req-1`

            Possible causes, most likely first:
              - The role may not change its own password.
              - The database refuses to change it.

            Check the log of the database, and the connection in the KMS.
            ----
            Error: KMS request failed: connection not found
            at the whole block

            Updating `orders-db` failed: the connection was deleted outside of this configuration.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 404 `NotFound`
            KMS message: Could not find App Connection with ID 1
            Request id: `req-1`
            Nothing was changed in the KMS.

            Run `terraform apply` again to create it.
            ----
            Error: KMS request failed: project not found
            at project_id

            Updating `orders-db` failed: the KMS has no such project.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 404 `NotFound`
            KMS message: Project with ID 'x' not found
            Request id: `req-1`
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - `project_id` is not the UUID of a project.
              - The machine identity is not a member of the project.
            ----
            Error: KMS request failed: gateway rejected
            at gateway_id

            Updating `orders-db` failed: the KMS refused the gateway.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 404 `NotFound`
            KMS message: Gateway with ID g not found for org
            Request id: `req-1`
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - `gateway_id` is not the UUID of a gateway of the organization.
              - The machine identity lacks a role that may attach the gateway.
            ----
            Error: KMS request failed: request rejected
            at the whole block

            Updating `orders-db` failed: the KMS refused the request.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 400 `BadRequest`
            KMS message: Something else.
            Request id: `req-1`
            Nothing was changed in the KMS.

            Correct what the message of the KMS names. If it names nothing, the operator of the KMS finds the reason in its log by the request id.
            ----
            Error: KMS request failed: invalid value
            at the whole block

            Updating `orders-db` failed: the KMS does not accept a value and does not report which.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 422 `ValidationFailure`
            Request id: `req-1`
            Nothing was changed in the KMS.

            The operator of the KMS finds the reason in its log by the request id.
        "#]],
    );
}

#[test]
fn describes_each_field_that_the_service_refuses() {
    let issue = |path: &[&str], message: &str| Issue {
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        message: message.to_owned(),
    };
    let issues = vec![
        issue(&["credentials", "password"], "String must contain at least 1 character(s)"),
        issue(&["tags"], "Required"),
        issue(&[], "Expected object"),
    ];
    check(
        [reported(ErrorKind::Invalid { issues }, 422, "ValidationFailure", "")],
        &expect![[r#"
        Error: KMS request failed: invalid value
        at password_wo

        Updating `orders-db` failed: the KMS does not accept the value of `password_wo`.
        Rule: String must contain at least 1 character(s).
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 422 `ValidationFailure`
        Request id: `req-1`
        Nothing was changed in the KMS.
        ----
        Error: KMS request failed: invalid value
        at the whole block

        Updating `orders-db` failed: the KMS does not accept the field `tags`.
        Rule: Required.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 422 `ValidationFailure`
        Request id: `req-1`
        Nothing was changed in the KMS.
        ----
        Error: KMS request failed: invalid value
        at the whole block

        Updating `orders-db` failed: the KMS does not accept the request.
        Rule: Expected object.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 422 `ValidationFailure`
        Request id: `req-1`
        Nothing was changed in the KMS.
    "#]],
    );
}

#[test]
fn names_the_permission_and_the_scope() {
    let denied = |action: &str| ErrorKind::Denied {
        action: Some(action.to_owned()),
        subject: Some("app-connections".to_owned()),
        details: vec![Permission { action: action.to_owned(), subject: "app-connections".to_owned(), inverted: false }],
    };
    let error = |action: &str| {
        let message = format!("You are not allowed to {action} on app-connections");
        reported(denied(action), 403, "PermissionDenied", &message)
    };
    let project = Some("3c90c3cc-0d44-4b50-8888-8dd25736052a");
    let read = RequestContext { verb: Verb::Read, project, ..CONTEXT };
    let texts = [service(CONTEXT, &error("edit")), service(read, &error("read-app-connections"))];
    expect![[r#"
        Error: KMS request failed: permission denied
        at the whole block

        Updating `orders-db` failed: the machine identity lacks a permission.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 403 `PermissionDenied`
        KMS message: You are not allowed to edit on app-connections
        Request id: `req-1`
        Nothing was changed in the KMS.

        Give the machine identity a role that may edit app connections in the organization: in the KMS under Access Control.
        ----
        Error: KMS request failed: permission denied
        at the whole block

        Reading `orders-db` failed: the machine identity lacks a permission.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 403 `PermissionDenied`
        KMS message: You are not allowed to read-app-connections on app-connections
        Request id: `req-1`

        Give the machine identity a role that may read app connections in the project `3c90c3cc-0d44-4b50-8888-8dd25736052a`: in the KMS under Access Control.
    "#]].assert_eq(&texts.map(|text| all(&text)).join("----\n"));
}

#[test]
fn describes_failures_of_the_service() {
    let limit = "Rate limit exceeded. Please try again in 30 seconds";
    let retry_after = Some(Duration::from_secs(30));
    check(
        [
            reported(ErrorKind::RateLimited { retry_after }, 429, "TooManyRequests", limit),
            unavailable(),
            ErrorKind::BadGateway(unexpected(502, Mismatch::Status)).into(),
            ErrorKind::Redirected { call: Box::new(call()), status: 301, target: "kms.example.com".to_owned() }.into(),
            ErrorKind::Unexpected(unexpected(200, Mismatch::Body("expected value at line 1".to_owned()))).into(),
            ErrorKind::Unexpected(unexpected(404, Mismatch::Status)).into(),
            ErrorKind::Cancelled.into(),
        ],
        &expect![[r#"
            Error: KMS request failed: rate limit exceeded
            at the whole block

            Updating `orders-db` failed: the KMS accepts no more requests for now.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 429 `TooManyRequests`
            KMS message: Rate limit exceeded. Please try again in 30 seconds
            Request id: `req-1`
            Nothing was changed in the KMS.

            Wait 30 seconds and run the command again.

            The KMS counts all requests from one address, so other runs share the limit. `max_requests_per_minute` of the provider keeps this run below it.
            ----
            Error: KMS request failed: internal server error
            at the whole block

            Updating `orders-db` failed: the KMS reported an internal server error.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 500 `InternalServerError`
            KMS message: Something went wrong
            Request id: `req-1`
            The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.

            Run the command again. If the error persists, the operator of the KMS finds the reason in its log by the request id.
            ----
            Error: KMS request failed: bad gateway
            at the whole block

            Updating `orders-db` failed: a proxy or load balancer responded instead of the KMS.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 502, without the error body of the KMS
            Content type: `text/html`
            Body: begins with `<html>`
            The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.

            Run the command again. If the error persists, check the proxy at `app.kms.hanzo.ai`.
            ----
            Error: KMS request failed: redirected
            at the whole block

            Updating `orders-db` failed: the KMS redirected the request, and the provider does not follow redirects.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 301, to `kms.example.com`
            Nothing was changed in the KMS.
            No token was sent to that address.

            Possible causes, most likely first:
              - `host` of the provider (or `KMS_HOST`) is not the final address of the KMS. Set it to that address if you trust it.
              - The address is the login page of an access proxy in front of the KMS, which needs its own `headers`.
            ----
            Error: KMS request failed: unexpected response
            at the whole block

            Updating `orders-db` failed: the response is not one of the KMS, and the provider ignores it.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 200, without the expected JSON (expected value at line 1)
            Content type: `text/html`
            Body: begins with `<html>`
            The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.

            Possible causes, most likely first:
              - `host` of the provider (or `KMS_HOST`) is not the address of the KMS: for the cloud it is `https://app.kms.hanzo.ai`, not `https://kms.hanzo.ai`.
              - The address has a path, which it must not have.
              - A proxy in front of the KMS responded instead of it.
            ----
            Error: KMS request failed: unexpected response
            at the whole block

            Updating `orders-db` failed: the response is not one of the KMS, and the provider ignores it.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Response: 404, without the error body of the KMS
            Content type: `text/html`
            Body: begins with `<html>`
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - `host` of the provider (or `KMS_HOST`) is not the address of the KMS: for the cloud it is `https://app.kms.hanzo.ai`, not `https://kms.hanzo.ai`.
              - The address has a path, which it must not have.
              - A proxy in front of the KMS responded instead of it.
            ----
            Error: KMS request failed: cancelled
            at the whole block

            Updating `orders-db` failed: the run was interrupted, or the operation reached its limit in the `timeouts` block.
            The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.
        "#]],
    );
}

#[test]
fn describes_requests_without_a_response() {
    let repeated = RequestInfo { attempt: 6, ..call() };
    let failure = TransportFailure::ConnectRefused;
    check(
        [
            ErrorKind::NoResponse { call: Box::new(repeated), failure, sent: false }.into(),
            no_response(TransportFailure::Dns, false),
            no_response(TransportFailure::UnknownAuthority, false),
            no_response(TransportFailure::Timeout, true),
            no_response(TransportFailure::Reset, true),
        ],
        &expect![[r#"
            Error: KMS not reachable: connection refused
            at the whole block

            Updating `orders-db` failed: no response from the KMS: connection refused.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` (attempt 6)
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - The KMS is not running.
              - `host` of the provider (or `KMS_HOST`) is not the address of the KMS.
              - This machine needs a proxy (`HTTPS_PROXY`) or a VPN to reach the KMS.
            ----
            Error: KMS not reachable: host not found
            at the whole block

            Updating `orders-db` failed: no response from the KMS: host not found.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            Possible causes, most likely first:
              - `host` of the provider (or `KMS_HOST`) is not the address of the KMS.
              - This machine needs a proxy (`HTTPS_PROXY`) or a VPN to reach the KMS.
            ----
            Error: KMS not reachable: unknown issuer
            at the whole block

            Updating `orders-db` failed: the certificate of the host has an unknown issuer.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            If a certificate authority of your own issued the certificate of the KMS, set the certificate of that authority in `ca_certificate` or `ca_certificate_file` of the provider.
            ----
            Error: KMS request failed: timed out
            at the whole block

            Updating `orders-db` failed: no response from the KMS: timed out.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.

            Run the command again. If the request times out each time, raise `request_timeout` of the provider.
            ----
            Error: KMS request failed: connection reset
            at the whole block

            Updating `orders-db` failed: no response from the KMS: connection reset.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.

            Run the command again.
        "#]],
    );
}

#[test]
fn says_that_a_write_may_have_taken_effect_only_where_it_may() {
    for (error, expected) in [
        (no_response(TransportFailure::Cut, true), true),
        (no_response(TransportFailure::Dns, false), false),
        (ErrorKind::Cancelled.into(), true),
        (ErrorKind::BadGateway(unexpected(504, Mismatch::Status)).into(), true),
        (unavailable(), true),
        (reported(ErrorKind::Refused, 400, "BadRequest", "no"), false),
    ] {
        let delete = RequestContext { verb: Verb::Delete, ..CONTEXT };
        let texts = [all(&service(CONTEXT, &error)), all(&service(delete, &error))];
        for (text, doubt) in texts.iter().zip(["may have taken effect", "may have deleted"]) {
            assert_eq!(text.contains(doubt), expected, "{text}");
            assert_ne!(text.contains("Nothing was changed in the KMS."), expected, "{text}");
        }
    }
}

#[test]
fn describes_proxies_that_fail() {
    let failed = |problem| {
        let (address, variable) = ("proxy.example.com:3128".to_owned(), "HTTPS_PROXY");
        no_response(TransportFailure::Proxy(Box::new(ProxyFailure { address, variable, problem })), false)
    };
    let problems = [
        ProxyProblem::Status(403),
        ProxyProblem::Status(407),
        ProxyProblem::Status(502),
        ProxyProblem::ConnectRefused,
        ProxyProblem::SpeaksTls,
    ];
    check(
        problems.map(failed),
        &expect![[r#"
            Error: KMS not reachable: proxy failed
            at the whole block

            Updating `orders-db` failed: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) refused the tunnel: 403 Forbidden.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            Ask the operator of the proxy to allow connections to the KMS.

            If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
            ----
            Error: KMS not reachable: proxy failed
            at the whole block

            Updating `orders-db` failed: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) refused the tunnel: 407 Proxy Authentication Required.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            Set a user name and a password for the proxy in `HTTPS_PROXY`: `http://user:password@host:port`, with special characters percent-encoded.

            If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
            ----
            Error: KMS not reachable: proxy failed
            at the whole block

            Updating `orders-db` failed: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) refused the tunnel: 502 Bad Gateway.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            Ask the operator of the proxy: the proxy could not reach the KMS.

            If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
            ----
            Error: KMS not reachable: proxy failed
            at the whole block

            Updating `orders-db` failed: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) cannot be reached: connection refused.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            Check that the proxy is running, and that `HTTPS_PROXY` has its host, port and scheme.

            If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
            ----
            Error: KMS not reachable: proxy failed
            at the whole block

            Updating `orders-db` failed: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) speaks TLS, but its URL begins with `http://`.
            Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
            Nothing was changed in the KMS.

            Check the scheme of the URL in `HTTPS_PROXY`: `http://` for a proxy without TLS (most are), `https://` for a proxy with TLS of its own, `socks5://` for a SOCKS proxy.

            If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
        "#]],
    );
}

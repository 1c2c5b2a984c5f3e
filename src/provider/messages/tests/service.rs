//! What the KMS says, or does not say.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::shown;
use crate::kms::{
    Error, GiveUpReason, Mismatch, Permission, ProxyFailure, ProxyProblem, RequestInfo, ServiceError, TransportFailure,
    UnexpectedResponse,
};
use crate::provider::messages::kms::{RequestContext, service, update};
use crate::terraform::diagnostic::Diagnostics;

pub(super) const ATTEMPT: RequestContext<'_> = RequestContext {
    verb: "update",
    title: "orders-db",
    project: None,
    password_argument: "password_wo",
    credentials: None,
};

fn call() -> RequestInfo {
    let path = "/api/v1/app-connections/postgres/1".to_owned();
    RequestInfo { method: "PATCH", host: "app.kms.hanzo.ai".to_owned(), path, attempt: 1 }
}

pub(super) fn reply(status: u16, name: &str, message: &str) -> Box<ServiceError> {
    Box::new(ServiceError {
        call: call(),
        status,
        request_id: Some("req-1".to_owned()),
        name: Some(name.to_owned()),
        message: message.to_owned(),
    })
}

pub(super) fn page() -> Box<UnexpectedResponse> {
    foreign(200, Mismatch::Status)
}

fn foreign(status: u16, oddity: Mismatch) -> Box<UnexpectedResponse> {
    Box::new(UnexpectedResponse {
        call: call(),
        status,
        oddity,
        content_type: Some("text/html".to_owned()),
        beginning: Some("<html>".to_owned()),
    })
}

pub(super) fn no_answer(failure: TransportFailure, sent: bool) -> Error {
    Error::NoAnswer { call: Box::new(call()), failure, sent }
}

pub(super) fn all(diagnostics: &Diagnostics) -> String {
    diagnostics.iter().map(shown).collect::<Vec<_>>().join("----\n")
}

pub(super) fn check(error: &Error, expected: Expect) {
    expected.assert_eq(&all(&service(ATTEMPT, error)));
}

fn check_update(error: &Error, expected: Expect) {
    expected.assert_eq(&all(&update(ATTEMPT, error)));
}

#[test]
fn before_anything_was_sent() {
    check(
        &Error::Settings("no root certificates".to_owned()),
        expect![[r#"
            Error: The KMS could not be asked
            at the whole block

            `orders-db` could not be updated: the client of the KMS cannot be set up: no root certificates.

            Nothing was sent to the KMS.
        "#]],
    );
    check(
        &Error::NotAnId("abc".to_owned()),
        expect![[r#"
            Error: The KMS could not be asked
            at the whole block

            `orders-db` could not be updated: `abc` is not the id of a connection; ids are UUIDs.

            Nothing was sent to the KMS.
        "#]],
    );
}

#[test]
fn a_missing_permission() {
    let error = Error::Denied {
        action: Some("edit".to_owned()),
        subject: Some("app-connections".to_owned()),
        details: vec![Permission { action: "edit".to_owned(), subject: "app-connections".to_owned(), inverted: false }],
        reply: reply(403, "PermissionDenied", "You are not allowed to edit on app-connections"),
    };
    check(
        &error,
        expect![[r#"
            Error: The KMS does not allow it
            at the whole block

            `orders-db` could not be updated: the KMS does not allow it.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 403 `PermissionDenied`: You are not allowed to edit on app-connections (request id `req-1`).

            The machine identity needs a role that may edit app connections in the organisation. Give it that role in the KMS under Access Control, and try again.
        "#]],
    );
}

#[test]
fn refusals_of_the_service() {
    let name = "orders-db".to_owned();
    let taken = "An App Connection with the name \"orders-db\" already exists";
    check(
        &Error::NameTaken { name, reply: reply(400, "BadRequest", taken) },
        expect![[r#"
            Error: The name is taken
            at name

            `orders-db` could not be updated: there is a connection with the name `orders-db` already.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest`: An App Connection with the name "orders-db" already exists (request id `req-1`).

            Names are unique across all kinds of app connections of a scope. Choose another `name`.
        "#]],
    );
    let in_use = "Cannot delete App Connection with existing connections";
    check(
        &Error::InUse { reply: reply(400, "BadRequest", in_use) },
        expect![[r#"
            Error: The connection is in use
            at the whole block

            `orders-db` could not be updated: the connection is still in use.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest`: Cannot delete App Connection with existing connections (request id `req-1`).

            Secret rotations, secret syncs or other things of the KMS still use it. Remove those first: destroy them in the same configuration with a `depends_on`, or delete them in the KMS.
        "#]],
    );
    let managed = "Cannot update credentials or management status for platform managed connections";
    check(
        &Error::Managed { reply: reply(400, "BadRequest", managed) },
        expect![[r#"
            Error: The KMS manages these credentials itself
            at the whole block

            `orders-db` could not be updated: the platform manages the credentials of this connection.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest`: Cannot update credentials or management status for platform managed connections (request id `req-1`).

            The connection has platform-managed credentials, which cannot be changed from outside. Leave host, port, database, username, password and TLS arguments as they are.
        "#]],
    );
    let other = "App Connection with ID 1 is not for App \"postgres\"";
    check(
        &Error::OtherApp { reply: reply(400, "BadRequest", other) },
        expect![[r#"
            Error: This is not a PostgreSQL connection
            at the whole block

            `orders-db` could not be updated: this is not a PostgreSQL connection.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest`: App Connection with ID 1 is not for App "postgres" (request id `req-1`).

            The id belongs to a connection of another app. Check the id.
        "#]],
    );
    let unknown = "Could not find App Connection with ID 1";
    check(
        &Error::NoSuchConnection { reply: reply(404, "NotFound", unknown) },
        expect![[r#"
            Error: The connection is gone
            at the whole block

            `orders-db` could not be updated: there is no such connection.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 404 `NotFound`: Could not find App Connection with ID 1 (request id `req-1`).

            Somebody deleted it outside of this configuration. Run `terraform apply` again: it plans to create it anew.
        "#]],
    );
    let project = "Project with ID 'x' not found";
    check(
        &Error::ProjectNotFound { reply: reply(404, "NotFound", project) },
        expect![[r#"
            Error: There is no such project
            at project_id

            `orders-db` could not be updated: there is no such project.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 404 `NotFound`: Project with ID 'x' not found (request id `req-1`).

            Check `project_id`: it is the UUID of a project that the machine identity is a member of.
        "#]],
    );
    check(
        &Error::Refused { reply: reply(400, "BadRequest", "Something else.") },
        expect![[r#"
            Error: The KMS refused the request
            at the whole block

            `orders-db` could not be updated: the KMS refused.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 400 `BadRequest`: Something else. (request id `req-1`).

            Correct what it names. If it names nothing, the request id leads to its log.
        "#]],
    );
}

#[test]
fn a_turn_that_would_come_too_late() {
    check(
        &Error::Unsent(GiveUpReason::TooLong(Duration::from_secs(57))),
        expect![[r#"
        Error: Too many requests to the KMS
        at the whole block

        `orders-db` could not be updated: the request was not sent: it would have to wait 57 seconds, which is longer than the operation may take.

        The pace is that of `max_requests_per_minute`, or of the KMS, which counts all requests from one address. Allow the operation more time in the `timeouts` block, or run less at the same time.
    "#]],
    );
    check(
        &Error::Unsent(GiveUpReason::Stopped),
        expect![[r#"
        Error: Interrupted
        at the whole block

        `orders-db` could not be updated: the request was not sent: the run was interrupted.

        Run it again to go on.
    "#]],
    );
    let call = RequestInfo { attempt: 6, ..call() };
    let error = Error::NoAnswer { call: Box::new(call), failure: TransportFailure::ConnectRefused, sent: false };
    check(
        &error,
        expect![[r#"
        Error: The KMS gave no answer
        at the whole block

        `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` (tried 6 times) got no answer: the connection was refused.

        Check `host` of the provider (or `KMS_HOST`), and whether this machine needs a proxy (`HTTPS_PROXY`) or a VPN to reach the KMS.
    "#]],
    );
}

#[test]
fn a_missing_permission_in_a_project() {
    let error = Error::Denied {
        action: Some("read-app-connections".to_owned()),
        subject: Some("app-connections".to_owned()),
        details: Vec::new(),
        reply: reply(403, "PermissionDenied", "You are not allowed to read-app-connections on app-connections"),
    };
    let attempt = RequestContext { verb: "read", project: Some("3c90c3cc-0d44-4b50-8888-8dd25736052a"), ..ATTEMPT };
    expect![[r#"
        Error: The KMS does not allow it
        at the whole block

        `orders-db` could not be read: the KMS does not allow it.
        `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 403 `PermissionDenied`: You are not allowed to read-app-connections on app-connections (request id `req-1`).

        The machine identity needs a role that may read app connections in the project `3c90c3cc-0d44-4b50-8888-8dd25736052a`. Give it that role in the KMS under Access Control, and try again.
    "#]].assert_eq(&all(&service(attempt, &error)));
}

#[test]
fn troubles_of_the_service() {
    let limit = "Rate limit exceeded. Please try again in 30 seconds";
    let retry_after = Some(Duration::from_secs(30));
    check(
        &Error::Limited { retry_after, reply: reply(429, "TooManyRequests", limit) },
        expect![[r#"
            Error: Too many requests to the KMS
            at the whole block

            `orders-db` could not be updated: the KMS allows no more requests for now.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 429 `TooManyRequests`: Rate limit exceeded. Please try again in 30 seconds (request id `req-1`).

            The request was not run. Wait 30 seconds and try again. The KMS counts all requests from one address, so other runs share the limit; `max_requests_per_minute` of the provider keeps this one below it.
        "#]],
    );
    check(
        &Error::Unavailable { reply: reply(500, "InternalServerError", "Something went wrong") },
        expect![[r#"
            Error: The KMS failed
            at the whole block

            `orders-db` could not be updated: the KMS failed.
            `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 500 `InternalServerError`: Something went wrong (request id `req-1`).

            Try again in a while. If it keeps failing, whoever runs the KMS finds the reason in its log by the request id.
        "#]],
    );
    check_update(
        &Error::Gateway { foreign: foreign(502, Mismatch::Status) },
        expect![[r#"
            Error: Something in front of the KMS failed
            at the whole block

            `orders-db` could not be updated: something in front of the KMS answered for it: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 502, without the service's error body; content type `text/html`; it begins with `<html>`.

            A proxy or load balancer at `app.kms.hanzo.ai` answered instead of the KMS. Try again in a while.

            The change may have taken effect all the same. Run `terraform plan`: it reads what the KMS holds and plans what is still missing.
        "#]],
    );
    let call = Box::new(call());
    check(
        &Error::Redirected { call, status: 301, target: "kms.example.com".to_owned() },
        expect![[r#"
            Error: The KMS is somewhere else
            at the whole block

            `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` points to `kms.example.com` (301).

            If you trust that address, set `host` of the provider (or `KMS_HOST`) to it. If it is a login page, the access proxy in front of the KMS needs its own `headers`. No token was sent there.
        "#]],
    );
    check_update(
        &Error::NotTheService { foreign: foreign(200, Mismatch::Body("expected value at line 1".to_owned())) },
        expect![[r#"
            Error: This is not the KMS
            at the whole block

            `orders-db` could not be updated: something other than the KMS answered: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 200, but not with the JSON that belongs to it (expected value at line 1); content type `text/html`; it begins with `<html>`.

            What answers at `app.kms.hanzo.ai` is not the API that this provider speaks, so nothing is concluded from it; the state is left as it is. Check `host` of the provider (or `KMS_HOST`): it is the address of the KMS without a path. For the cloud it is `https://app.kms.hanzo.ai`; some documents name `https://kms.hanzo.ai`.

            The change may have taken effect all the same. Run `terraform plan`: it reads what the KMS holds and plans what is still missing.
        "#]],
    );
    check(
        &Error::NotTheService { foreign: foreign(404, Mismatch::Status) },
        expect![[r#"
            Error: This is not the KMS
            at the whole block

            `orders-db` could not be updated: something other than the KMS answered: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` answered 404, without the service's error body; content type `text/html`; it begins with `<html>`.

            What answers at `app.kms.hanzo.ai` is not the API that this provider speaks, so nothing is concluded from it; the state is left as it is. Check `host` of the provider (or `KMS_HOST`): it is the address of the KMS without a path. For the cloud it is `https://app.kms.hanzo.ai`; some documents name `https://kms.hanzo.ai`.
        "#]],
    );
    check_update(
        &Error::Cancelled,
        expect![[r#"
            Error: Given up while waiting for the KMS
            at the whole block

            `orders-db` could not be updated: the call to the KMS was cancelled.

            The run was interrupted, or the operation reached its limit in the `timeouts` block.

            The change may have taken effect all the same. Run `terraform plan`: it reads what the KMS holds and plans what is still missing.
        "#]],
    );
}

#[test]
fn no_answer_at_all() {
    check(
        &no_answer(TransportFailure::ConnectRefused, false),
        expect![[r#"
            Error: The KMS gave no answer
            at the whole block

            `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the connection was refused.

            Check `host` of the provider (or `KMS_HOST`), and whether this machine needs a proxy (`HTTPS_PROXY`) or a VPN to reach the KMS.
        "#]],
    );
    check(
        &no_answer(TransportFailure::UnknownAuthority, false),
        expect![[r#"
            Error: The KMS gave no answer
            at the whole block

            `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the certificate of the host is not signed by an authority that is trusted here.

            If the KMS has a certificate of an authority of your own, give that authority's certificate in `ca_certificate` or `ca_certificate_file` of the provider.
        "#]],
    );
    check_update(
        &no_answer(TransportFailure::Timeout, true),
        expect![[r#"
            Error: The KMS gave no answer
            at the whole block

            `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: it took too long.

            Try again. If it takes too long each time, raise `request_timeout` of the provider.

            The change may have taken effect all the same. Run `terraform plan`: it reads what the KMS holds and plans what is still missing.
        "#]],
    );
}

#[test]
fn an_update_says_so_only_when_it_may_have_taken_effect() {
    let doubt = "may have taken effect";
    for (error, expected) in [
        (no_answer(TransportFailure::Cut, true), true),
        (no_answer(TransportFailure::Dns, false), false),
        (Error::Cancelled, true),
        (Error::Gateway { foreign: foreign(504, Mismatch::Status) }, true),
        (Error::Unavailable { reply: reply(500, "InternalServerError", "Something went wrong") }, true),
        (Error::Refused { reply: reply(400, "BadRequest", "no") }, false),
    ] {
        let text = all(&update(ATTEMPT, &error));
        assert_eq!(text.contains(doubt), expected, "{text}");
    }
}

#[test]
fn a_proxy_that_fails() {
    let mut told = String::new();
    for problem in [
        ProxyProblem::Status(403),
        ProxyProblem::Status(407),
        ProxyProblem::Status(502),
        ProxyProblem::ConnectRefused,
        ProxyProblem::SpeaksTls,
    ] {
        let (address, variable) = ("proxy.example.com:3128".to_owned(), "HTTPS_PROXY");
        let failure = TransportFailure::Proxy(Box::new(ProxyFailure { address, variable, problem }));
        told += &all(&service(ATTEMPT, &no_answer(failure, false)));
    }
    expect![[r#"
        Error: The proxy to the KMS failed
        at the whole block

        `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) refused the tunnel: 403 Forbidden.

        The proxy does not allow connections to the KMS. Ask the operator of the proxy to allow them. If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
        Error: The proxy to the KMS failed
        at the whole block

        `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) refused the tunnel: 407 Proxy Authentication Required.

        The proxy wants a user name and a password that it accepts: `http://user:password@host:port` in `HTTPS_PROXY`, with special characters percent-encoded. If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
        Error: The proxy to the KMS failed
        at the whole block

        `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) refused the tunnel: 502 Bad Gateway.

        The proxy could not reach the KMS. Ask the operator of the proxy. If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
        Error: The proxy to the KMS failed
        at the whole block

        `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) cannot be reached: connection refused.

        Check that the proxy runs, and that `HTTPS_PROXY` has its host, port and scheme. If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
        Error: The proxy to the KMS failed
        at the whole block

        `orders-db` could not be updated: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) speaks TLS, but its URL begins with `http://`.

        Check the scheme of the URL in `HTTPS_PROXY`: `http://` for a proxy that is spoken to in clear text (most are), `https://` for one that speaks TLS itself, `socks5://` for a SOCKS proxy. If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.
    "#]].assert_eq(&told);
}

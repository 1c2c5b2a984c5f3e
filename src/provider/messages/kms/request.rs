//! One row for each error of the client of the KMS.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::kms::{DatabaseStep, Error, ErrorKind, GiveUpReason, ProxyFailure, ProxyProblem, TransportFailure};
use crate::terraform::diagnostic::Diagnostics;
use crate::text::shown;

use super::super::detail::Detail;
use super::{RequestContext, Row, Verb, auth, database_refused, refused, summary};

/// Returns the diagnostics of a failed request.
pub(crate) fn service(context: RequestContext<'_>, error: &Error) -> Diagnostics {
    let may_have_run = error.may_have_run();
    let is_auth_failed = matches!(error.kind, ErrorKind::AuthFailed { .. });
    let error = error.cause();
    let reply = error.reply.as_deref();
    match (&error.kind, reply, context.credentials) {
        (ErrorKind::Invalid { issues }, Some(reply), _) if !issues.is_empty() => {
            issues.iter().map(|issue| refused::invalid(context, issue, reply)).collect()
        }
        (ErrorKind::DatabaseRefused { step: DatabaseStep::Login, message }, Some(reply), Some(sent)) => {
            database_refused::refusal(context, sent, message, reply, OffsetDateTime::now_utc()).into()
        }
        (ErrorKind::AuthRefused { auth, .. } | ErrorKind::NoCredentials { auth, .. }, ..)
            if context.first_reporter.is_some_and(|first| first != context.title) =>
        {
            let first = shown(context.first_reporter.unwrap_or_default());
            let detail = context
                .failed(format!("the {auth} at `{}` failed", auth.host))
                .next(format!("See the error for `{first}` for the cause and how to proceed."));
            Row::new(row(context, error, may_have_run).summary, detail).diagnostic().into()
        }
        _ => {
            let Row { summary, detail, argument } = row(context, error, may_have_run);
            let not_sent = "The request itself was not sent: the authentication before it failed.";
            let detail = if is_auth_failed { detail.changed(not_sent) } else { detail };
            Row { summary, detail, argument }.diagnostic().into()
        }
    }
}

/// Returns the row of an error. `may_have_run` is whether a write may have taken effect.
fn row(context: RequestContext<'_>, error: &Error, may_have_run: bool) -> Row {
    let kind = &error.kind;
    let failed = |reason: &str| {
        let detail = context.failed(reason).changes(context.verb, error, may_have_run);
        error.reply.iter().fold(detail, |detail, reply| detail.reply(reply))
    };
    match kind {
        ErrorKind::Settings(problem) => {
            let detail = failed(&format!("the client of the KMS cannot be set up: {problem}"));
            Row::new(summary::SETUP_FAILED, detail)
        }
        ErrorKind::InvalidId(_) => Row::new(summary::INVALID_ID, failed(&kind.to_string())),
        ErrorKind::AuthRefused { auth, reason } => {
            auth::refused(auth.method, *reason, failed(&format!("the KMS refused the {auth}")))
        }
        ErrorKind::NoCredentials { auth, reason } => auth::no_credentials(
            auth.method,
            reason.is_passing(),
            failed(&format!("the {auth} has no credentials")).fact("KMS", format!("`{}`", auth.host)).fact("Cause", reason),
        ),
        ErrorKind::AwsRefused => auth::aws_refused(failed("the KMS reported an error while it called AWS")),
        ErrorKind::RateLimited { retry_after } => Row::new(
            summary::RATE_LIMITED,
            failed("the KMS accepts no more requests for now")
                .next(wait(*retry_after, OffsetDateTime::now_utc()))
                .next(
                    "The KMS counts all requests from one address, so other runs share the limit. \
                     `max_requests_per_minute` of the provider keeps this run below it.",
                ),
        ),
        ErrorKind::NotSent(reason @ GiveUpReason::TooLong(_)) => Row::new(
            summary::RATE_LIMITED,
            failed(&format!("the request was not sent: {reason}")).next(
                "The rate limit is `max_requests_per_minute`, or that of the KMS, which counts all requests from one address. \
                 Increase the timeout of the operation in the `timeouts` block, or run fewer operations at the same time.",
            ),
        ),
        ErrorKind::NotSent(reason) => Row::new(
            summary::INTERRUPTED,
            failed(&format!("the request was not sent: {reason}")).next("Run the command again."),
        ),
        ErrorKind::Unavailable => Row::new(
            summary::UNAVAILABLE,
            failed("the KMS reported an internal server error").next(
                "Run the command again. If the error persists, the operator of the KMS finds the reason in its log by the request \
                 id.",
            ),
        ),
        ErrorKind::BadGateway(response) => Row::new(
            summary::BAD_GATEWAY,
            failed("a proxy or load balancer responded instead of the KMS")
                .unexpected(response)
                .next(format!("Run the command again. If the error persists, check the proxy at `{}`.", response.call.host)),
        ),
        ErrorKind::Unexpected(response) => Row::new(
            summary::UNEXPECTED,
            failed("the response is not one of the KMS, and the provider ignores it").unexpected(response).causes([
                "`host` of the provider (or `KMS_HOST`) is not the address of the KMS: for the cloud it is \
                 `https://app.kms.hanzo.ai`, not `https://kms.hanzo.ai`.",
                "The address has a path, which it must not have.",
                "A proxy in front of the KMS responded instead of it.",
            ]),
        ),
        ErrorKind::Redirected { call, status, target } => Row::new(
            summary::REDIRECTED,
            failed("the KMS redirected the request, and the provider does not follow redirects")
                .fact("Request", call)
                .fact("Response", format!("{status}, to `{target}`"))
                .changed("No token was sent to that address.")
                .causes([
                    "`host` of the provider (or `KMS_HOST`) is not the final address of the KMS. Set it to that address if you \
                     trust it.",
                    "The address is the login page of an access proxy in front of the KMS, which needs its own `headers`.",
                ]),
        ),
        ErrorKind::NoResponse { call, failure, sent } => {
            let reason = match failure {
                TransportFailure::Proxy(_) | TransportFailure::Tls(_) | TransportFailure::UnknownAuthority => failure.to_string(),
                failure => format!("no response from the KMS: {failure}"),
            };
            let detail = failed(&reason).fact("Request", call);
            Row::new(summary::no_response(failure, *sent), no_response(detail, failure))
        }
        ErrorKind::Cancelled => Row::new(
            summary::CANCELLED,
            failed("the run was interrupted, or the operation reached its limit in the `timeouts` block"),
        ),
        // `service` looks below these two.
        ErrorKind::GaveUp { last: cause, .. } | ErrorKind::AuthFailed { cause } => row(context, cause, may_have_run),
        _ => refused::row(context, kind, failed),
    }
}

impl Detail {
    /// Adds what a failed request has changed. A lookup finds out what a create has changed.
    fn changes(self, verb: Verb, error: &Error, may_have_run: bool) -> Self {
        if let ErrorKind::Settings(_) | ErrorKind::InvalidId(_) | ErrorKind::NoCredentials { .. } = error.kind {
            return self.changed("Nothing was sent to the KMS.");
        }
        match (verb, may_have_run) {
            (Verb::Update, true) => self.changed(
                "The update may have taken effect. Run `terraform plan`: it reads the connection and plans what is still missing.",
            ),
            (Verb::Delete, true) => self.changed(
                "The KMS may have deleted the connection. It stays in the state. Run the command again: it reads the connection \
                 first.",
            ),
            (Verb::Create | Verb::Update | Verb::Delete, false) if !error.changes_password() => {
                self.changed("Nothing was changed in the KMS.")
            }
            _ => self,
        }
    }
}

fn no_response(detail: Detail, failure: &TransportFailure) -> Detail {
    const HOST: &str = "`host` of the provider (or `KMS_HOST`) is not the address of the KMS.";
    const PROXY: &str = "This machine needs a proxy (`HTTPS_PROXY`) or a VPN to reach the KMS.";
    match failure {
        TransportFailure::Dns | TransportFailure::Connect(_) => detail.causes([HOST, PROXY]),
        TransportFailure::ConnectRefused => detail.causes(["The KMS is not running.", HOST, PROXY]),
        TransportFailure::UnknownAuthority | TransportFailure::Tls(_) => detail.next(
            "If a certificate authority of your own issued the certificate of the KMS, set the certificate of that authority in \
             `ca_certificate` or `ca_certificate_file` of the provider.",
        ),
        TransportFailure::Proxy(proxy) => proxy_failed(detail, proxy),
        TransportFailure::Timeout => detail
            .next("Run the command again. If the request times out each time, raise `request_timeout` of the provider."),
        _ => detail.next("Run the command again."),
    }
}

fn proxy_failed(detail: Detail, failure: &ProxyFailure) -> Detail {
    let variable = failure.variable;
    let next = match failure.problem {
        ProxyProblem::Status(407) => format!(
            "Set a user name and a password for the proxy in `{variable}`: `http://user:password@host:port`, with special \
             characters percent-encoded."
        ),
        ProxyProblem::Status(500..) => "Ask the operator of the proxy: the proxy could not reach the KMS.".to_owned(),
        ProxyProblem::Status(_) => "Ask the operator of the proxy to allow connections to the KMS.".to_owned(),
        ProxyProblem::SpeaksTls | ProxyProblem::NotHttp | ProxyProblem::Tls(_) => format!(
            "Check the scheme of the URL in `{variable}`: `http://` for a proxy without TLS (most are), `https://` for a proxy \
             with TLS of its own, `socks5://` for a SOCKS proxy."
        ),
        _ => format!("Check that the proxy is running, and that `{variable}` has its host, port and scheme."),
    };
    detail.next(next).next("If this machine reaches the KMS without a proxy, add the host of the KMS to `NO_PROXY`.")
}

/// Returns when to run the command again after a refusal for too many requests.
pub(crate) fn wait(retry_after: Option<Duration>, now: OffsetDateTime) -> String {
    /// Rate limits end long before that.
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let Some(wait) = retry_after else { return "Wait a minute and run the command again.".to_owned() };
    match wait.as_secs() {
        0 | 1 => "Wait 1 second and run the command again.".to_owned(),
        seconds @ ..=120 => format!("Wait {seconds} seconds and run the command again."),
        _ if wait > YEAR => "The KMS requests a wait of more than a year. Ask the operator of the KMS.".to_owned(),
        _ => {
            let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
            let until = (now + wait).format(format).unwrap_or_default();
            format!("Wait until {until} and run the command again.")
        }
    }
}

//! The only way from a connection to its database: every login of the provider is made by [`log_in`].
//!
//! [`log_in`] enforces the rules for one login: the credentials are not platform-managed, the address of the server is known,
//! and the login ends with the run and with the limit of the operation. [`Logins`](crate::provider::login_check::Logins)
//! enforces the rules for all logins: the allowed hosts, the loopback rule, the limit of refusals, and the shared outcomes.

use crate::postgres;
use crate::provider::deadline;
use crate::provider::deadline::{Ended, Limit};
use crate::provider::login_check::{CheckedLogin, Requester};
use crate::provider::session::Session;
use crate::terraform::resource::RpcContext;

use super::model::ConnectionModel;
use super::validation_block::Validation;

/// The step of a run that a login belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No request was sent yet, and values may be unknown.
    Plan,
    /// Right before the request to the KMS, within the limit of the operation.
    Apply(Limit),
    /// After a request to the KMS whose effect on the role is not known, within the same limit.
    AfterRequest(Limit),
}

/// The purpose of a login check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Credentials are to be stored.
    Credentials,
    /// No request follows; only the privileges for rotation are checked.
    Privileges,
}

/// A planned write of credentials, or a check of privileges for rotation.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The prior state; `None` for a connection to be created.
    pub(super) prior: Option<&'a ConnectionModel>,
    pub(super) planned: &'a ConnectionModel,
    pub(super) config: &'a ConnectionModel,
    pub(super) purpose: Purpose,
}

/// The reason why no login is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// `mode` is `off`.
    Off,
    /// `mode` is `apply`, and this is a plan.
    InTheApply,
    /// Only the KMS has the password of the role; the configured one does not work.
    Managed,
    /// The KMS connects through a gateway, and no address is set for this machine.
    Gateway,
    /// The configuration gives no password.
    NoPassword,
    /// A value is known only after the apply.
    Unknown,
}

impl Skipped {
    /// Returns the reason as a part of a message.
    pub(super) fn as_text(self) -> &'static str {
        match self {
            Self::Off => "`mode` is `off`",
            Self::InTheApply => "`mode` is `apply`",
            Self::Managed => "only the KMS has the password of the role",
            Self::Gateway => "the KMS connects through a gateway, and `address` is not set",
            Self::NoPassword => "no password is known",
            Self::Unknown => "a credential is not known yet",
        }
    }
}

/// A login that was made, or whose outcome another login gave.
pub(super) struct DatabaseLogin {
    pub(super) target: postgres::Target,
    pub(super) checked: CheckedLogin,
}

/// Logs in with the planned credentials, or returns why no login is attempted.
///
/// # Errors
/// When the run or the time of the operation ended first.
#[expect(clippy::disallowed_methods, reason = "the only function that may log in")]
pub(super) async fn log_in(
    call: &RpcContext<Session>,
    subject: Subject<'_>,
    validation: &Validation,
    phase: Phase,
) -> Result<Result<DatabaseLogin, Skipped>, Ended> {
    let target = match subject.target(validation) {
        Ok(target) => target,
        Err(skipped) => return Ok(Err(skipped)),
    };
    let title = subject.planned.title();
    let (requester, limit) = match phase {
        Phase::Plan => (Requester::Plan(title), None),
        Phase::Apply(limit) => (Requester::Apply(title), Some(limit)),
        Phase::AfterRequest(limit) => (Requester::AfterRequest, Some(limit)),
    };
    let check = call.session().logins.check(&target, validation.timeout, requester);
    let checked = deadline::bounded(call, limit, check).await?;
    Ok(Ok(DatabaseLogin { target, checked }))
}

impl Subject<'_> {
    /// Returns the server, the role and the password of the login, or why no login is attempted.
    fn target(&self, validation: &Validation) -> Result<postgres::Target, Skipped> {
        let Self { prior, planned, config, .. } = self;
        if prior.is_some_and(ConnectionModel::is_managed) {
            return Err(Skipped::Managed);
        }
        if planned.has_gateway() && validation.address.is_none() {
            return Err(Skipped::Gateway);
        }
        if planned.password.is_null() && config.password_wo.is_null() {
            return Err(Skipped::NoPassword);
        }
        let password = planned.password(config).ok_or(Skipped::Unknown)?;
        let credentials = planned.credentials(password).ok_or(Skipped::Unknown)?;
        let tls = match (credentials.ssl_enabled, credentials.ssl_reject_unauthorized, &credentials.ssl_certificate) {
            (false, ..) => postgres::Tls::Off,
            (true, false, _) => postgres::Tls::Unverified,
            (true, true, None) => postgres::Tls::Verified { ca: None },
            (true, true, Some(_)) => {
                let bundle = planned.ssl_certificate.known().ok_or(Skipped::Unknown)?;
                let ca = bundle.certificates().map_err(|_| Skipped::Unknown)?;
                postgres::Tls::Verified { ca: Some(ca.clone()) }
            }
        };
        Ok(postgres::Target {
            host: postgres::ascii_host(&credentials.host),
            port: credentials.port,
            database: credentials.database,
            username: credentials.username,
            password: credentials.password,
            tls,
            address: validation.address.clone().map(postgres::Address::from),
            questions: postgres::Questions {
                rotation_roles: validation.rotation.names(),
                own_password: planned.is_managed(),
            },
        })
    }
}

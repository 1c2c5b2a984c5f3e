//! Diagnostics about logins that were not made, and about differences between this machine and the KMS.

use std::net::IpAddr;
use std::time::Duration;

use crate::postgres::{Accepted, Target};
use crate::provider::attribute;
use crate::provider::config::validation::Mode;
use crate::provider::login_check::NotChecked;
use crate::provider::login_check::kms_location::NotAllowed;
use crate::terraform::diagnostic::{Diagnostic, Path, Severity};
use crate::text::shown;

use super::summary::{CHECK_SKIPPED, KMS_MAY_FAIL};
use super::{DESTROY, NOTHING_SENT};

const KMS_LOGS_IN: &str =
    "This does not stop the run: the KMS logs in from its own network when the change is applied.";

/// Returns the diagnostic for a login that was not made, although the settings ask for it.
pub(crate) fn not_checked(
    severity: Severity,
    why: &NotChecked,
    connection: &str,
    target: &Target,
    in_plan: bool,
) -> Diagnostic {
    let server = format!("`{}`", shown(&target.dialled().to_string()));
    let (host, role) = (shown(&target.host), shown(&target.username));
    let (summary, what, next, path) = match why {
        NotChecked::Attempts => (
            "two failed attempts",
            format!(
                "Two logins of role `{role}` at {server} failed in this run, or got no response. The provider makes no \
                 third attempt: many LDAP and PAM servers lock an account after the third failure."
            ),
            "Correct the failed logins, which other messages name, and run again.",
            Path::from(attribute::USERNAME),
        ),
        NotChecked::Budget => (
            "time for unreachable servers exhausted",
            format!(
                "This run has spent 60 s on servers that do not respond, so the provider did not wait for {server}."
            ),
            "For databases that this machine cannot reach: set `validation { mode = \"off\" }`, or `address` to the end of a \
             tunnel.",
            Path::from(attribute::HOST),
        ),
        NotChecked::Queue => (
            "queue timed out",
            format!("Other logins at {server} took longer than three times the `timeout` of a login."),
            "Run again; if the server is slow, with a longer `timeout` in the `validation` block.",
            Path::from(attribute::VALIDATION),
        ),
        NotChecked::NotAllowed(NotAllowed::Loopback) => (
            "loopback address",
            format!(
                "`{host}` {} a loopback address. To the KMS it is the KMS's own machine, so a login from here does not \
                 test the database of the KMS; a cloud KMS rejects such hosts.",
                if host.parse::<IpAddr>().is_ok() { "is" } else { "resolves to" }
            ),
            "Use the name by which the KMS reaches the database. If `host` is right and this machine reaches the same server \
             another way, such as a tunnel, set `validation { address = \"127.0.0.1:5432\" }`.",
            Path::from(attribute::HOST),
        ),
        NotChecked::NotAllowed(NotAllowed::Host) => (
            "host not allowed",
            format!("`KMS_VALIDATION_HOSTS` does not list the host `{host}`, so the provider sends no password to it."),
            "If the host is right, add it to the variable, which is the allow list of this environment.",
            Path::from(attribute::HOST),
        ),
        NotChecked::NotAllowed(NotAllowed::Addresses(addresses)) => {
            let addresses: Vec<_> = addresses.iter().map(|address| format!("`{address}`")).collect();
            let path = match &target.address {
                Some(_) => Path::from(attribute::VALIDATION).attribute("address"),
                None => Path::from(attribute::HOST),
            };
            (
                "address not allowed",
                format!(
                    "{server} resolves to {}, which `KMS_VALIDATION_HOSTS` does not list, so the provider sends no password to \
                     it.",
                    addresses.join(", ")
                ),
                "If the address is right, add it or its network (`10.0.0.0/8`) to the variable: a listed name alone does not \
                 allow its addresses.",
                path,
            )
        }
    };
    let effect = if severity == Severity::Error { NOTHING_SENT } else { KMS_LOGS_IN };
    let destroy = if severity == Severity::Error && in_plan { format!(" {DESTROY}") } else { String::new() };
    let detail = format!("{what}\nConnection: `{}`\n{effect}\n\n{next}{destroy}", shown(connection));
    Diagnostic::new(severity, format!("{CHECK_SKIPPED}: {summary}"), detail).at(path)
}

/// Returns the reason for a login that was not made, for a log line.
pub(crate) fn why_not_checked(why: &NotChecked) -> &'static str {
    match why {
        NotChecked::Attempts => "two logins of the role have failed",
        NotChecked::Budget => "the time for servers that do not respond is exhausted",
        NotChecked::Queue => "other logins at the server took too long",
        NotChecked::NotAllowed(NotAllowed::Loopback) => "the host is a loopback address",
        NotChecked::NotAllowed(NotAllowed::Host) => "`KMS_VALIDATION_HOSTS` does not list the host",
        NotChecked::NotAllowed(NotAllowed::Addresses(_)) => "`KMS_VALIDATION_HOSTS` does not list the address",
    }
}

/// Returns the warning that the provider makes no login behind a gateway, where the settings ask to report each skipped login.
pub(crate) fn behind_gateway(connection: &str) -> Diagnostic {
    let detail = format!(
        "The KMS connects through a gateway, and the provider has no way to the database.\nConnection: `{}`\n{KMS_LOGS_IN}\n\n\
         If this machine can reach the database, set `validation {{ address = \"host:port\" }}`. This warning appears \
         because `unreachable = \"error\"` is set.",
        shown(connection)
    );
    Diagnostic::warning(format!("{CHECK_SKIPPED}: gateway"), detail).at(attribute::GATEWAY_ID)
}

/// Returns the warning that the environment lowered the mode, where the settings ask to report each skipped login.
pub(crate) fn mode_lowered(connection: &str, configured: Mode, mode: Mode) -> Diagnostic {
    let when = if mode == Mode::Apply { "in this plan" } else { "in this run" };
    let detail = format!(
        "The provider makes no login {when}: `KMS_VALIDATION` lowered `mode` from `{configured}` to `{mode}`.\nConnection: \
         `{}`\n{KMS_LOGS_IN}\n\nTo check as configured, unset the variable. This warning appears \
         because `unreachable = \"error\"` is set.",
        shown(connection)
    );
    Diagnostic::warning(format!("{CHECK_SKIPPED}: mode lowered"), detail).at(Path::from(attribute::VALIDATION))
}

/// Returns the warning that the login succeeded only at a later address of the name.
pub(crate) fn later_address(connection: &str, accepted: &Accepted) -> Diagnostic {
    let failed: Vec<_> =
        accepted.unreachable_addresses.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    let address = accepted.endpoint.address.map(|address| address.to_string()).unwrap_or_default();
    Diagnostic::warning(
        format!("{KMS_MAY_FAIL}: first address unreachable ({})", shown(connection)),
        format!(
            "`{}` has several addresses, and the login succeeded only at a later one. The KMS tries the first address \
             alone.\nUnreachable: {}\nAccepted: {address}\n\nUse a name with one address, such as the writer endpoint, or remove \
             the unreachable address from DNS.",
            accepted.endpoint.name(),
            failed.join("; ")
        ),
    )
    .at(attribute::HOST)
}

/// Returns the warning about a host that a cloud KMS rejects.
pub(crate) fn internal_address(connection: &str, host: &str, address: IpAddr) -> Diagnostic {
    let host = shown(host);
    let what = if host.parse() == Ok(address) {
        format!("`{address}` is an address of an internal network")
    } else {
        format!("`{host}` resolves to {address} on this machine, an address of an internal network")
    };
    Diagnostic::warning(
        format!("{KMS_MAY_FAIL}: internal address ({})", shown(connection)),
        format!(
            "{what}. A cloud KMS does not connect to such addresses.\n\nUse a public name or address of the database, or a \
             gateway (`gateway_id`). A self-hosted KMS allows them with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its \
             environment."
        ),
    )
    .at(attribute::HOST)
}

/// Returns the warning about given certificates that expire soon or have expired. `left` is the time until then.
pub(crate) fn certificate_expires(connection: &str, day: &str, left: Option<Duration>) -> Diagnostic {
    let (summary, verb) = match left {
        Some(_) => ("Certificate expires soon", "expires"),
        None => ("Certificate has expired", "expired"),
    };
    Diagnostic::warning(
        format!("{summary}: `ssl_certificate` of {}", shown(connection)),
        format!(
            "The last root in `ssl_certificate` {verb} on {day}. After that day the KMS trusts no server through it and cannot \
             connect.\n\nAdd the new root of the authority next to the old one: a bundle of both works before and after the \
             server changes its certificate."
        ),
    )
    .at(attribute::SSL_CERTIFICATE)
}

/// Returns the warning about a password of characters that PostgreSQL's clients replace and older drivers of the KMS do not.
pub(crate) fn changed_by_saslprep(connection: &str, argument: &'static str) -> Diagnostic {
    Diagnostic::warning(
        format!("{KMS_MAY_FAIL}: password needs SASLprep ({})", shown(connection)),
        "The password has characters that PostgreSQL and its clients replace before they use it (SASLprep): no-break spaces \
         and hyphens, ellipses, or separate accents. The login check replaces them too. Older versions of the KMS's driver \
         (Node's `pg`, such as 8.11.3; not 8.23.1) do not, and PostgreSQL then rejects their password (28P01). The provider \
         cannot see the version of the driver.\n\nUse a password of ASCII characters."
            .to_owned(),
    )
    .at(argument)
}

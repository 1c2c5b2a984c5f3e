//! Where this machine and the KMS may see different things, and logins that were not made, for a person.

use std::net::IpAddr;
use std::time::Duration;

use crate::postgres::{Accepted, Target};
use crate::provider::config::validation::Mode;
use crate::provider::login_check::NotChecked;
use crate::provider::login_check::kms_location::NotAllowed;
use crate::terraform::diagnostic::{Diagnostic, Path, Severity};
use crate::text::shown;

use super::{DESTROY, NOTHING_SENT};

/// Constant, so that many alike fold into one.
const NOT_CHECKED: &str = "The credentials were not checked";

const JUDGES_ITSELF: &str = "The KMS judges for itself when the change is applied.";

/// A login that was not made, although the settings ask for it.
pub(crate) fn not_checked(
    severity: Severity,
    why: &NotChecked,
    connection: &str,
    target: &Target,
    in_plan: bool,
) -> Diagnostic {
    let connection = shown(connection);
    let server = format!("`{}`", shown(&target.dialled().to_string()));
    let (host, role) = (shown(&target.host), shown(&target.username));
    let (what, next, path) = match why {
        NotChecked::Attempts => (
            format!(
                "{server} has refused role `{role}` twice in this run, in words or by letting the login wait, so a further \
                 password was not tried: many directories lock a role at the third."
            ),
            "Put right what was refused, which the other messages name, and run again.".to_owned(),
            Path::from("username"),
        ),
        NotChecked::Budget => (
            format!(
                "This run has waited a minute for servers that never answer, so {server} was not asked, or not waited for."
            ),
            "For databases that cannot be reached from here: `validation { mode = \"off\" }`, or `address` for the end of a \
             tunnel."
                .to_owned(),
            Path::from("host"),
        ),
        NotChecked::Queue => (
            format!("Others were in front of it at {server} for three times the `timeout` of a login."),
            "Run again, with a longer `timeout` in the `validation` block if the server is slow.".to_owned(),
            Path::from("validation"),
        ),
        NotChecked::NotAllowed(NotAllowed::Loopback) => (
            format!(
                "`{host}` {} a loopback address. To the KMS it is the KMS's own machine, so a login from here would prove \
                 nothing; a cloud KMS rejects such hosts.",
                if host.parse::<IpAddr>().is_ok() { "is" } else { "resolves to" }
            ),
            "Use the name by which the KMS reaches the database. Where `host` is right and this machine has a way to the same \
             server, a tunnel for example, say so: `validation { address = \"127.0.0.1:5432\" }`."
                .to_owned(),
            Path::from("host"),
        ),
        NotChecked::NotAllowed(NotAllowed::Host) => (
            format!("`KMS_VALIDATION_HOSTS` does not list the host `{host}`, so no password goes there from here."),
            "Add the host to the variable if it is the right one. Who runs this sees a host here that was not foreseen."
                .to_owned(),
            Path::from("host"),
        ),
        NotChecked::NotAllowed(NotAllowed::Addresses(addresses)) => {
            let addresses: Vec<_> = addresses.iter().map(|address| format!("`{address}`")).collect();
            let path = match &target.address {
                Some(_) => Path::from("validation").attribute("address"),
                None => Path::from("host"),
            };
            (
                format!(
                    "{server} leads to {}, which `KMS_VALIDATION_HOSTS` does not list, so no password goes there from here.",
                    addresses.join(", ")
                ),
                "Add the address or its network (`10.0.0.0/8`) to the variable if it is the right one: a listed name vouches \
                 for no address."
                    .to_owned(),
                path,
            )
        }
    };
    let so_far = if severity == Severity::Error { NOTHING_SENT } else { JUDGES_ITSELF };
    let destroy = if severity == Severity::Error && in_plan { format!(" {DESTROY}") } else { String::new() };
    let detail = format!("The login for `{connection}` was not made. {what}\n{so_far}\n\n{next}{destroy}");
    Diagnostic::new(severity, NOT_CHECKED, detail).at(path)
}

/// The same in the words of a log.
pub(crate) fn why_not_checked(why: &NotChecked) -> &'static str {
    match why {
        NotChecked::Attempts => "the role was refused twice already",
        NotChecked::Budget => "the time for servers that never answer is used up",
        NotChecked::Queue => "others were in front of it for too long",
        NotChecked::NotAllowed(NotAllowed::Loopback) => "the host means the machine of the KMS",
        NotChecked::NotAllowed(NotAllowed::Host) => "`KMS_VALIDATION_HOSTS` does not list the host",
        NotChecked::NotAllowed(NotAllowed::Addresses(_)) => "`KMS_VALIDATION_HOSTS` does not list the address",
    }
}

/// A gateway, where the settings ask to hear of every login that is not made.
pub(crate) fn behind_gateway(connection: &str) -> Diagnostic {
    let connection = shown(connection);
    let detail = format!(
        "The login for `{connection}` was not made: the KMS connects through a gateway, and this machine has no known way to \
         the database.\n{JUDGES_ITSELF}\n\nIf there is one, set it: `validation {{ address = \"host:port\" }}`. This is said \
         because of `unreachable = \"error\"`."
    );
    Diagnostic::warning(NOT_CHECKED, detail).at("gateway_id")
}

/// A mode that was lowered, likewise.
pub(crate) fn mode_lowered(connection: &str, configured: Mode, mode: Mode) -> Diagnostic {
    let connection = shown(connection);
    let when = if mode == Mode::Apply { "in this plan" } else { "in this run" };
    let detail = format!(
        "The login for `{connection}` is not made {when}: `KMS_VALIDATION` lowered `mode` from `{configured}` to \
         `{mode}`.\n{JUDGES_ITSELF}\n\nThis is said because of `unreachable = \"error\"`. To check as configured, unset the \
         variable."
    );
    Diagnostic::warning(NOT_CHECKED, detail).at(Path::from("validation"))
}

/// A login that came about only at a later address of the name.
pub(crate) fn later_address(connection: &str, accepted: &Accepted) -> Diagnostic {
    let connection = shown(connection);
    let passed_over: Vec<_> = accepted.passed_over.iter().map(|(address, said)| format!("{address}: {said}")).collect();
    let answered = accepted.endpoint.address.map(|address| address.to_string()).unwrap_or_default();
    Diagnostic::warning(
        format!("The KMS may not reach the database of {connection}"),
        format!(
            "`{}` has several addresses, and the login succeeded only at a later one, {answered}. Before it: {}.\nThe KMS \
             tries the first address alone.\n\nUse a name with one address, the writer endpoint for example, or remove the \
             dead address from DNS.",
            accepted.endpoint.name(),
            passed_over.join("; ")
        ),
    )
    .at("host")
}

/// A host that a KMS in the cloud will refuse.
pub(crate) fn internal_address(connection: &str, host: &str, address: IpAddr) -> Diagnostic {
    let (connection, host) = (shown(connection), shown(host));
    let what = if host.parse() == Ok(address) {
        format!("`{address}` is an address of an internal network")
    } else {
        format!("`{host}` has the address {address} from here, which belongs to an internal network")
    };
    Diagnostic::warning(
        format!("The KMS may refuse the host of {connection}"),
        format!(
            "{what}. The KMS in the cloud does not connect to those.\n\nUse a public name or address of the database, or a \
             gateway (`gateway_id`). Only a KMS of your own can be told to allow it, with \
             `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment."
        ),
    )
    .at("host")
}

/// Given certificates that soon vouch for nobody any more. `left` is what their time still is.
pub(crate) fn certificate_expires(connection: &str, day: &str, left: Option<Duration>) -> Diagnostic {
    let connection = shown(connection);
    let (summary, verb) = match left {
        Some(_) => (format!("The `ssl_certificate` of {connection} expires soon"), "expires"),
        None => (format!("The `ssl_certificate` of {connection} has expired"), "expired"),
    };
    Diagnostic::warning(
        summary,
        format!(
            "The last root in it {verb} on {day}. After that the KMS trusts no server through it and cannot connect.\n\nGet the \
             new root of the authority and put it next to the old one: a bundle of both works before and after the server \
             changes its certificate."
        ),
    )
    .at("ssl_certificate")
}

/// A password of characters that PostgreSQL's clients replace, and older versions of the KMS's driver do not.
pub(crate) fn changed_by_saslprep(connection: &str, argument: &'static str) -> Diagnostic {
    Diagnostic::warning(
        format!("The KMS may fail with the password of {connection}"),
        "The password has characters that PostgreSQL and its clients replace before they use it (SASLprep): no-break spaces \
         and hyphens, ellipses, or accents as characters of their own. The login check replaces them, too. Older versions of \
         the KMS's driver (Node's `pg`: 8.11.3 for example, unlike 8.23.1) do not, and PostgreSQL rejects their password \
         (28P01). Which version the KMS uses is not known from here.\n\nUse a password of ASCII characters."
            .to_owned(),
    )
    .at(argument)
}

//! The rows about certificates: what is wrong with which one, and how to correct it.

use std::net::IpAddr;

use super::Argument::{Host, SslCertificate};
use super::{Explanation, TLS, row};
use crate::postgres::{CertificateProblem, Fault, Link, Presented, Refusal, Trust};
use crate::provider::messages::day;
use crate::text::shown;

/// Returns the row of a problem.
pub(super) fn certificate(problem: &CertificateProblem, server: &str, refusal: &Refusal) -> Explanation {
    let subject = problem.about().map(|about| about.subject.as_str()).unwrap_or_default();
    let of_server = format!("the certificate of {server}");
    let certificate = match problem.link {
        Link::Server => of_server,
        Link::Intermediate => format!("the issuer `{subject}` of {of_server}"),
        Link::Root => format!("the root `{subject}` of {of_server}"),
    };
    let argument = if problem.fault == Fault::WrongName { Host } else { SslCertificate };
    let (summary, predicate) = what(problem, refusal);
    let mut row = row(TLS, summary, argument, format!("{certificate} {predicate}"));
    row.causes = causes(problem, refusal);
    row.facts.extend(problem.presented.as_ref().map(|presented| facts("Certificate", presented)));
    row.facts.extend(problem.culprit.as_ref().map(|culprit| facts("Issuer certificate", culprit)));
    row
}

/// Returns the end of the summary, and the predicate of a sentence about the certificate.
fn what(problem: &CertificateProblem, refusal: &Refusal) -> (&'static str, String) {
    let about = problem.about();
    let issuer = about.map(|about| about.issuer.as_str()).unwrap_or_default();
    let not_trusted = match problem.trust {
        Trust::Given => "is not in `ssl_certificate`",
        Trust::Public => "is not a public certificate authority",
    };
    match &problem.fault {
        Fault::UnknownIssuer => {
            ("unknown issuer", format!("is not trusted: unknown issuer `{issuer}`, which {not_trusted}"))
        }
        Fault::SelfSigned => {
            ("self-signed certificate", format!("is not trusted: self-signed certificate, which {not_trusted}"))
        }
        Fault::OwnCertificate => (
            "issuer certificate missing",
            format!(
                "is in `ssl_certificate` itself, but `{issuer}` signed it: `ssl_certificate` must hold that certificate"
            ),
        ),
        Fault::RootMissing => (
            "root certificate missing",
            format!("is trusted only together with its root: the certificate of `{issuer}` is missing"),
        ),
        Fault::NotSignedByIssuer => (
            "issuer key mismatch",
            format!("is not trusted: it names `{issuer}` as its issuer, but another key signed it"),
        ),
        Fault::NotAnAuthority => {
            ("issuer is no authority", "may not issue certificates: it is not a certificate authority".to_owned())
        }
        Fault::PathTooLong => ("path length exceeded", "exceeds its path length in this chain".to_owned()),
        Fault::WrongPurpose => match problem.link {
            Link::Server => ("wrong key usage", "is not for a TLS server, by its key usage".to_owned()),
            _ => ("wrong key usage", "may not issue certificates for TLS servers, by its key usage".to_owned()),
        },
        Fault::UnknownCritical(kind) => {
            ("unknown critical extension", format!("has the critical extension {kind}, which is unknown"))
        }
        Fault::NameNotPermitted => {
            ("name not permitted", "has a name that the name constraints of its issuer do not permit".to_owned())
        }
        Fault::WeakHash(hash) => ("weak signature", format!("is signed with {hash}, which is not accepted")),
        Fault::WeakKey { bits, .. } => ("key too short", format!("has a key of {bits} bits, which is too short")),
        Fault::WrongName => {
            let host = shown(&refusal.endpoint.host);
            (
                "host name mismatch",
                format!("does not match the host name: it is not for `{host}` but for {}", names(about)),
            )
        }
        Fault::Expired => (
            "certificate has expired",
            format!("has expired ({})", about.map(|about| day(about.not_after)).unwrap_or_default()),
        ),
        Fault::NotYetValid => (
            "certificate not yet valid",
            format!("is not yet valid (valid from {})", about.map(|about| day(about.not_before)).unwrap_or_default()),
        ),
        Fault::Unverifiable(detail) => ("certificate cannot be verified", format!("has an unusual form: {detail}")),
    }
}

/// Returns the possible causes with their remedies, most likely first.
fn causes(problem: &CertificateProblem, refusal: &Refusal) -> Vec<String> {
    let about = problem.about();
    let subject = about.map(|about| about.subject.as_str()).unwrap_or_default();
    let issuer = about.map(|about| about.issuer.as_str()).unwrap_or_default();
    let lines: &[String] = match &problem.fault {
        Fault::UnknownIssuer | Fault::OwnCertificate => &[format!(
            "The issuer is a private authority: set `ssl_certificate` to the certificate of `{issuer}` (PEM) if that is a \
             root. If it is an intermediate, set its root, and add `{issuer}` if the server does not send it."
        )],
        Fault::SelfSigned => &[
            format!("The server uses its own certificate: set `ssl_certificate` to that of `{subject}` (PEM), after comparing \
                     fingerprints."),
            "The certificate was created again under the same name: the new one is needed.".to_owned(),
        ],
        Fault::RootMissing => &[format!(
            "`ssl_certificate` lacks the certificate of `{issuer}`, up to the self-signed root. An intermediate authority alone \
             is not enough, even if the server sends it."
        )],
        Fault::NotSignedByIssuer => &[
            format!("`{issuer}` has a new key: set `ssl_certificate` to its current certificate (compare fingerprints)."),
            "Another machine intercepts the connection with its own certificate.".to_owned(),
        ],
        Fault::NotAnAuthority | Fault::PathTooLong => &[format!(
            "The authority `{subject}` was created wrongly: it needs `CA:TRUE`, `keyCertSign` and a sufficient path length."
        )],
        Fault::WrongPurpose => &[format!(
            "`{subject}` was created wrongly: its extended key usage must be absent or include `serverAuth`; a server needs \
             `digitalSignature`, an authority `keyCertSign`."
        )],
        Fault::UnknownCritical(_) => &[format!("`{subject}` was created wrongly: create it without that extension.")],
        Fault::NameNotPermitted => &[format!(
            "The issuer is limited to other names: use an authority that may issue certificates for `{}`.",
            shown(&refusal.endpoint.host)
        )],
        Fault::WeakHash(_) => &["The certificate is old: create a new one, signed with SHA-256.".to_owned()],
        Fault::WeakKey { everywhere: true, .. } => {
            &["The key is old: create one of 2048 bits or more, or an elliptic curve. No version of the KMS accepts this one."
                .to_owned()]
        }
        Fault::WeakKey { everywhere: false, .. } => {
            &["The key is old: create one of 2048 bits or more, or an elliptic curve. A KMS on Node 24 rejects this one; on Node \
               20 and 22 it accepts 1024 bits and more."
                .to_owned()]
        }
        Fault::WrongName => match about.map(|about| about.names.as_slice()).unwrap_or_default() {
            [] => &["The certificate has no name: create one with this name.".to_owned()],
            names if names.iter().any(|name| is_host(name)) => &[
                "`host` is another name of the server: use a name of the certificate.".to_owned(),
                "The certificate lacks this name: create one that has it.".to_owned(),
            ],
            _ => &[
                "The name is a Google Cloud SQL instance, not a host name: configure a DNS name for the instance.".to_owned(),
                "The network is trusted: set `ssl_reject_unauthorized = false`. The server is then not verified.".to_owned(),
            ],
        },
        Fault::Expired if problem.link == Link::Server => {
            &["The server needs a new certificate.".to_owned(), CLOCK.to_owned()]
        }
        Fault::Expired => &[
            format!("`{subject}` has a successor: it belongs in `ssl_certificate`, or in the chain that the server sends."),
            CLOCK.to_owned(),
        ],
        Fault::NotYetValid => {
            &["The clock of this machine, or of the machine that created the certificate, is wrong.".to_owned()]
        }
        Fault::Unverifiable(_) => &["The provider does not support this form, and the KMS may accept it. Supported everywhere: \
             version 3 with a DNS name and an RSA-2048 or P-256 key."
            .to_owned()],
    };
    lines.to_vec()
}

const CLOCK: &str = "The clock of this machine is wrong.";

/// Returns whether a name of a certificate can be a host: an IPv6 address can, `project:instance` cannot.
fn is_host(name: &str) -> bool {
    !name.contains(':') || name.parse::<IpAddr>().is_ok()
}

/// Returns the line that identifies a certificate.
fn facts(label: &str, presented: &Presented) -> String {
    format!(
        "{label}: `{}`, issuer `{}`, names {}, valid {} to {}, SHA-256 {}",
        presented.subject,
        presented.issuer,
        names(Some(presented)),
        day(presented.not_before),
        day(presented.not_after),
        presented.fingerprint
    )
}

fn names(presented: Option<&Presented>) -> String {
    let names = presented.map(|presented| presented.names.as_slice()).unwrap_or_default();
    match names {
        [] => "(none)".to_owned(),
        names => names.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

//! The rows of the table about certificates: what is wrong with which one, and what to give instead.

use std::net::IpAddr;

use super::Argument::{Host, SslCertificate};
use super::{Explanation, row};
use crate::postgres::{CertificateProblem, Fault, Link, Presented, Refusal, Trust};
use crate::provider::messages::day;
use crate::text;

/// The row of a problem.
pub(super) fn certificate(problem: &CertificateProblem, server: &str, about: &Refusal) -> Explanation {
    let argument = if problem.fault == Fault::WrongName { Host } else { SslCertificate };
    let whose = whose(problem, server);
    let mut row = row(argument, format!("{whose} {}", what(problem, about)));
    row.causes = advice(problem, about);
    row.causes.extend(problem.presented.as_ref().map(|shown| facts("The server's certificate", shown)));
    row.causes.extend(problem.culprit.as_ref().map(|culprit| facts("The certificate above it", culprit)));
    row
}

/// Which certificate, as the subject of a sentence.
fn whose(problem: &CertificateProblem, server: &str) -> String {
    let subject = problem.about().map(|about| about.subject.as_str()).unwrap_or_default();
    match problem.link {
        Link::Server => format!("the certificate of {server}"),
        Link::Intermediate => format!("the certificate of {server} leads to the authority `{subject}`, which"),
        Link::Root => format!("the certificate of {server} leads to the root `{subject}`, which"),
    }
}

/// What is wrong with it, as the rest of the sentence.
fn what(problem: &CertificateProblem, about: &Refusal) -> String {
    let shown = problem.about();
    let issuer = shown.map(|shown| shown.issuer.as_str()).unwrap_or_default();
    match &problem.fault {
        Fault::UnknownIssuer => match problem.trust {
            Trust::Given => format!("is not trusted: its issuer `{issuer}` is not among the given certificates"),
            Trust::Public => format!("is not trusted: its issuer `{issuer}` is not a public authority"),
        },
        Fault::SelfSigned => match problem.trust {
            Trust::Given => "vouches for itself and is not among the given certificates".to_owned(),
            Trust::Public => "vouches for itself and is not a public authority".to_owned(),
        },
        Fault::OwnCertificate => {
            format!("is itself what `ssl_certificate` holds, but `{issuer}` signed it: only that one can vouch for it")
        }
        Fault::RootMissing => {
            format!("is trusted only together with its root: the certificate of `{issuer}` is missing")
        }
        Fault::NotSignedByIssuer => {
            format!("is not trusted: `{issuer}` is there, but the key that signed is another")
        }
        Fault::NotAnAuthority => "may not vouch for others: it is not an authority".to_owned(),
        Fault::PathTooLong => "may not stand so far above a server: its path length is exceeded".to_owned(),
        Fault::WrongPurpose => match problem.link {
            Link::Server => "is not for a TLS server: its key usage says otherwise".to_owned(),
            _ => "may not vouch for a TLS server: its extended key usage says otherwise".to_owned(),
        },
        Fault::UnknownCritical(kind) => format!("cannot be accepted: its critical extension {kind} is unknown"),
        Fault::NameNotPermitted => "has a name for which an authority above it may not vouch".to_owned(),
        Fault::WeakHash(hash) => format!("is signed over {hash}, which is refused"),
        Fault::WeakKey { bits, .. } => format!("has a key of {bits} bits, which is too short"),
        Fault::WrongName => {
            format!("is not for `{}` but for {}", text::shown(&about.endpoint.host), names(shown))
        }
        Fault::Expired => format!("has expired ({})", shown.map(|shown| day(shown.not_after)).unwrap_or_default()),
        Fault::NotYetValid => {
            format!("is not valid before {}", shown.map(|shown| day(shown.not_before)).unwrap_or_default())
        }
        Fault::Unjudged(detail) => format!("has an unusual form: {detail}"),
    }
}

/// What to do about it, likeliest first.
fn advice(problem: &CertificateProblem, about: &Refusal) -> Vec<String> {
    let shown = problem.about();
    let subject = shown.map(|shown| shown.subject.as_str()).unwrap_or_default();
    let issuer = shown.map(|shown| shown.issuer.as_str()).unwrap_or_default();
    let lines: &[String] = match &problem.fault {
        Fault::UnknownIssuer | Fault::OwnCertificate => &[format!(
            "Set `ssl_certificate` to the certificate of `{issuer}` (PEM) if it is a root; else to the root above it, \
             with `{issuer}` as well unless the server sends it."
        )],
        Fault::SelfSigned => &[
            format!(
                "Set `ssl_certificate` to this very certificate of `{subject}` (PEM), after comparing fingerprints."
            ),
            "A certificate that was made anew under the same name is another one.".to_owned(),
        ],
        Fault::RootMissing => &[
            format!("Add the certificate of `{issuer}` to `ssl_certificate`, up to the root that signed itself."),
            "An intermediate authority alone is not enough, whether the server sends it or not.".to_owned(),
        ],
        Fault::NotSignedByIssuer => &[
            format!(
                "Whether `{issuer}` got a new key: give its present certificate in `ssl_certificate` (compare fingerprints)."
            ),
            "Whether somebody between here and the server shows a certificate of their own.".to_owned(),
        ],
        Fault::NotAnAuthority | Fault::PathTooLong => &[format!(
            "The authority `{subject}` must be made anew: `CA:TRUE`, `keyCertSign`, a sufficient path length."
        )],
        Fault::WrongPurpose => &[format!(
            "A new certificate of `{subject}`: `serverAuth` in its extended key usage, or none at all; for a server \
             `digitalSignature`, for an authority `keyCertSign`."
        )],
        Fault::UnknownCritical(_) => &[format!("A new certificate of `{subject}` without that extension.")],
        Fault::NameNotPermitted => {
            &[format!("A certificate from an authority that may vouch for `{}`.", text::shown(&about.endpoint.host))]
        }
        Fault::WeakHash(_) => &["A new certificate, signed over SHA-256.".to_owned()],
        Fault::WeakKey { everywhere, .. } => &[
            "A new key of 2048 bits or more, or of an elliptic curve.".to_owned(),
            match everywhere {
                true => "Every version of the KMS refuses this one.",
                false => "A KMS on Node 24 refuses this one; on Node 20 and 22 it accepts 1024 bits and more.",
            }
            .to_owned(),
        ],
        Fault::WrongName => match shown.map(|shown| shown.names.as_slice()).unwrap_or_default() {
            [] => &["A certificate for the server that has this name.".to_owned()],
            names if names.iter().any(|name| can_be_dialled(name)) => {
                &["Use one of those names as `host`, or give the server a certificate with this one.".to_owned()]
            }
            _ => &[
                "That is no host name. Google Cloud SQL names an instance so that has no DNS name: give it one."
                    .to_owned(),
                "Or set `ssl_reject_unauthorized = false`, if nobody on the way can stand in for the server."
                    .to_owned(),
            ],
        },
        Fault::Expired if problem.link == Link::Server => {
            &["A new certificate for the server.".to_owned(), CLOCK.to_owned()]
        }
        Fault::Expired => &[
            format!("The successor of `{subject}`: in `ssl_certificate`, or in what the server sends."),
            CLOCK.to_owned(),
        ],
        Fault::NotYetValid => &["The clock of this machine, and of the one that made the certificate.".to_owned()],
        Fault::Unjudged(_) => {
            &["The KMS may accept it. A certificate of version 3 with a DNS name and an RSA-2048 or \
             P-256 key is accepted everywhere."
                .to_owned()]
        }
    };
    lines.to_vec()
}

/// `project:instance` cannot; an IPv6 address can.
fn can_be_dialled(name: &str) -> bool {
    !name.contains(':') || name.parse::<IpAddr>().is_ok()
}

const CLOCK: &str = "The clock of this machine.";

/// How to recognise a certificate.
fn facts(which: &str, shown: &Presented) -> String {
    format!(
        "{which}: for `{}`, issued by `{}`, names {}, valid {} to {}, SHA-256 {}.",
        shown.subject,
        shown.issuer,
        names(Some(shown)),
        day(shown.not_before),
        day(shown.not_after),
        shown.fingerprint
    )
}

fn names(shown: Option<&Presented>) -> String {
    let names = shown.map(|shown| shown.names.as_slice()).unwrap_or_default();
    match names {
        [] => "no name at all".to_owned(),
        names => names.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

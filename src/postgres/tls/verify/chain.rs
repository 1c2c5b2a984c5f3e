//! Search for the issuers of a certificate, by names and key identifiers.
//!
//! The search is OpenSSL's, with its limits: a trusted issuer is preferred to a sent one, nothing is ever taken back, and
//! above a trusted certificate only trusted ones count.

use super::certificate::{Certificate, When};
use super::{Fault, Finding};

/// The maximum length of a chain.
const MAX: usize = 100;

/// From the server's certificate to a trusted one that is self-signed.
pub(crate) fn build<'c, 'a>(
    leaf: &'c Certificate<'a>,
    sent: &'c [Certificate<'a>],
    trusted: &'c [Certificate<'a>],
    now: i64,
) -> Result<Vec<&'c Certificate<'a>>, Finding> {
    let mut chain = vec![leaf];
    let mut last = leaf;
    let mut reached_trusted = false;
    while chain.len() <= MAX {
        if let Some(issuer) = issuer_among(trusted, last, &[], now) {
            if !last.is_self_signed() {
                chain.push(issuer);
                (last, reached_trusted) = (issuer, true);
                if issuer.is_self_signed() {
                    return Ok(chain);
                }
                continue;
            }
            if last.der == issuer.der {
                return Ok(chain);
            }
        }
        if reached_trusted || last.is_self_signed() {
            break;
        }
        let Some(issuer) = issuer_among(sent, last, &chain, now) else { break };
        chain.push(issuer);
        last = issuer;
    }
    Err(Finding { fault: dead_end(last, trusted), at: chain.len() - 1, der: last.der.to_vec() })
}

/// The first that fits and is valid now; else, of those that fit, the one that expires last.
fn issuer_among<'c, 'a>(
    candidates: &'c [Certificate<'a>],
    of: &Certificate<'_>,
    chain: &[&Certificate<'_>],
    now: i64,
) -> Option<&'c Certificate<'a>> {
    let fit = |candidate: &&Certificate<'_>| {
        candidate.may_have_issued(of) && !chain.iter().any(|member| member.der == candidate.der)
    };
    let mut fallback: Option<&Certificate<'a>> = None;
    for candidate in candidates.iter().filter(fit) {
        if candidate.when(now) == When::Within {
            return Some(candidate);
        }
        if fallback.is_none_or(|best| candidate.not_after() > best.not_after()) {
            fallback = Some(candidate);
        }
    }
    fallback
}

/// Returns why the last one has no trusted issuer.
fn dead_end(last: &Certificate<'_>, trusted: &[Certificate<'_>]) -> Fault {
    let namesake = trusted.iter().any(|root| root.subject == last.issuer);
    let itself = trusted.iter().any(|root| root.der == last.der);
    match (last.is_self_signed(), itself, namesake) {
        (true, ..) if namesake => Fault::NotSignedByIssuer,
        (true, ..) => Fault::SelfSigned,
        (false, true, _) if last.is_authority() => Fault::RootMissing,
        (false, true, _) => Fault::OwnCertificate,
        (false, false, true) => Fault::NotSignedByIssuer,
        (false, false, false) => Fault::UnknownIssuer,
    }
}

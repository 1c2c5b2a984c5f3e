//! Verification of a server's certificate as Node 20 to 24 does it with OpenSSL. Where the versions differ, the strictest one
//! counts, and the fault names the difference. Predicts whether OpenSSL accepts a certificate; whether a connection is safe is
//! webpki's decision. Does not depend on connections.
//!
//! | file | concept |
//! |---|---|
//! | `certificate` | one certificate |
//! | `chain` | the chain from a certificate to a trusted root |
//! | `purpose` | what each may be used for, and how strong it is |
//! | `signature` | signatures |
//! | `constraints` | name constraints |
//! | `host` | whether a certificate is for a host |

mod certificate;
mod chain;
mod constraints;
mod host;
mod purpose;
mod signature;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName};

pub(in crate::postgres) use self::certificate::Certificate;
use self::certificate::When;
pub(in crate::postgres) use self::purpose::may_sign_handshake;
pub(in crate::postgres) use self::signature::{has_checkable_key, is_signed_by};
use crate::postgres::{Fault, Trust};

/// A problem of one certificate of a chain.
pub(crate) struct Finding {
    pub(crate) fault: Fault,
    /// Its position, counted from the server's own.
    pub(crate) at: usize,
    /// The certificate.
    pub(crate) der: Vec<u8>,
}

/// The certificates that a server sent, and what they are verified against.
pub(crate) struct Case<'a> {
    pub(crate) sent: &'a [&'a CertificateDer<'a>],
    pub(crate) trusted: &'a [CertificateDer<'a>],
    pub(crate) trust: Trust,
    pub(crate) host: &'a ServerName<'a>,
    /// Unix time in seconds.
    pub(crate) now: i64,
    pub(crate) algorithms: &'a WebPkiSupportedAlgorithms,
}

impl Case<'_> {
    /// Verifies the certificates.
    pub(crate) fn verify(&self) -> Result<(), Finding> {
        let read = |der: &'_ CertificateDer<'_>| Finding {
            fault: Fault::Unverifiable("it cannot be read".to_owned()),
            at: 0,
            der: der.to_vec(),
        };
        let sent: Vec<Certificate<'_>> = self.sent.iter().filter_map(|der| Certificate::read(der)).collect();
        let trusted: Vec<Certificate<'_>> = self.trusted.iter().filter_map(|der| Certificate::read(der)).collect();
        let (Some(leaf), Some(first)) = (sent.first(), self.sent.first()) else {
            return Err(Finding {
                fault: Fault::Unverifiable("the server sent none".to_owned()),
                at: 0,
                der: Vec::new(),
            });
        };
        if leaf.der != first.as_ref() {
            return Err(read(first));
        }
        let chain = match chain::build(leaf, &sent, &trusted, self.now) {
            Ok(chain) => chain,
            // A problem of the server's own certificate remains, whatever else is trusted.
            Err(finding) if self.trust == Trust::Public => {
                return self.in_time(&[leaf]).and_then(|()| self.named(leaf)).and(Err(finding));
            }
            Err(finding) => return Err(finding),
        };
        let checks: [&dyn Fn() -> Result<(), Finding>; 6] = [
            &|| self.in_time(&chain),
            &|| purpose::check(&chain),
            &|| purpose::check_strength(&chain),
            &|| self.signed(&chain),
            &|| constraints::check(&chain),
            &|| self.named(leaf),
        ];
        let mut doubt = Ok(());
        for check in checks {
            match check() {
                Err(finding) if finding.fault.is_conclusive() => return Err(finding),
                result => doubt = doubt.and(result),
            }
        }
        doubt
    }

    /// Every certificate counts, the root too.
    fn in_time(&self, chain: &[&Certificate<'_>]) -> Result<(), Finding> {
        chain.iter().enumerate().try_for_each(|(at, certificate)| match certificate.when(self.now) {
            When::Within => Ok(()),
            When::Before => Err(Finding::new(Fault::NotYetValid, at, certificate)),
            When::After => Err(Finding::new(Fault::Expired, at, certificate)),
        })
    }

    fn signed(&self, chain: &[&Certificate<'_>]) -> Result<(), Finding> {
        chain.iter().zip(chain.iter().skip(1)).enumerate().try_for_each(|(at, (certificate, issuer))| {
            signature::check(certificate, issuer, self.algorithms).map_err(|fault| Finding::new(fault, at, certificate))
        })
    }

    fn named(&self, leaf: &Certificate<'_>) -> Result<(), Finding> {
        if host::matches(leaf, self.host) { Ok(()) } else { Err(Finding::new(Fault::WrongName, 0, leaf)) }
    }
}

impl Finding {
    fn new(fault: Fault, at: usize, certificate: &Certificate<'_>) -> Self {
        Self { fault, at, der: certificate.der.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::crypto_provider;

    /// A server with any of these certificates would be trusted, were it only for its host.
    #[test]
    fn every_public_root_is_read_and_trusted() {
        let provider = crypto_provider();
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        assert!(roots.len() > 100, "{}", roots.len());
        for root in roots {
            let certificate = Certificate::read(root).unwrap();
            let case = Case {
                sent: &[root],
                trusted: roots,
                trust: Trust::Public,
                host: &ServerName::try_from("db.test").unwrap(),
                now: certificate.not_after(),
                algorithms: &provider.signature_verification_algorithms,
            };
            let finding = case.verify().unwrap_err();
            // Most are for signing certificates only.
            assert!(
                matches!(finding.fault, Fault::WrongPurpose | Fault::WrongName),
                "{}: {:?}",
                certificate.x509.subject(),
                finding.fault
            );
        }
    }
}

//! The problems of server certificates.

use crate::postgres::Presented;

/// A problem of a server's certificate, or of one above it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's certificate is not trusted: {fault:?}")]
pub struct CertificateProblem {
    /// The first problem.
    pub fault: Fault,
    /// The certificate of the chain that has it.
    pub link: Link,
    /// The trusted certificates.
    pub trust: Trust,
    /// The server's own certificate, when it can be read at all.
    pub presented: Option<Presented>,
    /// The certificate that the fault is about, when it is another.
    pub culprit: Option<Presented>,
}

/// A certificate in the chain from the server's own to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The server's own certificate.
    Server,
    /// An authority between the server's and the root.
    Intermediate,
    /// A self-signed authority.
    Root,
}

/// The certificates that are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The given certificates alone.
    Given,
    /// The public authorities of Mozilla's list.
    Public,
}

/// A kind of problem with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its issuer is neither trusted nor sent by the server.
    UnknownIssuer,
    /// It is self-signed and not trusted.
    SelfSigned,
    /// The trusted certificate is the server's own, which another one signed.
    OwnCertificate,
    /// It is trusted, but the root above it is not given.
    RootMissing,
    /// It names an issuer that is there, but another key has signed it.
    NotSignedByIssuer,
    /// It has issued others and is not a certificate authority.
    NotAnAuthority,
    /// The path length of an issuer is exceeded.
    PathTooLong,
    /// It is for something other than TLS servers.
    WrongPurpose,
    /// It has an unknown critical extension; its object identifier.
    UnknownCritical(String),
    /// The name constraints of an issuer do not permit its names.
    NameNotPermitted,
    /// It is signed with a weak hash.
    WeakHash(&'static str),
    /// Its RSA key is too short.
    WeakKey {
        /// The length of the key.
        bits: usize,
        /// Whether every version of OpenSSL rejects it. Some accept 1024 bits and more.
        everywhere: bool,
    },
    /// It is for other names.
    WrongName,
    /// It has expired.
    Expired,
    /// It is not yet valid.
    NotYetValid,
    /// A form that this verification does not support and OpenSSL may accept.
    Unverifiable(String),
}

impl Fault {
    /// Returns whether every supported version of OpenSSL and Node rejects it.
    pub fn is_conclusive(&self) -> bool {
        !matches!(self, Self::Unverifiable(_) | Self::WeakKey { everywhere: false, .. })
    }
}

impl CertificateProblem {
    /// Returns whether a client that trusts more than the public authorities would find no problem.
    pub fn lacks_trust_only(&self) -> bool {
        self.trust == Trust::Public && matches!(self.fault, Fault::UnknownIssuer | Fault::SelfSigned)
    }

    /// The certificate that the fault is about.
    pub fn about(&self) -> Option<&Presented> {
        self.culprit.as_ref().or(self.presented.as_ref())
    }

    /// The problem inside what the TLS library reports, when it is one of ours.
    pub(crate) fn within(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other.0.downcast_ref(),
            _ => None,
        }
    }
}

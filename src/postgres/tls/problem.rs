//! What can be wrong with a server's certificate. The words are in `words`.

use crate::postgres::Presented;

/// What is wrong with a server's certificate, or with one above it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's certificate is not trusted: {fault:?}")]
pub struct CertificateProblem {
    /// The first thing that is wrong.
    pub fault: Fault,
    /// Which link of the chain it is wrong with.
    pub link: Link,
    /// What was trusted.
    pub trust: Trust,
    /// The server's own certificate, when it can be read at all.
    pub presented: Option<Presented>,
    /// The certificate that the fault is about, when it is another.
    pub culprit: Option<Presented>,
}

/// A place in the chain from a server's certificate to a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The server's own certificate.
    Server,
    /// An authority between the server's and the root.
    Intermediate,
    /// The one that vouches for itself.
    Root,
}

/// Whose word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The given certificates alone.
    Given,
    /// The public authorities of Mozilla's list.
    Public,
}

/// One thing that can be wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody who is trusted has issued it, nor anybody that the server sent along.
    UnknownIssuer,
    /// It vouches for itself and is not trusted.
    SelfSigned,
    /// What is trusted is the server's own certificate, for which others vouch.
    OwnCertificate,
    /// It is trusted, but the root above it is not given.
    RootMissing,
    /// It names an issuer that is there, but another key has signed it.
    NotSignedByIssuer,
    /// It has issued others and is no authority.
    NotAnAuthority,
    /// It stands too far above the server's own certificate.
    PathTooLong,
    /// It is for something other than TLS servers.
    WrongPurpose,
    /// It has a critical extension that nobody knows; its object identifier.
    UnknownCritical(String),
    /// An authority above it may not vouch for its names.
    NameNotPermitted,
    /// It is signed over a hash that no longer protects.
    WeakHash(&'static str),
    /// Its RSA key is too short.
    WeakKey {
        /// How long it is.
        bits: usize,
        /// Whether every version of the service refuses it. Those on Node 20 and 22 accept 1024 bits and more.
        everywhere: bool,
    },
    /// It is for other names.
    WrongName,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// A form that this judgement does not know and the service may accept.
    Unjudged(String),
}

impl Fault {
    /// Whether every version of the service refuses it too.
    pub fn is_conclusive(&self) -> bool {
        !matches!(self, Self::Unjudged(_) | Self::WeakKey { everywhere: false, .. })
    }
}

impl CertificateProblem {
    /// Whether a service that trusts more than the public authorities (`NODE_EXTRA_CA_CERTS`) would find nothing wrong.
    pub fn is_for_want_of_trust(&self) -> bool {
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

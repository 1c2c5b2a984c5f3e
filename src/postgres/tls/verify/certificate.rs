//! One certificate as a chain sees it: its names, its key identifiers, its time. Does not depend on the others.

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry as oid;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name, X509Version};

/// A certificate, read.
pub(in crate::postgres) struct Certificate<'a> {
    pub(in crate::postgres) der: &'a [u8],
    pub(in crate::postgres) x509: X509Certificate<'a>,
    pub(crate) subject: Name,
    pub(crate) issuer: Name,
}

impl<'a> Certificate<'a> {
    /// Reads one; `None` when it is none.
    pub(in crate::postgres) fn read(der: &'a [u8]) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        let (subject, issuer) = (Name::of(x509.subject()), Name::of(x509.issuer()));
        Some(Self { der, x509, subject, issuer })
    }

    /// Whether it names itself as its issuer, and nothing in it contradicts that. No signature is checked.
    pub(in crate::postgres) fn is_self_signed(&self) -> bool {
        self.may_have_issued(self)
    }

    /// Returns whether it claims to be a certificate authority.
    pub(in crate::postgres) fn is_authority(&self) -> bool {
        self.x509.is_ca()
    }

    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether names, key identifiers and kinds of key fit. No signature is checked.
    pub(crate) fn may_have_issued(&self, other: &Certificate<'_>) -> bool {
        self.subject == other.issuer && self.fits_identifier(other) && self.can_sign_like(other)
    }

    fn fits_identifier(&self, other: &Certificate<'_>) -> bool {
        let ParsedExtension::AuthorityKeyIdentifier(wanted) =
            other.extension(&oid::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER)
        else {
            return true;
        };
        let own = match self.extension(&oid::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER) {
            ParsedExtension::SubjectKeyIdentifier(own) => Some(own),
            _ => None,
        };
        let key_differs = matches!((&wanted.key_identifier, own), (Some(wanted), Some(own)) if wanted != own);
        let serial_differs = wanted.authority_cert_serial.is_some_and(|serial| serial != self.x509.raw_serial());
        let issuers = wanted.authority_cert_issuer.as_deref().unwrap_or_default();
        let issuer_differs = issuers
            .iter()
            .find_map(|name| if let GeneralName::DirectoryName(name) = name { Some(Name::of(name)) } else { None })
            .is_some_and(|issuer| issuer != self.issuer);
        !(key_differs || serial_differs || issuer_differs)
    }

    /// Whether the signature of the other is of the kind that this one's key makes.
    fn can_sign_like(&self, other: &Certificate<'_>) -> bool {
        let key = &self.x509.public_key().algorithm.algorithm;
        let signature = other.x509.signature_algorithm.algorithm.to_id_string();
        if *key == oid::OID_PKCS1_RSAENCRYPTION {
            signature.starts_with("1.2.840.113549.1.1.")
        } else if *key == oid::OID_KEY_TYPE_EC_PUBLIC_KEY {
            signature.starts_with("1.2.840.10045.4.")
        } else {
            true
        }
    }

    /// Whether the time (Unix, in seconds) is before, within or after its own.
    pub(crate) fn when(&self, now: i64) -> When {
        let validity = self.x509.validity();
        if now < validity.not_before.timestamp() {
            When::Before
        } else if now > validity.not_after.timestamp() {
            When::After
        } else {
            When::Within
        }
    }

    pub(in crate::postgres) fn not_after(&self) -> i64 {
        self.x509.validity().not_after.timestamp()
    }

    pub(crate) fn is_version_1(&self) -> bool {
        self.x509.version() == X509Version::V1
    }

    /// An extension that counts, by its kind; `Unparsed` without one.
    pub(crate) fn extension(&self, kind: &oid::Oid<'_>) -> &ParsedExtension<'a> {
        self.x509
            .iter_extensions()
            .find(|extension| extension.oid == *kind)
            .map_or(&ParsedExtension::Unparsed, X509Extension::parsed_extension)
    }

    /// The alternative names.
    pub(crate) fn alternatives(&self) -> &[GeneralName<'a>] {
        match self.extension(&oid::OID_X509_EXT_SUBJECT_ALT_NAME) {
            ParsedExtension::SubjectAlternativeName(names) => &names.general_names,
            _ => &[],
        }
    }

    pub(crate) fn common_names(&self) -> Vec<String> {
        let names = self.x509.subject().iter_common_name();
        names.filter_map(|name| text(name.attr_value())).collect()
    }
}

/// A point in time relative to the validity of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    Within,
    After,
}

/// A distinguished name in the form in which two of them are compared: case and runs of spaces do not count, nor does
/// the kind of string.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Name(Vec<Vec<(String, DerValue)>>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum DerValue {
    Text(String),
    Other(u32, Vec<u8>),
}

impl Name {
    pub(crate) fn of(name: &X509Name<'_>) -> Self {
        let part = |part: &x509_parser::x509::RelativeDistinguishedName<'_>| {
            let mut attributes: Vec<_> = part
                .iter()
                .map(|attribute| {
                    let value = attribute.attr_value();
                    let value = match text(value) {
                        Some(text) => DerValue::Text(folded(&text)),
                        None => DerValue::Other(value.tag().0, value.data.to_vec()),
                    };
                    (attribute.attr_type().to_id_string(), value)
                })
                .collect();
            attributes.sort();
            attributes
        };
        Self(name.iter_rdn().map(part).collect())
    }

    pub(crate) fn starts_with(&self, beginning: &Self) -> bool {
        self.0.starts_with(&beginning.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn folded(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

fn text(value: &Any<'_>) -> Option<String> {
    let utf8 = || String::from_utf8(value.data.to_vec()).ok();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString => utf8(),
        Tag::T61String => Some(value.data.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units: Vec<u16> = value
                .data
                .chunks(2)
                .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
                .collect();
            String::from_utf16(&units).ok()
        }
        Tag::UniversalString => value
            .data
            .chunks(4)
            .map(|unit| char::from_u32(unit.iter().fold(0, |unit, byte| unit << 8 | u32::from(*byte))))
            .collect(),
        _ => None,
    }
}

//! The kinds of text that users give instead of a certificate (PEM). No error contains the text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A text without a certificate in PEM, by what it is instead. Each text is the end of a sentence that begins with the
/// name of the argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotPem {
    /// An empty text.
    #[error("it is empty")]
    Empty,
    /// An HTML page.
    #[error("it is an HTML page: the download led to a web page, such as a login page or an error")]
    Html,
    /// The address of a certificate.
    #[error("it is a URL")]
    Url,
    /// The name of a file.
    #[error("it is the path of a file")]
    Path,
    /// Base64 without the two lines around it.
    #[error(
        "it is a certificate without its first and last line. Put it between `-----BEGIN CERTIFICATE-----` and \
         `-----END CERTIFICATE-----`, each on a line of its own"
    )]
    BareBase64,
    /// PEM encoded once more, as Kubernetes keeps it.
    #[error("it is PEM in base64, as Kubernetes stores it")]
    EncodedPem,
    /// Well-formed blocks of another kind.
    #[error("it holds a block `{0}`, and no block `CERTIFICATE`")]
    Block(String),
    /// Anything else.
    #[error("it has no `-----BEGIN CERTIFICATE-----` block")]
    Text,
}

impl NotPem {
    /// Returns the kind of a trimmed text without certificates. `label` is the label of its first block.
    pub(crate) fn of(text: &str, label: Option<String>) -> Self {
        let lower = text.chars().take(200).collect::<String>().to_ascii_lowercase();
        let one_line = !text.contains(['\n', '\r']);
        let is_name =
            |text: &str| [".pem", ".crt", ".cer", ".cert", ".der", ".p7b"].iter().any(|end| text.ends_with(end));
        if let Some(label) =
            label.filter(|label| label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' '))
        {
            return Self::Block(label.chars().take(40).collect());
        }
        if text.is_empty() {
            Self::Empty
        } else if lower.starts_with("<!doctype") || lower.contains("<html") || lower.starts_with("<?xml") {
            Self::Html
        } else if one_line
            && ["http://", "https://", "s3://", "file://", "gs://"].iter().any(|scheme| lower.starts_with(scheme))
        {
            Self::Url
        } else if let Some(bytes) = decoded(text) {
            match X509Certificate::from_der(&bytes) {
                Ok(_) => Self::BareBase64,
                Err(_) if bytes.starts_with(b"-----BEGIN ") => Self::EncodedPem,
                Err(_) if is_path(text, one_line) => Self::Path,
                Err(_) => Self::Text,
            }
        } else if is_path(text, one_line) || one_line && is_name(&lower) {
            Self::Path
        } else {
            Self::Text
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let joined: String = text.split_whitespace().collect();
    STANDARD.decode(joined).ok().filter(|bytes| !bytes.is_empty())
}

/// Whether it begins as paths do, on Unix or on Windows.
fn is_path(text: &str, one_line: bool) -> bool {
    let drive = text.get(1..3).is_some_and(|rest| rest == ":\\" || rest == ":/");
    one_line && (drive || ["/", "./", "../", "~/", "\\\\"].iter().any(|start| text.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = include_str!("../../../tests/support/ca.pem");

    #[test]
    fn names_each_kind_of_text() {
        let bare: String = CA.lines().filter(|line| !line.starts_with("-----")).collect();
        for (text, expected) in [
            ("", NotPem::Empty),
            ("<!DOCTYPE html><html lang=\"en\">", NotPem::Html),
            ("<html>\n<body>404</body>\n</html>", NotPem::Html),
            ("https://example.com/ca.pem", NotPem::Url),
            ("/etc/ssl/certs/ca", NotPem::Path),
            ("./ca.pem", NotPem::Path),
            ("~/ca.pem", NotPem::Path),
            ("C:\\certs\\ca.crt", NotPem::Path),
            ("ca.pem", NotPem::Path),
            (&bare, NotPem::BareBase64),
            (&STANDARD.encode(CA), NotPem::EncodedPem),
            ("hunter2", NotPem::Text),
            ("ü", NotPem::Text),
            (&"é".repeat(150), NotPem::Text),
        ] {
            assert_eq!(NotPem::of(text, None), expected, "{text}");
            assert!(!NotPem::of(text, None).to_string().contains("hunter2"));
        }
        assert_eq!(NotPem::of("x", Some("PUBLIC KEY".to_owned())), NotPem::Block("PUBLIC KEY".to_owned()));
        assert_eq!(NotPem::of("x", Some("\u{1b}[31m".to_owned())), NotPem::Text);
    }
}

//! Tokens in files and texts, and the encoding of forms. Does not depend on where a token comes from.

use std::io::Write as _;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::source::SourceError;
use crate::os;
use crate::secret::{Secret, SecretBytes};

/// The media type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// No token is longer.
const MAX_FILE_SIZE: u64 = 64 * 1024;

/// Everything but the unreserved characters of RFC 3986, as the signature of AWS requires.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads a file that holds one token.
///
/// # Errors
/// When the file cannot be read, or holds anything else.
pub(super) async fn from_file(path: &Path) -> Result<Secret, SourceError> {
    let text = Zeroizing::new(os::read_text_async(path, MAX_FILE_SIZE).await?);
    parse(&text).ok_or_else(|| SourceError::NotOneToken(path.to_owned()))
}

/// Parses a token: no whitespace but a line break at its end. A `Bearer` prefix belongs to the header and is removed.
pub(super) fn parse(text: &str) -> Option<Secret> {
    let text = text.trim();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    };
    let whole = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    whole.then(|| Secret::new(token))
}

/// Returns a form, or the query of a URL, with these fields.
pub(super) fn form(fields: &[(&str, &str)]) -> SecretBytes {
    let mut form = SecretBytes::default();
    for (name, value) in fields {
        let separator = if form.is_empty() { "" } else { "&" };
        // Writing to memory does not fail.
        let _ = write!(form, "{separator}{name}={}", utf8_percent_encode(value, RESERVED));
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(content: &str) -> Result<String, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let read = from_file(file.path()).await;
        read.map(|token| token.expose().to_owned()).map_err(|error| {
            assert!(!format!("{error} {error:?}").contains("s3cr3t") && !error.is_passing(), "{error}");
            error.to_string().replace(&file.path().display().to_string(), "FILE")
        })
    }

    #[tokio::test]
    async fn reads_a_file_with_one_token_and_nothing_else() {
        let long = "s3cr3t".repeat(20_000);
        let wrong = Err("the file `FILE` does not hold one token and nothing else".to_owned());
        for (content, expected) in [
            ("s3cr3t.a.b", Ok("s3cr3t.a.b".to_owned())),
            ("s3cr3t.a.b\n", Ok("s3cr3t.a.b".to_owned())),
            ("Bearer s3cr3t.a.b\r\n", Ok("s3cr3t.a.b".to_owned())),
            ("bearer", Ok("bearer".to_owned())),
            ("s3cr3t\u{e9}", wrong.clone()),
            ("", wrong.clone()),
            (" \n", wrong.clone()),
            ("s3cr3t one\ntwo", wrong),
            (&long, Err("the file `FILE` cannot be used: it is longer than 64 KiB".to_owned())),
        ] {
            assert_eq!(read(content).await, expected);
        }
        let missing = from_file(Path::new("/nonexistent/token")).await.unwrap_err().to_string();
        assert!(missing.starts_with("the file `/nonexistent/token` cannot be read: "), "{missing}");
    }

    #[test]
    fn escapes_the_values_of_a_form() {
        let form = form(&[("a", "https://a.b/?x=1&y é"), ("b", "-._~")]);
        assert_eq!(&form[..], b"a=https%3A%2F%2Fa.b%2F%3Fx%3D1%26y%20%C3%A9&b=-._~");
    }
}

//! Texts of servers, sanitized for messages, and bytes as text.

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::redact::Redactor;
use crate::secret::Secret;
use crate::text;

/// The maximum length of a server's text in characters.
const MAX_TEXT: usize = 400;

/// Returns a text on one line, of bounded length.
pub(super) fn printable(raw: &str) -> String {
    text::sentence(raw, MAX_TEXT)
}

/// [`printable`], with every occurrence of the password hidden: a server may repeat what it received.
pub(super) fn masked(raw: &str, password: &str) -> String {
    Redactor::new([&Secret::new(password)]).sentence(raw, MAX_TEXT)
}

/// Decodes bytes as UTF-8, or else as Latin-1, in which every byte is valid.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Returns bytes in hex.
pub fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
}

/// A date without its time (UTC).
pub(super) fn day(date: OffsetDateTime) -> String {
    let date = date.to_offset(UtcOffset::UTC);
    date.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_cannot_drive_the_terminal_or_show_the_password() {
        assert_eq!(printable("a\u{1b}[31mb\r\nc\u{202e}"), r"a\u{1b}[31mb c\u{202e}");
        assert_eq!(printable(&"x".repeat(500)).chars().count(), MAX_TEXT + 1);
        assert_eq!(masked("wrong: hunter2, hunter2!", "hunter2"), "wrong: ********, ********!");
        assert_eq!(masked("unchanged", ""), "unchanged");
        assert_eq!(masked(&decoded(b"no h\xc3\xbcnter2 \xff"), "hünter2"), "no ******** ÿ");
        assert_eq!(decoded(b"f\xfcr"), "für");
        assert_eq!(decoded("für".as_bytes()), "für");
    }
}

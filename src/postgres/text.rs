//! Texts of a server that nobody vouches for, made fit for a person's terminal.

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// More than any server says in earnest.
const LONGEST: usize = 400;

const MASK: &str = "(password)";

/// Without control characters, on one line, and not endless.
pub(super) fn printable(text: &str) -> String {
    let harmless = |character: char| if is_harmless(character) { character } else { ' ' };
    let shown: String = text.chars().take(LONGEST).map(harmless).collect();
    let mut shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// [`printable`], with every occurrence of the password hidden: a server may repeat what it was told.
pub(super) fn masked(text: &str, password: &str) -> String {
    if password.is_empty() {
        return printable(text);
    }
    // As [`decoded`] shows it in a text that is not UTF-8 elsewhere.
    let by_bytes: String = password.bytes().map(char::from).collect();
    printable(&text.replace(password, MASK).replace(&by_bytes, MASK))
}

/// Bytes as text: UTF-8, or else Latin-1, in which no byte is wrong.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Bytes in hex, as a dump shows them.
pub(super) fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
}

/// A date without its time (UTC).
pub(super) fn day(date: OffsetDateTime) -> String {
    let date = date.to_offset(UtcOffset::UTC);
    date.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// Neither a control character nor one that changes the direction of writing.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_cannot_drive_the_terminal_or_show_the_password() {
        assert_eq!(printable("a\u{1b}[31mb\r\nc\u{202e}"), "a [31mb c");
        assert_eq!(printable(&"x".repeat(500)).chars().count(), LONGEST + 1);
        assert_eq!(masked("you said hunter2, hunter2!", "hunter2"), "you said (password), (password)!");
        assert_eq!(masked("unchanged", ""), "unchanged");
        assert_eq!(masked(&decoded(b"no h\xc3\xbcnter2 \xff"), "hünter2"), "no (password) ÿ");
        assert_eq!(decoded(b"f\xfcr"), "für");
        assert_eq!(decoded("für".as_bytes()), "für");
    }
}

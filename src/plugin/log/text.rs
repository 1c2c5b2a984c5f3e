//! Strings of the log: on one line, and of bounded length.

use std::fmt::{self, Write};

use crate::text::{is_plain, push_escape};

/// The maximum length of a string in bytes, without the ellipsis that marks a cut.
pub(super) const MAX_LENGTH: usize = 4 * 1024;

/// Returns the formatted value with visible escapes for all characters that do not show as themselves: a host decodes the
/// JSON of the line and writes the string to a terminal or file, where a line break would forge a line.
pub(super) fn text(value: fmt::Arguments<'_>) -> String {
    let mut bounded = Bounded(String::new());
    if write!(bounded, "{value}").is_err() {
        bounded.0.push('…');
    }
    bounded.0
}

/// A string that rejects what exceeds [`MAX_LENGTH`], which also ends the formatting of a large value.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            let before = self.0.len();
            if is_plain(character) {
                self.0.push(character);
            } else {
                push_escape(&mut self.0, character);
            }
            if self.0.len() > MAX_LENGTH {
                self.0.truncate(before);
                return Err(fmt::Error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_does_not_show_as_itself() {
        for (value, expected) in [
            ("", ""),
            (r#"a "quoted" \ back"#, r#"a "quoted" \ back"#),
            ("line\nbreak\r\t", r"line\nbreak\r\t"),
            ("\u{1b}[31mred\u{7f}\u{9b}\0", r"\u{1b}[31mred\u{7f}\u{9b}\u{0}"),
            ("größer … 𝄞", "größer … 𝄞"),
            ("x\u{202e}y\u{200b}z\u{2028}", r"x\u{202e}y\u{200b}z\u{2028}"),
        ] {
            assert_eq!(text(format_args!("{value}")), expected);
        }
    }

    #[test]
    fn cuts_long_strings_between_characters() {
        for part in ["a", "𝄞", "\u{1b}", "\""] {
            let cut = text(format_args!("{}", part.repeat(1_000_000)));
            assert!(cut.len() <= MAX_LENGTH + '…'.len_utf8() && cut.ends_with('…'), "{part:?}");
        }
        assert!(!text(format_args!("{}", "a".repeat(MAX_LENGTH))).contains('…'));
    }
}

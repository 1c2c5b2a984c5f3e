//! Texts as they stand in a line of the log: escaped, and of bounded length. Knows nothing of lines and fields.

use std::fmt::{self, Write};

use crate::text::{is_plain, push_escape};

/// The most bytes that one text takes between its quotes.
pub(super) const MAX_TEXT_LENGTH: usize = 4 * 1024;

/// Appends a JSON text. Characters that do not show as themselves become visible escapes *in the text*: a host decodes the JSON and writes the
/// text to a terminal or file, where a line break would forge a line.
pub(super) fn text(out: &mut String, value: fmt::Arguments<'_>) {
    out.push('"');
    if write!(Cut { out, room: MAX_TEXT_LENGTH }, "{value}").is_err() {
        out.push('…');
    }
    out.push('"');
}

/// Escapes, and fails when it is full, which makes the formatting above it stop.
struct Cut<'a> {
    out: &'a mut String,
    room: usize,
}

impl Write for Cut<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            let before = self.out.len();
            match character {
                '"' | '\\' => self.out.extend(['\\', character]),
                _ if is_plain(character) => self.out.push(character),
                _ => {
                    // The text's own backslash, escaped for JSON.
                    self.out.push('\\');
                    push_escape(self.out, character);
                }
            }
            let taken = self.out.len() - before;
            if taken > self.room {
                self.out.truncate(before);
                return Err(fmt::Error);
            }
            self.room -= taken;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn texts_stay_on_one_line_and_readable() {
        for (value, expected) in [
            ("", ""),
            (r#"a "quoted" \ back"#, r#"a "quoted" \ back"#),
            ("line\nbreak\r\t", r"line\nbreak\r\t"),
            ("\u{1b}[31mred\u{7f}\u{9b}\0", r"\u{1b}[31mred\u{7f}\u{9b}\u{0}"),
            ("größer … 𝄞", "größer … 𝄞"),
            ("x\u{202e}y\u{200b}z\u{2028}", r"x\u{202e}y\u{200b}z\u{2028}"),
        ] {
            assert_eq!(serde_json::from_str::<Value>(&encoded(value)).unwrap(), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        for part in ["a", "𝄞", "\u{1b}", "\""] {
            let json = encoded(&part.repeat(1_000_000));
            assert!(json.len() <= MAX_TEXT_LENGTH + '…'.len_utf8() + 2);
            assert!(serde_json::from_str::<Value>(&json).unwrap().as_str().unwrap().ends_with('…'));
        }
        assert!(!encoded(&"a".repeat(MAX_TEXT_LENGTH)).contains('…'));
    }

    fn encoded(value: &str) -> String {
        let mut out = String::new();
        text(&mut out, format_args!("{value}"));
        out
    }
}

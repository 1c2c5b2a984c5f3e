//! Escapes texts of others for a terminal, a log line and a configuration: one alphabet for all of them.
//!
//! Texts of others are those that this program does not choose: a value of a connection, a message of a server, a name in a
//! certificate. Shown as it is, it could move the cursor, hide a part of itself, turn the direction of writing, or begin
//! a line that looks like one of ours. Depends on nothing but the standard library.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns the text on one line, with every invisible or ambiguous character written as an escape.
pub fn shown(text: &str) -> Cow<'_, str> {
    escape(text, is_plain)
}

/// Returns the text with its line breaks kept and everything else escaped as [`shown`] does: for whole messages, whose
/// line breaks are ours.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| character == '\n' || is_plain(character))
}

/// Returns a text on one line: whitespace, line breaks included, becomes single spaces, and at most
/// `max` characters are kept.
pub fn sentence(text: &str, max: usize) -> String {
    let mut joined = String::new();
    for word in text.split_whitespace() {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    shortened(&shown(&joined), max)
}

/// Returns the text, or its first `max` characters and an ellipsis.
pub fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// Returns the text as a quoted string of a configuration, which evaluates to exactly this text.
pub fn hcl_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for (at, character) in text.char_indices() {
        // `${` and `%{` would begin a template.
        let opens_template = text.get(at + 1..).is_some_and(|rest| rest.starts_with('{'));
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if opens_template => quoted.extend([character, character]),
            _ if is_plain(character) => quoted.push(character),
            _ => {
                let number = u32::from(character);
                let escape = if number <= 0xffff { format!("\\u{number:04x}") } else { format!("\\U{number:08x}") };
                quoted.push_str(&escape);
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Appends the escape of a character, in the form of a Rust or JSON string: `\n`, `\u{1b}`.
pub fn push_escape(out: &mut String, character: char) {
    let _infallible = match character {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        _ => write!(out, "\\u{{{:x}}}", u32::from(character)),
    };
}

/// Returns whether a character shows as itself wherever it is printed: it is no control character, breaks no line, has a width,
/// and leaves the direction of writing alone.
pub fn is_plain(character: char) -> bool {
    !character.is_control() && !is_invisible(character)
}

/// Returns whether a character is printed as nothing at all, or changes only how others are printed (the format characters and
/// the line and paragraph separators of Unicode, the fillers, and the variation selectors that carry data).
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0e}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn escape(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&is_kept) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_kept(character) {
            escaped.push(character);
        } else {
            push_escape(&mut escaped, character);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_what_a_person_would_not_see() {
        for (raw, expected) in [
            ("größer … 𝄞 👩", "größer … 𝄞 👩"),
            ("a\u{1b}[31mb\r\n\tc", r"a\u{1b}[31mb\r\n\tc"),
            ("x\u{202e}y\u{200b}z\u{feff}", r"x\u{202e}y\u{200b}z\u{feff}"),
            ("\u{2028}\u{2029}\u{85}\u{9b}\u{7f}\0", r"\u{2028}\u{2029}\u{85}\u{9b}\u{7f}\u{0}"),
            ("\u{e0041}\u{ad}\u{61c}", r"\u{e0041}\u{ad}\u{61c}"),
        ] {
            assert_eq!(shown(raw), expected);
        }
        assert_eq!(lines("a\nb\rc\u{1b}"), "a\nb\\rc\\u{1b}");
        assert_eq!(sentence(" a\r\n  b\tc\u{200b} ", 100), r"a b c\u{200b}");
        assert_eq!(sentence("much much", 5), "much…");
        assert_eq!(sentence(&"é".repeat(500), 400).chars().count(), 401);
    }

    #[test]
    fn quotes_strings_for_a_configuration() {
        for (raw, expected) in [
            ("orders", r#""orders""#),
            ("a\"\n}\\", r#""a\"\n}\\""#),
            ("${x} %{ y } $x 5%", r#""$${x} %%{ y } $x 5%""#),
            ("\u{1b}\u{202e}\u{e0041}", r#""\u001b\u202e\U000e0041""#),
        ] {
            assert_eq!(hcl_string(raw), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn shown_texts_are_one_plain_line(raw in any::<String>()) {
            prop_assert!(shown(&raw).chars().all(is_plain));
            prop_assert!(sentence(&raw, 50).chars().all(is_plain));
            prop_assert!(hcl_string(&raw).chars().all(is_plain));
            prop_assert!(lines(&raw).chars().all(|c| c == '\n' || is_plain(c)));
        }
    }
}

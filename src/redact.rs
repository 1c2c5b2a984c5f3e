//! Hides secrets in texts of servers: a server that was sent a secret may repeat it, as it is or in the encoding of a URL, a form,
//! HTML, JSON, base64 or hex. One redactor serves the KMS and PostgreSQL. Does not depend on either.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::secret::Secret;
use crate::text;

/// What stands in the place of a secret.
const MASK: &str = "********";

/// The most characters of a message.
const MAX_TEXT: usize = 1000;
/// The most characters of the name of a field.
const MAX_NAME: usize = 100;
/// The most characters of a body that was not understood.
const MAX_BEGINNING: usize = 200;
/// How much of a body is searched for its first characters.
const LOOK_AT: usize = 64 * 1024;
/// The longest spelling of one byte of a secret, `&#x000a;` for example.
const MAX_SPELLING: usize = 9;

/// The shortest piece of base64 or hex that is hidden: below that it stands in many texts by chance.
const MIN_ENCODED: usize = 6;

/// Hides the secrets that were sent to a server and that it may send back.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret which contains another one is hidden as a whole.
    needles: Vec<Needle>,
}

/// What is looked for.
#[derive(Clone)]
enum Needle {
    /// A secret, whose characters may each have another spelling.
    Characters(Secret),
    /// A secret in an encoding that hides where its characters are.
    Encoded(Secret),
}

impl Needle {
    fn text(&self) -> &str {
        let (Self::Characters(text) | Self::Encoded(text)) = self;
        text.expose()
    }
}

impl Redactor {
    /// Returns a redactor for these secrets. Empty ones are ignored.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            // The service trims what it stores.
            let secret = secret.trimmed();
            if secret.is_empty() {
                continue;
            }
            redactor.needles.extend(encodings(&secret).map(Needle::Encoded));
            // A server that does not use UTF-8 reads and returns the bytes as Latin-1.
            if !secret.expose().is_ascii() {
                let by_bytes: String = secret.expose().bytes().map(char::from).collect();
                redactor.needles.push(Needle::Characters(Secret::new(by_bytes)));
            }
            redactor.needles.push(Needle::Characters(secret));
        }
        redactor.needles.sort_by_key(|needle| std::cmp::Reverse(needle.text().len()));
        redactor
    }

    /// Returns a message on one line, without secrets and not endless.
    pub fn text(&self, raw: &str) -> String {
        text::sentence(&self.masked(raw), MAX_TEXT)
    }

    /// Returns [`Redactor::text`] of at most `max` characters.
    pub fn sentence(&self, raw: &str, max: usize) -> String {
        text::sentence(&self.masked(raw), max)
    }

    /// Returns the name of a field, likewise.
    pub fn name(&self, raw: &str) -> String {
        text::sentence(&self.masked(raw), MAX_NAME)
    }

    /// Returns the first characters of a body that was not understood, likewise.
    pub fn beginning(&self, raw: &[u8]) -> String {
        let cut = raw.get(..LOOK_AT);
        let masked = self.masked(&String::from_utf8_lossy(cut.unwrap_or(raw)));
        // The cut may go through a secret, whose beginning would then stand at the end.
        let longest = self.needles.first().map_or(0, |needle| needle.text().len());
        let doubtful = cut.map_or(0, |_| longest * MAX_SPELLING);
        let safe = masked.chars().count().saturating_sub(doubtful);
        text::sentence(&masked.chars().take(safe).collect::<String>(), MAX_BEGINNING)
    }

    fn masked(&self, raw: &str) -> String {
        self.needles.iter().fold(raw.to_owned(), |text, needle| match needle {
            Needle::Characters(secret) => masked(&text, secret.expose()),
            Needle::Encoded(encoded) => text.replace(encoded.expose(), MASK),
        })
    }
}

/// Replaces a secret, whatever mixture of spellings its characters have.
fn masked(text: &str, secret: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        match spelled(rest, secret) {
            Some(length) => {
                shown.push_str(MASK);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                shown.push(character);
                rest = rest.get(character.len_utf8()..).unwrap_or_default();
            }
        }
    }
    shown
}

/// Returns how many bytes at the beginning of a text spell the secret. A character can have several spellings there
/// (`&` is also the beginning of `&amp;`), so all ends that are possible so far are followed.
fn spelled(text: &str, secret: &str) -> Option<usize> {
    let starts = |first: char| matches!(first, '%' | '&' | '\\' | '+') || secret.starts_with(first);
    if !text.starts_with(|first: char| first.is_whitespace() || starts(first)) {
        return None;
    }
    let mut ends = vec![0];
    for character in secret.chars() {
        let mut next = Vec::new();
        for end in ends {
            let mut rest = text.get(end..).unwrap_or_default();
            loop {
                let at = text.len() - rest.len();
                spellings(rest, character, |length| {
                    if !next.contains(&(at + length)) {
                        next.push(at + length);
                    }
                });
                // Invisible characters within a secret are skipped.
                match rest.chars().next() {
                    Some(hidden) if end > 0 && hidden != character && text::is_invisible(hidden) => {
                        rest = rest.get(hidden.len_utf8()..).unwrap_or_default();
                    }
                    _ => break,
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.into_iter().max()
}

/// Calls `found` with the length of each spelling of a character at the beginning of a text.
fn spellings(text: &str, character: char, mut found: impl FnMut(usize)) {
    let Some(first) = text.chars().next() else { return };
    if first == character || (first.is_whitespace() && character.is_whitespace()) {
        found(first.len_utf8());
    }
    if first == '+' && character == ' ' {
        found(1);
    }
    match first {
        '%' => found_if(percent(text, character), found),
        '&' => found_if(entity(text, character), found),
        '\\' => found_if(json(text, character), found),
        _ => {}
    }
}

fn found_if(length: Option<usize>, mut found: impl FnMut(usize)) {
    if let Some(length) = length {
        found(length);
    }
}

/// `%C3%BC` for each byte, in either case of the digits.
fn percent(text: &str, character: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let mut rest = text;
    for byte in character.encode_utf8(&mut buffer).bytes() {
        let digits = rest.strip_prefix('%')?.get(..2)?;
        if u8::from_str_radix(digits, 16) != Ok(byte) {
            return None;
        }
        rest = rest.get(3..)?;
    }
    Some(text.len() - rest.len())
}

/// `&amp;`, `&#38;`, `&#x26;`.
fn entity(text: &str, character: char) -> Option<usize> {
    let (name, _) = text.get(1..)?.split_once(';').filter(|(name, _)| name.len() <= MAX_SPELLING)?;
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        number => {
            let number = number.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    (decoded == character).then_some(name.len() + 2)
}

/// `\n`, `\"`, `\u00fc`, also as two surrogates.
fn json(text: &str, character: char) -> Option<usize> {
    let escape = text.get(1..)?.chars().next()?;
    let decoded = match escape {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let mut units = [0; 2];
            let mut rest = text;
            let units = character.encode_utf16(&mut units);
            for unit in units.iter() {
                let digits = rest.strip_prefix("\\u")?.get(..4)?;
                if u16::from_str_radix(digits, 16) != Ok(*unit) {
                    return None;
                }
                rest = rest.get(6..)?;
            }
            return Some(text.len() - rest.len());
        }
        other if other.is_ascii_punctuation() => other,
        _ => return None,
    };
    (decoded == character).then_some(1 + escape.len_utf8())
}

/// A secret in hex, and in base64 as a part of something longer: there it begins at one of three places of a group.
fn encodings(secret: &Secret) -> impl Iterator<Item = Secret> {
    let bytes = secret.expose().as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut found = vec![hex.to_uppercase(), hex];
    for before in 0..3 {
        let group = [vec![0; before], bytes.to_vec()].concat();
        // Characters that are made of the secret alone, and of no neighbour.
        let (from, to) = ([0, 2, 3].get(before).copied().unwrap_or(0), group.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&group), URL_SAFE_NO_PAD.encode(&group)] {
            found.extend(encoded.get(from..to).map(ToOwned::to_owned));
        }
    }
    found.retain(|text| text.len() >= MIN_ENCODED);
    found.into_iter().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    fn redactor(secret: &str) -> Redactor {
        Redactor::new(&[Secret::new(secret)])
    }

    #[test]
    fn masks_secrets_in_every_spelling() {
        let several = Redactor::new(&[Secret::new("hun"), Secret::new(" hun\"te\nr2 "), Secret::new("")]);
        for (raw, expected) in [
            ("role \"me\" said hun\"te\nr2!", "role \"me\" said ********!"),
            (r#"{"password":" hun\"te\nr2 "}"#, r#"{"password":" ******** "}"#),
            ("hun%22te%0Ar2&x=1", "********&x=1"),
            ("hun&quot;te&#10;r2", "********"),
            ("hun%22te\\u000ar2", "********"),
            ("hunter", "********ter"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(several.text(raw), expected, "{raw}");
        }
        for (secret, raw, expected) in [
            ("a b&c", "x=a+b%26c", "x=********"),
            ("a b&c", "x=a%20b&amp;c.", "x=********."),
            ("&amp;", "say &amp; or &amp;amp;", "say ******** or ********"),
            ("pä\u{df}", "p%c3%A4%C3%9f", "********"),
            ("pä\u{df}", "p\u{c3}\u{a4}\u{c3}\u{9f}!", "********!"),
            ("𝄞x", r"\ud834\udd1ex", "********"),
            ("hunter2", "hun\u{200b}ter\u{ad}2", "********"),
            ("hunter2", "68756e74657232 or 68756E74657232", "******** or ********"),
            ("", "unchanged", "unchanged"),
        ] {
            assert_eq!(redactor(secret).text(raw), expected, "{raw}");
        }
    }

    #[test]
    fn masks_a_secret_that_encodes_another_as_a_whole() {
        let encoded = STANDARD.encode("token=hunter2; more");
        let redactor = Redactor::new(&[Secret::new("hunter2"), Secret::new(&encoded)]);
        assert_eq!(redactor.text(&format!("{encoded} and hunter2")), "******** and ********");
    }

    #[test]
    fn masks_base64_at_each_of_its_three_alignments() {
        for before in ["", "u", "us", "user:"] {
            for after in ["", "!", "@h"] {
                for encoded in [
                    STANDARD.encode(format!("{before}S3cr3t>?pass{after}")),
                    URL_SAFE.encode(format!("{before}S3cr3t>?pass{after}")),
                ] {
                    let shown = redactor("S3cr3t>?pass").text(&encoded);
                    assert!(shown.contains(MASK), "{before} {after}: {shown}");
                    let left: usize = shown.replace(MASK, "").len();
                    assert!(left <= encoded.len() - 15, "{before} {after}: {shown}");
                }
            }
        }
    }

    #[test]
    fn masks_a_long_secret_before_the_text_is_cut() {
        let secret = "s".repeat(MAX_BEGINNING);
        let raw = format!("{}{secret}", "x".repeat(MAX_BEGINNING - 1));
        assert_eq!(redactor(&secret).beginning(raw.as_bytes()), format!("{}*…", "x".repeat(MAX_BEGINNING - 1)));
        // The part that is looked at ends in the middle of the secret.
        let raw = format!("{}{}", " ".repeat(LOOK_AT - 10), "hunter2 hunter2");
        assert_eq!(redactor("hunter2").beginning(raw.as_bytes()), "");
    }

    #[test]
    fn leaves_terminals_alone_and_logs_short() {
        let none = Redactor::default();
        assert_eq!(none.text("a\u{1b}[2Jb\r\nc\u{202e}d"), r"a\u{1b}[2Jb c\u{202e}d");
        assert_eq!(none.text(&"é".repeat(5000)).chars().count(), MAX_TEXT + 1);
        assert_eq!(none.beginning(&[0xff, b'a', 0]), "\u{fffd}a\\u{0}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_encoding_of_a_secret_is_shown(secret in "[ -~äß€\n]{8,24}", before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
            let secret = secret.trim();
            prop_assume!(secret.chars().count() >= 6 && !MASK.contains(secret));
            let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let json = serde_json::to_string(secret).unwrap();
            let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;");
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            for encoded in [secret, &percent, &json[1..json.len() - 1], &html, &hex] {
                let shown = redactor(secret).text(&format!("{before} {encoded} {after}"));
                let expected = format!("{before} {MASK} {after}");
                prop_assert_eq!(shown.as_str(), expected.trim(), "{}", encoded);
            }
        }
    }
}

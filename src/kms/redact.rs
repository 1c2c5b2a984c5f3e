//! Makes a text of a server fit for a message: no control characters, not long, none of our secrets. Knows nothing of
//! HTTP.

use crate::secret::Secret;

const MASK: &str = "********";
const LONGEST_TEXT: usize = 1000;
const LONGEST_NAME: usize = 100;
const LONGEST_BEGINNING: usize = 200;
/// How much of an answer is looked at for its first characters.
const LOOK_AT: usize = 64 * 1024;

/// Knows the secrets that a server was told and could send back.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    /// Longest first, so that a secret that holds another one goes as a whole.
    needles: Vec<Secret>,
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles: Vec<Secret> = secrets.into_iter().flat_map(spellings).collect();
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.expose().len()));
        needles.dedup();
        Self { needles }
    }

    /// A message of the service.
    pub(super) fn text(&self, raw: &str) -> String {
        shortened(&self.masked(raw), LONGEST_TEXT)
    }

    /// The name of a field.
    pub(super) fn name(&self, raw: &str) -> String {
        shortened(&self.masked(raw), LONGEST_NAME)
    }

    /// The first characters of an answer that was not understood.
    pub(super) fn beginning(&self, raw: &[u8]) -> String {
        let cut = raw.get(..LOOK_AT);
        let text = self.masked(&String::from_utf8_lossy(cut.unwrap_or(raw)));
        // The cut may go through a secret, whose beginning would then stand at the end.
        let doubtful = cut.map_or(0, |_| self.needles.first().map_or(0, |longest| longest.expose().len()));
        let safe: String = text.chars().take(text.chars().count().saturating_sub(doubtful)).collect();
        shortened(safe.trim(), LONGEST_BEGINNING)
    }

    fn masked(&self, raw: &str) -> String {
        self.needles.iter().fold(plain(raw), |text, needle| text.replace(needle.expose(), MASK))
    }
}

/// The forms in which a server may repeat a secret: as sent, trimmed (the service does that), and as JSON.
fn spellings(secret: &Secret) -> impl Iterator<Item = Secret> {
    let json = serde_json::to_string(secret.expose()).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let forms = [secret.expose().to_owned(), json];
    forms
        .into_iter()
        .flat_map(|form| [plain(&form), plain(form.trim())])
        .filter(|form| !form.trim().is_empty())
        .map(Secret::new)
}

/// One line, without characters that move the cursor, hide, or turn the direction of writing.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|character| {
            !matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        })
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_spelling() {
        let redactor = Redactor::new(&[Secret::new("hun"), Secret::new(" hun\"te\nr2 "), Secret::new("")]);
        for (raw, expected) in [
            ("role \"me\" said hun\"te\nr2!", "role \"me\" said ********!"),
            (r#"{"password":" hun\"te\nr2 "}"#, r#"{"password":"********"}"#),
            ("hunter", "********ter"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(redactor.text(raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_long_secret_is_masked_before_the_text_is_cut() {
        let secret = "s".repeat(LONGEST_BEGINNING);
        let redactor = Redactor::new(&[Secret::new(&secret)]);
        let raw = format!("{}{secret}", "x".repeat(LONGEST_BEGINNING - 1));
        assert_eq!(redactor.beginning(raw.as_bytes()), format!("{}*…", "x".repeat(LONGEST_BEGINNING - 1)));
    }

    #[test]
    fn a_terminal_is_not_touched_and_a_log_not_filled() {
        let redactor = Redactor::default();
        assert_eq!(redactor.text("a\u{1b}[2Jb\r\nc\u{202e}d"), "a [2Jb  cd");
        assert_eq!(redactor.text(&"é".repeat(5000)).chars().count(), LONGEST_TEXT + 1);
        assert_eq!(redactor.beginning(&[0xff, b'a', 0]), "\u{fffd}a");
    }
}

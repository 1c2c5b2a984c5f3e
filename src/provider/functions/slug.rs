//! `connection_slug(text)`: the valid connection name that is nearest to a text.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The KMS's limit for names, in characters.
const MAX_LENGTH: usize = 64;

/// Returns lower-case letters and digits of the text, with one hyphen for each run of other characters between them, at
/// most 64 characters. Letters lose their accents. `None` if nothing is left.
pub(crate) fn slug(text: &str) -> Option<String> {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    // `ß` has no lower-case form without it, but its upper-case form is `SS`.
    let lower = plain.to_uppercase().to_lowercase();
    let parts: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let mut slug = parts.join("-");
    slug.truncate(MAX_LENGTH);
    slug.truncate(slug.trim_end_matches('-').len());
    (!slug.is_empty()).then_some(slug)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn returns_the_nearest_valid_name() {
        for (text, expected) in [
            ("orders-db", Some("orders-db")),
            ("Orders DB (production)", Some("orders-db-production")),
            ("  --a__b..c--  ", Some("a-b-c")),
            ("Bücher/Straße", Some("bucher-strasse")),
            ("№ 5 ﬁle", Some("no-5-file")),
            ("注文", None),
            ("", None),
            ("---", None),
        ] {
            assert_eq!(slug(text).as_deref(), expected, "{text}");
        }
        assert_eq!(slug(&"x".repeat(200)).map(|name| name.len()), Some(64));
        assert_eq!(slug(&format!("{} tail", "x".repeat(63))).as_deref(), Some("x".repeat(63).as_str()));
    }

    proptest! {
        #[test]
        fn is_valid_and_idempotent(text in any::<String>()) {
            if let Some(name) = slug(&text) {
                prop_assert_eq!(slug(&name), Some(name.clone()));
                prop_assert!(name.len() <= MAX_LENGTH);
                let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                prop_assert!(name.split('-').all(good), "{}", name);
            }
        }
    }
}

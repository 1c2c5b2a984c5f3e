//! Passwords that PostgreSQL's clients rewrite before they use them (SASLprep, RFC 4013). Does not depend on logins.

/// Whether SASLprep changes a password. Clients use as it is what SASLprep rejects, so that does not count.
pub fn is_changed_by_saslprep(password: &str) -> bool {
    stringprep::saslprep(password).is_ok_and(|prepared| prepared != password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewritten_characters_are_noticed() {
        for (password, changed) in [
            ("tr0ub4dor&3", false),
            (" a~", false),
            ("hünter", false),
            ("пароль", false),
            ("no\u{a0}break", true),
            ("non\u{2011}breaking", true),
            ("wait…", true),
            ("hu\u{308}nter", true),
            ("soft\u{ad}hyphen", true),
            // Forbidden or unknown to SASLprep, and so used as it is.
            ("bell\u{7}\u{a0}", false),
            ("🦀", false),
            ("", false),
        ] {
            assert_eq!(is_changed_by_saslprep(password), changed, "{password:?}");
        }
    }
}

//! The whole text of messages, as a user reads it. `UPDATE_EXPECT=1 cargo test --lib messages` writes it anew: read it
//! then, first line first.

use crate::terraform::diagnostic::{Diagnostic, Severity};

mod creates;
mod database;
mod drift;
mod existing;
mod first_lines;
mod foreign;
mod kms_auth;
mod not_checked;
mod privileges;
mod service;
mod shared_refusals;
mod values;

/// As a core shows it: severity, summary, argument, detail.
fn shown(diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    };
    let path = diagnostic.path.as_ref().map_or_else(|| "the whole block".to_owned(), ToString::to_string);
    let text = format!("{severity}: {}\nat {path}\n\n{}\n", diagnostic.summary, diagnostic.detail);
    assert_is_neat(&text);
    text
}

/// Returns the text of a diagnostic, which must keep to the style.
fn styled(diagnostic: &Diagnostic) -> String {
    assert_is_in_style(diagnostic);
    shown(diagnostic)
}

/// Mistakes that no reader of a snapshot should have to look for.
fn assert_is_neat(text: &str) {
    for line in text.lines() {
        assert_eq!(line, line.trim_end(), "whitespace at the end of a line:\n{text}");
        for doubled in ["..", "  - .", "``", " ,", " .", ";;", ". ,", ".,", ".)."] {
            assert!(!line.contains(doubled), "`{doubled}` in `{line}` of:\n{text}");
        }
        let lead = line.len() - line.trim_start().len();
        assert!(!line[lead..].contains("  "), "two spaces in `{line}` of:\n{text}");
    }
    assert!(!text.contains("\n\n\n"), "two empty lines:\n{text}");
}

/// Checks the length and the vocabulary of a message.
fn assert_is_in_style(diagnostic: &Diagnostic) {
    const MAX_LINES: usize = 20;
    const MAX_SUMMARY_WORDS: usize = 8;
    const AVOIDED: [&str; 33] = [
        "likeliest",
        "cut off",
        "white space",
        "to be run",
        "the way on",
        "told",
        "says",
        "asked",
        "answered",
        "answers",
        "who",
        "whoever",
        "whom",
        "somebody",
        "nobody",
        "anybody",
        "everybody",
        "judge",
        "judges",
        "judged",
        "verdict",
        "definite",
        "blame",
        "vouch",
        "vouches",
        "proof",
        "evidence",
        "elsewhere",
        "hand-over",
        "tells",
        "said",
        "patience",
        "fate",
    ];
    let (summary, detail) = (&diagnostic.summary, &diagnostic.detail);
    let constant = summary.split(" (").next().unwrap_or_default();
    assert!(constant.split_whitespace().count() <= MAX_SUMMARY_WORDS, "a long summary: {summary}");
    assert!(detail.lines().count() <= MAX_LINES, "{} lines:\n{summary}\n{detail}", detail.lines().count());
    // Messages of servers are not ours.
    let ours: String = detail.lines().filter(|line| !line.contains(" message: ")).collect::<Vec<_>>().join("\n");
    let text = format!(" {summary} {ours} ").to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    for avoided in AVOIDED {
        let parts: Vec<&str> = avoided.split(' ').collect();
        assert!(!words.windows(parts.len()).any(|part| part == parts), "`{avoided}` in:\n{summary}\n{detail}");
    }
}

//! Panic hook: writes a report that hosts recognise and show to their user, and keeps the place for the diagnostic.
//! Never the panic's own message, which may quote a password.

use std::cell::RefCell;
use std::io::{self, Write};

thread_local! {
    static LAST_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From here on a panic anywhere writes its place to standard error, and nothing else: a released program has no symbols for a
/// backtrace.
///
/// Does not end the process: whoever runs the code that panicked decides.
pub fn report_panics(program: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let report = report(program, &place);
        // Nobody is left to be told when standard error is closed.
        let _ = io::stderr().lock().write_all(report.as_bytes());
        LAST_PLACE.with_borrow_mut(|last| *last = Some(place));
    }));
}

/// Where this thread panicked last, as `file:line:column`. Asking takes it away.
pub fn last_place() -> Option<String> {
    LAST_PLACE.with_borrow_mut(Option::take)
}

/// Hosts look for a line that starts with `panic: ` and keep up to a hundred from there.
fn report(program: &str, place: &str) -> String {
    format!(
        "panic: {program} found a mistake in its own code at {place}\n\n\
         The message is left out because it may contain secrets. Please report the line above together with the version \
         of the program.\n"
    )
}

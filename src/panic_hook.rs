//! Panic hook: writes a report that Terraform recognises and shows, and stores the location for the diagnostic. Leaves out
//! the panic's own message, which may contain a password.

use std::cell::RefCell;
use std::io::{self, Write};

thread_local! {
    static LAST_LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs the hook: each panic writes its location to standard error. It writes no backtrace, for which a released program
/// has no symbols, and does not end the process.
pub fn install(program: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let location = panic.location().map_or_else(|| "unknown location".to_owned(), ToString::to_string);
        let report = report(program, &location);
        // Fails when standard error is closed; then no reader is left.
        let _ = io::stderr().lock().write_all(report.as_bytes());
        LAST_LOCATION.with_borrow_mut(|last| *last = Some(location));
    }));
}

/// Returns and removes the location of the last panic of this thread, as `file:line:column`.
pub fn last_location() -> Option<String> {
    LAST_LOCATION.with_borrow_mut(Option::take)
}

/// Returns the report. Terraform looks for a line that starts with `panic: ` and shows up to a hundred lines from there.
fn report(program: &str, location: &str) -> String {
    format!(
        "panic: {program} crashed at {location}\n\n\
         This is a bug in the provider. Report the line above together with the version of the provider. The panic message is \
         left out because it may contain a secret.\n"
    )
}

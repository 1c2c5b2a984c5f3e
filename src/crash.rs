//! What happens at a panic: one readable report on stderr, and a note of the place for the diagnostic.
//!
//! The panic's own message is never shown: it could hold a secret.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::io::{self, Write};
use std::panic;

thread_local! {
    static LAST_LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Replaces the hook of the standard library by ours.
///
/// Terraform's crash report shows what follows a line that starts with `panic: `.
pub fn install_hook(program: &'static str) {
    panic::set_hook(Box::new(move |info| {
        let location = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let backtrace = Backtrace::force_capture();
        // Where stderr is closed there is nobody to tell.
        let _nobody_listens = writeln!(io::stderr(), "panic: {program} at {location}\n\n{backtrace}");
        LAST_LOCATION.with_borrow_mut(|last| *last = Some(location));
    }));
}

/// Where this thread panicked last, as `file:line:column`. Asking takes it away.
pub fn last_location() -> Option<String> {
    LAST_LOCATION.with_borrow_mut(Option::take)
}

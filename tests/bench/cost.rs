//! `cargo bench`: what the provider costs its user, in the release build. Start, memory, size, and wall time beside the
//! same command without it. Read ratios, not milliseconds: they depend on the machine.
//!
//! `cargo bench -- logins` runs one subject; each is a file here.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a program for people"
)]

#[path = "../support/kms/mod.rs"]
mod kms;
#[path = "../support/postgres/mod.rs"]
mod postgres;
#[path = "../support/terraform.rs"]
mod terraform;

mod logins;
mod measure;
mod plans;
mod process;
mod scale;
mod stage;

/// The subjects, in their order.
const SUBJECTS: [(&str, fn()); 4] =
    [("process", process::measure), ("plans", plans::measure), ("logins", logins::measure), ("scale", scale::measure)];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in SUBJECTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("\n{name}");
            measure();
        }
    }
}

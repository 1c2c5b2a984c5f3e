//! Times, memory and how they are printed.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::stage::PROVIDER;

/// Returns the time of the work, and the highest memory (kB) of any process of the provider meanwhile.
pub(crate) fn watched<T>(work: impl FnOnce() -> T) -> (Duration, u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(providers().filter_map(|pid| status(pid, "VmHWM")).max().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let time = timed(work);
        done.store(true, Ordering::Relaxed);
        (time, watcher.join().expect("a watcher"))
    })
}

fn providers() -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    processes.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let program = fs::read_link(entry.path().join("exe")).ok()?;
        (program == Path::new(PROVIDER)).then_some(pid)
    })
}

/// Returns a line of `/proc/PID/status`, in kB.
pub(crate) fn status(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find(|line| line.starts_with(name))?.split_whitespace().nth(1)?.parse().ok()
}

pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begin = Instant::now();
    let _result = work();
    begin.elapsed()
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn row(what: &str, value: &str) {
    println!("{what:<40}{value:>24}");
}

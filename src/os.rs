//! Text files of the user, read within bounds of size and time, and the messages of the operating system. Does not
//! depend on what a file is for.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// How long one file may take. Only a file system that hangs takes longer.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A file that cannot be used, as the beginning of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file {} {problem}{}", shown(path), hint(path))]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: FileProblem,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// The operating system refuses.
    #[error("cannot be read: {reason}")]
    Io {
        /// The kind of the reason.
        kind: io::ErrorKind,
        /// The message of the system.
        reason: String,
    },
    /// A directory, or something that may never end or block.
    #[error("cannot be read: it is {0}, not a regular file")]
    NotAFile(&'static str),
    /// More bytes than any file of this kind has.
    #[error("cannot be used: it is longer than {} KiB", .0 / 1024)]
    TooLong(u64),
    /// Binary, or in another encoding.
    #[error("cannot be used: it is not text in UTF-8")]
    NotText,
    /// The file system gave nothing.
    #[error("could not be read within {} seconds", .0.as_secs())]
    TimedOut(Duration),
}

/// Reads a text file of at most `max` bytes. Blocks the thread, for a bounded time.
///
/// # Errors
/// What is wrong with the file.
pub fn read_text(path: &Path, max: u64) -> Result<String, FileError> {
    let (done, outcome) = mpsc::sync_channel(1);
    start(path, max, move |read| _ = done.send(read))?;
    outcome.recv_timeout(MAX_TIME).unwrap_or(Err(FileProblem::TimedOut(MAX_TIME))).map_err(|problem| of(path, problem))
}

/// The same for asynchronous callers.
///
/// # Errors
/// What is wrong with the file.
pub async fn read_text_async(path: &Path, max: u64) -> Result<String, FileError> {
    let (done, outcome) = oneshot::channel();
    start(path, max, move |read| _ = done.send(read))?;
    let outcome = tokio::time::timeout(MAX_TIME, outcome).await.ok().and_then(Result::ok);
    outcome.unwrap_or(Err(FileProblem::TimedOut(MAX_TIME))).map_err(|problem| of(path, problem))
}

/// Reads on a thread of its own, which is left behind when the file system hangs.
fn start(
    path: &Path,
    max: u64,
    done: impl FnOnce(Result<String, FileProblem>) + Send + 'static,
) -> Result<(), FileError> {
    let file = path.to_owned();
    let thread = thread::Builder::new().spawn(move || done(read(&file, max)));
    thread.map(drop).map_err(|error| of(path, error.into()))
}

/// Checks that a library may read this file: that it neither blocks nor never ends. A missing file is left to the library.
///
/// # Errors
/// What the file is instead.
pub fn check_ends(path: &Path) -> Result<(), FileError> {
    match fs::metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if !kind.is_file() => Err(of(path, not_a_file(kind))),
        _ => Ok(()),
    }
}

fn not_a_file(kind: fs::FileType) -> FileProblem {
    FileProblem::NotAFile(if kind.is_dir() { "a directory" } else { special(kind) })
}

fn read(path: &Path, max: u64) -> Result<String, FileProblem> {
    // To open a named pipe would wait for its writer.
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() {
        return Err(not_a_file(kind));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(FileProblem::TooLong(max));
    }
    let text = String::from_utf8(bytes).map_err(|_| FileProblem::NotText)?;
    // The mark of Windows editors.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(unix)]
fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;

    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "a device"
}

impl From<io::Error> for FileProblem {
    fn from(error: io::Error) -> Self {
        Self::Io { kind: error.kind(), reason: reason(&error) }
    }
}

fn of(path: &Path, problem: FileProblem) -> FileError {
    FileError { path: path.to_owned(), problem }
}

/// Returns the message of the system for an error, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let message = text.split(" (os error ").next().unwrap_or(&text).to_owned();
    if is_out_of_files(error) { format!("{message} (raise the limit, `ulimit -n`)") } else { message }
}

/// Returns whether this process, or the machine, may open no more files and connections.
pub fn is_out_of_files(error: &io::Error) -> bool {
    /// `ENFILE` and `EMFILE`, which are the same numbers on every Unix.
    const OUT_OF_FILES: [i32; 2] = [23, 24];
    cfg!(unix) && error.raw_os_error().is_some_and(|number| OUT_OF_FILES.contains(&number))
}

/// The path, if it is one: a token may have been given in its place.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_bare_name = |text: &str| {
        let end = text.rsplit_once('.').map_or(text, |(_, end)| end);
        text.len() <= 64 && (1..=5).contains(&end.len())
    };
    let is_path = text.len() <= 1024 && text.contains(['/', '\\']) && !text.starts_with("eyJ");
    if is_path || is_bare_name(&text) {
        format!("`{}`", text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
    } else {
        "(not shown, because it does not look like a path)".to_owned()
    }
}

/// A shell would have replaced these.
fn hint(path: &Path) -> &'static str {
    match path.to_string_lossy().chars().next() {
        Some('~') => "; `~` is not expanded here",
        Some('$') => "; variables are not expanded here",
        Some('"' | '\'') => "; the path begins with a quote",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn both(path: &str, max: u64) -> Result<String, String> {
        let path = Path::new(path);
        let waited = read_text(path, max);
        assert_eq!(waited, read_text_async(path, max).await);
        waited.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn reads_a_text_file_up_to_its_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        for (bytes, max, expected) in [
            (&b"abcd"[..], 4, Ok("abcd".to_owned())),
            (b"\xef\xbb\xbfabcd\n", 100, Ok("abcd\n".to_owned())),
            (b"", 4, Ok(String::new())),
            (&[b'a'; 2049], 2048, Err(format!("the file `{path}` cannot be used: it is longer than 2 KiB"))),
            (b"\xff\xfea\0", 100, Err(format!("the file `{path}` cannot be used: it is not text in UTF-8"))),
        ] {
            fs::write(path, bytes).unwrap();
            assert_eq!(both(path, max).await, expected);
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn rejects_what_never_ends_or_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("link")).unwrap();
        for (name, kind) in [
            (path("pipe"), "a named pipe"),
            (path("socket"), "a socket"),
            (path("link"), "a device"),
            ("/dev/zero".to_owned(), "a device"),
            (path(""), "a directory"),
        ] {
            let expected = format!("the file `{name}` cannot be read: it is {kind}, not a regular file");
            assert_eq!(both(&name, 100).await, Err(expected));
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn names_what_a_shell_would_have_expanded() {
        for (path, expected) in [
            ("/nonexistent/ca.pem", "the file `/nonexistent/ca.pem` cannot be read: No such file or directory"),
            ("~/ca.pem", "the file `~/ca.pem` cannot be read: No such file or directory; `~` is not expanded here"),
            (
                "\"/ca.pem\"",
                "the file `\"/ca.pem\"` cannot be read: No such file or directory; the path begins with a quote",
            ),
            ("ca.pem", "the file `ca.pem` cannot be read: No such file or directory"),
            (
                "eyJhbGciOi.s3cr3t/s3cr3t.s3cr3t",
                "the file (not shown, because it does not look like a path) cannot be read: No such file or directory",
            ),
            (
                "s3cr3t-s3cr3t",
                "the file (not shown, because it does not look like a path) cannot be read: No such file or directory",
            ),
            (
                "$HOME/c\na",
                "the file `$HOME/c a` cannot be read: No such file or directory; variables are not expanded here",
            ),
        ] {
            assert_eq!(both(path, 100).await, Err(expected.to_owned()));
        }
        let full = reason(&io::Error::from_raw_os_error(24));
        assert_eq!(full, "Too many open files (raise the limit, `ulimit -n`)");
    }
}

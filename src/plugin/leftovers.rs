//! What programs of ours left behind that were killed: the directory of a socket. Nobody else removes it, so each start
//! does, once its own handshake is over. Knows nothing of the host.

use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::listener::{PREFIX, SOCKET};

/// Between the making of a directory and the first answer of its socket lies less. What is younger is left alone.
const AGE: Duration = Duration::from_secs(60);

/// Removes the directories in `place` that are ours, and whose socket nobody listens on any more.
pub(super) fn remove(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if is_ours(&entry) && nobody_listens(&entry.path().join(SOCKET)) {
            // Only what is empty now can be removed: a directory with anything else in it is none of ours.
            let _may_be_gone = fs::remove_file(entry.path().join(SOCKET));
            let _may_be_gone = fs::remove_dir(entry.path());
        }
    }
}

fn is_ours(entry: &DirEntry) -> bool {
    let is_named_so = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
    // Of the directory itself, and never of what a link points to.
    is_named_so
        && entry.metadata().is_ok_and(|found| {
            let is_old = found.modified().is_ok_and(|then| then.elapsed().is_ok_and(|age| age > AGE));
            found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && is_old
        })
}

/// The system itself knows: a socket outlives its process, and refuses.
fn nobody_listens(socket: &Path) -> bool {
    match UnixStream::connect(socket) {
        Ok(_) => false,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound),
    }
}

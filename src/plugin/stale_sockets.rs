//! What programs of ours left behind that were killed: the directory of a socket. Nobody else removes it, so each start
//! does, once its own handshake is over. Knows nothing of the host.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::plugin::listener::{PREFIX, SOCKET};

/// Between the making of a directory and the first answer of its socket lies less. What is younger is left alone.
const AGE: Duration = Duration::from_secs(60);

/// Removes the directories in `place` that are ours, and whose socket nobody listens on any more.
pub(super) fn remove(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let socket = entry.path().join(SOCKET);
        if is_ours(&entry) && (is_absent(&socket) || is_dead_socket(&socket)) {
            let _may_be_gone = fs::remove_file(&socket);
            // Only what is empty now can be removed: a directory with anything else in it is none of ours.
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

fn is_absent(socket: &Path) -> bool {
    fs::symlink_metadata(socket).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Whether this is a socket that outlived its process. A datagram socket cannot connect to a listening one, so the system
/// tells the two cases apart ("wrong type", "refused") and a listener never hears of the question.
fn is_dead_socket(socket: &Path) -> bool {
    let is_socket = fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    let connected = || -> io::Result<()> { UnixDatagram::unbound()?.connect(socket) };
    is_socket && connected().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

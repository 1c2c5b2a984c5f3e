//! Removes the socket directories that killed processes of this program left behind. Each start does so after its handshake.
//! Does not depend on the host.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::plugin::listener::{PREFIX, SOCKET};

/// The minimum age of a directory to be removed: in a younger one, a process may be about to listen.
const MIN_AGE: Duration = Duration::from_secs(60);

/// Removes the socket directories in `parent` that belong to this user and whose socket has no listener.
pub(super) fn remove(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let socket = entry.path().join(SOCKET);
        if is_ours(&entry) && (is_absent(&socket) || is_dead_socket(&socket)) {
            let _may_be_gone = fs::remove_file(&socket);
            // Fails unless the directory is empty: one with other files in it was not made by this program.
            let _may_be_gone = fs::remove_dir(entry.path());
        }
    }
}

fn is_ours(entry: &DirEntry) -> bool {
    let has_prefix = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
    // The metadata of the entry itself, never of the target of a link.
    has_prefix
        && entry.metadata().is_ok_and(|found| {
            let is_old = found.modified().is_ok_and(|then| then.elapsed().is_ok_and(|age| age > MIN_AGE));
            found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && is_old
        })
}

fn is_absent(socket: &Path) -> bool {
    fs::symlink_metadata(socket).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Returns whether this is a socket without a listener. Connects with a datagram socket: the error of the system differs
/// ("wrong type" with a listener, "refused" without), and a listener does not notice the attempt.
fn is_dead_socket(socket: &Path) -> bool {
    let is_socket = fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    let connected = || -> io::Result<()> { UnixDatagram::unbound()?.connect(socket) };
    is_socket && connected().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

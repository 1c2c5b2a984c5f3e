//! The socket that the host connects to; on Unix only the user of this process can. Does not depend on TLS or gRPC.

pub(super) use self::system::{Listener, Stream};
#[cfg(unix)]
pub(super) use self::system::{PREFIX, SOCKET};

#[cfg(unix)]
mod system {
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;
    use tokio::net::{UnixListener, UnixStream};

    use crate::env;
    use crate::plugin::Error;
    use crate::plugin::handshake::ListenAddress;

    pub(in crate::plugin) type Stream = UnixStream;

    /// The prefix of the name of a socket's directory; a random part follows.
    pub(in crate::plugin) const PREFIX: &str = "pluginsocket";

    /// The name of the socket in its directory.
    pub(in crate::plugin) const SOCKET: &str = "socket";

    /// A Unix socket in a directory of its own, which is removed on drop.
    ///
    /// Deliberately absent: `PLUGIN_UNIX_SOCKET_GROUP`, which would give a group of users access to the socket.
    pub(in crate::plugin) struct Listener {
        pub(in crate::plugin) address: ListenAddress,
        socket: UnixListener,
        directory: TempDir,
    }

    impl Listener {
        /// Binds in the directory that the host names, else in the system's temporary directory. Where that fails (it does not
        /// exist, or is too long for a socket's address of about 100 bytes), binds in `/tmp`.
        pub(in crate::plugin) fn bind() -> Result<Self, Error> {
            let (parent, fallback, advice) = match env::path(env::PLUGIN_UNIX_SOCKET_DIR) {
                Some(named) => (named, None, "set `PLUGIN_UNIX_SOCKET_DIR` to a short path of a writable directory"),
                None => (
                    std::env::temp_dir(),
                    Some(PathBuf::from("/tmp")),
                    "set `TMPDIR` to a short path of a writable directory",
                ),
            };
            bind_in(&parent)
                .or_else(|error| fallback.and_then(|fallback| bind_in(&fallback).ok()).ok_or(error))
                .map_err(|source| Error::Listen { address: format!("`{}`", parent.display()), source, advice })
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<Stream> {
            Ok(self.socket.accept().await?.0)
        }

        /// Returns the directory in which the directories of sockets are.
        pub(in crate::plugin) fn parent_directory(&self) -> Option<&Path> {
            self.directory.path().parent()
        }
    }

    fn bind_in(parent: &Path) -> io::Result<Listener> {
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let path = directory.path().join(SOCKET);
        let address = path
            .to_str()
            .filter(|text| !text.contains(|c: char| c == '|' || c.is_control()))
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "the path has characters that a handshake line cannot hold")
            })?
            .to_owned();
        let socket = UnixListener::bind(&path)?;
        Ok(Listener { address: ListenAddress { network: "unix", address }, socket, directory })
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::net::{Ipv4Addr, TcpListener};

    use tokio::net::TcpStream;

    use crate::env;
    use crate::plugin::Error;
    use crate::plugin::handshake::ListenAddress;

    pub(in crate::plugin) type Stream = TcpStream;

    /// A port of the loopback interface. Every user of the machine can connect to it; TLS protects it.
    pub(in crate::plugin) struct Listener {
        pub(in crate::plugin) address: ListenAddress,
        socket: tokio::net::TcpListener,
    }

    impl Listener {
        /// Binds the first free port of the range that the host names; any free port if it names none.
        pub(in crate::plugin) fn bind() -> Result<Self, Error> {
            let port = |name| env::text(name).and_then(|text| text.parse::<u16>().ok()).unwrap_or(0);
            let (lowest, highest) = (port(env::PLUGIN_MIN_PORT), port(env::PLUGIN_MAX_PORT));
            bind_between(lowest, highest).map_err(|source| Error::Listen {
                address: format!("127.0.0.1, ports {lowest} to {highest}"),
                source,
                advice: "free one of these ports",
            })
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<Stream> {
            Ok(self.socket.accept().await?.0)
        }
    }

    fn bind_between(lowest: u16, highest: u16) -> io::Result<Listener> {
        let mut outcome = Err(io::Error::new(io::ErrorKind::InvalidInput, "the range of ports is empty"));
        for port in lowest..=highest {
            outcome = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            if outcome.is_ok() {
                break;
            }
        }
        let socket = outcome?;
        socket.set_nonblocking(true)?;
        let address = ListenAddress { network: "tcp", address: socket.local_addr()?.to_string() };
        Ok(Listener { address, socket: tokio::net::TcpListener::from_std(socket)? })
    }
}

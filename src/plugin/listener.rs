//! The socket that the host connects to, within reach of our own user only where the system allows it. Knows nothing of
//! what is spoken over it.

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
    use crate::plugin::stale_sockets;

    pub(in crate::plugin) type Stream = UnixStream;

    /// The directory of a socket is called so, and something random.
    pub(in crate::plugin) const PREFIX: &str = "pluginsocket";

    /// The socket in its directory.
    pub(in crate::plugin) const SOCKET: &str = "socket";

    /// A Unix socket in a directory of its own, which goes with this value.
    ///
    /// Deliberately absent: `PLUGIN_UNIX_SOCKET_GROUP`, which would open the socket to a group of users.
    pub(in crate::plugin) struct Listener {
        pub(in crate::plugin) address: ListenAddress,
        socket: UnixListener,
        directory: TempDir,
    }

    impl Listener {
        /// Binds in the directory that the host names, else in the system's temporary directory, else, where that does
        /// not work (it is missing, or too long for a socket's address of about 100 bytes), in `/tmp`.
        pub(in crate::plugin) fn bind() -> Result<Self, Error> {
            let (place, other, advice) = match env::path(env::PLUGIN_UNIX_SOCKET_DIR) {
                Some(named) => (named, None, "set `PLUGIN_UNIX_SOCKET_DIR` to a short path of a writable directory"),
                None => (
                    std::env::temp_dir(),
                    Some(PathBuf::from("/tmp")),
                    "set `TMPDIR` to a short path of a writable directory",
                ),
            };
            bind_in(&place)
                .or_else(|error| other.and_then(|other| bind_in(&other).ok()).ok_or(error))
                .map_err(|source| Error::Listen { place: format!("`{}`", place.display()), source, advice })
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<Stream> {
            Ok(self.socket.accept().await?.0)
        }

        /// Tidies up behind others that could not, in a thread that nobody waits for.
        pub(in crate::plugin) fn remove_leftovers(&self) {
            if let Some(place) = self.directory.path().parent().map(Path::to_owned) {
                tokio::task::spawn_blocking(move || stale_sockets::remove(&place));
            }
        }
    }

    fn bind_in(parent: &Path) -> io::Result<Listener> {
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let path = directory.path().join(SOCKET);
        let place = path
            .to_str()
            .filter(|text| !text.contains(|c: char| c == '|' || c.is_control()))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the host could not read this path"))?
            .to_owned();
        let socket = UnixListener::bind(&path)?;
        Ok(Listener { address: ListenAddress { network: "unix", place }, socket, directory })
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

    /// A port of the loopback interface. Every user of the machine reaches it: what protects it is TLS.
    pub(in crate::plugin) struct Listener {
        pub(in crate::plugin) address: ListenAddress,
        socket: tokio::net::TcpListener,
    }

    impl Listener {
        /// Binds the first free port of the host's range; any free port where the host names none.
        pub(in crate::plugin) fn bind() -> Result<Self, Error> {
            let port = |name| env::text(name).and_then(|text| text.parse::<u16>().ok()).unwrap_or(0);
            let (lowest, highest) = (port(env::PLUGIN_MIN_PORT), port(env::PLUGIN_MAX_PORT));
            bind_between(lowest, highest).map_err(|source| Error::Listen {
                place: format!("127.0.0.1, ports {lowest} to {highest}"),
                source,
                advice: "free one of these ports",
            })
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<Stream> {
            Ok(self.socket.accept().await?.0)
        }

        /// A port leaves nothing behind.
        #[expect(clippy::unused_self, reason = "as on other systems")]
        pub(in crate::plugin) fn remove_leftovers(&self) {}
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
        let address = ListenAddress { network: "tcp", place: socket.local_addr()?.to_string() };
        Ok(Listener { address, socket: tokio::net::TcpListener::from_std(socket)? })
    }
}

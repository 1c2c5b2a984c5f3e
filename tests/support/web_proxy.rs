//! A small web proxy on this machine, for HTTP and for SOCKS: every connection leads to one port of this machine, whatever
//! host the client requests.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fixture")]

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The behaviour of a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conduct {
    /// Opens every tunnel.
    Open,
    /// Opens tunnels for this `Proxy-Authorization`, and responds with 407 to others.
    ForLogin(&'static str),
    /// Responds with this status.
    Status(u16),
    /// Sends these bytes and closes.
    Bytes(&'static [u8]),
    /// Never responds.
    Silent,
    /// Supports SOCKS 5 without a login.
    Socks,
}

/// A running proxy. Lives as long as the process.
pub(crate) struct WebProxy {
    port: u16,
    targets: Arc<Mutex<Vec<String>>>,
}

impl WebProxy {
    /// Starts one that leads to a port of this machine.
    pub(crate) fn start(target: u16, conduct: Conduct) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let targets = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&targets);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let record = Arc::clone(&record);
                thread::spawn(move || serve(client, target, conduct, &record));
            }
        });
        Self { port, targets }
    }

    /// Returns the port on `127.0.0.1`.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the requested targets.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.targets.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, target: u16, conduct: Conduct, record: &Mutex<Vec<String>>) -> io::Result<()> {
    if matches!(conduct, Conduct::Socks) {
        let name = socks(&mut client)?;
        record.lock().unwrap().push(name);
        return join(client, target);
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    record.lock().unwrap().push(head.split(' ').nth(1).unwrap_or_default().to_owned());
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let login = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    let status = match conduct {
        Conduct::Open => 200,
        Conduct::ForLogin(wanted) if login.is_some_and(|(_, value)| value == wanted) => 200,
        Conduct::ForLogin(_) => 407,
        Conduct::Status(status) => status,
        Conduct::Bytes(bytes) => return client.write_all(bytes),
        Conduct::Silent | Conduct::Socks => loop {
            thread::park();
        },
    };
    write!(client, "HTTP/1.1 {status} s3cr3t text of the proxy\r\ncontent-length: 0\r\n\r\n")?;
    if status == 200 { join(client, target) } else { Ok(()) }
}

/// Reads the greeting and the request of SOCKS 5. Returns the requested name.
fn socks(client: &mut TcpStream) -> io::Result<String> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting)?;
    client.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 5];
    client.read_exact(&mut request)?;
    assert_eq!(request[..4], [5, 1, 0, 3], "a connection to a name");
    let mut name = vec![0; usize::from(request[4]) + 2];
    client.read_exact(&mut name)?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    Ok(String::from_utf8_lossy(&name[..name.len() - 2]).into_owned())
}

fn join(client: TcpStream, target: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || carry(from_client, server));
    carry(from_server, client);
    _ = up.join();
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    _ = io::copy(&mut from, &mut to);
    _ = to.shutdown(Shutdown::Write);
}

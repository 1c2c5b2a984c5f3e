//! A DNS server on port 53 of a loopback address of its own, for programs that read `/etc/resolv.conf`.

#![allow(dead_code, reason = "each program that includes this file uses a part of it")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fixture")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

const PORT: u16 = 53;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const SERVER_FAILURE: u16 = 2;
const NO_SUCH_NAME: u16 = 3;

/// What a name has.
#[derive(Clone)]
pub(crate) enum Records {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// These addresses, which do not fit into a response over UDP: it is empty and marked as truncated.
    TooManyForUdp(Vec<IpAddr>),
}

/// How a server responds.
enum Behaviour {
    /// With the records of these names; other names do not exist.
    Resolves(HashMap<&'static str, Records>),
    /// With a server failure.
    Fails,
    /// Not at all.
    Silent,
}

/// One query, as the server received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) name: String,
    pub(crate) over_tcp: bool,
}

/// A running server. Its threads end with the process.
pub(crate) struct DnsServer {
    address: Ipv4Addr,
    queries: Arc<Mutex<Vec<Query>>>,
}

impl DnsServer {
    /// Starts a server with these names and no others.
    pub(crate) fn start(names: impl IntoIterator<Item = (&'static str, Records)>) -> Self {
        Self::with(Behaviour::Resolves(names.into_iter().collect()))
    }

    /// Starts a server whose every response is a failure.
    pub(crate) fn failing() -> Self {
        Self::with(Behaviour::Fails)
    }

    /// Starts a server that never responds.
    pub(crate) fn silent() -> Self {
        Self::with(Behaviour::Silent)
    }

    fn with(behaviour: Behaviour) -> Self {
        let number: [u8; 2] = rand::random();
        let address = Ipv4Addr::new(127, 53, number[0], number[1]);
        let sockets = UdpSocket::bind((address, PORT)).and_then(|udp| Ok((udp, TcpListener::bind((address, PORT))?)));
        let (udp, tcp) = sockets.unwrap_or_else(|error| {
            panic!("a DNS server on port {PORT} of {address} is needed, which takes root: {error}")
        });
        let queries = Arc::default();
        let zone = Arc::new(Zone { behaviour, queries: Arc::clone(&queries) });
        let of_tcp = Arc::clone(&zone);
        std::thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                let _closed = of_tcp.serve(&mut stream);
            }
        });
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut query) {
                if let Some(response) = query.get(..length).and_then(|query| zone.response(query, false)) {
                    let _sent = udp.send_to(&response, from);
                }
            }
        });
        Self { address, queries }
    }

    /// Returns the address for a line `nameserver` of `/etc/resolv.conf`.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Returns the queries so far.
    pub(crate) fn queries(&self) -> Vec<Query> {
        self.queries.lock().unwrap().clone()
    }
}

struct Zone {
    behaviour: Behaviour,
    queries: Arc<Mutex<Vec<Query>>>,
}

impl Zone {
    fn serve(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        if let Some(response) = self.response(&query, true) {
            let length = u16::try_from(response.len()).unwrap_or(u16::MAX);
            stream.write_all(&[&length.to_be_bytes()[..], &response].concat())?;
        }
        Ok(())
    }

    /// Returns the response to a query; `None` for one that is malformed or to be ignored.
    fn response(&self, query: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let (name, end) = question_name(query)?;
        let question = query.get(12..end + 4)?;
        let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
        self.queries.lock().unwrap().push(Query { name: name.clone(), over_tcp });
        let (code, truncated, addresses) = match &self.behaviour {
            Behaviour::Silent => return None,
            Behaviour::Fails => (SERVER_FAILURE, false, &[][..]),
            Behaviour::Resolves(names) => match names.get(name.as_str()) {
                None => (NO_SUCH_NAME, false, &[][..]),
                Some(Records::TooManyForUdp(_)) if !over_tcp => (0, true, &[][..]),
                Some(Records::Addresses(addresses) | Records::TooManyForUdp(addresses)) => (0, false, &addresses[..]),
            },
        };
        let records: Vec<Vec<u8>> = addresses.iter().filter_map(|address| record(*address, kind)).collect();
        // A response, recursion desired and available.
        let flags = 0x8180 | code | if truncated { 0x0200 } else { 0 };
        let count = u16::try_from(records.len()).ok()?;
        let mut response = query.get(..2)?.to_vec();
        for field in [flags, 1, count, 0, 0] {
            response.extend(field.to_be_bytes());
        }
        response.extend(question);
        response.extend(records.concat());
        Some(response)
    }
}

/// Returns the name in the question, and the offset behind it.
fn question_name(query: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        if length == 0 {
            return Some((labels.join("."), at + 1));
        }
        let label = query.get(at + 1..at + 1 + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + length;
    }
}

/// Returns one record for the name in the question, if the address is of the requested type.
fn record(address: IpAddr, kind: u16) -> Option<Vec<u8>> {
    let (of, bytes) = match address {
        IpAddr::V4(address) => (TYPE_A, address.octets().to_vec()),
        IpAddr::V6(address) => (TYPE_AAAA, address.octets().to_vec()),
    };
    let length = u16::try_from(bytes.len()).ok()?;
    let mut record = vec![0xc0, 12]; // the name of the question
    record.extend(of.to_be_bytes());
    record.extend(1_u16.to_be_bytes()); // class IN
    record.extend(60_u32.to_be_bytes()); // time to live
    record.extend(length.to_be_bytes());
    record.extend(bytes);
    (of == kind).then_some(record)
}

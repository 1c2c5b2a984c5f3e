//! The TCP proxy fails in the configured ways, and forwards everything otherwise.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::client::{Broken, Client, POSTGRES, create_body, until};
use crate::support::kms::{Kms, Options};
use crate::support::proxy::{Proxy, Trouble};

#[test]
fn forwards_everything_or_a_given_number_of_bytes() {
    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    let proxy = Proxy::start(kms.port());
    let client = Client::of(&kms).through(proxy.port());
    client.ok("POST", POSTGRES, Some(&create_body("a")));
    let right = client.get(POSTGRES).text;
    for trouble in [Trouble::Delay(Duration::from_millis(5)), Trouble::Throttle(1_000_000), Trouble::CutAfter(100_000)]
    {
        proxy.set(trouble);
        assert_eq!(client.get(POSTGRES).text, right, "{trouble:?}");
    }
    for (trouble, broken) in [
        (Trouble::Reset, Broken::Nothing),
        (Trouble::CutAfter(0), Broken::Nothing),
        (Trouble::CutAfter(10), Broken::Nothing),
        (Trouble::CutAfter(200), Broken::PartOfBody),
    ] {
        proxy.set(trouble);
        assert_eq!(client.try_send("GET", POSTGRES, None).unwrap_err(), broken, "{trouble:?}");
    }
    assert_eq!(proxy.connections(), 9);
    proxy.set(Trouble::None);
    assert_eq!(client.get(POSTGRES).text, right);
}

#[test]
fn black_hole_drops_data_and_reset_closes_connections() {
    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    let proxy = Proxy::start(kms.port());
    proxy.set(Trouble::BlackHole);
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: kms\r\nconnection: close\r\n\r\n").unwrap();
    until("the connection", || proxy.connections() == 1);
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let nothing = stream.read(&mut [0; 16]).unwrap_err();
    assert!(matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{nothing}");
    assert!(kms.requests().is_empty());
    stream.set_read_timeout(None).unwrap();
    proxy.set(Trouble::Reset);
    assert_eq!(stream.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn parses_every_network_fault() {
    for (text, trouble) in [
        ("none", Trouble::None),
        ("reset", Trouble::Reset),
        ("delay=20", Trouble::Delay(Duration::from_millis(20))),
        ("black-hole", Trouble::BlackHole),
        ("cut=10", Trouble::CutAfter(10)),
        ("throttle=10", Trouble::Throttle(10)),
    ] {
        assert_eq!(text.parse(), Ok(trouble));
    }
    for text in ["", "slow", "delay", "delay=", "cut=x"] {
        assert!(text.parse::<Trouble>().is_err(), "{text}");
    }
}

//! Closed ports, silent servers, other protocols, and connections that end early.

use std::net::TcpListener;
use std::time::Duration;

use expect_test::expect;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::rows::Rows;
use crate::support::postgres::Authority;
use crate::support::scripted_postgres::{
    Drip, Read, Reset, Silence, asks_for_scram, authentication, lets_in, send, tls,
};

const PLAIN: (&str, &str) = ("ssl_enabled", "false");
const ANY_CERTIFICATE: (&str, &str) = ("ssl_reject_unauthorized", "false");
/// What is slow here is slow for ever.
const SOON: (&str, &str) = ("validation", "timeout = \"1s\"");

/// A port whose queue of connections is full for as long as the runtime lives.
fn full_queue(rows: &Rows) -> u16 {
    let (port, kept) = rows.runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(connected) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
            queue.push(connected.unwrap());
        }
        (address.port(), (listener, queue))
    });
    rows.runtime.spawn(async move {
        let _kept = kept;
        std::future::pending::<()>().await;
    });
    port
}

#[test]
fn reports_refused_and_silent_connections() {
    let mut rows = Rows::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    rows.row(
        "nobody_listens",
        closed,
        &[],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection refused, at port
            Connection refused by `localhost:PORT`.
            Possible causes, most likely first:
              - The server is not running, or the port is wrong.
              - The server listens on its own machine only, the default of `listen_addresses`.
        "#]],
    );
    rows.row(
        "no_such_name",
        5432,
        &[("host", "\"db.invalid\"")],
        expect![[r#"
            warning: PostgreSQL server not reachable: host not found, at host
            Host not found: `db.invalid` does not resolve on this machine: Name or service not known.
            Possible causes, most likely first:
              - The name is misspelled.
              - The name exists only in a private DNS zone or a VPN that this machine does not use.
        "#]],
    );
    // A queue that is full: the kernel drops what comes, as a firewall does.
    let port = full_queue(&rows);
    rows.row(
        "drops_what_comes",
        port,
        &[SOON, ("host", "\"127.0.0.1\"")],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection timed out, at host
            Connection to `127.0.0.1:PORT` timed out (TCP connection).
            Possible causes, most likely first:
              - A firewall, security group or allow list drops connections from this machine.
              - The host name is wrong, or resolves to another address on this machine.
        "#]],
    );
    // No machine can connect to all machines of a network at once.
    rows.row(
        "no_way",
        5432,
        &[("host", "\"127.255.255.255\"")],
        expect![[r#"
            warning: PostgreSQL server not reachable: network error, at host
            No connection to `127.255.255.255:PORT`: Network is unreachable (os error 101).
            Possible causes, most likely first:
              - This machine is not in the network (VPN, peering) of the address.
              - The address is an IPv6 address, and this machine has no IPv6.
        "#]],
    );
    rows.row("never_contacted", 5432, &[("host", "\"169.254.169.254\"")], expect![[r#"
        error: PostgreSQL server not reachable: address not allowed, at host
        `169.254.169.254` is a metadata address, where clouds serve the credentials of their machines. The provider never contacts such an address.
        Possible cause:
          - The host name is wrong, or its DNS record does not hold the address of the database.
    "#]]);
    rows.fake(
        "silent",
        vec![Silence],
        &[SOON],
        expect![[r#"
            warning: PostgreSQL server not reachable: response timed out, at port
            `localhost:PORT` accepted the connection and then did not respond (TLS request).
            Possible cause:
              - The port belongs to another service, or to a proxy without a server behind it.
        "#]],
    );
    rows.fake(
        "silent_plain",
        vec![Silence],
        &[SOON, PLAIN],
        expect![[r#"
            warning: PostgreSQL login failed: timed out, at host
            `localhost:PORT` did not complete the login in time.
            Possible causes, most likely first:
              - A pooler waits for its server, or the server is under load.
              - The password is wrong, and the server delays its response (`auth_delay`).
        "#]],
    );
    rows.fake(
        "silent_after_yes",
        vec![Read, send("S"), Silence],
        &[SOON],
        expect![[r#"
            warning: PostgreSQL server not reachable: response timed out, at port
            `localhost:PORT` accepted the connection and then did not respond (TLS handshake).
            Possible cause:
              - The port belongs to another service, or to a proxy without a server behind it.
        "#]],
    );
    let after_password = [asks_for_scram(), vec![Silence]].concat();
    rows.fake(
        "silent_in_login",
        after_password,
        &[SOON, PLAIN],
        expect![[r#"
            warning: PostgreSQL login failed: timed out, at host
            `localhost:PORT` did not complete the login in time.
            Possible causes, most likely first:
              - A pooler waits for its server, or the server is under load.
              - The password is wrong, and the server delays its response (`auth_delay`).
        "#]],
    );
    let after_login = vec![Read, send(authentication(0, b"")), Silence];
    rows.fake(
        "silent_after_login",
        after_login,
        &[SOON, PLAIN],
        expect![[r#"
            warning: PostgreSQL login failed: timed out, at host
            `localhost:PORT` did not complete the login in time.
            Possible causes, most likely first:
              - A pooler waits for its server, or the server is under load.
              - The password is wrong, and the server delays its response (`auth_delay`).
        "#]],
    );
    let drip = vec![Read, Drip(&[b'E', 0, 0, 0x4e, 0x20, b'S'], Duration::from_millis(200))];
    rows.fake(
        "one_byte_at_a_time",
        drip,
        &[SOON, PLAIN],
        expect![[r#"
            warning: PostgreSQL login failed: timed out, at host
            `localhost:PORT` did not complete the login in time.
            Possible causes, most likely first:
              - A pooler waits for its server, or the server is under load.
              - The password is wrong, and the server delays its response (`auth_delay`).
        "#]],
    );
    rows.fake(
        "closes_at_once",
        vec![],
        &[],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection closed, at host
            `localhost:PORT` closed the connection (TLS request).
            Possible causes, most likely first:
              - The port belongs to another protocol, such as HTTPS.
              - A load balancer or proxy has no server behind it.
              - An allow list lacks the address of this machine. The KMS connects from another address.
        "#]],
    );
    rows.fake(
        "closes_after_startup",
        vec![Read],
        &[PLAIN],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection closed, at host
            `localhost:PORT` closed the connection (login).
            Possible causes, most likely first:
              - The port belongs to another protocol, or the server requires TLS (`ssl_enabled`).
              - A load balancer or proxy has no server behind it.
              - An allow list lacks the address of this machine. The KMS connects from another address.
        "#]],
    );
    rows.fake(
        "resets",
        vec![Read, Reset],
        &[],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection reset, at host
            `localhost:PORT` reset the connection (TLS request).
            Possible causes, most likely first:
              - The port belongs to another protocol, such as HTTPS.
              - A load balancer or proxy has no server behind it.
              - An allow list lacks the address of this machine. The KMS connects from another address.
        "#]],
    );
    rows.check();
}

#[test]
fn reports_other_protocols_and_broken_tls() {
    let mut rows = Rows::new();
    let authority = Authority::new("Fake CA");
    rows.scene.workspace.write("own.pem", authority.pem());
    let trusted = ("ssl_certificate", "file(\"own.pem\")");
    rows.fake(
        "http",
        vec![Read, send("HTTP/1.1 400 Bad Request\r\n\r\n")],
        &[],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: it uses HTTP.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    rows.fake(
        "ssh",
        vec![send("SSH-2.0-OpenSSH_9.2p1\r\n"), Read],
        &[],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: it uses SSH.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    rows.fake(
        "mysql",
        vec![send(b"\x4a\x00\x00\x00\x0a8.0.36\x00")],
        &[PLAIN],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: it uses MySQL.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    rows.fake(
        "redis",
        vec![Read, send("-ERR unknown command\r\n")],
        &[PLAIN],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: it uses Redis.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    rows.fake(
        "smtp",
        vec![send("220 mail.test ESMTP\r\n"), Read],
        &[],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: it uses SMTP or FTP.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    rows.fake(
        "tls_at_once",
        vec![Read, send(b"\x15\x03\x01\x00\x02\x02\x46")],
        &[PLAIN],
        expect![[r#"
        error: PostgreSQL login failed: not a PostgreSQL server, at port
        `localhost:PORT` is not a PostgreSQL server: it uses TLS at once, without PostgreSQL's request.
        Possible causes, most likely first:
          - The port is wrong; the default of PostgreSQL is 5432.
          - The host is wrong.
    "#]],
    );
    rows.fake(
        "unknown_bytes",
        vec![Read, send(b"\xde\xad\xbe\xef\x00\x01\x02\x03")],
        &[],
        expect![[r#"
        error: PostgreSQL login failed: not a PostgreSQL server, at port
        `localhost:PORT` is not a PostgreSQL server: its response begins with the bytes de ad be ef 00 01 02 03.
        Possible causes, most likely first:
          - The port is wrong; the default of PostgreSQL is 5432.
          - The host is wrong.
    "#]],
    );
    rows.fake(
        "no_to_tls",
        vec![Read, send("N")],
        &[],
        expect![[r#"
            error: TLS to PostgreSQL failed: not enabled on server, at the whole connection
            TLS is not enabled on the server `localhost:PORT`.
            Possible causes, most likely first:
              - The server has `ssl = off`: set it to `on`, with a certificate and a key (PgBouncer: `client_tls_sslmode`).
              - TLS is not wanted: set `ssl_enabled = false`. Others on the network can then read the data.
        "#]],
    );
    rows.fake(
        "yes_and_closes",
        vec![Read, send("S")],
        &[ANY_CERTIFICATE],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection closed, at host
            `localhost:PORT` closed the connection (TLS handshake).
            Possible causes, most likely first:
              - A load balancer or proxy has no server behind it.
              - An allow list lacks the address of this machine. The KMS connects from another address.
        "#]],
    );
    let garbage = vec![Read, send("S"), Read, send("garbage, not TLS")];
    rows.fake(
        "yes_and_garbage",
        garbage,
        &[ANY_CERTIFICATE],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: it accepted TLS and then sent something that is not TLS.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    // The alert `handshake_failure`, then `certificate_required`.
    let alert = |number: u8| vec![Read, send("S"), Read, send([0x15, 3, 3, 0, 2, 2, number])];
    rows.fake(
        "old_ciphers",
        alert(40),
        &[ANY_CERTIFICATE],
        expect![[r#"
            warning: TLS to PostgreSQL failed: version or cipher unsupported, at the whole connection
            `localhost:PORT` offers no TLS version and cipher that the provider supports: received fatal alert: HandshakeFailure.
            Possible causes, most likely first:
              - The server has neither TLS 1.3 nor TLS 1.2 with ECDHE and AEAD ciphers.
              - The server requires a client certificate, which the KMS does not support.
              - The server is old, and only the provider is affected: the KMS supports some older ciphers.
        "#]],
    );
    rows.fake(
        "wants_a_certificate",
        alert(116),
        &[ANY_CERTIFICATE],
        expect![[r#"
            error: TLS to PostgreSQL failed: client certificate required, at the whole connection
            `localhost:PORT` requires a client certificate, which the KMS does not support.
            Possible cause:
              - The endpoint is for clients with certificates: use one that requires a password alone.
        "#]],
    );
    let encrypted = |rest: &[_]| [&[Read, send("S"), tls(&authority)][..], rest].concat();
    rows.fake(
        "closes_in_tls",
        encrypted(&[Read]),
        &[trusted],
        expect![[r#"
            warning: PostgreSQL server not reachable: connection closed, at host
            `localhost:PORT` closed the connection (login).
            Possible causes, most likely first:
              - The port belongs to another protocol, or the server requires TLS (`ssl_enabled`).
              - A load balancer or proxy has no server behind it.
              - An allow list lacks the address of this machine. The KMS connects from another address.
        "#]],
    );
    let port = rows.serve(encrypted(&lets_in()));
    rows.accepted("trusts_everybody", port, &[trusted]);
    rows.check();
}

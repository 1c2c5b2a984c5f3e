//! What is not there, says nothing, speaks another protocol or breaks off.

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
        warning: The credentials could not be checked from this machine, at port
        Nothing accepts connections at `localhost:PORT`.
        Check, likeliest first:
          - The port, and whether the server runs.
          - `listen_addresses` of the server: by default it listens on its own machine only.
    "#]],
    );
    rows.row(
        "no_such_name",
        5432,
        &[("host", "\"db.invalid\"")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        The name `db.invalid` does not resolve on this machine: Name or service not known.
        Check, likeliest first:
          - The spelling of the name.
          - Whether the name exists only in a private zone or VPN that this machine does not see.
    "#]],
    );
    // A queue that is full: the kernel drops what comes, as a firewall does.
    let port = full_queue(&rows);
    rows.row(
        "drops_what_comes",
        port,
        &[SOON, ("host", "\"127.0.0.1\"")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `127.0.0.1:PORT` did not answer in time (opening the connection).
        Check, likeliest first:
          - A firewall, security group or allow-list that drops connections from this machine.
          - The host name and the address that it has from here.
    "#]],
    );
    // Nobody can connect to all machines of a network at once.
    rows.row(
        "no_way",
        5432,
        &[("host", "\"127.255.255.255\"")],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        There is no way to `127.255.255.255:PORT`: Network is unreachable (os error 101).
        Check, likeliest first:
          - Whether this machine is in the network (VPN, peering) that the address belongs to.
          - An IPv6 address needs a machine with IPv6.
    "#]],
    );
    rows.row("never_contacted", 5432, &[("host", "\"169.254.169.254\"")], expect![[r#"
        error: The database refused the login, at host
        `169.254.169.254` is a link-local address, where clouds keep the credentials of their machines: it is never contacted.
        Check:
          - The name: does it mean the database, and does its DNS record hold the database's address?
    "#]]);
    rows.fake(
        "silent",
        vec![Silence],
        &[SOON],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at port
        `localhost:PORT` accepted the connection and then fell silent (asking for TLS).
        Check:
          - Whether PostgreSQL listens on this port, or a proxy without a server behind it.
    "#]],
    );
    rows.fake(
        "silent_plain",
        vec![Silence],
        &[SOON, PLAIN],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` did not finish the login in time.
        Check, likeliest first:
          - A pooler that waits for the server behind it, or a server under load.
          - The password: some servers delay the answer to a wrong one (`auth_delay`).
    "#]],
    );
    rows.fake(
        "silent_after_yes",
        vec![Read, send("S"), Silence],
        &[SOON],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at port
        `localhost:PORT` accepted the connection and then fell silent (the TLS handshake).
        Check:
          - Whether PostgreSQL listens on this port, or a proxy without a server behind it.
    "#]],
    );
    let after_password = [asks_for_scram(), vec![Silence]].concat();
    rows.fake(
        "silent_in_login",
        after_password,
        &[SOON, PLAIN],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` did not finish the login in time.
        Check, likeliest first:
          - A pooler that waits for the server behind it, or a server under load.
          - The password: some servers delay the answer to a wrong one (`auth_delay`).
    "#]],
    );
    let after_login = vec![Read, send(authentication(0, b"")), Silence];
    rows.fake(
        "silent_after_login",
        after_login,
        &[SOON, PLAIN],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` did not finish the login in time.
        Check, likeliest first:
          - A pooler that waits for the server behind it, or a server under load.
          - The password: some servers delay the answer to a wrong one (`auth_delay`).
    "#]],
    );
    let drip = vec![Read, Drip(&[b'E', 0, 0, 0x4e, 0x20, b'S'], Duration::from_millis(200))];
    rows.fake(
        "one_byte_at_a_time",
        drip,
        &[SOON, PLAIN],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` did not finish the login in time.
        Check, likeliest first:
          - A pooler that waits for the server behind it, or a server under load.
          - The password: some servers delay the answer to a wrong one (`auth_delay`).
    "#]],
    );
    rows.fake(
        "closes_at_once",
        vec![],
        &[],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` closed the connection without a word (asking for TLS).
        Check, likeliest first:
          - The port: one for HTTPS looks like this.
          - A load balancer or proxy without a server behind it.
          - A filter that admits only some addresses: the KMS comes from another one.
    "#]],
    );
    rows.fake(
        "closes_after_startup",
        vec![Read],
        &[PLAIN],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` closed the connection without a word (the login).
            Check, likeliest first:
              - The port: another protocol, or one that wants TLS (`ssl_enabled`).
              - A load balancer or proxy without a server behind it.
              - A filter that admits only some addresses: the KMS comes from another one.
        "#]],
    );
    rows.fake(
        "resets",
        vec![Read, Reset],
        &[],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` reset the connection without a word (asking for TLS).
        Check, likeliest first:
          - The port: one for HTTPS looks like this.
          - A load balancer or proxy without a server behind it.
          - A filter that admits only some addresses: the KMS comes from another one.
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
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: it speaks HTTP.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    rows.fake(
        "ssh",
        vec![send("SSH-2.0-OpenSSH_9.2p1\r\n"), Read],
        &[],
        expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: it speaks SSH.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    rows.fake(
        "mysql",
        vec![send(b"\x4a\x00\x00\x00\x0a8.0.36\x00")],
        &[PLAIN],
        expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: it speaks MySQL.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    rows.fake(
        "redis",
        vec![Read, send("-ERR unknown command\r\n")],
        &[PLAIN],
        expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: it speaks Redis.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    rows.fake(
        "smtp",
        vec![send("220 mail.test ESMTP\r\n"), Read],
        &[],
        expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: it speaks SMTP or FTP.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    rows.fake("tls_at_once", vec![Read, send(b"\x15\x03\x01\x00\x02\x02\x46")], &[PLAIN], expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: it speaks TLS at once, without PostgreSQL's request.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]]);
    rows.fake("unknown_bytes", vec![Read, send(b"\xde\xad\xbe\xef\x00\x01\x02\x03")], &[], expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: its answer begins with the bytes de ad be ef 00 01 02 03.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]]);
    rows.fake(
        "no_to_tls",
        vec![Read, send("N")],
        &[],
        expect![[r#"
        error: The database refused the login, at the whole connection
        `localhost:PORT` does not offer TLS.
        Check, likeliest first:
          - Turn TLS on there: `ssl = on` with a certificate and a key; PgBouncer: `client_tls_sslmode`.
          - Or set `ssl_enabled = false`, if everybody on the way may read the data.
    "#]],
    );
    rows.fake(
        "yes_and_closes",
        vec![Read, send("S")],
        &[ANY_CERTIFICATE],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` closed the connection without a word (the TLS handshake).
        Check, likeliest first:
          - A load balancer or proxy without a server behind it.
          - A filter that admits only some addresses: the KMS comes from another one.
    "#]],
    );
    let garbage = vec![Read, send("S"), Read, send("garbage, not TLS")];
    rows.fake(
        "yes_and_garbage",
        garbage,
        &[ANY_CERTIFICATE],
        expect![[r#"
            error: The database refused the login, at port
            What answers at `localhost:PORT` is not a PostgreSQL server: it said yes to TLS, and then something that is not TLS.
            Check, likeliest first:
              - The port; PostgreSQL's own is 5432.
              - The host.
        "#]],
    );
    // The alert `handshake_failure`, then `certificate_required`.
    let alert = |number: u8| vec![Read, send("S"), Read, send([0x15, 3, 3, 0, 2, 2, number])];
    rows.fake(
        "old_ciphers",
        alert(40),
        &[ANY_CERTIFICATE],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at the whole connection
        `localhost:PORT` offers only TLS that this program does not speak: received fatal alert: HandshakeFailure.
        Check, likeliest first:
          - TLS 1.2 with ECDHE and AEAD ciphers, or TLS 1.3, on the server.
          - A server that wants a client certificate can look like this too; the KMS has none to show.
          - The KMS speaks some of the older ciphers: it may get in where this login cannot.
    "#]],
    );
    rows.fake(
        "wants_a_certificate",
        alert(116),
        &[ANY_CERTIFICATE],
        expect![[r#"
        error: The database refused the login, at the whole connection
        `localhost:PORT` wants a client certificate, which the KMS cannot show.
        Check:
          - Another endpoint of this database that asks for a password alone.
    "#]],
    );
    let encrypted = |rest: &[_]| [&[Read, send("S"), tls(&authority)][..], rest].concat();
    rows.fake(
        "closes_in_tls",
        encrypted(&[Read]),
        &[trusted],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` closed the connection without a word (the login).
            Check, likeliest first:
              - The port: another protocol, or one that wants TLS (`ssl_enabled`).
              - A load balancer or proxy without a server behind it.
              - A filter that admits only some addresses: the KMS comes from another one.
        "#]],
    );
    let port = rows.serve(encrypted(&lets_in()));
    rows.accepted("trusts_everybody", port, &[trusted]);
    rows.check();
}

//! Hostile servers: against the password, the terminal, the memory and the time of a run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expect_test::expect;

use super::rows::Rows;
use crate::support::scene::PASSWORD;
use crate::support::scripted_postgres::{
    Flood, Read, Scram, Send, Step, asks_for_scram, authentication, error, lets_in, message,
};

const PLAIN: (&str, &str) = ("ssl_enabled", "false");

fn scram(answer: &'static str, rest: &[Step]) -> Vec<Step> {
    [&asks_for_scram()[..], &[Scram(answer)], rest].concat()
}

#[test]
fn rejects_false_server_signatures() {
    let mut rows = Rows::new();
    let mut row = |name, script, expected| rows.fake(name, script, &[PLAIN], expected);
    const GOOD: &str = "r={nonce}x,s={salt},i=4096";
    let last = |body: &str| vec![Read, Send(authentication(12, body.as_bytes()))];
    row(
        "wrong_verifier",
        scram(GOOD, &last(&format!("v={}", STANDARD.encode([0; 32])))),
        expect![[r#"
            error: PostgreSQL login failed: server signature is wrong, at host
            `localhost:PORT` does not have the password of role `wrong_verifier`: its SCRAM signature is wrong.
            Possible causes, most likely first:
              - The host or the port belongs to another server: the right one has the password.
              - Another machine intercepts the connection. The password itself was not sent.
        "#]],
    );
    row(
        "empty_proof",
        scram(GOOD, &last("")),
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: a truncated `AuthenticationSASLFinal` message.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "error_for_a_proof",
        scram(GOOD, &last("e=other-error")),
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: a false SCRAM message, SCRAM error: other-error.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    let no_proof = [vec![Read, Send(authentication(0, b""))], lets_in()[2..].to_vec()].concat();
    row(
        "no_proof",
        scram(GOOD, &no_proof),
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: unexpected message from server.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "wrong_nonce",
        scram("r=another,s={salt},i=4096", &[]),
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: a false SCRAM message, invalid nonce.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "few_iterations",
        scram("r={nonce}x,s={salt},i=1", &[]),
        expect![[r#"
            warning: PostgreSQL login failed: password not sent, at ssl_enabled
            `localhost:PORT` requested the password with a single SCRAM iteration without TLS. The password was not sent.
            Possible causes, most likely first:
              - The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.
              - The server does not use `scram-sha-256`, which keeps the password secret from others.
        "#]],
    );
    row(
        "many_iterations",
        scram("r={nonce}x,s={salt},i=20000000", &[]),
        expect![[r#"
            warning: PostgreSQL login failed: too many SCRAM iterations, at host
            `localhost:PORT` requires 20000000 SCRAM iterations, and the KMS computes at most 100000.
            Possible causes, most likely first:
              - `scram_iterations` was too high when the password was set: lower it and set the password again.
              - The host or the port belongs to another server.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              SET scram_iterations = 4096; ALTER ROLE "many_iterations" WITH PASSWORD '…';
        "#]],
    );
    row(
        "endless_iterations",
        scram("r={nonce}x,s={salt},i=99999999999", &[]),
        expect![[r#"
            warning: PostgreSQL login failed: too many SCRAM iterations, at host
            `localhost:PORT` requires 4294967295 SCRAM iterations, and the KMS computes at most 100000.
            Possible causes, most likely first:
              - `scram_iterations` was too high when the password was set: lower it and set the password again.
              - The host or the port belongs to another server.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              SET scram_iterations = 4096; ALTER ROLE "endless_iterations" WITH PASSWORD '…';
        "#]],
    );
    row(
        "no_iterations",
        scram("r={nonce}x,s={salt}", &[]),
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: a false SCRAM message, unexpected EOF.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "clear_text_at_last",
        vec![Read, Send(authentication(10, b"SCRAM-SHA-256\0\0")), Read, Send(authentication(3, b""))],
        expect![[r#"
            warning: PostgreSQL login failed: password not sent, at ssl_enabled
            `localhost:PORT` requested the password in clear text without TLS. The password was not sent.
            Possible causes, most likely first:
              - The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.
              - The server does not use `scram-sha-256`, which keeps the password secret from others.
        "#]],
    );
    row(
        "md5",
        vec![Read, Send(authentication(5, b"salt"))],
        expect![[r#"
            warning: PostgreSQL login failed: password not sent, at ssl_enabled
            `localhost:PORT` requested the password as an MD5 hash without TLS. The password was not sent.
            Possible causes, most likely first:
              - The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.
              - The server does not use `scram-sha-256`, which keeps the password secret from others.
        "#]],
    );
    rows.check();
}

#[test]
fn escapes_harmful_texts() {
    let mut rows = Rows::new();
    let mut row = |name, script, expected| rows.fake(name, script, &[PLAIN], expected);
    let echo = format!("SFATAL|VFATAL|C28P01|Mwrong: {PASSWORD}|Dit was {PASSWORD}|H{PASSWORD}|");
    row(
        "echo",
        vec![Read, Send(error(&echo))],
        expect![[r#"
            error: PostgreSQL login failed: password rejected, at password_wo
            Password authentication failed for role `echo` at `localhost:PORT` (SQLSTATE 28P01).
            Server message: wrong: ******** (it was ********)
            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `echo` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "echo" WITH LOGIN PASSWORD '…';
            If this run creates the role or the database, or changes this password, …
        "#]],
    );
    let driving = "SFATAL|VFATAL|CXX000|M\x1b[2J\x1b]0;owned\x07clear\r\nError: all is well\u{202e}|";
    row(
        "drives_the_terminal",
        vec![Read, Send(error(driving))],
        expect![[r#"
            warning: PostgreSQL login failed: SQLSTATE XX000, at host
            `localhost:PORT` rejected the login: \u{1b}[2J\u{1b}]0;owned\u{7}clear Error: all is well\u{202e} (SQLSTATE XX000).
            Possible cause:
              - See the server message, the service's status page, or the server's log at that time.
        "#]],
    );
    let long = format!("SFATAL|VFATAL|CXX000|M{}|", "much ".repeat(5000));
    row(
        "long_text",
        vec![Read, Send(error(&long))],
        expect![[r#"
            warning: PostgreSQL login failed: SQLSTATE XX000, at host
            `localhost:PORT` rejected the login: much much much much much much much much much much much much much much much much much much much much… (SQLSTATE XX000).
            Server message: much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much…
            Possible cause:
              - See the server message, the service's status page, or the server's log at that time.
        "#]],
    );
    row(
        "huge_message",
        vec![Read, Send(message(b'E', &vec![b'x'; 1 << 20]))],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: its response begins with the bytes 45 00 10 00 04 78 78 78.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    row(
        "endless_notices",
        vec![Read, Flood(message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Magain\0\0"))],
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: unexpected message from server.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    let notices = message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Magain\0\0");
    let inside = vec![Read, Send(authentication(0, b"")), Flood(notices)];
    row(
        "endless_notices_inside",
        inside,
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: more data than any login takes.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "no_sqlstate",
        vec![Read, Send(error("SFATAL|Msomething is wrong|"))],
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: an error without SQLSTATE, something is wrong.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "sqlstate_of_its_own",
        vec![Read, Send(error("SFATAL|VFATAL|C\x1b[1m|Modd|"))],
        expect![[r#"
            error: PostgreSQL login failed: SQLSTATE \u{1b}[1m, at host
            `localhost:PORT` rejected the login: odd (SQLSTATE \u{1b}[1m).
            Possible cause:
              - See the server message, the service's status page, or the server's log at that time.
        "#]],
    );
    row(
        "empty_error",
        vec![Read, Send(error(""))],
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: an error without a text.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    row(
        "a_length_of_nothing",
        vec![Read, Send(b"R\0\0\0\0".to_vec())],
        expect![[r#"
            error: PostgreSQL login failed: not a PostgreSQL server, at port
            `localhost:PORT` is not a PostgreSQL server: its response begins with the bytes 52 00 00 00 00.
            Possible causes, most likely first:
              - The port is wrong; the default of PostgreSQL is 5432.
              - The host is wrong.
        "#]],
    );
    row(
        "nonsense_after_hello",
        vec![Read, Send([message(b'N', b"SNOTICE\0\0"), b"garbage".to_vec()].concat())],
        expect![[r#"
            warning: PostgreSQL login failed: unexpected message, at host
            `localhost:PORT` sent an unexpected message during login: more data than any login takes.
            Possible cause:
              - A proxy, a pooler or another product stands between this machine and the server.
        "#]],
    );
    rows.check();
}

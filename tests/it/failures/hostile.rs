//! Servers that want to harm: the password, the terminal, the memory, the patience.

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
        error: The database refused the login, at host
        `localhost:PORT` does not know the password of role `wrong_verifier` itself.
        Check, likeliest first:
          - The host and the port: the right server proves that it knows the password.
          - Whether somebody stands in between. The password itself was not shown to the other side.
    "#]],
    );
    row(
        "empty_proof",
        scram(GOOD, &last("")),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: a truncated `AuthenticationSASLFinal` message.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    row(
        "error_for_a_proof",
        scram(GOOD, &last("e=other-error")),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: a false SCRAM message, SCRAM error: other-error.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    let no_proof = [vec![Read, Send(authentication(0, b""))], lets_in()[2..].to_vec()].concat();
    row(
        "no_proof",
        scram(GOOD, &no_proof),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` gave an answer that makes no sense in a login: unexpected message from server.
        Check:
          - What stands between here and the server: a proxy, a pooler, or another product.
    "#]],
    );
    row(
        "wrong_nonce",
        scram("r=another,s={salt},i=4096", &[]),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: a false SCRAM message, invalid nonce.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    row(
        "few_iterations",
        scram("r={nonce}x,s={salt},i=1", &[]),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        `localhost:PORT` asks for the password with a single SCRAM iteration, and others could listen: it was not sent.
        Check, likeliest first:
          - TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).
          - Or `scram-sha-256` on the server, which never shows the password to anybody.
    "#]],
    );
    row(
        "many_iterations",
        scram("r={nonce}x,s={salt},i=20000000", &[]),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` asks for 20000000 SCRAM iterations; the KMS calculates 100000 at most.
        Check, likeliest first:
          - `scram_iterations` when the password was set: lower it and set the password again.
          - Whether this is the right server: nobody needs so many.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          SET scram_iterations = 4096; ALTER ROLE "many_iterations" WITH PASSWORD '…';
    "#]],
    );
    row(
        "endless_iterations",
        scram("r={nonce}x,s={salt},i=99999999999", &[]),
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` asks for 4294967295 SCRAM iterations; the KMS calculates 100000 at most.
        Check, likeliest first:
          - `scram_iterations` when the password was set: lower it and set the password again.
          - Whether this is the right server: nobody needs so many.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          SET scram_iterations = 4096; ALTER ROLE "endless_iterations" WITH PASSWORD '…';
    "#]],
    );
    row(
        "no_iterations",
        scram("r={nonce}x,s={salt}", &[]),
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: a false SCRAM message, unexpected EOF.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    row(
        "clear_text_at_last",
        vec![Read, Send(authentication(10, b"SCRAM-SHA-256\0\0")), Read, Send(authentication(3, b""))],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at ssl_enabled
            `localhost:PORT` asks for the password in clear text, and others could listen: it was not sent.
            Check, likeliest first:
              - TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).
              - Or `scram-sha-256` on the server, which never shows the password to anybody.
        "#]],
    );
    row(
        "md5",
        vec![Read, Send(authentication(5, b"salt"))],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at ssl_enabled
        `localhost:PORT` asks for the password as an MD5 hash, and others could listen: it was not sent.
        Check, likeliest first:
          - TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).
          - Or `scram-sha-256` on the server, which never shows the password to anybody.
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
        error: The database refused the login, at password_wo
        `localhost:PORT` refused the password of role `echo` (28P01).
        The server said: 28P01 wrong: ******** (it was ********)
        Check, likeliest first:
          - The password.
          - Whether role `echo` exists: the answer is the same when it does not.
          - Upper and lower case of the role's name: they matter once it was created in quotes.
          - Whether the password has expired (`VALID UNTIL`) or was never set.
          - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
        Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
          ALTER ROLE "echo" WITH LOGIN PASSWORD '…';
        If this same run creates the role or the database, or changes this password, …
    "#]],
    );
    let driving = "SFATAL|VFATAL|CXX000|M\x1b[2J\x1b]0;owned\x07clear\r\nError: all is well\u{202e}|";
    row(
        "drives_the_terminal",
        vec![Read, Send(error(driving))],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` refused the login: \u{1b}[2J\u{1b}]0;owned\u{7}clear Error: all is well\u{202e} (XX000).
            Check:
              - The server's message above; the service's status page or the server's log at that time.
        "#]],
    );
    let long = format!("SFATAL|VFATAL|CXX000|M{}|", "much ".repeat(5000));
    row(
        "long_text",
        vec![Read, Send(error(&long))],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` refused the login: much much much much much much much much much much much much much much much much much much much much … (XX000).
            The server said: XX000 much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much much…
            Check:
              - The server's message above; the service's status page or the server's log at that time.
        "#]],
    );
    row(
        "huge_message",
        vec![Read, Send(message(b'E', &vec![b'x'; 1 << 20]))],
        expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: its answer begins with the bytes 45 00 10 00 04 78 78 78.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    row(
        "endless_notices",
        vec![Read, Flood(message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Magain\0\0"))],
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` gave an answer that makes no sense in a login: unexpected message from server.
        Check:
          - What stands between here and the server: a proxy, a pooler, or another product.
    "#]],
    );
    let notices = message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Magain\0\0");
    let inside = vec![Read, Send(authentication(0, b"")), Flood(notices)];
    row(
        "endless_notices_inside",
        inside,
        expect![[r#"
        warning: The credentials could not be checked from this machine, at host
        `localhost:PORT` gave an answer that makes no sense in a login: more data than any login takes.
        Check:
          - What stands between here and the server: a proxy, a pooler, or another product.
    "#]],
    );
    row(
        "no_sqlstate",
        vec![Read, Send(error("SFATAL|Msomething is wrong|"))],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: an error without SQLSTATE, something is wrong.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    row(
        "sqlstate_of_its_own",
        vec![Read, Send(error("SFATAL|VFATAL|C\x1b[1m|Modd|"))],
        expect![[r#"
            error: The database refused the login, at host
            `localhost:PORT` refused the login: odd (\u{1b}[1m).
            Check:
              - The server's message above; the service's status page or the server's log at that time.
        "#]],
    );
    row(
        "empty_error",
        vec![Read, Send(error(""))],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: an error without a text.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    row(
        "a_length_of_nothing",
        vec![Read, Send(b"R\0\0\0\0".to_vec())],
        expect![[r#"
        error: The database refused the login, at port
        What answers at `localhost:PORT` is not a PostgreSQL server: its answer begins with the bytes 52 00 00 00 00.
        Check, likeliest first:
          - The port; PostgreSQL's own is 5432.
          - The host.
    "#]],
    );
    row(
        "nonsense_after_hello",
        vec![Read, Send([message(b'N', b"SNOTICE\0\0"), b"garbage".to_vec()].concat())],
        expect![[r#"
            warning: The credentials could not be checked from this machine, at host
            `localhost:PORT` gave an answer that makes no sense in a login: more data than any login takes.
            Check:
              - What stands between here and the server: a proxy, a pooler, or another product.
        "#]],
    );
    rows.check();
}

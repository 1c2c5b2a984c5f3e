//! A stream that reads the server's messages during a login. Does not depend on sockets or TLS.
//!
//! The PostgreSQL client responds to every request of the server, also for the password in clear text. This stream reads each
//! message first. It ends the login before the client can respond if the request is not safe over this connection, or if the
//! server does not use PostgreSQL's protocol. It also limits the memory that a server can occupy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::postgres::reason::{Channel, Insecure};

/// The maximum of bytes in a login; a login and one small query take far less.
const MAX_BYTES: usize = 256 * 1024;
/// The longest message of a login: an error with all its fields.
const MAX_MESSAGE_LENGTH: usize = 32 * 1024;
/// The client library calculates no more than this.
const MAX_ITERATIONS: u32 = 100_000;
/// The minimum that PostgreSQL has ever used. A false server requests fewer to guess the password quickly.
const MIN_ITERATIONS: u32 = 4096;

/// Why the guard ended a login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("not PostgreSQL")]
    NotPostgres(Vec<u8>),
    #[error("an authentication request that is not safe over this connection")]
    Insecure(Insecure, Channel),
    #[error("authentication method {0}, which uses no password")]
    Unsupported(String),
    #[error("unknown authentication method {0}")]
    Unknown(u32),
    /// The body of an ErrorResponse that the client cannot read: before the login, a server sends it in its own encoding.
    #[error("an error that is not UTF-8 or not complete")]
    Unreadable(Vec<u8>),
    /// An authentication request without the data that belongs to it. Named as in the protocol's documentation.
    #[error("a truncated `{0}` message")]
    Truncated(&'static str),
    #[error("{0} SCRAM iterations")]
    TooManyIterations(u32),
    #[error("too much data")]
    TooMuch,
}

/// A stream that watches what is read from it.
pub(super) struct Guard<S> {
    stream: S,
    scan: Scan,
}

impl<S> Guard<S> {
    /// `insecure` is the protection of the connection; `None` if only the verified server, or this machine, can read what
    /// is sent.
    pub(super) fn new(stream: S, insecure: Option<Channel>) -> Self {
        Self {
            stream,
            scan: Scan {
                insecure,
                phase: ProtocolPhase::First,
                pending: Vec::new(),
                total: 0,
                requested: false,
                pending_result: false,
            },
        }
    }

    /// Returns the stream without the guard.
    pub(super) fn unguarded(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the result for a server that sends these pieces.
    #[cfg(test)]
    pub(super) fn check(&mut self, pieces: &[&[u8]]) -> Result<(), Violation> {
        pieces.iter().try_for_each(|piece| self.scan.feed(piece))
    }

    /// Returns whether the server sent anything.
    pub(super) fn has_received(&self) -> bool {
        self.scan.total > 0
    }

    /// Returns whether the server received the password, or a hash of it, and sent no result.
    pub(super) fn password_is_pending(&self) -> bool {
        self.scan.pending_result
    }

    /// Returns whether the server requested the password.
    pub(super) fn password_was_requested(&self) -> bool {
        self.scan.requested
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if let Err(violation) = this.scan.feed(read) {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other(violation)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The state between two reads.
struct Scan {
    insecure: Option<Channel>,
    phase: ProtocolPhase,
    /// The message that is not complete yet.
    pending: Vec<u8>,
    total: usize,
    requested: bool,
    pending_result: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ProtocolPhase {
    /// Before the first complete message.
    First,
    /// Within the login.
    Login,
    /// The login was accepted; the database may still reject it.
    In,
    /// Ready for queries: no check is needed any more.
    Ready,
}

impl Scan {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.total += bytes.len();
        if self.total > MAX_BYTES {
            return Err(Violation::TooMuch);
        }
        if self.phase == ProtocolPhase::Ready {
            return Ok(());
        }
        self.pending.extend_from_slice(bytes);
        loop {
            match next_message(&self.pending) {
                Next::Incomplete => return Ok(()),
                Next::Foreign if self.phase == ProtocolPhase::First => {
                    return Err(Violation::NotPostgres(std::mem::take(&mut self.pending)));
                }
                Next::Foreign => return Err(Violation::TooMuch),
                Next::Message { tag, body, length } => {
                    if self.phase == ProtocolPhase::First {
                        self.phase = ProtocolPhase::Login;
                    }
                    match tag {
                        b'R' if self.phase == ProtocolPhase::Login && self.authentication(&body)? => {
                            self.phase = ProtocolPhase::In
                        }
                        b'E' if !is_readable(&body) => return Err(Violation::Unreadable(body)),
                        b'E' => self.pending_result = false,
                        b'Z' if self.phase == ProtocolPhase::In => {
                            self.phase = ProtocolPhase::Ready;
                            self.pending = Vec::new();
                            return Ok(());
                        }
                        _ => {}
                    }
                    self.pending.drain(..length);
                }
            }
        }
    }

    /// Checks an authentication request. Returns whether the server accepted the login.
    fn authentication(&mut self, body: &[u8]) -> Result<bool, Violation> {
        let (code, data) = body.split_first_chunk().ok_or(Violation::Truncated("Authentication"))?;
        let code = u32::from_be_bytes(*code);
        self.requested |= code != 0;
        let checked = self.check_request(code, data);
        // The client responds to these with the password or a hash of it.
        self.pending_result = matches!(code, 3 | 5 | 11) && checked.is_ok();
        checked
    }

    /// Checks whether the client may respond to a request. Returns whether it is none and the server accepted the login.
    fn check_request(&self, code: u32, data: &[u8]) -> Result<bool, Violation> {
        let refuse = |how| self.insecure.map_or(Ok(false), |channel| Err(Violation::Insecure(how, channel)));
        match code {
            0 => Ok(true),
            5 if data.len() < 4 => Err(Violation::Truncated("AuthenticationMD5Password")),
            10 if data.iter().all(|byte| *byte == 0) => Err(Violation::Truncated("AuthenticationSASL")),
            11 if data.is_empty() => Err(Violation::Truncated("AuthenticationSASLContinue")),
            12 if data.is_empty() => Err(Violation::Truncated("AuthenticationSASLFinal")),
            3 => refuse(Insecure::ClearText),
            5 => refuse(Insecure::Md5),
            10 => {
                let names: Vec<_> = data.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
                if names.iter().any(|name| name == "SCRAM-SHA-256") {
                    Ok(false)
                } else {
                    let names: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()).collect();
                    Err(Violation::Unsupported(names.join(", ")))
                }
            }
            11 => match iterations(data) {
                Some(count) if count > MAX_ITERATIONS => Err(Violation::TooManyIterations(count)),
                Some(count) if count < MIN_ITERATIONS => refuse(Insecure::WeakScram(count)),
                // The client itself rejects a message that it cannot read.
                _ => Ok(false),
            },
            12 => Ok(false),
            2 => Err(Violation::Unsupported("Kerberos".to_owned())),
            7 | 8 => Err(Violation::Unsupported("GSSAPI".to_owned())),
            9 => Err(Violation::Unsupported("SSPI".to_owned())),
            other => Err(Violation::Unknown(other)),
        }
    }
}

enum Next {
    Incomplete,
    Foreign,
    Message { tag: u8, body: Vec<u8>, length: usize },
}

/// A frame is a letter, a length of four bytes that counts itself, and a body.
fn next_message(pending: &[u8]) -> Next {
    let Some((tag, rest)) = pending.split_first() else { return Next::Incomplete };
    if !matches!(tag, b'R' | b'E' | b'N' | b'v' | b'S' | b'K' | b'Z') {
        return Next::Foreign;
    }
    let Some((length, rest)) = rest.split_first_chunk() else { return Next::Incomplete };
    let length = u32::from_be_bytes(*length) as usize;
    match length.checked_sub(4) {
        Some(body) if body <= MAX_MESSAGE_LENGTH => match rest.get(..body) {
            Some(body) => Next::Message { tag: *tag, body: body.to_vec(), length: length + 1 },
            None => Next::Incomplete,
        },
        _ => Next::Foreign,
    }
}

/// Whether an ErrorResponse has the fields that each must have, in UTF-8.
fn is_readable(body: &[u8]) -> bool {
    let has = |letter: u8| body.split(|byte| *byte == 0).any(|field| field.first() == Some(&letter));
    std::str::from_utf8(body).is_ok() && has(b'S') && has(b'C') && has(b'M')
}

/// `r=…,s=…,i=4096`
fn iterations(server_first: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(server_first).ok()?;
    let count = text.split(',').find_map(|part| part.strip_prefix("i="))?;
    // A number that overflows is too many, not unreadable.
    count.bytes().all(|byte| byte.is_ascii_digit()).then(|| count.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Option<Channel> = Some(Channel::Plain);

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
    }

    fn request(code: u32, data: &str) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes(), data.as_bytes()].concat())
    }

    /// Returns the result for a server that sends this, byte by byte and at once.
    fn check(insecure: Option<Channel>, bytes: &[u8]) -> Result<(), Violation> {
        let run = |size: usize| Guard::new((), insecure).check(&bytes.chunks(size).collect::<Vec<_>>());
        let (at_once, by_byte) = (run(bytes.len()), run(1));
        if !matches!(at_once, Err(Violation::NotPostgres(_))) {
            assert_eq!(at_once, by_byte);
        }
        at_once
    }

    #[test]
    fn rejects_unsafe_requests_over_insecure_channels() {
        let weak = "r=a,s=b,i=4095";
        for (bytes, insecure) in [
            (request(3, ""), Insecure::ClearText),
            (request(5, "salt"), Insecure::Md5),
            (request(11, weak), Insecure::WeakScram(4095)),
            ([message(b'N', b"SNOTICE\0\0"), request(3, "")].concat(), Insecure::ClearText),
            ([request(10, "SCRAM-SHA-256\0\0"), request(3, "")].concat(), Insecure::ClearText),
        ] {
            assert_eq!(check(PLAIN, &bytes), Err(Violation::Insecure(insecure, Channel::Plain)));
            assert_eq!(check(None, &bytes), Ok(()));
        }
    }

    #[test]
    fn password_is_pending_until_the_server_sends_a_result() {
        let scram = [request(10, "SCRAM-SHA-256\0\0"), request(11, "r=a,s=b,i=4096")].concat();
        for (bytes, pending) in [
            (request(10, "SCRAM-SHA-256\0\0"), false),
            (scram.clone(), true),
            ([scram.clone(), message(b'N', b"SNOTICE\0\0")].concat(), true),
            ([scram.clone(), request(12, "v=x")].concat(), false),
            ([scram, message(b'E', b"SFATAL\0C28P01\0Mno\0\0")].concat(), false),
            (request(3, ""), true),
            (request(5, "salt"), true),
            ([request(3, ""), request(0, "")].concat(), false),
        ] {
            let mut guard = Guard::new((), None);
            guard.scan.feed(&bytes).unwrap();
            assert_eq!(guard.password_is_pending(), pending, "{}", String::from_utf8_lossy(&bytes));
        }
        // A rejected request leaves nothing pending.
        let mut guard = Guard::new((), PLAIN);
        assert!(guard.scan.feed(&request(3, "")).is_err() && !guard.password_is_pending());
    }

    #[test]
    fn rejects_methods_without_password_over_any_channel() {
        let unsupported = |name: &str| Err(Violation::Unsupported(name.to_owned()));
        for (bytes, expected) in [
            (request(7, ""), unsupported("GSSAPI")),
            (request(13, ""), Err(Violation::Unknown(13))),
            (message(b'R', b""), Err(Violation::Truncated("Authentication"))),
            (message(b'R', b"\0\0\0"), Err(Violation::Truncated("Authentication"))),
            (request(5, "sal"), Err(Violation::Truncated("AuthenticationMD5Password"))),
            (request(10, "\0"), Err(Violation::Truncated("AuthenticationSASL"))),
            (request(11, ""), Err(Violation::Truncated("AuthenticationSASLContinue"))),
            (request(12, ""), Err(Violation::Truncated("AuthenticationSASLFinal"))),
            (request(10, "OAUTHBEARER\0\0"), unsupported("OAUTHBEARER")),
            (request(10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), Ok(())),
            (request(11, "r=a,s=b,i=100000"), Ok(())),
            (request(11, "r=a,s=b,i=100001"), Err(Violation::TooManyIterations(100_001))),
            (request(11, "r=a,s=b,i=99999999999"), Err(Violation::TooManyIterations(u32::MAX))),
            (message(b'E', b"SFATAL\0C28P01\0Mno\0\0"), Ok(())),
            (message(b'E', b"SFATAL\0Mno\0\0"), Err(Violation::Unreadable(b"SFATAL\0Mno\0\0".to_vec()))),
            (
                [request(0, ""), message(b'E', b"SFATAL\0C3D000\0Mf\xfcr\0\0")].concat(),
                Err(Violation::Unreadable(b"SFATAL\0C3D000\0Mf\xfcr\0\0".to_vec())),
            ),
            ([request(0, ""), message(b'Z', b"I"), b"whatever".to_vec()].concat(), Ok(())),
            ([message(b'N', b"x"), b"HTTP".to_vec()].concat(), Err(Violation::TooMuch)),
            (b"E\x7f\0\0\0garbage".to_vec(), Err(Violation::NotPostgres(b"E\x7f\0\0\0garbage".to_vec()))),
            (b"H".to_vec(), Err(Violation::NotPostgres(b"H".to_vec()))),
            (b"R\0\0\0\x01".to_vec(), Err(Violation::NotPostgres(b"R\0\0\0\x01".to_vec()))),
            ([request(0, ""), vec![b'x'; MAX_BYTES]].concat(), Err(Violation::TooMuch)),
        ] {
            assert_eq!(check(None, &bytes), expected);
            assert_eq!(check(PLAIN, &bytes), expected);
        }
    }
}

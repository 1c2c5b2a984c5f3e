//! Client connections that the server closes on purpose: before a response, or in the middle of one. Depends on
//! nothing of HTTP but the end of a head.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

const WHOLE: u8 = 0;
const HALF_BODY: u8 = 1;
const BROKEN: u8 = 2;

/// Breaks one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Cutter(Arc<AtomicU8>);

impl Cutter {
    /// Sends no more bytes.
    pub(super) fn cut(&self) {
        self.0.store(BROKEN, Ordering::SeqCst);
    }

    /// Ends the next response in the middle of its body.
    pub(super) fn cut_in_body(&self) {
        self.0.store(HALF_BODY, Ordering::SeqCst);
    }
}

/// A listener for such connections.
pub(super) struct Lines(pub(super) TcpListener);

impl Listener for Lines {
    type Io = Line;
    type Addr = Cutter;

    async fn accept(&mut self) -> (Line, Cutter) {
        loop {
            if let Ok((stream, _)) = self.0.accept().await {
                // Responses are small, and a client waits for each.
                _ = stream.set_nodelay(true);
                let cutter = Cutter::default();
                return (Line { stream, cutter: cutter.clone() }, cutter);
            }
            tokio::task::yield_now().await;
        }
    }

    fn local_addr(&self) -> io::Result<Cutter> {
        Ok(Cutter::default())
    }
}

impl Connected<IncomingStream<'_, Lines>> for Cutter {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.remote_addr().clone()
    }
}

/// One connection.
pub(super) struct Line {
    stream: TcpStream,
    cutter: Cutter,
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        match line.cutter.0.load(Ordering::SeqCst) {
            BROKEN => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            HALF_BODY => {
                // The head and the body of these small responses arrive here in one piece.
                let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
                let sent = &bytes[..body + (bytes.len() - body) / 2];
                let outcome = Pin::new(&mut line.stream).poll_write(context, sent);
                if outcome.is_ready() {
                    line.cutter.cut();
                }
                outcome
            }
            _ => Pin::new(&mut line.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

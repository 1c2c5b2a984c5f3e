//! From the listening socket to connections that gRPC can use. Knows that some are encrypted; knows nothing of how a peer
//! is recognised.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Connected;

use crate::plugin::listener::{Listener, Stream};

/// How long a peer may take to prove who it is.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait when the system has no socket to give, instead of asking it in a tight loop.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Accepts for ever, and hands over those that proved who they are. Each proof has a task of its own, so that a peer that
/// stalls or lies keeps nobody waiting.
pub(super) async fn accept(listener: &Listener, tls: Option<TlsAcceptor>, connections: mpsc::Sender<HostConnection>) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let (tls, connections) = (tls.clone(), connections.clone());
                tokio::spawn(async move {
                    match introduce(stream, tls).await {
                        // Nobody takes it any more once the process is about to end.
                        Ok(connection) => drop(connections.send(connection).await),
                        Err(error) => {
                            tracing::warn!(%error, "a connection was refused: its peer is not the host")
                        }
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection, trying again");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn introduce(stream: Stream, tls: Option<TlsAcceptor>) -> io::Result<HostConnection> {
    match tls {
        Some(tls) => Ok(HostConnection(Box::new(tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await??))),
        None => Ok(HostConnection(Box::new(stream))),
    }
}

/// One type for both kinds, so that the server above is compiled once.
pub(super) struct HostConnection(Box<dyn Duplex>);

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connected for HostConnection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for HostConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for HostConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

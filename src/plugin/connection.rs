//! Turns accepted sockets into connections that the gRPC server can use. Does not depend on how TLS verifies a peer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Connected;

use crate::plugin::listener::{Listener, Stream};

/// The limit of a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The delay after a failed accept, so that a system without free sockets causes no busy loop.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Accepts connections until it is dropped, and passes on those whose handshake succeeds. Each handshake has a task of its
/// own, so that a stalled peer does not delay others.
pub(super) async fn accept(listener: &Listener, tls: Option<TlsAcceptor>, connections: mpsc::Sender<HostConnection>) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let (tls, connections) = (tls.clone(), connections.clone());
                tokio::spawn(async move {
                    match handshake(stream, tls).await {
                        // Fails only while the process ends.
                        Ok(connection) => drop(connections.send(connection).await),
                        Err(error) => {
                            tracing::warn!(%error, "connection rejected: TLS handshake failed")
                        }
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed, retrying");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn handshake(stream: Stream, tls: Option<TlsAcceptor>) -> io::Result<HostConnection> {
    match tls {
        Some(tls) => Ok(HostConnection(Box::new(tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await??))),
        None => Ok(HostConnection(Box::new(stream))),
    }
}

/// A connection with or without TLS. One type for both, so that the gRPC server is compiled once.
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

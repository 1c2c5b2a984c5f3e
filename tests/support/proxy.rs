//! A TCP proxy on this machine that can fail like a network. Does not depend on the protocol of its clients.
//!
//! ```ignore
//! let proxy = Proxy::start(kms.port());
//! proxy.set(Trouble::BlackHole);
//! ```
#![allow(dead_code, reason = "each program that includes this file uses a part of it")]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fixture")]

use std::net::{Ipv4Addr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{oneshot, watch};

/// A network failure, which also applies to open connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// Resets them.
    Reset,
    /// Forwards each piece after this time.
    Delay(Duration),
    /// Accepts all bytes and forwards none.
    BlackHole,
    /// Ends each after so many bytes towards the client.
    CutAfter(usize),
    /// Forwards this number of bytes per second in each direction.
    Throttle(usize),
}

/// `none`, `reset`, `delay=MS`, `black-hole`, `cut=BYTES` or `throttle=BYTES`.
impl FromStr for Trouble {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is none of: none reset delay=MS black-hole cut=BYTES throttle=BYTES");
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let number = || value.and_then(|value| value.parse::<usize>().ok()).ok_or_else(wrong);
        Ok(match name {
            "none" => Self::None,
            "reset" => Self::Reset,
            "delay" => Self::Delay(Duration::from_millis(number()? as u64)),
            "black-hole" => Self::BlackHole,
            "cut" => Self::CutAfter(number()?),
            "throttle" => Self::Throttle(number()?.max(1)),
            _ => return Err(wrong()),
        })
    }
}

/// A running proxy; it ends, with all its connections, when this value is dropped.
pub(crate) struct Proxy {
    port: u16,
    trouble: watch::Sender<Trouble>,
    accepted: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one in front of a port of this machine.
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (trouble, seen) = watch::channel(Trouble::None);
        let (stop, stopped) = oneshot::channel();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let serve = async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((client, _)) = listener.accept().await {
                    counter.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(connect(client, target, seen.clone()));
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve => {}
                }
            });
        });
        Self { port, trouble, accepted, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the port on `127.0.0.1`.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sets the failure from now on.
    pub(crate) fn set(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }

    /// Returns the number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of its thread has been printed; one more here would hide the test's own.
            _ = thread.join();
        }
    }
}

/// Connects a client to the target, subject to the failure.
async fn connect(mut client: TcpStream, target: u16, trouble: watch::Receiver<Trouble>) {
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let mut reset = trouble.clone();
    let is_reset = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            _ = reset.wait_for(|trouble| *trouble == Trouble::Reset) => true,
            _ = async {
                tokio::join!(
                    carry(from_client, to_server, trouble.clone(), false),
                    carry(from_server, to_client, trouble.clone(), true),
                )
            } => false,
        }
    };
    if is_reset {
        for stream in [&client, &server] {
            _ = stream.set_zero_linger();
        }
    }
}

/// Forwards bytes in one direction until there are no more.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, trouble: watch::Receiver<Trouble>, to_client: bool) {
    let mut buffer = vec![0; 16 * 1024];
    let mut carried = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let now = *trouble.borrow();
        let mut bytes = &buffer[..count];
        match now {
            Trouble::None | Trouble::Reset => {}
            Trouble::Delay(duration) => tokio::time::sleep(duration).await,
            Trouble::BlackHole => continue,
            Trouble::CutAfter(most) if to_client => bytes = &bytes[..count.min(most.saturating_sub(carried))],
            Trouble::CutAfter(_) => {}
            Trouble::Throttle(rate) => {
                let time = Duration::from_secs_f64(count as f64 / rate as f64);
                tokio::time::sleep(time).await;
            }
        }
        carried += bytes.len();
        let is_cut = bytes.len() < count || matches!(now, Trouble::CutAfter(most) if to_client && carried >= most);
        if to.write_all(bytes).await.is_err() {
            return;
        }
        if is_cut {
            break;
        }
    }
    _ = to.shutdown().await;
}

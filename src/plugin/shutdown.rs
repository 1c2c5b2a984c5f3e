//! What ends the process besides the host's own call, and what must not: signals, and the loss of the parent. Knows
//! nothing of sockets and gRPC.
//!
//! A terminal sends its signals (Ctrl-C, hang-up) to host and plugin alike. The host decides what becomes of a running
//! apply; a plugin that went by itself would lose its result. So they are ignored in plugin mode. They are caught,
//! not blocked: where the host dies of one, we see that it is gone.
//!
//! SIGTERM often goes to a whole process group (a CI system that cancels a job, systemd). The host then waits for the calls
//! that run, and stores what they answer. So here it is a Stop: no call waits for anything any more but the answer to a
//! write that was sent, and the process ends when all calls are answered.

pub(super) use self::system::{forbid_core_dumps, watch};

#[cfg(unix)]
mod system {
    use std::io;
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, getppid, setrlimit};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::time::MissedTickBehavior;

    use tokio_util::sync::CancellationToken;

    use crate::plugin::LaunchMode;

    /// How often to look whether the host is still there.
    const PARENT_POLL_INTERVAL: Duration = Duration::from_secs(1);

    /// Memory holds passwords: it must not end up in a file when the process dies.
    pub(in crate::plugin) fn forbid_core_dumps() {
        let _nothing_to_do_about_it = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }

    /// Takes over the signals at once; the future ends when the process shall. SIGTERM cancels `stop`, and after that the
    /// process lives until `answered` ends.
    pub(in crate::plugin) fn watch(
        mode: LaunchMode,
        stop: CancellationToken,
        answered: impl Future<Output = ()>,
    ) -> io::Result<impl Future<Output = ()>> {
        let parent = getppid();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        if mode == LaunchMode::Plugin {
            // The default action stays away for good, also when nobody listens.
            drop(signal(SignalKind::quit())?);
        }
        Ok(async move {
            match mode {
                LaunchMode::Plugin => {
                    let terminated = async {
                        terminate.recv().await;
                        tracing::info!("stopping what runs: asked to terminate");
                        stop.cancel();
                        answered.await;
                    };
                    tokio::select! {
                        () = terminated => tracing::debug!("ends: asked to terminate"),
                        () = loss_of(parent) => tracing::debug!("ends: the host is gone"),
                    }
                }
                LaunchMode::Debug => tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                },
            }
        })
    }

    /// A killed host cannot say goodbye. Asking is simple and right everywhere; the signal that Linux offers for this
    /// fires when the *thread* ends that started us, and a host's threads come and go.
    async fn loss_of(parent: Option<rustix::process::Pid>) {
        let mut glances = tokio::time::interval(PARENT_POLL_INTERVAL);
        glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while getppid() == parent {
            glances.tick().await;
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use tokio::signal::windows::ctrl_c;

    use tokio_util::sync::CancellationToken;

    use crate::plugin::LaunchMode;

    /// There are none to forbid.
    pub(in crate::plugin) fn forbid_core_dumps() {}

    /// Takes over Ctrl-C at once; the future ends when the process shall. The loss of the parent is not noticed here.
    pub(in crate::plugin) fn watch(
        mode: LaunchMode,
        _stop: CancellationToken,
        _answered: impl Future<Output = ()>,
    ) -> io::Result<impl Future<Output = ()>> {
        let mut interrupt = ctrl_c()?;
        Ok(async move {
            while interrupt.recv().await.is_some() {
                if mode == LaunchMode::Debug {
                    break;
                }
            }
        })
    }
}

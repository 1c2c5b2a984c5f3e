//! Shutdown by signals and by the exit of the parent process. Does not depend on sockets or gRPC.
//!
//! A terminal sends its signals (Ctrl-C, hang-up) to host and plugin. The host handles them; a plugin that exited on its own
//! would lose the result of a running apply. So plugin mode ignores them, and ends when
//! the parent process has exited.
//!
//! SIGTERM often goes to a whole process group (a CI system that cancels a job, systemd). The host then waits for the running
//! calls and stores their results. So SIGTERM acts as Stop: a call waits for nothing but the response to a write that was
//! sent, and the process ends when all calls have finished.

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

    /// The interval of the checks that the parent process still exists.
    const PARENT_POLL_INTERVAL: Duration = Duration::from_secs(1);

    /// Disables core dumps: memory holds passwords, which must not be written to a file.
    pub(in crate::plugin) fn forbid_core_dumps() {
        let _best_effort = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }

    /// Installs the signal handlers, and returns a future that ends when the process must exit. SIGTERM cancels `stop`; the
    /// process then stays until `all_finished` ends.
    pub(in crate::plugin) fn watch(
        mode: LaunchMode,
        stop: CancellationToken,
        all_finished: impl Future<Output = ()>,
    ) -> io::Result<impl Future<Output = ()>> {
        let parent = getppid();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        if mode == LaunchMode::Plugin {
            // Replaces the default action for the rest of the process, also after the drop.
            drop(signal(SignalKind::quit())?);
        }
        Ok(async move {
            match mode {
                LaunchMode::Plugin => {
                    let terminated = async {
                        terminate.recv().await;
                        tracing::info!("SIGTERM received, cancelling running calls");
                        stop.cancel();
                        all_finished.await;
                    };
                    tokio::select! {
                        () = terminated => tracing::debug!("exit after SIGTERM"),
                        () = exit_of(parent) => tracing::debug!("exit: the parent process has exited"),
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

    /// Ends when the parent process has exited: a killed host makes no call to shut down. Polls, because the signal that Linux
    /// has for this follows the exit of the *thread* that started the process, and threads of a host end at any time.
    async fn exit_of(parent: Option<rustix::process::Pid>) {
        let mut polls = tokio::time::interval(PARENT_POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while getppid() == parent {
            polls.tick().await;
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use tokio::signal::windows::ctrl_c;

    use tokio_util::sync::CancellationToken;

    use crate::plugin::LaunchMode;

    /// Does nothing: there are no core dumps on this system.
    pub(in crate::plugin) fn forbid_core_dumps() {}

    /// Installs the handler of Ctrl-C, and returns a future that ends when the process must exit. Does not detect the exit of the
    /// parent process.
    pub(in crate::plugin) fn watch(
        mode: LaunchMode,
        _stop: CancellationToken,
        _all_finished: impl Future<Output = ()>,
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

//! What makes sure that no server outlives this process, however this process ends.
//!
//! The server is the child of a small shell script in a session of its own. The script reads a pipe whose other end
//! only this process holds; the end of the pipe, which the kernel brings even after `kill -9`, makes it stop the
//! server and remove the folder.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::user::{ServerUser, runs};

/// `$1` is the server's folder, `$2` that of the binaries; the rest is the prefix that changes the user.
///
/// The line `go` arrives when everything that the server reads is written. Signals of the terminal are not meant for this
/// script. `kill -INT 0` reaches its process group: `initdb`, or the server, for which it means a fast stop.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
directory=$1 bin=$2
shift 2
cd "$directory" || exit

serve() {
    if "$@" "$bin/initdb" -D "$directory/data" -U postgres -A scram-sha-256 --pwfile="$directory/password" \
        -E UTF8 --locale=C -N >initdb.log 2>&1
    then
        echo "include '$directory/fixture.conf'" >>data/postgresql.conf
        [ ! -e standby.signal ] || "$@" cp standby.signal data/
        "$@" "$bin/postgres" -D "$directory/data" >>log 2>&1
    else
        cat initdb.log >>log
    fi
    : >ended
}

ten_seconds_to_end() {
    tries=0
    while [ ! -e ended ] && [ $tries -lt 500 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
}

if read -r line && [ "$line" = go ]; then
    serve "$@" </dev/null &
    cat >/dev/null
    kill -INT 0
    ten_seconds_to_end
    if [ ! -e ended ]; then
        kill -QUIT 0
        ten_seconds_to_end
    fi
fi
cd /
rm -rf "$directory"
"#;

/// The script. Its standard input is the pipe.
pub(crate) struct Supervisor {
    script: Child,
}

impl Supervisor {
    /// Starts the script. From now on the folder is its.
    pub(crate) fn start(directory: &Path, bin_dir: &Path, user: &ServerUser) -> Result<Self, String> {
        let mut command = own_session();
        command
            .args(["sh", "-c", SCRIPT, "sh"])
            .args([directory, bin_dir])
            .args(user.prefix()?)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let script = command.spawn().map_err(|error| format!("`sh` could not be started: {error}"))?;
        Ok(Self { script })
    }

    /// Lets it make and start the server.
    pub(crate) fn go(&mut self) -> Result<(), String> {
        match &mut self.script.stdin {
            Some(pipe) => pipe.write_all(b"go\n").map_err(|error| format!("the script that runs PostgreSQL: {error}")),
            None => Ok(()),
        }
    }
}

/// Returns a command that keeps the terminal's signals away: a session, or without `setsid` (macOS) a process group.
fn own_session() -> Command {
    if runs("setsid") {
        return Command::new("setsid");
    }
    let mut command = Command::new("env");
    command.process_group(0);
    command
}

impl Drop for Supervisor {
    /// Ends the pipe and waits until server and folder are gone.
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _status = self.script.wait();
    }
}

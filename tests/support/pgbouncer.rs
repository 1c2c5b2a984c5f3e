//! A real PgBouncer in front of a server: on a free port, unprivileged, never left behind. Does not depend on the
//! code under test.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::postgres::{Issued, ServerUser, free_port, runs};

/// `$1` is the folder; the rest is the command. The end of the pipe that it reads, which the kernel brings however this
/// process ends, stops the pooler and removes the folder.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
directory=$1
shift
cd "$directory" || exit
"$@" </dev/null >>log 2>&1 &
pooler=$!
cat >/dev/null
kill -KILL $pooler
wait $pooler
cd /
rm -rf "$directory"
"#;

/// A running pooler.
pub(crate) struct PgBouncer {
    pub(crate) port: u16,
    directory: PathBuf,
    script: Child,
}

/// The options of a pooler.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// Lines of `[databases]`.
    pub(crate) databases: &'a [String],
    /// Roles and their passwords, in plain text.
    pub(crate) users: &'a [(&'a str, &'a str)],
    /// More lines of `[pgbouncer]`; the last of a name wins. `{directory}` is the pooler's own.
    pub(crate) settings: &'a [&'a str],
    /// Rules for `auth_hba_file = {directory}/hba`.
    pub(crate) rules: &'a str,
    /// For `client_tls_cert_file = {directory}/server.crt` and `client_tls_key_file = {directory}/server.key`.
    pub(crate) certificate: Option<&'a Issued>,
}

impl PgBouncer {
    /// Starts one.
    ///
    /// # Panics
    /// When PgBouncer is not installed or does not start, with the reason.
    pub(crate) fn start(options: &Options<'_>) -> Self {
        let program = ["/usr/sbin/pgbouncer", "pgbouncer"].into_iter().find(|program| runs(program));
        let program = program.expect("PgBouncer is missing: install the package `pgbouncer`.");
        let user = ServerUser::of_this_process().unwrap();
        let directory = tempfile::Builder::new().prefix("pgbouncer-").tempdir().unwrap().keep();
        let port = free_port().unwrap();
        let write = |name: &str, text: &str| user.write(&directory.join(name), text).unwrap();
        let users: String =
            options.users.iter().map(|(role, password)| format!("\"{role}\" \"{password}\"\n")).collect();
        write("users", &users);
        write("hba", options.rules);
        if let Some(issued) = options.certificate {
            write("server.crt", &issued.certificate_pem);
            write("server.key", &issued.key_pem);
        }
        let place = directory.display().to_string();
        let mut lines = vec!["[databases]".to_owned()];
        lines.extend(options.databases.iter().cloned());
        lines.push("[pgbouncer]".to_owned());
        lines.push(format!(
            "listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_file = {place}/users"
        ));
        lines.push("auth_type = scram-sha-256\npool_mode = transaction\nserver_login_retry = 1".to_owned());
        lines.extend(options.settings.iter().map(|line| line.replace("{directory}", &place)));
        write("pgbouncer.ini", &(lines.join("\n") + "\n"));
        write("log", "");
        user.own(&directory).unwrap();

        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(&directory).args(user.prefix().unwrap());
        command.arg(program).arg(directory.join("pgbouncer.ini"));
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let pooler = Self { port, script: command.spawn().unwrap(), directory };
        pooler.wait_until_ready();
        pooler
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.log().contains("process up") {
            assert!(Instant::now() < deadline && !self.log().contains("FATAL"), "no PgBouncer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns everything that it has written to its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Returns its folder, which vanishes with it.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for PgBouncer {
    /// Ends the pipe and waits until pooler and folder are gone.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.script.stdin.take() {
            let _gone = pipe.flush();
        }
        let _status = self.script.wait();
    }
}

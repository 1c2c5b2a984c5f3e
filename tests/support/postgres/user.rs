//! The user that a server runs as: this one, or an unprivileged one when this one is root, which PostgreSQL refuses.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Whom files belong to and how to start a program.
pub(crate) struct ServerUser {
    /// Another user than this process's: its name, number and group.
    other: Option<(String, u32, u32)>,
}

impl ServerUser {
    /// Decides.
    pub(crate) fn of_this_process() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
        let other = ["postgres", "nobody"].iter().find_map(|wanted| {
            let fields: Vec<&str> =
                users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == *wanted)?;
            Some(((*wanted).to_owned(), fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
        });
        match other {
            Some(other) => Ok(Self { other: Some(other) }),
            None => {
                Err("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as; \
                         run this as an ordinary user."
                    .to_owned())
            }
        }
    }

    /// Returns the prefix of a command line that runs it as that user.
    pub(crate) fn prefix(&self) -> Result<Vec<String>, String> {
        let Some((name, user, group)) = &self.other else {
            return Ok(Vec::new());
        };
        let prefix = if runs("setpriv") {
            format!("setpriv --reuid={user} --regid={group} --clear-groups --")
        } else if runs("runuser") {
            format!("runuser -u {name} --")
        } else {
            return Err(
                "PostgreSQL refuses to run as root, and neither `setpriv` nor `runuser` is installed; install \
                        util-linux or run this as an ordinary user."
                    .to_owned(),
            );
        };
        Ok(prefix.split(' ').map(str::to_owned).collect())
    }

    /// Gives a file or folder to that user.
    pub(crate) fn own(&self, path: &Path) -> Result<(), String> {
        let Some((_, user, group)) = &self.other else {
            return Ok(());
        };
        chown(path, Some(*user), Some(*group)).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes a file that only that user may read.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), String> {
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        self.own(path)
    }
}

/// Returns whether a program is installed.
pub(crate) fn runs(program: impl AsRef<OsStr>) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

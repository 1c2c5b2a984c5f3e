//! The files of a release, in the shape that the registries and `filesystem_mirror` read.

#![allow(dead_code, reason = "each program that includes this file uses a part of it")]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

const NAME: &str = "terraform-provider-kms";

/// The plugin protocol, which `terraform init` reads before it unpacks an archive.
const MANIFEST: &str = "{\n  \"version\": 1,\n  \"metadata\": {\n    \"protocol_versions\": [\"5.0\"]\n  }\n}\n";

/// An operating system and a processor, in the notation of the registries.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Platform {
    os: &'static str,
    architecture: &'static str,
}

impl Platform {
    /// Returns the platform of a Rust target, if releases are made for it.
    pub(crate) fn of_target(target: &str) -> Option<Self> {
        let mut parts = target.split('-');
        let architecture = architecture(parts.next()?)?;
        let os = ["linux", "darwin", "windows"].into_iter().find(|os| parts.clone().any(|part| part == *os))?;
        Some(Self { os, architecture })
    }

    /// Returns the platform of this program.
    pub(crate) fn of_this_machine() -> Option<Self> {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            "linux" => "linux",
            "windows" => "windows",
            _ => return None,
        };
        Some(Self { os, architecture: architecture(std::env::consts::ARCH)? })
    }
}

fn architecture(rust: &str) -> Option<&'static str> {
    match rust {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}_{}", self.os, self.architecture)
    }
}

/// Packs a binary into `folder` and returns the archive's path. Equal input gives equal bytes: entries have a fixed
/// order, a fixed time and fixed permissions.
pub(crate) fn pack(binary: &Path, version: &str, platform: &Platform, folder: &Path) -> io::Result<PathBuf> {
    let extension = if platform.os == "windows" { ".exe" } else { "" };
    let documents = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = [
        ("CHANGELOG.md".to_owned(), documents.join("CHANGELOG.md"), 0o644),
        ("LICENSE".to_owned(), documents.join("LICENSE"), 0o644),
        (format!("{NAME}_v{version}{extension}"), binary.to_owned(), 0o755),
    ];
    fs::create_dir_all(folder)?;
    let archive = folder.join(format!("{NAME}_{version}_{platform}.zip"));
    let mut zip = ZipWriter::new(File::create(&archive)?);
    for (name, source, permissions) in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(permissions);
        zip.start_file(name, options)?;
        zip.write_all(&fs::read(source)?)?;
    }
    zip.finish()?.sync_all()?;
    Ok(archive)
}

/// Writes the manifest, and the checksums of the manifest and of every archive of `version` in `folder`.
pub(crate) fn describe(version: &str, folder: &Path) -> io::Result<()> {
    let prefix = format!("{NAME}_{version}_");
    let manifest = format!("{prefix}manifest.json");
    fs::write(folder.join(&manifest), MANIFEST)?;
    let mut names = vec![manifest];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with(".zip") {
            names.push(name);
        }
    }
    names.sort();
    let mut sums = String::new();
    for name in names {
        let digest = Sha256::digest(fs::read(folder.join(&name))?);
        let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{hexadecimal}  {name}\n");
    }
    fs::write(folder.join(format!("{prefix}SHA256SUMS")), sums)
}

//! Rules of the source tree that no compiler checks: imports, homes of crates, derives of `Debug`, the map.

use std::fs;
use std::path::{Path, PathBuf};

/// What the files below a path may not name, and why. The map in `src/lib.rs` describes the same in prose.
const WALLS: [(&str, &[&str], &str); 10] = [
    ("src/secret.rs", &["crate::"], "a secret knows nothing of what it is for"),
    ("src/env.rs", &["crate::"], "names of variables depend on nothing"),
    ("src/os.rs", &["crate::"], "reading a file depends on nothing"),
    ("src/panic_hook.rs", &["crate::"], "a crash must not need anything that may be broken"),
    (
        "src/crypto.rs",
        &["crate::plugin", "crate::terraform", "crate::kms", "crate::postgres", "crate::provider"],
        "cryptography does not depend on its callers",
    ),
    (
        "src/plugin",
        &["crate::terraform", "crate::kms", "crate::postgres", "crate::provider", "reqwest", "tokio_postgres"],
        "the process knows nothing of what it serves",
    ),
    (
        "src/terraform",
        &[
            "crate::plugin",
            "crate::kms",
            "crate::postgres",
            "crate::provider",
            "crate::crypto",
            "crate::env",
            "reqwest",
            "tokio_postgres",
        ],
        "protocol 5 serves any provider",
    ),
    (
        "src/kms",
        &[
            "crate::terraform",
            "crate::postgres",
            "crate::provider",
            "crate::plugin",
            "tonic",
            "prost",
            "tokio_postgres",
        ],
        "the client of the KMS knows neither Terraform nor databases",
    ),
    (
        "src/postgres",
        &["crate::terraform", "crate::kms", "crate::provider", "crate::plugin", "tonic", "prost", "reqwest"],
        "the login knows neither Terraform nor the KMS",
    ),
    (
        "src/provider",
        &["crate::plugin", "tonic", "prost", "rmp", "reqwest", "tokio_postgres", "rustls"],
        "the provider joins the two sides and speaks no wire format",
    ),
];

/// The modules of `src/provider`, from the lowest floor to the highest: none names a higher one, apart from its tests.
const PROVIDER_FLOORS: [&str; 12] = [
    "attribute",
    "arguments",
    "fingerprint",
    "timeouts",
    "login_check",
    "connections",
    "config",
    "messages",
    "session",
    "deadline",
    "resources",
    "data_sources",
];

/// Crates and functions that only the files below these paths may name.
const HOMES: [(&str, &[&str]); 7] = [
    ("aws_lc_rs", &["src/crypto.rs"]),
    ("tonic::", &["src/plugin", "src/terraform/server", "src/terraform/proto.rs"]),
    ("rmpv", &["src/terraform/wire"]),
    ("reqwest", &["src/kms"]),
    ("tokio_postgres", &["src/postgres"]),
    ("stdout()", &["src/plugin/handshake.rs", "src/main.rs"]),
    ("stderr()", &["src/plugin/log", "src/panic_hook.rs", "src/main.rs"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(below: &str) -> Vec<PathBuf> {
    let start = root().join(below);
    if start.is_file() {
        return vec![start];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&start).unwrap_or_else(|error| panic!("{below}: {error}")).flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&relative));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a readable source file");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The code of a file in which each path begins at the crate, so that `super::x` and `use crate::{x, y}` name what they import.
/// Paths into the file's own module begin with `self`.
fn resolved(path: &Path) -> String {
    let mut module = module(path);
    let own = format!("crate::{}::", module.join("::"));
    let mut code = String::new();
    for line in self::code(path).lines() {
        let inline = line.strip_suffix('{').and_then(|line| line.trim_end().split_once("mod ")).map(|(_, name)| name);
        // An inline module is one level deeper.
        if let Some(name) = inline.filter(|_| !line.starts_with(' ')) {
            module.push(name.to_owned());
        } else if line == "}" && own != format!("crate::{}::", module.join("::")) {
            module.pop();
        }
        code.push_str(&from_crate(line, &module).replace(&own, "self::"));
        code.push('\n');
    }
    let imports = code.split(';').filter_map(|part| part.split_once("use ")).flat_map(|(_, import)| ungrouped(import));
    imports.collect::<Vec<_>>().join("\n") + &code
}

/// The module of a source file: `["provider", "config"]` for `src/provider/config/mod.rs`.
fn module(path: &Path) -> Vec<String> {
    let place = path.strip_prefix(root().join("src")).expect("below src").with_extension("");
    let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.into_iter().filter(|part| part != "mod").collect()
}

/// Replaces `super::super::` by the path from the crate.
fn from_crate(code: &str, module: &[String]) -> String {
    let mut parts = code.split("super::").peekable();
    let mut resolved = parts.next().unwrap_or_default().to_owned();
    let mut levels = 0;
    for part in parts {
        levels += 1;
        if !part.is_empty() {
            let above = module.len().saturating_sub(levels);
            let parents = module[..above].iter().flat_map(|name| [name.as_str(), "::"]);
            resolved.extend(["crate::"].into_iter().chain(parents).chain([part]));
            levels = 0;
        }
    }
    resolved
}

/// The paths of an import: `a::b` and `a::c` for `a::{b, c}`.
fn ungrouped(import: &str) -> Vec<String> {
    let Some((before, group)) = import.split_once('{') else { return vec![import.trim().to_owned()] };
    let group = group.rsplit_once('}').map_or(group, |(inner, _)| inner);
    let mut depth = 0;
    let members = group.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    members.flat_map(ungrouped).map(|member| format!("{}{member}", before.trim())).collect()
}

#[test]
fn resolves_relative_and_grouped_paths() {
    let module = ["provider", "config", "auth"].map(ToOwned::to_owned);
    let code = "use super::super::{session, messages::{kms, self}}; super::x();";
    let resolved = from_crate(code, &module);
    assert_eq!(resolved, "use crate::provider::{session, messages::{kms, self}}; crate::provider::config::x();");
    assert_eq!(
        ungrouped("crate::provider::{session, messages::{kms, self}}"),
        ["crate::provider::session", "crate::provider::messages::kms", "crate::provider::messages::self"]
    );
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

#[test]
fn folders_import_only_what_they_may() {
    let mut breaches = Vec::new();
    for (below, forbidden, reason) in WALLS {
        for path in files(below) {
            let code = resolved(&path);
            let named = forbidden.iter().filter(|name| names(&code, name));
            breaches.extend(named.map(|name| format!("{} names `{name}`: {reason}", relative(&path))));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn modules_of_the_provider_name_only_lower_floors() {
    let mut breaches = Vec::new();
    for (floor, name) in PROVIDER_FLOORS.iter().enumerate() {
        let place = ["src/provider", name].join("/");
        let place = if root().join(&place).is_dir() { place } else { format!("{place}.rs") };
        let is_test = |path: &PathBuf| path.ends_with("tests.rs") || path.ends_with("properties.rs");
        for path in files(&place).into_iter().filter(|path| !is_test(path)) {
            let code = resolved(&path);
            let higher = PROVIDER_FLOORS[floor + 1..].iter().map(|higher| format!("crate::provider::{higher}"));
            let named = higher.filter(|higher| names(&code, higher));
            breaches.extend(named.map(|higher| format!("{} names `{higher}`", relative(&path))));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn crates_are_used_only_in_their_folders() {
    let mut strays = Vec::new();
    for path in files("src") {
        let (code, place) = (code(&path), relative(&path));
        for (name, homes) in HOMES {
            if names(&code, name) && !homes.iter().any(|home| place.starts_with(home)) {
                strays.push(format!("{place} names `{name}`, which belongs to {}", homes.join(", ")));
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

/// Whether a name stands in the code as a word of its own.
fn names(code: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let starts_word = name.starts_with(part);
    code.match_indices(name).any(|(at, _)| !starts_word || !code[..at].ends_with(part))
}

/// Except each `tests.rs`, whose place shows its purpose.
#[test]
fn every_file_starts_with_its_purpose() {
    let silent: Vec<String> = ["src", "tests", "examples", "proto"]
        .iter()
        .flat_map(|folder| files(folder))
        .filter(|path| {
            !path.ends_with("tests.rs")
                && !fs::read_to_string(path).expect("a readable source file").starts_with("//! ")
        })
        .map(|path| relative(&path))
        .collect();
    assert!(silent.is_empty(), "no `//!` line at the top: {}", silent.join(", "));
}

/// Types of fields that print what they hold, and parts of names of fields that hold credentials.
const TYPES_WITH_SECRETS: [&str; 4] = ["Value", "Object", "Dynamic", "Map<String"];
const NAMES_OF_SECRETS: [&str; 4] = ["password", "secret", "token", "jwt"];

/// Decoded objects and generated messages carry passwords: their `Debug` is written by hand. So is that of each type with a
/// field for a credential, unless the field is a `Secret`.
#[test]
fn types_that_may_hold_secrets_do_not_derive_debug() {
    let mut problems = Vec::new();
    for path in files("src").into_iter().filter(|path| !path.ends_with("tests.rs")) {
        let code = code(&path);
        for (at, _) in code.match_indices("#[derive(") {
            let rest = &code[at..];
            let (derives, item) = rest.split_once(")]").unwrap_or((rest, ""));
            if derives.contains("Debug") {
                let fields = item.split_inclusive('\n').take_while(|line| *line != "}\n" && !line.starts_with("impl"));
                let secrets = fields.filter(|line| may_print_a_secret(line));
                problems
                    .extend(secrets.map(|line| format!("{} derives Debug with `{}`", relative(&path), line.trim())));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let build = fs::read_to_string(root().join("proto/build.rs")).expect("a readable build script");
    assert!(build.contains(".skip_debug([\".\"])"), "generated messages must not print their content");
}

/// Whether a line declares a field or variant that may hold a credential and prints it.
fn may_print_a_secret(line: &str) -> bool {
    let Some((name, ty)) = line.trim().trim_end_matches(',').split_once(['(', ':']) else { return false };
    // A default of the schema is in every registry page.
    if name.ends_with("default") {
        return false;
    }
    let holds_text = ["String", "Vec<u8>", "Bytes"].iter().any(|text| ty.contains(text));
    let is_credential = NAMES_OF_SECRETS.iter().any(|part| name.to_lowercase().contains(part)) && holds_text;
    !ty.contains("Secret") && (is_credential || TYPES_WITH_SECRETS.iter().any(|name| names(ty, name)))
}

#[test]
fn sees_fields_that_may_hold_secrets() {
    for line in [
        "    password: String,",
        "    jwt: Vec<u8>,",
        "    pub(crate) prior: Option<Object>,",
        "    access_token: Option<String>,",
    ] {
        assert!(may_print_a_secret(line), "{line}");
    }
    for line in ["    password: Secret,", "    password_argument: bool,", "    host: String,", "#[derive(Debug)]"] {
        assert!(!may_print_a_secret(line), "{line}");
    }
}

#[test]
fn top_level_holds_only_expected_files() {
    let expected = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "docs",
        "examples",
        "proto",
        "src",
        "target",
        "tests",
    ];
    let strangers: Vec<String> = fs::read_dir(root())
        .expect("a readable folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !expected.contains(&name.as_str()))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?} at the top level");
}

#[test]
fn map_of_the_crate_names_existing_files() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("a readable source file");
    let section = map.split("# Where to look").nth(1).and_then(|rest| rest.split("//! # ").next()).unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("//! | ")).skip(1).collect();
    assert_eq!(rows.len(), 6, "{section}");
    for row in rows {
        let paths: Vec<&str> = row.split('`').filter(|part| part.starts_with("src/")).collect();
        assert!(!paths.is_empty(), "no file in {row}");
        for path in paths {
            assert!(root().join(path).is_file(), "there is no file {path}: {row}");
        }
    }
}

/// Registries show both, and release archives carry them.
#[test]
fn license_and_changelog_describe_this_version() {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(read("LICENSE").starts_with("Mozilla Public License Version 2.0\n"));
    assert_eq!(env!("CARGO_PKG_LICENSE"), "MPL-2.0");
    let entry = concat!("\n## [", env!("CARGO_PKG_VERSION"), "] - ");
    assert!(read("CHANGELOG.md").contains(entry), "CHANGELOG.md has no entry `{}`", entry.trim());
}

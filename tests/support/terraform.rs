//! The real Terraform (or OpenTofu) in a directory of its own, with our provider through `dev_overrides`: the launch
//! path of every user, handshake and TLS included. Knows nothing of the KMS.

#![allow(dead_code, reason = "each program that includes this file uses a part of it")]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fixture")]

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Variables of the caller that would change what is tested.
const NOT_INHERITED: [&str; 4] = ["KMS_", "INFISICAL_", "TF_", "PG"];

/// Far longer than anything takes; a hang becomes a failure that shows its output.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the core is told which provider to use.
pub(crate) const SETTINGS: &str = "settings.tfrc";

/// What one command printed, and how it ended.
#[derive(Clone)]
pub(crate) struct Output {
    /// Exit code; `None` when it was killed.
    pub(crate) code: Option<i32>,
    /// Standard output, then standard error.
    pub(crate) text: String,
}

/// A directory with a configuration.
pub(crate) struct Workspace {
    directory: TempDir,
    program: PathBuf,
    environment: Vec<(String, String)>,
}

/// Where Terraform or OpenTofu is.
///
/// # Errors
/// One sentence that says what to install.
pub(crate) fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("TF_ACC_TERRAFORM_PATH") {
        return Ok(PathBuf::from(path));
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = ["terraform", "tofu"].iter().find_map(|name| {
        let mut candidates = std::env::split_paths(&paths).map(|directory| directory.join(name));
        candidates.find(|candidate| candidate.is_file())
    });
    found.ok_or_else(|| {
        "Terraform is missing: install Terraform (1.11 or later) or OpenTofu (1.11 or later) so that `terraform` or `tofu` is \
         on the PATH, or name the program in TF_ACC_TERRAFORM_PATH."
            .to_owned()
    })
}

impl Workspace {
    /// An empty directory whose configurations use the provider binary `provider`, without `terraform init`.
    pub(crate) fn new(provider: &Path) -> Self {
        let workspace = Self::empty();
        let plugins = workspace.path().join("plugins");
        link(provider, &plugins);
        workspace.write(
            SETTINGS,
            &format!(
                "provider_installation {{\n  dev_overrides {{\n    \"hanzoai/kms\" = {plugins:?}\n  }}\n  direct {{}}\n}}\n"
            ),
        );
        workspace
    }

    /// An empty directory in which `terraform init` installs the provider binary `provider`, as it would from a registry.
    pub(crate) fn installed(provider: &Path) -> Self {
        let workspace = Self::empty();
        let mirror = workspace.path().join("mirror");
        let platform = format!("{}_{}", std::env::consts::OS.replace("macos", "darwin"), architecture());
        for registry in ["registry.terraform.io", "registry.opentofu.org"] {
            link(provider, &mirror.join(registry).join("hanzoai/kms/0.1.0").join(&platform));
        }
        workspace.write(SETTINGS, &filesystem_mirror(&mirror));
        workspace
    }

    fn empty() -> Self {
        let directory = tempfile::Builder::new().prefix("kms-workspace-").tempdir().expect("a temporary directory");
        let program = find().unwrap_or_else(|missing| panic!("{missing}"));
        Self { directory, program, environment: Vec::new() }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file of the configuration.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).expect("a writable directory");
    }

    /// Sets a variable for all commands to come.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A command, to be run as the caller likes.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if NOT_INHERITED.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.env("CHECKPOINT_DISABLE", "1");
        // What a killed process leaves goes with the workspace.
        command.env("TMPDIR", self.path());
        command.env("TF_CLI_CONFIG_FILE", self.path().join(SETTINGS));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        finish(self.start(arguments))
    }

    /// Starts a command whose output is collected by [`finish`].
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("terraform starts")
    }

    /// `plan`, with the exit code that tells changes (2) from none (0).
    pub(crate) fn plan(&self) -> Output {
        self.run(&["plan", "-no-color", "-input=false", "-detailed-exitcode"])
    }

    /// `apply` without questions.
    pub(crate) fn apply(&self) -> Output {
        self.run(&["apply", "-no-color", "-input=false", "-auto-approve"])
    }

    /// `destroy` without questions.
    pub(crate) fn destroy(&self) -> Output {
        self.run(&["destroy", "-no-color", "-input=false", "-auto-approve"])
    }

    /// The attributes of an object in the state, or `Null`.
    pub(crate) fn object(&self, address: &str) -> Json {
        let found = self.resources().into_iter().find(|resource| resource["address"] == address);
        found.map_or(Json::Null, |resource| resource["values"].clone())
    }

    /// The attributes of all objects in the state.
    pub(crate) fn objects(&self) -> Vec<Json> {
        self.resources().into_iter().map(|resource| resource["values"].clone()).collect()
    }

    fn resources(&self) -> Vec<Json> {
        let shown = self.command(["show", "-json"]).output().expect("terraform runs");
        let state: Json = serde_json::from_slice(&shown.stdout).expect("JSON of a state");
        state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default()
    }

    /// Every file of the directory that holds `needle`, to prove that a secret is nowhere. Zipped plans are unpacked.
    pub(crate) fn files_with(&self, needle: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).expect("a readable directory").flatten() {
                let path = entry.path();
                let kind = entry.file_type().expect("a file type");
                if kind.is_dir() {
                    directories.push(path);
                } else if kind.is_file() && contains(&fs::read(&path).expect("a readable file"), needle) {
                    found.push(path);
                }
            }
        }
        found
    }
}

impl Output {
    /// This output, if the command succeeded with that code; else a panic that shows it.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}", self.text);
        self
    }

    /// The text with white space folded and the borders of diagnostics removed, to search for sentences.
    pub(crate) fn words(&self) -> String {
        self.text.replace(['│', '╷', '╵'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that all of the sentences were printed.
    #[track_caller]
    pub(crate) fn says(&self, sentences: &[&str]) -> &Self {
        let words = self.words();
        for sentence in sentences {
            assert!(words.contains(sentence), "not said: {sentence}\n{}", self.text);
        }
        self
    }
}

/// Settings with which `init` installs every provider from that folder.
pub(crate) fn filesystem_mirror(folder: &Path) -> String {
    format!("provider_installation {{\n  filesystem_mirror {{\n    path = {folder:?}\n  }}\n}}\n")
}

/// Waits for a command, reading all it prints.
pub(crate) fn finish(mut child: Child) -> Output {
    let mut stdout = child.stdout.take().expect("a piped output");
    let mut stderr = child.stderr.take().expect("a piped output");
    let read = |source: &mut dyn Read| {
        let mut bytes = Vec::new();
        let _ended = source.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (out, err) = std::thread::scope(|scope| {
        let out = scope.spawn(move || read(&mut stdout));
        let err = scope.spawn(move || read(&mut stderr));
        let start = Instant::now();
        while child.try_wait().expect("a child to wait for").is_none() {
            if start.elapsed() > PATIENCE {
                let _gone = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        (out.join().expect("a reader"), err.join().expect("a reader"))
    });
    let status = child.wait().expect("a status");
    Output { code: status.code(), text: out + &err }
}

fn link(provider: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a directory for the provider");
    std::os::unix::fs::symlink(provider, folder.join("terraform-provider-kms")).expect("a link to the provider");
}

/// In the words of the registries.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

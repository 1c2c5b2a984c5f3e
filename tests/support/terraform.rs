//! The real Terraform (or OpenTofu) in a directory of its own, with our provider through `dev_overrides`: the launch
//! path of every user, handshake and TLS included. Does not depend on the KMS.

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

/// Far longer than any command takes; a hang becomes a failure that shows its output.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The configuration file of the core: which provider it uses.
pub(crate) const SETTINGS: &str = "settings.tfrc";

/// Diagnostics of the core itself: a warning for each command with a provider of a developer, and an error beside each one
/// of a provider without a block.
const OF_THE_CORE: [&str; 2] = ["Provider development overrides are in effect", "Invalid provider configuration"];

/// The output of one command, and how it ended.
#[derive(Clone)]
pub(crate) struct Output {
    /// Exit code; `None` when it was killed.
    pub(crate) code: Option<i32>,
    /// Standard output, then standard error.
    pub(crate) text: String,
    /// The diagnostics of a command with `-json`.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The addresses of objects that changed outside of Terraform, of a command with `-json`.
    pub(crate) drift: Vec<String>,
}

/// A diagnostic as the core reports it.
#[derive(Clone, Debug)]
pub(crate) struct Diagnostic {
    /// `error` or `warning`.
    pub(crate) severity: String,
    pub(crate) summary: String,
    /// Of the resource; empty for the provider.
    pub(crate) address: String,
    /// The argument that the core shows; none for a whole block.
    pub(crate) attribute: Option<String>,
    pub(crate) detail: String,
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
/// One sentence that names what to install.
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
        // Most commands end before the memory that a collection would free is needed.
        command.env("GOGC", "400");
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

    /// Runs a command with `-json`: its messages as text, its diagnostics as values.
    pub(crate) fn run_json(&self, arguments: &[&str]) -> Output {
        let mut all = arguments.to_vec();
        all.insert(1, "-json");
        let output = self.run(&all);
        Output { text: output.text.lines().filter_map(readable).collect::<Vec<_>>().join("\n"), ..output }
    }

    /// Starts a command whose output is collected by [`finish`].
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("terraform starts")
    }

    /// `plan`, with exit code 2 for changes and 0 for none.
    pub(crate) fn plan(&self) -> Output {
        self.run_json(&["plan", "-input=false", "-detailed-exitcode"])
    }

    /// `plan` with the changed attributes, which no output in JSON has.
    pub(crate) fn plan_with_changes(&self) -> Output {
        self.run(&["plan", "-no-color", "-input=false", "-detailed-exitcode"])
    }

    /// `apply` without approval.
    pub(crate) fn apply(&self) -> Output {
        self.run_json(&["apply", "-input=false", "-auto-approve"])
    }

    /// `destroy` without approval.
    pub(crate) fn destroy(&self) -> Output {
        self.run_json(&["destroy", "-input=false", "-auto-approve"])
    }

    /// The attributes of an object in the state, or `Null`.
    pub(crate) fn object(&self, address: &str) -> Json {
        self.resources()
            .into_iter()
            .find(|(known, _)| known == address)
            .map_or(Json::Null, |(_, attributes)| attributes)
    }

    /// The attributes of all objects in the state.
    pub(crate) fn objects(&self) -> Vec<Json> {
        self.resources().into_iter().map(|(_, attributes)| attributes).collect()
    }

    /// Address and attributes of each object of the root module, from the file of the state.
    fn resources(&self) -> Vec<(String, Json)> {
        let Ok(bytes) = fs::read(self.path().join("terraform.tfstate")) else { return Vec::new() };
        let state: Json = serde_json::from_slice(&bytes).expect("JSON of a state");
        let resources = state["resources"].as_array().expect("resources").iter();
        let objects = resources.flat_map(|resource| {
            let text = |field: &str| resource[field].as_str().unwrap_or_default();
            let mode = if text("mode") == "data" { "data." } else { "" };
            let address = format!("{mode}{}.{}", text("type"), text("name"));
            resource["instances"].as_array().expect("instances").iter().map(move |instance| {
                let index = instance.get("index_key").map(|key| format!("[{key}]")).unwrap_or_default();
                (format!("{address}{index}"), instance["attributes"].clone())
            })
        });
        objects.collect()
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
    /// The output of a command that has ended.
    pub(crate) fn new(code: Option<i32>, out: &str, err: &str) -> Self {
        let messages: Vec<Json> = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let drift = messages.iter().filter(|message| message["type"] == "resource_drift");
        Self {
            code,
            diagnostics: messages.iter().filter_map(Diagnostic::parse).collect(),
            drift: drift.map(|message| message["change"]["resource"]["addr"].to_string()).collect(),
            text: format!("{out}{err}"),
        }
    }

    /// This output, if the command succeeded with that code; else a panic that shows it.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}", self.text);
        self
    }

    /// Asserts that the command reported exactly these diagnostics, in any order. Each is `error at ARGUMENT: SUMMARY`,
    /// or `error: SUMMARY` where the core shows the whole block.
    #[track_caller]
    pub(crate) fn reports(&self, expected: &[&str]) -> &Self {
        let mut expected = expected.to_vec();
        let mut reported: Vec<String> = self.diagnostics.iter().map(Diagnostic::line).collect();
        expected.sort_unstable();
        reported.sort_unstable();
        assert_eq!(reported, expected, "\n{}", self.text);
        self
    }

    /// Asserts that the command failed with exactly one error, which holds all of the sentences. Other diagnostics do not
    /// count.
    #[track_caller]
    pub(crate) fn fails(&self, sentences: &[&str]) -> &Self {
        assert_eq!(self.code, Some(1), "\n{}", self.text);
        let errors = self.errors();
        let [error] = errors.as_slice() else { panic!("{} errors instead of one:\n{}", errors.len(), self.text) };
        let text = format!("Error: {} {}", error.summary, error.detail);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in sentences {
            assert!(words.contains(sentence), "not in the error: {sentence}\n{}", self.text);
        }
        self
    }

    /// The errors.
    pub(crate) fn errors(&self) -> Vec<&Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == "error").collect()
    }

    /// The text with whitespace folded and the borders of diagnostics removed, to search for sentences.
    pub(crate) fn words(&self) -> String {
        self.text.replace(['│', '╷', '╵'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that all of the sentences were printed.
    #[track_caller]
    pub(crate) fn shows(&self, sentences: &[&str]) -> &Self {
        let words = self.words();
        for sentence in sentences {
            assert!(words.contains(sentence), "not shown: {sentence}\n{}", self.text);
        }
        self
    }
}

impl Diagnostic {
    /// Nothing for a line that is none, or is of the core itself.
    fn parse(line: &Json) -> Option<Self> {
        let diagnostic = (line["type"] == "diagnostic").then(|| &line["diagnostic"])?;
        let text = |field: &str| diagnostic[field].as_str().unwrap_or_default().to_owned();
        let code = diagnostic["snippet"]["code"].as_str().unwrap_or_default();
        let attribute = code.split_once('=').map(|(name, _)| name.trim().to_owned());
        let parsed = Self {
            severity: text("severity"),
            summary: text("summary"),
            address: text("address"),
            attribute,
            detail: text("detail"),
        };
        (!OF_THE_CORE.contains(&&*parsed.summary)).then_some(parsed)
    }

    fn line(&self) -> String {
        let place = self.attribute.as_ref().map(|attribute| format!(" at {attribute}")).unwrap_or_default();
        format!("{}{place}: {}", self.severity, self.summary)
    }
}

/// Returns a line of a command with `-json` in the form for people; any other line as it is.
fn readable(line: &str) -> Option<String> {
    let Ok(json) = serde_json::from_str::<Json>(line) else { return Some(line.to_owned()) };
    let message = json["@message"].as_str().unwrap_or(line);
    let changes = &json["changes"];
    let is_empty = ["add", "change", "remove", "import"].iter().all(|kind| changes[kind].as_u64().unwrap_or(0) == 0);
    if changes["operation"] == "plan" && is_empty {
        return Some("No changes.".to_owned());
    }
    let diagnostic = &json["diagnostic"];
    if diagnostic.is_null() {
        return Some(message.to_owned());
    }
    let Diagnostic { severity, summary, address, attribute, detail } = Diagnostic::parse(&json)?;
    let head = if severity == "error" { "Error" } else { "Warning" };
    let attribute = attribute.map(|attribute| format!(", at {attribute}")).unwrap_or_default();
    Some(format!("{head}: {summary}\n\n  with {address}{attribute}\n\n{detail}\n"))
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
            if start.elapsed() > TIMEOUT {
                let _gone = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        (out.join().expect("a reader"), err.join().expect("a reader"))
    });
    let status = child.wait().expect("a status");
    Output::new(status.code(), &out, &err)
}

fn link(provider: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a directory for the provider");
    std::os::unix::fs::symlink(provider, folder.join("terraform-provider-kms")).expect("a link to the provider");
}

/// Returns the platform in the notation of the registries.
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

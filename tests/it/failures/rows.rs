//! Plans many connections at once and compares what is said about each. Knows what all texts have in common.

use std::collections::HashMap;

use expect_test::Expect;
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use crate::support::scene::{PASSWORD, Scene};
use crate::support::scripted_postgres::{Fake, Step};

/// No first sentence is longer, so that a terminal shows it in two lines.
const MAX_SENTENCE_LENGTH: usize = 160;

/// A table under way.
pub(super) struct Rows {
    pub(super) scene: Scene,
    pub(super) runtime: Runtime,
    configuration: String,
    rows: Vec<Row>,
    fakes: Vec<Fake>,
}

struct Row {
    name: &'static str,
    port: u16,
    role: String,
    database: String,
    /// `None`: the login succeeds.
    expected: Option<Expect>,
}

impl Rows {
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { scene: Scene::new(), runtime, configuration: String::new(), rows: Vec::new(), fakes: Vec::new() }
    }

    /// A connection and what is said about it. `changes` are arguments in HCL; the role is called as the row.
    pub(super) fn row(&mut self, name: &'static str, port: u16, changes: &[(&str, &str)], expected: Expect) {
        self.add(name, port, changes, Some(expected));
    }

    /// A connection that nothing is said about.
    pub(super) fn accepted(&mut self, name: &'static str, port: u16, changes: &[(&str, &str)]) {
        self.add(name, port, changes, None);
    }

    /// A connection to a scripted server.
    pub(super) fn fake(&mut self, name: &'static str, script: Vec<Step>, changes: &[(&str, &str)], expected: Expect) {
        let port = self.serve(script);
        self.row(name, port, changes, expected);
    }

    /// Starts a scripted server; it may not hear the password.
    pub(super) fn serve(&mut self, script: Vec<Step>) -> u16 {
        let fake = self.runtime.block_on(Fake::start(script));
        let port = fake.port;
        self.fakes.push(fake);
        port
    }

    fn add(&mut self, name: &'static str, port: u16, changes: &[(&str, &str)], expected: Option<Expect>) {
        let mut arguments: HashMap<&str, String> = [
            ("name", format!("{:?}", name.replace('_', "-"))),
            ("host", "\"localhost\"".to_owned()),
            ("port", port.to_string()),
            ("database", "\"postgres\"".to_owned()),
            ("username", format!("{name:?}")),
            ("password_wo", "var.password".to_owned()),
            ("password_wo_version", "1".to_owned()),
        ]
        .into();
        let mut block = "";
        for (argument, value) in changes {
            match *argument {
                "validation" => block = value,
                argument => drop(arguments.insert(argument, (*value).to_owned())),
            }
        }
        let lines: String = arguments.iter().map(|(argument, value)| format!("  {argument} = {value}\n")).collect();
        self.configuration += &format!(
            "resource \"kms_postgres_connection\" \"{name}\" {{\n{lines}  validation {{\n    {block}\n  }}\n}}\n"
        );
        let text = |argument: &str| arguments[argument].trim_matches('"').to_owned();
        self.rows.push(Row { name, port, role: text("username"), database: text("database"), expected });
    }

    /// Plans, and compares every row.
    #[track_caller]
    pub(super) fn check(self) {
        self.scene.workspace.write("main.tf", &self.configuration);
        let output = self.scene.workspace.run(&["plan", "-json", "-input=false"]);
        assert!(!output.text.contains(PASSWORD), "the password was printed:\n{}", output.text);
        let lines = output.text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let mut said: HashMap<String, Vec<Json>> = HashMap::new();
        for line in lines.filter(|line| line["type"] == "diagnostic") {
            let diagnostic = line["diagnostic"].clone();
            said.entry(diagnostic["address"].as_str().unwrap_or_default().to_owned()).or_default().push(diagnostic);
        }
        for row in &self.rows {
            let diagnostics = said.remove(&format!("kms_postgres_connection.{}", row.name)).unwrap_or_default();
            match (&row.expected, diagnostics.as_slice()) {
                (None, []) => {}
                (Some(expected), [diagnostic]) => expected.assert_eq(&row.shown(diagnostic)),
                (_, other) => panic!("{} has {} diagnostics: {other:#?}", row.name, other.len()),
            }
        }
        // What has no address is the override of the provider, which every test has.
        said.remove("");
        assert!(said.is_empty(), "{said:#?}");
        let heard = self.fakes.iter().filter(|fake| fake.heard(PASSWORD.as_bytes())).count();
        assert_eq!(heard, 0, "a scripted server heard the password");
    }
}

impl Row {
    /// Severity, summary, argument and what this text has for itself.
    fn shown(&self, diagnostic: &Json) -> String {
        let text = |field: &str| diagnostic[field].as_str().unwrap_or_default();
        let detail = text("detail").replace(&format!(":{}", self.port), ":PORT");
        assert_is_neat(&detail);
        let code = diagnostic["snippet"]["code"].as_str().unwrap_or_default();
        let argument = code.split('=').next().unwrap_or_default().trim();
        let argument = if code.contains('=') { argument } else { "the whole connection" };
        let paragraphs: Vec<&str> = detail.split("\n\n").collect();
        let ([first, middle @ ..], last) = paragraphs.split_last().map(|(last, rest)| (rest, *last)).unwrap() else {
            panic!("one paragraph only:\n{detail}")
        };
        let own = self.without_frame(first, text("severity"));
        assert!(own[0].chars().count() <= MAX_SENTENCE_LENGTH, "a long sentence: {}", own[0]);
        let (too_early, proceed) = last.split_once('\n').map_or((None, last), |(line, rest)| (Some(line), rest));
        assert_eq!(proceed, how_to_proceed(text("severity"), proceed));

        let summary = format!("{}: {}, at {argument}", text("severity"), text("summary"));
        let mut shown = vec![summary];
        shown.extend(own.iter().map(|line| without_days(&without_fingerprints(line))));
        shown.extend(middle.iter().map(|paragraph| without_days(&without_fingerprints(paragraph))));
        shown.extend(too_early.map(|line| {
            assert!(line.starts_with(TOO_EARLY), "{line}");
            format!("{TOO_EARLY} …")
        }));
        shown.join("\n") + "\n"
    }

    /// Checks the lines that each message has: server, role, database, password, time and effect. Returns the others.
    fn without_frame<'d>(&self, paragraph: &'d str, severity: &str) -> Vec<&'d str> {
        let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0").replace("00000", "0000");
        let name = self.name.replace('_', "-");
        let mut own = Vec::new();
        let mut labels = Vec::new();
        for line in paragraph.lines() {
            let (label, value) = line.split_once(": ").unwrap_or(("", line));
            let expected = match label {
                "Server" => {
                    assert!(value.contains(":PORT`"), "{line}");
                    None
                }
                "Role" => Some(format!("`{}`", self.role)),
                "Database" => Some(format!("`{}`", self.database)),
                "Password" => Some(format!("from `password_wo` of connection `{name}`")),
                "Time" => {
                    let times = ["0000-00-00 00:00:00 UTC", "0000-00-00 00:00:00 UTC, from 000.0.0.0:0000"];
                    assert!(times.contains(&digits(value).as_str()), "{line}");
                    None
                }
                _ => {
                    own.push(line);
                    continue;
                }
            };
            labels.push(label);
            assert!(expected.as_deref().is_none_or(|expected| expected == value), "{line}, expected {expected:?}");
        }
        assert_eq!(labels, ["Server", "Role", "Database", "Password", "Time"], "{paragraph}");
        let effect = match severity {
            "error" => "No credentials were sent to the KMS.",
            _ => "This does not stop the run: the KMS logs in from its own network when the change is applied.",
        };
        assert_eq!(own.pop(), Some(effect));
        own
    }
}

/// `SHA-256 AB:CD:…` is another one in each run.
fn without_fingerprints(text: &str) -> String {
    let mut parts = text.split("SHA-256 ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == ':');
        assert_eq!(part.len() - rest.len(), 32 * 3 - 1, "no fingerprint: {part}");
        text + "SHA-256 FINGERPRINT" + rest
    })
}

/// `2026-01-31` is another day in each run.
fn without_days(text: &str) -> String {
    const LENGTH: usize = "2026-01-31".len();
    let is_day = |part: &str| part.replace(|c: char| c.is_ascii_digit(), "0") == "0000-00-00";
    let day = text.char_indices().map(|(at, _)| at).find(|at| text.get(*at..at + LENGTH).is_some_and(is_day));
    match day {
        Some(at) => format!("{}DAY{}", &text[..at], without_days(&text[at + LENGTH..])),
        None => text.to_owned(),
    }
}

const TOO_EARLY: &str = "If this run creates the role or the database, or changes this password,";

fn how_to_proceed(severity: &str, proceed: &str) -> String {
    const IGNORE: &str = " To ignore unreachable servers: `validation { unreachable = \"ignore\" }`.";
    let mut text = "To proceed without this check: `KMS_VALIDATION=apply terraform plan`.".to_owned();
    if severity == "warning" || proceed.contains(IGNORE) {
        text += IGNORE;
    }
    if severity == "error" {
        text += " To destroy this configuration as it is: `terraform destroy -refresh=false`.";
    }
    text
}

/// Mistakes that no reader of a snapshot should have to look for.
fn assert_is_neat(text: &str) {
    for line in text.lines() {
        let line = line.trim_start();
        assert_eq!(line, line.trim_end(), "whitespace at the end of a line:\n{text}");
        for doubled in ["..", "  ", "``", " ,", " .", ";;", ".,", ".)."] {
            assert!(!line.contains(doubled), "`{doubled}` in `{line}` of:\n{text}");
        }
        assert!(!line.contains(|c: char| c.is_control()), "a control character in {line:?}");
    }
}

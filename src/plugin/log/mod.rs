//! The log: one JSON object per line on standard error, in the form that hosts parse (hclog) and log again at the given level.
//! Must not be given a secret.
//!
//! A host crashes on a line whose level, message or time is not a string, takes a line for plain text whose time has no
//! fraction of six digits, and cuts lines at 64 KiB. Here all three are always strings, and lines are far shorter.

mod text;

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use self::text::text;
use crate::env;

/// The prefix of the targets of this crate's events.
const CRATE: &str = env!("CARGO_CRATE_NAME");

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The maximum length of the fields of a line, or a span, in bytes of JSON; further fields are left out.
const MAX_FIELDS_LENGTH: usize = 24 * 1024;

/// Installs the log of the process. Later calls change nothing.
pub(super) fn install() {
    let configured = env::text(env::TF_LOG_PROVIDER_KMS);
    let level = configured.as_deref().map_or(Some(LevelFilter::TRACE), level);
    let log = Log {
        level: level.unwrap_or(LevelFilter::TRACE),
        dependencies: env::text(env::KMS_LOG_DEPENDENCIES).as_deref() == Some("1"),
        // One write per line. Fails when the host has closed standard error; then no reader is left.
        sink: |line: &str| drop(io::stderr().lock().write_all(line.as_bytes())),
    };
    let _already_installed = tracing::subscriber::set_global_default(Registry::default().with(log));
    if level.is_none() {
        tracing::warn!(
            "`{}` is not one of `trace`, `debug`, `info`, `warn`, `error`, `off`: the log level is `trace`",
            env::TF_LOG_PROVIDER_KMS
        );
    }
}

fn level(name: &str) -> Option<LevelFilter> {
    match name.to_ascii_lowercase().as_str() {
        "trace" => Some(LevelFilter::TRACE),
        "debug" => Some(LevelFilter::DEBUG),
        "info" => Some(LevelFilter::INFO),
        "warn" => Some(LevelFilter::WARN),
        "error" => Some(LevelFilter::ERROR),
        "off" => Some(LevelFilter::OFF),
        _ => None,
    }
}

struct Log<W> {
    level: LevelFilter,
    dependencies: bool,
    sink: W,
}

impl<S, W> Layer<S> for Log<W>
where
    W: Fn(&str) + 'static,
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    /// Runs once per event in the source: the result must not change.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level && (self.dependencies || is_own(metadata.target()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.add_outer(outer);
            }
        }
        (self.sink)(&line(event.metadata(), OffsetDateTime::now_utc(), fields));
    }
}

fn is_own(target: &str) -> bool {
    target.strip_prefix(CRATE).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A line of the log.
#[derive(Serialize)]
struct Line {
    #[serde(rename = "@level")]
    level: String,
    #[serde(rename = "@message")]
    message: String,
    #[serde(rename = "@module")]
    module: String,
    #[serde(rename = "@timestamp")]
    timestamp: String,
    #[serde(flatten)]
    fields: Map<String, Json>,
}

fn line(metadata: &Metadata<'_>, time: OffsetDateTime, fields: Fields) -> String {
    let line = Line {
        level: metadata.level().as_str().to_ascii_lowercase(),
        message: fields.message,
        module: text(format_args!("{}", module(metadata.target()))),
        // Cannot fail: every time has all parts of the format.
        timestamp: time.format(TIME).unwrap_or_default(),
        fields: fields.others,
    };
    // Cannot fail: all keys are strings.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

/// Returns the module path as a name of hclog, such as `provider.kms.auth`.
fn module(target: &str) -> String {
    match target.strip_prefix(CRATE) {
        Some(rest) if is_own(target) => format!("provider{}", rest.replace("::", ".")),
        _ => target.to_owned(),
    }
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Json>,
    length: usize,
}

impl Fields {
    /// Adds the fields of an outer span. A field of the event, or of an inner span, hides one of the same name.
    fn add_outer(&mut self, outer: &Self) {
        for (name, value) in &outer.others {
            if !self.others.contains_key(name) {
                self.insert(name, value.clone());
            }
        }
    }

    fn insert(&mut self, name: &str, value: Json) {
        // In JSON the quotes and backslashes of a string take twice their length.
        let length = 2 * (name.len() + value.as_str().map_or(0, str::len)) + 32;
        if self.length + length <= MAX_FIELDS_LENGTH {
            self.length += length;
            // Names with `@` belong to the host, which crashes if the value of one is not a string.
            self.others.insert(text(format_args!("{}", name.trim_start_matches('@'))), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = text(format_args!("{value:?}"));
        if field.name() == "message" {
            self.message = text;
        } else {
            self.insert(field.name(), text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn line_has_fields_of_event_and_spans() {
        let lines = captured(|| {
            let span = tracing::info_span!("call", tf_rpc = "Plan", later = tracing::field::Empty);
            span.record("later", 2_u64);
            let _entered = span.enter();
            tracing::info!(count = -3_i64, fine = true, shown = ?Some("x"), ratio = 0.5, "@level" = 7_u64, "done\n{}", 1);
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["@timestamp"].take();
        assert_eq!(
            line,
            serde_json::json!({
                "@level": "info", "@message": r"done\n1", "@module": "provider.plugin.log.tests", "@timestamp": null,
                "tf_rpc": "Plan", "later": 2, "count": -3, "fine": true, "shown": r#"Some("x")"#, "ratio": "0.5", "level": 7,
            })
        );
    }

    #[test]
    fn line_is_shorter_than_the_limit_of_hosts() {
        let long = "\u{1b}".repeat(100_000);
        let lines = captured(|| {
            let outer =
                tracing::info_span!("outer", a = long, b = long, c = long, d = long, e = long, f = long, g = long);
            let _outer = outer.enter();
            let inner =
                tracing::info_span!("inner", a = long, b = long, c = long, d = long, e = long, f = long, g = long);
            let _inner = inner.enter();
            tracing::info!(a = long, b = long, c = long, d = long, e = long, f = long, g = long, "{long}");
        });
        for line in lines {
            assert!(line.len() < 32 * 1024, "{}", line.len());
            assert!(serde_json::from_str::<Value>(&line).is_ok());
        }
    }

    #[test]
    fn recognizes_targets_of_this_crate() {
        for (target, own) in [
            (CRATE, true),
            ("terraform_provider_kms::kms::auth", true),
            ("terraform_provider_kms_other", false),
            ("h2::codec", false),
        ] {
            assert_eq!(is_own(target), own, "{target}");
        }
    }

    /// Returns the lines that the code logs.
    fn captured(code: impl FnOnce()) -> Vec<String> {
        let (sender, lines) = std::sync::mpsc::channel();
        let sink = move |line: &str| sender.send(line.to_owned()).unwrap();
        let log = Log { level: LevelFilter::TRACE, dependencies: false, sink };
        tracing::subscriber::with_default(Registry::default().with(log), code);
        lines.try_iter().collect()
    }
}

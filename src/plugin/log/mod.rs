//! Our log: one JSON object per line on standard error, in the shape that hosts parse (hclog) and log again at the level
//! given. Knows no secret: who logs must not name one.
//!
//! A host crashes on a line whose level, message or time is not a text, takes a line for plain text whose time does not
//! have six digits of fraction, and cuts lines at 64 KiB. Here all three are always texts, and lines stay far below.

mod text;

use std::fmt;
use std::io::{self, Write};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use self::text::{MAX_TEXT_LENGTH, text};
use crate::env;

/// Events whose target starts with this are ours.
const OURS: &str = env!("CARGO_CRATE_NAME");

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The most bytes of fields in a line or a span; further ones are left out.
const MAX_FIELDS_LENGTH: usize = 24 * 1024;

/// Starts logging. Later calls change nothing.
pub(super) fn install() {
    let named = env::text(env::TF_LOG_PROVIDER_KMS);
    let level = named.as_deref().map_or(Some(LevelFilter::TRACE), level);
    let log = Log {
        level: level.unwrap_or(LevelFilter::TRACE),
        dependencies: env::text(env::KMS_LOG_DEPENDENCIES).as_deref() == Some("1"),
        // The line is written at once and whole. There is no one to tell when the host does not listen any more.
        sink: |line: &str| drop(io::stderr().lock().write_all(line.as_bytes())),
    };
    let _already_installed = tracing::subscriber::set_global_default(Registry::default().with(log));
    if level.is_none() {
        tracing::warn!(
            "`{}` is none of `trace`, `debug`, `info`, `warn`, `error`, `off`; everything is logged",
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
    /// Depends on nothing that changes: asked once for each place in the code.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level && (self.dependencies || is_ours(metadata.target()))
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
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.add(outer);
            }
        }
        event.record(&mut fields);
        (self.sink)(&line(event.metadata(), OffsetDateTime::now_utc(), &fields));
    }
}

fn is_ours(target: &str) -> bool {
    target.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn line(metadata: &Metadata<'_>, time: OffsetDateTime, fields: &Fields) -> String {
    let level = match *metadata.level() {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    };
    let mut line = format!(r#"{{"@level":"{level}","@message":"#);
    line.push_str(if fields.message.is_empty() { r#""""# } else { &fields.message });
    line.push_str(r#","@module":"#);
    text(&mut line, format_args!("{}", module(metadata.target())));
    line.push_str(r#","@timestamp":"#);
    // Cannot fail: every part of the format exists in every time. An empty text would only lose the level.
    text(&mut line, format_args!("{}", time.format(TIME).unwrap_or_default()));
    line.push_str(&fields.rest);
    line.push_str("}\n");
    line
}

/// `provider`, followed by the place in our code.
fn module(target: &str) -> String {
    match target.strip_prefix(OURS) {
        Some(rest) if is_ours(target) => format!("provider{}", rest.replace("::", ".")),
        _ => target.to_owned(),
    }
}

/// What an event or a span says, as JSON: its message, and everything else as members of an object, each with a comma
/// in front.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Fields {
    fn add(&mut self, outer: &Self) {
        if self.rest.len() + outer.rest.len() <= MAX_FIELDS_LENGTH {
            self.rest.push_str(&outer.rest);
        }
    }

    /// Whether there is room; then the value is expected next.
    fn key(&mut self, field: &Field) -> bool {
        let room = self.rest.len() + 2 * MAX_TEXT_LENGTH <= MAX_FIELDS_LENGTH;
        if room {
            self.rest.push(',');
            // Names with `@` are the host's; it crashes when one of them is not a text.
            text(&mut self.rest, format_args!("{}", field.name().trim_start_matches('@')));
            self.rest.push(':');
        }
        room
    }

    fn literal(&mut self, field: &Field, value: impl fmt::Display) {
        if self.key(field) {
            self.rest.push_str(&value.to_string());
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            text(&mut self.message, format_args!("{value:?}"));
        } else if self.key(field) {
            text(&mut self.rest, format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.literal(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.literal(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.literal(field, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_holds_the_fields_of_the_event_and_of_its_spans() {
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
    fn a_line_stays_far_below_what_hosts_cut() {
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
    fn only_our_own_targets_are_ours() {
        for (target, ours) in [
            (OURS, true),
            ("terraform_provider_kms::kms::auth", true),
            ("terraform_provider_kms_other", false),
            ("h2::codec", false),
        ] {
            assert_eq!(is_ours(target), ours, "{target}");
        }
    }

    /// What the code logs, line by line.
    fn captured(code: impl FnOnce()) -> Vec<String> {
        let (sender, lines) = std::sync::mpsc::channel();
        let sink = move |line: &str| sender.send(line.to_owned()).unwrap();
        let log = Log { level: LevelFilter::TRACE, dependencies: false, sink };
        tracing::subscriber::with_default(Registry::default().with(log), code);
        lines.try_iter().collect()
    }
}

//! Our log: one JSON object per line on standard error, in the shape that hosts parse (hclog) and log again at the level
//! given. Knows no secret: who logs must not name one.
//!
//! A host crashes on a line whose level, message or time is not a text, takes a line for plain text whose time does not
//! have six digits of fraction, and cuts lines at 64 KiB. Here all three are always texts, and lines stay far below.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::env;

/// Events whose target starts with this are ours.
const OURS: &str = env!("CARGO_CRATE_NAME");

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The most bytes that one text takes in a line.
const LONGEST_TEXT: usize = 4 * 1024;

/// The most bytes of fields in a line or a span; further ones are left out.
const LONGEST_FIELDS: usize = 24 * 1024;

/// Starts logging. Later calls change nothing.
pub(super) fn install() {
    let named = env::text(env::TF_LOG_PROVIDER_KMS);
    let level = named.as_deref().map_or(Some(LevelFilter::TRACE), level);
    let log = Log {
        level: level.unwrap_or(LevelFilter::TRACE),
        dependencies: env::text(env::KMS_LOG_DEPENDENCIES).as_deref() == Some("1"),
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

struct Log {
    level: LevelFilter,
    dependencies: bool,
}

impl<S> Layer<S> for Log
where
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
        // The line is written at once and whole. There is no one to tell when the host does not listen any more.
        let _ = io::stderr().lock().write_all(line(event.metadata(), OffsetDateTime::now_utc(), &fields).as_bytes());
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
        if self.rest.len() + outer.rest.len() <= LONGEST_FIELDS {
            self.rest.push_str(&outer.rest);
        }
    }

    /// Whether there is room; then the value is expected next.
    fn key(&mut self, field: &Field) -> bool {
        let room = self.rest.len() + 2 * LONGEST_TEXT <= LONGEST_FIELDS;
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

/// Appends a JSON text. Control characters become visible escapes *in the text*: a host decodes the JSON and writes the
/// text to a terminal or file, where a line break would forge a line.
fn text(out: &mut String, value: fmt::Arguments<'_>) {
    out.push('"');
    if write!(Cut { out, room: LONGEST_TEXT }, "{value}").is_err() {
        out.push('…');
    }
    out.push('"');
}

/// Escapes, and fails when it is full, which makes the formatting above it stop.
struct Cut<'a> {
    out: &'a mut String,
    room: usize,
}

impl fmt::Write for Cut<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            let before = self.out.len();
            match character {
                '"' | '\\' => self.out.extend(['\\', character]),
                _ if character.is_control() => {
                    self.out.push('\\');
                    self.out.extend(character.escape_default());
                }
                _ => self.out.push(character),
            }
            let taken = self.out.len() - before;
            if taken > self.room {
                self.out.truncate(before);
                return Err(fmt::Error);
            }
            self.room -= taken;
        }
        Ok(())
    }
}

//! How long, how often and how fast the service is asked.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::env;
use crate::env::Variable;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::duration;
use crate::terraform::model::Field;
use crate::terraform::number::Number;
use crate::terraform::schema::{Schema, optional};
use crate::terraform::types::Type;

use super::{ProviderBlock, SettingSource, argument, variables};

/// The service may log in to a database twice, ten seconds each, before it answers.
pub(super) const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// About fifteen seconds of waiting, in which a service restarts.
const DEFAULT_MAX_RETRIES: u32 = 5;

const RETRIES: RangeInclusive<u32> = 0..=20;
const PER_MINUTE: RangeInclusive<u32> = 1..=100_000;

/// The limits of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) request_timeout: Duration,
    pub(super) max_retries: u32,
    pub(super) max_requests_per_minute: Option<u32>,
}

/// Adds the arguments.
pub(super) fn describe(schema: Schema) -> Schema {
    schema
        .attribute(optional(
            "request_timeout",
            Type::String,
            format!(
                "How long one request to the KMS may take, such as {}. The KMS itself may need 20 seconds to check a \
                 database. Default: `60s`. Environment: {}.",
                duration::EXAMPLES,
                variables(&env::REQUEST_TIMEOUT)
            ),
        ))
        .attribute(optional(
            "max_retries",
            Type::Number,
            format!(
                "How often a request to the KMS is repeated at most, from {} to {}: a read after any failure that passes, \
                 anything else only when the KMS certainly did not run it. The waits between grow from half a second to 8 \
                 seconds. Default: `{DEFAULT_MAX_RETRIES}`. Environment: {}.",
                RETRIES.start(),
                RETRIES.end(),
                variables(&env::MAX_RETRIES)
            ),
        ))
        .attribute(optional(
            "max_requests_per_minute",
            Type::Number,
            format!(
                "How many reads, and how many writes, the provider sends to the KMS in any minute at most. Without it the \
                 provider goes as fast as the KMS allows, and waits when its limit is reached. Set it where several runs share \
                 one address. Environment: {}.",
                variables(&env::MAX_REQUESTS_PER_MINUTE)
            ),
        ))
}

/// Checks what can be said of the block alone.
pub(super) fn check(block: &ProviderBlock) -> Diagnostics {
    let nothing = |_: &str| None;
    match resolve(block, &nothing) {
        Ok(_) => Diagnostics::new(),
        Err(found) => found,
    }
}

/// The limits of the block with the environment.
pub(super) fn resolve(block: &ProviderBlock, variable: env::Lookup<'_>) -> Result<Limits, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut note = |problem: Diagnostic| problems.push(problem);
    let timeout = request_timeout(block, variable).map_err(&mut note).ok();
    let retries = &block.max_retries;
    let retries = number(retries, "max_retries", &env::MAX_RETRIES, RETRIES, variable).map_err(&mut note).ok();
    let pace = &block.max_requests_per_minute;
    let name = "max_requests_per_minute";
    let pace = number(pace, name, &env::MAX_REQUESTS_PER_MINUTE, PER_MINUTE, variable).map_err(&mut note).ok();
    match (timeout, retries, pace) {
        (Some(request_timeout), Some(retries), Some(max_requests_per_minute)) => {
            Ok(Limits { request_timeout, max_retries: retries.unwrap_or(DEFAULT_MAX_RETRIES), max_requests_per_minute })
        }
        _ => Err(problems),
    }
}

fn request_timeout(block: &ProviderBlock, variable: env::Lookup<'_>) -> Result<Duration, Diagnostic> {
    let parse = |text: &str, source: SettingSource| {
        let rule = || format!("this is not a duration. Write it like {}.", duration::EXAMPLES);
        duration::parse(text).ok_or_else(|| source.diagnostic("Invalid duration", &rule()))
    };
    if let Some(text) = argument(&block.request_timeout) {
        return parse(&text, SettingSource::Argument("request_timeout"));
    }
    match env::first(&env::REQUEST_TIMEOUT, variable) {
        Some((name, text)) => parse(&text, SettingSource::Variable(name)),
        None => Ok(DEFAULT_REQUEST_TIMEOUT),
    }
}

fn number(
    field: &Field<Number>,
    name: &'static str,
    of_environment: &[Variable],
    range: RangeInclusive<u32>,
    variable: env::Lookup<'_>,
) -> Result<Option<u32>, Diagnostic> {
    let (found, source) = match (field.known(), env::first(of_environment, variable)) {
        (Some(number), _) => {
            (number.as_i64().and_then(|number| u32::try_from(number).ok()), SettingSource::Argument(name))
        }
        (None, Some((name, text))) => (text.parse().ok(), SettingSource::Variable(name)),
        (None, None) => return Ok(None),
    };
    match found.filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let rule = format!("it takes a whole number from {} to {}.", range.start(), range.end());
            Err(source.diagnostic("Invalid number", &rule))
        }
    }
}

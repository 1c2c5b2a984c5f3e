//! The limits of the client: duration, repetition and rate of requests.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::env;
use crate::kms::Settings;
use crate::terraform::duration;
use crate::terraform::schema::{Schema, optional};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use super::error::{Errors, InvalidValue, SettingSource};
use super::variables;

const RETRIES: RangeInclusive<u32> = 0..=20;
const PER_MINUTE: RangeInclusive<u32> = 1..=100_000;

/// The limits that are set.
pub(super) struct Limits {
    request_timeout: Option<Duration>,
    max_retries: Option<u32>,
    max_requests_per_minute: Option<u32>,
}

/// Adds the arguments to the schema.
pub(super) fn describe(schema: Schema) -> Schema {
    schema
        .attribute(optional(
            "request_timeout",
            Type::String,
            format!(
                "Limit of one request to the KMS, such as {}. The KMS itself may need 20 seconds to check a database. Defaults to \
                 `{}s`. Environment: {}.",
                duration::EXAMPLES,
                Settings::DEFAULT_REQUEST_TIMEOUT.as_secs(),
                variables(&env::REQUEST_TIMEOUT)
            ),
        ))
        .attribute(optional(
            "max_retries",
            Type::Number,
            format!(
                "Maximum number of times that a request to the KMS is repeated, {} to {}. A read is repeated after each temporary \
                 failure, a write only if the KMS has not run it. The waits between the requests grow from half a second to 8 \
                 seconds. Defaults to `{}`. Environment: {}.",
                RETRIES.start(),
                RETRIES.end(),
                Settings::DEFAULT_MAX_RETRIES,
                variables(&env::MAX_RETRIES)
            ),
        ))
        .attribute(optional(
            "max_requests_per_minute",
            Type::Number,
            format!(
                "Maximum number of reads, and of writes, that the provider sends to the KMS in a minute. Without a maximum the \
                 provider sends requests as fast as the KMS allows, and waits when the rate limit of the KMS is exceeded. Set it \
                 if several runs share one IP address. Environment: {}.",
                variables(&env::MAX_REQUESTS_PER_MINUTE)
            ),
        ))
}

impl Limits {
    /// Parses the arguments of the provider block.
    pub(super) fn parse(config: &Object, errors: &mut Errors) -> Self {
        let mut number = |name, range: RangeInclusive<u32>| {
            let Value::Number(number) = config.get(name) else { return None };
            let number = number.as_i64().and_then(|number| u32::try_from(number).ok());
            errors.take(in_range(number, range).map_err(|problem| SettingSource::Argument(name).error(problem)))
        };
        let max_retries = number("max_retries", RETRIES);
        let max_requests_per_minute = number("max_requests_per_minute", PER_MINUTE);
        Self {
            request_timeout: errors.argument(config, "request_timeout", parse_duration),
            max_retries,
            max_requests_per_minute,
        }
    }

    /// Adds the limits of the environment and sets those of the client.
    pub(super) fn resolve(self, variable: env::Lookup<'_>, errors: &mut Errors, settings: Option<&mut Settings>) {
        let retries = |text: &str| in_range(text.parse().ok(), RETRIES);
        let per_minute = |text: &str| in_range(text.parse().ok(), PER_MINUTE);
        let timeout = errors.or_variable(self.request_timeout, &env::REQUEST_TIMEOUT, variable, parse_duration);
        let retries = errors.or_variable(self.max_retries, &env::MAX_RETRIES, variable, retries);
        let variables = &env::MAX_REQUESTS_PER_MINUTE;
        let per_minute = errors.or_variable(self.max_requests_per_minute, variables, variable, per_minute);
        if let Some(settings) = settings {
            settings.request_timeout = timeout.unwrap_or(settings.request_timeout);
            settings.max_retries = retries.unwrap_or(settings.max_retries);
            settings.max_requests_per_minute = per_minute;
        }
    }
}

fn parse_duration(text: &str) -> Result<Duration, InvalidValue> {
    duration::parse(text).ok_or(InvalidValue::Duration)
}

fn in_range(number: Option<u32>, range: RangeInclusive<u32>) -> Result<u32, InvalidValue> {
    number.filter(|number| range.contains(number)).ok_or(InvalidValue::Number(range))
}

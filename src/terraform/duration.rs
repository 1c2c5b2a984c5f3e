//! Durations as Terraform users write them: `30s`, `5m`, `1h30m`, `250ms`.

use std::time::Duration;

/// Examples for the error about a text that is not a duration.
pub const EXAMPLES: &str = "`30s`, `5m` or `1h30m`";

const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// The maximum in seconds: a hundred years. More would overflow clocks.
const MAX: f64 = 100.0 * 365.0 * 24.0 * 3600.0;

/// Parses a positive duration: one or more numbers, each with one of the units `ms`, `s`, `m` and `h`.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at_checked(number)?;
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += digits.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (seconds > 0.0 && seconds <= MAX).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations_and_rejects_other_texts() {
        for (text, milliseconds) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1.5s", Some(1_500)),
            ("1m500ms", Some(60_500)),
            ("", None),
            ("0s", None),
            ("-5s", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("5d", None),
            ("1.2.3s", None),
            ("99999999999h", None),
            ("5s!", None),
            ("½s", None),
        ] {
            assert_eq!(parse(text), milliseconds.map(Duration::from_millis), "{text}");
        }
    }
}

//! Numbers: integers, and the text of every other number, which is only passed on or rejected.

use std::fmt;
use std::str::FromStr;

/// The maximum length of the text of a number. Far more than the 512 bits of the cores.
const MAX_LENGTH: usize = 4096;

/// The limit below which an `f64` holds every integer exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A number of the protocol.
#[derive(Clone, PartialEq, Eq)]
pub enum Number {
    /// An integer of 64 bits.
    Integer(i64),
    /// The text of any other number. No attribute of this provider accepts one.
    Other(Box<str>),
}

/// The reason why a text is not a [`Number`]. Does not hold the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not decimal, or `NaN`.
    #[error("the text is not a decimal number")]
    NotDecimal,
    /// Longer than this provider accepts.
    #[error("the number has more than {MAX_LENGTH} characters")]
    TooLong,
}

impl Number {
    /// Returns the number as an integer, if it is one of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::Other(_) => None,
        }
    }

    /// Returns a fraction (or an infinity) as a float, if a float holds it exactly.
    pub fn as_exact_fraction(&self) -> Option<f64> {
        match self {
            Self::Integer(_) => None,
            Self::Other(text) => {
                let float = text.parse::<f64>().ok()?;
                ((float.fract() != 0.0 || float.is_infinite()) && exact_text(float) == **text).then_some(float)
            }
        }
    }
}

/// Parses decimal text, such as `-12.50` or `1e-20`.
impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.len() > MAX_LENGTH {
            return Err(NumberError::TooLong);
        }
        if let Ok(integer) = text.parse() {
            return Ok(Self::Integer(integer));
        }
        match text.parse::<f64>() {
            Ok(number) if number.fract() == 0.0 && number.abs() <= MAX_EXACT => Self::try_from(number),
            Ok(_) if text.contains(|c: char| c.is_ascii_digit()) => Ok(Self::Other(text.into())),
            _ => Err(NumberError::NotDecimal),
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Other(number.to_string().into()), Self::Integer)
    }
}

/// Fails for `NaN`. Infinities are numbers of the protocol.
impl TryFrom<f64> for Number {
    type Error = NumberError;

    fn try_from(number: f64) -> Result<Self, NumberError> {
        if number.is_nan() {
            return Err(NumberError::NotDecimal);
        }
        let text = exact_text(number);
        Ok(text.parse().map_or_else(|_| Self::Other(text.into()), Self::Integer))
    }
}

/// Returns all digits of a float, without an exponent and without a fraction of zero: `5432.0` is `5432`.
fn exact_text(number: f64) -> String {
    // The smallest `f64` is 2^-1074: no `f64` has more decimal places than that.
    let text = format!("{number:.1074}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(formatter, "{integer}"),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

/// Prints the kind only: any value may be a secret.
impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_integers_and_keeps_text_of_other_numbers() {
        for (text, integer) in [
            ("0", Some(0)),
            ("-17", Some(-17)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1.5", None),
            ("1e400", None),
        ] {
            let number: Number = text.parse().unwrap();
            assert_eq!((number.as_i64(), number.to_string().as_str()), (integer, text));
        }
        for text in ["5432.0", "5432", "5.432e3"] {
            assert_eq!(text.parse::<Number>().unwrap().as_i64(), Some(5432), "{text}");
        }
        for text in ["", "-", "NaN", "inf", "1,5", "0x10", "1 2", "--1"] {
            assert_eq!(text.parse::<Number>(), Err(NumberError::NotDecimal), "{text}");
        }
        assert_eq!("1".repeat(MAX_LENGTH + 1).parse::<Number>(), Err(NumberError::TooLong));
    }

    #[test]
    fn converts_integral_floats_to_integers() {
        for (float, text) in [(5432.0, "5432"), (-0.5, "-0.5"), (1e18, "1000000000000000000"), (f64::INFINITY, "inf")] {
            assert_eq!(Number::try_from(float).unwrap().to_string(), text);
        }
        assert_eq!(Number::try_from(5432.0).unwrap().as_i64(), Some(5432));
        assert_eq!(Number::try_from(f64::NAN), Err(NumberError::NotDecimal));
        assert_eq!(Number::from(u64::MAX).as_i64(), None);
    }
}

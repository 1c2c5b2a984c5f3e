//! Numbers of any size without loss. Knows nothing of how they travel.

use std::fmt;
use std::str::FromStr;

/// The most digits that a number may have when written out without an exponent. Every `f64` fits, and far more than the
/// 512 bits of the cores; `1e999999999` is refused instead of filling the memory.
const MAX_DIGITS: i64 = 4096;

/// A number as the protocol has it: a decimal fraction of any size, or an infinity.
///
/// There is one form per number: `1.0`, `1` and `10e-1` are equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// `digits` times ten to the power of `exponent`. The digits neither start nor end with a zero; zero has none, is
    /// not negative, and has the exponent 0.
    Finite {
        negative: bool,
        digits: String,
        exponent: i64,
    },
    Infinite {
        negative: bool,
    },
}

/// Why something is not a [`Number`]. Never holds the text in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Other characters than those of a decimal number.
    #[error("not a decimal number")]
    NotDecimal,
    /// Not a number (NaN).
    #[error("`NaN`, which is not a number")]
    NotANumber,
    /// Beyond what this provider is willing to hold.
    #[error("a number of more than {MAX_DIGITS} digits")]
    TooLong,
}

impl Number {
    /// Larger than every other number.
    pub const INFINITY: Self = Self(Form::Infinite { negative: false });
    /// Smaller than every other number.
    pub const NEGATIVE_INFINITY: Self = Self(Form::Infinite { negative: true });

    /// The number as an integer, if it is one of that size.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Finite { exponent: 0.., .. } => self.to_string().parse().ok(),
            _ => None,
        }
    }

    /// The number as an `f64`, if that holds it exactly.
    pub fn as_exact_f64(&self) -> Option<f64> {
        match self.0 {
            Form::Infinite { negative: false } => Some(f64::INFINITY),
            Form::Infinite { negative: true } => Some(f64::NEG_INFINITY),
            Form::Finite { .. } => {
                let nearest: f64 = self.to_string().parse().ok()?;
                let exact = nearest.is_finite() && Self::try_from(nearest).as_ref() == Ok(self);
                exact.then_some(nearest)
            }
        }
    }

    /// Whether it is finite and has no fraction.
    pub fn is_integer(&self) -> bool {
        matches!(self.0, Form::Finite { exponent: 0.., .. })
    }
}

/// Reads decimal text, such as `-12.50` or `1e-20`.
impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(NumberError::NotDecimal);
        }
        if !(whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit()) {
            return Err(NumberError::NotDecimal);
        }
        let exponent = parse_exponent(exponent)?;

        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let dropped = digits.len().saturating_sub(significant.len());
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self::from(0_i64));
        }
        let exponent = exponent.saturating_sub(length(fraction.len())).saturating_add(length(dropped));
        let written_out = if exponent < 0 {
            exponent.saturating_neg().max(length(significant.len()))
        } else {
            exponent.saturating_add(length(significant.len()))
        };
        if written_out > MAX_DIGITS {
            return Err(NumberError::TooLong);
        }
        Ok(Self(Form::Finite { negative, digits: significant.to_owned(), exponent }))
    }
}

/// Any exponent that is too large for us stays too large: the caller refuses it, unless the number is zero.
fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::NotDecimal);
    }
    Ok(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::integer(number < 0, number.unsigned_abs())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::integer(false, number)
    }
}

impl Number {
    fn integer(negative: bool, magnitude: u64) -> Self {
        let all = if magnitude == 0 { String::new() } else { magnitude.to_string() };
        let digits = all.trim_end_matches('0').to_owned();
        let exponent = length(all.len().saturating_sub(digits.len()));
        Self(Form::Finite { negative, digits, exponent })
    }
}

/// Takes over every binary digit; the decimal form can be long.
impl TryFrom<f64> for Number {
    type Error = NumberError;

    fn try_from(number: f64) -> Result<Self, NumberError> {
        if number.is_nan() {
            return Err(NumberError::NotANumber);
        }
        if number.is_infinite() {
            return Ok(Self(Form::Infinite { negative: number < 0.0 }));
        }
        // The smallest `f64` is 2^-1074: no `f64` has more decimal places than that.
        format!("{number:.1074}").parse()
    }
}

/// Plain decimal digits without an exponent; `inf` and `-inf` for the infinities.
impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, digits, exponent) = match &self.0 {
            Form::Infinite { negative } => return formatter.write_str(if *negative { "-inf" } else { "inf" }),
            Form::Finite { negative, digits, exponent } => (*negative, digits.as_str(), *exponent),
        };
        if negative {
            formatter.write_str("-")?;
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
        let whole_digits = length(digits.len()).saturating_add(exponent);
        if digits.is_empty() {
            formatter.write_str("0")
        } else if exponent >= 0 {
            write!(formatter, "{digits}{}", zeros(exponent))
        } else if whole_digits <= 0 {
            write!(formatter, "0.{}{digits}", zeros(whole_digits.saturating_neg()))
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(whole_digits).unwrap_or_default());
            write!(formatter, "{whole}.{fraction}")
        }
    }
}

/// Its kind only: any value may be a secret.
impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_of_a_number_has_one_form() {
        for (spelling, plain) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.000e5", "0"),
            ("0e999999999999999999999", "0"),
            ("1.0", "1"),
            ("+1", "1"),
            ("1e2", "100"),
            ("10E+1", "100"),
            ("007", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-12.50", "-12.5"),
            ("1.5e-3", "0.0015"),
            ("1e-20", "0.00000000000000000001"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("12345678901234567890.123e3", "12345678901234567890123"),
        ] {
            assert_eq!(number(spelling).to_string(), plain, "{spelling}");
            assert!(number(spelling) == number(plain), "{spelling}");
        }
        assert!(Number::from(i64::MIN) == number("-9223372036854775808"));
        assert!(Number::from(u64::MAX) == number("18446744073709551615"));
        assert!(Number::from(100_u64) == number("1e2"));
        assert!(Number::from(0_u64) == number("-0"));
        assert!(number("0.1") != number("0.10000000000000000000000000001"));
        assert!(number("-1") != number("1"));
    }

    #[test]
    fn what_is_not_decimal_is_refused() {
        for text in
            ["", "-", "+", ".", "e5", "1e", "1e+", "1e5.5", "--1", "1_000", "0x10", " 1", "1 ", "NaN", "inf", "١"]
        {
            assert_eq!(text.parse::<Number>().err(), Some(NumberError::NotDecimal), "{text:?}");
        }
    }

    #[test]
    fn the_size_is_bounded() {
        let most = "9".repeat(4096);
        assert_eq!(number(&most).to_string(), most);
        assert_eq!(number("1e4095").to_string().len(), 4096);
        assert_eq!(number(&format!("0.{most}")).to_string().len(), 4098);
        assert_eq!(number(&format!("{most}e-1")).to_string().len(), 4097);
        for text in [
            "1e4096",
            "1e999999999",
            "1e-999999999",
            "1e9223372036854775807",
            "-1e-9223372036854775808",
            "10e99999999999999999999999",
            &"9".repeat(4097),
            &format!("{}e-1", "9".repeat(4097)),
            "1e-4097",
        ] {
            assert_eq!(text.parse::<Number>().err(), Some(NumberError::TooLong), "{}", text.len());
        }
    }

    #[test]
    fn integers_come_back_only_whole() {
        for (text, integer) in [
            ("5432", Some(5432)),
            ("5.432e3", Some(5432)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1e300", None),
            ("0.5", None),
            ("5432.0000000000000000000000001", None),
        ] {
            assert_eq!(number(text).as_i64(), integer, "{text}");
        }
        assert_eq!(Number::INFINITY.as_i64(), None);
    }

    #[test]
    fn floats_are_taken_over_exactly() {
        let tenth = "0.1000000000000000055511151231257827021181583404541015625";
        assert_eq!(Number::try_from(0.1).unwrap().to_string(), tenth);
        for float in [0.0, -0.0, 0.5, 1e15, -2.75, 0.1, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY] {
            assert_eq!(Number::try_from(float).unwrap().as_exact_f64(), Some(float));
        }
        for text in ["0.1", "1e400", "1e-400", "9007199254740993", "12345678901234567890123"] {
            assert_eq!(number(text).as_exact_f64(), None, "{text}");
        }
        assert_eq!(Number::try_from(f64::NAN).err(), Some(NumberError::NotANumber));
        assert!(Number::try_from(f64::NEG_INFINITY).unwrap() == Number::NEGATIVE_INFINITY);
    }
}

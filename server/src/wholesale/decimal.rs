//! Money as people write it: decimals that are exact, never floats.

use std::fmt;

const NANO_DIGITS: usize = 9;
const MICRO: u128 = 1_000_000;
const NANO: u128 = 1_000_000_000;

/// Reads a decimal of at most nine places, not negative, as nano-currency. `None` for anything else: a sign,
/// an exponent, a space, too many places, or more than an `i64` holds.
pub fn parse_nano(text: &str) -> Option<i64> {
    let (whole, places) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(places) || places.len() > NANO_DIGITS {
        return None;
    }
    format!("{whole}{places:0<NANO_DIGITS$}").parse().ok()
}

/// Nano-currency as a decimal, without zeros at its end: `0.03`.
pub fn nano_decimal(nano: i64) -> String {
    let (sign, nano) = (
        if nano < 0 { "-" } else { "" },
        u128::from(nano.unsigned_abs()),
    );
    let text = format!("{sign}{}.{:09}", nano / NANO, nano % NANO);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Micro-currency as a decimal of six places: `-0.003000`.
pub fn micro_decimal(micro: impl Into<i128>) -> String {
    let micro: i128 = micro.into();
    let (sign, micro) = (if micro < 0 { "-" } else { "" }, micro.unsigned_abs());
    format!("{sign}{}.{:06}", micro / MICRO, micro % MICRO)
}

/// A sum of micro-currency, which may be more than one charge can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount(pub i128);

impl Amount {
    /// What an `i64` holds of it: nearest to it when it is too large.
    pub fn clamped(self) -> i64 {
        i64::try_from(self.0).unwrap_or(if self.0 < 0 { i64::MIN } else { i64::MAX })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&micro_decimal(self.0))
    }
}

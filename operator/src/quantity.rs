//! Quantities in the form in which the apiserver stores them.
//!
//! The apiserver reads every quantity and writes it again: no fraction, the largest suffix that keeps
//! the number whole. An object that holds `1000m` would differ from its stored self (`1`) for ever.
//! The rules are those of `k8s.io/apimachinery/pkg/api/resource`.

use std::fmt;

/// A quantity as an exact number, with the family of suffixes it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// The value in units of 10⁻⁹, the smallest that Kubernetes keeps.
    nanos: i128,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `Ki`, `Mi` …
    Binary,
    /// `m`, `k`, `M` …
    Decimal,
    /// `e3`, `E6` …
    Exponent,
}

const NANO: i128 = 1_000_000_000;
const BINARY: [(&str, i128); 6] = [
    ("Ei", 1 << 60),
    ("Pi", 1 << 50),
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];
const DECIMAL: [(&str, i32); 10] = [
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("", 0),
    ("m", -3),
    ("u", -6),
    ("n", -9),
];

impl Quantity {
    /// Reads a quantity; `None` when it is not one, or too large to hold.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, suffix) = split(text);
        let (scale, form) = scale(suffix)?;
        let nanos = decimal(number, scale)?;
        // Binary quantities are capped at the largest 64-bit number.
        let most = i128::from(i64::MAX) * NANO;
        let nanos = if form == Form::Binary {
            nanos.clamp(-most, most)
        } else {
            nanos
        };
        Some(Self { nanos, form })
    }

    /// The value in whole units, rounded up.
    pub fn units(self) -> i128 {
        self.nanos.div_euclid(NANO) + i128::from(self.nanos.rem_euclid(NANO) != 0)
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.nanos.partial_cmp(&other.nanos)
    }
}

/// What a number is multiplied by, as (numerator in 10⁻⁹, divisor).
fn scale(suffix: &str) -> Option<((i128, i128), Form)> {
    if let Some((_, factor)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some(((factor * NANO, 1), Form::Binary));
    }
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((power_of_ten(*exponent)?, Form::Decimal));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((power_of_ten(exponent)?, Form::Exponent))
}

fn power_of_ten(exponent: i32) -> Option<(i128, i128)> {
    let exponent = exponent + 9;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

fn decimal(number: &str, (numerator, divisor): (i128, i128)) -> Option<i128> {
    let (negative, digits) = match number.as_bytes().first()? {
        b'-' => (true, &number[1..]),
        b'+' => (false, &number[1..]),
        _ => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let divisor = divisor.checked_mul(10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?)?;
    let scaled = all.parse::<i128>().ok()?.checked_mul(numerator)?;
    // Kubernetes rounds what is finer than 10⁻⁹ up, away from zero.
    let nanos = scaled / divisor + i128::from(scaled % divisor != 0);
    Some(if negative { -nanos } else { nanos })
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let whole = self.nanos % NANO == 0;
        if self.form == Form::Binary && whole && self.nanos.abs() >= 1024 * NANO {
            let units = self.nanos / NANO;
            let (suffix, factor) = BINARY
                .into_iter()
                .find(|(_, factor)| units % factor == 0)
                .unwrap_or(("", 1));
            return write!(f, "{}{suffix}", units / factor);
        }
        let mut mantissa = self.nanos;
        let mut exponent = -9;
        let largest = if self.form == Form::Exponent {
            i32::MAX
        } else {
            18
        };
        while mantissa % 1000 == 0 && exponent < largest {
            mantissa /= 1000;
            exponent += 3;
        }
        if self.form == Form::Exponent {
            return match exponent {
                0 => write!(f, "{mantissa}"),
                _ => write!(f, "{mantissa}e{exponent}"),
            };
        }
        let suffix = DECIMAL
            .iter()
            .find(|(_, power)| *power == exponent)
            .map_or("", |(suffix, _)| suffix);
        write!(f, "{mantissa}{suffix}")
    }
}

/// A quantity as the apiserver gives it back; `None` when it is not one.
pub fn canonical(text: &str) -> Option<String> {
    let quantity = Quantity::parse(text)?;
    Some(if kept_verbatim(text, quantity.form) {
        text.to_owned()
    } else {
        quantity.to_string()
    })
}

/// The apiserver keeps the text of a quantity that looks canonical at a glance, even an odd one like
/// `+1` or `1E3` (`ParseQuantity` in apimachinery's quantity.go).
fn kept_verbatim(text: &str, form: Form) -> bool {
    let (number, suffix) = split(text);
    let (whole, fraction) = number
        .trim_start_matches(['+', '-'])
        .split_once('.')
        .unwrap_or((number.trim_start_matches(['+', '-']), ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let digits = format!("{whole}{fraction}");
    let (Ok(value), Ok(places)) = (digits.parse::<i64>(), i32::try_from(fraction.len())) else {
        return false;
    };
    if form == Form::Binary {
        return fraction.is_empty() && value & 7 != 0 && digits.len() <= 5;
    }
    let exponent = DECIMAL
        .iter()
        .find(|(name, _)| *name == suffix)
        .map(|(_, power)| *power)
        .or_else(|| suffix.get(1..)?.parse().ok())
        .unwrap_or(0)
        - places;
    digits.len() <= 18
        && exponent >= -9
        && exponent % 3 == 0
        && !digits.ends_with("000")
        && !digits.starts_with('0')
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-')))
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests;

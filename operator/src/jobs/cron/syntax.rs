//! What a cron expression may be: the fields of crontab(5), nothing of what parsers add to them.

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error(
        "has {0} fields instead of five: minute, hour, day of the month, month, day of the week"
    )]
    Fields(usize),
    /// A part of a field that is none.
    #[error(
        "`{part}` is no {field}: write a number from {least} to {most}, a range as {least}-{most}, `*`, or a step as */2"
    )]
    Part {
        /// Which field.
        field: &'static str,
        /// The part.
        part: String,
        /// The least number.
        least: u8,
        /// The greatest.
        most: u8,
    },
    /// No date fits.
    #[error("no date ever fits it")]
    NeverComes,
    /// Anything else that the parser says.
    #[error("{0}")]
    Other(String),
}

struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    Field {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        least: 1,
        most: 31,
        names: &[],
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &MONTHS,
    },
    // 0 and 7 are Sunday.
    Field {
        name: "day of the week",
        least: 0,
        most: 7,
        names: &DAYS,
    },
];

/// Refuses what is not an expression of crontab(5).
pub fn check(expression: &str) -> Result<(), CronError> {
    let parts: Vec<_> = expression.split_ascii_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err(CronError::Fields(parts.len()));
    }
    for (field, list) in FIELDS.iter().zip(parts) {
        for part in list.split(',') {
            if !field.takes(part) {
                return Err(CronError::Part {
                    field: field.name,
                    part: part.to_owned(),
                    least: field.least,
                    most: field.most,
                });
            }
        }
    }
    Ok(())
}

/// Whether the hours are numbers and ranges that leave out at least one hour.
pub fn has_fixed_hours(expression: &str) -> bool {
    let hours = expression.split_ascii_whitespace().nth(1).unwrap_or("*");
    let every = (0..24).all(|hour| {
        hours.split(',').any(|part| match part.split_once('-') {
            Some((from, to)) => number(from)
                .zip(number(to))
                .is_some_and(|(from, to)| (from..=to).contains(&hour)),
            None => number(part) == Some(hour),
        })
    });
    !hours.contains(['*', '/']) && !every
}

impl Field {
    fn takes(&self, part: &str) -> bool {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let whole = range == "*";
        let (from, to) = match range.split_once('-') {
            _ if whole => (Some(self.least), Some(self.most)),
            Some((from, to)) => (self.value(from), self.value(to)),
            // A step needs something to step through.
            None if step.is_some() => return false,
            None => (self.value(range), self.value(range)),
        };
        let steps = step.is_none_or(|step| number(step).is_some_and(|n| n >= 1 && n <= self.most));
        steps && from.zip(to).is_some_and(|(from, to)| from <= to)
    }

    fn value(&self, text: &str) -> Option<u8> {
        let name = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let value = match name {
            Some(place) => u8::try_from(place).ok()? + self.least,
            None => number(text)?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

/// One or two digits.
fn number(text: &str) -> Option<u8> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

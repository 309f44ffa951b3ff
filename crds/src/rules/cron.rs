//! Rules about cron expressions: what a regular expression can tell of crontab(5). That a range runs forward and that
//! a date ever fits is left to the operator, which says so in a condition.

use kube::core::Rule;

use super::matches;

/// Five words between blanks.
const FIVE: &str = "^ *[^ ]+( +[^ ]+){4} *$";

/// One of the five fields.
pub struct Field {
    /// How many fields stand before it.
    place: u8,
    name: &'static str,
    /// What may stand alone, or at the ends of a range.
    value: &'static str,
    /// What may stand after a slash.
    step: &'static str,
    numbers: &'static str,
}

/// When in the hour.
pub const MINUTE: Field = Field {
    place: 0,
    name: "first field, the minute,",
    value: "[0-5]?[0-9]",
    step: "0?[1-9]|[1-5][0-9]",
    numbers: "from 0 to 59",
};

/// When in the day.
pub const HOUR: Field = Field {
    place: 1,
    name: "second field, the hour,",
    value: "[01]?[0-9]|2[0-3]",
    step: "0?[1-9]|1[0-9]|2[0-3]",
    numbers: "from 0 to 23",
};

/// When in the month.
pub const DAY: Field = Field {
    place: 2,
    name: "third field, the day of the month,",
    value: "0?[1-9]|[12][0-9]|3[01]",
    step: "0?[1-9]|[12][0-9]|3[01]",
    numbers: "from 1 to 31",
};

/// When in the year.
pub const MONTH: Field = Field {
    place: 3,
    name: "fourth field, the month,",
    value: "0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    step: "0?[1-9]|1[0-2]",
    numbers: "from 1 to 12 or names such as jan",
};

/// When in the week.
pub const WEEKDAY: Field = Field {
    place: 4,
    name: "fifth field, the day of the week,",
    value: "0?[0-7]|(?i:sun|mon|tue|wed|thu|fri|sat)",
    step: "0?[1-7]",
    numbers: "from 0 to 7 (0 and 7 are Sunday) or names such as mon",
};

/// The zone is a field of its own.
pub fn no_zone() -> Rule {
    Rule::new("!self.contains('TZ=')")
        .message("must not name a time zone: write timeZone instead of TZ= or CRON_TZ=")
}

/// Five fields, whatever they say.
pub fn five_fields() -> Rule {
    Rule::new(format!("self.matches('{FIVE}') || self.contains('TZ=')")).message(
        "must be five fields, minute, hour, day of the month, month and day of the week, such as */5 * * * *; \
         there are no seconds and no words such as @hourly",
    )
}

/// What one field may say; silent where it cannot be found.
pub fn field(field: &Field) -> Rule {
    let Field {
        place,
        name,
        value,
        step,
        numbers,
    } = field;
    let part = format!("([*](/({step}))?|({value})(-({value})(/({step}))?)?)");
    let found = matches(
        &format!("^ *([^ ]+ +){{{place}}}{part}(,{part})*( |$)"),
        &format!(
            "the {name} takes numbers {numbers}, ranges such as 1-5, *, steps such as */2, and lists of these with commas"
        ),
    );
    Rule {
        rule: format!(
            "!self.matches('{FIVE}') || self.contains('TZ=') || {}",
            found.rule
        ),
        ..found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_at_its_place() {
        for (place, part) in [MINUTE, HOUR, DAY, MONTH, WEEKDAY].iter().enumerate() {
            assert_eq!(usize::from(part.place), place);
            assert!(field(part).rule.contains(&format!("{{{place}}}")));
        }
    }
}

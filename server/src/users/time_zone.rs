//! IANA time zones, by the database that is part of the program: the same on every machine.

use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::TimeZoneDatabase;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone with its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(jiff::tz::TimeZone);

/// There is no time zone of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IANA time zone")]
pub struct UnknownTimeZone;

impl TimeZone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What its clocks show, and when.
    pub fn rules(&self) -> &jiff::tz::TimeZone {
        &self.0
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    /// The case of letters does not count; the name is kept as the database writes it.
    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        let zone = DATABASE.get(name).map_err(|_| UnknownTimeZone)?;
        match zone.iana_name() {
            Some(_) => Ok(Self(zone)),
            None => Err(UnknownTimeZone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_iana() {
        for (given, name) in [
            ("UTC", "UTC"),
            ("Asia/Kathmandu", "Asia/Kathmandu"),
            ("europe/berlin", "Europe/Berlin"),
            ("Australia/Lord_Howe", "Australia/Lord_Howe"),
            ("Etc/GMT+12", "Etc/GMT+12"),
        ] {
            let zone: TimeZone = given.parse().unwrap();
            assert_eq!(zone.name(), name);
            // What is stored can be read again.
            assert_eq!(zone.name().parse(), Ok(zone));
        }
        for unknown in [
            "",
            " ",
            "Berlin",
            "Europe/Berlin ",
            "Europe/Berlin\0",
            "+01:00",
            "CET-1CEST",
            "../../etc/passwd",
            "/usr/share/zoneinfo/UTC",
            "Etc/Unknown",
            "localtime",
            "posixrules",
        ] {
            assert_eq!(
                unknown.parse::<TimeZone>(),
                Err(UnknownTimeZone),
                "{unknown}"
            );
        }
    }

    #[test]
    fn every_zone_of_the_database_has_a_short_name_of_its_own() {
        let mut count = 0;
        for name in DATABASE.available() {
            let zone: TimeZone = name.as_str().parse().unwrap();
            assert_eq!(zone.name(), name.as_str());
            assert!(zone.name().len() <= 64, "{}", zone.name());
            count += 1;
        }
        assert!(
            count > 500,
            "{count} zones: is the database part of the program?"
        );
    }
}

//! The configuration of a package, and the rules for each of its fields.

use super::quota::{check_duration, check_quota};
use super::{DurationDraft, PackageDuration, Quota, QuotaDraft, SeriesId};
use crate::violation::{Violation, Violations};

/// Highest speed limit, in bits per second: a petabit.
const MAX_BPS: u64 = 1_000_000_000_000_000;

/// A configuration as a caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageDraft {
    /// Number of its series.
    pub series_id: i32,
    /// Unique in the series.
    pub name: String,
    /// Shown to people.
    pub description: String,
    /// How much traffic it holds.
    pub quota: Option<QuotaDraft>,
    /// How long it lasts.
    pub duration: Option<DurationDraft>,
    /// Bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
}

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageConfig {
    /// The series it belongs to, for good.
    pub series: SeriesId,
    /// Unique in the series.
    pub name: String,
    /// Shown to people; may be empty.
    pub description: String,
    /// How much traffic it holds.
    pub quota: Quota,
    /// How long it lasts.
    pub duration: PackageDuration,
    /// Bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
}

/// A field of the configuration that an update can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of PackageDraft")]
pub enum PackageField {
    SeriesId,
    Name,
    Description,
    Quota,
    Duration,
    SpeedLimitBps,
}

impl PackageField {
    /// All of them with the names that update masks use.
    pub const ALL: [(&'static str, Self); 6] = [
        ("series_id", Self::SeriesId),
        ("name", Self::Name),
        ("description", Self::Description),
        ("quota", Self::Quota),
        ("duration", Self::Duration),
        ("speed_limit_bps", Self::SpeedLimitBps),
    ];
}

impl PackageConfig {
    /// This configuration with the named fields taken from `change`; none named means all.
    pub fn changed(
        self,
        change: PackageDraft,
        fields: &[PackageField],
    ) -> Result<Self, Vec<Violation>> {
        let series = self.series;
        let draft = if fields.is_empty() {
            change
        } else {
            self.merged(&change, fields)
        };
        let mut violations = Violations::default();
        violations.require(
            draft.series_id == series.0,
            "config.series_id",
            "cannot be changed",
        );
        // One word on the number is enough.
        let series_id = series.0;
        PackageDraft { series_id, ..draft }.check_further(violations)
    }

    fn merged(self, change: &PackageDraft, fields: &[PackageField]) -> PackageDraft {
        let mut draft = PackageDraft {
            series_id: self.series.0,
            name: self.name,
            description: self.description,
            quota: Some(self.quota.into()),
            duration: Some(self.duration.into()),
            speed_limit_bps: self.speed_limit_bps,
        };
        for field in fields {
            match field {
                PackageField::SeriesId => draft.series_id = change.series_id,
                PackageField::Name => draft.name.clone_from(&change.name),
                PackageField::Description => draft.description.clone_from(&change.description),
                PackageField::Quota => draft.quota = change.quota,
                PackageField::Duration => draft.duration = change.duration,
                PackageField::SpeedLimitBps => draft.speed_limit_bps = change.speed_limit_bps,
            }
        }
        draft
    }
}

impl PackageDraft {
    /// Checks every field; all violations are found at once, with paths below `config`.
    pub fn check(self) -> Result<PackageConfig, Vec<Violation>> {
        self.check_further(Violations::default())
    }

    fn check_further(self, mut violations: Violations) -> Result<PackageConfig, Vec<Violation>> {
        violations.require(
            self.series_id > 0,
            "config.series_id",
            "must be the number of a package series, 1 or more",
        );
        violations.name("config.name", &self.name);
        violations.text("config.description", &self.description, 1000);
        let quota = check_quota(&mut violations, "config.quota", self.quota);
        let duration = check_duration(&mut violations, "config.duration", self.duration);
        violations.require(
            self.speed_limit_bps <= MAX_BPS,
            "config.speed_limit_bps",
            "must be at most 10^15 bits per second",
        );
        let config = quota.zip(duration).map(|(quota, duration)| PackageConfig {
            series: SeriesId(self.series_id),
            name: self.name,
            description: self.description,
            quota,
            duration,
            speed_limit_bps: self.speed_limit_bps,
        });
        violations.into_checked(config)
    }
}

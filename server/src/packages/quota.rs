//! What a package holds: how much traffic, and for how long.

use crate::violation::Violations;

/// Largest quota, in bytes: 2^50, a pebibyte.
const MAX_BYTES: u64 = 1 << 50;
/// Longest exact duration, in seconds: 3660 days.
const MAX_SECONDS: u64 = 3660 * 86_400;
/// Longest duration in calendar months.
const MAX_MONTHS: u32 = 120;

/// What traffic a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Upload and download.
    Total,
    /// Download alone.
    Download,
}

/// How much traffic a package holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// As much as there is time for; upload and download are counted, and nothing follows of it.
    Unlimited,
    /// So much.
    Limited {
        /// What counts.
        counted: Counted,
        /// In bytes; positive.
        bytes: u64,
        /// Whether it is whole again each calendar month after activation.
        monthly_reset: bool,
    },
}

/// How long a package lasts from its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageDuration {
    /// Exact time; positive.
    Seconds(u64),
    /// Calendar months in the subscriber's zone; positive.
    Months(u32),
}

/// The kinds of quota by the names of the wire and of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaKind {
    /// Upload and download.
    Total,
    /// Download alone.
    Download,
    /// There is no quota.
    Unlimited,
}

impl QuotaKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Total, Self::Download, Self::Unlimited];

    /// The name in SQL and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Download => "download",
            Self::Unlimited => "unlimited",
        }
    }

    /// The kind of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Quota {
    /// Its kind.
    pub fn kind(self) -> QuotaKind {
        match self {
            Self::Unlimited => QuotaKind::Unlimited,
            Self::Limited {
                counted: Counted::Total,
                ..
            } => QuotaKind::Total,
            Self::Limited {
                counted: Counted::Download,
                ..
            } => QuotaKind::Download,
        }
    }

    /// How many bytes, unless it is unlimited.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::Limited { bytes, .. } => Some(bytes),
        }
    }

    /// Whether it is whole again each month.
    pub fn monthly_reset(self) -> bool {
        match self {
            Self::Unlimited => false,
            Self::Limited { monthly_reset, .. } => monthly_reset,
        }
    }

    /// The quota of its parts; `None` where they do not belong together.
    pub fn of_parts(kind: QuotaKind, bytes: Option<u64>, monthly_reset: bool) -> Option<Self> {
        let limited = |counted| {
            Some(Self::Limited {
                counted,
                bytes: bytes.filter(|bytes| *bytes > 0)?,
                monthly_reset,
            })
        };
        match kind {
            QuotaKind::Total => limited(Counted::Total),
            QuotaKind::Download => limited(Counted::Download),
            QuotaKind::Unlimited => (bytes.is_none() && !monthly_reset).then_some(Self::Unlimited),
        }
    }
}

impl PackageDuration {
    /// Seconds, if it is exact time.
    pub fn seconds(self) -> Option<u64> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Months(_) => None,
        }
    }

    /// Months, if it is calendar months.
    pub fn months(self) -> Option<u32> {
        match self {
            Self::Seconds(_) => None,
            Self::Months(months) => Some(months),
        }
    }
}

/// A quota as a caller sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaDraft {
    /// `None` when it is not given or not known.
    pub kind: Option<QuotaKind>,
    /// 0 for unlimited.
    pub bytes: u64,
    /// Whether it is whole again each month.
    pub monthly_reset: bool,
}

impl From<Quota> for QuotaDraft {
    fn from(quota: Quota) -> Self {
        Self {
            kind: Some(quota.kind()),
            bytes: quota.bytes().unwrap_or(0),
            monthly_reset: quota.monthly_reset(),
        }
    }
}

/// A duration as a caller sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationDraft {
    /// Seconds and billionths.
    Seconds(i64, i32),
    /// Months.
    Months(u32),
}

impl From<PackageDuration> for DurationDraft {
    fn from(duration: PackageDuration) -> Self {
        match duration {
            PackageDuration::Seconds(seconds) => Self::Seconds(seconds.cast_signed(), 0),
            PackageDuration::Months(months) => Self::Months(months),
        }
    }
}

/// The checked quota, if nothing was noted of it.
pub(super) fn check_quota(
    violations: &mut Violations,
    field: &str,
    draft: Option<QuotaDraft>,
) -> Option<Quota> {
    let kind = draft.and_then(|draft| draft.kind);
    let (Some(draft), Some(kind)) = (draft, kind) else {
        let field = format!("{field}.kind");
        violations.require(false, &field, "must be total, download or unlimited");
        return None;
    };
    let (limited, bytes) = (kind != QuotaKind::Unlimited, draft.bytes);
    violations.require(
        if limited {
            (1..=MAX_BYTES).contains(&bytes)
        } else {
            bytes == 0
        },
        &format!("{field}.bytes"),
        "must be 1 to 2^50 bytes, or 0 for unlimited",
    );
    violations.require(
        limited || !draft.monthly_reset,
        &format!("{field}.monthly_reset"),
        "must be false for unlimited: there is nothing to make whole",
    );
    Quota::of_parts(kind, limited.then_some(bytes), draft.monthly_reset)
}

/// The checked duration, if nothing was noted of it.
pub(super) fn check_duration(
    violations: &mut Violations,
    field: &str,
    draft: Option<DurationDraft>,
) -> Option<PackageDuration> {
    let (name, duration) = match draft {
        None => ("", None),
        Some(DurationDraft::Seconds(seconds, nanos)) => {
            let seconds = u64::try_from(seconds).ok().filter(|_| nanos == 0);
            let seconds = seconds.filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
            (".seconds", seconds.map(PackageDuration::Seconds))
        }
        Some(DurationDraft::Months(months)) => {
            let months = (1..=MAX_MONTHS).contains(&months).then_some(months);
            (".months", months.map(PackageDuration::Months))
        }
    };
    violations.require(
        duration.is_some(),
        &format!("{field}{name}"),
        "must be whole seconds, 1 to 3660 days, or 1 to 120 months",
    );
    duration
}

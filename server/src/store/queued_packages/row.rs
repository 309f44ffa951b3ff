//! A row of `queued_package` as the queued package that it is.

use chrono::{DateTime, Utc};
use sqlx::types::Uuid;

use crate::packages::{
    Charges, Ending, Life, OrderLine, PackageId, QueuedPackage, QueuedPackageId,
    QueuedPackageStatus, SeriesId, Span, Terms, Warned,
};
use crate::revision::Revision;
use crate::store::number::unsigned;
use crate::store::{StoreError, packages};
use crate::users::UserId;

pub(super) struct Row {
    pub(super) id: i64,
    pub(super) user_id: Uuid,
    pub(super) package_id: i32,
    pub(super) package_series_id: i32,
    pub(super) order_id: String,
    pub(super) line: i32,
    pub(super) quota_kind: String,
    pub(super) quota_bytes: Option<i64>,
    pub(super) duration_seconds: Option<i64>,
    pub(super) duration_months: Option<i32>,
    pub(super) monthly_reset: bool,
    pub(super) speed_limit_bps: Option<i64>,
    pub(super) priority: i32,
    pub(super) status: String,
    pub(super) enqueued_at: DateTime<Utc>,
    pub(super) active_from: Option<DateTime<Utc>>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) end_reason: String,
    pub(super) charged: i64,
    pub(super) overage: i64,
    pub(super) period_charged: i64,
    pub(super) next_reset_at: Option<DateTime<Utc>>,
    pub(super) warned_percent: i16,
    pub(super) warned_expiry: bool,
    pub(super) revision: i64,
}

pub(super) fn status(name: &str) -> Result<QueuedPackageStatus, StoreError> {
    QueuedPackageStatus::from_name(name).ok_or(StoreError::Corrupt("status"))
}

impl Row {
    fn life(&mut self) -> Result<Life, StoreError> {
        let span = self.active_from.zip(self.expires_at);
        let span = span.map(|(active_from, expires_at)| Span {
            active_from,
            expires_at,
        });
        let ended = |ending, reason| {
            let ended_at = self.ended_at.ok_or(StoreError::Corrupt("ended_at"))?;
            Ok(Life::Ended {
                span,
                ending,
                ended_at,
                reason,
            })
        };
        let reason = std::mem::take(&mut self.end_reason);
        match status(&self.status)? {
            QueuedPackageStatus::Queued => Ok(Life::Queued),
            QueuedPackageStatus::Active => Ok(Life::Active {
                span: span.ok_or(StoreError::Corrupt("active_from"))?,
                next_reset_at: self.next_reset_at,
            }),
            QueuedPackageStatus::Exhausted => ended(Ending::Exhausted, reason),
            QueuedPackageStatus::Expired => ended(Ending::Expired, reason),
            QueuedPackageStatus::Cancelled => ended(Ending::Cancelled, reason),
        }
    }
}

impl TryFrom<Row> for QueuedPackage {
    type Error = StoreError;

    fn try_from(mut row: Row) -> Result<Self, StoreError> {
        let percent = u8::try_from(row.warned_percent);
        Ok(Self {
            id: QueuedPackageId(row.id),
            revision: Revision(row.revision),
            user: UserId(row.user_id),
            package: PackageId(row.package_id),
            series: SeriesId(row.package_series_id),
            life: row.life()?,
            order: OrderLine {
                order: row.order_id,
                line: unsigned(row.line, "line")?,
            },
            terms: Terms {
                quota: packages::quota(&row.quota_kind, row.quota_bytes, row.monthly_reset)?,
                duration: packages::duration(row.duration_seconds, row.duration_months)?,
                speed_limit_bps: packages::speed_limit(row.speed_limit_bps)?,
            },
            priority: row.priority,
            enqueued_at: row.enqueued_at,
            charges: Charges {
                charged: unsigned(row.charged, "charged")?,
                overage: unsigned(row.overage, "overage")?,
                period_charged: unsigned(row.period_charged, "period_charged")?,
            },
            warned: Warned {
                percent: percent.map_err(|_| StoreError::Corrupt("warned_percent"))?,
                expiry: row.warned_expiry,
            },
        })
    }
}

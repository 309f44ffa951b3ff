//! What staff sees of calls: the records, and how calls went.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Context, DomainError, Processor};
use crate::calls::{
    CallFilter, CallKey, CallPage, CallPeriod, GroupKey, Grouping, KeptCall, PeriodDraft,
    Statistics, StatisticsRow,
};
use crate::pbxs::PbxId;
use crate::store::{Database, call_history, retry_conflicts};

/// Serves those who look at calls.
#[derive(Debug, Clone)]
pub struct CallAnalyticsService {
    database: Database,
    /// Whether administrators see numbers masked as well.
    mask_numbers: bool,
}

impl CallAnalyticsService {
    /// A service over a clone of the database.
    pub fn new(database: Database, mask_numbers: bool) -> Self {
        Self {
            database,
            mask_numbers,
        }
    }
}

/// Lists records of calls.
#[derive(Debug, Clone)]
pub struct ListCallRecords {
    /// When the calls began.
    pub period: PeriodDraft,
    /// Which of them.
    pub filter: CallFilter,
    /// Rows at most.
    pub limit: u32,
    /// The last record of the page before.
    pub after: Option<CallKey>,
}

/// Sums how calls went.
#[derive(Debug, Clone)]
pub struct GetCallStatistics {
    /// When the calls began.
    pub period: PeriodDraft,
    /// Which of them; PBX, direction and trunk count.
    pub filter: CallFilter,
    /// What they are put together by.
    pub grouping: Grouping,
}

/// How calls went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatistics {
    /// Row by row.
    pub rows: Vec<StatisticsRow>,
    /// When the calls began.
    pub period: CallPeriod,
}

impl Processor<ListCallRecords> for CallAnalyticsService {
    type Output = CallPage;

    async fn process(
        &self,
        context: &Context,
        input: ListCallRecords,
    ) -> Result<CallPage, DomainError> {
        let input = &input;
        let (mut calls, period) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let now = transaction.now().await?;
            let period = input.period.check(now).map_err(DomainError::Invalid)?;
            let before = input.after.clone().unwrap_or_else(|| end_of(period));
            let (filter, one_more) = (&input.filter, input.limit + 1);
            let listed =
                call_history::list(&mut transaction, period.start, &before, filter, one_more);
            let calls = listed.await?;
            transaction.commit().await?;
            Ok::<_, DomainError>((calls, period))
        })
        .await?;
        let limit = usize::try_from(input.limit).unwrap_or(usize::MAX);
        let more = calls.len() > limit;
        calls.truncate(limit);
        let last = calls.last().filter(|_| more);
        let next = last.map(|call| call.record.key.clone());
        let masked = self.mask_numbers || !context.caller.is_admin();
        if masked {
            calls = calls.into_iter().map(KeptCall::masked).collect();
        }
        Ok(CallPage {
            calls,
            next,
            period,
            masked,
        })
    }
}

impl Processor<GetCallStatistics> for CallAnalyticsService {
    type Output = CallStatistics;

    async fn process(
        &self,
        context: &Context,
        input: GetCallStatistics,
    ) -> Result<CallStatistics, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let now = transaction.now().await?;
            let period = input.period.check(now).map_err(DomainError::Invalid)?;
            let buckets = input.grouping.buckets(period.start, period.end);
            let (filter, grouping) = (&input.filter, &input.grouping);
            let counted =
                call_history::statistics(&mut transaction, period, filter, grouping, &buckets);
            let rows = counted.await?;
            transaction.commit().await?;
            Ok(CallStatistics {
                rows: filled(rows, grouping, &buckets),
                period,
            })
        })
        .await
    }
}

/// Before this there is all of the period: no PBX has such a number.
fn end_of(period: CallPeriod) -> CallKey {
    CallKey {
        start_time: period.end,
        pbx: PbxId(i32::MIN),
        call_id: String::new(),
    }
}

/// A row for all calls, and for each hour and day, even when there were none.
fn filled(
    rows: Vec<StatisticsRow>,
    grouping: &Grouping,
    buckets: &[DateTime<Utc>],
) -> Vec<StatisticsRow> {
    let none = |key| StatisticsRow {
        key,
        statistics: Statistics::default(),
    };
    match grouping {
        Grouping::None if rows.is_empty() => vec![none(GroupKey::All)],
        Grouping::None | Grouping::Direction | Grouping::TrunkIn | Grouping::TrunkOut => rows,
        Grouping::Hour(_) | Grouping::Day(_) => {
            let mut known: HashMap<_, _> = rows
                .into_iter()
                .filter_map(|row| match row.key {
                    GroupKey::Bucket(start) => Some((start, row.statistics)),
                    GroupKey::All | GroupKey::Direction(_) | GroupKey::Trunk(..) => None,
                })
                .collect();
            let rows = buckets.iter().map(|start| StatisticsRow {
                key: GroupKey::Bucket(*start),
                statistics: known.remove(start).unwrap_or_default(),
            });
            rows.collect()
        }
    }
}

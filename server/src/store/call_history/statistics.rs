//! Counts and sums over calls.

use chrono::{DateTime, Utc};

use crate::calls::{
    CallFilter, CallPeriod, Direction, GroupKey, Grouping, Statistics, StatisticsRow,
};
use crate::pbxs::PbxId;
use crate::store::number::unsigned;
use crate::store::{StoreError, Transaction};

/// How the calls of a period went, put together by direction, trunk, or the last of `buckets` that is not after their
/// start. Counted are roots on a trunk, internal calls excluded. What has no calls is left out.
pub async fn statistics(
    transaction: &mut Transaction,
    period: CallPeriod,
    filter: &CallFilter,
    grouping: &Grouping,
    buckets: &[DateTime<Utc>],
) -> Result<Vec<StatisticsRow>, StoreError> {
    // A ring before the start cannot be: such a call tells nothing of the delay.
    let rows = sqlx::query!(
        "SELECT CASE WHEN $6::text = 'direction' THEN direction ELSE '' END AS \"direction!\", \
             CASE WHEN $6 IN ('trunk_in', 'trunk_out') THEN pbx_id ELSE 0 END AS \"pbx_id!\", \
             CASE $6 WHEN 'trunk_in' THEN sip_trunk_id WHEN 'trunk_out' THEN outbound_sip_trunk_id \
                 ELSE '' END AS \"trunk!\", \
             width_bucket(start_time, $7::timestamptz[]) AS \"place!\", \
             count(*) AS \"seizures!\", count(answer_time) AS \"answered!\", \
             count(*) FILTER (WHERE answer_time IS NOT NULL OR status_code IN (486, 600, 603, 607) \
                 OR (status_code IN (480, 408, 487) AND ring_time IS NOT NULL)) AS \"delivered!\", \
             count(*) FILTER (WHERE ring_time >= start_time) AS \"rung!\", \
             coalesce(sum(talk_ms), 0)::bigint AS \"talk_ms!\", \
             coalesce(sum(extract(epoch FROM ring_time - start_time) * 1000000) \
                 FILTER (WHERE ring_time >= start_time), 0)::bigint AS \"ring_delay_us!\" \
         FROM call_record \
         WHERE start_time >= $1 AND start_time < $2 AND root AND direction <> 'internal' \
         AND (sip_trunk_id <> '' OR outbound_sip_trunk_id <> '') \
         AND ($3::int IS NULL OR pbx_id = $3) AND ($4::text IS NULL OR direction = $4) \
         AND ($5::text IS NULL OR sip_trunk_id = $5 OR outbound_sip_trunk_id = $5) \
         AND ($6 <> 'trunk_in' OR sip_trunk_id <> '') \
         AND ($6 <> 'trunk_out' OR outbound_sip_trunk_id <> '') \
         GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        period.start,
        period.end,
        filter.pbx.map(|pbx| pbx.0),
        filter.direction.map(Direction::as_str),
        filter.trunk.as_deref(),
        name(grouping),
        buckets,
    )
    .fetch_all(transaction)
    .await?;
    let rows = rows.into_iter().map(|row| {
        let key = match grouping {
            Grouping::None => GroupKey::All,
            Grouping::Direction => {
                let direction = Direction::from_name(&row.direction);
                GroupKey::Direction(direction.ok_or(StoreError::Corrupt("direction"))?)
            }
            Grouping::TrunkIn | Grouping::TrunkOut => GroupKey::Trunk(PbxId(row.pbx_id), row.trunk),
            Grouping::Hour(_) | Grouping::Day(_) => {
                let place: usize = unsigned(row.place, "place")?;
                let start = place.checked_sub(1).and_then(|at| buckets.get(at));
                GroupKey::Bucket(*start.ok_or(StoreError::Corrupt("place"))?)
            }
        };
        Ok(StatisticsRow {
            key,
            statistics: Statistics {
                seizures: unsigned(row.seizures, "seizures")?,
                answered: unsigned(row.answered, "answered")?,
                delivered: unsigned(row.delivered, "delivered")?,
                rung: unsigned(row.rung, "rung")?,
                talk_ms: row.talk_ms,
                ring_delay_us: row.ring_delay_us,
            },
        })
    });
    rows.collect()
}

fn name(grouping: &Grouping) -> &'static str {
    match grouping {
        Grouping::None => "none",
        Grouping::Direction => "direction",
        Grouping::TrunkIn => "trunk_in",
        Grouping::TrunkOut => "trunk_out",
        Grouping::Hour(_) | Grouping::Day(_) => "time",
    }
}

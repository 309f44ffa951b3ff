//! Rows summed up by the quarter of an hour: what the database adds to what it has.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Factored, TakenRow};
use crate::nodes::NodeClientId;
use crate::users::UserId;

const QUARTER_SECONDS: i64 = 15 * 60;

/// What a subscriber used through a node client in a quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarter {
    /// The subscriber.
    pub user: UserId,
    /// When the quarter of an hour began.
    pub bucket: DateTime<Utc>,
    /// The node client.
    pub node_client: NodeClientId,
    /// Bytes.
    pub raw_upload: u128,
    /// Bytes.
    pub raw_download: u128,
    /// What they count.
    pub factored_upload: Factored,
    /// What they count.
    pub factored_download: Factored,
    /// The latest use in it.
    pub last_used_at: DateTime<Utc>,
}

/// The sums of rows, in the order of their keys: whoever writes them so never waits for somebody who
/// waits for them.
pub fn quarters(rows: &[TakenRow]) -> Vec<Quarter> {
    let mut quarters = BTreeMap::new();
    for row in rows {
        let bucket = bucket(row.used_at);
        let empty = Quarter {
            user: row.user,
            bucket,
            node_client: row.node_client,
            raw_upload: 0,
            raw_download: 0,
            factored_upload: Factored::default(),
            factored_download: Factored::default(),
            last_used_at: row.used_at,
        };
        let sum = quarters
            .entry((row.user, bucket, row.node_client))
            .or_insert(empty);
        sum.raw_upload += u128::from(row.upload);
        sum.raw_download += u128::from(row.download);
        sum.factored_upload += row.factored_upload();
        sum.factored_download += row.factored_download();
        sum.last_used_at = sum.last_used_at.max(row.used_at);
    }
    quarters.into_values().collect()
}

/// The beginning of the quarter of an hour, in UTC.
fn bucket(moment: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = moment.timestamp();
    let begin = seconds - seconds.rem_euclid(QUARTER_SECONDS);
    // No moment that there is has a quarter that does not begin.
    DateTime::from_timestamp(begin, 0).unwrap_or(moment)
}

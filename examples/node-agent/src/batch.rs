//! Usage that is added up before it is reported.

use std::collections::HashMap;

use telecom_proto::v1::UsageRow;
use uuid::Uuid;

/// The most rows a report may have.
pub const MAX_ROWS: usize = 10_000;
/// The most bytes a row may have in one direction.
pub const MAX_BYTES: i64 = 1 << 50;

/// A subscriber, a node client, a second.
type Key = (Uuid, i32, i64);

/// The rows of the next report: those of one subscriber, node client and second are one.
///
/// No more is put together: factors, hours, and the packages that usage is charged to change at moments.
#[derive(Debug, Default)]
pub struct Batch {
    rows: Vec<UsageRow>,
    places: HashMap<Key, usize>,
}

impl Batch {
    /// Adds usage. Bytes are 0 to [`MAX_BYTES`].
    pub fn add(&mut self, user: Uuid, row: UsageRow) {
        let used_at = row.used_at.unwrap_or_default();
        let key = (user, row.node_client_id, used_at.seconds);
        if let Some(sum) = self.places.get(&key).and_then(|at| self.rows.get_mut(*at)) {
            let upload = sum.upload_bytes + row.upload_bytes;
            let download = sum.download_bytes + row.download_bytes;
            if upload <= MAX_BYTES && download <= MAX_BYTES {
                (sum.upload_bytes, sum.download_bytes) = (upload, download);
                return;
            }
        }
        self.places.insert(key, self.rows.len());
        self.rows.push(row);
    }

    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a report can hold no more.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= MAX_ROWS
    }

    /// The rows, which are then no longer here.
    pub fn take(&mut self) -> Vec<UsageRow> {
        self.places.clear();
        std::mem::take(&mut self.rows)
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    fn row(client: i32, at: i64, upload: i64, download: i64) -> UsageRow {
        UsageRow {
            user_id: Uuid::nil().to_string(),
            node_client_id: client,
            used_at: Some(Timestamp {
                seconds: at,
                nanos: 5,
            }),
            upload_bytes: upload,
            download_bytes: download,
        }
    }

    #[test]
    fn rows_of_a_second_are_one_until_they_are_too_large() {
        let mut batch = Batch::default();
        for more in [
            row(1, 10, 1, 2),
            row(1, 10, 3, 4),
            row(1, 11, 5, 6),
            row(2, 10, 7, 8),
            row(2, 10, MAX_BYTES, 1),
            row(2, 10, 0, 1),
        ] {
            batch.add(Uuid::nil(), more);
        }
        let expected = [
            row(1, 10, 4, 6),
            row(1, 11, 5, 6),
            row(2, 10, 7, 8),
            row(2, 10, MAX_BYTES, 2),
        ];
        assert_eq!(batch.take(), expected);
        assert!(batch.is_empty());
        batch.add(Uuid::nil(), row(1, 10, 1, 1));
        assert_eq!(batch.take(), [row(1, 10, 1, 1)]);
    }
}

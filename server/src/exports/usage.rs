//! What subscribers used, as it is exported: by day, then subscriber, node client and node server.

use chrono::NaiveDate;
use uuid::Uuid;

use super::{ExportDays, Field, Line, day, opaque, understood};
use crate::nodes::{NodeClientId, NodeServerId};
use crate::users::UserId;

/// What a subscriber used in a day of UTC by one node client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailySum {
    /// The day.
    pub day: NaiveDate,
    /// Who.
    pub user: UserId,
    /// By which node client.
    pub node_client: NodeClientId,
    /// On which node server.
    pub node_server: NodeServerId,
    /// Bytes to and from the network, as digits: they may be more than 64 bits hold.
    pub raw: [String; 2],
    /// Billed bytes to and from the network, as digits.
    pub billed: [String; 2],
}

/// After which sum an export goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageCursor {
    /// Its day.
    pub day: NaiveDate,
    /// Whose it is.
    pub user: UserId,
    /// Its node client.
    pub node_client: i32,
    /// Its node server.
    pub node_server: i32,
}

/// Tells cursors of different exports apart.
const KIND: &str = "usage";

impl UsageCursor {
    /// Before all of a day: numbers of nodes begin at 1.
    pub fn at(day: NaiveDate) -> Self {
        Self {
            day,
            user: UserId(Uuid::nil()),
            node_client: 0,
            node_server: 0,
        }
    }

    /// As callers see it.
    pub fn opaque(&self) -> String {
        opaque(&(
            KIND,
            self.day.to_string(),
            self.user.0,
            self.node_client,
            self.node_server,
        ))
    }

    /// The cursor that a caller has, if it is one of an export of these days.
    pub fn understood(text: &str, days: ExportDays) -> Option<Self> {
        let (kind, date, user, node_client, node_server): (String, String, _, _, _) =
            understood(text)?;
        let cursor = Self {
            day: day(&date)?,
            user: UserId(user),
            node_client,
            node_server,
        };
        let inside = (days.first()..=days.last()).contains(&cursor.day);
        (kind == KIND && inside).then_some(cursor)
    }
}

impl Line for DailySum {
    const COLUMNS: &'static [&'static str] = &[
        "day",
        "user_id",
        "node_client_id",
        "node_server_id",
        "raw_upload_bytes",
        "raw_download_bytes",
        "billed_upload_bytes",
        "billed_download_bytes",
    ];

    fn fields(self) -> Vec<Field> {
        let [raw_upload, raw_download] = self.raw.map(Field::Text);
        let [billed_upload, billed_download] = self.billed.map(Field::Text);
        vec![
            Field::Text(self.day.to_string()),
            Field::Text(self.user.to_string()),
            Field::Number(self.node_client.0.into()),
            Field::Number(self.node_server.0.into()),
            raw_upload,
            raw_download,
            billed_upload,
            billed_download,
        ]
    }

    fn cursor(&self) -> String {
        let cursor = UsageCursor {
            day: self.day,
            user: self.user,
            node_client: self.node_client.0,
            node_server: self.node_server.0,
        };
        cursor.opaque()
    }
}

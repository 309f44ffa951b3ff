//! What a subscriber's app shows of their traffic: charts of a day, a week and a month, the nodes they use most.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::Rng as _;
use telecom_node_agent::access::Key;
use telecom_proto::v1::export_user_response::Record;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::user_manage_client::UserManageClient;
use telecom_proto::v1::{
    ExportUserRequest, GetRecentTrafficUsageRequest, ListUsuallyUsedNodesRequest, PackageUsage,
    RecentRange, RecentTrafficUsageResponse, TrafficBucket, UsageRow,
};
use tonic::transport::Channel;
use uuid::Uuid;

use super::chart::{Ink, bar, bytes, colours, columns as chart, ink};
use super::table::columns;
use super::traffic::row;
use crate::telecom::with_token;

/// Days of the past that usage is made up for; nodes may report no more than seven.
const DAYS: u64 = 6;
/// How busy each hour of a day is, from midnight.
const SHAPE: [u64; 24] = [
    12, 8, 5, 3, 2, 2, 5, 12, 20, 22, 24, 26, 30, 28, 26, 27, 30, 38, 50, 64, 72, 66, 44, 24,
];

/// The app of one subscriber.
pub struct App {
    channel: Channel,
    token: String,
    user: Uuid,
    zone: &'static str,
}

impl App {
    /// Of a subscriber who lives in this time zone.
    pub fn new(channel: Channel, token: String, user: Uuid, zone: &'static str) -> Self {
        Self {
            channel,
            token,
            user,
            zone,
        }
    }

    async fn recent(&self, range: RecentRange) -> Result<RecentTrafficUsageResponse> {
        let request = GetRecentTrafficUsageRequest {
            range: range.into(),
            time_zone: self.zone.to_owned(),
            user_id: self.user.to_string(),
        };
        let mut client = TelecomClient::new(self.channel.clone());
        let reply = client
            .get_recent_traffic_usage(with_token(request, &self.token)?)
            .await;
        Ok(reply.context("GetRecentTrafficUsage")?.into_inner())
    }

    /// Usage of the days before, through these node clients in turn; none when there is some.
    pub async fn past(&self, clients: &[i32]) -> Result<Vec<UsageRow>> {
        let week = self.recent(RecentRange::Week).await?.raw;
        if clients.is_empty() || week.iter().take(6).any(|day| sum(day) > 0) {
            return Ok(Vec::new());
        }
        let zone = TimeZone::get(self.zone)?;
        let now = SystemTime::now();
        let mut rows = Vec::new();
        for hours in 1..=DAYS * 24 {
            let at = now - Duration::from_hours(hours);
            let local = Timestamp::try_from(at)?.to_zoned(zone.clone());
            let busy = SHAPE[usize::try_from(local.hour())?];
            let mut random = rand::rng();
            for (place, client) in clients.iter().enumerate() {
                let share = 10_000_000 / (place as u64 + 1);
                let key: Key = (self.user, *client);
                rows.push(row(
                    key,
                    at,
                    busy * random.random_range(share / 2..share * 2),
                ));
            }
        }
        Ok(rows)
    }

    /// 24 hours, 7 days, 30 days.
    pub async fn charts(&self) -> Result<String> {
        let zone = TimeZone::get(self.zone)?;
        let mut text = String::new();
        for (range, title, format, every, width) in [
            (RecentRange::Day, "24 hours", "%H", 3, 3),
            (RecentRange::Week, "7 days", "%a %d", 1, 10),
            (RecentRange::Month, "30 days", "%d", 3, 3),
        ] {
            let shown = self.recent(range).await?;
            let labels = label(&shown.raw, &zone, format, every)?;
            let values: Vec<_> = shown.raw.iter().map(sum).collect();
            let billed: u64 = shown.actually_billed.iter().map(sum).sum();
            let title = ink(title, Ink::Strong, colours());
            let raw = bytes(values.iter().sum());
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {title}: {raw} through the nodes, {} billed\n",
                bytes(billed)
            );
            text += &chart(&values, &labels, width, 6, colours());
            text.push('\n');
        }
        Ok(text)
    }

    /// The nodes that they use most.
    pub async fn nodes(&self) -> Result<String> {
        let request = ListUsuallyUsedNodesRequest {
            user_id: self.user.to_string(),
        };
        let mut client = TelecomClient::new(self.channel.clone());
        let reply = client
            .list_usually_used_nodes(with_token(request, &self.token)?)
            .await;
        let nodes = reply.context("ListUsuallyUsedNodes")?.into_inner().nodes;
        let most = nodes
            .iter()
            .map(|node| node.billed_traffic)
            .max()
            .unwrap_or(0);
        let rows: Vec<_> = nodes
            .iter()
            .map(|node| {
                [
                    node.node_name.clone(),
                    bytes(node.upload_bytes),
                    bytes(node.download_bytes),
                    bytes(node.billed_traffic),
                    ink(&bar(node.billed_traffic, most, 30), Ink::Bar, colours()),
                ]
            })
            .collect();
        let headings = ["USUALLY USED", "UP", "DOWN", "BILLED", ""];
        Ok(columns(headings, [false, true, true, true, false], &rows))
    }

    /// What became of their bytes, from the export of all that is known of them.
    pub async fn charged(&self) -> Result<String> {
        let request = ExportUserRequest {
            id: self.user.to_string(),
        };
        let mut client = UserManageClient::new(self.channel.clone());
        let reply = client.export_user(with_token(request, &self.token)?).await;
        let mut records = reply.context("ExportUser")?.into_inner();
        let mut sums: Vec<(i64, PackageUsage)> = Vec::new();
        while let Some(record) = records.message().await? {
            let Some(Record::PackageUsage(hour)) = record.record else {
                continue;
            };
            let package = hour.queued_package_id;
            if let Some((_, sum)) = sums.iter_mut().find(|(id, _)| *id == package) {
                sum.charged_bytes += hour.charged_bytes;
                sum.overage_bytes += hour.overage_bytes;
                sum.uncounted_bytes += hour.uncounted_bytes;
                sum.unassigned_bytes += hour.unassigned_bytes;
            } else {
                sums.push((package, hour));
            }
        }
        let row = |(package, sum): &(i64, PackageUsage)| {
            [
                if *package == 0 {
                    "none at that time".to_owned()
                } else {
                    format!("order {package}")
                },
                bytes(sum.charged_bytes),
                bytes(sum.overage_bytes),
                bytes(sum.uncounted_bytes),
                bytes(sum.unassigned_bytes),
            ]
        };
        let rows: Vec<_> = sums.iter().map(row).collect();
        let headings = ["PACKAGE", "CHARGED", "OVERAGE", "NOT COUNTED", "UNASSIGNED"];
        Ok(columns(headings, [false, true, true, true, true], &rows))
    }
}

fn sum(bucket: &TrafficBucket) -> u64 {
    bucket.upload_bytes + bucket.download_bytes
}

/// The clock's or calendar's word for every so manieth bucket.
fn label(
    buckets: &[TrafficBucket],
    zone: &TimeZone,
    format: &str,
    every: usize,
) -> Result<Vec<String>> {
    let label = |(place, bucket): (usize, &TrafficBucket)| {
        if place % every > 0 {
            return Ok(String::new());
        }
        let start = bucket.bucket_start.unwrap_or_default();
        let start = Timestamp::new(start.seconds, start.nanos)?.to_zoned(zone.clone());
        Ok(start.strftime(format).to_string())
    };
    buckets.iter().enumerate().map(label).collect()
}

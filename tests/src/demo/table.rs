//! Tables for people: node servers, and any other rows.

use std::fmt::Write as _;
use std::time::SystemTime;

use telecom_proto::v1::{NodeStatus, ShowNodeServerResponse};

const HEADINGS: [&str; 9] = [
    "NAME", "COUNTRY", "PLACE", "ROUTE", "STATUS", "CPU", "RX", "SESSIONS", "SEEN",
];
/// Words to the left, figures to the right.
const RIGHT: [bool; 9] = [false, false, false, false, false, true, true, true, true];

/// One line for each node server, under headings, indented by two.
pub fn render(nodes: &[ShowNodeServerResponse], now: SystemTime) -> String {
    let rows: Vec<_> = nodes.iter().map(|node| row(node, now)).collect();
    columns(HEADINGS, RIGHT, &rows)
}

/// Rows under headings, indented by two; `right` are those with figures.
pub fn columns<const N: usize>(
    headings: [&str; N],
    right: [bool; N],
    rows: &[[String; N]],
) -> String {
    let mut widths = headings.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    line(&mut table, &headings.map(str::to_owned), &widths, &right);
    for row in rows {
        line(&mut table, row, &widths, &right);
    }
    table
}

fn line(table: &mut String, cells: &[String], widths: &[usize], right: &[bool]) {
    let mut text = String::new();
    for ((cell, &width), &right) in cells.iter().zip(widths).zip(right) {
        // Writing to a String cannot fail.
        let _ = if right {
            write!(text, "  {cell:>width$}")
        } else {
            write!(text, "  {cell:<width$}")
        };
    }
    table.push_str(text.trim_end());
    table.push('\n');
}

fn row(node: &ShowNodeServerResponse, now: SystemTime) -> [String; 9] {
    let server = node.node_server.clone().unwrap_or_default();
    let status = status(server.status());
    let config = server.config.unwrap_or_default();
    let sample = node.performance.as_ref();
    let figure = |read: &dyn Fn(&telecom_proto::v1::PerformanceSample) -> String| {
        sample.map_or_else(|| "-".to_owned(), read)
    };
    [
        config.name,
        config.country,
        config.location,
        config.route_class,
        status.to_owned(),
        figure(&|sample| format!("{:.0} %", sample.cpu_usage_ratio * 100.0)),
        figure(&|sample| bits_per_second(sample.rx_bps)),
        figure(&|sample| sample.sessions.to_string()),
        server
            .last_online_at
            .map_or_else(|| "never".to_owned(), |seen| ago(seen, now)),
    ]
}

/// The one word for a status.
pub fn status(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Unspecified => "?",
        NodeStatus::Online => "Online",
        NodeStatus::Offline => "Offline",
        NodeStatus::Maintenance => "Maintenance",
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "one digit after the point is shown"
)]
pub(super) fn bits_per_second(bps: u64) -> String {
    match bps {
        0..1_000_000 => format!("{:.1} kbit/s", bps as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} Mbit/s", bps as f64 / 1e6),
        _ => format!("{:.1} Gbit/s", bps as f64 / 1e9),
    }
}

fn ago(seen: prost_types::Timestamp, now: SystemTime) -> String {
    let seen = SystemTime::try_from(seen).unwrap_or(now);
    // The server's clock may be ahead of ours.
    let seconds = now.duration_since(seen).unwrap_or_default().as_secs();
    format!("{seconds} s ago")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use telecom_proto::v1::{NodeServer, PerformanceSample};

    use super::*;
    use crate::demo::catalogue::node_servers;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_table_lines_up() {
        let mut nodes: Vec<_> = node_servers()
            .into_iter()
            .skip(14)
            .take(3)
            .map(|config| ShowNodeServerResponse {
                node_server: Some(NodeServer {
                    config: Some(config),
                    status: NodeStatus::Online.into(),
                    last_online_at: Some(at(1_000).into()),
                    ..Default::default()
                }),
                performance: Some(PerformanceSample {
                    cpu_usage_ratio: 0.416,
                    rx_bps: 7_654_000_000,
                    sessions: 3_210,
                    ..Default::default()
                }),
                ..Default::default()
            })
            .collect();
        nodes[1].performance = None;
        if let Some(server) = nodes[1].node_server.as_mut() {
            server.set_status(NodeStatus::Offline);
            server.last_online_at = None;
        }
        insta::assert_snapshot!(render(&nodes, at(1_012)), @r"
        NAME   COUNTRY  PLACE         ROUTE     STATUS    CPU          RX  SESSIONS      SEEN
        gru-1  BR       São Paulo     standard  Online   42 %  7.7 Gbit/s      3210  12 s ago
        jnb-1  ZA       Johannesburg  economy   Offline     -           -         -     never
        bom-1  IN       Mumbai        economy   Online   42 %  7.7 Gbit/s      3210  12 s ago
        ");
    }

    #[test]
    fn rates_have_their_unit() {
        let rates = [0, 999_949, 1_000_000, 25_300_000, 7_650_000_000].map(bits_per_second);
        assert_eq!(
            rates,
            [
                "0.0 kbit/s",
                "999.9 kbit/s",
                "1.0 Mbit/s",
                "25.3 Mbit/s",
                "7.7 Gbit/s"
            ]
        );
    }
}

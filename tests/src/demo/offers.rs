//! What is sold, what is in queues and what a subscriber sees, as tables for people.

use std::collections::HashMap;

use telecom_proto::v1::package_duration::Length;
use telecom_proto::v1::{
    Node, Package, PackageConfig, PackageSeries, QueuedPackageCount, QueuedPackageStatus, Quota,
    QuotaKind,
};

use super::table::{bits_per_second, columns, status};

/// One line for each package, by series.
pub fn packages(series: &[PackageSeries], packages: &[Package]) -> String {
    let names = names(series);
    let rows: Vec<_> = packages
        .iter()
        .filter_map(|package| package.config.clone())
        .map(|config| {
            let series = names.get(&config.series_id).copied().unwrap_or_default();
            row(series, config)
        })
        .collect();
    let headings = ["SERIES", "PACKAGE", "QUOTA", "LASTS", "SPEED"];
    columns(headings, [false, false, true, true, true], &rows)
}

fn row(series: &str, config: PackageConfig) -> [String; 5] {
    [
        series.to_owned(),
        config.name,
        quota(config.quota.unwrap_or_default()),
        lasts(config.duration.and_then(|duration| duration.length)),
        speed(config.speed_limit_bps),
    ]
}

fn quota(quota: Quota) -> String {
    let gigabytes = quota.bytes / 1_000_000_000;
    let each = if quota.monthly_reset { " a month" } else { "" };
    match quota.kind() {
        QuotaKind::Total => format!("{gigabytes} GB{each}"),
        QuotaKind::Download => format!("{gigabytes} GB down{each}"),
        QuotaKind::Unlimited => "unlimited".to_owned(),
        QuotaKind::Unspecified => "?".to_owned(),
    }
}

fn lasts(length: Option<Length>) -> String {
    match length {
        Some(Length::Months(1)) => "1 month".to_owned(),
        Some(Length::Months(months)) => format!("{months} months"),
        Some(Length::Seconds(time)) if time.seconds / 86_400 == 1 => "1 day".to_owned(),
        Some(Length::Seconds(time)) => format!("{} days", time.seconds / 86_400),
        None => "?".to_owned(),
    }
}

fn speed(bps: u64) -> String {
    if bps == 0 {
        "no limit".to_owned()
    } else {
        bits_per_second(bps)
    }
}

/// One line for each series: how many of its packages are in use, wait, and have ended.
pub fn queues(series: &[PackageSeries], counts: &[QueuedPackageCount]) -> String {
    let rows: Vec<_> = series
        .iter()
        .map(|series| {
            let count = |statuses: &[QueuedPackageStatus]| {
                let of_series = counts.iter().filter(|count| count.series_id == series.id);
                let counted = of_series.filter(|count| statuses.contains(&count.status()));
                counted.map(|count| count.count).sum::<u64>().to_string()
            };
            [
                series.config.clone().unwrap_or_default().name,
                count(&[QueuedPackageStatus::Active]),
                count(&[QueuedPackageStatus::Queued]),
                count(&[
                    QueuedPackageStatus::Exhausted,
                    QueuedPackageStatus::Expired,
                    QueuedPackageStatus::Cancelled,
                ]),
            ]
        })
        .collect();
    let headings = ["SERIES", "ACTIVE", "QUEUED", "ENDED"];
    columns(headings, [false, true, true, true], &rows)
}

/// One line for each node that a subscriber's app shows.
pub fn nodes(nodes: &[Node]) -> String {
    let rows: Vec<_> = nodes
        .iter()
        .map(|node| {
            [
                node.name.clone(),
                node.location.clone(),
                node.route_class.clone(),
                status(node.status()).to_owned(),
                factor(node.traffic_factor_millionths),
                speed(node.speed_limit_bps),
            ]
        })
        .collect();
    let headings = ["NODE", "PLACE", "ROUTE", "STATUS", "COUNTS", "SPEED"];
    columns(headings, [false, false, false, false, true, true], &rows)
}

/// What traffic counts, such as `1.5 x`.
pub(super) fn factor(millionths: u64) -> String {
    let (whole, tenths) = (millionths / 1_000_000, millionths / 100_000 % 10);
    format!("{whole}.{tenths} x")
}

fn names(series: &[PackageSeries]) -> HashMap<i32, &str> {
    let named = series.iter();
    let named = named.filter_map(|series| Some((series.id, series.config.as_ref()?.name.as_str())));
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::market;

    #[test]
    fn packages_line_up_under_their_series() {
        let series: Vec<_> = market::series(&[])
            .into_iter()
            .zip(1..)
            .map(|(config, id)| PackageSeries {
                id,
                config: Some(config),
                ..Default::default()
            })
            .collect();
        let sold: Vec<_> = market::packages()
            .into_iter()
            .map(|(name, config)| {
                let series_id = if name == "Home" { 1 } else { 2 };
                Package {
                    config: Some(PackageConfig {
                        series_id,
                        ..config
                    }),
                    ..Default::default()
                }
            })
            .collect();
        insta::assert_snapshot!(packages(&series, &sold), @r"
        SERIES  PACKAGE                    QUOTA      LASTS         SPEED
        Home    Home 50                    50 GB    30 days   50.0 Mbit/s
        Home    Home 200 a month  200 GB a month  12 months  100.0 Mbit/s
        World   World day                   2 GB      1 day   20.0 Mbit/s
        World   World 20              20 GB down    1 month  100.0 Mbit/s
        World   World flat             unlimited    1 month      no limit
        ");
    }
}

//! What bytes count, from the node's report to the sums that are billed.

use std::time::SystemTime;

use super::{Site, subscribers};
use crate::server::node_clients::set_factor;

/// Raw and factored uploads of all quarters, and the whole bytes that may be billed of each.
const SUMS: &str =
    "SELECT sum(raw_upload), sum(factored_upload), sum(floor(factored_upload)) FROM usage_quarter";

#[tokio::test]
async fn a_hundred_rows_of_one_byte_count_as_much_as_one_of_a_hundred() {
    for (millionths, sums) in [
        (0, "100|0.000000|0"),
        (10_000, "100|1.000000|1"),
        (1_500_000, "100|150.000000|150"),
    ] {
        let site = Site::with_factor(millionths).await;
        let alice = &subscribers(&site.server, 1).await[0];
        // All of one moment, so that they are of one quarter of an hour.
        let row = site.row(alice, 1, 0);
        site.report(0, vec![row.clone(); 50]).await;
        for seq in 1..=50 {
            site.report(seq, vec![row.clone()]).await;
        }
        assert_eq!(site.sql(SUMS), sums, "{millionths}");
    }
}

#[tokio::test]
async fn a_factor_counts_from_its_moment_within_the_hour() {
    let site = Site::with_factor(500_000).await;
    let alice = &subscribers(&site.server, 1).await[0];
    set_factor(&site.server, site.client, 3_000_000, None)
        .await
        .unwrap();
    let seconds = "SELECT extract(epoch FROM max(valid_from)) * 1000000 FROM node_client_factor";
    let micros: f64 = site.sql(seconds).parse().unwrap();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time after 1970"
    )]
    let moment =
        |micros: f64| SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(micros as u64);
    let at = |micros: f64, bytes| {
        let mut row = site.row(alice, bytes, 0);
        row.used_at = Some(moment(micros).into());
        row
    };
    let rows = vec![at(micros - 1.0, 1_000), at(micros, 10), at(micros - 6e9, 7)];
    site.report(1, rows).await;
    // 1000 and 7 bytes count half, before the first factor too; ten count three times.
    assert_eq!(site.sql(SUMS).split_once("|53").unwrap().0, "1017");
    let exact = "SELECT sum(factored_upload) FROM usage_quarter";
    assert_eq!(site.sql(exact), "533.500000");
}

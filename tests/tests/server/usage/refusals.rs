//! Rows that cannot be taken, one by one, and reports that cannot be looked at.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use telecom_proto::v1::{
    EraseUserRequest, RefusalReason, ReportUsageRequest, SuspendUserRequest, UsageRow,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{Site, node_client, refused, report, subscribers};
use crate::server::process::{fields, reason};
use crate::server::users::users;

const DAY: Duration = Duration::from_hours(24);

fn at(mut row: UsageRow, at: SystemTime) -> UsageRow {
    row.used_at = Some(at.into());
    row
}

#[tokio::test]
async fn each_row_stands_for_itself_and_what_is_refused_is_kept_as_it_was_sent() {
    let site = Site::new().await;
    let (other, _) = site.server.node("fra-2").await;
    let foreign = node_client(&site.server, "dolomites", other.id, 1_000_000).await;
    let people = subscribers(&site.server, 3).await;
    let [alice, suspended, erased] = &people[..] else {
        panic!("three");
    };
    let mut admin = users(&site.server).await;
    let suspend = SuspendUserRequest {
        id: suspended.clone(),
        ..Default::default()
    };
    admin.suspend_user(suspend).await.unwrap();
    let erase = EraseUserRequest {
        id: erased.clone(),
        ..Default::default()
    };
    admin.erase_user(erase).await.unwrap();

    let (now, most) = (SystemTime::now(), 1_i64 << 50);
    let mut timeless = site.row(alice, 1, 1);
    timeless.used_at = None;
    let mut elsewhere = site.row(alice, 1, 1);
    elsewhere.node_client_id = foreign;
    let stranger = "0190f3a1-7c11-7cc3-98c4-00000000ffff";
    let cases = [
        (site.row(alice, 1, 1), None),
        (site.row(suspended, 1, 1), None),
        (site.row(alice, most, most), None),
        (at(site.row(alice, 1, 1), now - DAY * 6), None),
        (at(site.row(alice, 1, 1), now + DAY / 2), None),
        (site.row(erased, 1, 1), Some(RefusalReason::UserErased)),
        (site.row(stranger, 1, 1), Some(RefusalReason::UserUnknown)),
        (
            site.row("\0 nobody", 1, 1),
            Some(RefusalReason::UserInvalid),
        ),
        (
            site.row(&"x".repeat(5000), 1, 1),
            Some(RefusalReason::UserInvalid),
        ),
        (elsewhere, Some(RefusalReason::NodeClientUnknown)),
        (timeless, Some(RefusalReason::TimeInvalid)),
        (site.row(alice, most + 1, 0), Some(RefusalReason::TooLarge)),
        (
            site.row(alice, i64::MAX, i64::MAX),
            Some(RefusalReason::TooLarge),
        ),
        (site.row(alice, -1, 0), Some(RefusalReason::Negative)),
        (site.row(alice, 0, i64::MIN), Some(RefusalReason::Negative)),
        (
            at(site.row(alice, 1, 1), now - DAY * 8),
            Some(RefusalReason::TooOld),
        ),
        (
            at(site.row(alice, 1, 1), now - DAY * 3653),
            Some(RefusalReason::TooOld),
        ),
        (
            at(site.row(alice, 1, 1), now + DAY * 2),
            Some(RefusalReason::TooNew),
        ),
        (
            at(site.row(alice, 1, 1), now + DAY * 3653),
            Some(RefusalReason::TooNew),
        ),
    ];
    let expected: BTreeMap<_, _> = (0..)
        .zip(&cases)
        .filter_map(|(place, (_, reason))| Some((place, (*reason)?)))
        .collect();
    let rows = cases.map(|(row, _)| row);
    let response = site.report(1, rows.to_vec()).await;
    assert_eq!((response.accepted, refused(&response)), (5, expected));

    assert_eq!(site.counts()[..2], [1, 5]);
    assert_eq!(site.counts()[3], 14);
    let kept = site.sql(
        "SELECT place, reason, length(user_id), upload, download, used_at IS NULL \
         FROM usage_refused WHERE place IN (7, 8, 10, 12, 14) ORDER BY place",
    );
    let lines = [
        "7|user_invalid|7|1|1|f".to_owned(),
        "8|user_invalid|64|1|1|f".to_owned(),
        "10|time_invalid|36|1|1|t".to_owned(),
        format!("12|too_large|36|{0}|{0}|f", i64::MAX),
        format!("14|negative|36|0|{}|f", i64::MIN),
    ];
    assert_eq!(kept, lines.join("\n"));
    // The clock that was ahead gave way, and shows.
    let ahead =
        "SELECT count(*), bool_and(used_at = reported_at) FROM traffic_usage WHERE clock_ahead";
    assert_eq!(site.sql(ahead), "1|t");
    let node = "SELECT DISTINCT node_server_id FROM usage_quarter";
    assert_eq!(site.sql(node), site.node.to_string());
}

#[tokio::test]
async fn a_report_that_cannot_be_leaves_nothing() {
    let site = Site::new().await;
    let alice = &subscribers(&site.server, 1).await[0];
    let row = || site.row(alice, 1, 1);
    let with = |boot_id: &str, seq| ReportUsageRequest {
        boot_id: boot_id.to_owned(),
        ..report(seq, vec![row()])
    };
    for (name, request, field) in [
        ("no rows", report(1, Vec::new()), "rows"),
        ("10 001 rows", report(1, vec![row(); 10_001]), "rows"),
        ("a number too far", with("boot", 1 << 63), "seq"),
        ("no boot", with("", 1), "boot_id"),
        ("a boot with a space", with("a b", 1), "boot_id"),
    ] {
        let refused = site.agent().await.report_usage(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(fields(&refused), [field], "{name}");
        assert_eq!(reason(&refused), "FIELD_INVALID", "{name}");
    }
    assert_eq!(site.counts(), [0, 0, 0, 0]);

    let most = site.report(1, vec![row(); 10_000]).await;
    assert_eq!((most.accepted, most.refused.len()), (10_000, 0));
    assert_eq!(
        site.sql("SELECT sum(raw_upload) FROM usage_quarter"),
        "10000"
    );
    let zero = site.report(0, vec![site.row(alice, 0, 0)]).await;
    assert_eq!(zero.accepted, 1);
}

#[tokio::test]
async fn while_there_is_no_partition_the_node_is_told_to_come_again() {
    let site = Site::new().await;
    let alice = &subscribers(&site.server, 1).await[0];
    let yesterday = SystemTime::now() - DAY;
    let request = report(1, vec![at(site.row(alice, 1, 1), yesterday)]);
    let drop = "DO $$ BEGIN EXECUTE 'DROP TABLE usage_quarter_' \
        || to_char(now() AT TIME ZONE 'UTC' - interval '1 day', 'YYYYMMDD'); END $$";
    site.sql(drop);

    let refused = site.agent().await.report_usage(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(reason(&refused), "PARTITION_MISSING");
    let details = refused.get_error_details();
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    assert_eq!(site.counts(), [0, 0, 0, 0], "as a whole or not at all");
}

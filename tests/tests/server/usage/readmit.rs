//! Refused rows, looked at and taken after all.

use telecom_proto::v1::{
    CreateUserRequest, ListRefusedUsageRequest, ReadmitUsageRequest, ReadmitUsageResponse,
    RefusalReason, RefusedUsage, StillRefused,
};
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::Code;

use super::{Site, subscribers};
use crate::server::process::{fields, reason};
use crate::server::users::{create, users};

const LATE: &str = "0190f3a1-7c11-7cc3-98c4-0000000000ff";

async fn list(site: &Site, request: ListRefusedUsageRequest) -> (Vec<RefusedUsage>, i64) {
    let token = tokens::of(Role::Support, "help");
    let mut support = site.server.manage_as(&token).await;
    let page = support
        .list_refused_usage(request)
        .await
        .unwrap()
        .into_inner();
    (page.refused, page.next_before_id)
}

async fn readmit(site: &Site, ids: &[i64]) -> Result<ReadmitUsageResponse, tonic::Status> {
    let request = ReadmitUsageRequest {
        node_server_id: site.node,
        ids: ids.to_vec(),
    };
    let readmitted = site.server.admin().await.readmit_usage(request).await?;
    Ok(readmitted.into_inner())
}

#[tokio::test]
async fn rows_of_a_subscriber_who_came_late_are_taken_once() {
    let site = Site::with_factor(1_500_000).await;
    let alice = &subscribers(&site.server, 1).await[0];
    let rows = vec![
        site.row(LATE, 1, 10),
        site.row(alice, -5, 0),
        site.row(alice, 0, 2),
        site.row(LATE, 2, 20),
    ];
    site.report(9, rows.clone()).await;
    let all = ListRefusedUsageRequest::default();
    let (refused, next) = list(&site, all).await;
    assert_eq!(next, 0);
    let places: Vec<_> = refused.iter().map(|row| (row.seq, row.index)).collect();
    assert_eq!(places, [(9, 3), (9, 1), (9, 0)], "the newest first");
    let newest = &refused[0];
    assert_eq!(newest.node_server_id, site.node);
    let (sent, kept) = (&rows[3], newest.row.as_ref().unwrap());
    assert_eq!(
        (&kept.user_id[..], kept.upload_bytes, kept.download_bytes),
        (LATE, 2, 20)
    );
    let (sent_at, kept_at) = (sent.used_at.unwrap(), kept.used_at.unwrap());
    assert_eq!(
        (sent_at.seconds, sent_at.nanos / 1000),
        (kept_at.seconds, kept_at.nanos / 1000)
    );
    let ids: Vec<_> = refused.iter().rev().map(|row| row.id).collect();

    // Still not.
    let none = readmit(&site, &ids).await.unwrap();
    assert!(none.readmitted_ids.is_empty());
    let still = |id, reason: RefusalReason| StillRefused {
        id,
        reason: reason.into(),
    };
    let unknown = |id| still(id, RefusalReason::UserUnknown);
    let negative = still(ids[1], RefusalReason::Negative);
    assert_eq!(
        none.still_refused,
        [unknown(ids[0]), negative, unknown(ids[2])]
    );

    let request = CreateUserRequest {
        id: LATE.to_owned(),
        ..Default::default()
    };
    create(&mut users(&site.server).await, request)
        .await
        .unwrap();
    for repetition in [false, true] {
        let taken = readmit(&site, &ids).await.unwrap();
        assert_eq!(taken.readmitted_ids, [ids[0], ids[2]], "{repetition}");
        assert_eq!(taken.still_refused, [negative], "{repetition}");
        let sums = "SELECT sum(raw_upload), sum(raw_download), sum(factored_download) \
            FROM usage_quarter";
        assert_eq!(site.sql(sums), "3|32|48.000000", "{repetition}");
    }
    assert_eq!(site.counts()[1], 3);

    // The node's repetition is answered as ever, and does not bring them in again.
    let again = site.report(9, rows).await;
    assert_eq!(
        (again.accepted, again.refused.len(), again.replayed),
        (1, 3, true)
    );
    assert_eq!(site.counts()[1], 3);
    let (open, _) = list(&site, all).await;
    assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[1]]);
    let log = site.sql(
        "SELECT count(*), string_agg(after::text, ' ' ORDER BY id) FROM audit_log \
         WHERE method = 'ReadmitUsage'",
    );
    let [first, last] = [ids[0], ids[2]];
    let expected = format!(
        "3|{{\"readmitted\": [], \"still_refused\": 3}} \
         {{\"readmitted\": [{first}, {last}], \"still_refused\": 1}} \
         {{\"readmitted\": [], \"still_refused\": 1}}"
    );
    assert_eq!(log, expected);
}

#[tokio::test]
async fn the_list_is_filtered_and_comes_in_pages() {
    let site = Site::new().await;
    let alice = &subscribers(&site.server, 1).await[0];
    for seq in 0..5 {
        site.report(seq, vec![site.row(alice, -1, 0), site.row("x", 1, 0)])
            .await;
    }
    let request = ListRefusedUsageRequest {
        node_server_id: site.node,
        reason: RefusalReason::Negative.into(),
        limit: 2,
        ..Default::default()
    };
    let (mut seen, mut before_id) = (Vec::new(), 0);
    loop {
        let (page, next) = list(
            &site,
            ListRefusedUsageRequest {
                before_id,
                ..request
            },
        )
        .await;
        assert!(
            page.iter()
                .all(|row| row.reason() == RefusalReason::Negative)
        );
        seen.extend(page.iter().map(|row| row.seq));
        before_id = next;
        if next == 0 {
            break;
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
    let elsewhere = ListRefusedUsageRequest {
        node_server_id: site.node + 1,
        ..request
    };
    assert_eq!(list(&site, elsewhere).await.0, []);
}

#[tokio::test]
async fn what_cannot_be_readmitted_is_named() {
    let site = Site::new().await;
    site.report(1, vec![site.row("x", 1, 0)]).await;
    let (rows, _) = list(&site, ListRefusedUsageRequest::default()).await;
    let id = rows[0].id;
    for (name, ids) in [("none", vec![]), ("zero", vec![0]), ("many", vec![id; 501])] {
        let refused = readmit(&site, &ids).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec!["ids".into()]),
            "{name}"
        );
    }
    let missing = readmit(&site, &[id, id + 1]).await.unwrap_err();
    assert_eq!(reason(&missing), "REFUSED_USAGE_NOT_FOUND");
    let (other, _) = site.server.node("fra-2").await;
    for (node, expected) in [
        (other.id, "REFUSED_USAGE_NOT_FOUND"),
        (999, "NODE_SERVER_NOT_FOUND"),
    ] {
        let request = ReadmitUsageRequest {
            node_server_id: node,
            ids: vec![id],
        };
        let refused = site.server.admin().await.readmit_usage(request).await;
        assert_eq!(reason(&refused.unwrap_err()), expected);
    }
}

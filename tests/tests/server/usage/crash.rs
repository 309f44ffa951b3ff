//! A server that is killed at any moment: what it has acknowledged is there, and nothing is there twice.

use std::time::Duration;

use telecom_proto::v1::stream_usage_response::Outcome;

use super::stream::Reports;
use super::{Site, report, subscribers};
use crate::server::process::Server;

#[tokio::test]
async fn what_is_acknowledged_survives_kill_and_what_is_not_is_sent_again() {
    const REPORTS: u64 = 120;
    const KILLS: u64 = 6;
    let mut site = Site::new().await;
    let people = subscribers(&site.server, 20).await;
    let rows: Vec<_> = people.iter().map(|id| site.row(id, 1, 3)).collect();
    let mut spool: Vec<_> = (0..REPORTS).map(|seq| report(seq, rows.clone())).collect();
    let (mut kills, mut acknowledged) = (0, 0);
    while !spool.is_empty() {
        let mut reports = Reports::open(&mut site.agent().await).await;
        while let Some(request) = spool.first() {
            if !reports.send(request.clone()).await {
                break;
            }
            // While it is on its way, being worked on, or just done.
            if kills < KILLS && acknowledged >= 15 * (kills + 1) {
                tokio::time::sleep(Duration::from_millis(1 << kills) / 2).await;
                site.server.signal("KILL").await;
                kills += 1;
            }
            match reports.answer().await {
                Ok(Some(answer)) => {
                    let taken = matches!(answer.outcome, Some(Outcome::Taken(_)));
                    assert!(taken, "{answer:?}");
                    assert_eq!(answer.seq, request.seq);
                    spool.remove(0);
                    acknowledged += 1;
                }
                Ok(None) | Err(_) => break,
            }
        }
        let stored = site.counts()[0];
        assert!(stored >= acknowledged, "{stored} of {acknowledged}");
        if !spool.is_empty() {
            site.server = Server::launch(&site.database.url, &[], &["serve"]).await;
            site.server.until_ready().await;
        }
    }
    assert_eq!(kills, KILLS);
    let rows = REPORTS * 20;
    assert_eq!(site.counts()[..2], [REPORTS, rows]);
    let sums = "SELECT sum(raw_upload), sum(raw_download) FROM usage_quarter";
    assert_eq!(site.sql(sums), format!("{rows}|{}", 3 * rows));
}

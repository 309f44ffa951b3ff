//! What an agent does with reports and rows that are not taken, a full spool, another token, bad lines.

use prost::Message as _;
use serde_json::json;
use telecom_proto::v1::{ReportUsageRequest, RotateTokenRequest};
use telecom_spool::Spool;

use super::{Home, NodeAgent};
use crate::server::process::eventually;
use crate::server::usage::{Site, report, subscribers};

#[tokio::test]
async fn what_can_never_be_taken_is_put_aside_and_holds_up_nothing() {
    let site = Site::new().await;
    let user = subscribers(&site.server, 1).await.remove(0);
    // The server knows the number; the spool has other rows under it, then a report like any other.
    site.report(1, vec![site.row(&user, 1, 0)]).await;
    let home = Home::new(&site.token);
    let (mut spool, _) = Spool::open(&home.data(), 1 << 20).unwrap();
    for (seq, bytes) in [(1, 2), (2, 10), (3, 100)] {
        let report = report(seq, vec![site.row(&user, bytes, 0)]);
        spool.append(&report.encode_to_vec()).unwrap();
    }
    drop(spool);

    let mut agent = NodeAgent::start(&site.server, &home, &[]);
    let (rejected, _) = agent.heard(0, |line| line["event"] == "rejected").await;
    assert_eq!(rejected["seq"], 1);
    let stranger = uuid::Uuid::new_v4().to_string();
    agent.used(&stranger, site.client, 5, 5).await;
    agent.used(&user, site.client, 1000, 0).await;
    let (refused, _) = agent.heard(0, |line| line["event"] == "refused").await;
    let expected = json!({"event": "refused", "user_id": stranger,
        "node_client_id": site.client, "reason": "USER_UNKNOWN"});
    assert_eq!(refused, expected);
    eventually("sent", || async { home.files("spool").is_empty() }).await;
    assert_eq!(
        site.sql("SELECT sum(raw_upload) FROM usage_quarter"),
        "1111"
    );

    let aside = home.files("rejected");
    assert_eq!(aside.len(), 1);
    let kept = ReportUsageRequest::decode(&std::fs::read(&aside[0]).unwrap()[..]).unwrap();
    assert_eq!((kept.seq, kept.rows[0].upload_bytes), (1, 2));
    site.server.check_ledger().await;
}

#[tokio::test]
async fn lines_that_are_not_understood_are_named_and_the_others_count() {
    let site = Site::new().await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let home = Home::new(&site.token);
    let mut agent = NodeAgent::start(&site.server, &home, &[]);
    let usage = |upload: i64| {
        json!({"user_id": user, "node_client_id": site.client,
            "upload_bytes": upload, "download_bytes": 0})
    };
    let mut typo = usage(1);
    typo["uplaod_bytes"] = 1.into();
    for line in [
        json!("?"),
        json!({"user_id": "bob"}),
        usage(-1),
        usage(1 << 51),
        typo,
    ] {
        assert!(agent.say(&line).await);
    }
    assert!(agent.say(&json!({"sessions": 12})).await);
    assert!(agent.say(&usage(3)).await);
    agent.heard(0, |line| line["through"] == 7).await;
    for bad in 1..=5 {
        agent
            .heard(0, |line| line["event"] == "bad_line" && line["line"] == bad)
            .await;
    }
    // Told to end, it writes down what it has read.
    let slow = ["--report-every", "1h"];
    assert!(agent.signal("TERM").await.success());
    let mut agent = NodeAgent::start(&site.server, &home, &slow);
    agent.used(&user, site.client, 4, 0).await;
    assert_eq!(agent.ask(&user, site.client).await["allowed"], false);
    assert!(agent.signal("TERM").await.success());
    assert_eq!(agent.taken(), 2);
    let agent = NodeAgent::start(&site.server, &home, &[]);
    let sum = || async { site.sql("SELECT sum(upload) FROM traffic_usage") == "7" };
    eventually("counted", sum).await;
    drop(agent);
}

#[tokio::test]
async fn a_full_spool_stops_the_input_and_another_token_is_found_in_its_file() {
    let mut site = Site::new().await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let home = Home::new(&site.token);
    site.server.signal("KILL").await;
    site.server.ended().await;
    // Without a server two reports or so, and no more.
    let more = ["--spool-limit", "300", "--report-every", "1ms"];
    let mut agent = NodeAgent::start(&site.server, &home, &more);
    let mut lines = 0;
    while agent.place() == 0
        || !agent
            .said
            .lock()
            .unwrap()
            .iter()
            .any(|line| line["event"] == "full")
    {
        agent.used(&user, site.client, 1, 0).await;
        lines += 1;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let full = agent.taken();
    for _ in 0..5 {
        agent.used(&user, site.client, 1, 0).await;
        lines += 1;
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(agent.taken(), full, "nothing is taken while it is full");

    site.back().await;
    agent.heard(0, |line| line["through"] == lines).await;
    let sum = || async { site.sql("SELECT sum(upload) FROM traffic_usage") == lines.to_string() };
    eventually("counted", sum).await;

    let rotate = RotateTokenRequest {
        id: site.node,
        grace_period: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    let mut admin = site.server.admin().await;
    let token = admin.rotate_token(rotate).await.unwrap().into_inner().token;
    drop(agent);
    let mut agent = NodeAgent::start(&site.server, &home, &[]);
    agent.used(&user, site.client, 1, 0).await;
    agent.heard(0, |line| line["through"] == 1).await;
    home.token(&token);
    lines += 1;
    let sum = || async { site.sql("SELECT sum(upload) FROM traffic_usage") == lines.to_string() };
    eventually("counted with the other token", sum).await;
    site.server.check_ledger().await;
}

//! Agent and server killed in mid-traffic: what was said to be taken is counted, and counted once.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng as _;
use serde_json::json;

use super::{Home, NodeAgent};
use crate::server::process::eventually;
use crate::server::usage::{Site, subscribers};

const LIVES: usize = 12;
/// In which lives the server dies too.
const SERVER_DIES: [usize; 4] = [2, 5, 6, 9];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_what_was_taken_is_counted_once() {
    let mut site = Site::new().await;
    let people = subscribers(&site.server, 5).await;
    let home = Home::new(&site.token);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Each line has a second of its own, by which it is found again.
    let first = now.as_secs() - 400_000;
    let mut lines = 0;
    let mut taken = Vec::new();
    for life in 0..LIVES {
        let mut agent = NodeAgent::start(&site.server, &home, &[]);
        let begin = lines;
        let ends =
            tokio::time::Instant::now() + Duration::from_millis(rand::rng().random_range(150..700));
        let mut server_lives = true;
        while tokio::time::Instant::now() < ends {
            let second = i64::try_from(first + lines).unwrap();
            let used_at = chrono::DateTime::from_timestamp(second, 0).unwrap();
            let person = usize::try_from(lines).unwrap() % people.len();
            let line = json!({"user_id": people[person], "node_client_id": site.client,
                "upload_bytes": 1, "download_bytes": 2, "used_at": used_at.to_rfc3339()});
            assert!(agent.say(&line).await, "life {life}");
            lines += 1;
            if server_lives && SERVER_DIES.contains(&life) && lines > begin + 20 {
                site.server.signal("KILL").await;
                server_lives = false;
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        agent.signal("KILL").await;
        taken.extend(begin..begin + agent.taken());
        if !server_lives {
            site.server.ended().await;
            site.back().await;
        }
    }
    assert!(taken.len() > 200, "{} of {lines}", taken.len());

    // Nothing comes in any more: what is in the spool goes.
    let mut last = NodeAgent::start(&site.server, &home, &[]);
    eventually("sent", || async { home.files("spool").is_empty() }).await;
    assert_eq!(last.ask(&people[0], site.client).await["allowed"], false);
    assert!(last.signal("TERM").await.success());
    assert_eq!(home.files("rejected").len(), 0);

    let counts =
        "SELECT extract(epoch FROM used_at)::bigint, count(*) FROM traffic_usage GROUP BY 1";
    let counts: BTreeMap<u64, u64> = site
        .sql(counts)
        .lines()
        .map(|line| {
            let (second, count) = line.split_once('|').unwrap();
            (
                second.parse::<u64>().unwrap() - first,
                count.parse().unwrap(),
            )
        })
        .collect();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let missing: Vec<_> = taken
        .iter()
        .filter(|line| !counts.contains_key(line))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let sums = site.sql("SELECT sum(raw_upload), sum(raw_download) FROM usage_quarter");
    assert_eq!(sums, format!("{}|{}", counts.len(), 2 * counts.len()));
    site.server.check_ledger().await;
}

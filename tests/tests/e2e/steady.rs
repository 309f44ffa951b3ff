//! Steady state by the apiserver's own audit log: no write and no read for a cluster that is as it should be.

use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use telecom_tests::cluster;
use telecom_tests::scenario::scenario;

/// What writes the sampled status of jobs.
const JOBS_STATUS: &str = "fieldManager=telecom-operator-jobs";
const OPERATOR: &str = "system:serviceaccount:telecom-system:telecom-operator";

/// The operator's requests about `namespace` since the offset of the audit log.
fn requests(namespace: &str, offset: u64) -> Result<Vec<String>> {
    let mut file = std::fs::File::open(cluster::audit_log())?;
    file.seek(SeekFrom::Start(offset))?;
    let mut found = Vec::new();
    for line in BufReader::new(file).lines() {
        // The last line may be half written; it is read whole the next time.
        let Ok(event) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let about = event
            .pointer("/objectRef/namespace")
            .and_then(Value::as_str);
        let by = event.pointer("/user/username").and_then(Value::as_str);
        if about == Some(namespace) && by == Some(OPERATOR) {
            found.push(format!("{} {}", event["verb"], event["requestURI"]));
        }
    }
    Ok(found)
}

#[tokio::test]
async fn a_cluster_at_rest_costs_the_apiserver_nothing() {
    let _kinds = super::OPTIONAL_KINDS.lock().await;
    scenario("steady", async |s| {
        let start = std::fs::metadata(cluster::audit_log())?.len();
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        s.condition("demo", "Progressing", "False", "").await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let creating = requests(&s.namespace, start)?;
        assert!(
            !creating.is_empty(),
            "the audit log shows nothing of the operator: is it the installed one?"
        );

        let rest = std::fs::metadata(cluster::audit_log())?.len();
        tokio::time::sleep(Duration::from_mins(1)).await;
        let (of_jobs, resting): (Vec<_>, Vec<_>) = requests(&s.namespace, rest)?
            .into_iter()
            .partition(|request| request.contains(JOBS_STATUS));
        assert!(resting.is_empty(), "requests in steady state: {resting:#?}");
        // One when the first runs are known, one in the turn of the interval; some forty runs meanwhile.
        assert!(of_jobs.len() <= 2, "statuses of jobs: {of_jobs:#?}");
        Ok(())
    })
    .await;
}

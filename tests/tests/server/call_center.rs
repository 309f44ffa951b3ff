//! The call centre and the moment: what of it is on `/metrics` and `/healthz`, and where it comes from.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::calls::record;
use super::process::{Server, eventually};

mod live;
mod poller;

/// A queue with the usual level, and one that leaves out who gives up at once.
const QUEUES: &str = "{support: {}, sales: {sla_seconds: 5, exclude_short_abandons: true}}";

impl Server {
    /// One with these queues.
    pub async fn with_queues(variables: &[(&str, &str)]) -> Self {
        let queues = ("TELECOM__CALL_CENTER__QUEUES", QUEUES);
        Self::start_with(&[&[queues], variables].concat()).await
    }

    async fn of_queue(&self, metric: &str, queue: &str) -> Option<f64> {
        self.metric(&format!("{metric}{{queue=\"{queue}\"}}")).await
    }
}

/// A call through a queue of a minute that ended so many seconds ago, and was answered after so many milliseconds.
fn call(id: &str, queue: &str, ended: i64, waited: Option<i64>) -> Value {
    let end = Utc::now() - TimeDelta::seconds(ended);
    let start = end - TimeDelta::seconds(60);
    let mut call = record(id, ended);
    call["queue"] = queue.into();
    call["direction"] = "inbound".into();
    call["startTime"] = json!(start);
    call["endTime"] = json!(end);
    call["ringTime"] = Value::Null;
    call["answerTime"] = match waited {
        Some(waited) => json!(start + TimeDelta::milliseconds(waited)),
        None => Value::Null,
    };
    if waited.is_none() {
        call["statusCode"] = 487.into();
        call["hangupReason"] = "abandoned".into();
    }
    call
}

#[tokio::test]
async fn counters_and_service_level_are_those_of_the_queues_that_were_named() {
    let server = Server::with_queues(&[]).await;
    let (_, token) = server.pbx("center").await;
    for queue in ["support", "sales"] {
        for metric in ["cc_calls_offered_total", "cc_calls_answered_in_sla_total"] {
            assert_eq!(server.of_queue(metric, queue).await, Some(0.0), "{metric}");
        }
        assert_eq!(
            server.of_queue("cc_sla_target_percentage", queue).await,
            Some(80.0)
        );
        assert_eq!(server.of_queue("cc_sla_percentage", queue).await, None);
        assert_eq!(server.of_queue("cc_queue_length", queue).await, None);
    }
    let mut rang = call("rang", "support", 60, Some(50_000));
    rang["ringTime"] = json!(Utc::now() - TimeDelta::seconds(60 + 25));
    let mut leg = call("leg", "support", 60, Some(1_000));
    leg["sessionId"] = "in-time".into();
    let mut short = call("short", "sales", 60, None);
    short["startTime"] = json!(Utc::now() - TimeDelta::seconds(60 + 4));
    let calls = json!([
        call("in-time", "support", 60, Some(20_000)),
        rang,
        call("late", "support", 60, Some(20_001)),
        call("given-up", "support", 60, None),
        // In time, but not lately.
        call("long-ago", "support", 31 * 60, Some(1_000)),
        leg,
        short,
        call("sold", "sales", 60, Some(4_000)),
        call("waited", "sales", 60, Some(6_000)),
        call("elsewhere", "reception", 60, Some(1_000)),
        call("no-queue", "", 60, Some(1_000)),
    ]);
    // A repetition is none.
    for _ in 0..2 {
        server.post_json(&token, &calls).await;
    }
    for (queue, offered, in_sla) in [("support", 5.0, 2.0 + 1.0), ("sales", 2.0, 1.0)] {
        let found = (
            server.of_queue("cc_calls_offered_total", queue).await,
            server
                .of_queue("cc_calls_answered_in_sla_total", queue)
                .await,
        );
        assert_eq!(found, (Some(offered), Some(in_sla)), "{queue}");
    }
    for queue in ["support", "sales"] {
        eventually("sampled", || async {
            server.of_queue("cc_sla_percentage", queue).await == Some(50.0)
        })
        .await;
    }
    let text = server.get("/metrics").await.body;
    assert!(!text.contains("reception"), "{text}");

    // When the last call is too long ago, there is no level any more.
    server.query("UPDATE call_record SET end_time = end_time - interval '31 minutes', start_time = start_time - interval '31 minutes', \
         answer_time = answer_time - interval '31 minutes' WHERE queue = 'sales'");
    eventually("absent", || async {
        server
            .of_queue("cc_sla_percentage", "sales")
            .await
            .is_none()
    })
    .await;
    assert_eq!(
        server.of_queue("cc_sla_percentage", "support").await,
        Some(50.0)
    );
}

//! Calls as staff sees them: listed, counted, exported, and without the numbers of those who were erased.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use telecom_proto::v1::call_analytics_client::CallAnalyticsClient;
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use super::database::Database;
use super::process::{Bearer, Server, eventually};

mod erase;
mod export;
mod list;
mod statistics;

type Calls = CallAnalyticsClient<InterceptedService<Channel, Bearer>>;

/// A server, and room for calls of any time.
struct Provider {
    server: Server,
    database: Database,
}

impl Provider {
    async fn start() -> Self {
        let database = Database::new().await;
        database.sql("CREATE TABLE call_other PARTITION OF call_record DEFAULT");
        let server = Server::launch(&database.url, &[], &["serve"]).await;
        server.until_ready().await;
        // It makes no partition beside rows that are there already.
        let done = "telecom_maintenance_runs_total{result=\"done\"}";
        eventually("partitions", || async {
            server.metric(done).await > Some(0.0)
        })
        .await;
        Self { server, database }
    }

    async fn calls(&self, role: Role) -> Calls {
        let token = tokens::of(role, "somebody");
        CallAnalyticsClient::with_interceptor(self.server.channel().await, Bearer::new(&token))
    }

    fn insert(&self, calls: &[Call]) {
        for call in calls {
            self.database.sql(&call.insert());
        }
    }
}

/// A record of a call: columns that a test cares about, as SQL.
#[derive(Debug, Clone)]
struct Call(BTreeMap<&'static str, String>);

impl Call {
    /// A call of a minute that nobody answered.
    fn new(id: &str, start: &str) -> Self {
        let mut call = Self(BTreeMap::new());
        for text in [
            "caller",
            "callee",
            "from_number",
            "to_number",
            "caller_name",
            "agent_name",
            "queue",
            "sip_trunk_id",
            "outbound_sip_trunk_id",
            "hangup_reason",
        ] {
            call = call.text(text, "");
        }
        call.text("call_id", id)
            .text("session_id", id)
            .text("start_time", start)
            .sql(
                "end_time",
                &format!("'{start}'::timestamptz + interval '60 seconds'"),
            )
            .sql("pbx_id", "1")
            .sql("talk_ms", "0")
            .sql("duration_ms", "60000")
            .text("direction", "inbound")
            .text("result", "failed")
            .sql("status_code", "404")
            .text("extra", "{}")
            .sql("digest", &format!("sha256('{id}')"))
    }

    fn sql(mut self, column: &'static str, value: &str) -> Self {
        self.0.insert(column, value.to_owned());
        self
    }

    fn text(self, column: &'static str, value: &str) -> Self {
        self.sql(column, &format!("'{}'", value.replace('\'', "''")))
    }

    /// It came in by this trunk.
    fn by(self, trunk: &str) -> Self {
        self.text("sip_trunk_id", trunk)
    }

    /// It went out by this trunk.
    fn to(self, trunk: &str) -> Self {
        self.text("outbound_sip_trunk_id", trunk)
            .text("direction", "outbound")
    }

    /// It was answered so many milliseconds before its end.
    fn answered(self, talk_ms: u32) -> Self {
        let end = self.0["end_time"].clone();
        self.sql(
            "answer_time",
            &format!("{end} - interval '{talk_ms} milliseconds'"),
        )
        .sql("talk_ms", &talk_ms.to_string())
        .text("result", "completed")
        .sql("status_code", "200")
    }

    /// It rang so many milliseconds after its start.
    fn rang(self, after_ms: u32) -> Self {
        let start = self.0["start_time"].clone();
        self.sql(
            "ring_time",
            &format!("{start}::timestamptz + interval '{after_ms} milliseconds'"),
        )
    }

    fn insert(&self) -> String {
        let columns: Vec<_> = self.0.keys().copied().collect();
        let values: Vec<_> = self.0.values().map(String::as_str).collect();
        let (columns, values) = (columns.join(", "), values.join(", "));
        format!("INSERT INTO call_record ({columns}) VALUES ({values})")
    }
}

/// As fields of messages have it.
#[allow(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn moment(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

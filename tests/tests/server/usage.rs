//! Usage on its way from a node to the database: taken once, row by row as it should be, or said why not.

use std::collections::BTreeMap;
use std::time::SystemTime;

use telecom_proto::v1::{
    CreateNodeClientRequest, CreateUserRequest, RefusalReason, ReportUsageRequest,
    ReportUsageResponse, UsageRow,
};
use tonic::Code;

use super::database::Database;
use super::node_clients::{client_config, clients};
use super::process::{Agent, Server, eventually, reason};
use super::users::{create, users};

mod crash;
mod crowd;
mod factors;
mod readmit;
mod refusals;
mod stream;

/// A server with one node server and a node client on it.
pub struct Site {
    pub server: Server,
    pub database: Database,
    pub node: i32,
    pub token: String,
    pub client: i32,
}

impl Site {
    /// The node client counts each byte once.
    pub async fn new() -> Self {
        Self::with_factor(1_000_000).await
    }

    /// The node client counts each byte so many millionths.
    pub async fn with_factor(millionths: u64) -> Self {
        Self::with(&[], millionths).await
    }

    /// The same of a server with more variables.
    pub async fn with(variables: &[(&str, &str)], millionths: u64) -> Self {
        let database = Database::empty();
        let server = Server::launch(&database.url, variables, &["serve", "--migrate"]).await;
        server.until_ready().await;
        let done = "telecom_maintenance_runs_total{result=\"done\"}";
        eventually("partitions", || async {
            server.metric(done).await > Some(0.0)
        })
        .await;
        let (node, token) = server.node("fra-1").await;
        let client = node_client(&server, "alps", node.id, millionths).await;
        Self {
            server,
            database,
            node: node.id,
            token,
            client,
        }
    }

    pub async fn agent(&self) -> Agent {
        self.server.agent(&self.token).await
    }

    /// What the node answers with to one report of a boot that all tests share.
    pub async fn report(&self, seq: u64, rows: Vec<UsageRow>) -> ReportUsageResponse {
        let request = report(seq, rows);
        self.agent()
            .await
            .report_usage(request)
            .await
            .unwrap()
            .into_inner()
    }

    /// A row of this node's client, used now.
    pub fn row(&self, user: &str, upload: i64, download: i64) -> UsageRow {
        row(user, self.client, upload, download)
    }

    pub fn sql(&self, sql: &str) -> String {
        self.database.sql(sql)
    }

    /// Reports, raw rows, quarters and refused rows.
    fn counts(&self) -> [u64; 4] {
        [
            "usage_report",
            "traffic_usage",
            "usage_quarter",
            "usage_refused",
        ]
        .map(|table| {
            self.sql(&format!("SELECT count(*) FROM {table}"))
                .parse()
                .unwrap()
        })
    }

    async fn rows(&self, labels: &str) -> Option<f64> {
        let sample = format!("telecom_usage_rows_total{{{labels}}}");
        self.server.metric(&sample).await
    }
}

pub async fn node_client(server: &Server, name: &str, node: i32, millionths: u64) -> i32 {
    let request = CreateNodeClientRequest {
        config: Some(client_config(name, node)),
        factor_millionths: Some(millionths),
        ..Default::default()
    };
    let created = clients(server).await.create_node_client(request).await;
    created.unwrap().into_inner().node_client.unwrap().id
}

/// The ids of subscribers that it registers.
pub async fn subscribers(server: &Server, count: u32) -> Vec<String> {
    let mut admin = users(server).await;
    let mut ids = Vec::new();
    for n in 0..count {
        let id = format!("0190f3a1-7c11-7cc3-98c4-{n:012x}");
        let request = CreateUserRequest {
            id: id.clone(),
            ..Default::default()
        };
        create(&mut admin, request).await.unwrap();
        ids.push(id);
    }
    ids
}

pub fn report(seq: u64, rows: Vec<UsageRow>) -> ReportUsageRequest {
    ReportUsageRequest {
        boot_id: "0d9c3a52-6a54-4b39-8a3e-6f0b9a2f7c11".to_owned(),
        seq,
        rows,
    }
}

pub fn row(user: &str, client: i32, upload: i64, download: i64) -> UsageRow {
    UsageRow {
        user_id: user.to_owned(),
        node_client_id: client,
        used_at: Some(SystemTime::now().into()),
        upload_bytes: upload,
        download_bytes: download,
    }
}

/// What was refused, by place.
pub fn refused(response: &ReportUsageResponse) -> BTreeMap<u32, RefusalReason> {
    let refused = response.refused.iter();
    refused.map(|row| (row.index, row.reason())).collect()
}

#[tokio::test]
async fn a_report_is_taken_once_and_answered_the_same_again() {
    let site = Site::with_factor(1_500_000).await;
    let [alice, bob] = &subscribers(&site.server, 2).await[..] else {
        panic!("two");
    };
    let rows = vec![
        site.row(alice, 1, 10),
        site.row(alice, 2, 20),
        site.row(bob, 0, 7),
        site.row("bob", 5, 6),
    ];
    let first = site.report(1, rows.clone()).await;
    assert_eq!((first.seq, first.accepted, first.replayed), (1, 3, false));
    let bad = BTreeMap::from([(3, RefusalReason::UserInvalid)]);
    assert_eq!(refused(&first), bad);
    assert_eq!(site.counts()[..2], [1, 3]);
    // The rows of a user may be in one quarter of an hour or, at its end, in two.
    let sums = "SELECT user_id, sum(raw_upload), sum(raw_download), sum(factored_upload), \
        sum(factored_download), sum(billed_download) FROM usage_quarter GROUP BY 1 ORDER BY 1";
    let expected = format!("{alice}|3|30|4.500000|45.000000|0\n{bob}|0|7|0.000000|10.500000|0");
    assert_eq!(site.sql(sums), expected);

    let again = site.report(1, rows.clone()).await;
    assert!(again.replayed);
    assert_eq!((again.accepted, refused(&again)), (3, bad));
    assert_eq!(site.sql(sums), expected);

    let other = site
        .agent()
        .await
        .report_usage(report(1, rows[..1].to_vec()))
        .await;
    let other = other.unwrap_err();
    assert_eq!(other.code(), Code::AlreadyExists);
    assert_eq!(reason(&other), "SEQ_REUSED");
    assert_eq!(site.sql(sums), expected);

    for (result, count) in [("taken", 1.0), ("replayed", 1.0), ("seq_reused", 1.0)] {
        let sample = format!("telecom_usage_reports_total{{result=\"{result}\"}}");
        assert_eq!(site.server.metric(&sample).await, Some(count), "{result}");
    }
    assert_eq!(site.rows("reason=\"\",result=\"taken\"").await, Some(3.0));
    assert_eq!(
        site.rows("reason=\"user_invalid\",result=\"refused\"")
            .await,
        Some(1.0)
    );
    let bytes = "telecom_usage_bytes_total{direction=\"download\",kind=\"factored\"}";
    assert_eq!(site.server.metric(bytes).await, Some(55.0));
    let refused_bytes = "telecom_usage_refused_bytes_total{reason=\"user_invalid\"}";
    assert_eq!(site.server.metric(refused_bytes).await, Some(11.0));
}

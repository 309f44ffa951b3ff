//! Streams of reports: answered in order, ended for a reason, bounded in memory.

use std::time::Duration;

use futures::stream;
use telecom_proto::v1::stream_usage_response::Outcome;
use telecom_proto::v1::{
    DeleteNodeClientRequest, DeleteNodeServerRequest, ReportUsageRequest, RotateTokenRequest,
    StreamUsageRequest, StreamUsageResponse,
};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

use super::{Site, report, subscribers};
use crate::server::node_clients::clients;
use crate::server::process::{Agent, PATIENCE, Server, reason};

/// A stream that is fed report by report.
pub struct Reports {
    to: mpsc::Sender<ReportUsageRequest>,
    answers: Streaming<StreamUsageResponse>,
}

impl Reports {
    pub async fn open(agent: &mut Agent) -> Self {
        let (to, from) = mpsc::channel(1);
        let requests = stream::unfold(from, |mut from| async {
            let report = Some(from.recv().await?);
            Some((StreamUsageRequest { report }, from))
        });
        let answers = agent.stream_usage(Box::pin(requests)).await.unwrap();
        Self {
            to,
            answers: answers.into_inner(),
        }
    }

    /// Whether the stream was still there.
    pub async fn send(&self, request: ReportUsageRequest) -> bool {
        self.to.send(request).await.is_ok()
    }

    /// The next answer; `None` at the end.
    pub async fn answer(&mut self) -> Result<Option<StreamUsageResponse>, Status> {
        let answer = timeout(PATIENCE, self.answers.message()).await;
        answer.expect("an answer in time")
    }

    async fn taken(&mut self) -> (u64, u32, bool) {
        let answer = self.answer().await.unwrap().unwrap();
        match answer.outcome {
            Some(Outcome::Taken(taken)) => (answer.seq, taken.accepted, taken.replayed),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn reports_are_answered_in_order_and_a_bad_one_ends_nothing() {
    let site = Site::new().await;
    let alice = &subscribers(&site.server, 1).await[0];
    let rows = |bytes| vec![site.row(alice, bytes, 0)];
    let mut reports = Reports::open(&mut site.agent().await).await;
    let first = report(1, rows(5));
    for request in [
        first.clone(),
        report(2, Vec::new()),
        first.clone(),
        report(1, rows(6)),
        report(3, rows(7)),
    ] {
        reports.send(request).await;
    }
    assert_eq!(reports.taken().await, (1, 1, false));
    let empty = reports.answer().await.unwrap().unwrap();
    let Some(Outcome::Failed(status)) = empty.outcome else {
        panic!("{empty:?}");
    };
    assert_eq!((empty.seq, status.code), (2, Code::InvalidArgument as i32));
    assert!(status.message.starts_with("rows: "), "{status:?}");
    let kinds = status.details.iter().map(|detail| &detail.type_url[..]);
    let kinds: Vec<_> = kinds.collect();
    assert!(
        kinds.contains(&"type.googleapis.com/google.rpc.ErrorInfo"),
        "{kinds:?}"
    );
    assert!(
        kinds.contains(&"type.googleapis.com/google.rpc.BadRequest"),
        "{kinds:?}"
    );
    assert_eq!(reports.taken().await, (1, 1, true));
    let reused = reports.answer().await.unwrap().unwrap();
    let Some(Outcome::Failed(status)) = reused.outcome else {
        panic!("{reused:?}");
    };
    assert_eq!((reused.seq, status.code), (1, Code::AlreadyExists as i32));
    assert_eq!(reports.taken().await, (3, 1, false));

    drop(reports.to);
    let end = timeout(PATIENCE, reports.answers.message()).await.unwrap();
    assert_eq!(end.unwrap(), None, "as the node ends it");
    let sums = "SELECT sum(raw_upload) FROM usage_quarter";
    assert_eq!(site.sql(sums), "12");
}

#[tokio::test]
async fn a_node_that_does_not_read_its_answers_is_not_read_either() {
    const MANY: u64 = 400;
    let site = Site::new().await;
    let alice = &subscribers(&site.server, 1).await[0];
    let memory = || async {
        site.server
            .metric("process_resident_memory_bytes")
            .await
            .unwrap()
    };
    // Each row is refused, so that the answers are large.
    let rows = vec![site.row("nobody", 1, 1); 10_000];
    site.report(MANY, rows.clone()).await;
    let before = memory().await;
    let reports = Reports::open(&mut site.agent().await).await;
    let mut sent = 0;
    while sent < MANY {
        let sending = reports.send(report(sent, rows.clone()));
        if timeout(Duration::from_secs(3), sending).await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!(sent < MANY, "it was read all the time");
    let grown = memory().await - before;
    assert!(
        grown < f64::from(128 << 20),
        "{grown} bytes more for {sent} reports"
    );
    // Nobody else is held up.
    let taken = site.report(MANY + 1, vec![site.row(alice, 1, 0)]).await;
    assert_eq!(taken.accepted, 1);
    drop(reports);
}

#[tokio::test]
async fn a_server_that_goes_away_ends_the_stream_and_loses_nothing() {
    let mut site = Site::new().await;
    let alice = subscribers(&site.server, 1).await.remove(0);
    let row = site.row(&alice, 1, 0);
    let mut reports = Reports::open(&mut site.agent().await).await;
    reports.send(report(1, vec![row.clone()])).await;
    assert_eq!(reports.taken().await, (1, 1, false));
    site.server.signal("TERM").await;
    let ended = reports.answer().await.unwrap_err();
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::Unavailable, "DRAINING".to_owned())
    );
    assert_eq!(site.server.ended().await.code(), Some(0));

    let next = Server::launch(&site.database.url, &[], &["serve"]).await;
    next.until_ready().await;
    let mut reports = Reports::open(&mut next.agent(&site.token).await).await;
    reports.send(report(1, vec![row.clone()])).await;
    reports.send(report(2, vec![row])).await;
    assert_eq!(reports.taken().await, (1, 1, true));
    assert_eq!(reports.taken().await, (2, 1, false));
    assert_eq!(site.sql("SELECT sum(raw_upload) FROM usage_quarter"), "2");
}

#[tokio::test]
async fn a_node_that_is_gone_or_has_another_token_is_told_so() {
    let site = Site::new().await;
    let alice = &subscribers(&site.server, 1).await[0];
    let row = site.row(alice, 1, 0);
    let mut reports = Reports::open(&mut site.agent().await).await;
    reports.send(report(1, vec![row.clone()])).await;
    assert_eq!(reports.taken().await, (1, 1, false));

    let mut admin = site.server.admin().await;
    let rotate = RotateTokenRequest {
        id: site.node,
        grace_period: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    let token = admin.rotate_token(rotate).await.unwrap().into_inner().token;
    let mut revoked = site.agent().await;
    let old = revoked.report_usage(report(1, vec![row.clone()]));
    assert_eq!(old.await.unwrap_err().code(), Code::Unauthenticated);
    let mut agent = site.server.agent(&token).await;
    let again = agent.report_usage(report(1, vec![row.clone()])).await;
    assert!(again.unwrap().into_inner().replayed, "whatever the token");

    // A deleted node client is another's, whoever's it was.
    let id = site.client;
    let delete = DeleteNodeClientRequest {
        id,
        ..Default::default()
    };
    clients(&site.server)
        .await
        .delete_node_client(delete)
        .await
        .unwrap();
    reports.send(report(2, vec![row.clone()])).await;
    assert_eq!(reports.taken().await, (2, 0, false));
    let id = site.node;
    let delete = DeleteNodeServerRequest {
        id,
        ..Default::default()
    };
    admin.delete_node_server(delete).await.unwrap();
    reports.send(report(3, vec![row])).await;
    let gone = reports.answer().await.unwrap_err();
    assert_eq!(
        (gone.code(), reason(&gone)),
        (Code::Unauthenticated, "TOKEN_INVALID".to_owned())
    );
    assert_eq!(site.counts()[..2], [2, 1]);
}

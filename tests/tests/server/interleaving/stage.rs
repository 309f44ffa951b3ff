//! Where programs are played: subscribers, node servers and node clients of their own.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use telecom_proto::v1::event_ingest_client::EventIngestClient;
use telecom_proto::v1::{
    CloudEvent, CreateUserRequest, Package, PackageConfig, Quota, QuotaKind, ReportUsageRequest,
    ReportUsageResponse,
};
use telecom_server::auth::Role;
use telecom_tests::{postgres, tokens};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

use super::books::Books;
use super::program::{At, CLIENTS, USERS};
use crate::server::billing::World;
use crate::server::packages::{months, package_config, seconds, total};
use crate::server::process::{Agent, Bearer};
use crate::server::queue::{Queue, Users};
use crate::server::usage::node_client;

/// What the node clients count at first.
const FACTORS: [u64; CLIENTS.len()] = [1_000_000, 10_000, 1_500_000];

pub struct Stage<'a> {
    pub world: &'a World,
    pub packages: &'a [Package],
    pub users: Vec<String>,
    pub nodes: Vec<i32>,
    pub agents: Vec<Agent>,
    pub clients: Vec<i32>,
    pub admin: Users,
    pub queue: Queue,
    pub ingest: EventIngestClient<InterceptedService<Channel, Bearer>>,
    pub boot: String,
    /// Whether one thing happens after the other, so that it is known what each will do.
    pub alone: bool,
    pub notes: Mutex<Notes>,
}

/// What is known by now.
#[derive(Debug, Default)]
pub struct Notes {
    pub books: Books,
    pub erased: [bool; USERS],
    pub reports: Vec<(usize, ReportUsageRequest, ReportUsageResponse)>,
    pub events: Vec<CloudEvent>,
    pub lines: u32,
}

/// What is on sale in all programs: used up soon and late, downloads alone, anything, each month anew.
pub async fn on_sale(world: &World) -> Vec<Package> {
    let name = Uuid::new_v4().to_string();
    let series = world.server.series(&name).await;
    let quota = |kind: QuotaKind, bytes, monthly_reset| Quota {
        kind: kind.into(),
        bytes,
        monthly_reset,
    };
    let kinds = [
        (total(1000), seconds(86_400)),
        (total(1_000_000), months(1)),
        (quota(QuotaKind::Download, 5000, false), seconds(5 * 86_400)),
        (quota(QuotaKind::Unlimited, 0, false), seconds(2 * 86_400)),
        (quota(QuotaKind::Total, 2000, true), months(3)),
    ];
    let mut packages = Vec::new();
    for (n, (quota, duration)) in kinds.into_iter().enumerate() {
        let config = PackageConfig {
            quota: Some(quota),
            duration: Some(duration),
            ..package_config(series.id, &format!("kind {n}"))
        };
        packages.push(world.server.package(config).await);
    }
    packages
}

impl<'a> Stage<'a> {
    pub async fn new(world: &'a World, packages: &'a [Package], alone: bool) -> Self {
        let server = &world.server;
        let mut admin = server.subscribers().await;
        let mut users = Vec::new();
        for _ in 0..USERS {
            let made = admin.create_user(CreateUserRequest::default()).await;
            users.push(made.unwrap().into_inner().user.unwrap().id);
        }
        let (mut nodes, mut agents, mut clients) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2 {
            let (node, token) = server.node(&Uuid::new_v4().to_string()).await;
            nodes.push(node.id);
            agents.push(server.agent(&token).await);
        }
        for (node, factor) in CLIENTS.into_iter().zip(FACTORS) {
            let name = Uuid::new_v4().to_string();
            clients.push(node_client(server, &name, nodes[node], factor).await);
        }
        let collector = Bearer::new(&tokens::of(Role::Collector, "dpi"));
        let known = Notes {
            books: Books::new(&FACTORS),
            ..Notes::default()
        };
        Self {
            world,
            packages,
            users,
            nodes,
            agents,
            clients,
            admin,
            queue: server.queue().await,
            ingest: EventIngestClient::with_interceptor(server.channel().await, collector),
            boot: Uuid::new_v4().to_string(),
            alone,
            notes: Mutex::new(known),
        }
    }

    /// While others go on: what it waits for may be theirs.
    pub async fn sql(&self, sql: String) -> String {
        let database = self.world.name.clone();
        let answer = tokio::task::spawn_blocking(move || postgres::shared().sql(&database, &sql));
        answer.await.unwrap().unwrap()
    }
}

/// Microseconds since 1970.
pub fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// The moment as a node says it.
pub fn moment(at: At) -> SystemTime {
    let now = SystemTime::now();
    let seconds = |n: i64| Duration::from_secs(n.unsigned_abs());
    match at {
        At::Now => now,
        At::Ago(ago) => now - seconds(ago),
        At::Ahead(ahead) => now + seconds(ahead),
        At::Beyond(true) => now + Duration::from_hours(25),
        At::Beyond(false) => now - Duration::from_hours(7 * 24 + 1),
        At::Edge(quarters) => {
            let now = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
            let began = now - now % 900 - 900 * quarters.unsigned_abs();
            UNIX_EPOCH + Duration::from_secs(began) - Duration::from_nanos(1)
        }
    }
}

/// Does it until nothing is said of the moment alone.
pub async fn done<T, F: Future<Output = Result<tonic::Response<T>, Status>>>(
    mut call: impl FnMut() -> F,
) -> Result<T, Status> {
    loop {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => return Err(status),
        }
    }
}

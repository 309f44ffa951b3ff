//! What subscribers read of their usage, among as much as a provider has, while nodes report.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::future::try_join_all;
use rand::seq::IndexedRandom as _;
use sqlx::PgPool;
use sqlx::types::chrono::{DateTime, Utc};
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::{GetRecentTrafficUsageRequest, ListUsuallyUsedNodesRequest, RecentRange};
use telecom_server::auth::Role;
use telecom_server::store::{Database, recent_usage};
use telecom_server::usage::Buckets;
use telecom_server::users::{TimeZone, UserId};
use tonic::transport::Channel;
use uuid::Uuid;

use super::report::Sheet;
use super::{Bench, heartbeats, load, usage};
use crate::telecom::{channel, with_token};
use crate::tokens;

mod fill;

/// Subscribers who read at a time, each again when they have their answer.
const CLIENTS: usize = 4;
/// Subscribers who read at all.
const READERS: usize = 256;
/// Nodes that report meanwhile, and how often each does.
const REPORTERS: usize = 4;
const PACE: Duration = Duration::from_secs(1);

/// A question, and the names of its rows.
struct Question {
    asked: Asked,
    through: &'static str,
    plain: &'static str,
    share: &'static str,
}

#[derive(Clone, Copy)]
enum Asked {
    Recent(RecentRange, &'static str),
    UsualNodes,
}

macro_rules! question {
    ($asked:expr, $name:literal) => {
        Question {
            asked: $asked,
            through: concat!($name, ", p99"),
            plain: concat!($name, ", its SQL alone, p99"),
            share: concat!($name, ", times its SQL alone"),
        }
    };
}

const NEPAL: &str = "Asia/Kathmandu";
const QUESTIONS: [Question; 7] = [
    question!(Asked::Recent(RecentRange::Day, "UTC"), "a day, UTC"),
    question!(Asked::Recent(RecentRange::Week, "UTC"), "a week, UTC"),
    question!(Asked::Recent(RecentRange::Month, "UTC"), "a month, UTC"),
    question!(Asked::Recent(RecentRange::Day, NEPAL), "a day, Kathmandu"),
    question!(Asked::Recent(RecentRange::Week, NEPAL), "a week, Kathmandu"),
    question!(
        Asked::Recent(RecentRange::Month, NEPAL),
        "a month, Kathmandu"
    ),
    question!(Asked::UsualNodes, "usual nodes"),
];

/// A subscriber who reads.
struct Reader {
    id: Uuid,
    token: String,
}

/// Each question through the server and by its statement alone, in turns, while nodes report.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let (server, url) = bench.server("reads").await?;
    let pool = PgPool::connect(&url).await?;
    let begun = Instant::now();
    let users = fill::fill(&pool, bench.usage_rows).await?;
    sheet.add(
        "filling the tables of the reads",
        "s",
        begun.elapsed().as_secs_f64(),
    );
    let readers: Vec<_> = users
        .iter()
        .take(READERS)
        .map(|id| Reader {
            id: *id,
            token: tokens::of(Role::User, &id.to_string()),
        })
        .collect();
    let nodes = heartbeats::nodes(&server, 1).await?;
    let (mut reporters, mut channels) = (Vec::new(), Vec::new());
    for (node, users) in nodes.iter().zip(users.chunks_exact(1000)).take(REPORTERS) {
        reporters.push(usage::reporter(&pool, node, users).await?);
        channels.push(channel(server.grpc).await?);
    }
    let database = load::database(&url)?;
    let channel = channel(server.grpc).await?;
    let mut result = Ok(());
    let reading = async {
        result = questions(bench, sheet, &channel, &database, &readers).await;
    };
    usage::paced(&channels, &reporters, PACE, reading).await?;
    result?;
    sheet.add(
        "resident memory, after the reads",
        "MiB",
        server.resident_mebibytes()?,
    );
    Ok(())
}

async fn questions(
    bench: &Bench,
    sheet: &mut Sheet,
    channel: &Channel,
    database: &Database,
    readers: &[Reader],
) -> Result<()> {
    let period = bench.period / 3;
    for round in 0..=bench.rounds {
        for question in &QUESTIONS {
            let asked = question.asked;
            let through = p99(readers, period, async |reader| {
                through(channel, reader, asked).await
            });
            let through = through.await?;
            let plain = p99(readers, period, async |reader| {
                plain(database, reader, asked).await
            });
            let plain = plain.await?;
            if round > 0 {
                sheet.add(question.through, "ms", through);
                sheet.add(question.plain, "ms", plain);
                sheet.add(question.share, "", through / plain);
            }
        }
    }
    Ok(())
}

async fn through(channel: &Channel, reader: &Reader, asked: Asked) -> Result<()> {
    let mut client = TelecomClient::new(channel.clone());
    match asked {
        Asked::Recent(range, time_zone) => {
            let request = GetRecentTrafficUsageRequest {
                range: range.into(),
                time_zone: time_zone.to_owned(),
                user_id: String::new(),
            };
            let request = with_token(request, &reader.token)?;
            let usage = client.get_recent_traffic_usage(request).await?.into_inner();
            ensure!(usage.raw.len() == count(range), "{usage:?}");
        }
        Asked::UsualNodes => {
            let request = with_token(ListUsuallyUsedNodesRequest::default(), &reader.token)?;
            let nodes = client.list_usually_used_nodes(request).await?.into_inner();
            ensure!(!nodes.nodes.is_empty(), "{nodes:?}");
        }
    }
    Ok(())
}

/// The server's own statement: without gRPC, without the token, without a look at the subscriber.
async fn plain(database: &Database, reader: &Reader, asked: Asked) -> Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let mut transaction = database.read(deadline).await?;
    let (user, now) = (UserId(reader.id), Utc::now());
    match asked {
        Asked::Recent(range, time_zone) => {
            let buckets = buckets(now, range, time_zone)?;
            recent_usage::by_bucket(&mut transaction, user, &buckets).await?;
        }
        Asked::UsualNodes => {
            recent_usage::usual_nodes(&mut transaction, user, now, 20).await?;
        }
    }
    Ok(transaction.commit().await?)
}

fn count(range: RecentRange) -> usize {
    match range {
        RecentRange::Unspecified => 0,
        RecentRange::Day => 24,
        RecentRange::Week => 7,
        RecentRange::Month => 30,
    }
}

fn buckets(now: DateTime<Utc>, range: RecentRange, time_zone: &str) -> Result<Buckets> {
    let zone: TimeZone = time_zone.parse()?;
    Ok(match range {
        RecentRange::Day => Buckets::hours(now, zone.rules(), count(range)),
        _ => Buckets::days(now, zone.rules(), count(range)),
    })
}

/// Of a hundred answers the slowest but one, in milliseconds.
async fn p99(
    readers: &[Reader],
    period: Duration,
    ask: impl AsyncFn(&Reader) -> Result<()>,
) -> Result<f64> {
    let (took, begun) = (Mutex::new(Vec::new()), Instant::now());
    let clients = (0..CLIENTS).map(|_| async {
        while begun.elapsed() < period {
            let reader = readers.choose(&mut rand::rng()).context("a reader")?;
            let asked = Instant::now();
            ask(reader).await?;
            took.lock()
                .map_err(|_| anyhow!("a client panicked"))?
                .push(asked.elapsed());
        }
        anyhow::Ok(())
    });
    try_join_all(clients).await?;
    usage::p99_ms(took)
}

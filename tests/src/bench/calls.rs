//! Records of calls: each pushed alone as RustPBX does, on many connections, rated; and one row after the other by
//! pgbench.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sqlx::PgPool;
use telecom_proto::v1::pbx_manage_client::PbxManageClient;
use telecom_proto::v1::{CreatePbxRequest, PbxConfig};
use uuid::Uuid;

use super::Bench;
use super::report::Sheet;
use crate::telecom::{channel, with_token};
use crate::tokens;

/// Connections on both sides.
const CONNECTIONS: usize = 64;
/// A deck of this many prefixes on each side of the call.
const DECKS: &str = "INSERT INTO wholesale_deck (name, currency) VALUES ('sell', 'EUR'), ('buy', 'EUR'); \
    INSERT INTO wholesale_rate (deck_id, prefix, valid_from, rate_nano, minimum_seconds, increment_seconds) \
    SELECT d.id, n::text, now() - interval '1 year', 30000000, 6, 6 FROM wholesale_deck d, generate_series(1000, 1999) n; \
    INSERT INTO wholesale_trunk (pbx_id, trunk_id, role, deck_id) \
    SELECT p.id, '11', 'customer', (SELECT id FROM wholesale_deck WHERE name = 'sell') FROM pbx p; \
    INSERT INTO wholesale_trunk (pbx_id, trunk_id, role, deck_id) \
    SELECT p.id, '22', 'carrier', (SELECT id FROM wholesale_deck WHERE name = 'buy') FROM pbx p";
/// What pgbench does: the row alone, with all indexes of its table.
const INSERT: &str = "INSERT INTO call_record (start_time, pbx_id, call_id, session_id, ring_time, answer_time, \
    end_time, talk_ms, duration_ms, direction, result, status_code, hangup_reason, caller, callee, from_number, \
    to_number, caller_name, agent_name, queue, sip_trunk_id, outbound_sip_trunk_id, extra, digest) \
    SELECT t, 1, id, id, t, t, t + interval '1 minute', 60000, 60000, 'outbound', 'completed', 200, 'byCaller', \
    'sip:4930123456@customer.example.net', 'sip:15550100@carrier.example.net', '4930123456', '15550100', '', '', '', \
    '11', '22', '{\"status\": \"completed\"}', sha256(id::bytea) \
    FROM (SELECT now() - interval '2 minutes' AS t, gen_random_uuid()::text AS id) r;\n";

/// Through the server and by pgbench in turns.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let (server, url) = bench.server("calls").await?;
    let pool = PgPool::connect(&url).await?;
    let request = CreatePbxRequest {
        config: Some(PbxConfig {
            name: "bench".to_owned(),
            ..PbxConfig::default()
        }),
        idempotency_key: String::new(),
    };
    let mut admin = PbxManageClient::new(channel(server.grpc).await?);
    let created = admin
        .create_pbx(with_token(request, tokens::admin())?)
        .await?;
    let token = created.into_inner().token;
    sqlx::raw_sql(DECKS).execute(&pool).await?;
    let script = std::env::temp_dir().join(format!("telecom-bench-{}.sql", Uuid::new_v4()));
    std::fs::write(&script, INSERT)?;
    let (mut pushed, mut inserted) = (0, 0);
    for round in 0..=bench.rounds {
        let (through, latency) = through_server(server.http, &token, bench.period).await?;
        let plain = pgbench(bench, &script).await?;
        pushed += through;
        inserted += plain;
        if round > 0 {
            let seconds = bench.period.as_secs_f64();
            let (through, plain) = (per(through, seconds), per(plain, seconds));
            let share = 100.0 * through / plain;
            sheet.add(
                "call records pushed one by one, 64 connections, rated",
                "1/s",
                through,
            );
            sheet.add("p99 of such a push", "ms", latency);
            sheet.add("the same row by pgbench, 64 connections", "1/s", plain);
            sheet.add("share of pgbench, call records", "%", share);
        }
    }
    std::fs::remove_file(&script)?;
    let (rows, charges): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM call_record), (SELECT count(*) FROM call_charge)",
    )
    .fetch_one(&pool)
    .await?;
    let lost = i64::try_from(pushed + inserted)? - rows;
    let unrated = 2 * i64::try_from(pushed)? - charges;
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    for (name, count) in [
        ("pushes that were answered and are not stored", lost),
        ("charges that are not there", unrated),
    ] {
        sheet.add(name, "", count as f64);
        sheet.bar(name, 0.0);
    }
    sheet.add(
        "resident memory, after the records",
        "MiB",
        server.resident_mebibytes()?,
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn per(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// How many pushes were answered, and the 99th percentile of how long that took, in milliseconds.
async fn through_server(address: SocketAddr, token: &str, period: Duration) -> Result<(u64, f64)> {
    let (done, begun) = (AtomicU64::new(0), Instant::now());
    let connections = (0..CONNECTIONS).map(|_| {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let done = &done;
        async move {
            let mut took = Vec::new();
            while begun.elapsed() < period {
                let sent = Instant::now();
                let response = client.request(push(address, token)?).await?;
                let status = response.status();
                response.into_body().collect().await?;
                ensure!(status == 202, "a push: {status}");
                took.push(sent.elapsed().as_secs_f64() * 1e3);
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(took)
        }
    });
    let mut took = try_join_all(connections).await?.concat();
    took.sort_by(f64::total_cmp);
    let p99 = took.get(took.len() * 99 / 100).copied();
    Ok((done.into_inner(), p99.context("no push was answered")?))
}

fn push(address: SocketAddr, token: &str) -> Result<http::Request<Full<Bytes>>> {
    let (id, now) = (Uuid::new_v4(), jiff::Timestamp::now());
    let at = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
    let (start, answer, end) = (at(70), at(60), at(0));
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"calllog.json\"\r\n\r\n\
         {{\"callId\":\"{id}\",\"sessionId\":\"{id}\",\"startTime\":\"{start}\",\"ringTime\":\"{answer}\",\
         \"answerTime\":\"{answer}\",\"endTime\":\"{end}\",\"caller\":\"sip:4930123456@customer.example.net\",\
         \"callee\":\"sip:15550100@carrier.example.net\",\"statusCode\":200,\"hangupReason\":\"byCaller\",\
         \"direction\":\"outbound\",\"status\":\"completed\",\"fromNumber\":\"4930123456\",\"toNumber\":\"15550100\",\
         \"sipTrunkId\":11,\"outboundSipTrunkId\":22,\"hangupMessages\":[{{\"code\":200}}]}}\r\n--b--\r\n"
    );
    Ok(
        http::Request::post(format!("http://{address}/v1/call-records"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Full::new(Bytes::from(body)))?,
    )
}

/// Rows that pgbench has added.
async fn pgbench(bench: &Bench, script: &std::path::Path) -> Result<u64> {
    let mut command = bench.postgres.pgbench("calls")?;
    command
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={CONNECTIONS}"))
        .arg(format!("--time={}", bench.period.as_secs()))
        .arg(format!("--file={}", script.display()));
    let output = tokio::process::Command::from(command).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("number of transactions actually processed: "));
    let count = line
        .with_context(|| format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(count.trim().parse()?)
}

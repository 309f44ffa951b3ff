//! Wholesale: decks, rates, trunks, what calls come to, and the ledger of it.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use telecom_proto::v1::wholesale_manage_client::WholesaleManageClient;
use telecom_proto::v1::{
    CreateDeckRequest, Deck, ImportMode, ImportRatesRequest, ImportRatesResponse, SetTrunkRequest,
    TrunkRole,
};
use telecom_server::calls::{CallKey, CallRecord, CallResult, Direction};
use telecom_server::config::TelecomConfig;
use telecom_server::domain::wholesale::{book, rate};
use telecom_server::pbxs::PbxId;
use telecom_server::store;
use telecom_server::wholesale::Rating;
use telecom_tests::tokens;
use tokio::time::{Duration, Instant};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::database::Database;
use super::process::{Bearer, Server, environment};

mod decks;
mod export;
mod import;
mod known;
mod ledger;
mod random;
mod rerate;
mod retention;
mod sums;
mod trunks;

type Wholesale = WholesaleManageClient<InterceptedService<Channel, Bearer>>;

/// A migrated database with room for the calls of January 2026, and a server on it.
struct World {
    database: Database,
    server: Server,
    store: store::Database,
}

/// A moment of 2026.
fn at(text: &str) -> DateTime<Utc> {
    format!("2026-{text}Z").parse().unwrap()
}

#[allow(clippy::unnecessary_wraps, reason = "fields of messages may be absent")]
fn stamp(at: DateTime<Utc>) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: at.timestamp(),
        nanos: at.timestamp_subsec_nanos().try_into().unwrap(),
    })
}

/// An answered call of PBX 1 to a number, of so many milliseconds, in by `in` and out by `out`.
fn call(call_id: &str, start: &str, number: &str, talk_ms: i64) -> CallRecord {
    let start_time = at(start);
    let answer_time = start_time + chrono::TimeDelta::seconds(5);
    CallRecord {
        key: CallKey {
            start_time,
            pbx: PbxId(1),
            call_id: call_id.to_owned(),
        },
        session_id: call_id.to_owned(),
        ring_time: None,
        answer_time: Some(answer_time),
        end_time: answer_time + chrono::TimeDelta::milliseconds(talk_ms),
        direction: Direction::Outbound,
        result: CallResult::Completed,
        status_code: 200,
        hangup_reason: String::new(),
        caller: String::new(),
        callee: String::new(),
        from_number: String::new(),
        to_number: number.to_owned(),
        caller_name: String::new(),
        agent_name: String::new(),
        queue: String::new(),
        sip_trunk_id: "in".to_owned(),
        outbound_sip_trunk_id: "out".to_owned(),
        extra: serde_json::Map::new(),
    }
}

/// The same, and nobody answers.
fn unanswered(call_id: &str, start: &str, number: &str) -> CallRecord {
    let record = call(call_id, start, number, 0);
    CallRecord {
        answer_time: None,
        result: CallResult::Missed,
        status_code: 487,
        ..record
    }
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        for table in ["call_record", "call_charge"] {
            database.sql(&format!(
                "CREATE TABLE {table}_january PARTITION OF {table} \
                 FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00')"
            ));
        }
        database.sql("INSERT INTO pbx (name, health_url, metadata) SELECT 'PBX ' || n, '', '{}' FROM generate_series(1, 3) n");
        // As old as January, which the maintenance would drop.
        let keep = [("TELECOM__RETENTION__CALL_RECORD_DAYS", "3660")];
        let server = Server::launch(&database.url, &keep, &["serve"]).await;
        server.until_ready().await;
        let config = TelecomConfig::load(None, &environment(&database.url)).unwrap();
        Self {
            store: store::Database::new(&config.database.unwrap()),
            database,
            server,
        }
    }

    fn sql(&self, sql: &str) -> String {
        self.database.sql(sql).trim().to_owned()
    }

    async fn client(&self) -> Wholesale {
        let bearer = Bearer::new(tokens::admin());
        WholesaleManageClient::with_interceptor(self.server.channel().await, bearer)
            .max_encoding_message_size(8 << 20)
    }

    async fn deck(&self, name: &str, currency: &str) -> Deck {
        let request = CreateDeckRequest {
            name: name.to_owned(),
            currency: currency.to_owned(),
            ..Default::default()
        };
        let made = self.client().await.create_deck(request).await.unwrap();
        made.into_inner().deck.unwrap()
    }

    /// A deck with rates from the beginning of 2026 on.
    async fn deck_of(&self, name: &str, currency: &str, rates: &str) -> Deck {
        let deck = self.deck(name, currency).await;
        let csv = format!("prefix,rate,minimum_seconds,increment_seconds,valid_from\n{rates}");
        let imported = self.import(add(deck.id, &csv)).await.unwrap().into_inner();
        imported.deck.unwrap()
    }

    async fn import(
        &self,
        request: ImportRatesRequest,
    ) -> Result<Response<ImportRatesResponse>, Status> {
        self.client().await.import_rates(request).await
    }

    /// Has a trunk of PBX 1 rated.
    async fn trunk(&self, trunk: &str, role: TrunkRole, deck: Option<i32>) {
        let request = SetTrunkRequest {
            pbx_id: 1,
            trunk_id: trunk.to_owned(),
            role: role.into(),
            deck_id: deck,
            ..Default::default()
        };
        self.client().await.set_trunk(request).await.unwrap();
    }

    /// Stores calls with what they come to, in one transaction, as those do who take records in.
    async fn store(&self, records: &[CallRecord]) -> Vec<Rating> {
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut transaction = self.store.write(deadline).await.unwrap();
        let ratings = rate(&mut transaction, records).await.unwrap();
        insert(&mut transaction, records, &ratings).await;
        let booked: Vec<_> = records
            .iter()
            .map(|record| &record.key)
            .zip(&ratings)
            .collect();
        book(&mut transaction, &booked).await.unwrap();
        transaction.commit().await.unwrap();
        ratings
    }
}

async fn insert(transaction: &mut store::Transaction, records: &[CallRecord], ratings: &[Rating]) {
    macro_rules! column {
        ($of:expr) => {
            records.iter().map($of).collect::<Vec<_>>()
        };
    }
    let reasons =
        |of: fn(&Rating) -> Option<&'static str>| ratings.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO call_record (start_time, pbx_id, call_id, session_id, answer_time, end_time, talk_ms, \
             duration_ms, direction, result, status_code, hangup_reason, caller, callee, from_number, to_number, \
             caller_name, agent_name, queue, sip_trunk_id, outbound_sip_trunk_id, extra, digest, unrated_sell, \
             unrated_buy) \
         SELECT start_time, pbx_id, call_id, call_id, answer_time, end_time, talk_ms, duration_ms, 'outbound', \
             CASE WHEN answer_time IS NULL THEN 'missed' ELSE 'completed' END, 200, '', '', callee, '', to_number, \
             '', '', '', sip, outbound, '{}', sha256(call_id::bytea), sell, buy \
         FROM unnest($1::timestamptz[], $2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], \
             $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) \
             AS n (start_time, pbx_id, call_id, answer_time, end_time, talk_ms, duration_ms, callee, to_number, \
             sip, outbound, sell, buy)",
    )
    .bind(column!(|record| record.key.start_time))
    .bind(column!(|record| record.key.pbx.0))
    .bind(column!(|record| record.key.call_id.clone()))
    .bind(column!(|record| record.answer_time))
    .bind(column!(|record| record.end_time))
    .bind(column!(CallRecord::talk_ms))
    .bind(column!(CallRecord::duration_ms))
    .bind(column!(|record| record.callee.clone()))
    .bind(column!(|record| record.to_number.clone()))
    .bind(column!(|record| record.sip_trunk_id.clone()))
    .bind(column!(|record| record.outbound_sip_trunk_id.clone()))
    .bind(reasons(Rating::unrated_sell))
    .bind(reasons(Rating::unrated_buy))
    .execute(transaction)
    .await
    .unwrap();
}

fn add(deck_id: i32, csv: &str) -> ImportRatesRequest {
    ImportRatesRequest {
        deck_id,
        csv: csv.as_bytes().to_vec(),
        mode: ImportMode::Add.into(),
        ..Default::default()
    }
}

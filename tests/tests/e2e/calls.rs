//! Calls on the cluster: what a PBX pushes shows in the real Prometheus under the real Prometheus Operator, rated to
//! the micro-unit, and rule, gRPC and dashboard give the same figure.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use telecom_proto::v1::call_analytics_client::CallAnalyticsClient;
use telecom_proto::v1::pbx_manage_client::PbxManageClient;
use telecom_proto::v1::wholesale_manage_client::WholesaleManageClient;
use telecom_proto::v1::{
    CreateDeckRequest, CreatePbxRequest, GetCallStatisticsRequest, ImportMode, ImportRatesRequest,
    PbxConfig, SetTrunkRequest, SumChargesRequest, TrunkRole,
};
use telecom_server::auth::Role;
use telecom_tests::door::{Caller, Door};
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{cluster, database, telecom, tokens};

use super::monitoring::{prometheus, rules};

/// Calls of a minute over both trunks, and of these so many are answered.
const CALLS: usize = 10;
const ANSWERED: usize = 8;
/// 0.03 and 0.01 EUR for a minute, in millionths.
const SOLD: usize = ANSWERED * 30_000;
const BOUGHT: usize = ANSWERED * 10_000;

#[tokio::test]
async fn what_a_pbx_pushes_shows_in_prometheus_rated_to_the_micro_unit() {
    let _kinds = super::OPTIONAL_KINDS.lock().await;
    scenario("calls", async |s| {
        let interval = json!({"serviceMonitor": {"interval": "5s", "scrapeTimeout": "4s"}});
        s.apply_cluster("demo", json!({"metrics": interval}))
            .await?;
        rules(&s)?;
        s.ready("demo").await?;
        let key = database::secret_key(&s, "demo-jwt", "secret").await?;
        let door = Door::open(&s, "demo").await?;
        let admin = door.with(&tokens::mint(&key, Role::Admin, "admin"))?;
        let token = pbx(&admin).await?;

        // Prometheus has seen them at 0, so that it sees the first calls as an increase.
        let seizures = "sum(telecom_call_seizures_total{NAMESPACE})";
        let revenue = r#"sum(wholesale_revenue_microcurrency_total{NAMESPACE,currency="EUR"})"#;
        for zero in [seizures, revenue] {
            is(&s, zero, 0).await?;
        }
        let forward = s.forward("demo", "server", 8080).await?;
        for number in 0..CALLS {
            let (content_type, body) = push(number);
            let path = "/v1/call-records";
            let answer = telecom::post(forward.address, path, &token, &content_type, body).await?;
            ensure!(answer.0 == 202, "{answer:?}");
        }

        for (query, value) in [
            (seizures, CALLS),
            (
                r#"sum(rustpbx_calls_total{NAMESPACE,direction="outbound",result="completed"})"#,
                ANSWERED,
            ),
            (
                r#"sum(rustpbx_calls_total{NAMESPACE,direction="outbound",result="missed"})"#,
                CALLS - ANSWERED,
            ),
            (revenue, SOLD),
            (
                r#"sum(wholesale_cost_microcurrency_total{NAMESPACE,currency="EUR"})"#,
                BOUGHT,
            ),
            (
                r#"sum(wholesale_profit_microcurrency_total{NAMESPACE,currency="EUR"})"#,
                SOLD - BOUGHT,
            ),
        ] {
            is(&s, query, value).await?;
        }
        ledger(&admin).await?;
        same_figure(&s, &admin).await
    })
    .await;
}

/// A PBX whose trunks have decks; its token.
async fn pbx(admin: &Caller) -> Result<String> {
    let create = CreatePbxRequest {
        config: Some(PbxConfig {
            name: "berlin".to_owned(),
            ..PbxConfig::default()
        }),
        idempotency_key: String::new(),
    };
    let created = PbxManageClient::new(admin.clone())
        .create_pbx(create)
        .await?;
    let created = created.into_inner();
    let pbx_id = created.pbx.context("a PBX")?.id;
    let mut wholesale = WholesaleManageClient::new(admin.clone());
    for (name, rate, trunk_id, role) in [
        ("sell", "0.03", "11", TrunkRole::Customer),
        ("buy", "0.01", "22", TrunkRole::Carrier),
    ] {
        let deck = wholesale.create_deck(CreateDeckRequest {
            name: name.to_owned(),
            currency: "EUR".to_owned(),
            idempotency_key: String::new(),
        });
        let deck_id = deck.await?.into_inner().deck.context("a deck")?.id;
        let csv = format!(
            "prefix,rate,minimum_seconds,increment_seconds,valid_from\n1555,{rate},6,6,2026-01-01T00:00:00Z\n"
        );
        let import = ImportRatesRequest {
            deck_id,
            csv: csv.into_bytes(),
            mode: ImportMode::Add.into(),
            ..Default::default()
        };
        wholesale.import_rates(import).await?;
        let trunk = SetTrunkRequest {
            pbx_id,
            trunk_id: trunk_id.to_owned(),
            role: role.into(),
            deck_id: Some(deck_id),
            etag: String::new(),
        };
        wholesale.set_trunk(trunk).await?;
    }
    Ok(created.token)
}

/// A call as RustPBX pushes it.
fn push(number: usize) -> (String, Vec<u8>) {
    let now = jiff::Timestamp::now();
    let at = |seconds| (now - jiff::SignedDuration::from_secs(seconds)).to_string();
    let mut record = json!({
        "callId": format!("call-{number}@pbx"), "sessionId": format!("call-{number}@pbx"),
        "startTime": at(65), "ringTime": at(62), "answerTime": at(60), "endTime": at(0),
        "caller": "sip:4930123456@customer.example.net", "callee": "sip:15550100@carrier.example.net",
        "statusCode": 200, "hangupReason": "byCaller", "hangupMessages": [{"code": 200}],
        "direction": "outbound", "status": "completed", "fromNumber": "4930123456", "toNumber": "15550100",
        "agentName": null, "queue": null, "sipTrunkId": 11, "outboundSipTrunkId": 22, "tags": null,
    });
    if number >= ANSWERED {
        record["answerTime"] = Value::Null;
        record["statusCode"] = json!(486);
        record["hangupReason"] = json!("rejected");
    }
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"calllog.json\"\r\n\r\n{record}\r\n--b--\r\n"
    );
    (
        "multipart/form-data; boundary=b".to_owned(),
        body.into_bytes(),
    )
}

/// What the one series of a query says now.
async fn value(s: &Scenario, query: &str) -> Result<Option<f64>> {
    let query = query.replace("NAMESPACE", &format!("namespace=\"{}\"", s.namespace));
    let encoded = query.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    });
    let data = prometheus(s, &format!("/api/v1/query?query={encoded}")).await?;
    let results = data["result"].as_array().cloned().unwrap_or_default();
    ensure!(results.len() <= 1, "{query}: {results:?}");
    let value = results.first().and_then(|one| one["value"][1].as_str());
    value.map(|value| Ok(value.parse()?)).transpose()
}

/// Waits until a query says exactly this.
#[allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "counters of whole numbers below 2^53"
)]
async fn is(s: &Scenario, query: &str, wanted: usize) -> Result<()> {
    s.wait(&format!("{query} to be {wanted}"), || async {
        Ok((value(s, query).await? == Some(wanted as f64)).then_some(()))
    })
    .await
}

/// Money truth: what the ledger sums up to.
async fn ledger(admin: &Caller) -> Result<()> {
    let now = SystemTime::now();
    let sums = SumChargesRequest {
        start: Some((now - Duration::from_hours(2)).into()),
        end: Some((now + Duration::from_hours(1)).into()),
        ..Default::default()
    };
    let sums = WholesaleManageClient::new(admin.clone())
        .sum_charges(sums)
        .await?
        .into_inner();
    let mut amounts: Vec<_> = sums.sums.iter().map(|row| row.amount_micro).collect();
    amounts.sort_unstable();
    assert_eq!(
        amounts,
        [BOUGHT, SOLD].map(|micro| i64::try_from(micro).unwrap()),
        "{sums:?}"
    );
    Ok(())
}

/// ASR by the recording rule, by the dashboard and by gRPC.
async fn same_figure(s: &Scenario, admin: &Caller) -> Result<()> {
    let asked = GetCallStatisticsRequest::default();
    let answer = CallAnalyticsClient::new(admin.clone())
        .get_call_statistics(asked)
        .await?;
    let answer = answer.into_inner();
    let row = answer.rows.first().context("statistics")?;
    assert_eq!((row.seizures, row.answered), (10, 8));
    let asr = row.asr.context("an ASR")?;
    let chart = cluster::checkout().join("charts/telecom-operator/files/dashboards/calls.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(chart)?)?;
    let panel = dashboard["panels"]
        .as_array()
        .and_then(|panels| panels.iter().find(|panel| panel["title"] == "ASR"));
    let shown = panel.context("a panel of ASR")?["targets"][0]["expr"].as_str();
    let shown = shown.context("an expression")?;
    let shown = shown
        .replace("$namespace", &s.namespace)
        .replace("$name", "demo");
    for query in ["telecom:call_asr:ratio_rate5m{NAMESPACE}", shown.as_str()] {
        s.wait(&format!("{query} to be {asr}"), || async {
            let found = value(s, query).await?;
            Ok(found.filter(|found| (found - asr).abs() < 1e-9).map(drop))
        })
        .await?;
    }
    Ok(())
}

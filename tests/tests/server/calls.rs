//! PBXs and their records: from the push of a PBX to the row and the counters.

use serde_json::{Value, json};
use telecom_proto::v1::call_ingest_client::CallIngestClient;
use telecom_proto::v1::pbx_manage_client::PbxManageClient;
use telecom_proto::v1::{CreatePbxRequest, Pbx, PbxConfig};
use telecom_tests::{postgres, tokens};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use super::process::{Answer, Bearer, Server, exchange};

mod bad;
mod ingest;
mod manage;
mod outage;
mod state;

pub type PbxManage = PbxManageClient<InterceptedService<Channel, Bearer>>;
pub type CallIngest = CallIngestClient<InterceptedService<Channel, Bearer>>;

impl Server {
    pub async fn pbxs(&self) -> PbxManage {
        let bearer = Bearer::new(tokens::admin());
        PbxManageClient::with_interceptor(self.channel().await, bearer)
    }

    pub async fn call_ingest(&self, token: &str) -> CallIngest {
        CallIngestClient::with_interceptor(self.channel().await, Bearer::new(token))
    }

    /// A registered PBX and its token.
    pub async fn pbx(&self, name: &str) -> (Pbx, String) {
        let request = CreatePbxRequest {
            config: Some(PbxConfig {
                name: name.to_owned(),
                ..PbxConfig::default()
            }),
            idempotency_key: String::new(),
        };
        let created = self.pbxs().await.create_pbx(request).await.unwrap();
        let created = created.into_inner();
        (created.pbx.unwrap(), created.token)
    }

    pub fn query(&self, sql: &str) -> String {
        let name = self.url.rsplit('/').next().unwrap();
        postgres::shared().sql(name, sql).unwrap()
    }

    /// POSTs to the route of records.
    pub async fn post(&self, token: &str, content_type: &str, body: &[u8]) -> Answer {
        let mut request = format!(
            "POST /v1/call-records HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !token.is_empty() {
            request.extend(["authorization: Bearer ", token, "\r\n"]);
        }
        let mut request = (request + "\r\n").into_bytes();
        request.extend_from_slice(body);
        Answer::parse(&exchange(self.http, &request).await)
    }

    /// As RustPBX sends it: one part without a content type of its own.
    pub async fn push(&self, token: &str, record: &Value) -> Answer {
        let body = multipart(&record.to_string());
        self.post(
            token,
            &format!("multipart/form-data; boundary={BOUNDARY}"),
            &body,
        )
        .await
    }

    /// Records as JSON, and what became of each.
    pub async fn post_json(&self, token: &str, records: &Value) -> Vec<Value> {
        let body = records.to_string();
        let answer = self.post(token, "application/json", body.as_bytes()).await;
        assert_eq!(answer.code, 200, "{answer:?}");
        answer.json()["results"].as_array().unwrap().clone()
    }
}

pub const BOUNDARY: &str = "f7c31e297d67f783-9224366797dfac48-87cca58f3311ee43-60dc4497f370e6a4";

pub fn multipart(calllog: &str) -> Vec<u8> {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"calllog.json\"\r\n\r\n{calllog}\r\n--{BOUNDARY}--\r\n"
    )
    .into_bytes()
}

/// An answered call of a minute over a trunk, so many seconds ago.
pub fn record(call_id: &str, seconds_ago: i64) -> Value {
    let now = chrono::Utc::now();
    let at = |after: i64| {
        let time = now - chrono::TimeDelta::seconds(seconds_ago - after);
        time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
    };
    json!({
        "callId": call_id, "sessionId": call_id,
        "startTime": at(-70), "ringTime": at(-68), "answerTime": at(-60), "endTime": at(0),
        "caller": "sip:4930123456@customer.example.net", "callee": "sip:15550100@carrier.example.net",
        "statusCode": 200, "hangupReason": "byCaller", "hangupMessages": [{"code": 200}],
        "sipLegRoles": {"": "caller"}, "direction": "outbound", "status": "completed",
        "fromNumber": "4930123456", "toNumber": "15550100", "callerName": "sipp",
        "agentName": null, "queue": null, "departmentId": null, "extensionId": null,
        "sipTrunkId": 11, "outboundSipTrunkId": 22, "routeId": null, "sipGateway": null,
        "recordingUrl": null, "recordingDurationSecs": null, "hasTranscript": false, "tags": null,
        "rewrite": {"callerOriginal": "sip:4930123456@customer.example.net"},
        "metadata": {"trace": [{"kind": "ring", "ts": 25}]},
        "legTimeline": [{"legId": "a", "event": "answered"}],
    })
}

/// What became of each record, by its word.
pub fn outcomes(results: &[Value]) -> Vec<&str> {
    results
        .iter()
        .map(|result| result["outcome"].as_str().unwrap())
        .collect()
}

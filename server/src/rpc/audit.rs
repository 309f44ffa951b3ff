//! The `Audit` service.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::Value as Json;
use telecom_proto::v1 as proto;
use telecom_proto::v1::audit_server::Audit;
use telecom_proto::v1::{ListAuditRequest, ListAuditResponse};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::convert::timestamp;
use super::requests::{before, between, limit, word};
use super::status::Refusal;
use crate::audit::{AuditEntry, AuditFilter};
use crate::domain::{AdminListAudit, ManageService};

#[tonic::async_trait]
impl Audit for ManageService {
    async fn list_audit(
        &self,
        mut request: Request<ListAuditRequest>,
    ) -> Result<Response<ListAuditResponse>, Status> {
        let context = context(&mut request)?;
        let input = list(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListAuditResponse {
            entries: page.entries.into_iter().map(entry).collect(),
            next_before_id: page.next_before_id.unwrap_or_default(),
        }))
    }
}

fn list(request: ListAuditRequest) -> Result<AdminListAudit, Refusal> {
    let before_id = before("an entry", request.before_id)?;
    let (start, end) = between(request.start, request.end)?;
    Ok(AdminListAudit {
        limit: limit(request.limit)?,
        filter: AuditFilter {
            actor: word("actor", request.actor)?,
            method: word("method", request.method)?,
            target: word("target", request.target)?,
            start,
            end,
            before_id,
        },
    })
}

/// An entry as callers see it.
pub(super) fn entry(entry: AuditEntry) -> proto::AuditEntry {
    proto::AuditEntry {
        id: entry.id,
        at: Some(timestamp(entry.at)),
        actor: entry.actor,
        method: entry.method,
        target: entry.target,
        before: entry.before.and_then(state),
        after: entry.after.and_then(state),
        trace_id: entry.trace_id,
    }
}

fn state(state: Json) -> Option<Struct> {
    match value(state).kind {
        Some(Kind::StructValue(state)) => Some(state),
        _ => None,
    }
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(number) => match exact(&number) {
            Some(number) => Kind::NumberValue(number),
            None => Kind::StringValue(number.to_string()),
        },
        Json::String(text) => Kind::StringValue(text),
        Json::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(value).collect(),
        }),
        Json::Object(fields) => Kind::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, field)| (name, value(field)))
                .collect(),
        }),
    };
    Value { kind: Some(kind) }
}

/// The number as a double, unless it is a whole one that a double cannot hold: 2^53 is the last of
/// those that all can be.
fn exact(number: &serde_json::Number) -> Option<f64> {
    const LAST: u64 = 1 << 53;
    let whole = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
    match whole {
        Some(whole) if whole > LAST => None,
        _ => number.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_keeps_every_value_of_its_json() {
        let state = state(json!({
            "none": null, "yes": true, "text": "r7", "half": 0.5, "least": -9_007_199_254_740_992_i64,
            "large": 9_007_199_254_740_993_i64, "largest": u64::MAX, "list": [1, {"a": []}],
        }))
        .unwrap();
        let kind = |name: &str| state.fields[name].kind.clone().unwrap();
        assert_eq!(kind("none"), Kind::NullValue(0));
        assert_eq!(kind("yes"), Kind::BoolValue(true));
        assert_eq!(kind("text"), Kind::StringValue("r7".to_owned()));
        assert_eq!(kind("half"), Kind::NumberValue(0.5));
        assert_eq!(kind("least"), Kind::NumberValue(-9_007_199_254_740_992.0));
        assert_eq!(
            kind("large"),
            Kind::StringValue("9007199254740993".to_owned())
        );
        assert_eq!(
            kind("largest"),
            Kind::StringValue("18446744073709551615".to_owned())
        );
        let Kind::ListValue(list) = kind("list") else {
            panic!("no list");
        };
        assert_eq!(list.values.len(), 2);
        assert_eq!(super::state(json!([])), None);
    }
}

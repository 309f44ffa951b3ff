//! Page tokens of lists of calls: the last record of a page, with the period and what else was asked for, so that the
//! next page goes on in the same list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use prost::Message as _;
use telecom_proto::v1::ListCallRecordsRequest;

use crate::auth::Digest;
use crate::calls::{CallKey, CallPeriod};
use crate::exports::{opaque, understood};
use crate::pbxs::PbxId;
use crate::rpc::requests::MAX_OPAQUE;

/// What a request asks for, whichever page of it.
pub(super) fn fingerprint(request: &ListCallRecordsRequest) -> String {
    let asked = ListCallRecordsRequest {
        page_token: String::new(),
        limit: 0,
        ..request.clone()
    };
    let digest = Digest::of_bytes(&asked.encode_to_vec());
    URL_SAFE_NO_PAD.encode(digest.as_bytes())
}

pub(super) fn write(fingerprint: &str, period: CallPeriod, key: &CallKey) -> String {
    opaque(&(
        fingerprint,
        period.start.timestamp_micros(),
        period.end.timestamp_micros(),
        key.start_time.timestamp_micros(),
        key.pbx.0,
        &key.call_id,
    ))
}

/// The period and the last record of the page before; `None` when the token is not one of this list.
pub(super) fn read(fingerprint: &str, token: &str) -> Option<(CallPeriod, CallKey)> {
    if token.len() > MAX_OPAQUE {
        return None;
    }
    let (of, start, end, start_time, pbx, call_id): (String, _, _, _, _, String) =
        understood(token)?;
    let moment = |micros| {
        // PostgreSQL's times begin and end elsewhere than chrono's.
        let moment = DateTime::from_timestamp_micros(micros)?;
        (moment >= DateTime::UNIX_EPOCH).then_some(moment)
    };
    let period = CallPeriod {
        start: moment(start)?,
        end: moment(end)?,
    };
    let key = CallKey {
        start_time: moment(start_time)?,
        pbx: PbxId(pbx),
        call_id,
    };
    let inside = (period.start..period.end).contains(&key.start_time);
    let good = of == fingerprint && inside && !key.call_id.contains('\0');
    good.then_some((period, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let request = ListCallRecordsRequest {
            queue: "sales".to_owned(),
            limit: 7,
            ..Default::default()
        };
        let fingerprint = fingerprint(&request);
        let at = |text: &str| text.parse().unwrap();
        let period = CallPeriod {
            start: at("2026-11-27T00:00:00Z"),
            end: at("2026-11-28T00:00:00Z"),
        };
        let key = CallKey {
            start_time: at("2026-11-27T10:00:00.123456Z"),
            pbx: PbxId(3),
            call_id: "1-25546@127.0.0.1".to_owned(),
        };
        let token = write(&fingerprint, period, &key);
        assert_eq!(read(&fingerprint, &token), Some((period, key)));
        // The page may be of another size.
        let next = ListCallRecordsRequest {
            limit: 500,
            page_token: token.clone(),
            ..request.clone()
        };
        assert_eq!(super::fingerprint(&next), fingerprint);
        let other = ListCallRecordsRequest {
            include_legs: true,
            ..request
        };
        assert_eq!(read(&super::fingerprint(&other), &token), None);
        for bad in ["x", "e30", "", &token[1..], &"A".repeat(5000)] {
            assert_eq!(read(&fingerprint, bad), None, "{bad}");
        }
    }
}

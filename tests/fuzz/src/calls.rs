//! Anything posted to `/v1/call-records`: records or a sentence on why there are none; each record good by all its
//! rules, or rejected with a reason.

use std::convert::Infallible;

use futures::stream;
use telecom_server::call_push::{self, Push};
use telecom_server::calls::{CallDraft, CallResult};
use telecom_server::pbxs::PbxId;

use crate::server::block_on;

const FORM: &str = "multipart/form-data; boundary=b";
const NOON: &str = "2026-01-01T12:00:00Z";

/// The first byte says in which form and in pieces of how many bytes the rest comes.
pub fn run(input: &[u8]) {
    let Some((how, body)) = input.split_first() else {
        return;
    };
    let content_type = if how % 2 == 0 {
        FORM
    } else {
        "application/json"
    };
    let pieces: Vec<_> = body
        .chunks(1 + usize::from(how / 2))
        .map(|piece| Ok::<_, Infallible>(piece.to_vec().into()))
        .collect();
    match block_on(call_push::read(content_type, stream::iter(pieces))) {
        Ok(Push { records, .. }) => records.iter().for_each(|record| check(record)),
        Err(error) => {
            assert!(error.status().is_client_error(), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn check(record: &str) {
    let now = NOON.parse().expect("noon");
    let draft = CallDraft::read(record.as_bytes());
    match draft.and_then(|draft| draft.check(PbxId(1), now)) {
        Ok(call) => {
            assert!(!call.key.call_id.is_empty() && !call.session_id.is_empty());
            assert!(call.talk_ms() >= 0 && call.duration_ms() >= call.talk_ms());
            let answered = call.result == CallResult::Completed;
            assert_eq!(call.answer_time.is_some(), answered);
            assert!(call.status_code <= 999);
        }
        Err(rejection) => {
            assert!(!rejection.description.is_empty());
            assert!(rejection.field.chars().count() <= 200, "{rejection:?}");
            assert!(
                rejection.description.chars().count() <= 500,
                "{rejection:?}"
            );
        }
    }
}

/// A push as RustPBX sends it, and the same as JSON alone and in an array.
pub fn seeds() -> Vec<Vec<u8>> {
    let record = format!(
        "{{\"callId\":\"a\",\"sessionId\":\"a\",\"startTime\":\"{NOON}\",\"ringTime\":\"{NOON}\",\
         \"answerTime\":\"{NOON}\",\"endTime\":\"{NOON}\",\"caller\":\"sip:a@b\",\"callee\":\"sip:c@d\",\
         \"statusCode\":200,\"hangupReason\":\"byCaller\",\"direction\":\"inbound\",\"fromNumber\":\"1\",\
         \"toNumber\":\"2\",\"callerName\":\"n\",\"agentName\":null,\"queue\":\"q\",\"sipTrunkId\":1,\
         \"outboundSipTrunkId\":\"t\",\"extra\":{{\"deep\":[1,null,\"x\"]}}}}"
    );
    let media = "--b\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\nx\r\n";
    let push = format!(
        "{media}--b\r\nContent-Disposition: form-data; name=\"calllog.json\"\r\n\r\n{record}\r\n--b--\r\n"
    );
    [
        (0, push.clone()),
        (62, push),
        (1, record.clone()),
        (63, format!("[{record},{record}]")),
    ]
    .into_iter()
    .map(|(how, body)| [&[how], body.as_bytes()].concat())
    .collect()
}

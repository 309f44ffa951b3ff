//! The way to the server: records in one of the two forms it takes, and what its answer means for them.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::timeout;
use uuid::Uuid;

use super::token::Token;
use crate::calls::Outcome;
use crate::http_client::{self, HttpClient};

/// The server lets a request wait for its database for 8 seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// A result of a record is some hundred bytes.
const MAX_ANSWER: usize = 4 << 20;

/// What became of an offer.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server has all of it: it said what became of each record.
    Taken,
    /// The body is refused as a whole.
    Refused(StatusCode),
    /// Whoever answers does not let us, or is not the server: somebody has to do something.
    Denied(String),
    /// It may work later.
    Failed(String),
}

/// Where the server is.
#[derive(Debug)]
pub struct Way {
    client: HttpClient<Full<Bytes>>,
    server: Uri,
    token: Arc<Token>,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Ended>,
}

#[derive(Deserialize)]
struct Ended {
    outcome: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    field: String,
}

/// Whether a record can be one of several: what is no JSON would spoil the others.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

impl Way {
    /// Nothing is asked yet.
    pub fn new(server: Uri, token: Arc<Token>) -> Self {
        Self {
            client: http_client::client(),
            server,
            token,
        }
    }

    /// Offers records that are JSON, together.
    pub async fn offer(&self, records: &[&str]) -> Answer {
        let body = format!("[{}]", records.join(","));
        match self.post("application/json", body).await {
            Ok((StatusCode::OK, answer)) => settled(&answer, records.len()),
            Ok((code, _)) => self.unsettled(code),
            Err(error) => Answer::Failed(error),
        }
    }

    /// Offers a record as the PBX has pushed it: the server keeps aside what it cannot read.
    pub async fn push(&self, record: &str) -> Answer {
        let boundary = Uuid::new_v4().simple().to_string();
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"calllog.json\"\r\n\r\n{record}\r\n--{boundary}--\r\n"
        );
        let content_type = format!("multipart/form-data; boundary={boundary}");
        match self.post(&content_type, body).await {
            Ok((StatusCode::ACCEPTED, _)) => Answer::Taken,
            Ok((code, _)) => self.unsettled(code),
            Err(error) => Answer::Failed(error),
        }
    }

    async fn post(&self, content_type: &str, body: String) -> Result<(StatusCode, Bytes), String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.server.clone())
            .header(CONTENT_TYPE, content_type)
            .header(AUTHORIZATION, self.token.header())
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        let asked = timeout(PATIENCE, async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| chain(&error))?;
            let code = response.status();
            let answer = Limited::new(response.into_body(), MAX_ANSWER).collect();
            let answer = answer.await.map_err(|error| error.to_string())?;
            Ok((code, answer.to_bytes()))
        });
        asked
            .await
            .unwrap_or_else(|_| Err(format!("no answer in {PATIENCE:?}")))
    }

    fn unsettled(&self, code: StatusCode) -> Answer {
        match code {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Answer::Refused(code),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Answer::Failed(code.to_string())
            }
            // With another token it may be another thing.
            StatusCode::UNAUTHORIZED if self.token.read_again() => Answer::Failed(code.to_string()),
            code if code.is_server_error() => Answer::Failed(code.to_string()),
            code => Answer::Denied(code.to_string()),
        }
    }
}

fn settled(answer: &[u8], records: usize) -> Answer {
    let Ok(Results { results }) = serde_json::from_slice(answer) else {
        return Answer::Denied("200, but not in the server's words".to_owned());
    };
    let known = |ended: &Ended| Outcome::NAMES.contains(&ended.outcome.as_str());
    if results.len() != records || !results.iter().all(known) {
        return Answer::Denied("200, but not for these records".to_owned());
    }
    for ended in results.iter().filter(|ended| !ended.reason.is_empty()) {
        let Ended {
            outcome,
            reason,
            field,
        } = ended;
        tracing::warn!(
            outcome,
            reason,
            field,
            "a record is kept aside by the server"
        );
    }
    Answer::Taken
}

/// An error with its causes: the first one says little.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_s_own_answer_for_each_record_settles_them() {
        let one = r#"{"index":0,"outcome":"stored","reason":"","field":"","description":""}"#;
        let other = r#"{"outcome":"rejected","reason":"bad","field":"endTime"}"#;
        let body = format!("{{\"results\":[{one},{other}]}}");
        assert_eq!(settled(body.as_bytes(), 2), Answer::Taken);
        for (body, records) in [
            (body.as_str(), 3),
            ("{\"results\":[]}", 1),
            ("{\"results\":[{\"outcome\":\"ok\"}]}", 1),
            ("<html>welcome</html>", 1),
            ("{}", 1),
        ] {
            let answer = settled(body.as_bytes(), records);
            assert!(matches!(answer, Answer::Denied(_)), "{body}: {answer:?}");
        }
    }

    #[test]
    fn a_record_that_would_spoil_the_others_is_known() {
        for (text, good) in [
            ("{\"callId\":\"a\"}", true),
            (" 3 ", true),
            ("{\"callId\":", false),
            ("{},{}", false),
            ("", false),
        ] {
            assert_eq!(is_json(text), good, "{text:?}");
        }
    }
}

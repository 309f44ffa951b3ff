//! The vocabulary of events: those that others publish, those on their way, those that could not be
//! taken up.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::{Builder, Uuid};

use crate::auth::Digest;
use crate::billing::{Arrival, USER_USAGE_BILLING, Unusable, UserUsageBillingEvent};

/// The source of this provider's own events.
pub const OWN_SOURCE: &str = "telecom";
/// Most characters of an event's id and of its source.
const MAX_NAME: usize = 200;
/// Most bytes of what an event says.
const MAX_DATA: usize = 64 << 10;

/// An event as another source sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventDraft {
    /// Its own id.
    pub id: String,
    /// Who says it.
    pub source: String,
    /// What it is about.
    pub route: String,
    /// What it says: JSON.
    pub data: String,
}

/// Why an event is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventRefusal {
    /// Its id is none.
    #[error("id must be 1 to 200 characters without control characters")]
    IdInvalid,
    /// Its source is none.
    #[error("source must be 1 to 200 characters without control characters, and not `telecom`")]
    SourceInvalid,
    /// Nobody takes it up.
    #[error("type must be `telecom.user_usage_billing`: nobody here takes up others")]
    TypeUnknown,
    /// What it says is too long.
    #[error("data must be up to 64 KiB")]
    DataTooLong,
    /// What it says cannot be taken up.
    #[error(transparent)]
    Data(#[from] Unusable),
}

/// An event of another source that can be taken up.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalEvent {
    /// The same for each repetition.
    pub event_id: Uuid,
    /// Its own id.
    pub id: String,
    /// Who says it.
    pub source: String,
    /// What it is about.
    pub route: &'static str,
    /// What it says, and nothing besides.
    pub payload: Value,
}

impl EventDraft {
    /// Checks an event that has come `now`.
    pub fn check(&self, now: DateTime<Utc>) -> Result<ExternalEvent, EventRefusal> {
        if !is_name(&self.id) {
            return Err(EventRefusal::IdInvalid);
        }
        if !is_name(&self.source) || self.source == OWN_SOURCE {
            return Err(EventRefusal::SourceInvalid);
        }
        if self.route != USER_USAGE_BILLING {
            return Err(EventRefusal::TypeUnknown);
        }
        if self.data.len() > MAX_DATA {
            return Err(EventRefusal::DataTooLong);
        }
        let arrival = Arrival {
            created_at: now,
            now,
            external: true,
        };
        let data: Result<Value, _> = serde_json::from_str(&self.data);
        let data = data.map_err(|error| Unusable::Malformed(error.to_string()))?;
        let event = UserUsageBillingEvent::read(&data, arrival)?;
        Ok(ExternalEvent {
            event_id: event_id(&self.source, &self.id),
            id: self.id.clone(),
            source: self.source.clone(),
            route: USER_USAGE_BILLING,
            payload: serde_json::json!({
                "server_id": event.server_id,
                "user": event.user.to_string(),
                "billed_download": event.billed.download,
                "billed_upload": event.billed.upload,
                "time": event.time.timestamp(),
            }),
        })
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// A UUID of version 8 (RFC 9562) out of the key of the event.
fn event_id(source: &str, id: &str) -> Uuid {
    // Neither has control characters.
    let digest = Digest::of_bytes(format!("{source}\0{id}").as_bytes());
    let mut bytes = [0; 16];
    for (byte, of_digest) in bytes.iter_mut().zip(digest.as_bytes()) {
        *byte = *of_digest;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number; ascending.
    pub id: i64,
    /// What recognizes it.
    pub event_id: Uuid,
    /// Who says it.
    pub source: String,
    /// The source's own id of it; `None` for this provider's.
    pub source_id: Option<String>,
    /// What it is about.
    pub route: String,
    /// What it says.
    pub payload: Value,
    /// The trace of what caused it.
    pub trace_id: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
    /// When it was taken up.
    pub published_at: Option<DateTime<Utc>>,
    /// How often taking it up has failed.
    pub attempts: u16,
    /// When it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
}

/// An event that could not be taken up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Its number; ascending.
    pub id: i64,
    /// What recognizes the event.
    pub event_id: Uuid,
    /// Who says it.
    pub source: String,
    /// The source's own id of it; `None` for this provider's.
    pub source_id: Option<String>,
    /// What it is about.
    pub route: String,
    /// What it says.
    pub payload: Value,
    /// The trace of what caused it.
    pub trace_id: String,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub detail: String,
    /// How often taking it up had failed.
    pub attempts: u16,
    /// When the event came.
    pub created_at: DateTime<Utc>,
    /// When it was given up.
    pub died_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "0193a1b0-0000-7000-8000-00000000000a";

    fn draft(data: &str) -> EventDraft {
        EventDraft {
            id: "17".to_owned(),
            source: "https://dpi.example.net".to_owned(),
            route: USER_USAGE_BILLING.to_owned(),
            data: data.to_owned(),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn data(upload: &str, seconds: i64) -> String {
        format!(
            r#"{{"server_id": 1, "user": "{USER}", "billed_download": 5, "billed_upload": {upload}, "time": {}, "more": "\u0000"}}"#,
            now().timestamp() + seconds
        )
    }

    #[test]
    fn an_event_says_what_it_should_and_no_more() {
        let good = draft(&data("9223372036854775807", -3600))
            .check(now())
            .unwrap();
        assert_eq!(
            good.payload,
            serde_json::json!({
                "server_id": 1, "user": USER, "billed_download": 5, "billed_upload": i64::MAX,
                "time": now().timestamp() - 3600,
            })
        );
        assert_eq!(good.event_id.get_version_num(), 8);
        let again = draft(&data("1", 0)).check(now()).unwrap();
        assert_eq!(again.event_id, good.event_id);
        let other = EventDraft {
            id: "18".to_owned(),
            ..draft(&data("1", 0))
        };
        assert_ne!(other.check(now()).unwrap().event_id, good.event_id);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with = |change: fn(&mut EventDraft)| {
            let mut draft = draft(&data("1", 0));
            change(&mut draft);
            draft.check(now()).unwrap_err()
        };
        assert_eq!(with(|d| d.id.clear()), EventRefusal::IdInvalid);
        assert_eq!(with(|d| d.id = "é".repeat(201)), EventRefusal::IdInvalid);
        assert_eq!(
            with(|d| d.source = "a\0b".to_owned()),
            EventRefusal::SourceInvalid
        );
        assert_eq!(
            with(|d| d.source = OWN_SOURCE.to_owned()),
            EventRefusal::SourceInvalid
        );
        assert_eq!(with(|d| d.route.clear()), EventRefusal::TypeUnknown);
        assert_eq!(
            with(|d| d.data = " ".repeat(MAX_DATA + 1)),
            EventRefusal::DataTooLong
        );
        for (data, reason) in [
            (String::new(), "malformed"),
            ("[]".to_owned(), "malformed"),
            ("{}".to_owned(), "malformed"),
            (data("9223372036854775808", 0), "malformed"),
            (data("1.5", 0), "malformed"),
            (data("-1", 0), "negative"),
            (data("1", -8 * 86_400), "too_old"),
            (data("1", 2 * 86_400), "too_new"),
            ("[".repeat(60_000), "malformed"),
        ] {
            let Err(EventRefusal::Data(why)) = draft(&data).check(now()) else {
                panic!("{data}");
            };
            assert_eq!(why.reason(), reason, "{data}");
        }
    }
}

//! What the agent says to the programs beside it, one line of JSON each.

use serde::Serialize;
use uuid::Uuid;

use crate::access::Decision;

/// A line that goes out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Every line up to this one, from 1, is on the disk, but for those that a `bad_line` named.
    Taken {
        /// Number of the line.
        through: u64,
    },
    /// A line that cannot be understood; it is not counted.
    BadLine {
        /// Its number.
        line: u64,
        /// Why.
        error: String,
    },
    /// The spool is full: nothing is read until the server has taken some of it.
    Full,
    /// What a subscriber may do now: after a change, or as the answer to a question.
    Access {
        /// The subscriber.
        user_id: Uuid,
        /// The node client.
        node_client_id: i32,
        /// What holds.
        #[serde(flatten)]
        decision: Decision,
    },
    /// More changed than was read: `access.json` has all of it.
    Reload,
    /// Nothing was heard of access for too long, or something is heard again.
    Contact {
        /// Which of the two.
        in_contact: bool,
    },
    /// The server did not take a row; it keeps it for an administrator.
    Refused {
        /// The subscriber.
        user_id: String,
        /// The node client.
        node_client_id: i32,
        /// Why, such as `USER_UNKNOWN`.
        reason: &'static str,
    },
    /// The server will never take a report; it lies in `rejected/`.
    Rejected {
        /// The boot it is of.
        boot_id: String,
        /// Its number.
        seq: u64,
        /// Why.
        error: String,
    },
}

//! Runs as the server tells of them, and the answers of those that do not tell.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use telecom_crds::JobName;

/// What a run is known by: one key of a job has one run, whoever asks how often.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunKey {
    /// The slot at which it is due.
    Slot(Timestamp),
    /// The id of a request.
    Request(String),
}

impl RunKey {
    /// The key of the request that an annotation's value makes: the same for every leader.
    pub fn requested(uid: &str, value: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(uid);
        hash.update([0]);
        hash.update(value);
        let digest = hash.finalize();
        let id = digest.iter().take(16).fold(String::new(), |mut id, byte| {
            use fmt::Write as _;
            // A String takes everything.
            let _ = write!(id, "{byte:02x}");
            id
        });
        Self::Request(id)
    }

    /// The slot, if it is one.
    pub fn slot(&self) -> Option<Timestamp> {
        match self {
            Self::Slot(slot) => Some(*slot),
            Self::Request(_) => None,
        }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "{slot}"),
            Self::Request(id) => write!(f, "request {id}"),
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It goes on.
    Running,
    /// Its effect is there.
    Succeeded {
        /// When it ended, by the database's clock.
        ended: Timestamp,
    },
    /// It was given up.
    Failed {
        /// Why.
        error: String,
    },
}

/// A run as the server tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it is known by.
    pub key: RunKey,
    /// How it stands.
    pub state: RunState,
    /// When it was begun, by the database's clock.
    pub started: Timestamp,
    /// How long it took, in seconds; `None` while it goes on.
    pub took: Option<f64>,
    /// Whether the call that was answered began it.
    pub fresh: bool,
}

/// What is known of a job's runs in the server's database.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// The run of the latest slot that is not in the database's future.
    pub latest: Option<Run>,
    /// The run that goes on.
    pub active: Option<Run>,
    /// The end of the last one that succeeded.
    pub last_success: Option<Timestamp>,
    /// How many have failed since.
    pub consecutive_failures: u32,
}

/// What the server's database knows of all jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// The database's time.
    pub now: Timestamp,
    /// By job.
    pub jobs: BTreeMap<JobName, Past>,
}

/// Why there was no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another run of the job goes on.
    #[error("another run goes on")]
    JobActive {
        /// What that one is known by.
        key: RunKey,
    },
    /// The slot lies in the database's future.
    #[error("the slot lies in the future of the database, whose clock shows {now}")]
    ClockAhead {
        /// The database's time.
        now: Timestamp,
    },
    /// A later slot has been started.
    #[error("a later slot has been started")]
    Superseded {
        /// Which one.
        latest: Timestamp,
    },
    /// The database is another cluster's.
    #[error("the database belongs to the TelecomCluster with uid {owner}")]
    DatabaseInUse {
        /// Whose.
        owner: String,
    },
    /// The server is older than the method.
    #[error("the server is too old to run jobs: use an image of the operator's version")]
    Unsupported,
    /// The operator's token is refused.
    #[error("the server refuses the operator's token: {0}")]
    Unauthenticated(String),
    /// No answer, or one that says to ask again.
    #[error("{0}")]
    Unavailable(String),
}

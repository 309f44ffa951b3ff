//! Why a use case ended without its output, by what its caller can do about it.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use crate::jobs::{JobRun, rfc3339};
use crate::packages::MAX_OPEN;
use crate::store::{AsConflict, StoreError};
use crate::users::UserId;
use crate::violation::Violation;

/// A use case failed.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// Fields of the request are wrong.
    #[error("the request has fields that cannot be accepted")]
    Invalid(Vec<Violation>),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(Thing),
    /// Another thing of the kind has the name, or the id.
    #[error("another {kind} is called `{name}`")]
    NameTaken {
        /// What kind of thing.
        kind: Kind,
        /// The name, or the id.
        name: String,
    },
    /// The key belongs to a request that said something else.
    #[error("the idempotency key `{0}` was used for another request")]
    IdempotencyKeyReused(String),
    /// The line of the order is in a queue already.
    #[error("line {line} of order `{order}` is queued package {id} already")]
    OrderExists {
        /// The order.
        order: String,
        /// Its line.
        line: u32,
        /// The queued package that it became.
        id: i64,
    },
    /// Another report has the boot and the number.
    #[error("another report of boot {boot_id} had the number {seq}")]
    SeqReused {
        /// The node's boot.
        boot_id: String,
        /// The number.
        seq: i64,
    },
    /// A factor is set for exactly that moment.
    #[error("a factor is set for exactly that moment already")]
    FactorExists,
    /// Somebody else has written since the caller read.
    #[error("{thing} has changed since the state that the etag is of: read it again")]
    EtagStale {
        /// What has changed.
        thing: Thing,
    },
    /// Something else has to be done first.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// The node's token is not one that works.
    #[error("the token is not known or no longer works")]
    TokenInvalid,
    /// The data are another subscriber's.
    #[error("these are another user's: leave user_id empty for your own")]
    NotYours,
    /// Staff have no data of their own.
    #[error("name the user whose data are wanted")]
    UserNotNamed,
    /// The method is for another kind of caller.
    #[error("the caller may not do this")]
    WrongCaller,
    /// The server has been told to stop and begins nothing any more.
    #[error("this server is going away")]
    Draining,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What stands in the way of a use case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// What the request refers to is not there.
    #[error("there is no {0}")]
    Missing(Thing),
    /// Node clients run on the node server.
    #[error("{clients} node clients run on node server {id}: delete them first")]
    NodeServerInUse {
        /// The node server.
        id: i32,
        /// How many run on it.
        clients: i64,
    },
    /// Package series give access to the node client.
    #[error("package series {series} gives access to node client {id}: take it out first")]
    NodeClientInUse {
        /// The node client.
        id: i32,
        /// One of the series.
        series: i32,
    },
    /// Trunks are rated by the deck.
    #[error("trunk {trunk} is rated by wholesale deck {id}: give it another one first")]
    WholesaleDeckInUse {
        /// The deck.
        id: i32,
        /// One of the trunks.
        trunk: String,
    },
    /// The series is no longer on sale.
    #[error("package series {0} is retired")]
    SeriesRetired(i32),
    /// The package, or its series, is no longer on sale.
    #[error("package {0} is retired")]
    PackageRetired(i32),
    /// The subscriber has been erased.
    #[error("user {0} has been erased")]
    UserErased(UserId),
    /// The subscriber has as many open packages as one may have.
    #[error("user {user} has {MAX_OPEN} open packages already")]
    QueueFull {
        /// The subscriber.
        user: UserId,
    },
    /// The queued package has ended before.
    #[error("queued package {0} has ended already")]
    QueuedPackageEnded(i64),
    /// No package is active.
    #[error("user {0} has no active package: name the one to correct")]
    NoActivePackage(UserId),
    /// Nothing can have been charged to the package yet.
    #[error("queued package {0} has not been active yet, so that nothing was charged to it")]
    QueuedPackageWaits(i64),
    /// More is to be given back than was charged.
    #[error("{bytes} bytes are charged to queued package {id}: no more can be given back")]
    LessCharged {
        /// The queued package.
        id: i64,
        /// How many bytes there are.
        bytes: u64,
    },
    /// Another run of the job goes on.
    #[error("job {} is running already, for {}, since {}", .0.job, .0.key, rfc3339(.0.started_at))]
    JobActive(Box<JobRun>),
    /// The slot is in the future of the database's clock.
    #[error("it is {} by the database's clock: the slot is yet to come", rfc3339(*.now))]
    ClockAhead {
        /// The database's time.
        now: DateTime<Utc>,
    },
    /// A later slot of the job has been started.
    #[error("the later slot {} has been started", rfc3339(*.latest))]
    SlotSuperseded {
        /// The later slot.
        latest: DateTime<Utc>,
    },
    /// The database belongs to another cluster than the caller's.
    #[error("the database belongs to the cluster of uid {owner}")]
    DatabaseInUse {
        /// The uid of that cluster.
        owner: String,
    },
    /// What is exported of a day may still change.
    #[error("{day} is not closed yet: ask for the days before it, or later")]
    DayOpen {
        /// The first such day that was asked for.
        day: NaiveDate,
    },
    /// More is to be charged than can be counted.
    #[error("with it, more would be charged to queued package {0} than can be counted")]
    TooMuchCharged(i64),
}

/// Kinds of things that callers name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    NodeServer,
    NodeClient,
    Pbx,
    PackageSeries,
    Package,
    QueuedPackage,
    WholesaleDeck,
    WholesaleRate,
    WholesaleTrunk,
    CallCharge,
    User,
    RefusedUsage,
    DeadLetter,
    UsageAdjustment,
    JobRun,
    CallRecord,
    Usage,
}

impl Kind {
    /// The name in targets of the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NodeServer => "node_server",
            Self::NodeClient => "node_client",
            Self::Pbx => "pbx",
            Self::PackageSeries => "package_series",
            Self::Package => "package",
            Self::QueuedPackage => "queued_package",
            Self::WholesaleDeck => "wholesale_deck",
            Self::WholesaleRate => "wholesale_rate",
            Self::WholesaleTrunk => "wholesale_trunk",
            Self::CallCharge => "call_charge",
            Self::User => "user",
            Self::DeadLetter => "dead_letter",
            Self::UsageAdjustment => "usage_adjustment",
            Self::JobRun => "job_run",
            Self::CallRecord => "call_record",
            Self::Usage => "usage",
            Self::RefusedUsage => "refused_usage",
        }
    }

    /// The reason that callers see when one is not there.
    pub fn not_found(self) -> &'static str {
        match self {
            Self::NodeServer => "NODE_SERVER_NOT_FOUND",
            Self::NodeClient => "NODE_CLIENT_NOT_FOUND",
            Self::Pbx => "PBX_NOT_FOUND",
            Self::PackageSeries => "PACKAGE_SERIES_NOT_FOUND",
            Self::Package => "PACKAGE_NOT_FOUND",
            Self::QueuedPackage => "QUEUED_PACKAGE_NOT_FOUND",
            Self::WholesaleDeck => "WHOLESALE_DECK_NOT_FOUND",
            Self::WholesaleRate => "WHOLESALE_RATE_NOT_FOUND",
            Self::WholesaleTrunk => "WHOLESALE_TRUNK_NOT_FOUND",
            Self::CallCharge => "CALL_CHARGE_NOT_FOUND",
            Self::User => "USER_NOT_FOUND",
            Self::DeadLetter => "DEAD_LETTER_NOT_FOUND",
            Self::UsageAdjustment => "USAGE_ADJUSTMENT_NOT_FOUND",
            Self::JobRun => "JOB_RUN_NOT_FOUND",
            Self::CallRecord => "CALL_RECORD_NOT_FOUND",
            Self::Usage => "USAGE_NOT_FOUND",
            Self::RefusedUsage => "REFUSED_USAGE_NOT_FOUND",
        }
    }

    /// The reason that callers see when a name or an id is taken.
    pub fn taken(self) -> &'static str {
        match self {
            Self::NodeServer => "NODE_SERVER_NAME_TAKEN",
            Self::NodeClient => "NODE_CLIENT_NAME_TAKEN",
            Self::Pbx => "PBX_NAME_TAKEN",
            Self::PackageSeries => "PACKAGE_SERIES_NAME_TAKEN",
            Self::Package => "PACKAGE_NAME_TAKEN",
            Self::QueuedPackage => "QUEUED_PACKAGE_TAKEN",
            Self::WholesaleDeck => "WHOLESALE_DECK_NAME_TAKEN",
            Self::WholesaleRate => "WHOLESALE_RATE_TAKEN",
            Self::WholesaleTrunk => "WHOLESALE_TRUNK_TAKEN",
            Self::CallCharge => "CALL_CHARGE_TAKEN",
            Self::User => "USER_ID_TAKEN",
            Self::RefusedUsage => "REFUSED_USAGE_TAKEN",
            Self::DeadLetter => "DEAD_LETTER_TAKEN",
            Self::UsageAdjustment => "USAGE_ADJUSTMENT_TAKEN",
            Self::JobRun => "JOB_RUN_TAKEN",
            Self::CallRecord => "CALL_RECORD_TAKEN",
            Self::Usage => "USAGE_TAKEN",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeServer => "node server",
            Self::NodeClient => "node client",
            Self::Pbx => "PBX",
            Self::PackageSeries => "package series",
            Self::Package => "package",
            Self::QueuedPackage => "queued package",
            Self::WholesaleDeck => "wholesale deck",
            Self::WholesaleRate => "wholesale rate",
            Self::WholesaleTrunk => "wholesale trunk",
            Self::CallCharge => "charge of a call",
            Self::User => "user",
            Self::RefusedUsage => "refused row of usage",
            Self::DeadLetter => "dead letter",
            Self::UsageAdjustment => "usage adjustment",
            Self::JobRun => "run of a job",
            Self::CallRecord => "record of a call",
            Self::Usage => "usage",
        })
    }
}

/// One thing: its kind and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What kind of thing.
    pub kind: Kind,
    /// Its id as text.
    pub id: String,
}

impl Thing {
    /// The thing of that kind with that id.
    pub fn new(kind: Kind, id: impl fmt::Display) -> Self {
        Self {
            kind,
            id: id.to_string(),
        }
    }

    /// As the audit log names it: `node_server/7`.
    pub fn target(&self) -> String {
        format!("{}/{}", self.kind.as_str(), self.id)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

impl AsConflict for DomainError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

//! What subscribers see of the network, each their own; staff sees everybody's.

mod usage;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Context, DomainError, Kind, Processor, Thing};
use crate::access::Access;
use crate::auth::Caller;
use crate::nodes::{HourStatus, Node, Period, filled};
use crate::store::{
    Database, Transaction, node_status_history, retry_conflicts, user_access, user_nodes,
};
use crate::users::UserId;

pub use usage::{
    GetRecentTrafficUsage, GetUserDailyUsage, GetUserHourlyUsage, ListUserUsuallyUsedNodes,
};

/// Serves subscribers' apps.
#[derive(Debug, Clone)]
pub struct AnalysisService {
    database: Database,
    offline_timeout: Duration,
}

impl AnalysisService {
    /// A service over a clone of the database.
    pub fn new(database: Database, offline_timeout: Duration) -> Self {
        Self {
            database,
            offline_timeout,
        }
    }
}

/// Lists the node clients that a subscriber may use.
#[derive(Debug, Clone, Copy)]
pub struct ListUserNodes {
    /// Whose; `None`: the caller's own, for staff all.
    pub user: Option<UserId>,
}

/// The node clients that a subscriber may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserNodes {
    /// By display order, then id.
    pub nodes: Vec<Node>,
    /// Why there are these or none; `None` when they are not a subscriber's.
    pub access: Option<Access>,
}

impl Processor<ListUserNodes> for AnalysisService {
    type Output = UserNodes;

    async fn process(
        &self,
        context: &Context,
        input: ListUserNodes,
    ) -> Result<UserNodes, DomainError> {
        let user = whose(&context.caller, input.user)?;
        let timeout = self.offline_timeout;
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let access = access(&mut transaction, user).await?;
            let nodes = match (user, access) {
                (Some(user), Some(Access::Granted)) => {
                    user_nodes::of_user(&mut transaction, user, timeout).await?
                }
                (Some(_), _) => Vec::new(),
                (None, _) => user_nodes::all(&mut transaction, timeout).await?,
            };
            transaction.commit().await?;
            Ok(UserNodes { nodes, access })
        })
        .await
    }
}

/// Counts what node servers were doing, hour by hour.
#[derive(Debug, Clone, Copy)]
pub struct ListUserNodeStatusHistory {
    /// Over the node servers that this subscriber may use; `None`: the caller, for staff all.
    pub user: Option<UserId>,
    /// Which hours.
    pub period: Period,
}

/// What node servers were doing, hour by hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatusHistory {
    /// Each hour of the period, the oldest first.
    pub hours: Vec<HourStatus>,
    /// When the history was last brought up to date.
    pub refreshed_at: DateTime<Utc>,
}

impl Processor<ListUserNodeStatusHistory> for AnalysisService {
    type Output = NodeStatusHistory;

    async fn process(
        &self,
        context: &Context,
        input: ListUserNodeStatusHistory,
    ) -> Result<NodeStatusHistory, DomainError> {
        let user = whose(&context.caller, input.user)?;
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let access = access(&mut transaction, user).await?;
            let servers = match (user, access) {
                (Some(user), Some(Access::Granted)) => {
                    Some(user_nodes::servers_of_user(&mut transaction, user).await?)
                }
                (Some(_), _) => Some(Vec::new()),
                (None, _) => None,
            };
            let servers = servers.as_deref();
            let recorded =
                node_status_history::hours(&mut transaction, input.period, servers).await?;
            let refreshed_at = node_status_history::refreshed_at(&mut transaction).await?;
            transaction.commit().await?;
            Ok(NodeStatusHistory {
                hours: filled(input.period, &recorded),
                refreshed_at,
            })
        })
        .await
    }
}

/// Whose data a request is about: a subscriber's own, or for staff anybody's or nobody's.
fn whose(caller: &Caller, asked: Option<UserId>) -> Result<Option<UserId>, DomainError> {
    match caller {
        Caller::User(own) if asked.is_none_or(|asked| asked == *own) => Ok(Some(*own)),
        Caller::User(_) => Err(DomainError::NotYours),
        Caller::Staff(..) => Ok(asked),
        Caller::Operator | Caller::Node(_) | Caller::Pbx(_) => Err(DomainError::WrongCaller),
    }
}

async fn access(
    transaction: &mut Transaction,
    user: Option<UserId>,
) -> Result<Option<Access>, DomainError> {
    let Some(user) = user else {
        return Ok(None);
    };
    let access = user_access::find(transaction, user).await?;
    let missing = || DomainError::NotFound(Thing::new(Kind::User, user));
    access.ok_or_else(missing).map(Some)
}

//! What subscribers see of their own traffic.

use chrono::{DateTime, Utc};

use super::{AnalysisService, whose};
use crate::domain::{Context, DomainError, Kind, Processor, Thing};
use crate::store::{Transaction, recent_usage, retry_conflicts, subscribers};
use crate::usage::{Buckets, RecentRange, RecentTrafficUsage, UsuallyUsedNode};
use crate::users::{TimeZone, UserId};

/// Most node clients that are usual.
const USUAL_NODES: u32 = 20;

/// Sums a subscriber's recent traffic.
#[derive(Debug, Clone)]
pub struct GetRecentTrafficUsage {
    /// Whose; `None`: the caller's own.
    pub user: Option<UserId>,
    /// How far back.
    pub range: RecentRange,
    /// By whose clocks hours and days begin.
    pub time_zone: TimeZone,
}

/// Sums a subscriber's traffic by the hour.
#[derive(Debug, Clone)]
pub struct GetUserHourlyUsage {
    /// Whose.
    pub user: UserId,
    /// How many hours, the present one included.
    pub hours: usize,
    /// By whose clocks they begin.
    pub time_zone: TimeZone,
}

/// Sums a subscriber's traffic by the day.
#[derive(Debug, Clone)]
pub struct GetUserDailyUsage {
    /// Whose.
    pub user: UserId,
    /// How many days, today included; quarters of an hour have to be kept for as long.
    pub days: usize,
    /// By whose clocks they begin.
    pub time_zone: TimeZone,
}

/// Lists the node clients that a subscriber used most in 30 days, 20 at most.
#[derive(Debug, Clone, Copy)]
pub struct ListUserUsuallyUsedNodes {
    /// Whose; `None`: the caller's own.
    pub user: Option<UserId>,
}

impl Processor<GetRecentTrafficUsage> for AnalysisService {
    type Output = RecentTrafficUsage;

    async fn process(
        &self,
        context: &Context,
        input: GetRecentTrafficUsage,
    ) -> Result<RecentTrafficUsage, DomainError> {
        let user = named(context, input.user)?;
        let time_zone = input.time_zone;
        let daily = |days| GetUserDailyUsage {
            user,
            days,
            time_zone: time_zone.clone(),
        };
        match input.range {
            RecentRange::Day => {
                let hourly = GetUserHourlyUsage {
                    user,
                    hours: 24,
                    time_zone,
                };
                self.process(context, hourly).await
            }
            RecentRange::Week => self.process(context, daily(7)).await,
            RecentRange::Month => self.process(context, daily(30)).await,
        }
    }
}

impl Processor<GetUserHourlyUsage> for AnalysisService {
    type Output = RecentTrafficUsage;

    async fn process(
        &self,
        context: &Context,
        input: GetUserHourlyUsage,
    ) -> Result<RecentTrafficUsage, DomainError> {
        let zone = input.time_zone.rules();
        let cut = |now| Buckets::hours(now, zone, input.hours);
        self.usage(context, input.user, &cut).await
    }
}

impl Processor<GetUserDailyUsage> for AnalysisService {
    type Output = RecentTrafficUsage;

    async fn process(
        &self,
        context: &Context,
        input: GetUserDailyUsage,
    ) -> Result<RecentTrafficUsage, DomainError> {
        let zone = input.time_zone.rules();
        let cut = |now| Buckets::days(now, zone, input.days);
        self.usage(context, input.user, &cut).await
    }
}

impl Processor<ListUserUsuallyUsedNodes> for AnalysisService {
    type Output = Vec<UsuallyUsedNode>;

    async fn process(
        &self,
        context: &Context,
        input: ListUserUsuallyUsedNodes,
    ) -> Result<Vec<UsuallyUsedNode>, DomainError> {
        let user = named(context, input.user)?;
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let now = clock(&mut transaction, user).await?;
            let nodes = recent_usage::usual_nodes(&mut transaction, user, now, USUAL_NODES).await?;
            transaction.commit().await?;
            Ok(nodes)
        })
        .await
    }
}

impl AnalysisService {
    async fn usage(
        &self,
        context: &Context,
        user: UserId,
        cut: &(impl Fn(DateTime<Utc>) -> Buckets + Sync),
    ) -> Result<RecentTrafficUsage, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let now = clock(&mut transaction, user).await?;
            let usage = recent_usage::by_bucket(&mut transaction, user, &cut(now)).await?;
            transaction.commit().await?;
            Ok(usage)
        })
        .await
    }
}

/// Whose data a request is about that cannot be about nobody's.
fn named(context: &Context, asked: Option<UserId>) -> Result<UserId, DomainError> {
    whose(&context.caller, asked)?.ok_or(DomainError::UserNotNamed)
}

/// The database's clock, for a subscriber that there is.
async fn clock(transaction: &mut Transaction, user: UserId) -> Result<DateTime<Utc>, DomainError> {
    let now = subscribers::clock(transaction, user).await?;
    now.ok_or_else(|| DomainError::NotFound(Thing::new(Kind::User, user)))
}

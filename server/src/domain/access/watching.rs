//! One node's view of access: a snapshot, then what changes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{AccessHub, Changes, News, patience};
use crate::access::{Access, AccessChange, NodeOffer, UserAccess};
use crate::auth::Caller;
use crate::domain::{AgentService, Context, DomainError, Processor};
use crate::nodes::{NodeClientId, NodeServerId};
use crate::packages::SeriesId;
use crate::store::{Transaction, user_access};
use crate::users::UserId;

/// A watch ends after this, so that a token that was revoked ends as well.
const LONGEST: Duration = Duration::from_mins(15);
/// Changes in one message: some 800 KB, far below what clients read by default.
const CHANGES: usize = 10_000;
/// A node that is further behind gets a snapshot.
const RESUMED: u32 = 10_000;

/// Watches who may use the node clients of the calling node.
#[derive(Debug, Clone, Copy)]
pub struct WatchAccess {
    /// The version that the node has; 0 for none.
    pub last_version: u64,
    /// The fingerprint of what it offered then.
    pub offer: u64,
}

/// Whether a subscriber may use a node client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeAccess {
    /// Who.
    pub user: UserId,
    /// Which node client.
    pub client: NodeClientId,
    /// Whether they may.
    pub allowed: bool,
    /// Why: granted, and yet not allowed, when the package does not give this node client.
    pub reason: Access,
    /// Bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
    /// Until when it stays so if nothing happens but time; `None` for ever.
    pub valid_until: Option<chrono::DateTime<chrono::Utc>>,
}

/// What a node is told.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessMessage {
    /// The version that the node has when it has taken this up.
    pub version: u64,
    /// The fingerprint of what it offers.
    pub offer: u64,
    /// Whether this is part of a snapshot rather than changes.
    pub snapshot: bool,
    /// Whether the node is up to date with it, as far as this server is.
    pub complete: bool,
    /// Who may use what.
    pub changes: Vec<NodeAccess>,
    /// How old the oldest change is, as of a moment; `None` in snapshots.
    pub age: Option<(Duration, Instant)>,
    /// The recorded traces of what made the changes, each a `traceparent`.
    pub causes: Vec<String>,
}

/// Where a watch stands.
#[derive(Debug)]
enum Phase {
    /// At its beginning, with what the node has.
    Begin(WatchAccess),
    /// In a snapshot: series that are still to come, and whom it has told of the first of them.
    Snapshot(VecDeque<SeriesId>, UserId),
    /// Behind the snapshot.
    Follow,
}

/// A watch: gives messages as fast as they are asked for, and keeps none for a reader that is slow.
#[derive(Debug)]
pub struct AccessWatch {
    hub: AccessHub,
    node: NodeServerId,
    version: u64,
    offer: NodeOffer,
    fingerprint: u64,
    phase: Phase,
    news: broadcast::Receiver<News>,
    ready: VecDeque<AccessMessage>,
    until: Instant,
}

impl Processor<WatchAccess> for AgentService {
    type Output = AccessWatch;

    async fn process(
        &self,
        context: &Context,
        input: WatchAccess,
    ) -> Result<AccessWatch, DomainError> {
        let Caller::Node(node) = context.caller else {
            return Err(DomainError::WrongCaller);
        };
        let hub = self.hub.clone();
        Ok(AccessWatch::new(hub, node, input, LONGEST))
    }
}

impl AccessWatch {
    fn new(hub: AccessHub, node: NodeServerId, input: WatchAccess, lifetime: Duration) -> Self {
        Self {
            node,
            version: 0,
            offer: NodeOffer::default(),
            fingerprint: 0,
            phase: Phase::Begin(input),
            news: hub.news.subscribe(),
            hub,
            ready: VecDeque::new(),
            until: Instant::now() + lifetime,
        }
    }

    /// Whose watch it is.
    pub fn node(&self) -> NodeServerId {
        self.node
    }

    /// The next message; `None` when the watch has lasted long enough.
    pub async fn next(&mut self) -> Result<Option<AccessMessage>, DomainError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            if Instant::now() >= self.until {
                return Ok(None);
            }
            match &mut self.phase {
                Phase::Begin(has) => {
                    let has = *has;
                    self.begin(has).await?;
                }
                Phase::Snapshot(..) => self.snapshot().await?,
                Phase::Follow => match timeout_at(self.until, self.news.recv()).await {
                    Ok(Ok(news)) => self.take(&news),
                    // Too far behind: what was missed is not kept for anybody.
                    Ok(Err(RecvError::Lagged(_))) => self.anew(),
                    Ok(Err(RecvError::Closed)) | Err(_) => return Ok(None),
                },
            }
        }
    }

    fn anew(&mut self) {
        self.phase = Phase::Begin(WatchAccess {
            last_version: 0,
            offer: 0,
        });
    }

    /// Looks where the database stands. News from before that are of no use are passed over by their
    /// version.
    async fn begin(&mut self, has: WatchAccess) -> Result<(), DomainError> {
        let mut transaction = self.hub.database.read_primary(patience()).await?;
        let newest = user_access::newest(&mut transaction).await?;
        self.offer = user_access::offer(&mut transaction, self.node).await?;
        self.fingerprint = self.offer.fingerprint();
        let resumes = (1..=newest).contains(&has.last_version) && has.offer == self.fingerprint;
        if !(resumes && self.resume(&mut transaction, has.last_version).await?) {
            self.version = newest;
            self.phase = Phase::Snapshot(self.offer.series().into(), UserId(Uuid::nil()));
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Goes on behind a version, if that is not too long ago.
    async fn resume(
        &mut self,
        transaction: &mut Transaction,
        version: u64,
    ) -> Result<bool, DomainError> {
        let missed = user_access::changes(transaction, version, RESUMED).await?;
        if missed.changes.len() >= RESUMED as usize {
            return Ok(false);
        }
        self.version = version;
        self.phase = Phase::Follow;
        self.tell(&missed.changes, None);
        if self.ready.is_empty() {
            self.ready.push_back(self.message(Vec::new(), None));
        }
        Ok(true)
    }

    /// The next part of a snapshot. Each is a transaction of its own, so that a slow reader holds
    /// nothing back in the database; what changes meanwhile comes afterwards.
    async fn snapshot(&mut self) -> Result<(), DomainError> {
        let Phase::Snapshot(series, after) = &mut self.phase else {
            return Ok(());
        };
        let limit = (CHANGES / self.offer.0.len().max(1)).max(1);
        let mut changes = Vec::new();
        if let Some(first) = series.front().copied() {
            let mut transaction = self.hub.database.read_primary(patience()).await?;
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            let granted = user_access::granted(&mut transaction, first, *after, limit).await?;
            transaction.commit().await?;
            if let Some((last, _)) = granted.last().filter(|_| granted.len() >= limit as usize) {
                *after = *last;
            } else {
                series.pop_front();
                *after = UserId(Uuid::nil());
            }
            for (user, access) in &granted {
                let all = of_user(&self.offer, *user, access);
                changes.extend(all.filter(|change| change.allowed));
            }
        }
        let complete = series.is_empty();
        if complete {
            self.phase = Phase::Follow;
        }
        self.ready.push_back(AccessMessage {
            snapshot: true,
            complete,
            ..self.message(changes, None)
        });
        Ok(())
    }

    fn take(&mut self, news: &News) {
        match news {
            News::Changes(changes, read) => self.follow(changes, *read),
            News::Offers(offers) => {
                let offer = offers.get(&self.node);
                if *offer.unwrap_or(&NodeOffer::default()) != self.offer {
                    self.anew();
                }
            }
            News::Reset => self.anew(),
        }
    }

    fn follow(&mut self, changes: &Changes, read: Instant) {
        let known = changes.changes.iter();
        let known = known.take_while(|change| change.version <= self.version);
        let new = &changes.changes[known.count()..];
        let age = Duration::try_from_secs_f64(changes.age).unwrap_or_default();
        self.tell(new, Some((age, read)));
    }

    /// Cuts changes into messages. Each ends with all that there is of a subscriber, so that its
    /// version is one.
    fn tell(&mut self, changes: &[AccessChange], age: Option<(Duration, Instant)>) {
        if self.offer.0.is_empty() {
            self.version = changes.last().map_or(self.version, |last| last.version);
            return;
        }
        let most = (CHANGES / self.offer.0.len()).max(1);
        let parts = changes.chunks(most);
        let count = parts.len();
        for (place, part) in parts.enumerate() {
            let all = part.iter();
            let all = all.flat_map(|change| of_user(&self.offer, change.user, &change.access));
            let all = all.collect();
            self.version = part.last().map_or(self.version, |last| last.version);
            let mut message = self.message(all, age);
            message.complete = place + 1 == count;
            let causes = part.iter();
            let causes = causes.filter_map(|change| change.traceparent.as_deref());
            let mut causes: Vec<_> = causes.collect();
            causes.dedup();
            message.causes = causes.into_iter().map(str::to_owned).collect();
            self.ready.push_back(message);
        }
    }

    fn message(&self, changes: Vec<NodeAccess>, age: Option<(Duration, Instant)>) -> AccessMessage {
        AccessMessage {
            version: self.version,
            offer: self.fingerprint,
            snapshot: false,
            complete: true,
            changes,
            age,
            causes: Vec::new(),
        }
    }
}

/// A subscriber and each node client of the offer.
fn of_user(
    offer: &NodeOffer,
    user: UserId,
    access: &UserAccess,
) -> impl Iterator<Item = NodeAccess> {
    offer.0.iter().map(move |client| {
        let allowed = client.allows(access);
        NodeAccess {
            user,
            client: client.id,
            allowed,
            reason: access.access,
            speed_limit_bps: if allowed {
                client.speed_limit_bps(access)
            } else {
                0
            },
            valid_until: access.valid_until.filter(|_| allowed),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::TelecomConfig;
    use crate::store::Database;

    /// A watch behind its snapshot, which asks the database for nothing; nobody listens there.
    fn follower(hub: &AccessHub, lifetime: Duration) -> AccessWatch {
        let begin = WatchAccess {
            last_version: 0,
            offer: 0,
        };
        let mut watch = AccessWatch::new(hub.clone(), NodeServerId(1), begin, lifetime);
        watch.phase = Phase::Follow;
        watch
    }

    fn hub() -> AccessHub {
        let url = "postgresql://nobody:none@127.0.0.1:1/none";
        let variables = BTreeMap::from([
            ("TELECOM__DATABASE__URL".to_owned(), url.to_owned()),
            ("TELECOM__AUTH__JWT_SECRET".to_owned(), "x".repeat(32)),
        ]);
        let config = TelecomConfig::load(None, &variables).unwrap();
        AccessHub::new(Database::new(&config.database.unwrap()), Duration::ZERO)
    }

    #[tokio::test]
    async fn no_watch_lasts_longer_than_its_time() {
        let hub = hub();
        // Nothing happens.
        let mut quiet = follower(&hub, Duration::from_millis(100));
        assert_eq!(quiet.next().await.unwrap(), None);
        // News without end.
        let mut busy = follower(&hub, Duration::from_millis(100));
        let news = async {
            loop {
                hub.tell(News::Offers(std::sync::Arc::default()));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = busy.next() => assert_eq!(ended.unwrap(), None),
            () = news => {}
        }
        // And the watches that nodes get have the time that is documented.
        let begun = follower(&hub, LONGEST);
        let left = begun.until - Instant::now();
        assert!(left > Duration::from_mins(14) && left <= Duration::from_mins(15));
    }
}

//! Access on its way to the nodes: changes are read once and told to all who watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::DomainError;
use crate::access::NodeOffer;
use crate::nodes::NodeServerId;
use crate::store::user_access::{self, Changes};
use crate::store::{Database, retry_conflicts};

mod watching;

pub use watching::{AccessMessage, AccessWatch, NodeAccess, WatchAccess};

/// Changes that are read at a time.
const BATCH: u32 = 500;
/// Batches that a watcher may be behind; then it begins anew.
const BEHIND: usize = 64;
/// How long a statement of the hub may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What each node server offers.
type Offers = BTreeMap<NodeServerId, NodeOffer>;

/// Something that watchers should know.
#[derive(Debug, Clone)]
enum News {
    /// Subscribers' access has changed; as of when the age of the changes was taken.
    Changes(Arc<Changes>, Instant),
    /// What node servers offer has changed.
    Offers(Arc<Offers>),
    /// Versions went back: the database is another one.
    Reset,
}

/// Where changes of access come from, one for each server; a clone is the same hub.
#[derive(Debug, Clone)]
pub struct AccessHub {
    database: Database,
    ttl: Duration,
    news: broadcast::Sender<News>,
    version: watch::Sender<u64>,
    offers: watch::Sender<Arc<Offers>>,
}

impl AccessHub {
    /// A hub over a clone of the database. A node may rely for `ttl` on what it was last told.
    pub fn new(database: Database, ttl: Duration) -> Self {
        Self {
            database,
            ttl,
            news: broadcast::Sender::new(BEHIND),
            version: watch::Sender::new(0),
            offers: watch::Sender::default(),
        }
    }

    /// For how long a node may rely on what it was last told.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// The latest version that was told; 0 before the first.
    pub fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Looks where the database stands, without telling anybody.
    pub async fn begin(&self) -> Result<(), DomainError> {
        let mut transaction = self.database.read_primary(patience()).await?;
        let newest = user_access::newest(&mut transaction).await?;
        let offers = user_access::offers(&mut transaction).await?;
        transaction.commit().await?;
        self.version.send_replace(newest);
        self.offers.send_replace(Arc::new(offers));
        Ok(())
    }

    /// Gives versions to what has changed, reads all changes since the last time, and tells them.
    pub async fn tell_changes(&self) -> Result<(), DomainError> {
        loop {
            let given = retry_conflicts(|| self.give_versions()).await?;
            let told = self.tell_batch().await?;
            if given == 0 && !told {
                return Ok(());
            }
        }
    }

    async fn give_versions(&self) -> Result<u64, DomainError> {
        let mut transaction = self.database.write(patience()).await?;
        let mut given = 0;
        if user_access::any_unversioned(&mut transaction).await? {
            given = user_access::give_versions(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(given)
    }

    /// Whether there may be more.
    async fn tell_batch(&self) -> Result<bool, DomainError> {
        let version = self.version();
        let mut transaction = self.database.read_primary(patience()).await?;
        let read = user_access::changes(&mut transaction, version, BATCH).await?;
        transaction.commit().await?;
        let Some(last) = read.changes.last() else {
            return Ok(false);
        };
        self.version.send_replace(last.version);
        let full = read.changes.len() >= BATCH as usize;
        self.tell(News::Changes(Arc::new(read), Instant::now()));
        Ok(full)
    }

    /// Tells of node servers that offer something else than before, and of versions that went back.
    pub async fn tell_offers(&self) -> Result<(), DomainError> {
        let mut transaction = self.database.read_primary(patience()).await?;
        let newest = user_access::newest(&mut transaction).await?;
        let offers = user_access::offers(&mut transaction).await?;
        transaction.commit().await?;
        if newest < self.version() {
            self.version.send_replace(newest);
            self.tell(News::Reset);
        }
        if offers != **self.offers.borrow() {
            let offers = Arc::new(offers);
            self.offers.send_replace(Arc::clone(&offers));
            self.tell(News::Offers(offers));
        }
        Ok(())
    }

    /// Without watchers there is nobody to tell.
    fn tell(&self, news: News) {
        let _ = self.news.send(news);
    }
}

fn patience() -> Instant {
    Instant::now() + PATIENCE
}

//! The agent as a whole: its tasks, and what programs beside it may ask of it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use telecom_proto::v1::{HeartbeatRequest, ReportUsageRequest, UsageRow};
use telecom_spool::{Spool, files};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::access::{Decision, Keeper, Key, Policy};
use crate::connection::Token;
use crate::event::Event;
use crate::heartbeat::Beats;
use crate::queue::Queue;
use crate::sender::Sender;
use crate::{heartbeat, watch};

/// Events that a reader may be behind with.
const EVENTS: usize = 4096;

/// What an agent needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The longest time between heartbeats.
    pub heartbeat_every: Duration,
    /// What holds without contact.
    pub policy: Policy,
    /// The most bytes of usage on disk.
    pub spool_limit: u64,
}

/// A running agent; it stops when dropped.
pub struct Agent {
    boot_id: String,
    /// Number of the next report of this boot.
    seq: AtomicU64,
    sessions: Arc<AtomicU32>,
    queue: Queue,
    access: Arc<Keeper>,
    beats: Arc<Beats>,
    events: broadcast::Sender<Event>,
    _tasks: JoinSet<()>,
    _lock: File,
}

impl Agent {
    /// Starts on a data directory, which no other agent may have. `figures` is asked before each heartbeat
    /// how the node is doing; identity, versions and clock are filled in here, and the sessions that were told.
    ///
    /// # Errors
    /// The data directory is another agent's, or cannot be used.
    pub fn start(
        channel: Channel,
        token: Token,
        data_dir: &Path,
        options: Options,
        mut figures: impl FnMut() -> HeartbeatRequest + Send + 'static,
    ) -> Result<Self> {
        let lock = files::lock(data_dir).with_context(|| data_dir.display().to_string())?;
        let (spool, found) = Spool::open(data_dir, options.spool_limit)?;
        if found.records + found.torn > 0 {
            tracing::info!(found.records, found.torn, "the spool of an earlier run");
        }
        let (events, _) = broadcast::channel(EVENTS);
        let access = Keeper::open(data_dir, options.policy, events.clone())?;
        let (access, token) = (Arc::new(access), Arc::new(token));
        let queue = Queue::new(spool);
        // New with each start: so numbers need no memory, and none is given twice.
        let boot_id = Uuid::new_v4().to_string();
        let sessions = Arc::new(AtomicU32::new(0));

        let mut tasks = JoinSet::new();
        let sender = Sender {
            channel: channel.clone(),
            token: Arc::clone(&token),
            queue: queue.clone(),
            access: Arc::clone(&access),
            events: events.clone(),
        };
        tasks.spawn(sender.run());
        tasks.spawn(watch::run(
            channel.clone(),
            Arc::clone(&token),
            Arc::clone(&access),
        ));
        let (boot, open) = (boot_id.clone(), Arc::clone(&sessions));
        let figures = move || {
            let figures = figures();
            HeartbeatRequest {
                agent_version: env!("CARGO_PKG_VERSION").to_owned(),
                protocol_version: 1,
                boot_id: boot.clone(),
                sessions: figures.sessions.max(open.load(Ordering::Relaxed)),
                ..figures
            }
        };
        let every = options.heartbeat_every;
        let beats = Arc::new(Beats::default());
        tasks.spawn(heartbeat::run(
            channel,
            token,
            Arc::clone(&access),
            every,
            Arc::clone(&beats),
            figures,
        ));
        let keeper = Arc::clone(&access);
        tasks.spawn(async move { keeper.keep().await });
        tasks.spawn(look(Arc::clone(&access)));
        Ok(Self {
            boot_id,
            seq: AtomicU64::new(1),
            sessions,
            queue,
            access,
            beats,
            events,
            _tasks: tasks,
            _lock: lock,
        })
    }

    /// Reports usage: 1 to 10 000 rows. When it returns, they are on the disk and will be counted once. It
    /// waits while the spool is full.
    pub async fn report(&self, rows: Vec<UsageRow>) -> Result<()> {
        let report = ReportUsageRequest {
            boot_id: self.boot_id.clone(),
            seq: self.seq.fetch_add(1, Ordering::Relaxed),
            rows,
        };
        let full = || {
            let _ = self.events.send(Event::Full);
        };
        Ok(self.queue.append(&report, full).await?)
    }

    /// Whether a subscriber may use a node client now, how fast, and until when.
    pub fn decide(&self, key: Key) -> Decision {
        self.access.decide(key)
    }

    /// What changes from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// How many sessions are open, for heartbeats.
    pub fn sessions(&self, open: u32) {
        self.sessions.store(open, Ordering::Relaxed);
    }

    /// The heartbeats so far.
    pub fn beats(&self) -> &Beats {
        &self.beats
    }

    /// Bytes of usage that the server has not taken, or that lie with such in a segment.
    pub fn spooled(&self) -> u64 {
        self.queue.bytes()
    }
}

async fn look(access: Arc<Keeper>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        access.look();
    }
}

//! The table as tasks share it, on disk, with the server's clock and the time since it was last heard.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use telecom_proto::v1::{DeniedUser, HeartbeatResponse, WatchAccessResponse};
use telecom_spool::files;
use tokio::sync::{Notify, broadcast};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::{Changes, Decision, Key, Reason, Table};
use crate::event::Event;
use crate::settings::OutOfContact;

/// What the server's `access_ttl` is until it has said so.
const TTL: Duration = Duration::from_mins(10);
/// The most that a heartbeat names: with so many there may be more.
const MOST_DENIED: usize = 1000;
/// Between one writing of the table and the next.
const PAUSE: Duration = Duration::from_millis(50);

/// What holds without contact.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Longer than this without contact is too long; what the server says when absent.
    pub ttl: Option<Duration>,
    /// What holds then.
    pub out_of_contact: OutOfContact,
}

/// The table of a data directory.
pub struct Keeper {
    table_file: PathBuf,
    contact_file: PathBuf,
    policy: Policy,
    state: Mutex<State>,
    changed: Notify,
    events: broadcast::Sender<Event>,
}

struct State {
    table: Table,
    contact: Contact,
    /// When the server was last heard; never when absent.
    heard: Option<Instant>,
    in_contact: bool,
    /// Up to here, by the server's clock, it was said whose time was over.
    looked: Timestamp,
}

/// `contact.json`: what a start without contact goes by.
#[derive(Clone, Serialize, Deserialize)]
struct Contact {
    /// By the node's clock.
    heard_at: Timestamp,
    /// The node's clock minus the server's.
    clock_ahead: SignedDuration,
    access_ttl: SignedDuration,
}

impl Contact {
    fn never() -> Self {
        Self {
            heard_at: Timestamp::UNIX_EPOCH,
            clock_ahead: SignedDuration::ZERO,
            access_ttl: SignedDuration::try_from(TTL).unwrap_or_default(),
        }
    }

    fn server_time(&self) -> Timestamp {
        let now = Timestamp::now();
        now.saturating_sub(self.clock_ahead).unwrap_or(now)
    }
}

impl Keeper {
    /// Reads what an earlier run has left in a data directory. A table that cannot be read is as good as
    /// none: the server tells all of it again.
    pub fn open(
        data_dir: &Path,
        policy: Policy,
        events: broadcast::Sender<Event>,
    ) -> io::Result<Self> {
        let (table_file, contact_file) =
            (data_dir.join("access.json"), data_dir.join("contact.json"));
        let table = files::read(&table_file)?.and_then(|content| {
            let table = Table::from_json(&content);
            table
                .inspect_err(|error| tracing::error!(%error, "access.json"))
                .ok()
        });
        let contact = files::read(&contact_file)?;
        let contact: Option<Contact> =
            contact.and_then(|content| serde_json::from_slice(&content).ok());
        let heard = contact.as_ref().and_then(|contact| {
            let ago = Timestamp::now().duration_since(contact.heard_at);
            // A clock that went back says nothing: then it was never heard.
            Instant::now().checked_sub(Duration::try_from(ago).ok()?)
        });
        let contact = contact.unwrap_or_else(Contact::never);
        let keeper = Self {
            table_file,
            contact_file,
            policy,
            changed: Notify::new(),
            events,
            state: Mutex::new(State {
                looked: contact.server_time(),
                table: table.unwrap_or_default(),
                contact,
                heard,
                in_contact: true,
            }),
        };
        let in_contact = keeper.has_contact(&keeper.state());
        keeper.state().in_contact = in_contact;
        Ok(keeper)
    }

    /// What holds now.
    pub fn decide(&self, key: Key) -> Decision {
        let state = self.state();
        let deny = self.policy.out_of_contact == OutOfContact::DenyAll;
        if deny && !self.has_contact(&state) {
            return Decision::denied(Reason::OutOfContact);
        }
        state.table.decide(key, state.contact.server_time())
    }

    /// The version and the offer to watch from; a new watch begins.
    pub fn watch_begins(&self) -> (u64, u64) {
        let mut state = self.state();
        state.table.watch_begins();
        state.table.last()
    }

    /// The version that the node has.
    pub fn version(&self) -> u64 {
        self.state().table.last().0
    }

    /// Takes up a message of the watch.
    pub fn told(&self, message: &WatchAccessResponse) {
        let mut state = self.state();
        let changes = state.table.take_up(message);
        self.tell(changes);
        if message.complete {
            self.changed.notify_one();
            self.heard(&mut state);
        }
    }

    /// Takes up the answer to a heartbeat.
    pub fn heartbeat(&self, answer: &HeartbeatResponse) -> io::Result<()> {
        let mut state = self.state();
        self.deny(&mut state, answer.access_version, &answer.denied);
        if let Some(skew) = answer.clock_skew {
            state.contact.clock_ahead = SignedDuration::new(skew.seconds, skew.nanos);
        }
        if let Some(ttl) = answer.access_ttl {
            state.contact.access_ttl = SignedDuration::new(ttl.seconds, ttl.nanos);
        }
        if answer.denied.len() < MOST_DENIED {
            self.heard(&mut state);
        }
        let contact = serde_json::to_vec(&state.contact);
        drop(state);
        files::replace(&self.contact_file, &contact.map_err(io::Error::from)?)
    }

    /// Takes up those whom the answer to a report denies.
    pub fn denied(&self, version: u64, denied: &[DeniedUser]) {
        self.deny(&mut self.state(), version, denied);
    }

    fn deny(&self, state: &mut State, version: u64, denied: &[DeniedUser]) {
        let changes = state.table.deny(version, denied);
        if !changes.is_empty() {
            self.changed.notify_one();
        }
        self.tell(changes);
    }

    fn heard(&self, state: &mut State) {
        state.heard = Some(Instant::now());
        state.contact.heard_at = Timestamp::now();
        self.contact(state, true);
    }

    /// Says what time alone changes; to be called about each second.
    pub fn look(&self) {
        let mut state = self.state();
        let now = state.contact.server_time();
        self.tell(state.table.over(state.looked, now));
        state.looked = now;
        let in_contact = self.has_contact(&state);
        self.contact(&mut state, in_contact);
    }

    fn contact(&self, state: &mut State, in_contact: bool) {
        if state.in_contact == in_contact {
            return;
        }
        state.in_contact = in_contact;
        if !in_contact {
            let policy = self.policy.out_of_contact;
            tracing::warn!(?policy, "nothing was heard of access for too long");
        }
        // Nobody listens: nobody wants to know.
        let _ = self.events.send(Event::Contact { in_contact });
    }

    fn has_contact(&self, state: &State) -> bool {
        let said = Duration::try_from(state.contact.access_ttl).unwrap_or(TTL);
        let ttl = self.policy.ttl.unwrap_or(said);
        state.heard.is_some_and(|heard| heard.elapsed() <= ttl)
    }

    /// Writes the table down whenever it has changed, until the future is dropped.
    pub async fn keep(&self) {
        loop {
            self.changed.notified().await;
            if let Err(error) = self.write().await {
                tracing::error!(%error, "access.json could not be written");
                self.changed.notify_one();
                sleep(PAUSE * 20).await;
            }
            sleep(PAUSE).await;
        }
    }

    async fn write(&self) -> io::Result<()> {
        let (table, file) = (self.state().table.clone(), self.table_file.clone());
        let write = spawn_blocking(move || files::replace(&file, &table.to_json()?));
        write.await.map_err(io::Error::other)?
    }

    fn tell(&self, changes: Changes) {
        for ((user_id, node_client_id), decision) in changes {
            let _ = self.events.send(Event::Access {
                user_id,
                node_client_id,
                decision,
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The spool as tasks share it: requests put records in, many with one wait for the disk; the forwarder takes them out.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use telecom_spool::{Position, Spool, SpoolError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::spawn_blocking;

/// Requests that wait for the disk.
const QUEUE: usize = 1024;
/// Requests that are written together.
const TOGETHER: usize = 256;
/// Bytes that are written together, unless one request brings more.
const TOGETHER_BYTES: usize = 4 << 20;
/// The first bytes of what is spooled: when it came, in milliseconds of Unix time, little-endian.
const STAMP: usize = 8;

/// Why records are not in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It is at its limit.
    #[error("the spool is full until the server has taken some of it: nothing was kept")]
    Full,
    /// A record is too long.
    #[error("a record is longer than can be kept")]
    TooLong,
    /// The disk has an error, which the log has.
    #[error("the disk of the spool has an error: nothing was kept")]
    Disk,
}

/// How the spool stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Records that wait.
    pub records: u64,
    /// Bytes on the disk; what was sent goes with the last of its segment.
    pub bytes: u64,
    /// How long the first record has been waiting; 0 when none is.
    pub oldest_seconds: u64,
}

/// A record that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// As it came.
    pub text: String,
    /// Where the next one begins.
    pub next: Position,
}

/// The spool, shared.
#[derive(Debug, Clone)]
pub struct Journal {
    stock: Arc<Stock>,
    posts: mpsc::Sender<Post>,
}

/// What writes down what is handed in.
#[derive(Debug)]
pub struct Writer {
    stock: Arc<Stock>,
    posts: mpsc::Receiver<Post>,
}

#[derive(Debug)]
struct Stock {
    state: Mutex<State>,
    /// Kept beside the spool, so that nobody who only asks waits for the disk.
    standing: Mutex<Kept>,
    appended: Notify,
}

struct State {
    spool: Spool,
    records: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    records: u64,
    bytes: u64,
    /// When the first record came.
    oldest: Option<u64>,
}

/// The records of one request.
#[derive(Debug)]
struct Post {
    contents: Vec<Vec<u8>>,
    reply: oneshot::Sender<Result<(), NotKept>>,
}

impl Journal {
    /// Shares a spool that has records in it.
    pub fn new(spool: Spool, records: u64) -> io::Result<(Self, Writer)> {
        let stock = Arc::new(Stock {
            state: Mutex::new(State { spool, records }),
            standing: Mutex::default(),
            appended: Notify::new(),
        });
        stock.state().publish(&stock)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = Writer {
            stock: Arc::clone(&stock),
            posts: receiver,
        };
        let posts = sender;
        Ok((Self { stock, posts }, writer))
    }

    /// Puts the records of a request behind the others, all or none. When it returns, they are on the disk.
    pub async fn append(&self, records: &[String]) -> Result<(), NotKept> {
        let stamp = now().to_le_bytes();
        let content = |record: &String| [&stamp, record.as_bytes()].concat();
        let contents = records.iter().map(content).collect();
        let (reply, written) = oneshot::channel();
        let post = Post { contents, reply };
        // Neither can be gone before the process ends.
        self.posts.send(post).await.map_err(|_| NotKept::Disk)?;
        written.await.unwrap_or(Err(NotKept::Disk))
    }

    /// The first records that wait: at most so many of them and of their bytes, but one if there is any.
    pub async fn first(&self, count: usize, bytes: usize) -> io::Result<Vec<Waiting>> {
        let stock = Arc::clone(&self.stock);
        let read = spawn_blocking(move || stock.state().first(count, bytes, &stock));
        read.await.map_err(io::Error::other)?
    }

    /// The server has so many records, up to this position.
    pub async fn release(&self, count: usize, to: Position) -> io::Result<()> {
        let stock = Arc::clone(&self.stock);
        let release = spawn_blocking(move || {
            let mut state = stock.state();
            state.spool.release(to)?;
            state.records = state.records.saturating_sub(count as u64);
            state.publish(&stock)
        });
        release.await.map_err(io::Error::other)?
    }

    /// Keeps a record that nobody will take, for people to look at.
    pub async fn set_aside(&self, name: String, text: String) -> io::Result<()> {
        let stock = Arc::clone(&self.stock);
        let reject = spawn_blocking(move || stock.state().spool.reject(&name, text.as_bytes()));
        reject.await.map_err(io::Error::other)?
    }

    /// Waits until records were put in; for one task.
    pub async fn appended(&self) {
        self.stock.appended.notified().await;
    }

    /// How it stands; does not wait for the disk.
    pub fn standing(&self) -> Standing {
        let kept = *self.stock.kept();
        let waited = kept.oldest.map(|came| now().saturating_sub(came) / 1000);
        Standing {
            records: kept.records,
            bytes: kept.bytes,
            oldest_seconds: waited.unwrap_or_default(),
        }
    }
}

impl Writer {
    /// Writes until nobody can hand in any more.
    pub async fn run(mut self) {
        while let Some(posts) = self.next().await {
            let stock = Arc::clone(&self.stock);
            if let Err(error) = spawn_blocking(move || stock.write(posts)).await {
                tracing::error!(%error, "records could not be written");
            }
        }
    }

    /// The requests that wait, as many as are written together.
    async fn next(&mut self) -> Option<Vec<Post>> {
        let first = self.posts.recv().await?;
        let mut bytes = first.bytes();
        let mut posts = vec![first];
        while posts.len() < TOGETHER
            && bytes < TOGETHER_BYTES
            && let Ok(post) = self.posts.try_recv()
        {
            bytes += post.bytes();
            posts.push(post);
        }
        Some(posts)
    }
}

impl Post {
    fn bytes(&self) -> usize {
        self.contents.iter().map(Vec::len).sum()
    }
}

impl Stock {
    fn write(&self, posts: Vec<Post>) {
        let mut state = self.state();
        let mut results = vec![state.append(&posts)];
        if results[0].is_err() && posts.len() > 1 {
            // Whose fault it was, or who still has room, shows when each is alone.
            results = posts
                .iter()
                .map(|post| state.append(std::slice::from_ref(post)))
                .collect();
        } else {
            results.resize(posts.len(), results[0]);
        }
        if let Err(error) = state.publish(self) {
            tracing::error!(%error, "the first record of the spool cannot be read");
        }
        drop(state);
        self.appended.notify_one();
        for (post, result) in posts.into_iter().zip(results) {
            let _ = post.reply.send(result);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, posts: &[Post]) -> Result<(), NotKept> {
        let contents = || posts.iter().flat_map(|post| &post.contents);
        let appended = self.spool.append_all(contents().map(Vec::as_slice));
        match appended {
            Ok(()) => {
                self.records += contents().count() as u64;
                Ok(())
            }
            Err(SpoolError::Full) => Err(NotKept::Full),
            Err(SpoolError::TooLong(_)) => Err(NotKept::TooLong),
            Err(SpoolError::Disk(error)) => {
                tracing::error!(%error, "the disk of the spool");
                Err(NotKept::Disk)
            }
        }
    }

    fn first(&mut self, count: usize, bytes: usize, stock: &Stock) -> io::Result<Vec<Waiting>> {
        let (mut waiting, mut length) = (Vec::new(), 0);
        let mut at = self.spool.head();
        while waiting.len() < count {
            let Some((content, next)) = self.spool.read(at)? else {
                break;
            };
            let text = String::from_utf8_lossy(content.get(STAMP..).unwrap_or_default());
            length += text.len();
            if length > bytes && !waiting.is_empty() {
                break;
            }
            let text = text.into_owned();
            waiting.push(Waiting { text, next });
            at = next;
        }
        if waiting.is_empty() {
            // What the disk has lost in between was counted too.
            self.records = 0;
            self.publish(stock)?;
        }
        Ok(waiting)
    }

    fn publish(&mut self, stock: &Stock) -> io::Result<()> {
        let head = self.spool.head();
        let first = self.spool.read(head)?;
        let stamp = first.and_then(|(content, _)| content.first_chunk::<STAMP>().copied());
        *stock.kept() = Kept {
            records: self.records,
            bytes: self.spool.bytes(),
            oldest: stamp.map(u64::from_le_bytes),
        };
        Ok(())
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

/// Milliseconds of Unix time.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

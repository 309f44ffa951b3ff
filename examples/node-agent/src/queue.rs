//! The spool as tasks share it: one puts reports in and waits while it is full, one takes them out.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use telecom_proto::v1::ReportUsageRequest;
use telecom_spool::{Position, Spool, SpoolError};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// How long to wait before a disk that had an error is tried again.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// The spool, shared.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    spool: Mutex<Spool>,
    appended: Notify,
    released: Notify,
}

impl Queue {
    /// Shares a spool.
    pub fn new(spool: Spool) -> Self {
        Self(Arc::new(Inner {
            spool: Mutex::new(spool),
            appended: Notify::new(),
            released: Notify::new(),
        }))
    }

    /// Puts a report behind the others. When it returns, the report is on the disk. While the spool is full,
    /// or its disk has errors, it waits; `full` is called once when it does.
    pub async fn append(
        &self,
        report: &ReportUsageRequest,
        full: impl FnOnce(),
    ) -> Result<(), SpoolError> {
        let bytes: Arc<[u8]> = report.encode_to_vec().into();
        let mut full = Some(full);
        loop {
            let (queue, bytes) = (self.clone(), Arc::clone(&bytes));
            let append = spawn_blocking(move || queue.spool().append(&bytes));
            let appended = append.await.map_err(io::Error::other)?;
            match appended {
                Ok(()) => break,
                Err(SpoolError::Full) => {
                    if let Some(full) = full.take() {
                        tracing::warn!(
                            "the spool is full: nothing is read until the server takes reports"
                        );
                        full();
                    }
                    // Released by another task, perhaps before this one began to wait.
                    let _ = timeout(DISK_PAUSE, self.0.released.notified()).await;
                }
                Err(error @ SpoolError::TooLong(_)) => return Err(error),
                Err(SpoolError::Disk(error)) => {
                    tracing::error!(%error, "a report could not be written; again in {DISK_PAUSE:?}");
                    sleep(DISK_PAUSE).await;
                }
            }
        }
        self.0.appended.notify_one();
        Ok(())
    }

    /// The first report that the server has not taken.
    pub fn head(&self) -> Position {
        self.spool().head()
    }

    /// The report at a position, and where the next one begins.
    pub fn read(&self, at: Position) -> io::Result<Option<(Vec<u8>, Position)>> {
        self.spool().read(at)
    }

    /// Waits until a report was appended; for one task.
    pub async fn appended(&self) {
        self.0.appended.notified().await;
    }

    /// The server has everything before this position.
    pub fn release(&self, to: Position) -> io::Result<()> {
        let released = self.spool().release(to);
        self.0.released.notify_waiters();
        released
    }

    /// The server will never take this report.
    pub fn reject(&self, report: &ReportUsageRequest) -> io::Result<()> {
        let name = format!("{}-{}.report", report.boot_id, report.seq);
        self.spool().reject(&name, &report.encode_to_vec())
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.spool().bytes()
    }

    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.0.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

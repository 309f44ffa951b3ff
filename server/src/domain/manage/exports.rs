//! Exports of whole days: pages, each read in a short transaction of its own when the rows before it have been taken,
//! so that a slow reader holds nothing. Each is written down first, so that nothing is given out in secret.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ManageService;
use super::write::Write;
use crate::domain::{Context, DomainError, Kind, Obstacle, Thing};
use crate::exports::{ExportDays, ExportFormat, ExportPiece, Line, Lines, Unwritable};
use crate::store::{Database, StoreError, Transaction, retry_conflicts};

mod calls;
mod usage;

pub use calls::AdminExportCallRecords;
pub use usage::AdminExportUsage;

/// Rows read at a time.
const PAGE: u32 = 200;

/// The pieces of an export, read as they are taken; ends at the first error.
pub type Pieces = BoxStream<'static, Result<ExportPiece, DomainError>>;

/// What an export is written down with.
pub(super) struct Entry<'a> {
    pub(super) method: &'static str,
    pub(super) kind: Kind,
    pub(super) days: ExportDays,
    pub(super) format: ExportFormat,
    /// What else there is to say.
    pub(super) more: Value,
    /// When the first moment of these days is that may still change.
    pub(super) open_since: &'a (dyn Fn(&mut Transaction) -> Opening<'_> + Sync),
}

pub(super) type Opening<'t> = BoxFuture<'t, Result<chrono::DateTime<chrono::Utc>, StoreError>>;

impl ManageService {
    /// Writes an export down, unless a day of it is open.
    pub(super) async fn announce(
        &self,
        context: &Context,
        entry: &Entry<'_>,
    ) -> Result<(), DomainError> {
        let days = entry.days;
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, entry.method).await?;
            let open = (entry.open_since)(&mut write.transaction).await?;
            if let Some(day) = days.first_open(open) {
                return Err(Obstacle::DayOpen { day }.into());
            }
            let (first, last) = (days.first().to_string(), days.last().to_string());
            let thing = Thing::new(entry.kind, format!("{first}..{last}"));
            let mut after = json!({
                "first_day": first,
                "last_day": last,
                "format": entry.format.as_str(),
            });
            if let (Some(after), Value::Object(more)) = (after.as_object_mut(), &entry.more) {
                after.extend(more.clone());
            }
            write.commit(&thing, None, Some(after)).await
        })
        .await
    }
}

/// Reads pages.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    database: Database,
    /// How long reading one page may take: what a request may. The stream may take longer.
    timeout: Duration,
    lines: Lines,
}

impl Reader {
    pub(super) fn new(database: &Database, context: &Context, format: ExportFormat) -> Self {
        Self {
            database: database.clone(),
            timeout: context.deadline.saturating_duration_since(context.received),
            lines: Lines(format),
        }
    }

    /// A transaction to read a page in, on the primary: that days are closed is true there.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        let deadline = Instant::now() + self.timeout;
        self.database.read_primary(deadline).await
    }

    /// The export: what it begins with when it is read from its beginning, then page after page, each of which `next`
    /// reads with the state that the one before it left.
    pub(super) fn pieces<S, L, F>(
        self,
        beginning: Option<String>,
        state: S,
        next: F,
    ) -> Result<Pieces, DomainError>
    where
        S: Send + 'static,
        L: Line + Send + 'static,
        F: Fn(Self, S) -> BoxFuture<'static, Result<Option<(Vec<L>, S)>, DomainError>>
            + Send
            + Sync
            + 'static,
    {
        let head = match beginning {
            Some(cursor) => {
                let head = self.lines.head::<L>().map_err(|error| unwritable(&error))?;
                head.map(|data| Ok(ExportPiece { data, cursor }))
            }
            None => None,
        };
        let pages = stream::try_unfold((self, state), move |(reader, state)| {
            let page = next(reader.clone(), state);
            async move {
                let Some((rows, state)) = page.await? else {
                    return Ok(None);
                };
                let pieces = reader
                    .lines
                    .pieces(rows)
                    .map_err(|error| unwritable(&error))?;
                let pieces = stream::iter(pieces.into_iter().map(Ok::<_, DomainError>));
                Ok::<_, DomainError>(Some((pieces, (reader, state))))
            }
        });
        Ok(after(head, pages.try_flatten()))
    }
}

fn after(
    head: Option<Result<ExportPiece, DomainError>>,
    pieces: impl Stream<Item = Result<ExportPiece, DomainError>> + Send + 'static,
) -> Pieces {
    stream::iter(head).chain(pieces).boxed()
}

fn unwritable(error: &Unwritable) -> DomainError {
    tracing::error!(%error, "export");
    StoreError::Corrupt("export").into()
}

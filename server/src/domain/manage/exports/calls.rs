//! The export of records of calls, by the days in which they were stored.

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use serde_json::json;

use super::{Entry, PAGE, Pieces, Reader};
use crate::calls::KeptCall;
use crate::domain::manage::ManageService;
use crate::domain::{Context, DomainError, Kind, Processor};
use crate::exports::{CallCursor, ExportDays, ExportFormat};
use crate::store::{call_history, retry_conflicts};

/// Gives out the records that were stored in whole days.
#[derive(Debug, Clone)]
pub struct AdminExportCallRecords {
    /// Which days.
    pub days: ExportDays,
    /// How they are written.
    pub format: ExportFormat,
    /// Where to go on.
    pub after: Option<CallCursor>,
    /// Whether numbers and names are masked.
    pub mask: bool,
}

impl Processor<AdminExportCallRecords> for ManageService {
    type Output = Pieces;

    async fn process(
        &self,
        context: &Context,
        input: AdminExportCallRecords,
    ) -> Result<Pieces, DomainError> {
        let AdminExportCallRecords {
            days,
            format,
            after,
            mask,
        } = input;
        let entry = Entry {
            method: "ExportCallRecords",
            kind: Kind::CallRecord,
            days,
            format,
            more: json!({"masked": mask, "resumed": after.is_some()}),
            open_since: &|transaction| call_history::open_since(transaction).boxed(),
        };
        self.announce(context, &entry).await?;
        let begin = CallCursor::at(days.start());
        let head = after.is_none().then(|| begin.opaque());
        let place = Place {
            after: after.unwrap_or(begin),
            step: FIRST,
            end: days.end(),
            mask,
        };
        let reader = Reader::new(&self.database, context, format);
        reader.pieces(head, place, |reader, place| next(reader, place).boxed())
    }
}

/// The time of storing that is read at first.
const FIRST: TimeDelta = TimeDelta::minutes(15);
/// The shortest that is, however much was stored.
const LEAST: TimeDelta = TimeDelta::seconds(1);
/// The longest that is, however little was stored.
const MOST: TimeDelta = TimeDelta::hours(24);

/// How far an export is. Rows lie in the order in which they were stored, and an index says where which time of storing
/// lies, though not in which order: so the time of storing is read in steps that hold about a page each.
#[derive(Debug, Clone)]
struct Place {
    after: CallCursor,
    step: TimeDelta,
    end: DateTime<Utc>,
    mask: bool,
}

/// The next rows; none at the end of the days.
async fn next(
    reader: Reader,
    mut place: Place,
) -> Result<Option<(Vec<KeptCall>, Place)>, DomainError> {
    while place.after.stored_at < place.end {
        let until = (place.after.stored_at + place.step).min(place.end);
        let after = place.after.clone();
        let calls = retry_conflicts(|| async {
            let mut transaction = reader.begin().await?;
            let calls = call_history::stored(&mut transaction, &after, until, PAGE).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(calls)
        })
        .await?;
        let full = u32::try_from(calls.len()).is_ok_and(|count| count >= PAGE);
        if let Some(last) = calls.last().filter(|_| full) {
            place.after = CallCursor {
                stored_at: last.stored_at,
                key: last.record.key.clone(),
            };
            place.step = (place.step / 2).max(LEAST);
        } else {
            place.after = CallCursor::at(until);
            place.step = (place.step * 2).min(MOST);
        }
        if !calls.is_empty() {
            let masked = |call: KeptCall| if place.mask { call.masked() } else { call };
            let calls = calls.into_iter().map(masked).collect();
            return Ok(Some((calls, place)));
        }
    }
    Ok(None)
}

//! The export of the ledger, by the days in which rows were added.

use chrono::{DateTime, Utc};
use futures::{FutureExt as _, TryFutureExt as _};
use serde_json::json;

use super::messages::AdminExportCharges;
use crate::domain::manage::ManageService;
use crate::domain::manage::exports::{Entry, Pieces, Reader};
use crate::domain::{Context, DomainError, Kind, Processor};
use crate::exports::{midnight, opaque};
use crate::store::{call_charges, retry_conflicts};
use crate::wholesale::{ChargeCursor, ChargeRow};

/// Rows read at a time.
const PAGE: u32 = 1000;

impl Processor<AdminExportCharges> for ManageService {
    type Output = Pieces;

    async fn process(
        &self,
        context: &Context,
        input: AdminExportCharges,
    ) -> Result<Pieces, DomainError> {
        let AdminExportCharges {
            days,
            format,
            after,
        } = input;
        let entry = Entry {
            method: "ExportCharges",
            kind: Kind::CallCharge,
            days,
            format,
            more: json!({}),
            open_since: &|transaction| {
                let open = call_charges::open_from(transaction);
                open.map_ok(midnight).boxed()
            },
        };
        self.announce(context, &entry).await?;
        let begin = ChargeCursor::before(days.start());
        let head = after.is_none().then(|| opaque(&begin));
        let reader = Reader::new(&self.database, context, format);
        let place = (after.unwrap_or(begin), days.end());
        reader.pieces(head, place, |reader, place| next(reader, place).boxed())
    }
}

/// After which row to go on, and when the last day ends.
type Place = (ChargeCursor, DateTime<Utc>);

/// The next rows; none at the end of the days.
async fn next(
    reader: Reader,
    (after, end): Place,
) -> Result<Option<(Vec<ChargeRow>, Place)>, DomainError> {
    let rows = retry_conflicts(|| async {
        let mut transaction = reader.begin().await?;
        let rows = call_charges::booked(&mut transaction, &after, end, PAGE).await?;
        transaction.commit().await?;
        Ok::<_, DomainError>(rows)
    })
    .await?;
    let last = rows.last().map(ChargeCursor::from);
    Ok(last.map(|last| (rows, (last, end))))
}

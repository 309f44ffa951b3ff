//! The export of the ledger: pages, each read in a short transaction of its own when the lines before it have been
//! taken, so that a slow reader holds nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::messages::{AdminExportCharges, ChargeExport};
use super::snapshot;
use crate::domain::manage::ManageService;
use crate::domain::manage::write::Write;
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};
use crate::exports::{ExportPiece, Lines, Unwritable, midnight, opaque};
use crate::store::{Database, StoreError, call_charges, retry_conflicts};
use crate::wholesale::{ChargeCursor, ChargeRow};

/// Rows read at a time.
const PAGE: u32 = 1000;

impl Processor<AdminExportCharges> for ManageService {
    type Output = ChargeExport;

    async fn process(
        &self,
        context: &Context,
        input: AdminExportCharges,
    ) -> Result<ChargeExport, DomainError> {
        let (days, input) = (input.days, &input);
        // Written down first, so that nothing is given out in secret.
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "ExportCharges").await?;
            let open = call_charges::open_from(&mut write.transaction).await?;
            if let Some(day) = days.first_open(midnight(open)) {
                return Err(Obstacle::DayOpen { day }.into());
            }
            let id = format!("{}..{}", days.first(), days.last());
            let after = snapshot::of_export(input);
            write
                .commit(&Thing::new(Kind::CallCharge, id), None, Some(after))
                .await
        })
        .await?;
        let first = ChargeCursor::before(days.start());
        let lines = Lines(input.format);
        let head = match &input.after {
            None => lines.head::<ChargeRow>().map_err(unwritable)?,
            Some(_) => None,
        };
        let head = head.map(|data| {
            let cursor = opaque(&first);
            Ok(ExportPiece { data, cursor })
        });
        let pages = Pages {
            database: self.database.clone(),
            end: days.end(),
            timeout: context.deadline.saturating_duration_since(context.received),
        };
        let after = input.after.clone().unwrap_or(first);
        let pieces = stream::try_unfold(after, move |after| {
            let pages = pages.clone();
            async move {
                let rows = pages.one(&after).await?;
                let Some(next) = rows.last().map(ChargeCursor::from) else {
                    return Ok::<_, DomainError>(None);
                };
                let pieces = lines.pieces(rows).map_err(unwritable)?;
                let pieces = stream::iter(pieces.into_iter().map(Ok::<_, DomainError>));
                Ok(Some((pieces, next)))
            }
        });
        Ok(stream::iter(head).chain(pieces.try_flatten()).boxed())
    }
}

#[derive(Debug, Clone)]
struct Pages {
    database: Database,
    /// When the last day ends.
    end: DateTime<Utc>,
    /// How long reading one page may take: what a request may. The stream may take longer.
    timeout: Duration,
}

impl Pages {
    async fn one(&self, after: &ChargeCursor) -> Result<Vec<ChargeRow>, DomainError> {
        let deadline = Instant::now() + self.timeout;
        retry_conflicts(|| async move {
            let mut transaction = self.database.read_primary(deadline).await?;
            let rows = call_charges::booked(&mut transaction, after, self.end, PAGE).await?;
            transaction.commit().await?;
            Ok(rows)
        })
        .await
    }
}

fn unwritable(_: Unwritable) -> DomainError {
    StoreError::Corrupt("call_charge").into()
}

//! The export of what subscribers used, day by day.

use chrono::NaiveDate;
use futures::FutureExt as _;
use serde_json::json;

use super::{Entry, PAGE, Pieces, Reader};
use crate::domain::manage::ManageService;
use crate::domain::{Context, DomainError, Kind, Processor};
use crate::exports::{DailySum, ExportDays, ExportFormat, UsageCursor};
use crate::store::{retry_conflicts, usage_days};

/// Gives out what subscribers used in whole days.
#[derive(Debug, Clone)]
pub struct AdminExportUsage {
    /// Which days.
    pub days: ExportDays,
    /// How it is written.
    pub format: ExportFormat,
    /// Where to go on.
    pub after: Option<UsageCursor>,
}

impl Processor<AdminExportUsage> for ManageService {
    type Output = Pieces;

    async fn process(
        &self,
        context: &Context,
        input: AdminExportUsage,
    ) -> Result<Pieces, DomainError> {
        let AdminExportUsage {
            days,
            format,
            after,
        } = input;
        let entry = Entry {
            method: "ExportUsage",
            kind: Kind::Usage,
            days,
            format,
            more: json!({"resumed": after.is_some()}),
            open_since: &move |transaction| usage_days::open_since(transaction, days).boxed(),
        };
        self.announce(context, &entry).await?;
        let begin = UsageCursor::at(days.first());
        let head = after.is_none().then(|| begin.opaque());
        let reader = Reader::new(&self.database, context, format);
        let place = (Some(after.unwrap_or(begin)), days.last());
        reader.pieces(head, place, |reader, place| next(reader, place).boxed())
    }
}

/// After which sum to go on, if there is still a day to read, and the last of the days.
type Place = (Option<UsageCursor>, NaiveDate);

/// The next sums; none at the end of the days.
async fn next(
    reader: Reader,
    (mut after, last_day): Place,
) -> Result<Option<(Vec<DailySum>, Place)>, DomainError> {
    while let Some(place) = after {
        let sums = retry_conflicts(|| async {
            let mut transaction = reader.begin().await?;
            let sums = usage_days::sums(&mut transaction, place, PAGE).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(sums)
        })
        .await?;
        let full = u32::try_from(sums.len()).is_ok_and(|count| count >= PAGE);
        after = if let Some(last) = sums.last().filter(|_| full) {
            Some(UsageCursor {
                day: place.day,
                user: last.user,
                node_client: last.node_client.0,
                node_server: last.node_server.0,
            })
        } else {
            let next = place.day.succ_opt().filter(|day| *day <= last_day);
            next.map(UsageCursor::at)
        };
        if !sums.is_empty() {
            return Ok(Some((sums, (after, last_day))));
        }
    }
    Ok(None)
}

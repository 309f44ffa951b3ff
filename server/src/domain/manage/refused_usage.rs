//! Usage that was refused, as the provider's staff sees it and takes it after all.

use std::collections::BTreeSet;

use serde_json::json;

use super::ManageService;
use super::write::Write;
use crate::domain::usage::{add, known};
use crate::domain::{Context, DomainError, Kind, Processor, Thing};
use crate::nodes::NodeServerId;
use crate::store::{node_servers, retry_conflicts, usage_refused};
use crate::usage::{Refusal, RefusedUsage, RefusedUsageFilter};

/// Lists refused rows.
#[derive(Debug, Clone)]
pub struct AdminListRefusedUsage {
    /// Which ones.
    pub filter: RefusedUsageFilter,
    /// Rows at most.
    pub limit: u32,
}

/// A page of refused rows.
#[derive(Debug, Clone)]
pub struct RefusedUsagePage {
    /// The newest first.
    pub refused: Vec<RefusedUsage>,
    /// Where the next page begins; `None` on the last one.
    pub next_before_id: Option<i64>,
}

impl Processor<AdminListRefusedUsage> for ManageService {
    type Output = RefusedUsagePage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListRefusedUsage,
    ) -> Result<RefusedUsagePage, DomainError> {
        let (filter, limit) = (&input.filter, input.limit);
        let mut refused = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            // One more tells whether there is another page.
            let found = usage_refused::list(&mut transaction, filter, limit + 1).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = refused.len() > page;
        refused.truncate(page);
        let next_before_id = refused.last().filter(|_| more).map(|row| row.id);
        Ok(RefusedUsagePage {
            refused,
            next_before_id,
        })
    }
}

/// Takes refused rows of a node server after all.
#[derive(Debug, Clone)]
pub struct AdminReadmitUsage {
    /// The node server that reported them.
    pub node_server: NodeServerId,
    /// Their numbers.
    pub ids: BTreeSet<i64>,
}

/// What became of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadmittedUsage {
    /// Those that are taken, now or before; ascending.
    pub readmitted: Vec<i64>,
    /// The others with their reasons, by ascending number.
    pub still_refused: Vec<(i64, Refusal)>,
}

impl Processor<AdminReadmitUsage> for ManageService {
    type Output = ReadmittedUsage;

    async fn process(
        &self,
        context: &Context,
        input: AdminReadmitUsage,
    ) -> Result<ReadmittedUsage, DomainError> {
        let input = &input;
        retry_conflicts(|| self.readmit(context, input)).await
    }
}

impl ManageService {
    async fn readmit(
        &self,
        context: &Context,
        AdminReadmitUsage { node_server, ids }: &AdminReadmitUsage,
    ) -> Result<ReadmittedUsage, DomainError> {
        let node = *node_server;
        let mut write = Write::begin(&self.database, context, "ReadmitUsage").await?;
        let transaction = &mut write.transaction;
        let thing = Thing::new(Kind::NodeServer, node);
        let now = node_servers::clock(transaction, node).await?;
        let now = now.ok_or_else(|| DomainError::NotFound(thing.clone()))?;
        let wanted: Vec<_> = ids.iter().copied().collect();
        let rows = usage_refused::lock(transaction, node, &wanted).await?;
        let there: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
        if let Some(missing) = ids.difference(&there).next() {
            let missing = Thing::new(Kind::RefusedUsage, missing);
            return Err(DomainError::NotFound(missing));
        }
        let (before, open): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| row.readmitted_at.is_some());
        let drafts: Vec<_> = open.iter().map(|row| row.row.clone()).collect();
        let known = known(transaction, node, now, &drafts).await?;
        let (mut taken, mut readmitted, mut still_refused) = (vec![], vec![], vec![]);
        for row in &open {
            match known.row(&row.row) {
                Ok(good) => {
                    taken.push(good);
                    readmitted.push(row.id);
                }
                Err(reason) => still_refused.push((row.id, reason)),
            }
        }
        add(transaction, node, &taken).await?;
        usage_refused::readmitted(transaction, &readmitted).await?;
        let after = json!({"readmitted": readmitted, "still_refused": still_refused.len()});
        write.commit(&thing, None, Some(after)).await?;
        readmitted.extend(before.iter().map(|row| row.id));
        readmitted.sort_unstable();
        Ok(ReadmittedUsage {
            readmitted,
            still_refused,
        })
    }
}

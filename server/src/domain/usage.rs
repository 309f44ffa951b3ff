//! Usage that nodes report: taken once, in one transaction, or not at all.

use chrono::{DateTime, Utc};

use super::{AccessState, AgentService, Context, DomainError, Processor};
use crate::auth::Caller;
use crate::nodes::{NodeClientId, NodeServerId};
use crate::store::usage_reports::{self, Before};
use crate::store::{
    Transaction, node_client_factors, node_servers, retry_conflicts, subscribers, traffic_usage,
    usage_quarters, usage_refused,
};
use crate::usage::{Known, RefusedRow, Report, RowDraft, Sorted, TakenRow, quarters};
use crate::users::UserId;

/// Takes a report of the calling node.
#[derive(Debug, Clone)]
pub struct ReceiveUsage<'a> {
    /// The report.
    pub report: &'a Report,
    /// Its span as a `traceparent` header has it, when its trace is recorded.
    pub traceparent: Option<String>,
}

/// What the server made of a report.
#[derive(Debug, Clone)]
pub struct UsageReceipt {
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// How many rows were taken.
    pub accepted: u32,
    /// The others.
    pub refused: Vec<RefusedRow>,
    /// The rows that this very request has added; `None` when the report had been taken before.
    pub added: Option<Vec<TakenRow>>,
    /// Those of the subscribers in the report who may use nothing now.
    pub access: AccessState,
}

impl Processor<ReceiveUsage<'_>> for AgentService {
    type Output = UsageReceipt;

    async fn process(
        &self,
        context: &Context,
        input: ReceiveUsage<'_>,
    ) -> Result<UsageReceipt, DomainError> {
        let Caller::Node(node) = context.caller else {
            return Err(DomainError::WrongCaller);
        };
        let input = &input;
        retry_conflicts(|| self.receive(context, node, input)).await
    }
}

impl AgentService {
    async fn receive(
        &self,
        context: &Context,
        node: NodeServerId,
        input: &ReceiveUsage<'_>,
    ) -> Result<UsageReceipt, DomainError> {
        let (report, traceparent) = (input.report, input.traceparent.as_deref());
        let mut transaction = self.database.write(context.deadline).await?;
        // Removed between the check of its token and now.
        let now = node_servers::clock(&mut transaction, node).await?;
        let now = now.ok_or(DomainError::TokenInvalid)?;
        let known = known(&mut transaction, node, now, report.rows()).await?;
        let Sorted { taken, refused } = known.sort(report.rows());
        let (accepted, key) = (taken.len(), &mut transaction);
        if !usage_reports::claim(key, node, report, accepted, traceparent).await? {
            return self.replay(transaction, node, &known, report).await;
        }
        usage_refused::insert(&mut transaction, node, report, &refused).await?;
        add(&mut transaction, node, &taken).await?;
        transaction.commit().await?;
        Ok(UsageReceipt {
            now,
            accepted: u32::try_from(accepted).unwrap_or(u32::MAX),
            refused,
            added: Some(taken),
            access: self.access(known.denied()),
        })
    }

    /// The answer of the report that has the key.
    async fn replay(
        &self,
        mut transaction: Transaction,
        node: NodeServerId,
        known: &Known,
        report: &Report,
    ) -> Result<UsageReceipt, DomainError> {
        let before = usage_reports::find(&mut transaction, node, report).await?;
        let Before { same, accepted } = before;
        if !same {
            return Err(DomainError::SeqReused {
                boot_id: report.boot_id().to_owned(),
                seq: report.seq(),
            });
        }
        let refused = usage_refused::of_report(&mut transaction, node, report).await?;
        transaction.commit().await?;
        Ok(UsageReceipt {
            now: known.now,
            accepted,
            refused,
            added: None,
            access: self.access(known.denied()),
        })
    }
}

/// What the database knows of that which rows name.
pub(super) async fn known(
    transaction: &mut Transaction,
    node: NodeServerId,
    now: DateTime<Utc>,
    rows: &[RowDraft],
) -> Result<Known, DomainError> {
    let mut clients: Vec<_> = rows
        .iter()
        .map(|row| NodeClientId(row.node_client_id))
        .collect();
    clients.sort_unstable();
    clients.dedup();
    let users = users(rows);
    Ok(Known {
        now,
        node_clients: node_client_factors::of_server(transaction, node, &clients).await?,
        users: subscribers::known(transaction, &users).await?,
    })
}

/// Adds rows to what was used.
pub(super) async fn add(
    transaction: &mut Transaction,
    node: NodeServerId,
    rows: &[TakenRow],
) -> Result<(), DomainError> {
    if rows.is_empty() {
        return Ok(());
    }
    traffic_usage::insert(transaction, node, rows).await?;
    usage_quarters::add(transaction, node, &quarters(rows)).await?;
    Ok(())
}

/// Whom rows name, each once, by ascending id.
fn users(rows: &[RowDraft]) -> Vec<UserId> {
    let mut users: Vec<UserId> = rows.iter().flat_map(|row| row.user_id.parse()).collect();
    users.sort_unstable();
    users.dedup();
    users
}

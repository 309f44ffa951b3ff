//! The audit log as administrators read it.

use crate::audit::{AuditEntry, AuditFilter};
use crate::domain::{Context, DomainError, Processor};
use crate::store::{audit, retry_conflicts};

use super::ManageService;

/// Lists entries of the audit log.
#[derive(Debug, Clone)]
pub struct AdminListAudit {
    /// Which ones.
    pub filter: AuditFilter,
    /// Entries at most.
    pub limit: u32,
}

/// A page of entries.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The newest first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` on the last one.
    pub next_before_id: Option<i64>,
}

impl Processor<AdminListAudit> for ManageService {
    type Output = AuditPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListAudit,
    ) -> Result<AuditPage, DomainError> {
        let (filter, limit) = (&input.filter, input.limit);
        let mut entries = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            // One more tells whether there is another page.
            let found = audit::list(&mut transaction, filter, limit + 1).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = entries.len() > page;
        entries.truncate(page);
        let next_before_id = entries.last().filter(|_| more).map(|entry| entry.id);
        Ok(AuditPage {
            entries,
            next_before_id,
        })
    }
}

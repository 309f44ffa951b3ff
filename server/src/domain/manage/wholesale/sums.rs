//! Sums of the ledger.

use super::messages::AdminSumCharges;
use crate::domain::manage::ManageService;
use crate::domain::{Context, DomainError, Processor};
use crate::store::call_charges::{self, Sums};
use crate::store::retry_conflicts;
use crate::violation::Violation;
use crate::wholesale::ChargeSum;

/// Sums in a reply.
const MAX_SUMS: u32 = 10_000;

impl Processor<AdminSumCharges> for ManageService {
    type Output = Vec<ChargeSum>;

    async fn process(
        &self,
        context: &Context,
        input: AdminSumCharges,
    ) -> Result<Vec<ChargeSum>, DomainError> {
        let asked = Sums {
            start: input.start,
            end: input.end,
            pbx: input.pbx,
            group: input.group,
            limit: MAX_SUMS + 1,
        };
        let sums = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let sums = call_charges::sums(&mut transaction, asked).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(sums)
        })
        .await?;
        if sums.len() > usize::try_from(MAX_SUMS).unwrap_or(usize::MAX) {
            let description = "makes more than 10000 sums: ask for less time, or group by less";
            return Err(DomainError::Invalid(vec![Violation::new(
                "group_by",
                description,
            )]));
        }
        Ok(sums)
    }
}
